from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.ports import Lease
from engine.store.history import channels_in
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, Chain, begin


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def long(store: SqliteStore) -> tuple[Chain, Lease]:
    chain, lease = begin(store)
    for record in chain.commits(390):
        store.commit(lease, record)
    return chain, lease


def decoded(store: SqliteStore, monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Count how often the history decodes a row of a kind."""
    seen: list[int] = []
    real = getattr(store._history, name)

    def counting(data: bytes) -> object:
        seen.append(len(data))
        return real(data)

    monkeypatch.setattr(store._history, name, counting)
    return seen


@pytest.mark.usefixtures("long")
def test_a_state_is_made_from_the_nearest_frame(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deltas = decoded(store, monkeypatch, "_delta")
    writer = store._database.writer
    (frame,) = writer.execute("SELECT max(id) & 0xffffffff FROM frames").fetchone()
    assert store.state_at(RUN, frame + 7).commit == frame + 7
    assert len(deltas) == 7


@pytest.mark.usefixtures("long")
def test_walking_through_a_history_decodes_a_frame_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = decoded(store, monkeypatch, "_state")
    (count,) = store._database.writer.execute("SELECT count(*) FROM frames").fetchone()
    for number in range(0, 391, 3):
        store.state_at(RUN, number)
    assert len(frames) == count > 2


@pytest.mark.usefixtures("long")
def test_the_last_facts_are_found_without_reading_the_first(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = decoded(store, monkeypatch, "_page")
    assert [each.seq for each in store.events(RUN, after=780)] == [781, 782, 783]
    assert len(pages) == 2


@pytest.mark.usefixtures("long")
def test_a_frame_is_not_changed_by_what_is_made_from_it(store: SqliteStore) -> None:
    first = store.state_at(RUN, 60)
    store.state_at(RUN, 70).values.clear()
    assert store.state_at(RUN, 60) == first


def test_the_channels_of_a_document_are_read_without_the_rest_of_it() -> None:
    document = {
        "channels": {"total": {"type": "number", "reducer": "sum", "default": 2**70}, "any": {}},
        "nodes": {"a": {"type": "of.a.newer.program", "version": 99}},
    }
    specs = channels_in(json.dumps(document).encode())
    assert (specs["total"].reducer.name, specs["total"].default) == ("sum", 2**70)
    assert (specs["any"].type, specs["any"].reducer.name) == ("any", "replace")
    assert channels_in(b"{}") == {}
