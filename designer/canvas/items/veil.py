"""Fades everything that a gesture does not concern, with one rectangle."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsRectItem

from designer.canvas.items.layers import Layer
from designer.theme import Theme

#: How much of what lies below still shows.
SHOWS = 0.35


class Veil(QGraphicsRectItem):
    """A sheet in the colour of the canvas over all items but those raised above it."""

    def __init__(self) -> None:
        super().__init__()
        self.setPen(Qt.PenStyle.NoPen)
        self.setZValue(Layer.VEIL)
        self.setVisible(False)

    def spread(self, area: QRectF, theme: Theme) -> None:
        """Cover `area`."""
        color = QColor(theme.color("canvas"))
        color.setAlphaF(1.0 - SHOWS)
        self.setBrush(color)
        self.setRect(area)
        self.setVisible(True)
