"""Barrier requests and decisions in the database: append-only, chained, decided once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from engine.commands import Decide
from engine.errors import StoreError
from engine.ids import RequestId, RunId
from engine.model.node_types import Request
from engine.runtime.ports import DecisionRecord, Link, RequestRecord, RuleRecord, RunImage
from engine.store import evidence, rules
from engine.store.blobs import Aside, Blobs, Parts
from engine.store.database import Database
from engine.store.encoding import canonical_json, decoder, encode, pack, readable
from engine.store.leaves import keep, map_leaves
from engine.store.rows import (
    DECISION_SELECT,
    REQUEST_SELECT,
    decision_record,
    only_match,
    request_record,
    unknown_request,
)
from engine.store.verdicts import Verdict, verdict

Json = Any


_REQUEST_LINKS = """
    SELECT q.id, e.seq, e.prev_hash, e.hash FROM requests q JOIN evidence e ON e.seq = q.no
    WHERE q.run = ? ORDER BY e.seq"""
_DECISION_LINKS = """
    SELECT d.no, e.seq, e.prev_hash, e.hash FROM decisions d JOIN evidence e ON e.seq = d.no
    WHERE d.run = ? ORDER BY e.seq"""


class RequestLog:
    """Requests, decisions and the chain over them, in one database."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._decode = decoder(Any, blobs.resolve).decode
        self._decode_content = decoder(Request, blobs.resolve).decode

    # --- within the transaction of a commit -------------------------------------------------

    def open(self, connection: sqlite3.Connection, requests: Iterable[RequestRecord]) -> None:
        """Store new requests."""
        for given in requests:
            record = map_leaves(given, keep, readable)
            seq, _ = self._link(connection, evidence.REQUEST, evidence.request_fields(record))
            content = self._stored(connection, "q", seq, record.content)
            connection.execute(
                "INSERT INTO requests (no, id, run, task, node, workflow, revision, content,"
                " digest, opened_at, deadline, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    seq,
                    record.request,
                    record.run,
                    record.task,
                    record.node,
                    record.workflow,
                    record.revision,
                    content,
                    record.digest,
                    record.opened_at,
                    record.deadline,
                    record.status,
                ),
            )

    def close(
        self, connection: sqlite3.Connection, closed: Iterable[tuple[RequestId, str]]
    ) -> None:
        """Take back questions; a decision that the run has not taken in counts no more."""
        connection.executemany(
            "UPDATE requests SET status = ? WHERE id = ?",
            [(status, request) for request, status in closed],
        )

    def admit(self, connection: sqlite3.Connection, decisions: Iterable[int]) -> None:
        """Note that the run has taken decisions in, with all voices of their quorum."""
        connection.executemany(
            "UPDATE decisions SET admitted = 1 WHERE accepted AND request ="
            " (SELECT request FROM decisions WHERE no = ?)",
            [(number,) for number in decisions],
        )

    # --- deciding ---------------------------------------------------------------------------

    def decide(self, decision: Decide, at: float) -> DecisionRecord:
        """Accept or refuse a decision, and store it either way."""
        with self._database.transaction(durable=True) as connection:
            request = self._request(connection, decision.request)
            earlier = self._select(
                connection, DECISION_SELECT + " WHERE d.request = ?", request.request
            )
            found = verdict(request, decision, earlier)
            return self._append(connection, request, decision, at, found)

    def refuse(self, decision: Decide, at: float, reason: str) -> DecisionRecord:
        """Store a decision that does not count."""
        with self._database.transaction(durable=True) as connection:
            request = self._request(connection, decision.request)
            return self._append(
                connection, request, decision, at, Verdict(accepted=False, reason=reason)
            )

    def _append(
        self,
        connection: sqlite3.Connection,
        request: RequestRecord,
        decision: Decide,
        at: float,
        found: Verdict,
    ) -> DecisionRecord:
        record = self._put_decision(connection, new_decision(request, decision, at, found))
        if found.decides:
            connection.execute(
                "UPDATE requests SET status = 'decided', decision_no = ? WHERE id = ?",
                (record.id, record.request),
            )
        return record

    def _put_decision(
        self, connection: sqlite3.Connection, given: DecisionRecord
    ) -> DecisionRecord:
        """Append a decision to the log; return it with its number and hash here."""
        record: DecisionRecord = map_leaves(given, keep, readable)
        seq, digest = self._link(connection, evidence.DECISION, evidence.decision_fields(record))
        edited = None
        if record.values is not None:
            edited = self._stored(connection, "d", seq, record.values)
        connection.execute(
            "INSERT INTO decisions (no, request, run, choice, decided_by, through, at,"
            " digest_seen, accepted, reason, comment, edited, reroute_to, admitted)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                record.request,
                record.run,
                record.choice,
                record.by,
                record.through,
                record.at,
                record.digest_seen,
                record.accepted,
                record.reason,
                record.comment,
                edited,
                record.to,
                record.admitted,
            ),
        )
        return replace(record, id=seq, hash=digest)

    def _link(
        self,
        connection: sqlite3.Connection,
        kind: str,
        fields: dict[str, Json],
        note: str | None = None,
    ) -> tuple[int, str]:
        """Append to the hash chain; return the number and the hash of the entry."""
        last = connection.execute(
            "SELECT seq, hash FROM evidence ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        seq, prev_hash = (last[0] + 1, last[1]) if last else (1, evidence.START)
        digest = evidence.chain_hash(seq, kind, prev_hash, fields)
        connection.execute(
            "INSERT INTO evidence (seq, kind, prev_hash, hash, erased, note)"
            " VALUES (?, ?, ?, ?, 0, ?)",
            (seq, kind, prev_hash, digest, note),
        )
        return seq, digest

    def _stored(self, connection: sqlite3.Connection, kind: str, owner: int, value: Json) -> bytes:
        parts: Parts = {}
        short = Aside().put(value, parts)
        self._blobs.write(connection, kind, owner, parts)
        return pack(encode(short))

    # --- standing decisions -------------------------------------------------------------------

    def add_rule(self, rule: RuleRecord) -> RuleRecord:
        """Store a standing decision."""
        with self._database.transaction(durable=True) as connection:
            rule = map_leaves(rule, keep, readable)
            seq, _ = self._link(connection, evidence.RULE, evidence.rule_fields(rule))
            rules.insert_rule(connection, seq, rule)
        return rule

    def rules(self) -> list[RuleRecord]:
        """Return all standing decisions, newest first."""
        with self._database.reader() as connection:
            return rules.rules_in(connection)

    def has_rules(self) -> bool:
        """Return whether there is any standing decision."""
        with self._database.reader() as connection:
            row = connection.execute("SELECT 1 FROM rules LIMIT 1").fetchone()
        return row is not None

    def revoke_rule(self, rule: str, by: str, at: float) -> RuleRecord:
        """End a standing decision."""
        with self._database.transaction(durable=True) as connection:
            ended = rules.revoked(rules.only_rule(rules.rules_in(connection), rule), by, at)
            fields = {"rule": ended.id, "by": by, "at": float(at)}
            note = canonical_json(fields).decode()
            self._link(connection, evidence.REVOCATION, fields, note)
            connection.execute(
                "UPDATE rules SET revoked_at = ?, revoked_by = ? WHERE id = ?", (at, by, ended.id)
            )
        return ended

    def decide_by_rule(self, request: RequestId, at: float) -> DecisionRecord | None:
        """Answer an open request by the rule that fits it best."""
        if not self.has_rules():
            return None
        with self._database.transaction(durable=True) as connection:
            record = self._request(connection, request)
            row = connection.execute(
                "SELECT workflow_id FROM runs WHERE id = ?", (record.run,)
            ).fetchone()
            if row is None or record.status != "open":
                return None
            found = rules.rules_in(connection, "WHERE workflow_id = ?", row[0])
            rule = rules.best_of(found, record, row[0], at)
            if rule is None:
                return None
            decide, wrong = rules.answer_of(rule, record)
            if wrong:
                refused = Verdict(accepted=False, reason=wrong)
                return self._append(connection, record, decide, at, refused)
            earlier = self._select(
                connection, DECISION_SELECT + " WHERE d.request = ?", record.request
            )
            counted = verdict(record, decide, earlier)
            if counted.accepted:
                connection.execute("UPDATE rules SET uses = uses + 1 WHERE id = ?", (rule.id,))
            return self._append(connection, record, decide, at, counted)

    # --- whole runs ---------------------------------------------------------------------------

    def take_in(self, connection: sqlite3.Connection, image: RunImage, at: float) -> None:
        """Append what was asked and answered in a run that comes from elsewhere.

        Raises:
            StoreError: a request of that id is here already.
        """
        entries = evidence.in_order(image)
        if not entries:
            return
        fields = evidence.arrival_fields(image, at)
        self._link(connection, evidence.ARRIVAL, fields, canonical_json(fields).decode())
        numbers: dict[int, int] = {}
        for record in entries:
            if isinstance(record, DecisionRecord):
                numbers[record.id] = self._put_decision(connection, record).id
                continue
            try:
                self.open(connection, [record])
            except sqlite3.IntegrityError as error:
                raise StoreError(
                    f"Request {record.request} is already in the store "
                    f"{self._database.path}: nothing was changed."
                ) from error
        connection.executemany(
            "UPDATE requests SET decision_no = ? WHERE id = ?",
            [
                (numbers[record.decision.id], record.request)
                for record, _ in image.requests
                if record.decision is not None
            ],
        )

    def linked_requests(self, run: RunId) -> list[tuple[RequestRecord, Link]]:
        """Return the requests of a run with their places in the chain, oldest first."""
        with self._database.reader() as connection:
            found = {each.request: each for each in self.requests(run=run, open_only=False)}
            rows = connection.execute(_REQUEST_LINKS, (run,)).fetchall()
            return [(found[RequestId(row[0])], _link_of(row)) for row in rows]

    def linked_decisions(self, run: RunId) -> list[tuple[DecisionRecord, Link]]:
        """Return the decisions of a run with their places in the chain, oldest first."""
        with self._database.reader() as connection:
            found = {each.id: each for each in self.decisions(run)}
            rows = connection.execute(_DECISION_LINKS, (run,)).fetchall()
            return [(found[row[0]], _link_of(row)) for row in rows]

    # --- looking ----------------------------------------------------------------------------

    def requests(self, *, run: RunId | None, open_only: bool) -> list[RequestRecord]:
        """Return requests, the one due first at the top, then by age."""
        conditions = [
            *(["q.run = :run"] if run is not None else []),
            *(["q.status = 'open'"] if open_only else []),
        ]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        with self._database.reader() as connection:
            rows = connection.execute(
                f"{REQUEST_SELECT} {where}"
                " ORDER BY q.deadline IS NULL, q.deadline, q.opened_at, q.no",
                {"run": run},
            ).fetchall()
            return [request_record(row, self._decode, self._decode_content) for row in rows]

    def request(self, request: str) -> RequestRecord:
        """Return one request; the beginning of its id is enough when only one begins so."""
        with self._database.reader() as connection:
            ids = connection.execute(
                "SELECT id FROM requests WHERE id >= ? AND id < ? || char(1114111) LIMIT 4",
                (request, request),
            ).fetchall()
            return self._request(
                connection, only_match([row[0] for row in ids], request, "request")
            )

    def unadmitted(self, run: RunId) -> list[DecisionRecord]:
        """Return the answers that no commit has taken in."""
        with self._database.reader() as connection:
            return self._select(
                connection,
                DECISION_SELECT + " JOIN requests q ON q.decision_no = d.no"
                " WHERE q.run = ? AND q.status = 'decided' AND NOT d.admitted ORDER BY d.no",
                run,
            )

    def decisions(self, run: RunId | None) -> list[DecisionRecord]:
        """Return all decisions, oldest first."""
        with self._database.reader() as connection:
            if run is None:
                return self._select(connection, DECISION_SELECT + " ORDER BY d.no")
            return self._select(connection, DECISION_SELECT + " WHERE d.run = ? ORDER BY d.no", run)

    def _request(self, connection: sqlite3.Connection, request: str) -> RequestRecord:
        row: Sequence[Any] | None = connection.execute(
            REQUEST_SELECT + " WHERE q.id = ?", (request,)
        ).fetchone()
        if row is None:
            raise unknown_request(request)
        return request_record(row, self._decode, self._decode_content)

    def _select(
        self, connection: sqlite3.Connection, query: str, *values: Any
    ) -> list[DecisionRecord]:
        rows = connection.execute(query, values).fetchall()
        return [decision_record(row, self._decode) for row in rows]


def _link_of(row: Sequence[Any]) -> Link:
    return Link(seq=row[1], prev_hash=row[2], hash=row[3])


def new_decision(
    request: RequestRecord, decision: Decide, at: float, found: Verdict
) -> DecisionRecord:
    """Return the record of a decision, without its number and hash."""
    return DecisionRecord(
        id=0,
        request=request.request,
        run=request.run,
        choice=decision.choice,
        by=decision.by,
        through=decision.through,
        at=at,
        digest_seen=decision.digest,
        accepted=found.accepted,
        reason=found.reason,
        comment=decision.comment,
        values=decision.values,
        to=decision.to,
    )
