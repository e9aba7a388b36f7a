from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import StoreError
from engine.events import LegStarted
from engine.ids import TaskId
from engine.runtime.ports import RunStore
from engine.store.commits import FRAME_RATIO
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, Chain, begin, request_record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


def one(store: SqliteStore, query: str) -> Any:
    return store._database.writer.execute(query).fetchone()[0]


def grown(store: SqliteStore, chain: Chain, lease: Any, count: int, **fields: Any) -> float:
    """Return how many bytes the database grows by a commit."""
    before = store._database.used_bytes()
    for _ in range(count):
        store.commit(lease, chain.commit(**fields))
    return (store._database.used_bytes() - before) / count


def test_a_small_commit_takes_less_than_500_bytes(store: SqliteStore) -> None:
    chain, lease = begin(store)
    assert grown(store, chain, lease, 1000) < 500


def test_a_commit_takes_as_much_late_in_a_run_as_early(store: SqliteStore) -> None:
    chain, lease = begin(store)
    early = grown(store, chain, lease, 500)
    grown(store, chain, lease, 1500)
    assert grown(store, chain, lease, 1000) < 1.25 * early


def test_a_small_change_of_a_large_state_costs_what_changed(store: SqliteStore) -> None:
    chain, lease = begin(store)
    large = [{"row": number, "text": f"{number * 7919 % 100_003:0100d}"} for number in range(8000)]
    store.commit(lease, chain.commit(ops={"data": large}))
    assert grown(store, chain, lease, 300) < 500


def test_a_value_that_is_carried_along_is_stored_once(store: SqliteStore) -> None:
    chain, lease = begin(store)
    value = "large" * 50_000
    for number in range(60):
        store.commit(lease, chain.commit(values={f"v{number}.out": value}, ops={"data": value}))
    assert one(store, "SELECT count(*) FROM blobs") == 2  # it and the document
    assert store.load(RUN).state == chain.state


def test_key_frames_take_no_more_than_a_part_of_the_commits(store: SqliteStore) -> None:
    chain, lease = begin(store)
    for record in chain.commits(1500):
        store.commit(lease, record)
    frames = one(store, "SELECT sum(length(state) + length(view)) FROM frames")
    commits = one(store, "SELECT sum(length(events) + length(delta)) FROM commits")
    assert one(store, "SELECT count(*) FROM frames") > 3
    assert frames < commits * (1 / FRAME_RATIO + 0.25)


def test_a_small_commit_writes_one_row_and_nothing_else(store: SqliteStore) -> None:
    chain, lease = begin(store)
    seen: list[str] = []
    store._database.writer.set_trace_callback(seen.append)
    store.commit(lease, chain.commit())
    assert [" ".join(text.split())[:20] for text in seen] == ["INSERT INTO commits "]


def test_a_resumed_run_keeps_its_frames_as_far_apart(store: SqliteStore) -> None:
    chain, lease = begin(store)
    for _ in range(20):
        for record in chain.commits(50):
            store.commit(lease, record)
        store._commits.forget(RUN)  # as after a restart
    once = SqliteStore(store.path.with_name("once.sqlite"))
    chain, lease = begin(once)
    for record in chain.commits(1000):
        once.commit(lease, record)
    count = "SELECT count(*) FROM frames"
    assert abs(one(store, count) - one(once, count)) <= 1
    once.close()


def test_a_commit_is_stored_whole_or_not_at_all(store: SqliteStore) -> None:
    chain, lease = begin(store)
    requests = [request_record("ask1"), request_record("ask1")]  # the second breaks a rule
    record = chain.commit(open_requests=requests, facts=[LegStarted(leg=2, reason="", commit=1)])
    with pytest.raises(StoreError):
        store.commit(lease, record)
    assert (store.run(RUN).commit, store.load(RUN).legs, store.requests()) == (0, 1, [])
    assert store.verify() == []
    store.commit(lease, replace(record, open_requests=requests[:1]))
    assert store.load(RUN).legs == 2


def test_a_claim_and_what_follows_it_are_synced(store: SqliteStore) -> None:
    chain, lease = begin(store)
    store.claim(lease, TaskId("n1"), 1, START_S)
    assert one(store, "PRAGMA synchronous") == 2
    store.commit(lease, chain.commit())
    assert one(store, "PRAGMA synchronous") == 1
    store.commit(lease, chain.commit(claims=[(TaskId("n3"), 1)]))
    assert one(store, "PRAGMA synchronous") == 2


def test_no_value_gets_into_a_message(store: SqliteStore) -> None:
    chain, lease = begin(store)
    record = chain.commit(values={"v.out": "s3cret" * 20_000})
    store._database.writer.execute("DROP TABLE blob_uses")
    with pytest.raises(StoreError) as caught:
        store.commit(lease, record)
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_every_store_has_the_methods_of_the_port(store: SqliteStore) -> None:
    port: RunStore = store
    names = {name for name in vars(RunStore) if not name.startswith("_")}
    assert names <= set(dir(port))
    assert json.dumps(sorted(names))
