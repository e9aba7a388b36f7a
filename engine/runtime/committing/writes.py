"""What a commit writes to channels: merged, checked, and taken back where somebody fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.errors import InvalidCommand
from engine.events import ErrorInfo
from engine.ids import TaskId
from engine.runtime import background, invariants
from engine.runtime.committing import failing
from engine.runtime.committing.routes import first_unroutable
from engine.runtime.committing.work import Work
from engine.runtime.invariants import Breach
from engine.runtime.merging import WriteConflict, check_rights, merge_writes
from engine.runtime.outcome import Outcome, ending_the_same
from engine.state.channels import ChannelSpecs
from engine.state.writes import changed_by

Json = Any


def take_input(work: Work, channel: str) -> None:
    """Merge the input into a channel as if a task had written it (U78)."""
    writes = ((channel, "reduce", work.facts.input),)
    outcome = Outcome(task=TaskId("input"), kind="output", writes=writes)
    try:
        work.ops, channels = merge_writes([outcome], work.state.channels, work.facts.specs)
        work.changed = changed_by(work.state.channels, work.ops, channels, work.facts.specs)
        work.channels = {**work.state.channels, **channels}
        if work.changed and work.plan.invariants:
            _check_invariants(work, [outcome], work.channels)
    except (WriteConflict, Breach) as refused:
        raise InvalidCommand(f"The input is refused: {refused}") from refused
    work.transition.changed = frozenset(work.changed)


def merge(work: Work, outcomes: Sequence[Outcome]) -> tuple[Sequence[Outcome], dict[str, Json]]:
    """Merge all writes; a task whose write or route fails is admitted as failed.

    Conditions see the state after the commit, so each failure starts the merge again
    without that task's writes.
    """
    extra = work.plan.workflow.settings.extra_to
    current = [_into(extra, each, work.facts.specs) for each in outcomes] if extra else [*outcomes]
    while True:
        try:
            if work.plan.limited:
                check_rights(current, work.node_of, work.plan)
            ops, channels = merge_writes(
                _with_errors(work, current) if work.plan.error_channels else current,
                work.state.channels,
                work.facts.specs,
                fleeting=work.plan.fleeting,
            )
        except WriteConflict as conflict:
            _turn_into_failure(work, current, conflict.task, conflict.code, str(conflict))
            continue
        merged = {**work.state.channels, **channels} if channels else work.state.channels
        broken = first_unroutable(work, current, merged)
        if broken is not None:
            _turn_into_failure(work, current, *broken)
            continue
        work.ops = ops
        work.changed = changed_by(work.state.channels, ops, channels, work.facts.specs)
        try:
            if work.changed and work.plan.invariants:
                _check_invariants(work, current, merged)
        except Breach as breach:
            _hold_last_writer(work, current, breach)
            continue
        return current, channels


def _into(extra: str, outcome: Outcome, specs: ChannelSpecs) -> Outcome:
    """Let the channel for it take what is written under names that are not declared (U26)."""
    if all(name in specs for name, _, _ in outcome.writes):
        return outcome
    writes = tuple(
        (name, op, value)
        if name in specs
        else (extra, "reduce", {name: None if op == "delete" else value})
        for name, op, value in outcome.writes
    )
    return msgspec.structs.replace(outcome, writes=writes)


def _check_invariants(
    work: Work, outcomes: Sequence[Outcome], channels: Mapping[str, Json]
) -> None:
    allowed = frozenset(name for outcome in outcomes for name in outcome.allowed)
    scope = invariants.scope_of(work.plan, channels, work.facts.scope)
    invariants.check(work.plan, scope, work.ops, work.changed, allowed)


def _hold_last_writer(work: Work, outcomes: list[Outcome], breach: Breach) -> None:
    """Park the last of those who broke an invariant, where the person is to be asked."""
    if not breach.invariant.asks or not breach.writers:
        raise breach
    for index, outcome in enumerate(outcomes):
        if outcome.task == breach.writers[-1] and outcome.kind == "ended":
            outcomes[index] = background.refused(outcome, str(breach))
        elif outcome.task == breach.writers[-1]:
            node = work.plan.nodes[work.task_of(outcome).node]
            outcomes[index] = invariants.held(outcome, breach, node.node.title or node.key)


def _with_errors(work: Work, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Let each failure that is final be written to the channels of errors (U39, U83)."""
    return [
        msgspec.structs.replace(outcome, writes=_error_writes(work, outcome, outcome.error))
        if outcome.kind == "error" and outcome.error is not None
        else outcome
        for outcome in outcomes
    ]


def _error_writes(
    work: Work, outcome: Outcome, error: ErrorInfo
) -> tuple[tuple[str, str, Json], ...]:
    task = work.task_of(outcome)
    error = failing.located(work, task, outcome, error)
    if failing.judged(work, task, error).kind in ("retry", "ask", "alternative"):
        return ()
    where = {"task": task.id, "commit": work.state.commit + 1, "attempt": error.attempt}
    value = {**where, **failing.as_value(error)}
    return tuple([(name, "reduce", value) for name in work.plan.error_channels])


def _turn_into_failure(
    work: Work, outcomes: list[Outcome], task: TaskId, code: str, message: str
) -> None:
    for index, outcome in enumerate(outcomes):
        if outcome.task == task and outcome.kind == "ended":
            outcomes[index] = background.refused(outcome, message)
        elif outcome.task == task:
            error = ErrorInfo(
                code=code,
                message=message,
                node=work.state.tasks[task].node,
                attempt=outcome.attempt,
                retryable=False,
            )
            failed = Outcome(
                task=task,
                kind="error",
                attempt=outcome.attempt,
                duration_s=outcome.duration_s,
                error=error,
            )
            outcomes[index] = ending_the_same(outcome, failed)
