"""Parts that many nodes share, as small pictures in the scale of the moment.

A body with rounded corners, an icon or a port is rasterised once for each scale and then
copied: that makes a new picture of a node five times cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPixmap, QTransform

#: How many scales are kept: the one on the screen, the minimap's, the one before.
SCALES_KEPT = 3

_IDENTITY = QTransform()


class Stamps:
    """The parts by scale and key."""

    def __init__(self) -> None:
        self._by_scale: dict[float, dict[Hashable, QPixmap]] = {}

    def clear(self) -> None:
        """Forget all parts, as when the theme changes."""
        self._by_scale.clear()

    def at_scale(self, scale: float) -> dict[Hashable, QPixmap]:
        """The parts at one scale, for callers that draw many."""
        stamps = self._by_scale.get(scale)
        if stamps is None:
            while len(self._by_scale) >= SCALES_KEPT:
                self._by_scale.pop(next(iter(self._by_scale)))
            stamps = self._by_scale[scale] = {}
        return stamps

    def draw(
        self, painter: QPainter, key: Hashable, box: QRectF, paint: Callable[[QPainter], None]
    ) -> None:
        """Draw what `paint` draws inside `box`, from the stamp when there is one.

        Args:
            painter: scaled and moved, not turned.
            key: stands for the looks, without place and scale.
            box: what is covered, in the painter's coordinates.
            paint: draws in the same coordinates.
        """
        transform = painter.worldTransform()
        ratio = painter.device().devicePixelRatio()
        zoom = transform.m11()
        stamps = self.at_scale(zoom * ratio)
        pixmap = stamps.get(key)
        if pixmap is None:
            pixmap = stamps[key] = make_stamp(box, zoom, ratio, paint)
        left = round((box.left() * zoom + transform.dx()) * ratio) / ratio
        top = round((box.top() * zoom + transform.dy()) * ratio) / ratio
        painter.setWorldTransform(_IDENTITY)
        painter.drawPixmap(QPointF(left, top), pixmap)
        painter.setWorldTransform(transform)


def make_stamp(
    box: QRectF, zoom: float, ratio: float, paint: Callable[[QPainter], None]
) -> QPixmap:
    """A picture of what `paint` draws inside `box`."""
    scale = zoom * ratio
    size = QSize(int(box.width() * scale) + 2, int(box.height() * scale) + 2)
    pixmap = QPixmap(size)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(zoom, zoom)
    painter.translate(-box.topLeft())
    paint(painter)
    painter.end()
    return pixmap
