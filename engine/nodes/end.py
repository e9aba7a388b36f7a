"""End: a result of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeType, Output, Port, Ports
from engine.nodes.fields import Params, hints, shown, value_or_input

Json = Any


class EndParams(Params):
    """Parameters of End."""

    value: Json = Field(
        None,
        title="Result",
        description="What the run returns. Empty: the input of this node.",
        json_schema_extra=hints("expression", placeholder="input"),
    )
    final: bool = Field(
        default=False,
        title="End the run",
        description="Ends the run here and now, whatever other branches still do.",
    )


def run(params: EndParams, ctx: Context) -> Output:
    """Return the result; no way on at all (an empty route) ends the run."""
    value = value_or_input(params, "value", ctx)
    return Output({"out": value}, route=() if params.final else None)


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    return Ports((Port(name="in"),), ())


def _summary(params: Mapping[str, Json]) -> str:
    words = [shown(params.get("value")), "ends the run" if params.get("final") is True else ""]
    return ", ".join(word for word in words if word)


END = NodeType(
    id="end",
    title="End",
    category="flow",
    description="A result of the run. A run has finished when no branch has anything left to do.",
    params=EndParams,
    run=run,
    icon="node-end",
    ports=_ports,
    role="end",
    keywords=("stop", "finish", "return", "result", "output", "done"),
    summary=_summary,
)
