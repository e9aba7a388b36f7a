"""A canvas in a window, and a hand that uses it: real events on the viewport."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from designer.canvas.view import CanvasView
from designer.document.document import WorkflowDocument
from designer.settings import MotionChoice, Settings
from designer.widgets.kinds import Kind
from engine.model.workflow import PortRef, Workflow
from tests.designer.canvas.kit import KIT

LEFT = Qt.MouseButton.LeftButton
MIDDLE = Qt.MouseButton.MiddleButton
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier

NOW = 1_800_000_000.0


@dataclass
class Bench:
    """A canvas, its document, and what it said."""

    qtbot: QtBot
    window: QWidget
    canvas: CanvasView
    document: WorkflowDocument
    said: list[tuple[str, Kind]] = field(default_factory=list)
    time: float = NOW

    @property
    def workflow(self) -> Workflow:
        return self.document.workflow

    @property
    def edges(self) -> set[str]:
        return {edge.id for edge in self.workflow.edges}

    def place(self, key: str) -> tuple[float, float]:
        spot = self.workflow.view.positions[key]
        return spot.x, spot.y

    # --- where ----------------------------------------------------------------------------

    def on_view(self, point: QPointF) -> QPoint:
        return self.canvas.viewportTransform().map(point).toPoint()

    def body(self, key: str) -> QPointF:
        """A place in the title of a node, away from its ports and its chip."""
        return self.canvas.board.nodes[key].body.topLeft() + QPointF(90, 14)

    def port(self, text: str, *, output: bool = True) -> QPointF:
        found = self.canvas.board.port_position(PortRef.parse(text), output=output)
        assert found is not None
        return found

    # --- hands ----------------------------------------------------------------------------

    def press(
        self, at: QPointF, keys: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT
    ) -> None:
        QTest.mousePress(self.canvas.viewport(), button, keys, self.on_view(at))

    def move(self, to: QPointF) -> None:
        QTest.mouseMove(self.canvas.viewport(), self.on_view(to))

    def release(
        self, at: QPointF, keys: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT
    ) -> None:
        QTest.mouseRelease(self.canvas.viewport(), button, keys, self.on_view(at))

    def drag(
        self,
        start: QPointF,
        end: QPointF,
        keys: Qt.KeyboardModifier = NONE,
        button: Qt.MouseButton = LEFT,
    ) -> None:
        self.press(start, keys, button)
        for share in (0.3, 0.7, 1.0):
            self.move(start + (end - start) * share)
        self.release(end, keys, button)

    def click(self, at: QPointF, keys: Qt.KeyboardModifier = NONE) -> None:
        QTest.mouseClick(self.canvas.viewport(), LEFT, keys, self.on_view(at))

    def double_click(self, at: QPointF) -> None:
        QTest.mouseDClick(self.canvas.viewport(), LEFT, NONE, self.on_view(at))

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.canvas, key, keys)


def bench(qtbot: QtBot, workflow: Workflow, folder: Path) -> Bench:
    """A canvas of 1000 by 700 at 100 %, with the scene's origin at (100, 100)."""
    settings = Settings(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
    settings.motion = MotionChoice.REDUCED
    document = WorkflowDocument(workflow, KIT)
    window = QWidget()
    window.resize(1000, 700)
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    made: list[Bench] = []
    canvas = CanvasView(
        document, KIT, settings, window, clock=lambda: made[0].time if made else NOW
    )
    layout.addWidget(canvas)
    result = Bench(qtbot, window, canvas, document)
    made.append(result)
    canvas.message.connect(lambda text, kind: result.said.append((text, kind)))
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    canvas.setFocus()
    canvas.camera.look_at(QPointF(400, 250), 1.0)
    return result


def put_away(bench: Bench) -> None:
    """Close everything that `bench` opened."""
    bench.canvas.close_canvas()
    bench.document.close()
    bench.window.close()
    bench.window.deleteLater()
