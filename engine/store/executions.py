"""Every attempt that has ended, of all runs, found by run, node, status and time (U101).

The table `executions` is an index: it is made of the facts of commits, when somebody asks
and only for what has been committed since. A commit costs nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.events import (
    AnyEvent,
    TaskCancelled,
    TaskFailed,
    TaskFinished,
    TaskRetried,
)
from engine.ids import RunId, TaskId
from engine.runtime.ports import Execution, ExecutionQuery
from engine.state.status import ENDED
from engine.store.database import Database
from engine.store.encoding import SkimmedPage, decoder, unpack
from engine.store.rows import commit_id, id_range, number_of, run_number

#: Facts that tell of an attempt that has ended.
_Told = TaskFinished | TaskFailed | TaskRetried | TaskCancelled
#: Commits that are looked at in one transaction, so that others may write between.
BATCH = 1_000
_MESSAGE = 500

_NAMES = frozenset(
    kind.__name__.encode() for kind in (TaskFinished, TaskFailed, TaskRetried, TaskCancelled)
)
_decode_fact = decoder(_Told).decode
_decode_times = msgspec.msgpack.Decoder(list[float] | None).decode
_skim = msgspec.msgpack.Decoder(SkimmedPage).decode

#: task, node, status, duration in seconds, attempt, code and message of its error.
Told = tuple[TaskId, str, str, float, int, str, str]


def told_by(event: AnyEvent) -> Told | None:
    """Return what a fact tells of an attempt that has ended, if it does."""
    match event:
        case TaskFinished():
            how = "gated" if event.gated else "cached" if event.cached else "done"
            status = "recorded" if event.recorded else how
            return event.task, event.node, status, event.duration_s, event.attempt, "", ""
        case TaskFailed():
            error = event.error
            said = error.code, error.message[:_MESSAGE]
            return event.task, event.node, "failed", event.duration_s, error.attempt, *said
        case TaskRetried():
            said = event.error.code, event.error.message[:_MESSAGE]
            return event.task, event.node, "retried", 0.0, event.attempt, *said
        case TaskCancelled():
            return event.task, event.node, "cancelled", 0.0, 1, "", event.reason[:_MESSAGE]
        case _:
            return None


class ExecutionIndex:
    """Keeps the table `executions` and reads it; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, query: ExecutionQuery) -> list[Execution]:
        """Return what the query asks for, newest first, after bringing the index up to date."""
        self._catch_up()
        with self._database.reader() as connection:
            run_no = None if query.run is None else run_number(connection, query.run)
            statement, values = sql_of(query, run_no)
            rows = connection.execute(statement, values).fetchall()
        return [
            Execution(
                run=RunId(run),
                workflow_id=workflow_id,
                workflow=workflow,
                commit=number_of(key),
                at=at,
                task=TaskId(task),
                node=node,
                status=status,
                duration_s=duration_s,
                attempt=attempt,
                code=code,
                message=message,
                place=(at, key, place),
            )
            for run, workflow_id, workflow, key, place, at, task, node, status, duration_s, attempt,
            code, message in rows
        ]  # fmt: skip

    # --- bringing it up to date -------------------------------------------------------------

    def _catch_up(self) -> None:
        """Enter what has been committed since the last time."""
        with self._database.reader() as connection:
            found = connection.execute("SELECT no FROM runs WHERE is_listed = 0").fetchall()
        for (no,) in found:
            while self._enter(no):
                pass

    def _enter(self, no: int) -> bool:
        """Enter the next commits of a run; return whether there may be more."""
        with self._database.reader() as connection:
            row = connection.execute(
                "SELECT listed_upto, status FROM runs WHERE no = ?", (no,)
            ).fetchone()
            if row is None:  # deleted meanwhile
                return False
            upto, status = row
            commits = connection.execute(
                "SELECT id, at, events FROM commits WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                (commit_id(no, upto + 1), id_range(no)[1], BATCH),
            ).fetchall()
        is_last = len(commits) < BATCH
        is_over = is_last and status in ENDED
        if not commits and not is_over:
            return False
        last = number_of(commits[-1][0]) if commits else upto
        rows = [row for key, at, events in commits for row in _rows(no, key, at, events)]
        with self._database.transaction() as connection:
            # Another process may have entered them, or the run may go on, by now.
            changed = connection.execute(
                "UPDATE runs SET listed_upto = ?, is_listed = (? AND status = ? AND NOT EXISTS"
                " (SELECT 1 FROM commits WHERE id > ? AND id <= ?))"
                " WHERE no = ? AND listed_upto = ?",
                (last, is_over, status, commit_id(no, last), id_range(no)[1], no, upto),
            ).rowcount
            if changed:
                connection.executemany(_INSERT, rows)
        return not is_last


_INSERT = """
    INSERT OR IGNORE INTO executions (id, place, run_no, at, task, node, status, duration_s,
      attempt, code, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _rows(no: int, key: int, at: float, data: bytes) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one commit. Other facts are not decoded, and no large value is read."""
    page = _skim(unpack(data))
    times: list[float] = []
    for place, raw in enumerate(page.events):
        view = memoryview(raw)
        if bytes(view[2 : 2 + (view[1] & 0x1F)]) not in _NAMES:  # a short text follows the size
            continue
        told = told_by(_decode_fact(raw))
        if told is None:
            continue
        if not times:
            times = _decode_times(page.at) or [at] * len(page.events)
        task, node, *rest = told
        yield key, place, no, times[place], task, node, *rest


# --- asking -------------------------------------------------------------------------------

_SELECT = """
    SELECT r.id, r.workflow_id, r.workflow, e.id, e.place, e.at, e.task, e.node, e.status,
      e.duration_s, e.attempt, e.code, e.message
    FROM executions e INDEXED BY {index} CROSS JOIN runs r ON r.no = e.run_no
    WHERE {where} ORDER BY e.at DESC, e.id DESC, e.place DESC LIMIT ?"""


def sql_of(query: ExecutionQuery, run_no: int | None) -> tuple[str, Sequence[object]]:
    """Return the statement for a query and its values; one index gives rows and order."""
    rare = query.status is not None and query.status != "done"
    if run_no is not None:
        index = "executions_rare_by_run" if rare else "executions_by_run"
    elif query.node is not None:
        index = "executions_rare_by_node" if rare else "executions_by_node"
    else:
        index = "executions_rare" if rare else "executions_by_time"
    clauses: list[tuple[str, object]] = []
    for clause, value in (
        ("e.run_no = ?", run_no),
        ("e.node = ?", query.node),
        ("e.status = ?", query.status),
        ("r.workflow_id = ?", query.workflow_id),
        ("e.at >= ?", query.since),
        ("e.at < ?", query.until),
    ):
        if value is not None:
            clauses.append((clause, value))
    where = [clause for clause, _ in clauses]
    values = [value for _, value in clauses]
    if rare:
        where.append("e.status <> 'done'")  # what the small indexes are about
    if query.after is not None:
        where.append("(e.at, e.id, e.place) < (?, ?, ?)")
        values += query.after
    condition = " AND ".join(where) or "1"
    return _SELECT.format(index=index, where=condition), (*values, query.limit)


def matches(query: ExecutionQuery, found: Execution) -> bool:
    """Return whether an execution is one that a query asks for, for stores without SQL."""
    return (
        (query.run is None or found.run == query.run)
        and (query.node is None or found.node == query.node)
        and (query.status is None or found.status == query.status)
        and (query.workflow_id is None or found.workflow_id == query.workflow_id)
        and (query.since is None or found.at >= query.since)
        and (query.until is None or found.at < query.until)
        and (query.after is None or found.place < query.after)
    )
