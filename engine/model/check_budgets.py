"""What the workflow may use up, and what its nodes say they will use (U87)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.check_nodes import NodeFacts
from engine.model.diagnostics import Diagnostic
from engine.model.expressions import ExpressionError, compile_expression
from engine.model.keys import MAX_KEY, is_key


def check_budgets(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of meters and of what nodes draw on them."""
    for name, meter in doc.workflow.settings.meters.items():
        field = f"settings.meters.{name}"
        if not is_key(name):
            yield rules.BUDGET.broken(
                f"The budget {name} has a name that nodes cannot use.",
                f"Rename it: 1 to {MAX_KEY} letters, digits, _ or -.",
                field=field,
            )
        if not _is_amount(meter.limit):
            yield rules.BUDGET.broken(
                f"The budget {name} has the limit {meter.limit}, which is none.",
                "Enter a number from 0 on, or nothing for no end.",
                field=f"{field}.limit",
            )
    for key, facts in doc.nodes.items():
        yield from _check_node(doc, key, facts)


def _check_node(doc: Checked, key: str, facts: NodeFacts) -> Iterator[Diagnostic]:
    node, title = facts.node, doc.title(key)
    if node.budget == "even" and (facts.type is None or facts.type.role != "split"):
        yield rules.BUDGET.broken(
            f"{title} shares budgets evenly, but has no items.",
            "Only a For each gives its items shares.",
            node=key,
            field="budget",
        )
    for name, draw in node.meters.items():
        field = f"meters.{name}"
        if name not in doc.workflow.settings.meters:
            yield rules.BUDGET.broken(
                f"{title} draws on the budget {name}, which the workflow does not have.",
                f"Declare {name} in the settings of the workflow.",
                node=key,
                field=field,
            )
        if not _is_amount(draw.limit):
            yield rules.BUDGET.broken(
                f"{title} may use {draw.limit} of {name}, which is no limit.",
                "Enter a number from 0 on, or nothing.",
                node=key,
                field=f"{field}.limit",
            )
        if not _is_estimate(draw.estimate):
            yield rules.BUDGET.broken(
                f"{title} estimates {draw.estimate} of {name}, which is no amount.",
                "Enter a number from 0 on, or an expression.",
                node=key,
                field=f"{field}.estimate",
            )


def _is_amount(value: float | None) -> bool:
    return value is None or (math.isfinite(value) and value >= 0)


def _is_estimate(text: str) -> bool:
    """Return whether an estimate that names nothing is an amount; others are checked later."""
    try:
        expression = compile_expression(text)
        if expression.reads.names:
            return True
        value = expression.evaluate({})
    except ExpressionError:
        return True  # said of the expression itself
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_amount(value)
