"""How free the GUI thread stays while a run commits as fast as it can.

    python bench/heartbeat.py [supersteps]

Runs a loop with a commit per superstep in the designer's event loop, store writes in their
thread, and prints the gaps of a 1 ms heartbeat on the GUI thread (p50, p99, worst).
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from designer.event_loop import collect_garbage_on_gui_thread, make_loop
from designer.widgets.stall_monitor import StallMonitor
from engine.app import Engine, EngineOptions
from engine.model.codec import loads

LOOP = b"""{"format": 1, "id": "heartbeat", "name": "Heartbeat",
 "settings": {"limits": {"visits": 10000000, "supersteps": 10000000, "executions": 10000000}},
 "channels": {"total": {"type": "number", "reducer": "sum", "default": 0}},
 "nodes": {
  "again": {"type": "switch", "version": 1, "params": {"cases": [
     {"name": "more", "when": "input.n < SUPERSTEPS"}]}},
  "count": {"type": "set", "version": 1, "params": {"fields": {"n": {"expr": "input.n + 1"}}},
            "writes": {"total": {"expr": "1"}}},
  "end": {"type": "end", "version": 1}},
 "edges": [{"from": "again.else", "to": "end.in"}, {"from": "again.more", "to": "count.in"},
           {"from": "count.out", "to": "again.in"}, {"from": "start.out", "to": "again.in"}],
 "view": {"nodes": {}}}"""


def main() -> None:
    supersteps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    app = QApplication(["heartbeat"])
    loop = make_loop(app)
    asyncio.set_event_loop(loop)
    collector = collect_garbage_on_gui_thread(app)
    with tempfile.TemporaryDirectory() as folder:
        loop.run_until_complete(measure(Path(folder), supersteps))
    collector.stop()
    loop.close()


async def measure(folder: Path, supersteps: int) -> None:
    options = EngineOptions(threaded=True, stay=True)
    engine = Engine.open(f"sqlite:///{folder / 'store.db'}", options=options)
    document = LOOP.replace(b"SUPERSTEPS", str(supersteps // 2).encode())
    document = document.replace(
        b'"end": {', b'"start": {"type": "trigger.manual", "version": 1}, "end": {'
    )
    await (await engine.start(loads(document), {"n": supersteps})).leg()  # imports are not news
    gc.collect()
    gc.freeze()  # as the program does when its window is there
    monitor = StallMonitor()
    monitor.start()
    began = time.perf_counter()
    handle = await engine.start(loads(document), {"n": 0})
    ended = await handle.leg()
    seconds = time.perf_counter() - began
    monitor.stop()
    report = monitor.report()
    print(
        f"{type(ended.event).__name__}: {handle.state.commit} commits in {seconds:.2f} s, "
        f"{handle.state.commit / seconds:.0f} a second"
    )
    print(
        f"heartbeat: {report.count} beats, p50 {report.p50_ms:.1f} ms, "
        f"p99 {report.p99_ms:.1f} ms, worst {report.max_ms:.1f} ms"
    )
    await engine.close()


if __name__ == "__main__":
    main()
