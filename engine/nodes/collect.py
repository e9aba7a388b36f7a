"""Collect: the end of a For each; its list of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.node_types import Context, NodeType, Output, Port, Ports, PortType
from engine.nodes.fields import Params, hints

Json = Any


class CollectParams(Params):
    """Parameters of Collect. The engine gathers the results."""

    order: Literal["input", "arrival"] = Field(
        "input",
        title="Order",
        description="The order of the items, or the order in which they were done.",
        json_schema_extra=hints("select"),
    )
    result: Literal["auto", "list", "object"] = Field(
        "auto",
        title="Result",
        description=(
            "auto: as the items came: a list, or an object with the results under its keys. "
            "object of a list: by the number of the item."
        ),
        json_schema_extra=hints("select"),
    )
    skipped: Literal["drop", "null"] = Field(
        "drop",
        title="Items without a result",
        description="Leave them out, or put null in their place.",
        json_schema_extra=hints("select"),
    )
    enough: Json = Field(
        None,
        title="Enough",
        description=(
            "Go on with so many results; 0: at once. An expression is looked at whenever an item "
            "ends or a channel that it reads changes; input is the results so far. Empty: all."
        ),
        json_schema_extra=hints("expression", placeholder="len(input) > 2"),
    )

    rest: Literal["cancel", "leave", "all"] = Field(
        "cancel",
        title="The rest",
        description=(
            "What becomes of the items that Collect does not wait for. cancel: they are ended. "
            "leave: those at work go on to their end, no other begins. all: every item still runs."
        ),
        json_schema_extra=hints("select"),
    )

    @field_validator("enough")
    @classmethod
    def _is_number_or_expression(cls, value: Json) -> Json:
        if value is None or (isinstance(value, Mapping) and set(value) == {"expr"}):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        raise ValueError("must be a whole number, or an expression")

    @model_validator(mode="after")
    def _waits_for_something(self) -> Self:
        if self.enough == 0 and self.rest == "cancel":
            raise ValueError("nothing would run: with enough 0 the rest is left, or runs all")
        return self


def run(params: CollectParams, ctx: Context) -> Output:
    """Return the results, and the failures where there are any."""
    del params
    ports = {"out": ctx.inputs.get("in", ctx.input)}
    if "failed" in ctx.inputs:
        ports["failed"] = ctx.inputs["failed"]
    return Output(ports)


def _ports(params: Mapping[str, Json]) -> Ports:
    kinds: Mapping[str, PortType] = {"list": "list", "object": "object"}
    kind: PortType = kinds.get(str(params.get("result"))) or "any"
    return Ports(
        (Port(name="in", description="The result of one item."),),
        (
            Port(name="out", type=kind, description="The results of all items."),
            Port(
                name="failed",
                type="list",
                required=False,
                description="Index, item and error of each item that failed, if any did.",
            ),
        ),
    )


COLLECT = NodeType(
    id="collect",
    title="Collect",
    category="flow",
    description="Ends a For each: waits for all its items and sends on the list of results.",
    params=CollectParams,
    run=run,
    icon="node-collect",
    ports=_ports,
    raw=frozenset({"enough"}),
    role="collect",
    keywords=("gather", "reduce", "list", "fan-in", "aggregate", "for each"),
    summary=lambda params: (
        "as they finish" if params.get("order") == "arrival" else "in the order of the items"
    ),
)
