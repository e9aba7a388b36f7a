"""What every measured process needs, with nothing but the standard library."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

now = time.perf_counter
CHUNK_BYTES = 100
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one process is asked to measure.

    Attributes:
        work: workload. `kind`: which way of doing it, a word of the subject's own.
        n: steps, rounds or branches. `size`: bytes of state.
        folder: an empty one, for its database.
    """

    work: str
    kind: str
    n: int
    size: int
    folder: Path

    @property
    def database(self) -> Path:
        """Where the subject keeps its database."""
        return self.folder / "state.db"


Measure = Callable[[Case], Awaitable[Mapping[str, float]]]


def text(length: int, seed: int = 0) -> str:
    """Return letters that look random, always the same ones."""
    letters: list[str] = []
    state = (seed * 7_368_787 + 4_217) % 2_147_483_647
    for _ in range(length):
        state = state * 48_271 % 2_147_483_647  # Park and Miller, "minimal standard"
        letters.append(_LETTERS[state % len(_LETTERS)])
    return "".join(letters)


def chunks(size: int) -> dict[str, str]:
    """Return an object of `size` bytes in values of 100."""
    return {f"c{i:06d}": text(CHUNK_BYTES, i + 1) for i in range(max(1, size // CHUNK_BYTES))}


def chunk_key(step: int, size: int) -> str:
    """Return the key that a step changes: all over the object, one after another."""
    count = max(1, size // CHUNK_BYTES)
    return f"c{step * 7_919 % count:06d}"


def chunk_value(step: int) -> str:
    """Return the new value, as long as the old one."""
    return f"{step:08d}".ljust(CHUNK_BYTES, "x")


def stored_bytes(database: Path) -> int:
    """Return what a database takes when its journal is folded in; its owner has closed it."""
    if not database.exists():
        return 0
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    return database.stat().st_size


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the middle and the 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return {"p50_ms": statistics.median(ordered) * 1000, "p95_ms": late * 1000}


def machine_ms() -> float:
    """Return how long a fixed piece of plain Python takes: how fast the machine is just now."""
    best = float("inf")
    for _ in range(3):
        began, table, total = now(), dict[int, int](), 0
        for number in range(100_000):
            total += number & 7
            table[number & 255] = total
        best = min(best, now() - began)
    return best * 1000


def marked(case: Case, index: int, first: list[float]) -> None:
    """Note in a file that a step runs; die in the middle of the crashing half of W7.

    The note outlives the process. When the first one was made goes into `first`.
    """
    if not first:
        first.append(since_start_ms())
    with (case.folder / "steps").open("a", encoding="utf-8") as notes:
        notes.write(f"{index}\n")
    if case.kind == "crash" and index == case.n // 2:
        os.kill(os.getpid(), signal.SIGKILL)


def since_start_ms() -> float:
    """Return how long ago `compare` started this process."""
    now_s = time.time()  # noqa: TID251 - in the clock in which `compare` told us
    return (now_s - float(os.environ["HEADGATE_BENCH_STARTED"])) * 1000


def again(case: Case) -> int:
    """Return how many steps ran more than once; none may be missing."""
    steps = [int(line) for line in (case.folder / "steps").read_text().split()]
    if set(steps) != set(range(case.n)):
        raise AssertionError("steps were lost")
    return len(steps) - len(set(steps))


def some(n: int, count: int = 100) -> list[int]:
    """Return `count` numbers below n, always the same ones."""
    chance = random.Random(12_345)
    return [chance.randrange(n) for _ in range(count)]


def case_from(arguments: list[str]) -> Case:
    """Return the case that a subject's command line names."""
    work, kind, n, size, folder = arguments
    return Case(work=work, kind=kind, n=int(n), size=int(size), folder=Path(folder))


def report(found: Mapping[str, Any]) -> None:
    """Print what was found and leave, whatever threads the subject has left behind."""
    print(json.dumps(found), flush=True)
    sys.stdout.flush()
    os._exit(0)
