"""What a very long run costs at its end against its start, and what pruning gives back.

    python bench/long_run.py [supersteps] [--keep N]

Runs a loop with a commit per superstep on SQLite, in this process. For each tenth of the run it
prints the processor time a superstep of this very process (so that a busy machine does not
count), the memory, and the growth of the file; then what it takes to list the commits, to look
at one in the middle and to load the run; then prunes to the last N commits (100) and prints what
that gave back and that the run is what it was. SEMANTICS C5 no. 10, U95, U96, U102.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import events as ev
from engine.app import Engine
from engine.model.codec import loads

LOOP = b"""{"format": 1, "id": "long", "name": "Long",
 "settings": {"limits": {"visits": 100000000, "supersteps": 100000000, "executions": 100000000}},
 "channels": {"total": {"type": "number", "reducer": "sum", "default": 0}},
 "nodes": {
  "again": {"type": "switch", "version": 1, "params": {"cases": [
     {"name": "more", "when": "input.n < ROUNDS"}]}},
  "count": {"type": "set", "version": 1, "params": {"fields": {"n": {"expr": "input.n + 1"}}},
            "writes": {"total": {"expr": "1"}}},
  "start": {"type": "trigger.manual", "version": 1},
  "end": {"type": "end", "version": 1}},
 "edges": [{"from": "again.else", "to": "end.in"}, {"from": "again.more", "to": "count.in"},
           {"from": "count.out", "to": "again.in"}, {"from": "start.out", "to": "again.in"}],
 "view": {"nodes": {}}}"""
PARTS = 10


def main() -> None:
    """Measure and print."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    supersteps = int(words[0]) if words else 100_000
    keep = int(words[1]) if "--keep" in sys.argv else 100
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder) / "runs.sqlite", supersteps, keep))


async def _measure(path: Path, supersteps: int, keep: int) -> None:
    engine = Engine.open(str(path))
    marks: list[tuple[int, float, int, int]] = []
    every = max(1, supersteps // PARTS)

    def mark(news: ev.News) -> None:
        if not isinstance(news, ev.Recorded):
            return
        event = news.event
        if isinstance(event, ev.SuperstepCommitted) and not event.commit % every:
            size = engine.store.size_bytes()
            marks.append((event.commit, time.process_time(), _memory_kb(), size))

    engine.subscribe(None, mark)
    document = LOOP.replace(b"ROUNDS", str(supersteps // 2).encode())
    handle = await engine.start(loads(document), {"n": 0})
    await handle.leg()
    titles = ("superstep", "us CPU each", "memory MB", "file MB", "bytes each")
    print(" ".join(f"{title:>11}" for title in titles))
    for before, now in itertools.pairwise(marks):
        count = now[0] - before[0]
        each = (now[1] - before[1]) / count * 1e6
        grown = (now[3] - before[3]) / count
        figures = (f"{now[0]:,}", f"{each:.1f}", f"{now[2] / 1024:.1f}", f"{now[3] / 1e6:.2f}")
        print(" ".join(f"{figure:>11}" for figure in (*figures, f"{grown:.0f}")))
    run = handle.run
    last = engine.run(run).commit
    print(f"list {last + 1:,} commits: {_ms(lambda: engine.history(run)):.1f} ms")
    print(f"view the commit in the middle: {_ms(lambda: engine.view(run, last // 2)):.2f} ms")
    print(f"load the run: {_ms(lambda: engine.store.load(run)):.2f} ms")
    state = engine.state_at(run)
    before_bytes = engine.store.size_bytes()
    took = _ms(lambda: engine.store.prune(run, keep))
    after_bytes = engine.store.size_bytes()
    print(
        f"prune to {keep}: {before_bytes / 1e6:.2f} MB -> {after_bytes / 1e6:.2f} MB, {took:.0f} ms"
    )
    assert engine.state_at(run) == state
    assert len(engine.history(run)) == keep
    await engine.close()


def _ms(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _memory_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
