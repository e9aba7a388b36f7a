"""What moves: dots on the wires that carry something now, and bars under running nodes.

One item for each kind, so that an animation step is two paint calls however much runs.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import NODE_RADIUS, NODE_WIDTH
from designer.canvas.ink import Ink
from designer.canvas.items.edges import EdgeShape
from designer.canvas.items.layers import Layer
from designer.canvas.items.nodes import NodeShape
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


class _Moving(QGraphicsItem):
    """Covers the scene and knows the time."""

    def __init__(self, ink: Ink, layer: Layer) -> None:
        super().__init__()
        self.setZValue(layer)
        self._ink = ink
        self._area = QRectF()
        self.seconds = 0.0
        #: No motion is wanted.
        self.still = False

    def set_area(self, area: QRectF) -> None:
        """Cover `area`, the scene's."""
        self.prepareGeometryChange()
        self._area = area

    def boundingRect(self) -> QRectF:
        """The whole scene."""
        return self._area

    def _begin(self, painter: QPainter) -> QRectF | None:
        """Prepare the painter; returns what is in sight, or None when nothing is drawn."""
        if self.still or self._ink.detail is Detail.OVERVIEW:
            return None
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ink.theme.color("running"))
        return painter.worldTransform().inverted()[0].mapRect(QRectF(painter.viewport()))


class _Dots(_Moving):
    """Dots on live wires, under the labels."""

    def __init__(self, ink: Ink) -> None:
        super().__init__(ink, Layer.LIVE_DOTS)
        self.edges: dict[str, EdgeShape] = {}

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the dots in sight."""
        sight = self._begin(painter)
        if sight is None:
            return
        for item in self.edges.values():
            if sight.intersects(item.box):
                self._paint_dots(painter, item)

    def _paint_dots(self, painter: QPainter, item: EdgeShape) -> None:
        path = item.path
        length = path.length()
        distance = (self.seconds * SPEED) % SPACING
        shift = item.offset or QPointF()
        while distance < length:
            at = shift + path.pointAtPercent(path.percentAtLength(distance))
            painter.drawEllipse(at, RADIUS, RADIUS)
            distance += SPACING


class _Bars(_Moving):
    """Bars that go to and fro under nodes whose progress is not known."""

    def __init__(self, ink: Ink) -> None:
        super().__init__(ink, Layer.LIVE_BARS)
        self.nodes: dict[str, NodeShape] = {}

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the bars in sight."""
        sight = self._begin(painter)
        if sight is None:
            return
        for node in self.nodes.values():
            body = node.body
            if sight.intersects(body):
                self._paint_bar(painter, body)

    def _paint_bar(self, painter: QPainter, body: QRectF) -> None:
        way = NODE_WIDTH - 2 * NODE_RADIUS
        width = way * BAR_SHARE
        phase = (self.seconds % BAR_PERIOD_S) / BAR_PERIOD_S
        there = 2 * phase if phase < 0.5 else 2 - 2 * phase
        eased = there * there * (3 - 2 * there)
        left = body.left() + NODE_RADIUS + eased * (way - width)
        painter.drawRect(QRectF(left, body.bottom() - 3.5, width, 3.0))


class LiveOverlay:
    """The moving marks of the whole scene."""

    def __init__(self, ink: Ink) -> None:
        self._dots, self._bars = _Dots(ink), _Bars(ink)
        self.items = (self._dots, self._bars)

    @property
    def is_moving(self) -> bool:
        """Whether there is anything to animate."""
        return not self._dots.still and bool(self._dots.edges or self._bars.nodes)

    def set_still(self, *, still: bool) -> None:
        """Show nothing that moves."""
        self._dots.still = self._bars.still = still

    def set_area(self, area: QRectF) -> None:
        """Cover `area`, the scene's."""
        self._dots.set_area(area)
        self._bars.set_area(area)

    def set_edge(self, item: EdgeShape) -> None:
        """Show dots on `item` while it is live."""
        if item.visual.state is EdgeState.LIVE:
            self._dots.edges[item.id] = item
        else:
            self._dots.edges.pop(item.id, None)

    def remove(self, edge_id: str) -> None:
        """The edge is gone."""
        self._dots.edges.pop(edge_id, None)

    def set_node(self, item: NodeShape) -> None:
        """Show a moving bar under `item` while it runs and its progress is not known."""
        visual = item.visual
        if visual.state is NodeState.RUNNING and visual.fraction is None:
            self._bars.nodes[visual.key] = item
        else:
            self._bars.nodes.pop(visual.key, None)

    def remove_node(self, key: str) -> None:
        """The node is gone."""
        self._bars.nodes.pop(key, None)

    def advance_to(self, seconds: float) -> None:
        """Show the moment `seconds`."""
        for item in (self._dots, self._bars):
            item.seconds = seconds
            item.update()
