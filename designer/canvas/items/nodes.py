"""Nodes in the scene: where each is, and the layers that draw them.

A node is no graphics item of its own. Qt would ask each for its painting in turn, which
costs more than the painting; a layer draws all nodes in sight in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import NODE_WIDTH, port_top
from designer.canvas.index import Grid
from designer.canvas.ink import OUTLINE_GAP, RING_GAP, Ink
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import extent
from designer.canvas.visuals import NodeVisual

_IDENTITY = QTransform()


class Rank(IntEnum):
    """Which nodes lie over which."""

    USUAL = 0
    #: Being dragged: over the other nodes.
    RAISED = 1
    #: Concerned by the gesture: over the veil.
    OVER_VEIL = 2


class NodeShape:
    """One node: its looks and its place."""

    __slots__ = ("body", "order", "rank", "visual", "x", "y")

    def __init__(self, visual: NodeVisual, order: int) -> None:
        self.visual = visual
        self.order = order
        self.rank = Rank.USUAL
        self.x = 0.0
        self.y = 0.0
        #: The body in scene coordinates; do not change it in place.
        self.body = QRectF(0.0, 0.0, NODE_WIDTH, visual.height)

    @property
    def key(self) -> str:
        """The key of the node."""
        return self.visual.key

    @property
    def place(self) -> QPointF:
        """The upper left corner of the body."""
        return QPointF(self.x, self.y)

    @property
    def extent(self) -> QRectF:
        """Everything that it draws, in scene coordinates."""
        return extent(self.visual).translated(self.x, self.y)

    def move(self, x: float, y: float) -> None:
        """Stand elsewhere."""
        self.x, self.y = x, y
        self.body = QRectF(x, y, NODE_WIDTH, self.visual.height)

    def set_visual(self, visual: NodeVisual) -> bool:
        """Look different; returns whether ports are elsewhere now."""
        old, self.visual = self.visual, visual
        if old.height != visual.height:
            self.body = QRectF(self.x, self.y, NODE_WIDTH, visual.height)
        return (old.inputs, old.outputs) != (visual.inputs, visual.outputs)

    def port_place(self, row: int, *, output: bool) -> QPointF:
        """Where the port in `row` of a side is in the scene."""
        visual = self.visual
        named = visual.names_outputs if output else visual.names_inputs
        return QPointF(
            self.x + NODE_WIDTH if output else self.x, self.y + port_top(row, named=named)
        )


class NodesLayer(QGraphicsItem):
    """Draws the nodes of some ranks that are in sight."""

    def __init__(
        self, nodes: Mapping[str, NodeShape], index: Grid, ink: Ink, *, over_veil: bool
    ) -> None:
        super().__init__()
        self.setZValue(Layer.OVER_VEIL if over_veil else Layer.NODES)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._nodes = nodes
        self._index = index
        self._ink = ink
        self._over_veil = over_veil
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
        """Copy the pictures of the nodes in sight."""
        nodes = self._nodes
        sight = option.exposedRect
        wanted = [
            node
            for key in self._index.near(sight)
            if ((node := nodes[key]).rank is Rank.OVER_VEIL) is self._over_veil
        ]
        wanted.sort(key=lambda node: (node.rank, node.order))
        if self._ink.vector:
            self._paint_vectors(painter, wanted)
        else:
            self._paint_pictures(painter, wanted)

    def _paint_pictures(self, painter: QPainter, wanted: list[NodeShape]) -> None:
        ink, transform = self._ink, painter.worldTransform()
        zoom, dx, dy = transform.m11(), transform.dx(), transform.dy()
        ratio, picture_of = ink.ratio, ink.pixmaps.picture
        selected, ringed = ink.selected, ink.current if ink.ringed else None
        painter.setWorldTransform(_IDENTITY)
        for node in wanted:
            visual = node.visual
            x, y = node.x * zoom + dx, node.y * zoom + dy
            picture = picture_of(visual, zoom, ratio)
            if picture is None:
                ink.pixmaps.draw_plainly(painter, visual, x, y, zoom)
            elif picture.zoom == zoom:
                # On whole device pixels, so that text stays sharp.
                left = round((x + picture.left) * ratio) / ratio
                top = round((y + picture.top) * ratio) / ratio
                painter.drawPixmap(QPointF(left, top), picture.pixmap)
            else:
                picture.draw_stretched(painter, x, y, zoom)
            if visual.key in selected or visual.key == ringed:
                painter.setWorldTransform(transform)
                self._paint_outlines(painter, node)
                painter.setWorldTransform(_IDENTITY)
        painter.setWorldTransform(transform)

    def _paint_outlines(self, painter: QPainter, node: NodeShape) -> None:
        ink, visual = self._ink, node.visual
        painter.translate(node.x, node.y)
        if visual.key in ink.selected:
            ink.outline(painter, visual.height, "selection_outline", OUTLINE_GAP)
        if ink.ringed and visual.key == ink.current:
            ink.outline(painter, visual.height, "accent", RING_GAP)

    def _paint_vectors(self, painter: QPainter, wanted: list[NodeShape]) -> None:
        nodes, zoom = self._ink.vector_painter(), painter.worldTransform().m11()
        for node in wanted:
            painter.save()
            painter.translate(node.x, node.y)
            nodes.paint(painter, node.visual, self._ink.detail, zoom)
            painter.restore()
