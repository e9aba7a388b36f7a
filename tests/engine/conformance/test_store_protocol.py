"""The conformance suite asks every method of the protocol of every store (U103)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import StoreError, UnknownRun
from engine.ids import RunId
from engine.runtime.ports import RunStore
from engine.runtime.trigger_ports import TriggerStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.conformance.test_store import STORES
from tests.engine.store.runs import DOCUMENT, RUN, START_S, asked, begin, run_record

HERE = Path(__file__).parent
METHODS = [
    name for part in (RunStore, TriggerStore) for name in vars(part) if not name.startswith("_")
]


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", METHODS)
def test_the_suite_calls(name: str) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_store*.py"))
    assert re.search(rf"\b(store|other|opened)\.{name}\(", source)


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


def test_a_store_says_where_it_is_and_what_its_log_takes_of_its_size(store: RunStore) -> None:
    assert store.place()
    assert 0 <= store.log_bytes() <= store.size_bytes()


@pytest.mark.parametrize("there", sorted(STORES))
def test_a_whole_run_goes_from_one_store_to_another(
    store: RunStore, tmp_path: Path, there: str
) -> None:
    chain, _ = asked(store)
    folder = tmp_path / "there"
    folder.mkdir()
    other = STORES[there](folder)
    with store.image(RUN) as image:
        other.import_run(image, START_S)
    assert other.state_at(RUN, 1) == store.state_at(RUN, 1) == chain.state
    assert other.events(RUN) == store.events(RUN)
    assert [each.request for each in other.requests()] == ["ask1"]
    assert other.verify() == []
    with store.image(RUN) as image, pytest.raises(StoreError):
        other.import_run(image, START_S)
    other.close()


def test_a_run_from_elsewhere_is_trusted_when_somebody_says_so(
    store: RunStore, tmp_path: Path
) -> None:
    begin(store)
    other = STORES["memory"](tmp_path)
    with store.image(RUN) as image:
        other.import_run(replace(image, record=replace(image.record, untrusted=True)), START_S)
    assert other.run(RUN).untrusted
    other.trust(RUN, ("files",))
    assert (other.run(RUN).untrusted, other.run(RUN).allow) == (False, ("files",))


def test_an_image_of_nothing_is_refused(store: RunStore) -> None:
    with pytest.raises(UnknownRun), store.image(RunId("nope")):
        pass


def test_the_documents_that_a_run_had_before_are_kept_with_their_commits(store: RunStore) -> None:
    chain, lease = begin(store)
    assert store.documents(RUN) == []
    chain.frame_every = 1  # a commit that begins another document has a key frame
    edited = DOCUMENT.replace(b'"a"', b'"b"')
    store.commit(lease, chain.commit(document=(edited, "rev2", "Renamed")))
    assert store.documents(RUN) == [(1, DOCUMENT)]
    record = store.run(RUN)
    assert (record.document, record.revision, record.workflow) == (edited, "rev2", "Renamed")
    assert store.state_at(RUN, 1) == chain.state
