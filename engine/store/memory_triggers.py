"""Armed triggers and their firings in memory: the same rules as on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.ids import RunId
from engine.runtime.holders import Holder
from engine.runtime.trigger_ports import (
    KEPT_FIRINGS,
    Firing,
    FiringRecord,
    FiringStatus,
    OpenFiring,
    TriggerMove,
    TriggerRecord,
    choose,
)
from engine.state.status import ENDED
from engine.store.leases import is_alive

_OPEN = frozenset({"waiting", "claimed", "started"})


@dataclass(slots=True)
class _Row:
    record: FiringRecord
    holder: Holder | None = None
    claimed_at: float = 0.0


class MemoryTriggers:
    """The part of the store in memory that keeps triggers."""

    _lock: threading.RLock
    #: Runs by id, each with its `status`.
    _runs: dict[RunId, Any]

    def __init__(self) -> None:
        self._armed: dict[tuple[str, str], TriggerRecord] = {}
        self._fired: dict[int, _Row] = {}
        self._last_trigger = self._last_firing = 0

    def arm(self, trigger: TriggerRecord) -> TriggerRecord:
        """Store an armed trigger and return it with its number."""
        with self._lock:
            place = trigger.source, trigger.node
            known = self._armed.get(place)
            if known is None:
                self._last_trigger += 1
                stored = replace(trigger, number=self._last_trigger, armed=True, turn=0)
            elif known.armed and (known.type, known.settings) == (trigger.type, trigger.settings):
                stored = replace(
                    known,
                    workflow_id=trigger.workflow_id,
                    workflow=trigger.workflow,
                    overlap=trigger.overlap,
                )
            else:
                stored = replace(
                    trigger,
                    number=known.number,
                    armed=True,
                    turn=known.turn + 1,
                    last_fired=known.last_fired,
                    problem="",
                )
            self._armed[place] = stored
            return stored

    def disarm(self, source: str, *, keep: Sequence[str] = ()) -> int:
        """Disarm the triggers of a file but for the nodes in `keep`; return how many."""
        with self._lock:
            gone = [
                each
                for each in self._armed.values()
                if each.source == source and each.armed and each.node not in keep
            ]
            for each in gone:
                self._armed[each.source, each.node] = replace(
                    each, armed=False, next_due=None, turn=each.turn + 1
                )
                waiting = [
                    number
                    for number, row in self._fired.items()
                    if (row.record.trigger, row.record.status) == (each.number, "waiting")
                ]
                self._settle_firings(waiting, "skipped", "it was disarmed")
            return len(gone)

    def triggers(self) -> list[TriggerRecord]:
        """Return all triggers, those that are disarmed too, by file and node."""
        with self._lock:
            return [self._armed[place] for place in sorted(self._armed)]

    def fire(
        self, trigger: int, at: float, firings: Sequence[Firing], move: TriggerMove | None = None
    ) -> list[FiringRecord] | None:
        """Store firings and how far the trigger has got, in one transaction."""
        with self._lock:
            known = self._trigger_of(trigger)
            if known is None or not known.armed or (move and move.turn != known.turn):
                return None
            if move is not None:
                known = replace(
                    known,
                    seen=move.seen,
                    next_due=move.next_due,
                    memory=move.memory,
                    problem=move.problem,
                    turn=known.turn + 1,
                )
            if firings:
                known = replace(known, last_fired=at)
            self._armed[known.source, known.node] = known
            found = [self._insert_firing(trigger, at, each) for each in firings]
            over = [
                number
                for number, row in self._fired.items()
                if row.record.trigger == trigger and row.record.status not in _OPEN
            ]
            for number in over[:-KEPT_FIRINGS]:
                del self._fired[number]
            return found

    def claim_firing(self, trigger: int, holder: Holder, now: float) -> FiringRecord | None:
        """Take the firing that is to be started next, if there is one."""
        with self._lock:
            known = self._trigger_of(trigger)
            rows = [row for row in self._fired.values() if row.record.trigger == trigger]
            if known is None:
                return None
            choice = choose(
                known.overlap,
                [self._open_firing(row, now) for row in rows if row.record.status in _OPEN],
            )
            self._settle_firings(choice.done, "done")
            self._settle_firings(choice.started, "started")
            self._settle_firings(choice.skipped, "skipped", "a run of it was still going on")
            if choice.claim is None:
                return None
            row = self._fired[choice.claim]
            row.holder, row.claimed_at = holder, now
            row.record = replace(row.record, status="claimed")
            return row.record

    def settle_firing(self, number: int, status: FiringStatus, reason: str = "") -> None:
        """Say what became of a firing that was claimed."""
        with self._lock:
            self._settle_firings([number], status, reason)

    def firings(self, trigger: int | None = None, *, limit: int = 100) -> list[FiringRecord]:
        """Return firings, newest first, without their payloads."""
        with self._lock:
            found = [
                replace(row.record, payload=None)
                for row in self._fired.values()
                if trigger in (None, row.record.trigger)
            ]
        return found[::-1][:limit]

    def open_firings(self) -> list[FiringRecord]:
        """Return the firings that are waiting, claimed or started, without their payloads."""
        with self._lock:
            rows = [row.record for row in self._fired.values() if row.record.status in _OPEN]
        return [replace(each, payload=None) for each in rows]

    def _trigger_of(self, number: int) -> TriggerRecord | None:
        return next((each for each in self._armed.values() if each.number == number), None)

    def _insert_firing(self, trigger: int, at: float, firing: Firing) -> FiringRecord:
        for row in self._fired.values():
            if (row.record.trigger, row.record.key) == (trigger, firing.key):
                return replace(row.record, payload=None)
        self._last_firing += 1
        record = FiringRecord(
            number=self._last_firing,
            trigger=trigger,
            key=firing.key,
            run=firing.run,
            at=at,
            due_at=firing.due_at,
            status="skipped" if firing.skipped else "waiting",
            reason=firing.skipped,
            payload=None if firing.skipped else firing.payload,
        )
        self._fired[record.number] = _Row(record)
        return replace(record, payload=None)

    def _settle_firings(
        self, numbers: Iterable[int], status: FiringStatus, reason: str = ""
    ) -> None:
        for number in numbers:
            row = self._fired[number]
            row.record = replace(row.record, status=status, reason=reason, payload=None)

    def _open_firing(self, row: _Row, now: float) -> OpenFiring:
        run = self._runs.get(row.record.run)
        return OpenFiring(
            number=row.record.number,
            status=row.record.status,
            run="none" if run is None else "ended" if run.status in ENDED else "open",
            is_held=row.holder is not None and is_alive(row.holder, row.claimed_at, now),
        )
