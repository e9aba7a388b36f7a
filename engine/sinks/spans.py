"""The news of runs as spans: run → superstep → node → attempt (U114). Pure.

`SpanTracker.take` turns each piece of news into what begins, ends or happens; any tracing
library can carry that out. An attempt is measured where it was awaited: from the moment
that it was started, for as long as the runtime measured it to take. A node that waits keeps
its span open until it goes on or the leg ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import events as ev

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A span begins.

    Attributes:
        key: names it in `End` and `Mark`. `parent`: key of the span around it, or empty.
        run: whose it is. `at`: seconds since the epoch, here and below.
    """

    key: str
    parent: str
    run: str
    name: str
    at: float
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A span ends; `error` is empty when it went well."""

    key: str
    at: float
    error: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something happened inside a span."""

    key: str
    name: str
    at: float
    attributes: Attributes = field(default_factory=dict)


Op = Begin | End | Mark


@dataclass(slots=True)
class _Attempt:
    number: int
    began: float


@dataclass(slots=True)
class _Run:
    """The open spans of one leg."""

    run: str
    leg: int = 1
    workflow: str = ""
    step_began: float = 0.0
    step_open: bool = False
    commit: int = 0
    nodes: dict[str, _Attempt | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.run}/leg {self.leg}"

    @property
    def step_key(self) -> str:
        return f"{self.key}/superstep {self.commit}"

    def node_key(self, task: str) -> str:
        return f"{self.key}/{task}"

    def attempt_key(self, task: str, number: int) -> str:
        return f"{self.key}/{task}/attempt {number}"


class SpanTracker:
    """Keeps the open spans of all runs. It forgets a run when its leg ends."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def take(self, news: ev.News) -> Iterator[Op]:
        """Yield what begins, ends or happens with this news, in order."""
        if isinstance(news, ev.Recorded):
            yield from self._fact(news)
        elif isinstance(news, ev.TaskStarted):
            run = self._runs.get(news.run)
            if run is not None:
                yield from self._begin(run, news.task, news.node, news.attempt, news.at)

    def _fact(self, fact: ev.Recorded) -> Iterator[Op]:
        event, at = fact.event, fact.at
        run = self._runs.setdefault(fact.run, _Run(fact.run, step_began=at))
        match event:
            case ev.RunStarted():
                run.workflow = event.workflow
            case ev.LegStarted():
                run.leg, run.commit = event.leg, max(event.commit, 0)
                yield self._leg(run, event, at)
            case ev.SuperstepCommitted():
                yield from self._committed(run, event, at)
            case ev.RunFinished() | ev.RunFailed() | ev.RunCancelled() | ev.RunWaiting():
                yield from self._leg_ended(run, event, at)
            case _:
                yield from self._of_task(run, event, at)

    def _of_task(self, run: _Run, event: ev.AnyEvent, at: float) -> Iterator[Op]:
        match event:
            case ev.TaskFinished():
                yield from self._ended(run, event, event.attempt, at)
            case ev.TaskFailed():
                error = event.error
                yield from self._ended(run, event, error.attempt, at, error=error.message)
            case ev.TaskCancelled():
                if event.task in run.nodes:
                    yield from self._close(run, event.task, at, f"cancelled: {event.reason}")
            case ev.TaskRetried():
                yield from self._begin_late(run, event.task, event.node, event.attempt, at, 0.0)
                yield from self._end_attempt(run, event.task, at, event.error.message)
                yield self._mark(run, event.task, "retry", at, attempt=event.attempt)
            case ev.BarrierOpened() | ev.WaitOpened():
                yield from self._begin_late(run, event.task, event.node, 1, at, 0.0)
                yield from self._end_attempt(run, event.task, at)
                kind = "barrier" if isinstance(event, ev.BarrierOpened) else event.kind
                yield self._mark(run, event.task, "parked", at, kind=kind)
            case ev.BarrierDecided():
                if event.task in run.nodes:
                    yield self._mark(run, event.task, "decided", at, choice=event.choice)
            case _:
                pass

    def _leg(self, run: _Run, event: ev.LegStarted, at: float) -> Begin:
        attributes: dict[str, Any] = {"run": run.run, "leg": run.leg, "reason": event.reason}
        if run.workflow:
            attributes["workflow"] = run.workflow
        name = f"run {run.workflow}".strip()
        run.step_began = at
        return Begin(key=run.key, parent="", run=run.run, name=name, at=at, attributes=attributes)

    def _step(self, run: _Run) -> Iterator[Op]:
        """Begin the superstep that is going on, unless it has begun."""
        if not run.step_open:
            run.step_open = True
            yield Begin(
                key=run.step_key,
                parent=run.key,
                run=run.run,
                name="superstep",
                at=run.step_began,
                attributes={"commit": run.commit},
            )

    def _committed(self, run: _Run, event: ev.SuperstepCommitted, at: float) -> Iterator[Op]:
        run.commit = event.commit if not run.step_open else run.commit
        yield from self._step(run)
        attributes = {"admitted": len(event.admitted), "changed": list(event.changed)}
        yield End(key=run.step_key, at=at, attributes=attributes)
        run.step_open, run.step_began, run.commit = False, at, event.commit + 1

    def _begin(self, run: _Run, task: str, node: str, attempt: int, at: float) -> Iterator[Op]:
        if task not in run.nodes:
            yield from self._step(run)
            run.nodes[task] = None
            yield Begin(
                key=run.node_key(task),
                parent=run.step_key,
                run=run.run,
                name=f"node {node}",
                at=at,
                attributes={"node": node, "task": task},
            )
        if run.nodes[task] is None:
            run.nodes[task] = _Attempt(attempt, at)
            yield Begin(
                key=run.attempt_key(task, attempt),
                parent=run.node_key(task),
                run=run.run,
                name=f"attempt {attempt}",
                at=at,
                attributes={"attempt": attempt},
            )

    def _begin_late(
        self, run: _Run, task: str, node: str, attempt: int, at: float, seconds: float
    ) -> Iterator[Op]:
        """Begin an attempt that nobody told of: a function that ended before it could be seen."""
        if run.nodes.get(task) is None:
            yield from self._begin(run, task, node, attempt, max(run.step_began, at - seconds))

    def _end_attempt(self, run: _Run, task: str, at: float, error: str = "") -> Iterator[Op]:
        attempt = run.nodes.get(task)
        if attempt is not None:
            run.nodes[task] = None
            yield End(key=run.attempt_key(task, attempt.number), at=at, error=error)

    def _ended(
        self,
        run: _Run,
        event: ev.TaskFinished | ev.TaskFailed,
        attempt: int,
        at: float,
        *,
        error: str = "",
    ) -> Iterator[Op]:
        task, seconds = event.task, event.duration_s
        yield from self._begin_late(run, task, event.node, attempt, at, seconds)
        known = run.nodes[task]
        moment = at if known is None else min(at, known.began + seconds)
        yield from self._close(run, task, moment, error)

    def _close(self, run: _Run, task: str, at: float, error: str = "") -> Iterator[Op]:
        yield from self._end_attempt(run, task, at, error)
        del run.nodes[task]
        yield End(key=run.node_key(task), at=at, error=error)

    def _mark(self, run: _Run, task: str, name: str, at: float, **attributes: Any) -> Mark:
        return Mark(key=run.node_key(task), name=name, at=at, attributes=attributes)

    def _leg_ended(self, run: _Run, event: ev.AnyEvent, at: float) -> Iterator[Op]:
        for task in list(run.nodes):
            yield from self._close(run, task, at)
        if run.step_open:
            yield End(key=run.step_key, at=at)
        error = event.error.message if isinstance(event, ev.RunFailed) else ""
        yield End(key=run.key, at=at, error=error, attributes={"ended": type(event).__name__})
        del self._runs[run.run]
