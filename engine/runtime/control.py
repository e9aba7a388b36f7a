"""The commits that commands make: pause, step, breakpoints, cancel. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import events as ev
from engine.errors import InvalidCommand
from engine.events import TaskReady
from engine.ids import TaskId
from engine.model.plan import Plan
from engine.runtime import breakpoints
from engine.runtime.facts import RunFacts, Step
from engine.state.run_state import Delta, RunState
from engine.state.status import RunStatus
from engine.stops import Breakpoint


def report(state: RunState, *events: ev.AnyEvent, status: RunStatus | None = None) -> Step:
    """Return a commit that admits nothing and tells something."""
    commit = ev.SuperstepCommitted(commit=state.commit + 1)
    return Step(delta=Delta(status=status), events=[commit, *events], status=status or state.status)


def unreached(state: RunState) -> Step:
    """Return the commit that pauses a run which cannot come to the node that it goes to."""
    text = f"{state.until} was not reached: nothing is left that leads there"
    return report(state, ev.RunPaused(reason=text), status=RunStatus.PAUSED)


def set_breakpoints(
    plan: Plan,
    state: RunState,
    facts: RunFacts,
    wanted: Sequence[Breakpoint],
    waiting: Sequence[TaskReady],
) -> Step:
    """Return the commit that replaces the breakpoints.

    Args:
        plan: of the run.
        state: as it is before the commit.
        facts: of the run.
        wanted: the new breakpoints.
        waiting: tasks that are ready and have not been started; they may be at one of them.
    """
    try:
        new = breakpoints.check(plan, wanted)
    except InvalidCommand as error:
        return report(state, ev.Warned(node="", message=f"Breakpoints ignored: {error}"))
    gone = [key for key in state.breaks if key not in new]
    step = report(state, ev.BreakpointsSet(breakpoints=tuple(new.values())))
    step.delta.put_breaks, step.delta.drop_breaks = new, gone
    if state.status is RunStatus.PAUSED:  # the person has seen where it stands
        return step
    return breakpoints.look(plan, state, facts, step, breaks=new, ready=waiting)


def cancel(state: RunState, running: Sequence[TaskId], reason: str) -> Step:
    """Return the commit that cancels a run: questions are withdrawn, tasks stay for a resume."""
    events: list[ev.AnyEvent] = []
    closed: list[tuple[Any, str]] = []
    drop: list[str] = []
    for wait in state.waits.values():
        if wait.request is not None:
            task = state.tasks[wait.task]
            closed.append((wait.request, "withdrawn"))
            drop.append(wait.task)
            events.append(
                ev.BarrierWithdrawn(
                    request=wait.request, task=wait.task, node=task.node, reason=reason
                )
            )
    for task_id in running:
        task = state.tasks[task_id]
        events.append(ev.TaskCancelled(task=task_id, node=task.node, reason=reason))
    events.append(ev.SuperstepCommitted(commit=state.commit + 1))
    events.append(ev.RunCancelled(reason=reason))
    return Step(
        delta=Delta(status=RunStatus.CANCELLED, drop_waits=drop),
        events=events,
        closed=closed,
        status=RunStatus.CANCELLED,
    )
