"""How the parts fare that runs depend on: the store, what waits to be stored, the sinks (U115)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine import events as ev
from engine.ids import RunId
from engine.quota import Usage
from engine.sinks.hosts import troubles as sink_troubles
from engine.sinks.sink import SinkHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsavedRun:
    """A run of this process whose commits from `since` on are not stored; `problem`: why."""

    run: RunId
    since: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How everything fares at one moment. Times are seconds since the epoch.

    Attributes:
        place: the file of the store, or what it is instead.
        log_bytes: of `usage`, what the write-ahead log takes.
        last_commit_at: when this process stored a commit last.
        last_failure: what the store refused last, in this process. `failed_at`: when.
        queued: writes that wait for the thread that stores.
        driven: runs that this process drives.
        cache: what kept results take of their limit. `kept`: how many there are.
    """

    place: str
    usage: Usage
    log_bytes: int
    last_commit_at: float | None
    last_failure: str
    failed_at: float | None
    queued: int
    driven: int
    unsaved: tuple[UnsavedRun, ...]
    sinks: tuple[SinkHealth, ...]
    kept: int
    cache: Usage

    @property
    def troubles(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong now; none when all is well."""
        found = [
            f"Run {each.run} cannot be saved: {each.problem}"
            for each in self.unsaved
            if each.problem
        ]
        if self.usage.is_near:
            found.append(self.usage.words())
        last = self.last_commit_at
        is_new = self.failed_at is not None and (last is None or self.failed_at >= last)
        if is_new and not any(each.problem for each in self.unsaved):
            found.append(self.last_failure)
        return (*found, *sink_troubles(self.sinks))


class Vitals:
    """What is noted of the store while runs are driven."""

    def __init__(self) -> None:
        self.last_commit_at: float | None = None
        self.last_failure = ""
        self.failed_at: float | None = None
        self.unsaved: dict[RunId, UnsavedRun] = {}

    def heard(self, news: Sequence[ev.News], now: Callable[[], float]) -> None:
        """Note what the news say of the store; called for every commit."""
        last = news[-1]
        if type(last) is ev.Recorded:
            self.last_commit_at = last.at
        elif type(last) is ev.Unsaved:
            if last.since is None:
                self.unsaved.pop(last.run, None)
                return
            self.unsaved[last.run] = UnsavedRun(
                run=last.run, since=last.since, problem=last.problem
            )
            if last.problem:
                self.failed(last.problem, now())

    def failed(self, problem: str, now: float) -> None:
        """Note what the store has refused."""
        self.last_failure, self.failed_at = problem, now

    def leg_ended(self, run: RunId) -> None:
        """Forget what a run that is no longer driven here had not stored."""
        self.unsaved.pop(run, None)
