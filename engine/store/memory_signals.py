"""Events in memory: the same rules as on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.ids import RunId, TaskId
from engine.runtime.ports import Listener, SignalChanges, SignalRecord


class MemorySignals:
    """Events, takes and listeners. The owner guards it with a lock."""

    def __init__(self) -> None:
        self._signals: dict[int, SignalRecord] = {}
        self._taken: set[tuple[int, RunId]] = set()
        self._listeners: dict[tuple[RunId, TaskId], Listener] = {}
        self.last = 0

    def add(self, signal: SignalRecord) -> SignalRecord:
        """Store an event, unless one of its id is there; return what is stored."""
        taken = {number for number, _ in self._taken}
        for each in list(self._signals.values()):
            if each.expires_at <= signal.at and each.number not in taken:
                del self._signals[each.number]
        return self._insert(signal)

    def pending(self, run: RunId, after: int, now: float) -> list[SignalRecord]:
        """Return the events that a run may still take, oldest first."""
        return [
            each
            for each in self._signals.values()
            if (each.run == run or (not each.run and each.number > after))
            and each.expires_at > now
            and (each.number, run) not in self._taken
        ]

    def listeners(self, name: str | None, alive: Iterable[RunId]) -> list[Listener]:
        """Return what waits for events in runs that have not ended, oldest first."""
        runs = set(alive)
        found = [
            each
            for each in self._listeners.values()
            if each.run in runs and name in (None, each.name)
        ]
        return sorted(found, key=lambda each: each.opened_at)

    def broadcasts(self, after: int, now: float) -> list[SignalRecord]:
        """Return the events to all runs with a number above `after`, oldest first."""
        return [
            each
            for each in self._signals.values()
            if not each.run and each.number > after and each.expires_at > now
        ]

    def write(self, run: RunId, changes: SignalChanges) -> None:
        """Write what a commit does with events."""
        for signal in changes.sent:
            self._insert(signal)
        self._taken.update((number, run) for number, _ in changes.taken)
        for task in changes.closed:
            self._listeners.pop((run, task), None)
        for each in changes.opened:
            self._listeners[run, each.task] = each

    def forget(self, run: RunId) -> None:
        """Drop what belongs to a run that is deleted."""
        self._taken = {take for take in self._taken if take[1] != run}
        self._listeners = {key: row for key, row in self._listeners.items() if key[0] != run}

    def _insert(self, signal: SignalRecord) -> SignalRecord:
        known = next((each for each in self._signals.values() if each.id == signal.id), None)
        if known is not None:
            return known
        self.last += 1
        stored = replace(signal, number=self.last)
        self._signals[self.last] = stored
        return stored
