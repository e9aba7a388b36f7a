"""The item of a node: a place for the index, and its picture."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGraphicsRectItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.geometry import node_rect, port_offset
from designer.canvas.ink import OUTLINE_GAP, RING_GAP, Ink
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import extent
from designer.canvas.visuals import NodeVisual


class NodeItem(QGraphicsRectItem):
    """A node in the scene.

    Its base class keeps the rectangle, so that asking for it never enters Python.
    """

    def __init__(self, visual: NodeVisual, ink: Ink) -> None:
        super().__init__(extent(visual))
        self.setPen(Qt.PenStyle.NoPen)
        self.setZValue(Layer.NODES)
        self.visual = visual
        self._ink = ink

    @property
    def key(self) -> str:
        """The key of the node."""
        return self.visual.key

    @property
    def body(self) -> QRectF:
        """The body in scene coordinates."""
        return node_rect(self.pos(), self.visual.height)

    def port_place(self, row: int, *, output: bool) -> QPointF:
        """Where the port in `row` of a side is in the scene."""
        named = self.visual.names_outputs if output else self.visual.names_inputs
        return self.pos() + port_offset(row, output=output, named=named)

    def set_visual(self, visual: NodeVisual) -> bool:
        """Show `visual`; returns whether ports may be elsewhere now."""
        old, self.visual = self.visual, visual
        box = extent(visual)
        moved = (old.inputs, old.outputs) != (visual.inputs, visual.outputs)
        if box != self.rect():
            self.setRect(box)
        self.update()
        return moved

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Copy the picture, and draw the outline of the selection and of the focus."""
        ink, visual = self._ink, self.visual
        if ink.vector:
            zoom = painter.worldTransform().m11()
            ink.vector_painter().paint(painter, visual, ink.detail, zoom)
        else:
            ink.pixmaps.draw(painter, visual, ink.ratio)
        if visual.key in ink.selected:
            ink.outline(painter, visual.height, "selection_outline", OUTLINE_GAP)
        if ink.ringed and visual.key == ink.current:
            ink.outline(painter, visual.height, "accent", RING_GAP)
