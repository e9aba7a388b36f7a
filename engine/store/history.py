"""Reading runs back: states, facts, views and values at any commit, and what to go on from.

A state is the nearest key frame at or before the commit, and the deltas since, applied
by the same function that moved the live state.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec

from engine.events import AnyEvent, Recorded, SuperstepCommitted, TaskFailed, TaskFinished
from engine.ids import RunId, TaskId
from engine.model.shape import CHANNEL
from engine.runtime.ports import (
    Clock,
    CommitRecord,
    CommitSummary,
    JournalRecord,
    Loaded,
    RunRecord,
)
from engine.state.channels import ChannelSpecs, ReducerError, specs_from
from engine.state.run_state import Delta, RunState, apply
from engine.state.status import RunStatus
from engine.store.blobs import Blobs
from engine.store.database import Database
from engine.store.encoding import (
    EXT_BLOB,
    Damaged,
    EventPage,
    SkimmedPage,
    decode,
    decoder,
    encode,
    unpack,
)
from engine.store.rows import (
    COMMITS_PER_RUN,
    RUN_SELECT,
    commit_id,
    id_range,
    number_of,
    only_match,
    run_number,
    run_record,
    unknown_commit,
    unknown_run,
)

Json = Any

#: Parsed channel specs of so many documents are kept.
_SPECS_KEPT = 64
#: So many decoded key frames are kept, of at most so many bytes each.
_FRAMES_KEPT = 16
_FRAME_BYTES = 2 * 1024 * 1024
#: How a SuperstepCommitted begins, after the byte with the number of its fields.
_COMMITTED = encode(SuperstepCommitted.__name__)
_decode_committed = msgspec.msgpack.Decoder(SuperstepCommitted).decode
_skim = msgspec.msgpack.Decoder(SkimmedPage).decode
_STATUS = {status.value: status for status in RunStatus}


class _Pinned(msgspec.Struct):
    """The part of a pinned document that restoring a state needs."""

    channels: msgspec.Raw = msgspec.Raw(b"{}")


def channels_in(document: bytes) -> ChannelSpecs:
    """Return the channels of a pinned document, without looking at the rest of it."""
    raw = json.loads(bytes(msgspec.json.decode(document, type=_Pinned).channels))
    return specs_from(CHANNEL.read_named(raw, "channels", []))


class History:
    """Everything that is read about runs; safe from any thread."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._specs: dict[int, ChannelSpecs] = {}
        self._frames: OrderedDict[int, RunState] = OrderedDict()
        self._frames_lock = threading.Lock()
        self._any = decoder(Any, blobs.resolve).decode
        self._page = decoder(EventPage, blobs.resolve).decode
        self._delta = decoder(Delta, blobs.resolve).decode
        self._state = decoder(RunState, blobs.resolve).decode
        self._short_delta = decoder(Delta, _reference).decode

    # --- runs -------------------------------------------------------------------------------

    def runs(
        self, *, limit: int, workflow_id: str | None, session: str | None = None
    ) -> list[RunRecord]:
        """Return the runs, newest first, without their documents."""
        where = "" if workflow_id is None else "WHERE r.workflow_id = :workflow"
        if session is not None:
            where = f"{where} AND" if where else "WHERE"
            where += " r.session = :session AND r.session != ''"
        order = "r.started_at DESC, r.no DESC" if session is None else "r.no DESC"
        with self._database.reader() as connection:
            rows = connection.execute(
                f"{RUN_SELECT} {where} ORDER BY {order} LIMIT :limit",
                {"workflow": workflow_id, "limit": limit, "session": session},
            ).fetchall()
            now = self._clock.now()
            return [run_record(row, self._any, now) for row in rows]

    def children(self, run: RunId) -> list[RunRecord]:
        """Return the runs that a run has called, oldest first, without their documents."""
        with self._database.reader() as connection:
            rows = connection.execute(
                RUN_SELECT + " WHERE r.caller = ? AND r.caller <> '' ORDER BY r.no", (run,)
            ).fetchall()
            now = self._clock.now()
            return [run_record(row, self._any, now) for row in rows]

    def run(self, run: str) -> RunRecord:
        """Return one run; the beginning of its id is enough when only one begins so."""
        with self._database.reader() as connection:
            ids = connection.execute(
                "SELECT id FROM runs WHERE id >= ? AND id < ? || char(1114111) LIMIT 4",
                (run, run),
            ).fetchall()
            return self._run(connection, only_match([row[0] for row in ids], run, "run"))

    def _run(self, connection: sqlite3.Connection, run: str) -> RunRecord:
        row = connection.execute(RUN_SELECT + " WHERE r.id = ?", (run,)).fetchone()
        if row is None:
            raise unknown_run(run)
        document = self._document(connection, row[14])
        return run_record(row, self._any, self._clock.now(), document)

    def _document(self, connection: sqlite3.Connection, number: int) -> bytes:
        row = connection.execute("SELECT data FROM blobs WHERE no = ?", (number,)).fetchone()
        if row is None:
            raise Damaged("a pinned document is missing")
        return unpack(row[0])

    def load(self, run: RunId) -> Loaded:
        """Return a run at its last commit, with what no commit holds yet."""
        with self._database.reader() as connection:
            no = run_number(connection, run)
            record = self._run(connection, run)
            legs, next_due = connection.execute(
                "SELECT legs, next_due FROM runs WHERE no = ?", (no,)
            ).fetchone()
            next_seq = 1
            state = RunState()
            if record.commit >= 0:
                state = self._state_of(connection, run, no, record.commit)
                (next_seq,) = connection.execute(
                    "SELECT first_seq + event_count FROM commits WHERE id = ?",
                    (commit_id(no, record.commit),),
                ).fetchone()
            journal = connection.execute(
                "SELECT task, attempt, at, result FROM journal WHERE run_no = ? ORDER BY at, task",
                (no,),
            ).fetchall()
            claims = connection.execute(
                "SELECT task, attempt FROM claims WHERE run_no = ?", (no,)
            ).fetchall()
        return Loaded(
            record=record,
            state=state,
            next_seq=next_seq,
            legs=legs,
            next_due=next_due,
            journal=tuple(
                JournalRecord(
                    run=run, task=TaskId(task), attempt=attempt, at=at, result=unpack(result)
                )
                for task, attempt, at, result in journal
            ),
            claims={TaskId(task): attempt for task, attempt in claims},
        )

    # --- states -----------------------------------------------------------------------------

    def state_at(self, run: RunId, number: int) -> RunState:
        """Return the exact state of one commit; the caller may change it."""
        with self._database.reader() as connection:
            return self._state_of(connection, run, run_number(connection, run), number)

    def _state_of(
        self, connection: sqlite3.Connection, run: RunId, no: int, number: int
    ) -> RunState:
        if not 0 <= number < COMMITS_PER_RUN:
            raise unknown_commit(run, number)
        target = commit_id(no, number)
        frame = connection.execute(
            "SELECT max(id) FROM frames WHERE id BETWEEN ? AND ?", (id_range(no)[0], target)
        ).fetchone()[0]
        state = RunState() if frame is None else self._frame(connection, frame)
        reached = -1 if frame is None else number_of(frame)
        deltas = connection.execute(
            "SELECT delta FROM commits WHERE id BETWEEN ? AND ? ORDER BY id",
            (commit_id(no, reached + 1), target),
        ).fetchall()
        if reached + len(deltas) != number:
            raise unknown_commit(run, number)
        specs = self._specs_of(connection, no, number)
        try:
            for (data,) in deltas:
                reached += 1
                apply(state, self._delta(unpack(data)), specs, reached)
        except (KeyError, IndexError, TypeError, ReducerError) as error:
            raise Damaged("a delta does not fit the state before it") from error
        return state

    def _frame(self, connection: sqlite3.Connection, key: int) -> RunState:
        """Return a copy of a key frame, which never changes: one is read for many commits."""
        with self._frames_lock:
            known = self._frames.get(key)
            if known is not None:
                self._frames.move_to_end(key)
                return known.copy()
        (data,) = connection.execute("SELECT state FROM frames WHERE id = ?", (key,)).fetchone()
        inflated = unpack(data)
        state: RunState = self._state(inflated)
        if len(inflated) <= _FRAME_BYTES:
            with self._frames_lock:
                self._frames[key] = state.copy()
                if len(self._frames) > _FRAMES_KEPT:
                    self._frames.popitem(last=False)
        return state

    def _specs_of(self, connection: sqlite3.Connection, no: int, commit: int) -> ChannelSpecs:
        """Return the channels in the document that a commit was made with."""
        (number,) = connection.execute(
            "SELECT coalesce((SELECT document_no FROM documents WHERE run_no = r.no AND until > ?"
            " ORDER BY until LIMIT 1), document_no) FROM runs r WHERE no = ?",
            (commit, no),
        ).fetchone()
        specs = self._specs.get(number)
        if specs is None:
            try:
                specs = channels_in(self._document(connection, number))
            except (ValueError, AttributeError) as error:
                raise Damaged("a pinned document cannot be read") from error
            if len(self._specs) >= _SPECS_KEPT:
                self._specs.clear()
            self._specs[number] = specs
        return specs

    # --- what happened ----------------------------------------------------------------------

    def events(self, run: RunId, *, after: int, upto: int | None) -> list[Recorded]:
        """Return the facts with ``after < seq <= upto``, in order."""
        found: list[Recorded] = []
        with self._database.reader() as connection:
            no = run_number(connection, run)
            rows = connection.execute(
                "SELECT first_seq, at, events FROM commits WHERE id BETWEEN ? AND ? ORDER BY id",
                (_first_with(connection, no, after), id_range(no)[1]),
            )
            for first, at, data in rows:
                if upto is not None and first > upto:
                    break
                page: EventPage = self._page(unpack(data))
                found += [
                    record
                    for record in page.stamped(run, first, at)
                    if record.seq > after and (upto is None or record.seq <= upto)
                ]
        return found

    def commits(self, run: RunId) -> Generator[CommitRecord]:
        """Yield everything that is kept of a run's commits.

        The first one has a key frame, and every other one that does not simply go on.

        Within a reader block, all of them are of one moment.
        """
        with self._database.reader() as connection:
            no = run_number(connection, run)
            rows = connection.execute(
                "SELECT id, at, first_seq, status, events, delta FROM commits"
                " WHERE id BETWEEN ? AND ? ORDER BY id",
                id_range(no),
            )
            rebased = {until for until, _ in self.documents(run)}
            last = -2
            for key, at, first_seq, status, events, delta in rows:
                page: EventPage = self._page(unpack(events))
                record = CommitRecord(
                    run=run,
                    number=number_of(key),
                    at=at,
                    first_seq=first_seq,
                    events=page.stamped(run, first_seq, at),
                    delta=self._delta(unpack(delta)),
                    status=_STATUS[status],
                )
                if record.number != last + 1 or record.number in rebased:
                    record.frame = self._state_of(connection, run, no, record.number)
                    frame = self.frame_before(run, record.number)
                    record.view = None if frame is None else frame[1]
                last = record.number
                yield record

    def frame_before(self, run: RunId, number: int) -> tuple[int, bytes] | None:
        """Return the newest stored view at or before a commit."""
        with self._database.reader() as connection:
            no = run_number(connection, run)
            row = connection.execute(
                "SELECT id, view FROM frames WHERE id BETWEEN ? AND ? AND view IS NOT NULL"
                " ORDER BY id DESC LIMIT 1",
                (id_range(no)[0], commit_id(no, min(max(number, 0), COMMITS_PER_RUN - 1))),
            ).fetchone()
            return None if row is None else (number_of(row[0]), unpack(row[1]))

    def documents(self, run: RunId) -> list[tuple[int, bytes]]:
        """Return (first commit that was made without it, document) of earlier ones, in order."""
        with self._database.reader() as connection:
            rows = connection.execute(
                "SELECT until, document_no FROM documents WHERE run_no = ? ORDER BY until",
                (run_number(connection, run),),
            ).fetchall()
            return [(until, self._document(connection, number)) for until, number in rows]

    def delta(self, run: RunId, number: int) -> Delta:
        """Return what one commit changed."""
        with self._database.reader() as connection:
            result: Delta = self._delta(self._delta_bytes(connection, run, number))
            return result

    def values_at(self, run: RunId, number: int, refs: Sequence[str]) -> dict[str, Json]:
        """Return the values of those names that one commit stored."""
        with self._database.reader() as connection:
            delta: Delta = self._short_delta(self._delta_bytes(connection, run, number))
            # Only what was asked for is fetched from the blobs.
            return {
                ref: self._any(encode(delta.put_values[ref]))
                for ref in refs
                if ref in delta.put_values
            }

    def _delta_bytes(self, connection: sqlite3.Connection, run: RunId, number: int) -> bytes:
        no = run_number(connection, run)
        if not 0 <= number < COMMITS_PER_RUN:
            raise unknown_commit(run, number)
        key = commit_id(no, number)
        row = connection.execute("SELECT delta FROM commits WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise unknown_commit(run, number)
        return unpack(row[0])

    def history(self, run: RunId, *, after: int, limit: int | None) -> list[CommitSummary]:
        """Return one line per commit, oldest first."""
        with self._database.reader() as connection:
            no = run_number(connection, run)
            rows = connection.execute(
                "SELECT id, at, status, first_seq, event_count, events, length(delta)"
                " FROM commits WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                (commit_id(no, max(after + 1, 0)), id_range(no)[1], -1 if limit is None else limit),
            ).fetchall()
            names = self._names(connection, no)
            return [_summary(run, row, names) for row in rows]

    def names(self, run: RunId) -> dict[int, str]:
        """Return the commits that have a name."""
        with self._database.reader() as connection:
            return self._names(connection, run_number(connection, run))

    def _names(self, connection: sqlite3.Connection, no: int) -> dict[int, str]:
        rows = connection.execute("SELECT number, name FROM checkpoints WHERE run_no = ?", (no,))
        return dict(rows.fetchall())


def _reference(digest: bytes) -> Json:
    """Leave a value that is stored apart as the reference that it is."""
    return msgspec.msgpack.Ext(EXT_BLOB, digest)


def _first_with(connection: sqlite3.Connection, no: int, after: int) -> int:
    """Return the key of the first commit that has a fact after `after`.

    Sequence numbers grow with the commits, so a binary search needs no index for them.
    """
    low, high = id_range(no)
    if after <= 0:
        return low
    low, newest = connection.execute(
        "SELECT min(id), max(id) FROM commits WHERE id BETWEEN ? AND ?", (low, high)
    ).fetchone()
    if low is None:
        return high
    high = newest + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, first_seq + event_count - 1 FROM commits WHERE id BETWEEN ? AND ?"
            " ORDER BY id DESC LIMIT 1",
            (low, middle),
        ).fetchone()
        if row is not None and row[1] > after:
            high = row[0]
        else:  # all that is up to the middle came before, or was pruned
            low = middle + 1
    return int(low)


def _summary(run: RunId, row: Sequence[Any], names: Mapping[int, str]) -> CommitSummary:
    key, at, status, first, count, events, delta_size = row
    tasks, changed = _tasks_and_changes(unpack(events))
    return CommitSummary(
        run=run,
        number=number_of(key),
        at=at,
        tasks=tasks,
        changed=changed,
        status=_STATUS[status],
        first_seq=first,
        last_seq=first + count - 1,
        bytes=len(events) + delta_size,
        name=names.get(number_of(key), ""),
    )


def _tasks_and_changes(data: bytes) -> tuple[tuple[TaskId, ...], tuple[str, ...]]:
    """Return what a commit admitted and which channels it changed.

    Both stand in its SuperstepCommitted, near the end; the other facts are not decoded.
    """
    for raw in reversed(_skim(data).events):
        if memoryview(raw)[1 : len(_COMMITTED) + 1] == _COMMITTED:
            fact = _decode_committed(raw)
            return fact.admitted, fact.changed
    return committed_summary(decode(EventPage, data).events)


def committed_summary(
    facts: Sequence[AnyEvent],
) -> tuple[tuple[TaskId, ...], tuple[str, ...]]:
    """Return the tasks that a commit admitted and the channels that it changed."""
    for fact in reversed(facts):
        if isinstance(fact, SuperstepCommitted):
            return fact.admitted, fact.changed
    return tuple(fact.task for fact in facts if isinstance(fact, TaskFinished | TaskFailed)), ()
