"""What moves: dots on the wires that carry something now, and bars under running nodes.

One item, so that an animation step is one paint call however many nodes run.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import NODE_RADIUS, NODE_WIDTH
from designer.canvas.ink import Ink
from designer.canvas.items.edge_item import EdgeItem
from designer.canvas.items.layers import Layer
from designer.canvas.items.node_item import NodeItem
from designer.canvas.node_painter import Detail
from designer.canvas.visuals import EdgeState
from designer.theme import NodeState

#: Distance between the dots, how far they go in a second, and their radius.
SPACING = 90.0
SPEED = 140.0
RADIUS = 3.5
#: The part of its way that the bar of a node without known progress covers, and its period.
BAR_SHARE = 0.3
BAR_PERIOD_S = 1.4


class LiveOverlay(QGraphicsItem):
    """The moving marks of the whole scene."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        self.setZValue(Layer.LIVE)
        self._ink = ink
        self._area = QRectF()
        self._edges: dict[str, EdgeItem] = {}
        self._nodes: dict[str, NodeItem] = {}
        self._seconds = 0.0
        #: No motion wanted: neither dots nor bars that go to and fro.
        self.still = False

    def set_area(self, area: QRectF) -> None:
        """Cover `area`, the scene's."""
        self.prepareGeometryChange()
        self._area = area

    def boundingRect(self) -> QRectF:
        """The whole scene."""
        return self._area

    def set_edge(self, item: EdgeItem) -> None:
        """Show dots on `item` while it is live."""
        if item.visual.state is EdgeState.LIVE:
            self._edges[item.id] = item
        else:
            self._edges.pop(item.id, None)

    def remove(self, edge_id: str) -> None:
        """The edge is gone."""
        self._edges.pop(edge_id, None)

    def set_node(self, item: NodeItem) -> None:
        """Show a moving bar under `item` while it runs and its progress is not known."""
        visual = item.visual
        if visual.state is NodeState.RUNNING and visual.fraction is None:
            self._nodes[visual.key] = item
        else:
            self._nodes.pop(visual.key, None)

    def remove_node(self, key: str) -> None:
        """The node is gone."""
        self._nodes.pop(key, None)

    @property
    def is_moving(self) -> bool:
        """Whether there is anything to animate."""
        return not self.still and bool(self._edges or self._nodes)

    def advance_to(self, seconds: float) -> None:
        """Show the moment `seconds`."""
        self._seconds = seconds
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the marks in sight."""
        if self.still or self._ink.detail is Detail.OVERVIEW:
            return
        sight = painter.worldTransform().inverted()[0].mapRect(QRectF(painter.viewport()))
        color = self._ink.theme.color("running")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        for item in self._edges.values():
            if sight.intersects(item.sceneBoundingRect()):
                self._paint_dots(painter, item)
        for node in self._nodes.values():
            if sight.intersects(node.body):
                self._paint_bar(painter, node.body)

    def _paint_dots(self, painter: QPainter, item: EdgeItem) -> None:
        path = item.path()
        length = path.length()
        if length <= 0:
            return
        distance = (self._seconds * SPEED) % SPACING
        while distance < length:
            at = path.pointAtPercent(path.percentAtLength(distance)) + item.pos()
            painter.drawEllipse(QPointF(at), RADIUS, RADIUS)
            distance += SPACING

    def _paint_bar(self, painter: QPainter, body: QRectF) -> None:
        way = NODE_WIDTH - 2 * NODE_RADIUS
        width = way * BAR_SHARE
        phase = (self._seconds % BAR_PERIOD_S) / BAR_PERIOD_S
        there = 2 * phase if phase < 0.5 else 2 - 2 * phase
        eased = there * there * (3 - 2 * there)
        left = body.left() + NODE_RADIUS + eased * (way - width)
        painter.drawRect(QRectF(left, body.bottom() - 3.5, width, 3.0))
