"""The order in which a commit admits results: that of the plan, not that of finishing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.runtime.committing import failing
from engine.runtime.committing.work import Work
from engine.runtime.outcome import Outcome

#: More zones than lie inside one another.
_DEEPEST = 1_000


def canonical(work: Work, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes in canonical order: that of the plan, then of scopes and visits."""
    return sorted(outcomes, key=partial(_canonical, work))


def _canonical(work: Work, outcome: Outcome) -> tuple[Any, ...]:
    task = work.state.tasks[outcome.task]
    path = tuple(index for _, index, _ in task.path)
    return work.plan.nodes[task.node].order, path, task.visit


def failed_items_last(work: Work, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Let everything that has finished count, also where an item or a round ends now."""
    if len(outcomes) < 2:
        return outcomes
    places = [_place(work, outcome) for outcome in outcomes]
    if not any(places):
        return outcomes
    pairs = sorted(zip(places, outcomes, strict=True), key=lambda pair: pair[0])
    return [outcome for _, outcome in pairs]


def _place(work: Work, outcome: Outcome) -> int:
    """Return 0 for an outcome that ends nothing else; inner rounds end before outer ones."""
    task = work.state.tasks[outcome.task]
    role = work.plan.nodes[task.node].role
    if role == "until":
        return _DEEPEST - len(task.path)
    if role == "withdraw":
        return _DEEPEST + 1
    return _DEEPEST + 1 if _fails_item(work, outcome) else 0


def _fails_item(work: Work, outcome: Outcome) -> bool:
    if outcome.kind != "error" or outcome.error is None:
        return False
    task = work.state.tasks[outcome.task]
    error = failing.located(work, task, outcome, outcome.error)
    return failing.judged(work, task, error).kind in ("item", "frame", "frame_retry")
