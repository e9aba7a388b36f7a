"""Join: wait for several branches and bring their values together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.nodes.fields import Params, hints

Json = Any
_WORDS = {
    "by_source": "object by source",
    "list": "list",
    "first": "first value",
    "merge": "one object",
}


class JoinParams(Params):
    """Parameters of Join. What it waits for is the join policy of its port ``in``."""

    output: Literal["by_source", "list", "first", "merge"] = Field(
        "by_source",
        title="Result",
        description=(
            "by_source: an object with the value of each source under its key. "
            "list: the values in the order of the sources. first: the first of them. "
            "merge: objects as one, later sources over earlier ones."
        ),
        json_schema_extra=hints("select"),
    )


def run(params: JoinParams, ctx: Context) -> Output:
    """Return what has arrived, in the shape that was asked for."""
    arrived: Mapping[str, Json] = ctx.input or {}
    match params.output:
        case "by_source":
            return Output({"out": arrived})
        case "list":
            return Output({"out": list(arrived.values())})
        case "first":
            return Output({"out": next(iter(arrived.values()), None)})
        case "merge":
            return Output({"out": _merged(arrived)})


def _merged(arrived: Mapping[str, Json]) -> dict[str, Json]:
    whole: dict[str, Json] = {}
    for source, value in arrived.items():
        if not isinstance(value, Mapping):
            raise NodeFailure(
                f"what came from {source} is not an object and cannot be merged; "
                "choose another result",
                code="not_an_object",
                retryable=False,
            )
        whole.update(value)
    return whole


JOIN = NodeType(
    id="join",
    title="Join",
    category="flow",
    description="Waits for several branches and goes on once with what they brought.",
    params=JoinParams,
    run=run,
    icon="node-join",
    keywords=("merge", "wait", "all", "any", "combine", "gather", "synchronise", "fan-in"),
    summary=lambda params: _WORDS.get(str(params.get("output", "by_source")), ""),
)
