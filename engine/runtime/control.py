"""The commits that commands make: pause, step, breakpoints, cancel. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine import events as ev
from engine.commands import CancelPart
from engine.errors import InvalidCommand
from engine.events import ErrorInfo, TaskReady
from engine.ids import TaskId, scope_key
from engine.model.plan import Plan
from engine.runtime import breakpoints
from engine.runtime.facts import RunFacts, Step
from engine.runtime.leaving import leave
from engine.runtime.outcome import Outcome
from engine.runtime.superstep import failed_step, summed_up
from engine.state.run_state import Delta, Ending, RunState, Task
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


def fail(plan: Plan, state: RunState) -> Step:
    """Return the commit that ends a run whose failures let nothing more start."""
    return failed_step(plan, state, summed_up(state.failures))


def give_up(plan: Plan, state: RunState, code: str, reason: str) -> Step:
    """Return the commit that ends a run as failed, for a reason that is not its own."""
    return failed_step(plan, state, ErrorInfo(code=code, message=reason, retryable=False))


def ask_cancel(state: RunState, running: Sequence[TaskId], reason: str) -> Step:
    """Return the commit that says that the run is to end; a crash after it ends it too."""
    asked = ev.CancelAsked(target="run", tasks=tuple(running), reason=reason)
    return report(state, asked, status=RunStatus.CANCELLING)


def cancel(state: RunState, ended: Mapping[TaskId, str], reason: str) -> Step:
    """Return the commit that cancels a run: questions are withdrawn, tasks stay for a resume.

    Args:
        state: of the run.
        ended: the tasks whose attempts were ended, and how; see `TaskCancelled`.
        reason: why.
    """
    left = leave(state, reason)
    events = list(left.events)
    for task_id, how in ended.items():
        task = state.tasks[task_id]
        events.append(ev.TaskCancelled(task=task_id, node=task.node, reason=reason, how=how))
    events.append(ev.SuperstepCommitted(commit=state.commit + 1))
    events.append(ev.RunCancelled(reason=reason))
    # The loop has cancelled the children already; works in the background go on with a resume.
    return Step(
        delta=Delta(
            status=RunStatus.CANCELLED,
            drop_waits=list(left.drop_waits),
            drop_children=left.drop_children,
            put_children=left.put_children,
        ),
        events=events,
        closed=left.closed,
        status=RunStatus.CANCELLED,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What a `CancelPart` is about: tasks, and zones (``node@scope``) that start no more."""

    tasks: tuple[TaskId, ...]
    zones: tuple[str, ...]


def part_of(state: RunState, command: CancelPart) -> Part:
    """Return the tasks and zones that a part of a run has now."""
    inside = {key for key in state.zones if key.partition("@")[0] in command.nodes}
    zones = {(key.partition("@")[0], key.partition("@")[2]) for key in inside}

    def belongs(task: Task) -> bool:
        scope = scope_key(task.path)
        if task.id == command.task or task.node in command.nodes:
            return True
        if command.item and (scope == command.item or scope.startswith(f"{command.item},")):
            return True
        outer = [scope_key(task.path[:depth]) for depth in range(len(task.path))]
        return any((each[0], outer[n]) in zones for n, each in enumerate(task.path))

    tasks = tuple(task.id for task in state.tasks.values() if belongs(task))
    return Part(tasks, tuple(sorted(inside)))


def ask_end(state: RunState, part: Part, command: CancelPart, running: Sequence[TaskId]) -> Step:
    """Return the commit that says that a part is to end; a crash after it ends it too."""
    asked = ev.CancelAsked(target=command.words, tasks=tuple(running), reason=command.reason)
    step = report(state, asked)
    step.delta.put_ending = dict.fromkeys(part.tasks, Ending(command.reason, part.zones))
    return step


def still_ending(state: RunState) -> list[Outcome]:
    """Return the outcomes of tasks that were being cancelled when the last leg ended."""
    return [
        Outcome(task=task, kind="cancelled", text=row.reason, how="killed", zones=row.zones)
        for task, row in ((TaskId(key), row) for key, row in state.ending.items())
        if task in state.tasks
    ]


def cancelled(part: Part, ended: Mapping[TaskId, str], reason: str) -> list[Outcome]:
    """Return the outcomes of the tasks of a part."""
    return [
        Outcome(
            task=task,
            kind="cancelled",
            text=reason,
            how=ended.get(task, ""),
            zones=part.zones,
        )
        for task in part.tasks
    ]
