"""Rows of the database as the records that the ports speak of, and where rows are found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from engine.errors import UnknownRun
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Request
from engine.runtime.holders import Holder
from engine.runtime.ports import DecisionRecord, RequestRecord, RunRecord
from engine.state.status import RunStatus
from engine.store.encoding import unpack
from engine.store.leases import is_alive

Row = Sequence[Any]
Decode = Callable[[bytes], Any]

#: Commits have numbers below this.
COMMITS_PER_RUN = 1 << 32

RUN_SELECT = """
    SELECT r.id, r.workflow_id, r.workflow, r.revision, r.input, r.seed, r.started_at, r.status,
      (SELECT max(c.id) FROM commits c
        WHERE c.id BETWEEN r.no << 32 AND (r.no << 32) + 4294967295),
      r.parent, r.parent_commit, r.ended_at, r.source_path, r.title, r.document_no,
      l.host, l.pid, l.boot, l.process_started, l.heartbeat_at, r.untrusted, r.session,
      r.start_trigger, r.granted, r.caller, r.caller_task, r.call_mode, r.depth,
      r.begins
    FROM runs r JOIN leases l ON l.run_no = r.no"""

DECISION_SELECT = """
    SELECT d.no, d.request, d.run, d.choice, d.decided_by, d.through, d.at, d.digest_seen,
      d.accepted, d.reason, d.comment, d.edited, d.reroute_to, d.admitted, e.hash
    FROM decisions d LEFT JOIN evidence e ON e.seq = d.no"""

REQUEST_SELECT = """
    SELECT q.id, q.run, q.task, q.node, q.workflow, q.revision, q.content, q.digest,
      q.opened_at, q.deadline, q.status,
      d.no, d.request, d.run, d.choice, d.decided_by, d.through, d.at, d.digest_seen,
      d.accepted, d.reason, d.comment, d.edited, d.reroute_to, d.admitted, e.hash
    FROM requests q
    LEFT JOIN decisions d ON d.no = q.decision_no
    LEFT JOIN evidence e ON e.seq = d.no"""


def commit_id(run_no: int, number: int) -> int:
    """Return the key of a commit and of its key frame."""
    return run_no << 32 | number


def number_of(key: int) -> int:
    """Return the index of the commit with that key."""
    return key & (COMMITS_PER_RUN - 1)


def id_range(run_no: int) -> tuple[int, int]:
    """Return the first and the last key that a commit of the run can have."""
    return run_no << 32, (run_no << 32) + COMMITS_PER_RUN - 1


def run_number(connection: sqlite3.Connection, run: str) -> int:
    """Return the number that stands for a run. Raises `UnknownRun`."""
    row = connection.execute("SELECT no FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise unknown_run(run)
    return int(row[0])


def unknown_run(run: str) -> UnknownRun:
    """Return the error for an id that no run has."""
    return UnknownRun(f"There is no run {run} in this store: `headgate runs` lists them.")


def unknown_commit(run: str, number: int) -> UnknownRun:
    """Return the error for a commit that is not there, or no longer."""
    return UnknownRun(
        f"Run {run} has no commit {number} (it may have been pruned): "
        f"`headgate history {run}` lists them."
    )


def unknown_request(request: str) -> UnknownRun:
    """Return the error for an id that no request has."""
    return UnknownRun(f"There is no request {request} in this store: `headgate inbox` lists them.")


def only_match(found: Sequence[str], wanted: str, what: str) -> str:
    """Return the one id that `wanted` is or begins.

    Raises:
        UnknownRun: there is none, or more than one.
    """
    if wanted in found:
        return wanted
    if len(found) > 1:
        raise UnknownRun(
            f"More than one {what} begins with {wanted} ({', '.join(found[:3])}): "
            "give more characters."
        )
    if not found or not wanted:
        raise unknown_run(wanted) if what == "run" else unknown_request(wanted)
    return found[0]


def holder_of(row: Row) -> Holder | None:
    """Return the holder in columns host, pid, boot, process_started; None for a free lease."""
    host, pid, boot, started = row
    return None if pid is None else Holder(host=host, pid=pid, boot=boot, started=started)


def is_interrupted(
    status: RunStatus, holder: Holder | None, heartbeat_at: float, now: float
) -> bool:
    """Return whether a run should be running and nobody runs it."""
    if status not in (RunStatus.RUNNING, RunStatus.CANCELLING):
        return False
    return holder is None or not is_alive(holder, heartbeat_at, now)


def run_record(row: Row, decode: Decode, now: float, document: bytes = b"") -> RunRecord:
    """Return the run in a row of `RUN_SELECT`."""
    status = RunStatus(row[7])
    return RunRecord(
        run=RunId(row[0]),
        workflow_id=row[1],
        workflow=row[2],
        revision=row[3],
        document=document,
        input=decode(unpack(row[4])),
        seed=row[5],
        started_at=row[6],
        status=status,
        commit=-1 if row[8] is None else number_of(row[8]),
        parent=row[9],
        parent_commit=row[10],
        ended_at=row[11],
        source_path=row[12],
        title=row[13],
        interrupted=is_interrupted(status, holder_of(row[15:19]), row[19], now),
        untrusted=bool(row[20]),
        session=row[21],
        trigger=row[22],
        allow=tuple(row[23].split()),
        called_by=(RunId(row[24]), TaskId(row[25])) if row[24] else None,
        mode=row[26],
        depth=row[27],
        begins=row[28] or b"",
    )


def decision_record(row: Row, decode: Decode) -> DecisionRecord:
    """Return the decision in a row of `DECISION_SELECT`."""
    return DecisionRecord(
        id=row[0],
        request=RequestId(row[1]),
        run=RunId(row[2]),
        choice=row[3],
        by=row[4],
        through=row[5],
        at=row[6],
        digest_seen=row[7],
        accepted=bool(row[8]),
        reason=row[9],
        comment=row[10],
        values=None if row[11] is None else decode(unpack(row[11])),
        to=row[12],
        admitted=bool(row[13]),
        hash=row[14] or "",
    )


def request_record(
    row: Row, decode: Decode, decode_content: Callable[[bytes], Request]
) -> RequestRecord:
    """Return the request, with its decision, in a row of `REQUEST_SELECT`."""
    return RequestRecord(
        request=RequestId(row[0]),
        run=RunId(row[1]),
        task=TaskId(row[2]),
        node=row[3],
        workflow=row[4],
        revision=row[5],
        content=decode_content(unpack(row[6])),
        digest=row[7],
        opened_at=row[8],
        deadline=row[9],
        status=row[10],
        decision=None if row[11] is None else decision_record(row[11:], decode),
    )
