"""Score: say how good something is, for an evaluation to read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.nodes.fields import Params, hints, shown, value_or_input

Json = Any


class ScoreParams(Params):
    """Parameters of Score."""

    name: str = Field(
        "",
        title="Name",
        description="Of the score. Empty: the key of the node.",
        max_length=100,
        json_schema_extra=hints(placeholder="the key of the node"),
    )
    value: Any = Field(
        None,
        title="Value",
        description="A number, or true and false for 1 and 0.",
        json_schema_extra=hints("expression", placeholder="input.answer == run.input.expected"),
    )


def run(params: ScoreParams, ctx: Context) -> Output:
    """Return the score by its name."""
    value = value_or_input(params, "value", ctx)
    score = number_of(value)
    if score is None:
        kind = type(value).__name__
        raise NodeFailure(
            f"a score is a number, or true or false, not {kind}", code="score", retryable=False
        )
    return Output({"out": {"name": params.name or ctx.node, "value": score}})


def number_of(value: Json) -> float | None:
    """Return a score as a number: true is 1, false 0; None where it is none."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _summary(params: Mapping[str, Json]) -> str:
    name, value = shown(params.get("name")), shown(params.get("value"))
    return f"{name}: {value}" if name and value else name or value


SCORE = NodeType(
    id="score",
    title="Score",
    category="data",
    description="Says how good something is; headgate evaluate reads it.",
    params=ScoreParams,
    run=run,
    icon="chart",
    keywords=("evaluate", "scorer", "metric", "grade", "quality", "test", "judge"),
    summary=_summary,
)
