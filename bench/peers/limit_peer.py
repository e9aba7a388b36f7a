"""The least work that gives the same result: ``limit_peer.py WORK KIND N SIZE FOLDER``.

No engine: coroutines that are awaited one after another (or all at once), and one insert
of about 60 bytes per step into SQLite, each its own transaction. There are no events, no
joins, no resuming and no history here; it shows what Python and SQLite leave room for.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Callable

import measuring
from measuring import Case, now

FRAME_EVERY = 50


class Rows:
    """One table of steps, and one of whole states."""

    def __init__(self, case: Case) -> None:
        self.connection = sqlite3.connect(case.database, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        level = "FULL" if case.kind.startswith("power") else "NORMAL"
        self.connection.execute(f"PRAGMA synchronous={level}")
        self.connection.execute("CREATE TABLE steps (no INTEGER PRIMARY KEY, change TEXT)")
        self.connection.execute("CREATE TABLE frames (no INTEGER PRIMARY KEY, state TEXT)")

    def keep(self, number: int, change: object, state: Callable[[], object]) -> None:
        """Store one step; now and then the whole state, in the same transaction."""
        row = (number, json.dumps(change))
        if number % FRAME_EVERY:
            self.connection.execute("INSERT INTO steps VALUES (?, ?)", row)
            return
        self.connection.execute("BEGIN")
        self.connection.execute("INSERT INTO steps VALUES (?, ?)", row)
        frame = (number, json.dumps(state()))
        self.connection.execute("INSERT INTO frames VALUES (?, ?)", frame)
        self.connection.execute("COMMIT")


async def _inc(value: int) -> int:
    return value + 1


def _found(case: Case, seconds: float, result: int, rows: Rows | None) -> dict[str, float]:
    if result != case.n:
        raise AssertionError(f"{case.work} gave {result}, not {case.n}")
    found = {"per_s": case.n / seconds, "prepare_ms": 0.0}
    if rows is not None:
        rows.connection.close()
        found["bytes_per_step"] = measuring.stored_bytes(case.database) / case.n
    return found


async def chain(case: Case) -> dict[str, float]:
    """Await n coroutines in a row."""
    rows = None if case.kind.startswith("memory") else Rows(case)
    pad = measuring.text(case.size)
    steps = [_inc] * case.n
    value = 0
    began = now()
    if rows is None:
        for step in steps:
            value = await step(value)
    else:
        for step in steps:
            value = await step(value)
            rows.keep(value, {"count": value}, lambda: {"count": value, "pad": pad})  # noqa: B023 - called at once
    return _found(case, now() - began, value, rows)


async def large_state(case: Case) -> dict[str, float]:
    """Change 100 bytes of a large object n times; no frames, they would be all there is."""
    rows = Rows(case)
    state = measuring.chunks(case.size)
    value = 0
    began = now()
    rows.connection.execute("INSERT INTO frames VALUES (0, ?)", (json.dumps(state),))
    for number in range(case.n):
        value = await _inc(value)
        key, text = measuring.chunk_key(number, case.size), measuring.chunk_value(number)
        state[key] = text
        row = (value, json.dumps({key: text}))
        rows.connection.execute("INSERT INTO steps VALUES (?, ?)", row)
    return _found(case, now() - began, value, rows)


async def fan_out(case: Case) -> dict[str, float]:
    """Await n coroutines as tasks, and store what came of them in one transaction."""
    rows = None if case.kind.startswith("memory") else Rows(case)
    began = now()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_inc(0)) for _ in range(case.n)]
    results = [task.result() for task in tasks]
    if rows is not None:
        rows.connection.execute("BEGIN")
        every = [(number, json.dumps({"total": one})) for number, one in enumerate(results)]
        rows.connection.executemany("INSERT INTO steps VALUES (?, ?)", every)
        rows.connection.execute("COMMIT")
    return _found(case, now() - began, sum(results), rows)


WORKS = {"W1": chain, "W2": chain, "W3": large_state, "W4": chain, "W5": fan_out, "W10": chain}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {"sqlite": sqlite3.sqlite_version}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
