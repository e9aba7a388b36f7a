"""Events that were sent to runs, what took them, and which tasks wait for one.

An event is one row. That a run took it is another row, written with the commit that
admits it, so that no run ever takes an event twice.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from engine.ids import RunId, TaskId
from engine.runtime.ports import Listener, SignalChanges, SignalRecord
from engine.store.blobs import Aside, Blobs, Parts
from engine.store.database import Database
from engine.store.encoding import decoder, encode, pack, readable, unpack
from engine.store.leaves import keep, map_leaves
from engine.store.rows import Row, run_number

Json = Any

_SELECT = """
    SELECT s.no, s.id, s.name, s.run, s.payload, s.at, s.expires_at, s.sent_by, s.through,
      s.source_run, s.source_task
    FROM signals s"""
#: Joined with a run `r`: the events that it may still take at the time ``:now``.
OPEN = """
    (s.run = r.id OR (s.run = '' AND s.no > r.signals_after)) AND s.expires_at > :now
    AND NOT EXISTS (SELECT 1 FROM signal_takes t WHERE t.signal_no = s.no AND t.run_no = r.no)"""


class SignalLog:
    """Events, takes and listeners in one database."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._decode = decoder(Any, blobs.resolve).decode

    def add(self, signal: SignalRecord) -> SignalRecord:
        """Store an event, unless one of its id is there; return what is stored."""
        with self._database.transaction(durable=True) as connection:
            _drop_expired(connection, signal.at)
            self._insert(connection, signal)
            row = connection.execute(_SELECT + " WHERE s.id = ?", (signal.id,)).fetchone()
            return self._record(row)

    def pending(self, run: RunId, now: float) -> list[SignalRecord]:
        """Return the events that a run may still take, oldest first."""
        with self._database.reader() as connection:
            rows = connection.execute(
                f"{_SELECT} JOIN runs r ON r.no = :run WHERE {OPEN} ORDER BY s.no",
                {"run": run_number(connection, run), "now": now},
            ).fetchall()
            return [self._record(row) for row in rows]

    def listeners(self, name: str | None) -> list[Listener]:
        """Return what waits for events in runs that have not ended, oldest first."""
        with self._database.reader() as connection:
            rows = connection.execute(
                "SELECT r.id, l.task, l.name, l.opened_at, l.due_at FROM listeners l"
                " JOIN runs r ON r.no = l.run_no"
                " WHERE r.status NOT IN ('completed', 'failed', 'cancelled')"
                " AND coalesce(:name, l.name) = l.name ORDER BY l.opened_at, r.no, l.task",
                {"name": name},
            ).fetchall()
        return [
            Listener(run=RunId(row[0]), task=TaskId(row[1]), name=row[2], opened_at=row[3],
                     due_at=row[4])
            for row in rows
        ]  # fmt: skip

    def broadcasts(self, after: int, now: float) -> list[SignalRecord]:
        """Return the events to all runs with a number above `after`, oldest first."""
        with self._database.reader() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE s.run = '' AND s.no > ? AND s.expires_at > ? ORDER BY s.no",
                (after, now),
            ).fetchall()
            return [self._record(row) for row in rows]

    def last(self) -> int:
        """Return the number of the newest event, also of one that is gone; 0: none."""
        with self._database.reader() as connection:
            row = connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'signals'"
            ).fetchone()
        return int(row[0]) if row else 0

    def write(self, connection: sqlite3.Connection, run_no: int, changes: SignalChanges) -> None:
        """Write what a commit does with events, within its transaction."""
        for signal in changes.sent:
            self._insert(connection, signal)
        connection.executemany(
            "INSERT INTO signal_takes (signal_no, run_no, task) VALUES (?, ?, ?)",
            [(number, run_no, task) for number, task in changes.taken],
        )
        connection.executemany(
            "DELETE FROM listeners WHERE run_no = ? AND task = ?",
            [(run_no, task) for task in changes.closed],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO listeners (run_no, task, name, opened_at, due_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (run_no, each.task, each.name, each.opened_at, each.due_at)
                for each in changes.opened
            ],
        )

    def _insert(self, connection: sqlite3.Connection, given: SignalRecord) -> None:
        signal = map_leaves(given, keep, readable)
        parts: Parts = {}
        payload = pack(encode(Aside().put(signal.payload, parts)))
        cursor = connection.execute(
            "INSERT OR IGNORE INTO signals (id, name, run, payload, at, expires_at, sent_by,"
            " through, source_run, source_task) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                signal.id,
                signal.name,
                signal.run,
                payload,
                signal.at,
                signal.expires_at,
                signal.by,
                signal.through,
                *signal.source,
            ),
        )
        if cursor.rowcount and cursor.lastrowid is not None:
            self._blobs.write(connection, "s", cursor.lastrowid, parts)

    def _record(self, row: Row) -> SignalRecord:
        return SignalRecord(
            number=row[0],
            id=row[1],
            name=row[2],
            run=row[3],
            payload=self._decode(unpack(row[4])),
            at=row[5],
            expires_at=row[6],
            by=row[7],
            through=row[8],
            source=(row[9], row[10]),
        )


def _drop_expired(connection: sqlite3.Connection, now: float) -> None:
    """Delete events that nobody can take any more and nobody has taken."""
    connection.execute(
        "DELETE FROM blob_uses WHERE kind = 's' AND owner IN (SELECT s.no FROM signals s"
        " WHERE s.expires_at <= :now"
        " AND NOT EXISTS (SELECT 1 FROM signal_takes t WHERE t.signal_no = s.no))",
        {"now": now},
    )
    connection.execute(
        "DELETE FROM signals WHERE expires_at <= :now"
        " AND NOT EXISTS (SELECT 1 FROM signal_takes t WHERE t.signal_no = signals.no)",
        {"now": now},
    )
