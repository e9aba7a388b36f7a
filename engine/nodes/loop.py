"""Loop: run the nodes up to Until again and again; each round goes on with the last result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from engine.model.node_types import NodeType, Port, Ports
from engine.nodes.fields import Params, hints, shown

Json = Any


class LoopParams(Params):
    """Parameters of Loop. The engine carries it out."""

    count: int | None = Field(
        None,
        title="Rounds",
        description="How many rounds at most. Empty: until a condition ends the loop.",
        ge=0,
        json_schema_extra=hints(unit="rounds"),
    )
    condition: Json = Field(
        None,
        title="While",
        description=(
            "Looked at before every round; the loop ends when it is not true. "
            "input is the value that the round would begin with, loop.index counts from 0."
        ),
        json_schema_extra=hints("expression", placeholder="input.cursor is not None"),
    )

    @field_validator("condition")
    @classmethod
    def _is_expression(cls, value: Json) -> Json:
        if value is None or (isinstance(value, Mapping) and set(value) == {"expr"}):
            return value
        raise ValueError("must be an expression")


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    out = Port(name="round", description="The input, then the result of the round before.")
    return Ports((Port(name="in"),), (out,))


def _summary(params: Mapping[str, Json]) -> str:
    count, condition = params.get("count"), params.get("condition")
    parts = [f"{shown(count)} rounds"] if count is not None else []
    if condition is not None:
        parts.append(f"while {shown(condition)}")
    return ", ".join(parts)


LOOP = NodeType(
    id="loop",
    title="Loop",
    category="flow",
    description="Runs the nodes up to its Until again, each round with the result of the last.",
    params=LoopParams,
    run=None,
    icon="node-loop",
    ports=_ports,
    raw=frozenset({"condition"}),
    role="loop",
    keywords=("while", "repeat", "iterate", "times", "count", "again", "poll", "agent"),
    summary=_summary,
)
