"""One store, many processes: real ones, and some of them are killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.ids import RunId
from engine.store.leases import current_holder
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, asked

Process = subprocess.Popen[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@contextlib.contextmanager
def program(*words: object) -> Generator[Process]:
    command = [sys.executable, "-m", "tests.engine.store.programs", *map(str, words)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_run_of_a_live_process_is_held_and_of_a_killed_one_is_free(path: Path) -> None:
    with program("hold", path) as holder:
        assert line(holder) == "held"
        with program("take", path) as other:
            assert line(other).startswith(
                f"RunIsHeld Run run1 is being run by process {holder.pid}"
            )
        store = SqliteStore(path)
        assert not store.run(RUN).interrupted
        holder.kill()
        holder.wait()
        assert store.run(RUN).interrupted
        with program("take", path) as other:
            assert line(other) == "epoch 2"
        store.close()


def test_of_two_processes_that_decide_at_once_one_wins(path: Path) -> None:
    store = SqliteStore(path)
    asked(store)
    with program("answer", path, "ann") as ann, program("answer", path, "bob") as bob:
        assert [line(ann), line(bob)] == ["ready", "ready"]
        write(ann)
        write(bob)
        assert sorted([line(ann), line(bob)]) == ["False late", "True"]
    winner, loser = sorted(store.decisions(), key=lambda each: not each.accepted)
    assert store.requests(open_only=False)[0].decision == winner
    assert {winner.by, loser.by} == {"ann", "bob"}
    assert store.verify() == []
    store.close()


def test_processes_may_make_the_same_store(path: Path) -> None:
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(program("create", path)) for _ in range(3)]
        assert [line(each) for each in started] == ["0", "0", "0"]


def test_another_process_sees_what_was_written(path: Path) -> None:
    store = SqliteStore(path)
    version = store.data_version()
    with program("hold", path) as other:
        line(other)
        assert store.data_version() != version
        assert store.run(RUN).commit == 0
    store.close()


def test_nothing_that_was_stored_is_lost_when_a_process_is_killed(path: Path) -> None:
    """Twenty times: kill a writer at a random moment and look at everything it said."""
    chance = random.Random(5)
    with program("breed", path) as nursery:
        for attempt in range(20):
            write(nursery)
            writer = int(line(nursery))
            said = [int(line(nursery)) for _ in range(chance.randrange(1, 80))]
            os.kill(writer, signal.SIGKILL)
            said += [int(each) for each in iter(lambda: line(nursery), "gone")]
            look_at(path, RunId(f"run{attempt + 1}"), said)
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def look_at(path: Path, run: RunId, said: list[int]) -> None:
    store = SqliteStore(path)
    stored = store.run(run).commit
    assert said == list(range(1, len(said) + 1))
    assert stored in (said[-1], said[-1] + 1)  # it may die before it speaks
    assert store.load(run).state.commit == stored
    assert store.state_at(run, stored).channels["count"] == stored
    assert store.events(run)[-1].seq == 3 + 2 * stored
    store.acquire(run, current_holder(), START_S)  # its holder is dead
    store.close()
