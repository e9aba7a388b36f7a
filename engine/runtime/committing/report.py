"""The last part of a commit: its counters, the limits, and what it reports."""

from __future__ import annotations

from engine import events as ev
from engine.events import AnyEvent
from engine.ids import TaskId
from engine.runtime.committing.work import Work
from engine.runtime.facts import Step
from engine.runtime.limits import LimitHit
from engine.state.status import RunStatus
from engine.state.writes import Written


def report(work: Work, admitted: tuple[TaskId, ...], *, ended: AnyEvent | None) -> Step:
    """Count, check the limits, and write the report of the commit."""
    transition = work.transition
    limits = work.plan.workflow.settings.limits
    number = work.state.commit + 1
    executions = work.state.counters.get("executions", 0) + len(admitted)
    for wait in transition.left:
        work.others.close(wait)
    if ended is None and number >= limits.supersteps:
        raise LimitHit("supersteps", number, "", f"The run made {number} supersteps, its limit")
    if ended is None and executions >= limits.executions:
        raise LimitHit(
            "executions", executions, "", f"The run executed {executions} nodes, its limit"
        )
    events = transition.events
    if work.budget is not None and (moved := work.budget.changed()) is not None:
        events.append(moved)
    events.append(
        ev.SuperstepCommitted(
            commit=number,
            admitted=admitted,
            ready=tuple(transition.ready),
            taken=tuple(transition.taken),
            not_taken=tuple(transition.not_taken),
            changed=work.changed,
        )
    )
    status = _status(work, ended)
    if ended is not None:
        events.append(ended)
    delta = transition.delta()
    written: Written | None = None
    if work.ops:
        delta.ops = work.ops
        values = {op.channel: work.channels[op.channel] for op in work.ops}
        written = Written(values, work.changed)
    delta.put_counters = {"executions": executions, "order": transition.order}
    if status is not work.state.status:
        delta.status = status
    return Step(
        delta=delta,
        events=events,
        ready=transition.ready,
        written=written,
        requests=work.requests,
        closed=transition.closed,
        decisions=work.decisions,
        signals=work.others.signals,
        children=work.others.children,
        orphans=work.others.orphans,
        status=status,
    )


def _status(work: Work, ended: AnyEvent | None) -> RunStatus:
    match ended:
        case ev.RunFinished():
            return RunStatus.COMPLETED
        case ev.RunFailed():
            return RunStatus.FAILED
        case ev.RunCancelled():
            return RunStatus.CANCELLED
        case _:
            pass
    if work.state.status is RunStatus.PAUSED:
        return RunStatus.PAUSED  # what runs may finish; only the person ends a pause
    if work.transition.ready:
        return RunStatus.RUNNING
    waits, tasks = work.transition.waits, work.transition.tasks
    parked = len(work.state.waits) + sum(
        (row is not None) - (key in work.state.waits) for key, row in waits.changes.items()
    )
    alive = len(work.state.tasks) + sum(
        (row is not None) - (key in work.state.tasks) for key, row in tasks.changes.items()
    )
    return RunStatus.WAITING if parked == alive else RunStatus.RUNNING
