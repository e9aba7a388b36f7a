"""Until: the end of a round of a Loop; decides whether there is another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import NodeType, Port, Ports
from engine.nodes.fields import Params, hints, shown

Json = Any


class UntilParams(Params):
    """Parameters of Until. The engine carries it out."""

    condition: Json = Field(
        None,
        title="Until",
        description=(
            "Looked at after every round; the loop ends when it is true. "
            "input is the result of the round, loop.item what it began with."
        ),
        json_schema_extra=hints("expression", placeholder="input.score > 0.9"),
    )


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    return Ports(
        (Port(name="in", description="The result of one round."),),
        (Port(name="out", description="The result of the last round."),),
    )


def _summary(params: Mapping[str, Json]) -> str:
    condition = params.get("condition")
    return f"until {shown(condition)}" if condition is not None else ""


UNTIL = NodeType(
    id="until",
    title="Until",
    category="flow",
    description="Ends a round of its Loop: there is another one, or it sends on the result.",
    params=UntilParams,
    run=None,
    icon="node-loop",
    ports=_ports,
    role="until",
    keywords=("loop", "while", "repeat", "end", "break", "stop", "again"),
    summary=_summary,
)
