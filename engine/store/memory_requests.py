"""Barrier requests and decisions in memory: the same rules as on disk, chained as there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from engine.commands import Decide
from engine.errors import StoreError
from engine.ids import RequestId, RunId
from engine.runtime.ports import (
    AuditEntry,
    DecisionRecord,
    Link,
    RequestRecord,
    RuleRecord,
    RunImage,
)
from engine.store import evidence, rules
from engine.store.requests import new_decision
from engine.store.rows import only_match, unknown_request
from engine.store.verdicts import Verdict, verdict

Json = Any


class MemoryRequests:
    """Requests, decisions and the chain over them. The owner guards it with a lock."""

    def __init__(self) -> None:
        self._requests: dict[RequestId, RequestRecord] = {}
        self._decisions: dict[int, DecisionRecord] = {}
        self._numbers: dict[RequestId, list[int]] = {}
        self._rules: dict[str, RuleRecord] = {}
        self._chain: list[tuple[evidence.Entry, RequestId | int | None]] = []

    def requests(self, *, run: RunId | None, open_only: bool) -> list[RequestRecord]:
        """Return barrier requests, the one due first at the top, then by age."""
        found = [
            each
            for each in self._requests.values()
            if (run is None or each.run == run) and (not open_only or each.status == "open")
        ]
        found.sort(key=lambda each: (each.deadline is None, each.deadline or 0.0, each.opened_at))
        return found

    def request(self, request: RequestId) -> RequestRecord:
        """Return one request with its decision; a unique prefix of its id is enough."""
        near = [known for known in self._requests if known.startswith(request)]
        return self._requests[RequestId(only_match(near, request, "request"))]

    def decide(self, decision: Decide, at: float) -> DecisionRecord:
        """Accept or refuse a decision by compare-and-set on the request."""
        request = self._request(decision.request)
        earlier = [self._decisions[number] for number in self._numbers[request.request]]
        return self._append(request, decision, at, verdict(request, decision, earlier))

    def refuse(self, decision: Decide, at: float, reason: str) -> DecisionRecord:
        """Append a decision that does not count."""
        found = Verdict(accepted=False, reason=reason)
        return self._append(self._request(decision.request), decision, at, found)

    def unadmitted(self, run: RunId) -> list[DecisionRecord]:
        """Return accepted decisions that no commit has taken in, oldest first."""
        answers = [
            request.decision
            for request in self._requests.values()
            if request.run == run and request.status == "decided"
        ]
        waiting = [each for each in answers if each is not None and not each.admitted]
        return sorted(waiting, key=lambda each: each.id)

    def decisions(self, run: RunId | None) -> list[DecisionRecord]:
        """Return the decision log, oldest first."""
        return [each for each in self._decisions.values() if run is None or each.run == run]

    def _request(self, request: RequestId) -> RequestRecord:
        found = self._requests.get(request)
        if found is None:
            raise unknown_request(request)
        return found

    def _append(
        self, request: RequestRecord, decision: Decide, at: float, found: Verdict
    ) -> DecisionRecord:
        record = self._put_decision(new_decision(request, decision, at, found))
        if found.decides:
            decided = replace(request, status="decided", decision=record)
            self._requests[request.request] = decided
        return record

    def _put_decision(self, given: DecisionRecord) -> DecisionRecord:
        seq, digest = self._link(evidence.DECISION, evidence.decision_fields(given), None)
        record = replace(given, id=seq, hash=digest)
        self._decisions[seq] = record
        self._numbers[record.request].append(seq)
        return record

    def take_in(self, image: RunImage, at: float) -> None:
        """Append what was asked and answered in a run that comes from elsewhere."""
        for record, _ in image.requests:
            if record.request in self._requests:
                raise StoreError(
                    f"Request {record.request} is already in the store: nothing was changed."
                )
        entries = evidence.in_order(image)
        if entries:
            self._link(evidence.ARRIVAL, evidence.arrival_fields(image, at), None)
        numbers: dict[int, DecisionRecord] = {}
        for entry in entries:
            if isinstance(entry, DecisionRecord):
                numbers[entry.id] = self._put_decision(entry)
            else:
                self.open([entry])
        for record, _ in image.requests:
            if record.decision is not None:
                answered = replace(record, decision=numbers[record.decision.id])
                self._requests[record.request] = answered

    def linked_requests(self, run: RunId) -> list[tuple[RequestRecord, Link]]:
        """Return the requests of a run with their places in the chain, oldest first."""
        return [
            (self._requests[RequestId(str(what))], _link_of(entry))
            for entry, what in self._chain
            if entry.kind == evidence.REQUEST
            and what in self._requests
            and self._requests[RequestId(str(what))].run == run
        ]

    def linked_decisions(self, run: RunId) -> list[tuple[DecisionRecord, Link]]:
        """Return the decisions of a run with their places in the chain, oldest first."""
        return [
            (self._decisions[entry.seq], _link_of(entry))
            for entry, _ in self._chain
            if entry.seq in self._decisions and self._decisions[entry.seq].run == run
        ]

    # --- standing decisions -------------------------------------------------------------------

    def add_rule(self, rule: RuleRecord) -> RuleRecord:
        """Store a standing decision."""
        self._link(evidence.RULE, evidence.rule_fields(rule), None)
        self._rules[rule.id] = rule
        return rule

    def rules(self) -> list[RuleRecord]:
        """Return all standing decisions, newest first."""
        return list(reversed(self._rules.values()))

    def revoke_rule(self, rule: str, by: str, at: float) -> RuleRecord:
        """End a standing decision."""
        ended = rules.revoked(rules.only_rule(self.rules(), rule), by, at)
        self._link(evidence.REVOCATION, {"rule": ended.id, "by": by, "at": float(at)}, None)
        self._rules[ended.id] = ended
        return ended

    def decide_by_rule(
        self, request: RequestId, workflow_id: str, at: float
    ) -> DecisionRecord | None:
        """Answer an open request by the rule that fits it best."""
        record = self._request(request)
        rule = rules.best_of(self._rules.values(), record, workflow_id, at)
        if rule is None or record.status != "open":
            return None
        decide, wrong = rules.answer_of(rule, record)
        if wrong:
            return self._append(record, decide, at, Verdict(accepted=False, reason=wrong))
        earlier = [self._decisions[number] for number in self._numbers[record.request]]
        found = verdict(record, decide, earlier)
        if found.accepted:
            self._rules[rule.id] = replace(rule, uses=rule.uses + 1)
        return self._append(record, decide, at, found)

    def _link(
        self, kind: str, fields: dict[str, Json], request: RequestId | None
    ) -> tuple[int, str]:
        """Append to the hash chain; return the number and the hash of the entry."""
        seq = len(self._chain) + 1
        prev_hash = self._chain[-1][0].hash if self._chain else evidence.START
        digest = evidence.chain_hash(seq, kind, prev_hash, fields)
        entry = evidence.Entry(seq=seq, kind=kind, prev_hash=prev_hash, hash=digest, fields=fields)
        self._chain.append((entry, request if kind == evidence.REQUEST else seq))
        return seq, digest

    def open(self, requests: Iterable[RequestRecord]) -> None:
        """Store new requests."""
        for record in requests:
            self._link(evidence.REQUEST, evidence.request_fields(record), record.request)
            self._requests[record.request] = record
            self._numbers[record.request] = []

    def close(self, closed: Iterable[tuple[RequestId, str]]) -> None:
        """Take back questions; a decision that the run has not taken in counts no more."""
        for request, status in closed:
            if request in self._requests:
                self._requests[request] = replace(self._requests[request], status=status)

    def admit(self, numbers: Iterable[int]) -> None:
        """Note that the run has taken decisions in, with all voices of their quorum."""
        for request in {self._decisions[number].request for number in numbers}:
            for number in self._numbers[request]:
                if self._decisions[number].accepted:
                    self._decisions[number] = replace(self._decisions[number], admitted=True)
            record = self._requests[request]
            if record.decision is not None:
                decision = self._decisions[record.decision.id]
                self._requests[request] = replace(record, decision=decision)

    def withdraw(self, run: RunId) -> None:
        """Take back the open questions of a run that is deleted."""
        mine = [each for each in self._requests.values() if each.run == run]
        self.close([(each.request, "withdrawn") for each in mine if each.status == "open"])

    def erase(self, run: RunId, now: float) -> None:
        """Delete a run's requests and decisions, and put down in the chain that this was done."""
        requests = {each.request for each in self._requests.values() if each.run == run}
        numbers = {number for request in requests for number in self._numbers.pop(request)}
        entries: list[int] = []
        for place, (entry, what) in enumerate(self._chain):
            if what in requests or what in numbers:
                self._chain[place] = (replace(entry, fields=None, erased=True), what)
                entries.append(entry.seq)
        for request in requests:
            del self._requests[request]
        for number in numbers:
            del self._decisions[number]
        if entries:
            self._link(evidence.ERASURE, {"run": run, "entries": entries, "at": now}, None)

    def verify(self) -> list[str]:
        """Check the hash chain; return what is wrong with it."""
        return evidence.walk(
            evidence.Entry(
                seq=each.seq,
                kind=each.kind,
                prev_hash=each.prev_hash,
                hash=each.hash,
                fields=each.fields,
                erased=each.erased,
                where=evidence.where(each),
            )
            for each in self.audit()
        ).problems()

    def audit(self) -> list[AuditEntry]:
        """Return the evidence, oldest first."""
        found: list[AuditEntry] = []
        for entry, what in self._chain:
            fields = entry.fields
            content: Json = None
            if entry.kind == evidence.REQUEST and not entry.erased:
                asked = self._requests[RequestId(str(what))]
                fields, content = evidence.request_fields(asked), msgspec.to_builtins(asked.content)
            elif entry.kind == evidence.DECISION and not entry.erased:
                answer = self._decisions[entry.seq]
                fields, content = evidence.decision_fields(answer), answer.values
            elif entry.kind == evidence.RULE and fields is not None:
                fields = evidence.rule_fields(self._rules[fields["rule"]])
            found.append(
                AuditEntry(
                    seq=entry.seq,
                    kind=entry.kind,
                    prev_hash=entry.prev_hash,
                    hash=entry.hash,
                    run=str((fields or {}).get("run", "")),
                    erased=entry.erased,
                    fields=fields,
                    content=content,
                )
            )
        return found


def _link_of(entry: evidence.Entry) -> Link:
    return Link(seq=entry.seq, prev_hash=entry.prev_hash, hash=entry.hash)
