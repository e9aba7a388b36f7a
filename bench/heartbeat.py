"""How free the GUI thread stays while a run commits as fast as it can.

    python bench/heartbeat.py [supersteps] [--bare]

Runs a loop with a commit per superstep in the designer's event loop, store writes in their
thread, and
prints the gaps of a 1 ms heartbeat on the GUI thread (p50, p99, worst). The run is shown in the
designer's window: canvas, timeline, log and frontier follow it.
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

from designer.app import SWITCH_INTERVAL_S
from designer.event_loop import collect_garbage_on_gui_thread, make_loop
from designer.main_window.window import MainWindow
from designer.runs.engine_client import EngineClient
from designer.settings import Settings
from designer.theme import ThemeController
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
    """Measure, with the designer's window unless ``--bare`` is given."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    supersteps = int(words[0]) if words else 10_000
    app = QApplication(["heartbeat"])
    app.setQuitOnLastWindowClosed(False)
    loop = make_loop(app)
    asyncio.set_event_loop(loop)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    collector = collect_garbage_on_gui_thread(app)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEADGATE_CONFIG_DIR"] = os.environ["HEADGATE_DATA_DIR"] = folder
        bare = "--bare" in sys.argv
        loop.run_until_complete(measure(app, Path(folder), supersteps, bare=bare))
    collector.stop()
    loop.close()


async def measure(app: QApplication, folder: Path, supersteps: int, *, bare: bool) -> None:
    """Run the loop once to warm up, then once under the heartbeat, and print both results."""
    options = EngineOptions(threaded=True, stay=True)
    engine = Engine.open(f"sqlite:///{folder / 'store.db'}", options=options)
    document = LOOP.replace(b"SUPERSTEPS", str(supersteps // 2).encode())
    document = document.replace(
        b'"end": {', b'"start": {"type": "trigger.manual", "version": 1}, "end": {'
    )
    file = folder / "heartbeat.flow.json"
    file.write_bytes(document)
    window = None if bare else _window(app, engine, file)
    await (await engine.start(loads(document), {"n": supersteps})).leg()  # imports are not news
    await asyncio.sleep(1.0)
    gc.collect()
    gc.freeze()  # as the program does when its window is there
    monitor = StallMonitor()
    monitor.start()
    began = time.perf_counter()
    handle = await engine.start(loads(document), {"n": 0})
    if window is not None:
        window.run_model.show_run(str(handle.run))
    ended = await handle.leg()
    seconds = time.perf_counter() - began
    monitor.stop()
    report = monitor.report()
    print(
        f"{type(ended.event).__name__}: {handle.state.commit} commits in {seconds:.2f} s, "
        f"{handle.state.commit / seconds:.0f} a second, "
        f"{'without' if bare else 'shown in'} the window"
    )
    print(
        f"heartbeat: {report.count} beats, p50 {report.p50_ms:.1f} ms, "
        f"p99 {report.p99_ms:.1f} ms, worst {report.max_ms:.1f} ms"
    )
    if window is not None:
        window.hide()
        await window.client.close()
    await engine.close()


def _window(app: QApplication, engine: Engine, file: Path) -> MainWindow:
    settings = Settings()
    client = EngineClient(engine, settings)
    window = MainWindow(client, engine.registry, settings, ThemeController(app, settings))
    window.show()
    window.filing.open_path(file)
    return window


if __name__ == "__main__":
    main()
