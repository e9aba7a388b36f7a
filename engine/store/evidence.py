"""The hash chain over requests and decisions: pure functions, used by every store.

Each entry's hash covers its number, its kind, its fields and the hash of the entry
before it. A row that is edited, removed or slipped in later breaks the chain at that
place. Someone who can write the file can also forge a whole new chain: who must exclude
that keeps the last hash somewhere else (``headgate audit export`` prints it).

Large content (what was shown, what was edited) enters as a hash of its own, so that the
chain can still be checked after a person had the content erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.runtime.ports import (
    AuditEntry,
    DecisionRecord,
    Link,
    RequestRecord,
    RuleRecord,
    RunImage,
)
from engine.store.encoding import canonical_json, content_hash

Json = Any

REQUEST = "request"
DECISION = "decision"
ERASURE = "erasure"
#: Requests and decisions of a run that came from a file follow; the note says where they stood.
ARRIVAL = "arrival"

#: A standing decision, and its end.
RULE = "rule"
REVOCATION = "revocation"
#: Entries whose fields are kept as their note.
NOTED = frozenset({ERASURE, ARRIVAL, REVOCATION})

#: What the first entry gives as the hash of the one before it.
START = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One link as it is stored.

    Attributes:
        fields: what the hash covers besides the chain itself; None when it is not there.
        erased: the person had the content deleted.
        where: words that name the entry in a report.
    """

    seq: int
    kind: str
    prev_hash: str
    hash: str
    fields: Mapping[str, Json] | None
    erased: bool = False
    where: str = ""


@dataclass(slots=True)
class Report:
    """What a walk over the chain has found.

    Attributes:
        first_broken: sentence about the first entry that is not as it was written.
        last_hash: of the newest entry; the anchor to keep elsewhere.
    """

    entries: int = 0
    broken: int = 0
    erased: int = 0
    first_broken: str = ""
    last_hash: str = START
    others: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Return sentences; none when everything is as it was written."""
        if not self.broken:
            return list(self.others)
        count = f"{self.broken} of {self.entries} entries of the evidence are broken."
        return [self.first_broken, count, *self.others]


def request_fields(record: RequestRecord) -> dict[str, Json]:
    """Return what the chain says about a request; status and decision may change, so not those."""
    return {
        "request": record.request,
        "run": record.run,
        "task": record.task,
        "node": record.node,
        "workflow": record.workflow,
        "revision": record.revision,
        "content_sha256": content_hash(record.content),
        "digest": record.digest,
        "opened_at": float(record.opened_at),
        "deadline": None if record.deadline is None else float(record.deadline),
    }


def decision_fields(record: DecisionRecord) -> dict[str, Json]:
    """Return what the chain says about a decision; `admitted` is set later, so not that."""
    return {
        "request": record.request,
        "run": record.run,
        "choice": record.choice,
        "by": record.by,
        "through": record.through,
        "at": float(record.at),
        "digest_seen": record.digest_seen,
        "accepted": record.accepted,
        "reason": record.reason,
        "comment": record.comment,
        "values_sha256": None if record.values is None else content_hash(record.values),
        "to": record.to,
    }


def rule_fields(record: RuleRecord) -> dict[str, Json]:
    """Return what the chain says about a rule; its uses and its end may change, so not those."""
    return {
        "rule": record.id,
        "workflow_id": record.workflow_id,
        "workflow": record.workflow,
        "run": record.run,
        "node": record.node,
        "task": record.task,
        "revision": record.revision,
        "choice": record.choice,
        "to": record.to,
        "comment": record.comment,
        "by": record.by,
        "at": float(record.at),
        "max_uses": record.max_uses,
        "expires_at": None if record.expires_at is None else float(record.expires_at),
    }


def in_order(image: RunImage) -> list[RequestRecord | DecisionRecord]:
    """Return the requests and decisions of a run in the order in which they were stored."""
    found: list[tuple[RequestRecord | DecisionRecord, Link]] = []
    found += image.requests
    found += image.decisions
    return [record for record, _ in sorted(found, key=lambda each: each[1].seq)]


def arrival_fields(image: RunImage, at: float) -> dict[str, Json]:
    """Return what the chain says about a run that came from a file, before its entries."""
    links = [link for _, link in [*image.requests, *image.decisions]]
    places = sorted([each.seq, each.hash] for each in links)
    return {"run": image.record.run, "at": float(at), "stood": places}


def chain_hash(seq: int, kind: str, prev_hash: str, fields: Mapping[str, Json]) -> str:
    """Return the hash of an entry."""
    link = {"seq": seq, "kind": kind, "prev": prev_hash, "fields": dict(fields)}
    return hashlib.sha256(canonical_json(link)).hexdigest()


def where(entry: AuditEntry) -> str:
    """Return words that name an entry in a report."""
    fields = entry.fields or {}
    match entry.kind:
        case "request":
            return f"request {fields['request']} of run {entry.run}" if "request" in fields else ""
        case "decision":
            request = fields.get("request")
            return f"decision on request {request} of run {entry.run}" if request else ""
        case "rule":
            return f"rule {fields['rule']}" if "rule" in fields else ""
        case kind:
            return kind if fields else ""


def walk(entries: Iterable[Entry]) -> Report:
    """Check a chain from its first entry on."""
    report = Report()
    erased: dict[int, str] = {}
    announced: set[int] = set()
    seq = 0
    for entry in entries:
        seq += 1
        report.entries += 1
        wrong = _wrong(entry, seq, report.last_hash)
        if entry.erased:
            report.erased += 1
            erased[entry.seq] = entry.where
        if entry.kind == ERASURE and entry.fields is not None and not wrong:
            announced.update(entry.fields["entries"])
        if wrong:
            report.broken += 1
            report.first_broken = report.first_broken or f"Evidence entry {entry.seq}{wrong}"
        report.last_hash = entry.hash
        seq = entry.seq
    for number in sorted(set(erased) - announced):
        report.broken += 1
        report.first_broken = report.first_broken or (
            f"Evidence entry {number} was erased and no erasure in the chain says so."
        )
    return report


def _wrong(entry: Entry, seq: int, last_hash: str) -> str:
    """Return what is wrong with an entry, or nothing."""
    where = f" ({entry.where})" if entry.where else ""
    if entry.seq != seq:
        return f"{where} comes where entry {seq} belongs: entries were removed."
    if entry.prev_hash != last_hash:
        return f"{where} does not continue the entry before it: one of them was changed."
    if entry.erased:
        return ""
    if entry.fields is None:
        return f"{where} has lost its row: it was deleted outside this program."
    if chain_hash(entry.seq, entry.kind, entry.prev_hash, entry.fields) != entry.hash:
        return f"{where} is not what was stored: it was changed outside this program."
    return ""
