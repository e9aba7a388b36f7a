"""The conformance suite asks every method of the protocol of every store (U103)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.conformance.test_store import STORES
from tests.engine.store.runs import run_record

HERE = Path(__file__).parent
METHODS = [name for name in vars(RunStore) if not name.startswith("_")]


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", METHODS)
def test_the_suite_calls(name: str) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_store*.py"))
    assert re.search(rf"\bstore\.{name}\(|\bopened\.{name}\(", source)


def test_nobody_else_has_written_when_only_we_have(store: RunStore) -> None:
    before = store.data_version()
    store.create_run(run_record())
    assert store.data_version() == before


def test_another_connection_that_has_written_is_noticed(tmp_path: Path) -> None:
    first, second = (SqliteStore(tmp_path / "runs.sqlite") for _ in range(2))
    before = first.data_version()
    second.create_run(run_record())
    assert first.data_version() != before
    first.close()
    second.close()


def test_the_size_is_what_is_on_the_disk(store: RunStore) -> None:
    before = store.size_bytes()
    for number in range(20):
        noise = random.Random(number).randbytes(50_000)
        store.create_run(run_record(f"r{number}", document=noise))
    grown = store.size_bytes() - before
    assert grown == 0 if isinstance(store, MemoryStore) else grown > 500_000
