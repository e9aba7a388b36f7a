"""For each: run the nodes up to Collect once for every item of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from engine.model.node_types import NodeType, Port, Ports
from engine.nodes.fields import Params, hints, shown

Json = Any


class ForEachParams(Params):
    """Parameters of For each. The engine carries it out."""

    items: Json = Field(
        None,
        title="Items",
        description=(
            "A list, or an object whose entries become {key, value}. Empty: the input, which "
            "may be a stream."
        ),
        json_schema_extra=hints("expression", placeholder="input"),
    )
    limit: int = Field(
        8,
        title="At once",
        description="How many items are worked on at the same time.",
        ge=1,
        le=10_000,
        json_schema_extra=hints(unit="items"),
    )
    batch: int = Field(
        1,
        title="Together",
        description="Above 1, an item is a list of so many of them; the last may be shorter.",
        ge=1,
        json_schema_extra=hints(unit="items"),
    )
    on_item_failure: Literal["stop", "continue", "collect"] = Field(
        "stop",
        title="If an item fails",
        description=(
            "stop: the run fails. continue: go on without it. "
            "collect: go on, and Collect sends the failures through its port 'failed'."
        ),
        json_schema_extra=hints("select"),
    )
    at_least: int | None = Field(
        None,
        title="At least",
        description=(
            "How many items must succeed where some fail; with fewer Collect fails. "
            "Empty: one with continue, none with collect."
        ),
        ge=0,
        json_schema_extra=hints(
            unit="items", shown_when={"on_item_failure": ["continue", "collect"]}
        ),
    )


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    return Ports(
        (Port(name="in", type="items"),), (Port(name="item", description="One item at a time."),)
    )


def _summary(params: Mapping[str, Json]) -> str:
    limit = params.get("limit", 8)
    items = shown(params.get("items")) or "input"
    return f"{items}, {shown(limit)} at once"


FOR_EACH = NodeType(
    id="for_each",
    title="For each",
    category="flow",
    description="Runs the nodes up to its Collect once for each item of a list, several at once.",
    params=ForEachParams,
    run=None,
    icon="node-for-each",
    ports=_ports,
    raw=frozenset({"at_least"}),
    role="split",
    keywords=("map", "loop", "iterate", "fan-out", "parallel", "batch", "split", "list"),
    summary=_summary,
)
