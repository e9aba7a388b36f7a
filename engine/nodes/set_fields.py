"""Set: make an object out of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.nodes.fields import Params, hints

Json = Any


class SetParams(Params):
    """Parameters of Set."""

    fields: dict[str, Any] = Field(
        default_factory=dict,
        title="Fields",
        description="Name and value of each field; a value may be an expression.",
        json_schema_extra=hints("table", placeholder="total = sum(input.amounts)"),
    )
    keep_input: bool = Field(
        default=False,
        title="Keep the input's fields",
        description="Adds the fields to those of the input, and replaces those of the same name.",
    )


def run(params: SetParams, ctx: Context) -> Output:
    """Return the object that the fields make."""
    if not params.keep_input:
        return Output({"out": params.fields})
    base = ctx.input
    if base is not None and not isinstance(base, Mapping):
        raise NodeFailure(
            "the input is not an object, so its fields cannot be kept; "
            "switch off 'Keep the input's fields' or make an object first",
            code="not_an_object",
            retryable=False,
        )
    if not params.fields and base is not None:
        return Output({"out": base})
    return Output({"out": {**(base or {}), **params.fields}})


def _summary(params: Mapping[str, Json]) -> str:
    fields = params.get("fields")
    return ", ".join(map(str, fields)) if isinstance(fields, Mapping) else ""


SET = NodeType(
    id="set",
    title="Set fields",
    category="data",
    description="Makes an object from values and expressions, alone or added to the input.",
    params=SetParams,
    run=run,
    icon="node-set",
    keywords=("assign", "map", "mapping", "transform", "edit", "variable", "object", "rename"),
    summary=_summary,
)
