"""Ctrl+Shift+drag: a line that cuts every wire it crosses."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from designer.canvas.geometry import lines_cross
from designer.canvas.interactions.gesture import Gesture, Host, Pointer
from designer.widgets.format import plural
from engine.model.changes import Compound, RemoveEdge


class CutEdges(Gesture):
    """The wires that the line has crossed are taken out when it ends."""

    cursor = Qt.CursorShape.CrossCursor
    scrolls = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._line: list[QPointF] = []
        self._cut: set[str] = set()

    def start(self, pointer: Pointer) -> None:
        """Begin the line."""
        self._line = [pointer.scene]

    def move(self, pointer: Pointer) -> None:
        """Go on with the line."""
        last, here = self._line[-1], pointer.scene
        if last == here:
            return
        self._line.append(here)
        scene = self.host.board
        stroke = (last.x(), last.y()), (here.x(), here.y())
        reach = QRectF(last, here).normalized().adjusted(-1, -1, 1, 1)
        for id_ in scene.edges_in(reach):
            for segment in pairwise(scene.edges[id_].line()):
                if lines_cross(segment, stroke):
                    self._cut.add(id_)
                    break
        self.host.repaint_overlay()

    def finish(self, pointer: Pointer) -> None:
        """Take the wires out."""
        cut, self._cut, self._line = sorted(self._cut), set(), []
        if cut:
            change = Compound(tuple(RemoveEdge(id_) for id_ in cut))
            self.host.edit(change, f"Cut {plural(len(cut), 'wire')}")

    def cancel(self) -> None:
        """Cut nothing."""
        self._cut, self._line = set(), []

    def paint(self, painter: QPainter) -> None:
        """Draw the line, and mark what it cuts."""
        color = self.host.board.ink.theme.color("failed")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color, 4.0))
        for id_ in self._cut:
            item = self.host.board.edges.get(id_)
            if item is not None:
                painter.drawPath(item.path)
        if len(self._line) > 1:
            path = QPainterPath(self._line[0])
            for point in self._line[1:]:
                path.lineTo(point)
            pen = QPen(color, 1.5, Qt.PenStyle.DashLine)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawPath(path)
