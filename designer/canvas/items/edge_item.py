"""The item of an edge: a line that Qt draws without asking Python."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import LONG_EDGE, distance_to_line, edge_path, sample
from designer.canvas.ink import Ink
from designer.canvas.items.layers import Layer
from designer.canvas.visuals import EdgeVisual


class EdgeItem(QGraphicsPathItem):
    """An edge in the scene. Its looks are its pen, its shape is its path."""

    def __init__(self, visual: EdgeVisual, ink: Ink) -> None:
        super().__init__()
        self.setZValue(Layer.EDGES)
        self.visual = visual
        self.start = QPointF()
        self.end = QPointF()
        self.is_selected = False
        self.is_hovered = False
        self._ink = ink
        self._line: list[QPointF] | None = None

    @property
    def id(self) -> str:
        """The id of the edge."""
        return self.visual.id

    def set_visual(self, visual: EdgeVisual) -> None:
        """Show `visual`."""
        self.visual = visual
        self.refresh_pen()

    def mark(self, *, selected: bool | None = None, hovered: bool | None = None) -> None:
        """Show the edge as selected or as under the pointer."""
        if selected is not None:
            self.is_selected = selected
        if hovered is not None:
            self.is_hovered = hovered
        raised = self.is_selected or self.is_hovered
        self.setZValue(Layer.EDGES_RAISED if raised else Layer.EDGES)
        self.refresh_pen()

    def refresh_pen(self) -> None:
        """Take the pen for the present looks and theme."""
        pen = self._ink.edge_pen(self.visual, selected=self.is_selected, hovered=self.is_hovered)
        if pen != self.pen():
            self.setPen(pen)

    def set_ends(self, start: QPointF, end: QPointF) -> None:
        """Run from `start` to `end`, both in scene coordinates."""
        self.start, self.end = start, end
        self._line = None
        self.setPos(0, 0)
        self.setPath(edge_path(start, end))

    def shift(self, offset: QPointF) -> None:
        """Show the edge moved by `offset` while both its ends are being dragged."""
        self.setPos(offset)

    def line(self) -> list[QPointF]:
        """The edge as a polyline, for telling how far a pointer is from it."""
        if self._line is None:
            self._line = sample(self.path())
        return self._line

    def distance_to(self, point: QPointF) -> float:
        """How far `point` of the scene is from the edge."""
        return distance_to_line(point - self.pos(), self.line())

    def middle(self) -> QPointF:
        """Where the label stands."""
        return self.path().pointAtPercent(0.5) + self.pos()

    def label_room(self) -> float:
        """How long the wire is where its label stands."""
        run = self.end.x() - self.start.x()
        return run if run > 0 else float(self.path().length()) / 2


class LongEdgeItem(EdgeItem):
    """An edge that is longer than the window.

    Qt takes half a millisecond to rasterise a curve that is mostly out of sight. Here only
    the pieces of its polyline that touch the exposed part are drawn.
    """

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw what can be seen of the edge."""
        sight = painter.worldTransform().inverted()[0].mapRect(QRectF(painter.viewport()))
        sight.adjust(-16, -16, 16, 16)
        path = QPainterPath()
        inside = False
        line = self.line()
        for start, end in pairwise(line):
            if sight.intersects(QRectF(start, end).normalized().adjusted(-1, -1, 1, 1)):
                if not inside:
                    path.moveTo(start)
                path.lineTo(end)
                inside = True
            else:
                inside = False
        painter.setPen(self.pen())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)


def is_long(start: QPointF, end: QPointF) -> bool:
    """Whether an edge between these ends should be a `LongEdgeItem`."""
    return abs(end.x() - start.x()) + abs(end.y() - start.y()) > LONG_EDGE
