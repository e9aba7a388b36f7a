"""What the processes do that tests start beside themselves: ``python -m ... NAME STORE ...``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine.errors import EngineError
from engine.runtime.ports import Lease
from engine.store.leases import current_holder
from engine.store.sqlite import SqliteStore
from tests.engine.store.runs import RUN, START_S, begin, decide


def _say(*words: object) -> None:
    # In one call, so that a process that is killed has said all of it or nothing.
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


def hold(store: SqliteStore) -> None:
    """Hold the run until somebody writes a line."""
    begin(store)
    _say("held")
    sys.stdin.readline()


def take(store: SqliteStore) -> None:
    """Try to take the lease of the run."""
    try:
        lease: Lease = store.acquire(RUN, current_holder(), START_S)
        _say("epoch", lease.epoch)
    except EngineError as error:
        _say(type(error).__name__, error)


def answer(store: SqliteStore, person: str) -> None:
    """Decide the request as soon as somebody writes a line."""
    _say("ready")
    sys.stdin.readline()
    decision = store.decide(decide(by=person), START_S + 2)
    _say(decision.accepted, decision.reason)


def commit(store: SqliteStore) -> None:
    """Commit for ever and say after each commit which one is stored."""
    chain, lease = begin(store, f"run{len(store.runs()) + 1}")
    while True:
        large = "x" * 70_000 if chain.state.commit % 7 == 0 else ""
        record = chain.commit(values={"v.out": large})
        store.commit(lease, record)
        _say(record.number)


def breed(path: Path) -> None:
    """For each line that comes in: make a process that commits until it is killed."""
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            _say(os.getpid())
            commit(SqliteStore(path))
        os.waitpid(child, 0)
        _say("gone")


def create(store: SqliteStore) -> None:
    """Only open the store."""
    _say(len(store.runs()))


if __name__ == "__main__":
    name, path, *rest = sys.argv[1:]
    if name == "breed":
        breed(Path(path))
    else:
        PROGRAMS = {each.__name__: each for each in (hold, take, answer, create)}
        PROGRAMS[name](SqliteStore(Path(path)), *rest)
