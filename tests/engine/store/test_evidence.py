from __future__ import annotations

from dataclasses import replace

import pytest

from engine.ids import TaskId
from engine.store import evidence
from engine.store.evidence import DECISION, ERASURE, REQUEST, START, Entry, chain_hash, walk
from engine.store.requests import new_decision
from engine.store.verdicts import Verdict
from tests.engine.store.runs import decide, request_record


def chain(count: int) -> list[Entry]:
    entries: list[Entry] = []
    prev = START
    for seq in range(1, count + 1):
        fields = {"n": seq}
        digest = chain_hash(seq, REQUEST, prev, fields)
        entries.append(Entry(seq=seq, kind=REQUEST, prev_hash=prev, hash=digest, fields=fields))
        prev = digest
    return entries


def test_an_untouched_chain_has_no_problems() -> None:
    report = walk(chain(5))
    assert (report.problems(), report.entries, report.last_hash) == ([], 5, chain(5)[-1].hash)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_changed_entry_is_the_first_broken_one(place: int) -> None:
    entries = chain(5)
    entries[place] = replace(entries[place], fields={"n": 99})
    first, count = walk(entries).problems()
    assert first.startswith(f"Evidence entry {place + 1} is not what was stored")
    assert count == "1 of 5 entries of the evidence are broken."


def test_a_changed_entry_with_a_new_hash_breaks_the_next_one() -> None:
    entries = chain(5)
    forged = chain_hash(2, REQUEST, entries[1].prev_hash, {"n": 99})
    entries[1] = replace(entries[1], fields={"n": 99}, hash=forged)
    assert walk(entries).first_broken.startswith("Evidence entry 3 does not continue")


@pytest.mark.parametrize("place", [0, 2])
def test_a_removed_entry_is_missed(place: int) -> None:
    entries = chain(5)
    del entries[place]
    assert "entries were removed" in walk(entries).first_broken


def test_a_row_that_lost_its_content_is_named() -> None:
    entries = chain(3)
    entries[1] = replace(entries[1], fields=None, where="request ask1")
    assert walk(entries).first_broken == (
        "Evidence entry 2 (request ask1) has lost its row: it was deleted outside this program."
    )


def erased(entries: list[Entry], announced: list[int]) -> list[Entry]:
    seq, prev = len(entries) + 1, entries[-1].hash
    fields = {"run": "r", "entries": announced, "at": 1.0}
    digest = chain_hash(seq, ERASURE, prev, fields)
    entries[1] = replace(entries[1], fields=None, erased=True)
    return [*entries, Entry(seq=seq, kind=ERASURE, prev_hash=prev, hash=digest, fields=fields)]


def test_an_announced_erasure_is_no_problem() -> None:
    report = walk(erased(chain(3), [2]))
    assert (report.problems(), report.erased) == ([], 1)


def test_an_erasure_that_nobody_announced_is_a_problem() -> None:
    assert "no erasure in the chain says so" in walk(erased(chain(3), [])).first_broken


def test_the_hash_covers_every_field_of_a_request_that_never_changes() -> None:
    record = request_record()
    fields = evidence.request_fields(record)
    changed = [
        replace(record, task=TaskId("other")),
        replace(record, digest="other"),
        replace(record, deadline=1.0),
        replace(record, content=replace(record.content, payload=[])),
    ]
    assert all(evidence.request_fields(each) != fields for each in changed)
    assert evidence.request_fields(replace(record, status="decided")) == fields


def test_the_hash_covers_every_field_of_a_decision_but_admitted() -> None:
    record = new_decision(request_record(), decide(), 1.0, Verdict(accepted=True))
    fields = evidence.decision_fields(record)
    changed = [
        replace(record, by="eve"),
        replace(record, accepted=False),
        replace(record, at=2.0),
        replace(record, values=[1]),
        replace(record, comment="x"),
    ]
    assert all(evidence.decision_fields(each) != fields for each in changed)
    assert evidence.decision_fields(replace(record, admitted=True)) == fields
    assert chain_hash(1, DECISION, START, fields) != chain_hash(2, DECISION, START, fields)
