"""Run a stored run again with its recorded outputs, and compare (U117). No side effects.

Every commit is made again from what it admitted; its events and its delta must come out
the same. Nothing is written and no node function is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine import events as ev
from engine.ids import RequestId, RunId, TaskId, scope_key
from engine.model.node_types import Signal, Wait
from engine.model.plan import Plan
from engine.runtime import superstep
from engine.runtime.frames import timer_of
from engine.runtime.outcome import ChildEnd, ChildMade, Heard, Outcome, Taken
from engine.runtime.ports import RequestRecord
from engine.runtime.superstep import RunFacts
from engine.state.run_state import Delta, RunState, Task, apply

Json = Any
#: Kinds of waits of tasks that have not been started: not they have asked for them.
_NOT_YET_STARTED = frozenset({"budget", "retry", "lock", "turn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found.

    Attributes:
        commits: how many commits were made again.
        difference: the first one, in words; None when there is none.
        commit: where it is.
    """

    equal: bool
    commits: int
    difference: str | None = None
    commit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommit:
    """One stored commit: number, time, events without their stamps, delta."""

    number: int
    at: float
    events: Sequence[ev.AnyEvent]
    delta: Delta


class RecordedIds:
    """Hands out the request ids that the recording has, in order."""

    def __init__(self, requests: Iterator[RequestId]) -> None:
        self._requests = requests

    def run_id(self, now: float) -> RunId:
        """A replay makes no run."""
        del now
        return RunId("")

    def request_id(self) -> RequestId:
        """Return the next recorded request id."""
        return next(self._requests, RequestId("?"))

    def seed(self) -> int:
        """A replay draws no seed."""
        return 0


def replay(
    plan: Plan,
    start: RunState,
    facts: RunFacts,
    commits: Sequence[RecordedCommit],
    requests: Mapping[RequestId, RequestRecord],
) -> ReplayReport:
    """Make every commit after `start` again and report the first difference."""
    state = start.copy()
    for done, recorded in enumerate(commits):
        opened = [e.request for e in recorded.events if isinstance(e, ev.BarrierOpened)]
        if admits(recorded.events):
            outcomes = list(outcomes_of(plan, state, recorded, requests))
            step = superstep.commit(
                plan, state, outcomes, facts, at=recorded.at, ids=RecordedIds(iter(opened))
            )
            difference = _compare(recorded, step)
            if difference is not None:
                return ReplayReport(
                    equal=False, commits=done, difference=difference, commit=recorded.number
                )
        apply(state, recorded.delta, facts.specs, recorded.number)
    return ReplayReport(equal=True, commits=len(commits))


def admits(events: Sequence[ev.AnyEvent]) -> bool:
    """Return whether a commit took in results: then what it did can be made again."""
    report = next((e for e in events if isinstance(e, ev.SuperstepCommitted)), None)
    return report is not None and bool(report.admitted or _is_waking(events))


def _is_waking(events: Sequence[ev.AnyEvent]) -> bool:
    waking = ev.WaitEnded | ev.JoinTimedOut | ev.FrameTimedOut | ev.ChildEnded
    return any(isinstance(event, waking) for event in events)


def outcomes_of(
    plan: Plan,
    state: RunState,
    recorded: RecordedCommit,
    requests: Mapping[RequestId, RequestRecord],
) -> Iterator[Outcome]:
    """Rebuild what the commit admitted from its events and its delta."""
    by_task: dict[TaskId, list[ev.AnyEvent]] = {}
    admitted: tuple[TaskId, ...] = ()
    for event in recorded.events:
        if isinstance(event, ev.SuperstepCommitted):
            admitted = event.admitted
        elif isinstance(event, ev.JoinTimedOut | ev.FrameTimedOut):
            yield Outcome(task=_timer(event), kind="timer")
        elif not isinstance(event, ev.TaskSkipped):
            task = getattr(event, "task", None)
            if task is not None:
                by_task.setdefault(task, []).append(event)
    for task in admitted:
        events = by_task.get(task, [])
        outcome = _outcome(state, recorded, task, events, requests)
        key = plan.memory_key(state.tasks[task].node, state.tasks[task].path)
        if outcome.kind == "output" and key in recorded.delta.put_memory:
            kept = (recorded.delta.put_memory[key],)
            outcome = msgspec.structs.replace(outcome, memory=kept)
        outcome = _with_notes(outcome, events)
        yield _with_others(outcome, events, recorded.delta.put_values)
    for event in recorded.events:
        if isinstance(event, ev.ChildEnded) and event.child in state.children:
            ops = [op for op in recorded.delta.ops if op.writer == event.task]
            writes = tuple((op.channel, op.op, op.value) for op in ops)
            yield Outcome(task=event.task, kind="ended", writes=writes, child_end=_ended(event))


def _timer(event: ev.JoinTimedOut | ev.FrameTimedOut) -> TaskId:
    """Return the name of the timer that was over."""
    scope = scope_key(event.path)
    if isinstance(event, ev.FrameTimedOut):
        return TaskId(timer_of(f"{event.frame}@{scope}"))
    return TaskId(f"{event.node}.{event.port}@{scope}")


def _ended(event: ev.ChildEnded) -> ChildEnd:
    return ChildEnd(run=event.child, status=event.status, reason=event.reason, used=event.used)


def _with_notes(outcome: Outcome, events: Sequence[ev.Event]) -> Outcome:
    """Return an outcome with what the commit told of how it came about."""
    spent = next((e.amounts for e in events if isinstance(e, ev.Spent)), None)
    if spent is not None:
        outcome = msgspec.structs.replace(outcome, spent=spent)
    allowed = tuple(
        event.invariant
        for event in events
        if isinstance(event, ev.InvariantBroken) and event.handled == "accepted"
    )
    notes = tuple(e.message for e in events if isinstance(e, ev.InterceptorIgnored))
    if allowed or notes:
        outcome = msgspec.structs.replace(outcome, allowed=allowed, notes=notes)
    checked = next((e.results for e in events if isinstance(e, ev.Checked)), None)
    if checked is not None:
        outcome = msgspec.structs.replace(outcome, checked=checked)
    return outcome


def _with_others(
    outcome: Outcome, events: Sequence[ev.AnyEvent], added: Mapping[str, Json]
) -> Outcome:
    """Return the outcome with what came to it from other runs, and what it did to them.

    What events said is not compared; nothing is sent and no run is started again.
    """
    sent: list[Signal] = []
    heard: Heard | None = None
    made: ChildMade | None = None
    child_end: ChildEnd | None = None
    for event in events:
        if isinstance(event, ev.ItemsAdded) and outcome.kind == "output" and not event.limit:
            outcome = msgspec.structs.replace(outcome, more=tuple(added[event.values]))
        if isinstance(event, ev.SignalSent):
            sent.append(Signal(name=event.name, run=event.to))
        elif isinstance(event, ev.SignalTaken):
            heard = Heard(
                number=event.number,
                signal=event.signal,
                name=event.name,
                by=event.by,
                through=event.through,
                delay_s=event.delay_s,
            )
        elif isinstance(event, ev.ChildStarted):
            made = ChildMade(
                run=event.child,
                workflow=event.workflow,
                revision=event.revision,
                mode=event.mode,
            )
        elif isinstance(event, ev.ChildEnded):
            child_end = _ended(event)
    if not (heard or sent or made or child_end):
        return outcome
    return msgspec.structs.replace(
        outcome, heard=heard, signals=tuple(sent), made=made, child_end=child_end
    )


def _outcome(
    state: RunState,
    recorded: RecordedCommit,
    task: TaskId,
    events: Sequence[ev.AnyEvent],
    requests: Mapping[RequestId, RequestRecord],
) -> Outcome:
    taken: Taken | None = None
    expired = any(isinstance(event, ev.BarrierExpired) for event in events)
    row = state.tasks[task]
    opened = recorded.delta.put_waits.get(task)  # not there if it was ended in the same commit
    payload = opened.payload if opened is not None else _left_behind(events)
    for event in events:
        match event:
            case ev.BarrierDecided():
                taken = Taken(
                    decision=0,
                    request=event.request,
                    choice=event.choice,
                    by=event.by,
                    through=event.through,
                    comment=event.comment,
                    changed=event.changed,
                    delay_s=event.delay_s,
                    expired=expired,
                )
            case ev.TaskFinished():
                return _output(state, recorded, event, taken)
            case ev.ItemsAdded():
                return _items(state, recorded, event, events)
            case ev.TaskFailed() | ev.TaskRetried() | ev.AlternativeTaken():
                return Outcome(
                    task=task,
                    kind="error",
                    attempt=event.error.attempt,
                    duration_s=getattr(event, "duration_s", 0.0),
                    error=event.error,
                    taken=taken,
                )
            case ev.TaskCancelled():
                return Outcome(
                    task=task,
                    kind="cancelled",
                    text=event.reason,
                    how=event.how,
                    zones=tuple(e.zone for e in recorded.events if isinstance(e, ev.ItemsDropped)),
                )
            case ev.TurnTaken() | ev.Estimated():
                return _asked(row, event, taken)
            case ev.BudgetGranted():
                grant = (event.choice, event.limit or 0.0)
                return Outcome(
                    task=task, kind="woken", attempt=row.attempt, taken=taken, grant=grant
                )
            case ev.BarrierOpened() if requests[event.request].content.about != "budget":
                record = requests[event.request]
                asked = Wait(kind="approval", request=record.content, payload=payload)
                return Outcome(task=task, kind="wait", attempt=row.attempt, wait=asked, taken=taken)
            case ev.WaitOpened() if event.kind not in _NOT_YET_STARTED:
                parked = Wait(
                    kind=event.kind,  # type: ignore[arg-type] # the kind of a recorded Wait
                    due_at=event.due_at,
                    text=event.text,
                    payload=payload,
                )
                return Outcome(
                    task=task, kind="wait", attempt=row.attempt, wait=parked, taken=taken
                )
            case _:
                pass
    woken = recorded.delta.put_tasks.get(task)
    if task in state.waits and woken is not None:
        return Outcome(task=task, kind="woken", attempt=woken.attempt, taken=taken)
    reason = next(
        (
            event.reason
            for event in recorded.events
            if isinstance(event, ev.TaskSkipped) and event.task == task
        ),
        "",
    )
    return Outcome(task=task, kind="skip", text=reason, taken=taken)


def _asked(row: Task, event: ev.TurnTaken | ev.Estimated, taken: Taken | None) -> Outcome:
    """What a task has asked for before its attempt: its turn, or room in a budget."""
    if isinstance(event, ev.TurnTaken):
        return Outcome(task=row.id, kind="turn", attempt=row.attempt, keys=event.keys)
    return Outcome(task=row.id, kind="reserve", wanted=event.amounts, taken=taken)


def _items(
    state: RunState, recorded: RecordedCommit, event: ev.ItemsAdded, events: Sequence[ev.AnyEvent]
) -> Outcome:
    """What a stream has brought, and what its next item is waited for with."""
    opened = recorded.delta.put_waits.get(event.task)
    wait: Wait | None = None
    for other in events:
        if isinstance(other, ev.WaitOpened):
            payload = opened.payload if opened is not None else None
            wait = Wait(kind="event", due_at=other.due_at, text=other.text, payload=payload)
    ports = {
        "items": recorded.delta.put_values[event.values],
        "limit": event.limit,
        "position": event.position,
    }
    attempt = state.tasks[event.task].attempt
    return Outcome(task=event.task, kind="item", attempt=attempt, ports=ports, wait=wait)


def _left_behind(events: Sequence[ev.AnyEvent]) -> Json:
    """Return the payload of a wait that ended with the run in the commit that began it."""
    made = next((e for e in events if isinstance(e, ev.ChildStarted)), None)
    return None if made is None else {"run": made.child, "own": True}


def _output(
    state: RunState, recorded: RecordedCommit, event: ev.TaskFinished, taken: Taken | None
) -> Outcome:
    if not event.ports and any(
        isinstance(e, ev.RunCancelled) and e.reason == event.note for e in recorded.events
    ):
        return Outcome(
            task=event.task,
            kind="abort",
            attempt=event.attempt,
            duration_s=event.duration_s,
            text=event.note,
            taken=taken,
            recorded=event.recorded,
        )
    ports: dict[str, Json] = {}
    names = {port: name or f"{event.task}.{port}" for port, name in event.ports.items()}
    for port, ref in names.items():
        if ref in recorded.delta.put_values:
            ports[port] = recorded.delta.put_values[ref]
        else:
            ports[port] = state.value(ref)
    degraded = next(
        (e.reason for e in recorded.events if isinstance(e, ev.Degraded) and e.task == event.task),
        "",
    )
    return Outcome(
        task=event.task,
        kind="fallback" if degraded and not event.ports else "output",
        attempt=event.attempt,
        duration_s=event.duration_s,
        ports=ports,
        writes=tuple(
            (op.channel, op.op, op.value) for op in recorded.delta.ops if op.writer == event.task
        ),
        route=event.route,
        also=event.also,
        names=names,
        text=event.note or degraded,
        taken=taken,
        recorded=event.recorded,
        gated=event.gated,
        cached=event.cached,
    )


def _compare(recorded: RecordedCommit, step: superstep.Step) -> str | None:
    """Return the first difference of events or delta, in words."""
    # How the store fared is told where there is room for it, and is not made again.
    told = [e for e in recorded.events if not isinstance(e, ev.SaveFailed | ev.SavedAgain)]
    pairs = itertools.zip_longest(told, step.events)
    for number, (old, new) in enumerate(pairs, start=1):
        if isinstance(old, ev.LegStarted | ev.RunWaiting):
            continue
        if old != new:
            return (
                f"event {number} was {_words(old)}, and is now {_words(new)}"
                if old is not None and new is not None
                else f"event {number} {'is missing' if new is None else 'is new'}: "
                f"{_words(old or new)}"
            )
    for name in Delta.__struct_fields__:
        if _plain(getattr(recorded.delta, name)) != _plain(getattr(step.delta, name)):
            return f"the change of {name.replace('_', ' ')} differs"
    return None


def _plain(part: Any) -> Json:
    """Return a part of a delta as JSON: an empty one is the same whatever made it."""
    return msgspec.to_builtins(dict(part) if isinstance(part, Mapping) else part) or None


def _words(event: ev.AnyEvent | None) -> str:
    if event is None:
        return "nothing"
    text = msgspec.json.encode(event).decode()
    return text if len(text) <= 200 else text[:200] + "…"
