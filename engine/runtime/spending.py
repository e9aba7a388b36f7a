"""Budgets around one attempt: what it asks for before, what it has used after (U87)."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from engine.model.expressions import Expression
from engine.model.node_types import NodeFailure, Output, Result
from engine.model.plan import PlanNode
from engine.runtime.context import AttemptContext
from engine.runtime.outcome import Outcome
from engine.state.run_state import Task

Json = Any


def request_for(node: PlanNode, task: Task, ctx: AttemptContext) -> Outcome:
    """Return the outcome that asks the next commit to reserve for a task.

    Raises:
        ExpressionError, NodeFailure: an estimate cannot be computed, or is no amount.
    """
    amounts = dict(node.estimates or {})
    for draw in node.draws if node.estimates is None else ():
        amounts[draw.meter] = _amount(draw.estimate, ctx.scope, "estimate", draw.meter)
    for meter, measure in node.measured.items():
        amounts.setdefault(meter, 1.0 if measure == "calls" else 0.0)
    return Outcome(task=task.id, kind="reserve", attempt=task.attempt, wanted=amounts)


def with_spent(
    node: PlanNode, ctx: AttemptContext, outcome: Outcome, result: Result | None = None
) -> Outcome:
    """Return the outcome of an attempt with what it has used, as far as that is known.

    Raises:
        ExpressionError, NodeFailure: what it has used cannot be computed from its output.
    """
    if not node.metered and not ctx.spent:
        return outcome
    spent = dict(ctx.spent)
    for meter, measure in node.measured.items():
        if measure != "supersteps":
            spent[meter] = 1.0 if measure == "calls" else outcome.duration_s
    if isinstance(result, Output):
        output = next(iter(result.ports.values()), None)
        for draw in node.draws:
            if draw.actual is not None and draw.meter not in ctx.spent:
                scope = {**ctx.scope, "output": output}
                spent[draw.meter] = _amount(draw.actual, scope, "use", draw.meter)
    return msgspec.structs.replace(outcome, spent=spent) if spent else outcome


def with_nothing_spent(node: PlanNode, outcome: Outcome) -> Outcome:
    """Return the outcome of an attempt that has not begun: it is not charged its estimate."""
    if not node.metered:
        return outcome
    meters = [*node.measured, *(draw.meter for draw in node.draws)]
    return msgspec.structs.replace(outcome, spent=dict.fromkeys(meters, 0.0))


def _amount(expression: Expression, scope: dict[str, Json], what: str, meter: str) -> float:
    value = expression.evaluate(scope)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise NodeFailure(f"its {what} of {meter} is {value!r}, no number", retryable=False)
    if value < 0:
        raise NodeFailure(f"its {what} of {meter} is negative", retryable=False)
    return float(value)
