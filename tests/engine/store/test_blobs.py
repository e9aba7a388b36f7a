from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import StoreError
from engine.ids import RunId
from engine.model.node_types import Request
from engine.state.run_state import Delta
from engine.store.blobs import Aside, Parts
from engine.store.encoding import LARGE_BYTES, encode
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, begin, decide, request_record

LARGE = "x" * (LARGE_BYTES + 1)


def put(value: Any, aside: Aside | None = None) -> tuple[Any, Parts]:
    parts: Parts = {}
    delta = (aside or Aside()).put(Delta(put_values={"v": value}), parts)
    return delta.put_values["v"], parts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


def test_a_small_value_stays_where_it_is() -> None:
    value = {"rows": list(range(100))}
    short, parts = put(value)
    assert short is value
    assert parts == {}


def test_large_parts_are_put_aside_from_the_inside_out() -> None:
    short, parts = put({"a": LARGE, "b": [LARGE + "!", 1]})
    assert isinstance(short["a"], msgspec.msgpack.Ext)
    assert short["b"][1] == 1
    assert len(parts) == 2


def test_many_small_items_are_one_large_value() -> None:
    short, parts = put(list(range(LARGE_BYTES)))
    assert isinstance(short, msgspec.msgpack.Ext)
    assert len(parts) == 1


def test_a_part_of_a_large_value_is_shared_with_the_whole() -> None:
    _, whole = put({"input": {"path": "x", "data": LARGE}})
    _, part = put(LARGE)
    assert set(part) <= set(whole)


def test_the_same_object_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    real = encode

    def counting(value: Any) -> bytes:
        data = real(value)
        encoded.append(len(data))
        return data

    monkeypatch.setattr("engine.store.blobs.encode", counting)
    aside, value = Aside(), {"data": LARGE, "more": LARGE + "!"}
    first = put(value, aside)
    assert encoded
    encoded.clear()
    second = put(value, aside)
    assert (second[0], set(second[1])) == (first[0], set(first[1]))
    assert encoded == []


def test_a_large_value_that_another_process_collected_is_written_again(
    store: SqliteStore,
) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(values={"v.out": LARGE}))
    writer = store._database.writer
    writer.execute("DELETE FROM blob_uses WHERE kind = 'c'")
    writer.execute("DELETE FROM blobs WHERE no NOT IN (SELECT blob_no FROM blob_uses)")
    store.commit(lease, chain.commit(values={"w.out": LARGE}))
    assert store.values_at(RUN, 2, ["w.out"]) == {"w.out": LARGE}


def test_requests_and_decisions_put_large_content_aside(store: SqliteStore) -> None:
    chain, lease = begin(store)
    large = [{"text": LARGE}]
    request = request_record(content=Request(title="t", payload=large))
    store.commit(lease, chain.commit(open_requests=[request]))
    decision = store.decide(decide(choice="modify", values=[{"text": LARGE + "!"}]), 1.0)
    assert store.requests(open_only=False)[0].content.payload == large
    assert store.decisions() == [decision]
    assert (
        store._database.writer.execute("SELECT max(length(content)) FROM requests").fetchone()[0]
        < 500
    )
    assert store.verify() == []


@pytest.mark.parametrize("damage", ["DELETE FROM blobs", "UPDATE blobs SET data = x'c0'"])
def test_a_blob_that_is_not_what_was_stored_is_damage(store: SqliteStore, damage: str) -> None:
    chain, lease = begin(store)
    store.commit(lease, chain.commit(values={"v.out": LARGE}))
    store._database.writer.execute("PRAGMA foreign_keys=0")
    store._database.writer.execute(damage)
    with pytest.raises(StoreError, match="damaged"):
        store.values_at(RUN, 1, ["v.out"])


def test_reading_shares_a_large_value_instead_of_decoding_it_again(store: SqliteStore) -> None:
    chain, lease = begin(store)
    value = [LARGE]
    store.commit(lease, chain.commit(values={"v.out": value}))
    one = store.state_at(RUN, 1).values["v.out"]
    two = store.state_at(RUN, 1).values["v.out"]
    assert one == two == value
    assert one[0] is two[0]


def test_a_document_is_stored_once_for_all_runs(store: SqliteStore) -> None:
    for number in range(5):
        begin(store, f"r{number}")
    assert store._database.writer.execute("SELECT count(*) FROM blobs").fetchone() == (1,)
    assert store.run(RunId("r4")).document == store.run(RunId("r0")).document
