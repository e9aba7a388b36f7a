"""Join: wait for several branches and bring their values together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from engine.model.node_types import Context, NodeType, Output
from engine.nodes import merging
from engine.nodes.fields import Params, hints

Json = Any
_WORDS = {
    "by_source": "object by source",
    "list": "list",
    "keys": "who has come",
    "first": "first value",
    "last": "last value",
    "merge": "one object",
    "concat": "one list or text",
    "union": "list without repeats",
    "zip": "side by side",
    "vote": "majority",
    "custom": "by an expression",
}


class JoinParams(Params):
    """Parameters of Join. What it waits for is the join policy of its port ``in``."""

    output: Literal[
        "by_source", "list", "keys", "first", "last", "merge", "concat", "union", "zip", "vote",
        "custom",
    ] = Field(
        "by_source",
        title="Result",
        description=(
            "by_source: an object with the value of each source under its key. "
            "list: the values. keys: the keys of the sources that have brought one. "
            "first, last: one of the values. "
            "merge: objects as one, later sources over earlier ones. "
            "concat: lists, or texts, one after the other. union: the same without repeats. "
            "zip: a list of what the lists have at each place. "
            "vote: the value that most sources have brought. custom: what an expression makes."
        ),
        json_schema_extra=hints("select"),
    )  # fmt: skip
    order: tuple[str, ...] = Field(
        (),
        title="Order of the branches",
        description=(
            "Keys of sources; the others follow in the order of the document. "
            "It does not matter which came first."
        ),
        json_schema_extra=hints(advanced=True),
    )
    majority: Literal["most", "half", "all"] = Field(
        "most",
        title="Wins with",
        description="most: more votes than any other. half: more than half. all: every vote.",
        json_schema_extra=hints("select", shown_when={"output": ["vote"]}),
    )
    tie: Literal["fail", "first", "null"] = Field(
        "fail",
        title="If none wins",
        description=(
            "fail: Join fails. first: of those with the most votes, the one of the earliest "
            "branch. null: the result is null."
        ),
        json_schema_extra=hints("select", shown_when={"output": ["vote"]}),
    )
    value: Json = Field(
        None,
        title="Expression",
        description="What is made of the arrivals; input is an object by source.",
        json_schema_extra=hints(
            "expression", placeholder="max(input.values())", shown_when={"output": ["custom"]}
        ),
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.order)) < len(self.order):
            raise ValueError("a source is twice in the order; leave one out")
        if self.output == "custom" and "value" not in self.model_fields_set:
            raise ValueError("a custom result needs an expression")
        return self


def run(params: JoinParams, ctx: Context) -> Output:
    """Return what has arrived, in the shape that was asked for and in declared order."""
    arrived = merging.in_order(ctx.input or {}, params.order)
    values = list(arrived.values())
    match params.output:
        case "by_source":
            return Output({"out": arrived})
        case "list":
            return Output({"out": values})
        case "keys":
            return Output({"out": list(arrived)})
        case "first":
            return Output({"out": values[0] if values else None})
        case "last":
            return Output({"out": values[-1] if values else None})
        case "merge":
            return Output({"out": merging.merged(arrived)})
        case "concat":
            return Output({"out": merging.concatenated(arrived)})
        case "union":
            return Output({"out": merging.united(arrived)})
        case "zip":
            return Output({"out": merging.zipped(arrived)})
        case "vote":
            found = merging.voted(arrived, majority=params.majority, tie=params.tie)
            return Output({"out": found.value}, note=found.words)
        case "custom":
            return Output({"out": params.value})


def _summary(params: Mapping[str, Json]) -> str:
    return _WORDS.get(str(params.get("output", "by_source")), "")


JOIN = NodeType(
    id="join",
    title="Join",
    category="flow",
    description="Waits for several branches and goes on once with what they brought.",
    params=JoinParams,
    run=run,
    icon="node-join",
    keywords=(
        "merge", "wait", "all", "any", "combine", "gather", "synchronise", "fan-in", "vote",
        "majority", "reduce",
    ),
    summary=_summary,
)  # fmt: skip
