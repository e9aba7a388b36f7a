"""The tinted region of a zone."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.ink import Ink
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import Detail
from designer.canvas.visuals import ZoneVisual
from designer.canvas.zones import outline

_TINT = 18
_LINE = 110


class ZoneItem(QGraphicsPathItem):
    """From a For each to its Collect."""

    def __init__(self, zone: ZoneVisual, ink: Ink) -> None:
        super().__init__()
        self.setZValue(Layer.ZONES + zone.depth)
        self.zone = zone
        self._ink = ink
        self._title = QRectF()

    def set_zone(self, zone: ZoneVisual) -> None:
        """Show `zone`."""
        self.zone = zone
        self.update()

    def surround(self, bodies: Mapping[str, QRectF], deepest: int) -> None:
        """Lie around the nodes of the zone."""
        path, self._title = outline(self.zone, bodies, deepest)
        self.setPath(path)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the region and what it is."""
        self.paint_plainly(painter)
        if self._ink.detail is Detail.FULL and not self._title.isEmpty():
            color = self._ink.theme.color("port_list")
            self._ink.style.small.draw(painter, self._title, self._words(), color)

    def paint_plainly(self, painter: QPainter) -> None:
        """Draw the region without words."""
        theme = self._ink.theme
        tint = QColor(theme.color("port_list"))
        tint.setAlpha(_TINT)
        line = QColor(theme.color("port_list"))
        line.setAlpha(_LINE)
        painter.setBrush(tint)
        painter.setPen(QPen(line, 1.5, Qt.PenStyle.DashLine))
        painter.drawPath(self.path())

    def _words(self) -> str:
        zone = self.zone
        if zone.total:
            return f"{zone.title}: {zone.done} of {zone.total}"
        return zone.title
