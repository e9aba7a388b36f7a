"""How long the canvas takes: to build, for a frame at every zoom, for a drag and a run.

    python bench/canvas.py [NODES ...] [--json]

Draws into a view of 1600 by 1000 on the platform `offscreen` (raster). A frame is a repaint
of the whole view. Prints medians and the worst of 30; asserts nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pydantic import BaseModel
from PySide6.QtCore import QEventLoop, QPointF, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from designer.canvas.view import CanvasView
from designer.document.document import WorkflowDocument
from designer.settings import MotionChoice, Settings
from designer.theme import DARK, apply_theme
from engine.model.changes import MoveNodes
from engine.model.node_types import NodeType, Registry
from engine.model.workflow import Edge, Node, PortRef, Position, View, Workflow
from engine.run_view import NodeView, RunView

ZOOMS = (4.0, 2.0, 1.0, 0.8, 0.61, 0.5, 0.36, 0.34, 0.2, 0.1)
FRAMES = 30


class Anything(BaseModel):
    """Parameters of the one node type."""


REGISTRY = Registry(
    [
        NodeType(
            id="http.request",
            title="HTTP request",
            category="call",
            description="",
            params=Anything,
            run=None,
            summary=lambda params: str(params.get("url", "")),
        )
    ]
)


def layered_graph(count: int, seed: int = 1) -> Workflow:
    """`count` nodes in columns of about the square root, 1.2 wires each, mostly short."""
    pick = random.Random(seed)
    rows = max(1, round(count**0.5))
    nodes: dict[str, Node] = {}
    places: dict[str, Position] = {}
    keys = [f"n{number:05d}" for number in range(count)]
    for number, key in enumerate(keys):
        url = f"https://api.example.com/orders/{number}"
        nodes[key] = Node(
            key=key, type="http.request", title=f"Fetch {number}", params={"url": url}
        )
        places[key] = Position(number // rows * 288.0, number % rows * 136.0)
    edges: dict[str, Edge] = {}
    while len(edges) < 1.2 * count and count > 2 * rows:
        tail = pick.randrange(count - rows)
        head = tail + rows * pick.choice((1, 1, 1, 1, 2)) + pick.randint(-2, 2)
        if tail < head < count and head // rows > tail // rows:
            edge = Edge(source=PortRef(keys[tail], "out"), target=PortRef(keys[head], "in"))
            edges[edge.id] = edge
    ordered = tuple(sorted(edges.values(), key=lambda edge: (edge.source, edge.target)))
    return Workflow(id="bench", nodes=nodes, edges=ordered, view=View(positions=places))


def finished_run(workflow: Workflow) -> RunView:
    """A run in which everything has some state, and every wire a count."""
    states = ("done", "done", "done", "failed", "skipped", "running", "waiting", "retry")
    view = RunView(status="waiting")
    for number, key in enumerate(workflow.nodes):
        view.nodes[key] = NodeView(
            state=states[number % len(states)], done=number % 3, fraction=0.5
        )
    for edge in workflow.edges:
        view.taken[edge.id] = 3
    return view


def settle(milliseconds: int = 0) -> None:
    """Let Qt do what is pending."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def timed(work: Callable[[], object], times: int = FRAMES) -> dict[str, float]:
    """Median and worst of some repetitions in milliseconds."""
    found: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start))
    return {"median_ms": round(statistics.median(found), 2), "worst_ms": round(max(found), 2)}


def measure(count: int) -> dict[str, object]:
    """All figures for a graph of `count` nodes."""
    workflow = layered_graph(count)
    folder = tempfile.mkdtemp()
    settings = Settings(QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat))
    settings.motion = MotionChoice.REDUCED
    document = WorkflowDocument(Workflow(id="empty"), REGISTRY)
    canvas = CanvasView(document, REGISTRY, settings)
    canvas.resize(1600, 1000)
    canvas.show()
    settle(50)
    gc.collect()
    results: dict[str, object] = {"nodes": count, "edges": len(workflow.edges)}
    start = time.perf_counter()
    document.replace(workflow)
    results["build_ms"] = round(1000 * (time.perf_counter() - start), 1)
    settle(200)
    results["frames"] = frames_of(canvas)
    canvas.set_run_view(finished_run(workflow))
    settle(200)
    results["frames_with_a_run"] = frames_of(canvas)
    results.update(others(canvas, document))
    canvas.close_canvas()
    document.close()
    canvas.close()
    return results


def frames_of(canvas: CanvasView) -> dict[str, dict[str, float]]:
    """A frame at each zoom: at rest, while panning, and the step to the zoom."""
    middle = canvas.board.content_rect().center()
    found: dict[str, dict[str, float]] = {}
    fit = min(
        1600 / canvas.board.content_rect().width(), 1000 / canvas.board.content_rect().height()
    )
    for zoom in (*ZOOMS, max(0.1, fit)):
        canvas.camera.look_at(middle, zoom * 1.1)
        rest(canvas)
        canvas.set_zoom(zoom)
        step = timed(canvas.viewport().repaint, 1)
        rest(canvas)
        at_rest = timed(canvas.viewport().repaint)

        def pan() -> None:
            canvas.camera.pan_by(QPointF(-6, -4))
            canvas.viewport().repaint()

        panning = timed(pan)
        found[f"{zoom:.2f}"] = {
            **at_rest,
            "panning_ms": panning["median_ms"],
            "panning_worst_ms": panning["worst_ms"],
            "zoom_step_ms": step["median_ms"],
        }
    return found


def rest(canvas: CanvasView) -> None:
    """Wait until every node in sight is sharp."""
    settle(110)
    for _ in range(400):
        canvas.viewport().repaint()
        if not canvas.ink.pixmaps.is_behind:
            return


def others(canvas: CanvasView, document: WorkflowDocument) -> dict[str, object]:
    """Dragging, editing, a run going on, and finding what is under the pointer."""
    canvas.camera.look_at(canvas.board.content_rect().center(), 1.0)
    rest(canvas)
    key = canvas.board.nodes_in(canvas.camera.sight)[5]
    body = canvas.board.nodes[key].body
    view = canvas.viewport()
    at = canvas.mapFromScene(body.center() - QPointF(0, 28))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    steps = iter(range(1, 1000))

    def drag() -> None:
        QTest.mouseMove(view, at + QPointF(0, 2 * next(steps)).toPoint())
        view.repaint()

    dragging = timed(drag)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    places = iter(range(1, 1000))

    def edit() -> None:
        document.push(MoveNodes({key: Position(body.x() + 8 * next(places), body.y())}), "Move")

    editing = timed(edit)
    run = finished_run(document.workflow)
    canvas.set_run_view(run)
    touched = set(list(run.nodes)[:50])

    def follow() -> None:
        for name in touched:
            run.nodes[name].done += 1
        canvas.presenter.set_run(run, touched=touched)
        canvas.presenter._show_run()

    following = timed(follow)
    point = body.center()
    start = time.perf_counter()
    for _ in range(200):
        canvas.hit(point)
    return {
        "drag_step": dragging,
        "move_edit": editing,
        "run_update_50_nodes": following,
        "hit_test_us": round(1e6 * (time.perf_counter() - start) / 200, 1),
    }


def main() -> None:
    """Print one table for each size, or one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=[1000, 10000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    for count in options.nodes:
        found = measure(count)
        if options.json:
            print(json.dumps(found))
            continue
        print(f"{found['nodes']} nodes, {found['edges']} wires: build {found['build_ms']} ms")
        for name in ("frames", "frames_with_a_run"):
            print(f"  {name}:   median  worst  panning  worst  zoom step   (ms)")
            for zoom, row in found[name].items():  # type: ignore[attr-defined] # made above
                print(
                    f"    {float(zoom):7.0%}   "
                    + "  ".join(f"{each:6.2f}" for each in row.values())
                )
        for name in ("drag_step", "move_edit", "run_update_50_nodes", "hit_test_us"):
            print(f"  {name}: {found[name]}")


if __name__ == "__main__":
    main()
