"""How a later leg begins: what it starts again, and what is known of unfinished work. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from engine import events as ev
from engine.ids import RequestId, TaskId
from engine.model.node_types import Request, Wait
from engine.model.plan import Plan
from engine.packing import pack, unpack
from engine.runtime import breakpoints, control, failures, superstep
from engine.runtime.outcome import Outcome
from engine.runtime.ports import JournalRecord
from engine.runtime.superstep import RunFacts
from engine.runtime.transition import ready_tasks
from engine.state.run_state import Delta, RunState, Task
from engine.state.status import RunStatus

_journal_decoder = msgspec.msgpack.Decoder(Outcome)


def opening_of_resume(
    plan: Plan, state: RunState, facts: RunFacts, leg: int, reason: str
) -> superstep.Step:
    """Return the commit that begins a later leg.

    A task that is started again comes to its breakpoint again, unless the run is paused.
    """
    ready = tuple([as_ready(state.tasks[task]) for task in ready_tasks(state)])
    commit = ev.SuperstepCommitted(commit=state.commit + 1, ready=ready)
    started = ev.LegStarted(leg=leg, reason=reason, commit=state.commit)
    status = state.status
    held = status in (RunStatus.PAUSED, RunStatus.CANCELLING)
    if not held:
        status = (
            RunStatus.WAITING
            if (state.tasks or state.children) and not ready
            else RunStatus.RUNNING
        )
    delta = Delta(status=status, drop_failures=list(state.failures))
    step = superstep.Step(delta=delta, events=[started, commit], status=status)
    if not (held or state.tasks or state.children):
        return _end_at_once(plan, state, facts, step)
    if state.breaks and not held:
        return breakpoints.look(plan, state, facts, step)
    return step


def _end_at_once(
    plan: Plan, state: RunState, facts: RunFacts, step: superstep.Step
) -> superstep.Step:
    """A fork of the last commit, or a run whose result could not be computed."""
    ended, delta = superstep.end_of(plan, state, facts)
    if ended is None:
        return step
    delta.status = step.status = (
        RunStatus.COMPLETED if isinstance(ended, ev.RunFinished) else RunStatus.FAILED
    )
    delta.drop_failures = step.delta.drop_failures
    return msgspec.structs.replace(step, delta=delta, events=[*step.events, ended])


def as_ready(task: Task) -> ev.TaskReady:
    """Return the fact that a task is ready."""
    return ev.TaskReady(task.id, task.node, task.path, task.visit)


def recovered_outcomes(
    plan: Plan,
    state: RunState,
    journal: Sequence[JournalRecord],
    claims: Mapping[TaskId, int],
) -> list[Outcome]:
    """Return what is known of the tasks that were in flight when the last leg ended.

    Journalled results are used again; a ``once`` task that was claimed and has no result
    becomes a question, because nobody can tell whether it happened. What was being
    cancelled by itself is cancelled.
    """
    found = {each.task: each for each in control.still_ending(state)}
    for record in journal:
        if record.task in found:
            continue
        if record.task in state.tasks and record.task not in state.waits:
            outcome = unpack(record.result, _journal_decoder)
            found[record.task] = msgspec.structs.replace(outcome, recorded=True)
    for task_id, attempt in claims.items():
        task = state.tasks.get(task_id)
        if task is None or task_id in found or task_id in state.waits or attempt < task.attempt:
            continue
        node = plan.nodes[task.node]
        request = failures.outcome_unknown(
            node, task_id, "The program ended while this task was running."
        )
        wait = Wait(kind="approval", request=request)
        found[task_id] = Outcome(task=task_id, kind="wait", attempt=attempt, wait=wait)
    return list(found.values())


def asked_again(
    plan: Plan, state: RunState, content: Callable[[RequestId], Request]
) -> list[Outcome]:
    """Return the questions of a parent that its fork asks too, instead of running the tasks again.

    Those are whether something happened, and what becomes of work that is done and must not
    be done twice; every other task that waits for a person simply comes to its question again.

    Args:
        plan: of the fork.
        state: that it begins in, with the waits of the parent.
        content: what a request of the parent asks.
    """
    found: list[Outcome] = []
    for wait in state.waits.values():
        task = state.tasks[wait.task]
        once = plan.work_of(task.node, task.using).effects == "once"
        if wait.request is not None and (
            wait.kind == "unknown_outcome" or (wait.kind == "held" and once)
        ):
            asked = Wait(kind="approval", request=content(wait.request), payload=wait.payload)
            found.append(Outcome(task=task.id, kind="wait", attempt=task.attempt, wait=asked))
    return found


def renamed_work(
    journal: Sequence[JournalRecord], claims: Mapping[TaskId, int], names: Mapping[TaskId, TaskId]
) -> tuple[Sequence[JournalRecord], Mapping[TaskId, int]]:
    """Return what is known of unfinished tasks under the names that they have now."""
    if not names:
        return journal, claims
    found: list[JournalRecord] = []
    for record in journal:
        task = names.get(record.task, record.task)
        outcome = unpack(record.result, _journal_decoder)
        result = pack(msgspec.structs.replace(outcome, task=task))
        found.append(replace(record, task=task, result=result))
    return found, {names.get(task, task): attempt for task, attempt in claims.items()}
