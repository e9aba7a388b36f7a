"""Armed triggers and their firings in one database.

A firing is stored with how far its trigger has got, in one transaction that somebody else's
move of the same trigger makes impossible: so it is stored once, whoever looks. Which process
starts its run is decided by another one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
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
from engine.store.database import Database
from engine.store.encoding import decoder, encode, pack, readable, unpack
from engine.store.leases import is_alive
from engine.store.rows import Row, holder_of

Json = Any
_decode = decoder(Any).decode
_TRIGGER = """
    SELECT no, source, node, type, workflow_id, workflow, settings, overlap, armed, armed_at,
      seen, next_due, last_fired, memory, turn, problem FROM triggers"""
_FIRING = "SELECT no, trigger_no, key, run, at, due_at, status, reason FROM firings"
_OPEN = "status IN ('waiting', 'claimed', 'started')"
#: Joined with the runs that there are.
_OPEN_OF = """
    SELECT f.no, f.status, r.status, f.host, f.pid, f.boot, f.process_started, f.claimed_at
    FROM firings f LEFT JOIN runs r ON r.id = f.run
    WHERE f.trigger_no = ? AND f.status IN ('waiting', 'claimed', 'started') ORDER BY f.no"""
_FORGET = """
    DELETE FROM firings
    WHERE trigger_no = :trigger AND status IN ('done', 'skipped', 'refused') AND no <= (
      SELECT no FROM firings
      WHERE trigger_no = :trigger AND status IN ('done', 'skipped', 'refused')
      ORDER BY no DESC LIMIT 1 OFFSET :kept)"""
_ENDED = ("completed", "failed", "cancelled")


class TriggerTables:
    """The part of the store on disk that keeps triggers."""

    _database: Database

    def arm(self, trigger: TriggerRecord) -> TriggerRecord:
        """Store an armed trigger and return it with its number."""
        settings = json.dumps(trigger.settings, sort_keys=True).encode()
        source, node = readable(trigger.source), readable(trigger.node)
        with self._database.transaction(durable=True) as connection:
            row = connection.execute(
                "SELECT no, type, settings, armed FROM triggers WHERE source = ? AND node = ?",
                (source, node),
            ).fetchone()
            named = (trigger.workflow_id, readable(trigger.workflow), trigger.overlap)
            if row is not None and row[3] and (row[1], row[2]) == (trigger.type, settings):
                connection.execute(
                    "UPDATE triggers SET workflow_id = ?, workflow = ?, overlap = ? WHERE no = ?",
                    (*named, row[0]),
                )
            else:
                connection.execute(
                    "INSERT INTO triggers (source, node, workflow_id, workflow, overlap, type,"
                    " settings, armed, armed_at, seen, next_due, memory, turn, problem)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 0, '')"
                    " ON CONFLICT (source, node) DO UPDATE SET workflow_id = excluded.workflow_id,"
                    " workflow = excluded.workflow, overlap = excluded.overlap,"
                    " type = excluded.type, settings = excluded.settings, armed = 1,"
                    " armed_at = excluded.armed_at, seen = excluded.seen,"
                    " next_due = excluded.next_due, memory = excluded.memory,"
                    " turn = turn + 1, problem = ''",
                    (
                        source,
                        node,
                        *named,
                        trigger.type,
                        settings,
                        trigger.armed_at,
                        trigger.seen,
                        trigger.next_due,
                        pack(encode(trigger.memory)),
                    ),
                )
            stored = connection.execute(
                f"{_TRIGGER} WHERE source = ? AND node = ?", (source, node)
            ).fetchone()
        return _trigger(stored)

    def disarm(self, source: str, *, keep: Sequence[str] = ()) -> int:
        """Disarm the triggers of a file but for the nodes in `keep`; return how many."""
        with self._database.transaction(durable=True) as connection:
            found = connection.execute(
                "SELECT no, node FROM triggers WHERE source = ? AND armed", (readable(source),)
            ).fetchall()
            gone = [(number,) for number, node in found if node not in keep]
            connection.executemany(
                "UPDATE triggers SET armed = 0, next_due = NULL, turn = turn + 1 WHERE no = ?", gone
            )
            connection.executemany(
                "UPDATE firings SET status = 'skipped', reason = 'it was disarmed'"
                " WHERE trigger_no = ? AND status = 'waiting'",
                gone,
            )
        return len(gone)

    def triggers(self) -> list[TriggerRecord]:
        """Return all triggers, those that are disarmed too, by file and node."""
        with self._database.reader() as connection:
            rows = connection.execute(f"{_TRIGGER} ORDER BY source, node").fetchall()
        return [_trigger(row) for row in rows]

    def fire(
        self, trigger: int, at: float, firings: Sequence[Firing], move: TriggerMove | None = None
    ) -> list[FiringRecord] | None:
        """Store firings and how far the trigger has got, durably, in one transaction."""
        with self._database.transaction(durable=bool(firings)) as connection:
            if not _moved(connection, trigger, move):
                return None
            connection.executemany(
                "INSERT OR IGNORE INTO firings (trigger_no, key, run, at, due_at, status, reason,"
                " payload, host, boot, process_started, claimed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, 0)",
                [_values(trigger, at, each) for each in firings],
            )
            found = [
                connection.execute(
                    f"{_FIRING} WHERE trigger_no = ? AND key = ?", (trigger, readable(each.key))
                ).fetchone()
                for each in firings
            ]
            if firings:
                connection.execute("UPDATE triggers SET last_fired = ? WHERE no = ?", (at, trigger))
                _forget_old(connection, trigger)
        return [_firing(row) for row in found]

    def claim_firing(self, trigger: int, holder: Holder, now: float) -> FiringRecord | None:
        """Take the firing that is to be started next, if there is one."""
        with self._database.reader() as connection:  # most looks find nothing
            if not connection.execute(_OPEN_OF, (trigger,)).fetchone():
                return None
        with self._database.transaction() as connection:
            overlap = connection.execute(
                "SELECT overlap FROM triggers WHERE no = ?", (trigger,)
            ).fetchone()
            if overlap is None:
                return None
            rows = connection.execute(_OPEN_OF, (trigger,)).fetchall()
            choice = choose(overlap[0], [_open(row, now) for row in rows])
            _settle(connection, choice.done, "done")
            _settle(connection, choice.started, "started")
            _settle(connection, choice.skipped, "skipped", "a run of it was still going on")
            if choice.claim is None:
                return None
            connection.execute(
                "UPDATE firings SET status = 'claimed', host = ?, pid = ?, boot = ?,"
                " process_started = ?, claimed_at = ? WHERE no = ?",
                (holder.host, holder.pid, holder.boot, holder.started, now, choice.claim),
            )
            row = connection.execute(f"{_FIRING} WHERE no = ?", (choice.claim,)).fetchone()
            (payload,) = connection.execute(
                "SELECT payload FROM firings WHERE no = ?", (choice.claim,)
            ).fetchone()
        return _firing(row, _decode(unpack(payload)))

    def settle_firing(self, number: int, status: FiringStatus, reason: str = "") -> None:
        """Say what became of a firing that was claimed."""
        with self._database.transaction() as connection:
            _settle(connection, [number], status, reason)

    def firings(self, trigger: int | None = None, *, limit: int = 100) -> list[FiringRecord]:
        """Return firings, newest first, without their payloads."""
        with self._database.reader() as connection:
            rows = connection.execute(
                f"{_FIRING} WHERE coalesce(:trigger, trigger_no) = trigger_no"
                " ORDER BY no DESC LIMIT :limit",
                {"trigger": trigger, "limit": limit},
            ).fetchall()
        return [_firing(row) for row in rows]

    def open_firings(self) -> list[FiringRecord]:
        """Return the firings that are waiting, claimed or started, without their payloads."""
        with self._database.reader() as connection:
            rows = connection.execute(f"{_FIRING} WHERE {_OPEN} ORDER BY no").fetchall()
        return [_firing(row) for row in rows]


def _moved(connection: sqlite3.Connection, trigger: int, move: TriggerMove | None) -> bool:
    """Store how far a trigger has got; return whether it is armed and still where it was."""
    if move is None:
        found = connection.execute("SELECT armed FROM triggers WHERE no = ?", (trigger,)).fetchone()
        return bool(found and found[0])
    changed = connection.execute(
        "UPDATE triggers SET seen = ?, next_due = ?, memory = ?, problem = ?, turn = turn + 1"
        " WHERE no = ? AND turn = ? AND armed",
        (
            move.seen,
            move.next_due,
            pack(encode(move.memory)),
            readable(move.problem),
            trigger,
            move.turn,
        ),
    ).rowcount
    return changed > 0


def _values(trigger: int, at: float, firing: Firing) -> tuple[object, ...]:
    status = "skipped" if firing.skipped else "waiting"
    payload = pack(encode(None if firing.skipped else firing.payload))
    reason = readable(firing.skipped)
    return trigger, readable(firing.key), firing.run, at, firing.due_at, status, reason, payload


def _settle(
    connection: sqlite3.Connection, numbers: Iterable[int], status: FiringStatus, reason: str = ""
) -> None:
    """Change what is known of firings; the payload of one that is started is its run's."""
    connection.executemany(
        "UPDATE firings SET status = ?, reason = ?, payload = ? WHERE no = ?",
        [(status, readable(reason), pack(encode(None)), number) for number in numbers],
    )


def _forget_old(connection: sqlite3.Connection, trigger: int) -> None:
    connection.execute(_FORGET, {"trigger": trigger, "kept": KEPT_FIRINGS})


def _open(row: Row, now: float) -> OpenFiring:
    holder = holder_of(row[3:7])
    status = row[2]
    return OpenFiring(
        number=row[0],
        status=row[1],
        run="none" if status is None else "ended" if status in _ENDED else "open",
        is_held=holder is not None and is_alive(holder, row[7], now),
    )


def _trigger(row: Row) -> TriggerRecord:
    return TriggerRecord(
        number=row[0],
        source=row[1],
        node=row[2],
        type=row[3],
        workflow_id=row[4],
        workflow=row[5],
        settings=json.loads(row[6]),
        overlap=row[7],
        armed=bool(row[8]),
        armed_at=row[9],
        seen=row[10],
        next_due=row[11],
        last_fired=row[12],
        memory=_decode(unpack(row[13])),
        turn=row[14],
        problem=row[15],
    )


def _firing(row: Row, payload: Json = None) -> FiringRecord:
    return FiringRecord(
        number=row[0],
        trigger=row[1],
        key=row[2],
        run=RunId(row[3]),
        at=row[4],
        due_at=row[5],
        status=row[6],
        reason=row[7],
        payload=payload,
    )
