from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.ids import RunId, TaskId
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, asked, begin, decide

LARGE = "x" * 100_000
SLIPPED_IN = """
    INSERT INTO decisions SELECT 9, request, run, choice, 'eve', through, at, digest_seen, 1, '',
    comment, edited, reroute_to, 1 FROM decisions WHERE no = 3"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


def tamper(store: SqliteStore, statement: str) -> None:
    store._database.writer.execute("PRAGMA foreign_keys=0")
    store._database.writer.execute(statement)


def count(store: SqliteStore, table: str) -> int:
    return int(store._database.writer.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_deleting_a_run_leaves_nothing_of_it_and_gives_the_space_back(store: SqliteStore) -> None:
    begin(store, "other")
    size = store.size_bytes()
    chain, lease = begin(store)
    for number in range(60):
        text = os.urandom(40_000).hex()
        store.commit(lease, chain.commit(values={f"v{number}.out": text}))
    store.claim(lease, TaskId("n1"), 1, START_S)
    store.release(lease)
    assert store.size_bytes() > size + 2_000_000
    store.delete_run(RUN)
    assert store.size_bytes() < size + 100_000
    for table in ("runs", "leases", "commits", "frames", "blobs"):
        assert count(store, table) == 1
    assert count(store, "claims") == count(store, "journal") == count(store, "commands") == 0
    assert store.load(RunId("other")).state.commit == 0


def test_pruning_returns_the_bytes_that_it_gives_back(store: SqliteStore) -> None:
    chain, lease = begin(store)
    for _ in range(50):
        store.commit(lease, chain.commit(ops={"data": os.urandom(20_000).hex()}))
    before = store.size_bytes()
    freed = store.prune(RUN, 5)
    assert freed > 300_000
    assert store.size_bytes() <= before - freed + 100_000
    assert store.load(RUN).state == chain.state


def test_pruning_keeps_large_values_that_are_still_used(store: SqliteStore) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(values={"v.out": LARGE}, ops={"data": LARGE + "!"}))
    store.commit(lease, chain.commit(ops={"data": "short now"}))
    store.prune(RUN, 1)
    assert store.state_at(RUN, 2).values["v.out"] == LARGE
    assert count(store, "blobs") == 2  # the document and the value; the old channel has gone


def test_a_large_value_of_two_runs_stays_until_both_have_gone(store: SqliteStore) -> None:
    for name in ("one", "two"):
        chain, lease = begin(store, name)
        store.commit(lease, chain.commit(values={"v.out": LARGE}))
        store.release(lease)
    store.delete_run(RunId("one"))
    assert store.values_at(RunId("two"), 1, ["v.out"]) == {"v.out": LARGE}
    store.delete_run(RunId("two"))
    assert count(store, "blobs") == 0


def test_a_run_that_is_being_run_can_be_pruned(store: SqliteStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(100):
        store.commit(lease, record)
    store.prune(RUN, 3)
    for record in chain.commits(100):
        store.commit(lease, record)
    assert store.load(RUN).state == chain.state
    assert store.history(RUN)[0].number == 98


def test_a_maintenance_that_is_refused_changes_nothing(store: SqliteStore) -> None:
    _, lease = begin(store)
    store.release(lease)
    tamper(store, "DROP TABLE frames")
    with pytest.raises(StoreError, match="no such table"):
        store.delete_run(RUN)
    assert count(store, "commits") == 1


def test_a_deleted_number_is_never_used_again(store: SqliteStore) -> None:
    numbers: list[int] = []
    for name in ("one", "two"):
        _, lease = begin(store, name)
        writer = store._database.writer
        numbers += [row[0] for row in writer.execute("SELECT no FROM runs").fetchall()]
        store.release(lease)
        store.delete_run(RunId(name))
    assert numbers == [1, 2]


# --- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE decisions SET decided_by = 'eve' WHERE no = 2", "entry 2 .* was changed"),
        ("UPDATE decisions SET accepted = 1 WHERE no = 2", "entry 2 .* was changed"),
        ("UPDATE decisions SET edited = x'c3' WHERE no = 2", "entry 2 .* was changed"),
        ("UPDATE decisions SET edited = x'c1' WHERE no = 2", "entry 2 .* was changed"),
        ("UPDATE requests SET digest = 'other'", "entry 1 .* was changed"),
        ("UPDATE requests SET content = x'80'", "entry 1 .* was changed"),
        ("DELETE FROM decisions WHERE no = 3", "entry 3 has lost its row"),
        ("DELETE FROM evidence WHERE seq = 2", "entry 3 .* entries were removed"),
        ("UPDATE evidence SET hash = 'x' WHERE seq = 1", "entry 1 .* was changed"),
        ("UPDATE evidence SET erased = 1 WHERE seq = 2", "entry 2 was erased and no erasure"),
        ("UPDATE requests SET decision_no = 2", "ask1 counts as decided without"),
        (
            SLIPPED_IN,
            "1 decision rows are not in the chain",
        ),
    ],
)
def test_tampering_is_found(store: SqliteStore, statement: str, problem: str) -> None:
    asked(store)
    store.decide(decide(digest="other", by="bob"), START_S + 1)
    store.decide(decide(), START_S + 2)
    assert store.verify() == []
    tamper(store, statement)
    problems = " ".join(store.verify())
    assert re.search(problem, problems), problems


def test_what_may_change_is_not_part_of_the_hash(store: SqliteStore) -> None:
    chain, lease = asked(store)
    decision = store.decide(decide(), START_S + 1)
    store.commit(lease, chain.commit(admitted_decisions=[decision.id]))
    store.commit(lease, chain.commit(close_requests=[(decision.request, "withdrawn")]))
    assert store.verify() == []


def test_a_long_chain_is_walked_to_its_end(store: SqliteStore) -> None:
    asked(store)
    for number in range(450):
        store.decide(decide(digest="stale", by=f"p{number}"), START_S + number)
    tamper(store, "UPDATE decisions SET comment = 'x' WHERE no IN (300, 400)")
    first, total = store.verify()
    assert first.startswith("Evidence entry 300 (decision on request ask1 of run run1)")
    assert total == "2 of 451 entries of the evidence are broken."
