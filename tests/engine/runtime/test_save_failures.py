"""What happens when commits cannot be stored: fail, retry, go on without (U97, C5 no. 5).

Disks are really full and databases really locked: by a limit on the size of files in a process
of its own, and by another process that holds a transaction open.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.commands import Decide
from engine.errors import StoreError
from engine.ids import TaskId
from engine.model.workflow import Save
from engine.runtime.ports import CommitRecord, JournalRecord, Lease
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, FakeClock, flow, outcome, settle
from tests.engine.runtime.test_saving import chain

RETRY, CONTINUE = Save(on_failure="retry", attempts=4), Save(on_failure="continue")
#: Longer than any delay before a store is tried again.
LONG_S = 11.0


class Full(MemoryStore):
    """Refuses everything while `full`, from commit `full_at` on."""

    def __init__(self, full_at: int = 1) -> None:
        super().__init__()
        self.full = True
        self.full_at = full_at
        self.refused = 0

    def _look(self, number: int) -> None:
        if self.full and number >= self.full_at:
            self.refused += 1
            raise StoreError("The disk is full.")

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        self._look(records[-1].number)
        super().commit_all(lease, records)

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        self._look(self._held(lease).next_number)
        super().claim(lease, task, attempt, at)

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        self._look(self._held(lease).next_number)
        super().journal(lease, record)


async def heard(bench: Bench, what: Callable[[ev.News], bool]) -> None:
    """Wait until some news has come, with a thread that stores or without."""
    if not any(map(what, bench.news)):
        came = asyncio.Event()
        leave = bench.engine.subscribe(None, lambda news: came.set() if what(news) else None)
        async with asyncio.timeout(5):
            await came.wait()
        leave()


def is_refused(news: ev.News) -> bool:
    return isinstance(news, ev.Unsaved) and bool(news.problem)


async def until(handle: RunHandle, clock: FakeClock, what: Any) -> None:
    """Let the run's time pass until something holds; a thread that stores needs some of ours."""
    for _ in range(1_000):
        await settle()
        if what(handle):
            return
        clock.advance(LONG_S)
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_save_that_fails_is_tried_again_while_the_run_waits(threaded: bool) -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock, threaded=threaded) as bench:
        handle = await bench.engine.start(chain(RETRY), 0)
        await heard(bench, is_refused)
        assert store.runs()[0].commit == 2
        assert handle.view.commit == 3  # it waits
        assert "full" in handle.view.save_problem
        store.full = False
        await until(handle, clock, lambda h: h.has_ended)
        assert outcome((await handle.leg()).event) == 7
    again = [fact for fact in bench.facts if isinstance(fact, ev.SavedAgain)]
    assert [(fact.since, fact.commits, fact.attempts) for fact in again] == [(3, 1, store.refused)]
    assert not [fact for fact in bench.facts if isinstance(fact, ev.SaveFailed)]


async def test_trying_again_has_an_end() -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        told: list[str] = []
        bench.engine.on_problem(lambda run, error: told.append(str(error)))
        handle = await bench.engine.start(chain(RETRY), 0)
        for _ in range(RETRY.attempts):
            await settle()
            clock.advance(LONG_S)
        with pytest.raises(StoreError, match="full"):
            await handle.leg()
        await settle()
        assert (store.refused, told) == (RETRY.attempts, ["The disk is full."])
        store.full = False
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 7


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_run_may_go_on_without_being_stored_and_says_so(threaded: bool) -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock, threaded=threaded) as bench:
        handle = await bench.start(chain(CONTINUE, last="hang"), 0)
        await heard(bench, lambda n: isinstance(n, ev.TaskStarted) and n.node == "last")
        await settle()
        assert store.runs()[0].commit == 2
        assert (handle.view.unsaved_since, handle.view.save_problem) == (3, "The disk is full.")
        assert max(n.seq for n in bench.news if isinstance(n, ev.Recorded)) == 7
        store.full = False

        def told_again(handle: RunHandle) -> bool:
            return ev.SavedAgain in map(type, bench.facts)

        await until(handle, clock, told_again)
        assert (handle.view.save_problem, store.runs()[0].commit) == ("", handle.view.commit)
        handle.cancel()
        await handle.leg()
        seqs = [n.seq for n in bench.news if isinstance(n, ev.Recorded)]
        assert seqs == list(range(1, len(seqs) + 1))
    told = [fact for fact in bench.facts if isinstance(fact, ev.SaveFailed | ev.SavedAgain)]
    assert [type(fact) for fact in told] == [ev.SaveFailed, ev.SavedAgain]
    assert (told[0].since, told[1].since) == (3, 3)


@pytest.mark.parametrize("last", ["ask", "once", "nap"])
async def test_nothing_that_others_see_begins_before_everything_is_stored(last: str) -> None:
    """No barrier opens, no `once` task starts and no timer is set while a save fails."""
    store, clock = Full(full_at=3), FakeClock()
    started: list[str] = []
    nodes: dict[str, Any] = {"a": "plus", "b": "plus", "c": "plus", "z": "end"}
    nodes["x"] = {
        "ask": "ask", "nap": ("nap", {"seconds": 1}), "once": ("plus", {}, {"effects": "once"})
    }[last]  # fmt: skip
    port = "x.approved" if last == "ask" else "x"
    work = flow(nodes, f"a > b, b > c, c > x, {port} > z", save=CONTINUE)
    async with Bench(store=store, clock=clock, stay=True) as bench:
        handle = await bench.engine.start(work, 0)
        for _ in range(5):
            await settle()
            clock.advance(LONG_S)
        started += [n.node for n in bench.news if isinstance(n, ev.TaskStarted) and n.node == "x"]
        assert bench.engine.inbox() == []
        assert store.load(handle.run).claims == {}
        assert handle.view.nodes["x"].done == 0
        assert not handle.has_ended
        store.full = False
        if last == "ask":
            await until(handle, clock, lambda h: bool(bench.engine.inbox()))
            (asked,) = bench.engine.inbox()
            await bench.engine.decide(
                Decide(request=asked.request, choice="approve", by="ann", through="api")
            )
        await until(handle, clock, lambda h: h.has_ended)
        assert isinstance((await handle.leg()).event, ev.RunFinished)


async def test_who_cancels_a_run_that_cannot_be_stored_does_not_wait_for_the_disk() -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock, stay=True) as bench:
        handle = await bench.engine.start(chain(CONTINUE, last="ask"), 0)
        await settle()
        handle.cancel()
        with pytest.raises(StoreError, match="full"):
            await handle.leg()


@pytest.mark.parametrize("setting", [RETRY, CONTINUE])
async def test_a_leg_that_cannot_be_stored_at_all_does_not_begin(setting: Save) -> None:
    store = Full(full_at=0)
    async with Bench(store=store, clock=FakeClock()) as bench:
        handle = await bench.engine.start(chain(setting), 0)
        with pytest.raises(StoreError, match="full"):
            await handle.leg()
    assert store.refused == 1


async def test_a_result_that_cannot_be_kept_ahead_is_tried_again_too() -> None:
    """The journal of a strict superstep has the same patience."""
    store, clock = Full(full_at=2), FakeClock()
    work = flow(
        {"s": "plus", "a": ("asleep", {"rounds": 2}), "b": "hang", "j": "biggest", "z": "end"},
        "s > a, s > b, a > j, b > j, j > z",
        commit="strict", save=RETRY,
    )  # fmt: skip
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.start(work, 0)
        assert (store.refused, store.load(handle.run).journal) == (1, ())
        store.full = False
        await until(handle, clock, lambda h: bool(store.load(h.run).journal))
        handle.cancel()
        await handle.leg()


# --- a real disk, a real lock ---------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB of its own, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or mount is None:
        pytest.skip("only root may mount a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("this system mounts no small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("policy", ["fail", "retry", "continue"])
def test_a_disk_that_is_really_full(small_disk: Path, policy: str) -> None:
    """It is filled while the run goes on, and there is room again where it is to recover."""
    full(small_disk / "r.sqlite", policy, "disk")


@pytest.mark.parametrize("policy", ["fail", "retry", "continue"])
def test_files_that_may_not_grow(tmp_path: Path, policy: str) -> None:
    full(tmp_path / "r.sqlite", policy, "limit")


def full(path: Path, policy: str, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.runtime.full_disk", str(path), policy, how],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    said = done.stdout.strip()
    store = SqliteStore(path)
    (record,) = store.runs()
    told = {type(fact.event) for fact in store.events(record.run)}
    if policy == "fail":
        assert said.startswith("StoreError")
        assert "is full" in said if how == "disk" else "check the disk" in said
        assert record.status not in ("completed", "failed")
        assert store.load(record.run).state.commit == record.commit  # whole up to there
    else:
        assert said == "completed"
        assert record.status == "completed"
        assert ev.SavedAgain in told
        assert (ev.SaveFailed in told) is (policy == "continue")
    facts = store.events(record.run)
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    assert store.verify() == []
    store.close()


async def test_a_database_that_another_process_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    store = SqliteStore(path, busy_timeout_s=0.01)
    clock = FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.start(chain(CONTINUE, last="hang"), 0)
        before = store.runs()[0].commit
        with subprocess.Popen(
            [sys.executable, "-c", _LOCKS, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as other:  # fmt: skip
            assert other.stdout is not None
            assert other.stdin is not None
            assert other.stdout.readline() == "locked\n"
            handle.pause()
            await settle()
            assert "locked" in handle.view.save_problem
            assert handle.view.unsaved_since == before + 1
            other.stdin.write("enough\n")
            other.stdin.flush()
            other.wait(timeout=20)
        await until(handle, clock, lambda h: h.view.unsaved_since is None)
        assert store.runs()[0].status == "paused"
        handle.cancel()
        await handle.leg()


_LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""
