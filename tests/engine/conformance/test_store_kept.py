"""Results that are kept for equal work: what every store does with them (U89)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.ids import RunId
from engine.runtime.kept_ports import KeptResult
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, begin

LIMIT = 100_000


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened: RunStore = (
        MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")
    )
    yield opened
    opened.close()


def kept(name: str, at: float = START_S, **more: Any) -> KeptResult:
    fields: dict[str, Any] = {
        "key": name.encode(), "run": RUN, "workflow_id": "w1", "node": "n", "at": at,
        "result": name.encode(),
    }  # fmt: skip
    return KeptResult(**{**fields, **more})


def get(store: RunStore, name: str, now: float = START_S) -> bytes | None:
    found = store.kept_result(name.encode(), now)
    return None if found is None else found.result


def test_a_result_comes_back_with_who_made_it(store: RunStore) -> None:
    store.keep_result(kept("a", expires_at=START_S + 9), LIMIT)
    found = store.kept_result(b"a", START_S + 1)
    assert found is not None
    assert (found.result, found.run, found.node, found.expires_at) == (b"a", RUN, "n", START_S + 9)
    assert store.kept_result(b"b", START_S) is None


def test_a_newer_result_takes_the_place_of_an_older_one(store: RunStore) -> None:
    store.keep_result(kept("a"), LIMIT)
    store.keep_result(kept("a", result=b"new"), LIMIT)
    assert get(store, "a") == b"new"
    assert store.kept_size()[0] == 1


def test_a_result_is_used_until_its_time_is_over(store: RunStore) -> None:
    store.keep_result(kept("a", expires_at=START_S + 9), LIMIT)
    assert get(store, "a", START_S + 8.9) == b"a"
    assert get(store, "a", START_S + 9) is None
    store.keep_result(kept("b", START_S + 10), LIMIT)
    assert [each.key for each in store.kept_results()] == [b"b"]  # what is over is gone


def test_what_was_used_least_recently_makes_room(store: RunStore) -> None:
    for place, name in enumerate("abc"):
        store.keep_result(kept(name, START_S + place, result=noise(name, 300)), 1_000)
    assert get(store, "a", START_S + 100) is not None
    store.keep_result(kept("d", START_S + 200, result=noise("d", 300)), 1_000)
    assert [each.key for each in store.kept_results()] == [b"d", b"a", b"c"]
    count, size = store.kept_size()
    assert (count, size <= 1_000) == (3, True)
    store.keep_result(kept("huge", START_S + 300, result=noise("h", 2_000)), 1_000)
    assert get(store, "huge") is None
    assert store.kept_size()[0] == 3


def noise(seed: str, size: int) -> bytes:
    """Return bytes that do not compress."""
    import random

    return random.Random(seed).randbytes(size)


def test_what_is_kept_can_be_listed_and_dropped(store: RunStore) -> None:
    store.keep_result(kept("a"), LIMIT)
    store.keep_result(kept("b", node="m"), LIMIT)
    store.keep_result(kept("c", workflow_id="w2"), LIMIT)
    assert len(store.kept_results(limit=2)) == 2
    assert {each.result for each in store.kept_results()} == {b""}
    assert store.forget_results(workflow_id="w1", node="m") == 1
    assert store.forget_results(workflow_id="w2") == 1
    assert [each.key for each in store.kept_results()] == [b"a"]
    assert store.forget_results() == 1
    assert store.kept_size() == (0, 0)


def test_what_a_deleted_run_has_left_is_gone(store: RunStore) -> None:
    _, lease = begin(store)
    store.keep_result(kept("a"), LIMIT)
    store.keep_result(kept("b", run=RunId("other")), LIMIT)
    store.release(lease)
    store.delete_run(RUN)
    assert [each.key for each in store.kept_results()] == [b"b"]
