"""What must hold at every commit, checked before it is made (U90). Pure.

An invariant is an expression of the workflow over `state`. Only those whose channels have
changed are looked at. A breach rejects the commit: either the run fails and nothing of the
commit is kept, or the last of those who wrote is held and a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine import events as ev
from engine.errors import InvalidCommand
from engine.events import ErrorInfo
from engine.ids import TaskId
from engine.model.expressions import ExpressionError
from engine.model.node_types import Option, Request, Wait
from engine.model.plan import Plan, PlanInvariant
from engine.runtime.outcome import Outcome
from engine.state.writes import ChannelOp

Json = Any


class Breach(Exception):  # noqa: N818 - becomes a failed run or a question
    """An invariant does not hold; `writers` wrote the channels that it reads."""

    def __init__(self, invariant: PlanInvariant, text: str, writers: tuple[TaskId, ...]) -> None:
        super().__init__(text)
        self.invariant = invariant
        self.writers = writers

    def error(self, node: str) -> ErrorInfo:
        """Return the failure that ends the run."""
        return ErrorInfo(
            code="invariant",
            message=str(self),
            node=node,
            retryable=False,
            details={"invariant": self.invariant.name, "writers": list(self.writers)},
        )


def check(
    plan: Plan,
    scope: Mapping[str, Json],
    ops: Sequence[ChannelOp],
    changed: Iterable[str],
    allowed: frozenset[str],
) -> None:
    """Raise `Breach` for the first invariant that does not hold.

    Args:
        plan: the workflow.
        scope: names for the expressions, with the channels as they are after the writes.
        ops: the writes of the commit.
        changed: the channels that have another value now.
        allowed: invariants that a person has let pass for this commit.
    """
    names = frozenset(changed)
    for invariant in plan.invariants:
        if invariant.name in allowed or not _touches(invariant, names):
            continue
        reason = _breach_of(invariant, scope)
        if reason:
            writers = [op.writer for op in ops if op.writer and _touches(invariant, {op.channel})]
            known = tuple(dict.fromkeys(writers))
            by = f" Written by {', '.join(known)}." if known else ""
            raise Breach(invariant, f"{reason}.{by}", known)


def check_start(plan: Plan, channels: Mapping[str, Json], run: Mapping[str, Json]) -> None:
    """Refuse a run whose channels break an invariant before anything has run.

    Raises:
        InvalidCommand: one does not hold; it is named.
    """
    for invariant in plan.invariants:
        scope = scope_of(plan, channels, run)
        reason = _breach_of(invariant, scope)
        if reason:
            raise InvalidCommand(f"{reason} at the start. Choose other values of the channels.")


def scope_of(plan: Plan, channels: Mapping[str, Json], run: Mapping[str, Json]) -> dict[str, Json]:
    """Return the names that invariants see."""
    return {
        "state": channels,
        "vars": plan.workflow.settings.vars,
        "env": plan.env,
        "run": run,
    }


def _touches(invariant: PlanInvariant, names: Iterable[str]) -> bool:
    reads = invariant.expr.reads.channels
    return "*" in reads or not reads.isdisjoint(names)


def _breach_of(invariant: PlanInvariant, scope: Mapping[str, Json]) -> str:
    try:
        if invariant.expr.evaluate(scope):
            return ""
    except ExpressionError as error:
        return f"The invariant {invariant.name} cannot be checked: {error}"
    text = f": {invariant.message}" if invariant.message else f" ({invariant.expr.source})"
    return f"The invariant {invariant.name} does not hold{text}"


# --- asking -------------------------------------------------------------------------------


def held(outcome: Outcome, breach: Breach, title: str) -> Outcome:
    """Return the outcome that parks a writer and asks what is to become of it."""
    invariant = breach.invariant
    request = Request(
        title=f"{invariant.name} does not hold: let {title} write?",
        body=f"{breach} Nothing of it has been stored.",
        payload={
            "invariant": invariant.name,
            "expression": invariant.expr.source,
            "message": str(breach),
            "writers": list(breach.writers),
            "writes": [list(write) for write in outcome.writes],
        },
        options=(
            Option(key="again", title="Run it again", port=""),
            Option(key="accept", title="Let it write all the same", port="", danger=True),
            Option(key="fail", title="Fail the task", port="", danger=True),
        ),
        system=True,
        about="invariant",
    )
    # What was used is counted now, and not again when the outcome is let pass.
    kept = msgspec.structs.replace(outcome, taken=None, spent={})
    wait = Wait(kind="approval", request=request, payload=msgspec.to_builtins(kept))
    return Outcome(
        task=outcome.task,
        kind="wait",
        attempt=outcome.attempt,
        duration_s=outcome.duration_s,
        wait=wait,
        taken=outcome.taken,
        spent=outcome.spent,
    )


def breach_event(request: Request, task: TaskId, node: str) -> ev.InvariantBroken:
    """Return the event that says what is asked about."""
    payload = request.payload
    return ev.InvariantBroken(
        task=task,
        node=node,
        invariant=payload["invariant"],
        message=payload["message"],
        writers=tuple(payload["writers"]),
        handled="ask",
    )


def let_pass(payload: Json, name: str) -> Outcome:
    """Return the outcome that was held, with leave to break that invariant once."""
    outcome = msgspec.convert(payload, Outcome)
    return msgspec.structs.replace(outcome, allowed=(*outcome.allowed, name))
