"""Edges in the scene: the way of each, and the layer that draws the wires.

Rasterising a thick smooth curve takes 40 microseconds, a thin one 8, one that is mostly
out of sight half a millisecond. So wires are thin when zoomed out, long ones are cut to
what can be seen, and one layer draws all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import (
    LONG_EDGE_PX,
    Curve,
    Point,
    curve_of,
    distance_to_line,
    edge_path,
    sample,
    seen_part,
)
from designer.canvas.index import Grid
from designer.canvas.ink import Ink
from designer.canvas.items.layers import Layer
from designer.canvas.visuals import EdgeVisual

#: Below this zoom wires are one device pixel wide.
THIN_BELOW = 0.75
#: Room around a wire for its width.
MARGIN = 4.0
ZOOM_MAX = 4.0


class EdgeShape:
    """One edge: its looks and its way."""

    __slots__ = (
        "_line",
        "box",
        "curve",
        "end",
        "is_hidden",
        "is_hovered",
        "is_selected",
        "offset",
        "path",
        "pens",
        "reach",
        "start",
        "visual",
    )

    def __init__(self, visual: EdgeVisual, ink: Ink) -> None:
        self.visual = visual
        self.start = QPointF()
        self.end = QPointF()
        self.path = QPainterPath()
        #: Its control points when it is one curve, and at least how long it is.
        self.curve: Curve | None = None
        self.reach = 0.0
        #: What it covers in the scene.
        self.box = QRectF()
        #: How far it is shown from its way, while both its ends are dragged.
        self.offset: QPointF | None = None
        self.is_selected = False
        self.is_hovered = False
        #: A gesture draws it elsewhere meanwhile.
        self.is_hidden = False
        self._line: list[Point] | None = None
        self.pens: tuple[QPen, QPen] = ink.edge_pens(visual)

    @property
    def id(self) -> str:
        """The id of the edge."""
        return self.visual.id

    @property
    def is_raised(self) -> bool:
        """Whether it is drawn over the others."""
        return self.is_selected or self.is_hovered

    def set_visual(self, visual: EdgeVisual, ink: Ink) -> None:
        """Look different."""
        self.visual = visual
        self.refresh(ink)

    def refresh(self, ink: Ink) -> None:
        """Take the pens for the present looks and theme."""
        self.pens = ink.edge_pens(self.visual, selected=self.is_selected, hovered=self.is_hovered)

    def lead(self, start: QPointF, end: QPointF) -> None:
        """Run from `start` to `end`, both in scene coordinates."""
        self.start, self.end = start, end
        self.offset = None
        self._line = None
        self.path = edge_path(start, end)
        self.reach = abs(end.x() - start.x()) + abs(end.y() - start.y())
        self.curve = curve_of(self.path) if self.reach > LONG_EDGE_PX / ZOOM_MAX else None
        self.box = self._covered()

    def shift(self, offset: QPointF) -> None:
        """Show it moved by `offset`: both its ends are being dragged."""
        self.offset = offset
        self.box = self._covered().translated(offset)

    def _covered(self) -> QRectF:
        return self.path.controlPointRect().adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)

    def line(self) -> list[Point]:
        """The edge as a polyline, for telling how far a pointer is from it."""
        if self._line is None:
            self._line = sample(self.path)
        return self._line

    def distance_to(self, point: QPointF) -> float:
        """How far `point` of the scene is from the edge."""
        return distance_to_line(point.x(), point.y(), self.line())

    def middle(self) -> QPointF:
        """Where the label stands."""
        middle = self.path.pointAtPercent(0.5)
        return middle if self.offset is None else middle + self.offset

    def label_room(self) -> float:
        """How long the wire is where its label stands."""
        run = self.end.x() - self.start.x()
        return run if run > 0 else float(self.path.length()) / 2


class EdgesLayer(QGraphicsItem):
    """Draws the wires in sight."""

    def __init__(self, edges: Mapping[str, EdgeShape], index: Grid) -> None:
        super().__init__()
        self.setZValue(Layer.EDGES)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._edges = edges
        self._index = index
        self._area = QRectF()

    def set_area(self, area: QRectF) -> None:
        """Cover `area`, the scene's."""
        self.prepareGeometryChange()
        self._area = area

    def boundingRect(self) -> QRectF:
        """The whole scene."""
        return self._area

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the wires in sight, those that are selected or hovered last."""
        sight = option.exposedRect
        zoom = painter.worldTransform().m11()
        thin = 1 if zoom < THIN_BELOW else 0
        # Thin lines are cheap at any length.
        long = math.inf if thin else LONG_EDGE_PX / zoom
        painter.setBrush(Qt.BrushStyle.NoBrush)
        edges = self._edges
        raised: list[EdgeShape] = []
        last: QPen | None = None
        for id_ in self._index.near(sight):
            edge = edges[id_]
            if edge.is_selected or edge.is_hovered or edge.offset is not None:
                raised.append(edge)
                continue
            if edge.is_hidden:
                continue
            pen = edge.pens[thin]
            if pen is not last:
                painter.setPen(pen)
                last = pen
            if edge.reach > long and edge.curve is not None:
                painter.drawPath(seen_part(edge.curve, sight))
            else:
                painter.drawPath(edge.path)
        for edge in raised:
            if not edge.is_hidden:
                painter.setPen(edge.pens[thin])
                offset = edge.offset
                painter.drawPath(edge.path if offset is None else edge.path.translated(offset))
