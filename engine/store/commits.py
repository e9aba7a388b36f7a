"""The hot path: one commit is one row, written by one statement where nothing else changes.

The statement itself checks that the writer still holds the lease. What does not change
with every commit (status, due time, key frame, requests, large values) is written only
when it does, in the same transaction.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from engine.errors import EngineBug
from engine.events import LegStarted, TaskCancelled, TaskFailed, TaskFinished, TaskRetried
from engine.ids import RunId, TaskId
from engine.runtime.ports import CommitRecord, JournalRecord, Lease
from engine.state.run_state import Delta, RunState
from engine.state.status import ENDED
from engine.store import leases
from engine.store.blobs import Aside, Blobs, Parts
from engine.store.database import REFUSALS, Database
from engine.store.encoding import LARGE_BYTES, EventPage, encode, pack
from engine.store.refusals import store_error
from engine.store.requests import RequestLog
from engine.store.rows import commit_id, holder_of, id_range, number_of, run_number
from engine.store.signals import SignalLog

Json = Any

#: A key frame is kept when the commits since the last one take this many times its bytes.
#: All frames together then take at most half of what commits take, however large the state is.
FRAME_RATIO = 2
#: Facts after which a journalled result or a claim of their task is settled.
_SETTLES = (TaskFinished, TaskFailed, TaskRetried, TaskCancelled)

_INSERT = """
    INSERT INTO commits (id, at, first_seq, event_count, status, events, delta)
    SELECT ?, ?, ?, ?, ?, ?, ? FROM leases WHERE run_no = ? AND epoch = ?"""
_JOURNAL = """
    INSERT OR REPLACE INTO journal (run_no, task, attempt, at, result)
    SELECT run_no, ?, ?, ?, ? FROM leases WHERE run_no = ? AND epoch = ?"""
_CLAIM = """
    INSERT OR REPLACE INTO claims (run_no, task, attempt, at)
    SELECT run_no, ?, ?, ? FROM leases WHERE run_no = ? AND epoch = ?"""


@dataclass(slots=True, kw_only=True)
class Held:
    """What a writer knows of its run without asking the database.

    Attributes:
        number: index of the last commit. `since`: bytes of commits after the last frame.
        frame: bytes of the last key frame; 0 when there is none.
        journal, claims: task to attempt that no commit has settled.
    """

    run_no: int
    epoch: int
    number: int
    next_seq: int
    status: str
    next_due: float | None
    since: int
    frame: int
    journal: dict[TaskId, int] = field(default_factory=dict)
    claims: dict[TaskId, int] = field(default_factory=dict)
    aside: Aside = field(default_factory=Aside)


@dataclass(slots=True)
class _Prepared:
    """A commit that is ready to be written.

    Attributes:
        size: bytes it takes. `parts`: its large values.
        settled: tasks whose journal and claim rows go. `legs`: legs that it starts.
        alone: its row is all there is to write.
        frame: bytes of its key frame, once written.
    """

    row: tuple[Any, ...]
    size: int
    parts: Parts
    settled: tuple[TaskId, ...] = ()
    legs: int = 0
    framed: bool = False
    alone: bool = False
    frame: int = 0


class CommitLog:
    """Writes commits, journal and claims of the runs that this process holds."""

    def __init__(
        self, database: Database, blobs: Blobs, requests: RequestLog, signals: SignalLog
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._requests = requests
        self._signals = signals
        self._held: dict[RunId, Held] = {}

    def forget(self, run: RunId) -> None:
        """Forget what is known of a run that is no longer held."""
        self._held.pop(run, None)

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        """Store a commit with everything in it, or nothing."""
        database = self._database
        with database.lock:
            try:
                held = self._holding(lease)
                self._check_order(held, record)
                ready = self._prepare(held, record)
                if ready.alone:
                    database.synchronise(full=record.durable)
                    self._insert(lease, ready.row)
                else:
                    self._write(lease, held, record, ready)
            except REFUSALS as error:
                raise store_error(database.path, error) from error
            _remember(held, record, ready)  # only now: the caller may try again after an error

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        """Store several commits that follow one another, or none of them."""
        database = self._database
        durable = any(record.durable or record.claims for record in records)
        with database.lock:
            try:
                known = self._holding(lease)
                held = replace(known, journal=dict(known.journal), claims=dict(known.claims))
                with database.transaction(durable=durable) as connection:
                    for record in records:
                        self._check_order(held, record)
                        ready = self._prepare(held, record)
                        self._write_in(connection, lease, held, record, ready)
                        _remember(held, record, ready)
            except REFUSALS as error:
                raise store_error(database.path, error) from error
            self._held[lease.run] = held

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        """Store a finished attempt ahead of its commit."""
        with self._database.lock, self._database.refusals():
            held = self._holding(lease)
            self._database.synchronise(full=False)
            values = (record.task, record.attempt, record.at, pack(record.result))
            self._guarded(lease, _JOURNAL, (*values, held.run_no, held.epoch))
            held.journal[record.task] = record.attempt

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        """Record durably that an attempt is about to start."""
        with self._database.lock, self._database.refusals():
            held = self._holding(lease)
            self._database.synchronise(full=True)
            self._guarded(lease, _CLAIM, (task, attempt, at, held.run_no, held.epoch))
            held.claims[task] = attempt

    # --- parts of a commit ------------------------------------------------------------------

    def _prepare(self, held: Held, record: CommitRecord) -> _Prepared:
        """Encode a commit and find out what has to be written besides its row."""
        times = [each.at for each in record.events]
        facts = [each.event for each in record.events]
        same = times.count(record.at) == len(times)
        parts: Parts = {}
        page = self._encoded(held, EventPage(None if same else times, facts), parts)
        delta = self._encoded(held, record.delta, parts)
        status = record.status.value
        row = (
            commit_id(held.run_no, record.number),
            record.at,
            record.first_seq,
            len(facts),
            status,
            page,
            delta,
            held.run_no,
            held.epoch,
        )
        ready = _Prepared(row, len(page) + len(delta), parts)
        ready.legs = len([None for fact in facts if type(fact) is LegStarted])
        if held.journal or held.claims:
            ready.settled = settled_tasks(held.journal, held.claims, record)
        ready.framed = record.frame is not None and (
            held.since >= FRAME_RATIO * held.frame or record.document is not None
        )
        ready.alone = not (
            ready.framed
            or parts
            or ready.legs
            or ready.settled
            or record.open_requests
            or record.close_requests
            or record.admitted_decisions
            or record.claims
            or record.name
            or record.signals is not None
            or held.status != status
            or held.next_due != record.next_due
        )
        return ready

    def _encoded(self, held: Held, value: EventPage | Delta | RunState, parts: Parts) -> bytes:
        data = encode(value)
        if len(data) > LARGE_BYTES:  # nothing in a shorter one can be large
            found: Parts = {}
            short = held.aside.put(value, found)
            if found:
                parts.update(found)
                data = encode(short)
        return pack(data)

    def _write(self, lease: Lease, held: Held, record: CommitRecord, ready: _Prepared) -> None:
        durable = record.durable or bool(record.claims)
        with self._database.transaction(durable=durable) as connection:
            self._write_in(connection, lease, held, record, ready)

    def _write_in(
        self,
        connection: sqlite3.Connection,
        lease: Lease,
        held: Held,
        record: CommitRecord,
        ready: _Prepared,
    ) -> None:
        """Write a commit inside a transaction."""
        self._insert(lease, ready.row)
        if ready.alone:
            return
        ready.size += self._blobs.write(connection, "c", ready.row[0], ready.parts)
        self._write_rest(connection, held, record, ready)
        if ready.framed:
            ready.frame = self._write_frame(connection, held, record, ready.row[0])

    def _insert(self, lease: Lease, row: tuple[Any, ...]) -> None:
        try:
            self._guarded(lease, _INSERT, row)
        except sqlite3.IntegrityError as error:  # somebody else has written this commit
            raise self._lost(lease) from error

    def _guarded(self, lease: Lease, statement: str, values: tuple[Any, ...]) -> None:
        """Execute a statement that writes one row only while the lease is ours."""
        if self._database.writer.execute(statement, values).rowcount != 1:
            raise self._lost(lease)

    def _write_rest(
        self, connection: sqlite3.Connection, held: Held, record: CommitRecord, ready: _Prepared
    ) -> None:
        for task in ready.settled:
            key = (held.run_no, task)
            connection.execute("DELETE FROM journal WHERE run_no = ? AND task = ?", key)
            connection.execute("DELETE FROM claims WHERE run_no = ? AND task = ?", key)
        for task, attempt in record.claims:
            connection.execute(
                "INSERT OR REPLACE INTO claims (run_no, task, attempt, at) VALUES (?, ?, ?, ?)",
                (held.run_no, task, attempt, record.at),
            )
        if record.open_requests:
            self._requests.open(connection, record.open_requests)
        if record.close_requests:
            self._requests.close(connection, record.close_requests)
        if record.admitted_decisions:
            self._requests.admit(connection, record.admitted_decisions)
        if record.signals is not None:
            self._signals.write(connection, held.run_no, record.signals)
        if record.document is not None:
            self._change_document(connection, held.run_no, record.number, record.document)
        if record.name:
            connection.execute(
                "INSERT INTO checkpoints (run_no, number, name) VALUES (?, ?, ?)",
                (held.run_no, record.number, record.name),
            )
        ended_at = record.at if record.status in ENDED else None
        connection.execute(
            "UPDATE runs SET status = ?, next_due = ?, legs = legs + ?, ended_at = ?,"
            " is_listed = 0, begins = NULL WHERE no = ?",
            (record.status.value, record.next_due, ready.legs, ended_at, held.run_no),
        )

    def _change_document(
        self,
        connection: sqlite3.Connection,
        run_no: int,
        number: int,
        document: tuple[bytes, str, str],
    ) -> None:
        """Pin another document; which commits were made with the one before is kept."""
        data, revision, name = document
        digest = hashlib.sha256(data).digest()
        document_no, _ = self._blobs.put(connection, digest, partial(bytes, data))
        connection.execute(
            "INSERT INTO documents (run_no, until, document_no)"
            " SELECT no, ?, document_no FROM runs WHERE no = ?",
            (number, run_no),
        )
        connection.execute(
            "UPDATE runs SET document_no = ?, revision = ?, workflow = ? WHERE no = ?",
            (document_no, revision, name, run_no),
        )
        self._blobs.use(connection, "r", run_no, document_no)

    def _write_frame(
        self, connection: sqlite3.Connection, held: Held, record: CommitRecord, key: int
    ) -> int:
        """Store a key frame and return the bytes that it takes."""
        assert record.frame is not None
        parts: Parts = {}
        state = self._encoded(held, record.frame, parts)
        view = None if record.view is None else pack(record.view)
        connection.execute(
            "INSERT INTO frames (id, state, view) VALUES (?, ?, ?)", (key, state, view)
        )
        written = self._blobs.write(connection, "f", key, parts)
        return len(state) + len(view or b"") + written

    def _check_order(self, held: Held, record: CommitRecord) -> None:
        if record.number <= held.number:
            raise leases.lost(record.run)
        events = record.events
        last = events[-1].seq if events else record.first_seq - 1
        if (
            record.number != held.number + 1
            or record.first_seq != held.next_seq
            or last != record.first_seq + len(events) - 1
        ):
            raise EngineBug(
                f"Run {record.run}: commit {record.number} with events {record.first_seq} to "
                f"{last} does not follow commit {held.number}, whose next event is "
                f"{held.next_seq}."
            )

    # --- the lease --------------------------------------------------------------------------

    def _holding(self, lease: Lease) -> Held:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            held = self._held[lease.run] = self._look_up(lease)
        return held

    def _look_up(self, lease: Lease) -> Held:
        connection = self._database.writer
        no = run_number(connection, lease.run)
        if connection.execute("SELECT epoch FROM leases WHERE run_no = ?", (no,)).fetchone() != (
            lease.epoch,
        ):
            raise self._lost(lease)
        first, last = id_range(no)
        status, next_due = connection.execute(
            "SELECT status, next_due FROM runs WHERE no = ?", (no,)
        ).fetchone()
        newest = connection.execute(
            "SELECT id, first_seq + event_count FROM commits WHERE id BETWEEN ? AND ?"
            " ORDER BY id DESC LIMIT 1",
            (first, last),
        ).fetchone()
        frame_id, frame = connection.execute(
            "SELECT id, length(state) + coalesce(length(view), 0) FROM frames"
            " WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
            (first, last),
        ).fetchone() or (first - 1, 0)
        (since,) = connection.execute(
            "SELECT coalesce(sum(length(events) + length(delta)), 0) FROM commits"
            " WHERE id > ? AND id <= ?",
            (frame_id, last),
        ).fetchone()
        journal = connection.execute("SELECT task, attempt FROM journal WHERE run_no = ?", (no,))
        claims = connection.execute("SELECT task, attempt FROM claims WHERE run_no = ?", (no,))
        return Held(
            run_no=no,
            epoch=lease.epoch,
            number=number_of(newest[0]) if newest else -1,
            next_seq=newest[1] if newest else 1,
            status=status,
            next_due=next_due,
            since=since,
            frame=frame,
            journal=dict(journal.fetchall()),
            claims=dict(claims.fetchall()),
        )

    def _lost(self, lease: Lease) -> Exception:
        self.forget(lease.run)
        row = self._database.writer.execute(
            "SELECT l.host, l.pid, l.boot, l.process_started FROM leases l"
            " JOIN runs r ON r.no = l.run_no WHERE r.id = ?",
            (lease.run,),
        ).fetchone()
        return leases.lost(lease.run, holder_of(row) if row else None)


def _remember(held: Held, record: CommitRecord, ready: _Prepared) -> None:
    """Bring what is known of the run up to the commit that has just been stored."""
    held.number = record.number
    held.next_seq += len(record.events)
    held.status = ready.row[4]
    held.next_due = record.next_due
    if ready.framed:
        held.since, held.frame = 0, ready.frame
    else:
        held.since += ready.size
    for task in ready.settled:
        held.journal.pop(task, None)
        held.claims.pop(task, None)
    if record.claims:
        held.claims.update(record.claims)


def settled_tasks(
    journal: Mapping[TaskId, int], claims: Mapping[TaskId, int], record: CommitRecord
) -> tuple[TaskId, ...]:
    """Return the tasks whose journalled result or claim a commit settles.

    Both mappings give the attempt of a task. What ended, was retried or is at a later
    attempt is settled; a task that only changed otherwise (pinned channels) is not.
    """
    delta = record.delta
    ended = {event.task for each in record.events if isinstance(event := each.event, _SETTLES)}
    ended.update(TaskId(task) for task in delta.drop_tasks)
    for task, attempt in (*journal.items(), *claims.items()):
        put = delta.put_tasks.get(task)
        if put is not None and put.attempt > attempt:
            ended.add(task)
    return tuple(task for task in ended if task in journal or task in claims)
