"""The least work that gives the same result: ``limit_peer.py WORK KIND N SIZE FOLDER``.

No engine: coroutines in a dict that are awaited one after another (or all at once), and one
insert of about 60 bytes per step into SQLite, each its own transaction. There are no joins,
no conditions and no history here; it shows what Python and SQLite leave room for.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

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
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS steps (no INTEGER PRIMARY KEY, change TEXT)"
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS frames (no INTEGER PRIMARY KEY, state TEXT)"
        )

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


async def _inc(state: dict[str, int]) -> dict[str, int]:
    return {"count": state["count"] + 1}


def _found(case: Case, seconds: float, result: int, rows: Rows | None) -> dict[str, float]:
    if result != case.n:
        raise AssertionError(f"{case.work} gave {result}, not {case.n}")
    found = {"per_s": case.n / seconds, "prepare_ms": 0.0}
    if rows is not None:
        rows.connection.close()
        found["bytes_per_step"] = measuring.stored_bytes(case.database) / case.n
    return found


async def chain(case: Case) -> dict[str, float]:
    """Follow a graph of n coroutines in a dict, each of which changes a state in a dict."""
    rows = None if case.kind.startswith("memory") else Rows(case)
    nodes = {f"n{number}": _inc for number in range(case.n)}
    ways = {f"n{number}": f"n{number + 1}" for number in range(case.n - 1)}
    state: dict[str, Any] = {"count": 0, "pad": measuring.text(case.size)}
    node: str | None = "n0"
    began = now()
    while node is not None:
        change = await nodes[node](state)
        state.update(change)
        if rows is not None:
            rows.keep(state["count"], change, lambda: state)
        node = ways.get(node)
    return _found(case, now() - began, state["count"], rows)


async def large_state(case: Case) -> dict[str, float]:
    """Change 100 bytes of a large object n times; no frames, they would be all there is."""
    rows = Rows(case)
    state = measuring.chunks(case.size)
    value = 0
    began = now()
    rows.connection.execute("INSERT INTO frames VALUES (0, ?)", (json.dumps(state),))
    for number in range(case.n):
        value = (await _inc({"count": value}))["count"]
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
        tasks = [group.create_task(_inc({"count": 0})) for _ in range(case.n)]
    results = [task.result()["count"] for task in tasks]
    if rows is not None:
        rows.connection.execute("BEGIN")
        every = [(number, json.dumps({"total": one})) for number, one in enumerate(results)]
        rows.connection.executemany("INSERT INTO steps VALUES (?, ?)", every)
        rows.connection.execute("COMMIT")
    return _found(case, now() - began, sum(results), rows)


async def gates(case: Case) -> dict[str, float]:
    """From setting a future until the coroutine that waits for it has stored a row, n times."""
    rows = Rows(case)
    asked: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()
    ran: list[float] = []

    async def engine() -> None:
        for number in range(1, 2 * case.n, 2):
            gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            rows.keep(number, {"waiting": True}, lambda: number)  # noqa: B023 - called at once
            asked.put_nowait(gate)
            rows.keep(number + 1, {"answer": await gate}, lambda: number)  # noqa: B023 - as above
            ran.append(now())

    task = asyncio.get_running_loop().create_task(engine())
    delays: list[float] = []
    for number in range(case.n):
        gate = await asked.get()
        began = now()
        gate.set_result("yes")
        while len(ran) == number:  # noqa: ASYNC110 - an event would be measured too
            await asyncio.sleep(0)
        delays.append(ran[-1] - began)
    await task
    return measuring.spread(delays)


async def crash(case: Case) -> dict[str, float]:
    """Store a row per step; after kill -9 look up the last one and go on."""
    rows = Rows(case)
    first: list[float] = []
    (done,) = rows.connection.execute("SELECT coalesce(max(no), 0) FROM steps").fetchone()
    for number in range(done, case.n):
        measuring.marked(case, number, first)
        rows.keep(number + 1, {"count": number + 1}, lambda: number)  # noqa: B023 - called at once
    return {"first_node_ms": first[0], "again": measuring.again(case)}


async def checkpoints(case: Case) -> dict[str, float]:
    """Read all rows of a chain, and some one by one."""
    await chain(case)
    connection = sqlite3.connect(case.database)
    began = now()
    listed = len(connection.execute("SELECT no, change FROM steps ORDER BY no").fetchall())
    list_s = now() - began
    seconds: list[float] = []
    for number in measuring.some(case.n):
        began = now()
        row = connection.execute("SELECT change FROM steps WHERE no = ?", (number + 1,)).fetchone()
        json.loads(row[0])
        seconds.append(now() - began)
    load_ms = measuring.spread(seconds)["p50_ms"]
    return {"list_ms": list_s * 1000, "listed": listed, "load_ms": load_ms}


async def events(case: Case) -> dict[str, float]:
    """Tell a callback of every step of a graph."""
    heard: list[dict[str, int]] = []
    nodes = {f"n{number}": _inc for number in range(case.n)}
    state = {"count": 0}
    began = now()
    for node in nodes.values():
        change = await node(state)
        state.update(change)
        heard.append(change)
    return {"per_s": len(heard) / (now() - began)}


WORKS = {
    "W1": chain,
    "W2": chain,
    "W3": large_state,
    "W4": chain,
    "W5": fan_out,
    "W6": gates,
    "W7": crash,
    "W8": checkpoints,
    "W9": events,
    "W10": chain,
}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {"sqlite": sqlite3.sqlite_version}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
