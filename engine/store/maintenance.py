"""What is done to a store now and then: delete a run, prune its history, check the evidence.

These use SQLModel sessions on a connection of their own; speed does not matter here and
importing SQLModel takes longer than resuming a run, so the store loads this module when
it is asked for.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, col, create_engine, delete, exists, func, select, update

from engine import run_view
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Request
from engine.runtime.holders import Holder
from engine.runtime.ports import AuditEntry, DecisionRecord, RequestRecord, RuleRecord
from engine.state.run_state import RunState
from engine.store import evidence, leases
from engine.store.blobs import Aside, Blobs, Parts
from engine.store.database import Database
from engine.store.encoding import Damaged, canonical_json, decoder, encode, pack, unpack
from engine.store.history import History
from engine.store.refusals import store_error
from engine.store.rows import commit_id, id_range, number_of, run_number, unknown_run
from engine.store.tables import (
    BlobRow,
    BlobUseRow,
    CommitRow,
    DecisionRow,
    EvidenceRow,
    ExecutionRow,
    FrameRow,
    KeptResultRow,
    LeaseRow,
    RequestRow,
    RuleRow,
    RunRow,
)

Json = Any


@contextlib.contextmanager
def _session(database: Database) -> Generator[Session]:
    """Open a session whose changes are all written at the end, or none."""
    engine = create_engine("sqlite://", creator=database.connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Take the right to write at once: a transaction that asks for it later may be refused.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with Session(engine) as session:
            yield session
            session.commit()
    except DBAPIError as error:
        cause = error.orig if isinstance(error.orig, sqlite3.Error) else error
        raise store_error(database.path, cause) from error
    except (msgspec.MsgspecError, Damaged) as error:
        raise store_error(database.path, error) from error
    finally:
        engine.dispose()


# --- deleting and pruning -------------------------------------------------------------------


def delete_run(database: Database, run: RunId, *, evidence: bool, now: float) -> None:
    """Delete a run and give its space back; its evidence stays unless it goes as well."""
    with _session(database) as session:
        row = session.exec(select(RunRow).where(RunRow.id == run)).first()
        if row is None or row.no is None:
            raise unknown_run(run)
        lease = session.get(LeaseRow, row.no)
        if lease is not None and lease.pid is not None:
            holder = Holder(
                host=lease.host, pid=lease.pid, boot=lease.boot, started=lease.process_started
            )
            if leases.is_alive(holder, lease.heartbeat_at, now):
                raise leases.held(run, holder)
        if evidence:
            _erase(session, run, now)
        else:
            session.exec(
                update(RequestRow)
                .where(col(RequestRow.run) == run, col(RequestRow.status) == "open")
                .values(status="withdrawn")
            )
        first, last = id_range(row.no)
        _drop_commits(session, first, last + 1)
        session.exec(delete(BlobUseRow).where(*_used_by("r", row.no, row.no + 1)))
        session.exec(delete(KeptResultRow).where(col(KeptResultRow.run) == run))
        session.exec(delete(RunRow).where(col(RunRow.no) == row.no))
        _collect_blobs(session)
    database.give_back()


def prune(
    database: Database,
    history: History,
    blobs: Blobs,
    run: RunId,
    keep: int,
    before: float | None,
) -> int:
    """Drop old commits of a run that have no name; return the bytes given back."""
    used = database.used_bytes()
    record = history.run(run)
    cut = _cut(database, record.run, record.commit - max(keep, 1) + 1, before)
    names = history.names(record.run)
    old = [each.number for each in history.history(record.run, after=-1, limit=None)
           if each.number < cut]  # fmt: skip
    if all(number in names for number in old):
        return 0
    # What stays without the commit before it begins with a whole state.
    starts = [cut, *[number for number in old if number in names]]
    frames = {
        number: (history.state_at(record.run, number), _view_at(history, record.run, number))
        for number in starts
    }
    with database.transaction() as connection:
        no = connection.execute("SELECT no FROM runs WHERE id = ?", (record.run,)).fetchone()[0]
        for number, (state, view) in frames.items():
            _put_frame(connection, blobs, commit_id(no, number), state, view)
    with _session(database) as session:
        begin = id_range(no)[0]
        for number in sorted(starts):
            _drop_commits(session, begin, commit_id(no, number))
            begin = commit_id(no, number) + 1
        _collect_blobs(session)
    database.give_back()
    return max(0, used - database.used_bytes())


def _cut(database: Database, run: RunId, cut: int, before: float | None) -> int:
    """Return the number of the first commit that stays whatever its name is."""
    if before is None:
        return cut
    with database.reader() as connection:
        no = run_number(connection, run)
        (young,) = connection.execute(
            "SELECT min(id) FROM commits WHERE id BETWEEN ? AND ? AND at >= ?",
            (*id_range(no), before),
        ).fetchone()
    return cut if young is None else min(cut, number_of(young))


def _view_at(history: History, run: RunId, number: int) -> bytes | None:
    """Return the encoded view of a commit, or None when its beginning is not stored."""
    frame = history.frame_before(run, number)
    view = run_view.decode(frame[1]) if frame else None
    facts = history.events(
        run,
        after=view.seq if view else 0,
        upto=history.history(run, after=number - 1, limit=1)[0].last_seq,
    )
    if view is None and facts and facts[0].seq != 1:
        return None
    return run_view.encode(run_view.fold(facts, view))


def _put_frame(
    connection: sqlite3.Connection, blobs: Blobs, key: int, state: RunState, view: bytes | None
) -> None:
    """Store a key frame where a history is to begin."""
    parts: Parts = {}
    data = pack(encode(Aside().put(state, parts)))
    connection.execute(
        "INSERT OR IGNORE INTO frames (id, state, view) VALUES (?, ?, ?)",
        (key, data, None if view is None else pack(view)),
    )
    blobs.write(connection, "f", key, parts)


def _drop_commits(session: Session, first: int, end: int) -> None:
    """Delete the commits and key frames with ``first <= id < end``."""
    session.exec(delete(CommitRow).where(col(CommitRow.id) >= first, col(CommitRow.id) < end))
    session.exec(delete(FrameRow).where(col(FrameRow.id) >= first, col(FrameRow.id) < end))
    ended = col(ExecutionRow.id)
    session.exec(delete(ExecutionRow).where(ended >= first, ended < end))
    for kind in ("c", "f"):
        session.exec(delete(BlobUseRow).where(*_used_by(kind, first, end)))


def _used_by(kind: str, first: int, end: int) -> tuple[ColumnElement[bool], ...]:
    owner = col(BlobUseRow.owner)
    return (col(BlobUseRow.kind) == kind, owner >= first, owner < end)


def _collect_blobs(session: Session) -> None:
    """Delete the blobs that no row uses."""
    session.exec(delete(BlobRow).where(~exists().where(col(BlobUseRow.blob_no) == BlobRow.no)))


def _erase(session: Session, run: RunId, now: float) -> None:
    """Delete a run's requests and decisions, and put down in the chain that this was done."""
    requests = session.exec(select(RequestRow.no).where(RequestRow.run == run)).all()
    decisions = session.exec(select(DecisionRow.no).where(DecisionRow.run == run)).all()
    entries = sorted(number for number in (*requests, *decisions) if number is not None)
    if not entries:
        return
    session.exec(delete(DecisionRow).where(col(DecisionRow.run) == run))
    session.exec(delete(RequestRow).where(col(RequestRow.run) == run))
    for number in entries:
        for kind in ("q", "d"):
            session.exec(delete(BlobUseRow).where(*_used_by(kind, number, number + 1)))
        session.exec(update(EvidenceRow).where(col(EvidenceRow.seq) == number).values(erased=True))
    last = session.exec(select(EvidenceRow).order_by(col(EvidenceRow.seq).desc()).limit(1)).one()
    assert last.seq is not None
    fields = {"run": run, "entries": entries, "at": now}
    session.add(
        EvidenceRow(
            seq=last.seq + 1,
            kind=evidence.ERASURE,
            prev_hash=last.hash,
            hash=evidence.chain_hash(last.seq + 1, evidence.ERASURE, last.hash, fields),
            note=canonical_json(fields).decode(),
        )
    )
    session.flush()


# --- checking the evidence ------------------------------------------------------------------


def verify(database: Database, blobs: Blobs) -> list[str]:
    """Walk the whole chain and compare every request and decision with it."""
    with _session(database) as session:
        report = evidence.walk(_entries(session, blobs))
        report.others += _strays(session)
    return report.problems()


def audit(database: Database, blobs: Blobs) -> list[AuditEntry]:
    """Return the whole evidence with what was shown and edited."""
    with _session(database) as session:
        return list(_audited(session, blobs))


def _entries(session: Session, blobs: Blobs) -> Iterator[evidence.Entry]:
    for each in _audited(session, blobs):
        yield evidence.Entry(
            seq=each.seq,
            kind=each.kind,
            prev_hash=each.prev_hash,
            hash=each.hash,
            fields=each.fields,
            erased=each.erased,
            where=evidence.where(each),
        )


def _audited(session: Session, blobs: Blobs) -> Iterator[AuditEntry]:
    decode = decoder(Any, blobs.resolve).decode
    decode_content = decoder(Request, blobs.resolve).decode
    rules = {rule.no: rule for rule in session.exec(select(RuleRow)).all()}
    rows = session.exec(
        select(EvidenceRow, RequestRow, DecisionRow)
        .join(RequestRow, col(RequestRow.no) == col(EvidenceRow.seq), isouter=True)
        .join(DecisionRow, col(DecisionRow.no) == col(EvidenceRow.seq), isouter=True)
        .order_by(col(EvidenceRow.seq))
        .execution_options(yield_per=200)
    )
    for link, request, decision in rows:
        fields: dict[str, Json] | None = None
        run = ""
        content: Json = None
        try:
            if link.kind == evidence.REQUEST and request is not None:
                run = request.run
                asked = _request(request, decode_content)
                fields, content = evidence.request_fields(asked), msgspec.to_builtins(asked.content)
            elif link.kind == evidence.DECISION and decision is not None:
                run = decision.run
                answer = _decision(decision, decode)
                fields, content = evidence.decision_fields(answer), answer.values
            elif link.kind == evidence.RULE and link.seq in rules:
                fields = evidence.rule_fields(_rule(rules[link.seq]))
            elif link.kind in evidence.NOTED and link.note is not None:
                fields = msgspec.json.decode(link.note)
        except (msgspec.MsgspecError, Damaged):
            fields = {"unreadable": True}  # its hash cannot be right
        assert link.seq is not None
        yield AuditEntry(
            seq=link.seq,
            kind=link.kind,
            prev_hash=link.prev_hash,
            hash=link.hash,
            run=run or str((fields or {}).get("run", "")),
            erased=link.erased,
            fields=fields,
            content=content,
        )


def _strays(session: Session) -> list[str]:
    """Return what stands beside the chain or contradicts it."""
    found: list[str] = []
    tables = ((RequestRow, "request"), (DecisionRow, "decision"), (RuleRow, "rule"))
    for table, what in tables:
        linked = exists().where(col(EvidenceRow.seq) == table.no, col(EvidenceRow.kind) == what)
        count = session.exec(select(func.count()).select_from(table).where(~linked)).one()
        if count:
            found.append(f"{count} {what} rows are not in the chain: they were slipped in.")
    answer = exists().where(
        col(DecisionRow.no) == RequestRow.decision_no,
        col(DecisionRow.request) == RequestRow.id,
        col(DecisionRow.accepted),
    )
    query = select(RequestRow.id).where(RequestRow.status == "decided", ~answer).limit(1)
    wrong = session.exec(query).first()
    if wrong is not None:
        found.append(f"Request {wrong} counts as decided without an accepted decision.")
    return found


def _request(row: RequestRow, decode: Any) -> RequestRecord:
    return RequestRecord(
        request=RequestId(row.id),
        run=RunId(row.run),
        task=TaskId(row.task),
        node=row.node,
        workflow=row.workflow,
        revision=row.revision,
        content=decode(unpack(row.content)),
        digest=row.digest,
        opened_at=row.opened_at,
        deadline=row.deadline,
    )


def _rule(row: RuleRow) -> RuleRecord:
    return RuleRecord(
        id=row.id,
        workflow_id=row.workflow_id,
        workflow=row.workflow,
        run=row.run,
        node=row.node,
        task=row.task,
        revision=row.revision,
        choice=row.choice,
        to=row.reroute_to,
        comment=row.comment,
        by=row.made_by,
        at=row.at,
        max_uses=row.max_uses,
        expires_at=row.expires_at,
    )


def _decision(row: DecisionRow, decode: Any) -> DecisionRecord:
    return DecisionRecord(
        id=row.no or 0,
        request=RequestId(row.request),
        run=RunId(row.run),
        choice=row.choice,
        by=row.decided_by,
        through=row.through,
        at=row.at,
        digest_seen=row.digest_seen,
        accepted=row.accepted,
        reason=row.reason,
        comment=row.comment,
        values=None if row.edited is None else decode(unpack(row.edited)),
        to=row.reroute_to,
    )
