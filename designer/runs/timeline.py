"""The commits of a run and of its forks, as lanes of ticks. Pure; no Qt, no store."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from designer.runs.rows import CommitSummary, RunRecord

#: Lanes shown at most; the run shown, its ancestors and the newest forks go first.
LANE_LIMIT = 24


@dataclass(frozen=True, slots=True)
class Tick:
    """One commit on a lane.

    Attributes:
        number: index of the commit.
        at: seconds since the epoch.
        tasks: the tasks whose results it holds.
        changed: the channels whose value it changed.
        status: of the run after it, in words.
    """

    number: int
    at: float
    tasks: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    status: str = "running"


def tick_of(summary: CommitSummary) -> Tick:
    """The tick of a stored commit."""
    return Tick(
        summary.number, summary.at, tuple(summary.tasks), summary.changed, str(summary.status)
    )


@dataclass(slots=True)
class Lane:
    """A run or a fork, with the commits known of it, oldest first.

    Attributes:
        depth: how many forks lie between it and the first run.
    """

    run: str
    parent: str | None = None
    parent_commit: int | None = None
    status: str = "created"
    title: str = ""
    depth: int = 0
    ticks: list[Tick] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The index of the newest commit, -1 when none is known."""
        return self.ticks[-1].number if self.ticks else -1

    def index(self, number: int) -> int:
        """The place in `ticks` of commit `number`, -1 when it is not known."""
        first = self.ticks[0].number if self.ticks else 0
        guess = number - first
        if 0 <= guess < len(self.ticks) and self.ticks[guess].number == number:
            return guess
        found = bisect_left(self.ticks, number, key=lambda tick: tick.number)
        if found < len(self.ticks) and self.ticks[found].number == number:
            return found
        return -1

    def tick(self, number: int) -> Tick | None:
        """The tick of commit `number`."""
        found = self.index(number)
        return self.ticks[found] if found >= 0 else None

    def merge(self, ticks: Sequence[Tick]) -> bool:
        """Take in ticks that may be known already; the newer news of a commit wins.

        Returns:
            Whether anything is different now.
        """
        fresh = [tick for tick in ticks if tick != self.tick(tick.number)]
        if not fresh:
            return False
        if fresh[0].number > self.last:
            self.ticks.extend(fresh)
            return True
        known = {tick.number: tick for tick in self.ticks}
        known.update((tick.number, tick) for tick in fresh)
        self.ticks = [known[number] for number in sorted(known)]
        return True

    def end(self, status: str, commit: int | None = None) -> bool:
        """Say how the run stands after its last commit; whether that is news.

        Args:
            status: in words.
            commit: the commit that it stands so after, where the ticks may not reach so far.
        """
        last = self.ticks[-1] if self.ticks else None
        if last is not None and commit is not None and commit != last.number:
            last = None
        if self.status == status and (last is None or last.status == status):
            return False
        self.status = status
        if last is not None:
            self.ticks[-1] = Tick(last.number, last.at, last.tasks, last.changed, status)
        return True


def family(records: Iterable[RunRecord], run: str) -> list[Lane]:
    """The lanes of `run`, of the run it was forked from and of all their forks.

    Parents stand before their forks, forks in the order in which they were made. A parent
    that is not among `records` is left out.
    """
    by_run = {str(record.run): record for record in records}
    children: dict[str, list[str]] = {}
    for record in sorted(by_run.values(), key=lambda item: item.started_at):
        if record.parent is not None:
            children.setdefault(str(record.parent), []).append(str(record.run))
    root = run
    seen = {root}
    while root in by_run:
        parent = str(by_run[root].parent)
        if parent not in by_run or parent in seen:
            break
        root = parent
        seen.add(root)
    lanes: list[Lane] = []
    pending = [(root, 0)]
    while pending:
        key, depth = pending.pop()
        found = by_run.get(key)
        if found is None:
            continue
        lanes.append(_lane(found, depth))
        pending.extend((child, depth + 1) for child in reversed(children.get(key, [])))
    return _limited(lanes, run)


def _lane(record: RunRecord, depth: int) -> Lane:
    parent = str(record.parent) if record.parent is not None else None
    return Lane(
        run=str(record.run),
        parent=parent,
        parent_commit=record.parent_commit,
        status="interrupted" if record.interrupted else str(record.status),
        title=record.title,
        depth=depth,
    )


def _limited(lanes: list[Lane], run: str) -> list[Lane]:
    if len(lanes) <= LANE_LIMIT:
        return lanes
    by_run = {lane.run: lane for lane in lanes}
    wanted: set[str] = set()
    current: str | None = run
    while current is not None and current in by_run and current not in wanted:
        wanted.add(current)
        current = by_run[current].parent
    for lane in reversed(lanes):
        if len(wanted) >= LANE_LIMIT:
            break
        wanted.add(lane.run)
    return [lane for lane in lanes if lane.run in wanted]
