"""What lies behind everything: the colour of the canvas, its dots, or stripes when it is
not the present that is shown.

Drawn once for each zoom and then copied, moved by what the view was moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QTransform

from designer.canvas.geometry import GRID
from designer.theme import Theme

#: Every third grid point has a dot; nearer ones would be noise.
DOT_EVERY = 3 * GRID
#: Below this distance on the screen there are no dots.
DOTS_APART_PX = 11.0
STRIPES_APART_PX = 22.0
#: How much of the accent colour tints a canvas that shows the past.
TINT = 0.09
STRIPES = 0.05

_IDENTITY = QTransform()


@dataclass(frozen=True, slots=True)
class _Looks:
    theme: str
    size: QSize
    ratio: float
    zoom: float
    past: bool
    dots: bool


class Background:
    """Paints the background of one view."""

    def __init__(self) -> None:
        self._looks: _Looks | None = None
        self._pixmap = QPixmap()
        self._period = 0.0

    def paint(
        self, painter: QPainter, theme: Theme, size: QSize, *, past: bool, dots: bool
    ) -> None:
        """Cover the viewport of `size`, whatever the painter's transformation."""
        transform = painter.worldTransform()
        zoom, ratio = transform.m11(), painter.device().devicePixelRatio()
        looks = _Looks(theme.key, size, ratio, zoom, past, dots)
        if looks != self._looks:
            self._make(looks, theme)
        painter.setWorldTransform(_IDENTITY)
        x = math.fmod(transform.dx(), self._period) - self._period
        y = math.fmod(transform.dy(), self._period) - self._period
        painter.drawPixmap(QPointF(round(x), round(y)), self._pixmap)
        painter.setWorldTransform(transform)

    def _make(self, looks: _Looks, theme: Theme) -> None:
        self._looks = looks
        apart = DOT_EVERY * looks.zoom
        while apart < DOTS_APART_PX:
            apart *= 2
        self._period = 8 * STRIPES_APART_PX if looks.past else apart
        # One period on either side, because it is drawn moved by up to that much.
        room = math.ceil(2 * self._period) + 2
        size = looks.size + QSize(room, room)
        self._pixmap = QPixmap(size * looks.ratio)
        self._pixmap.setDevicePixelRatio(looks.ratio)
        self._pixmap.fill(canvas_color(theme, past=looks.past))
        painter = QPainter(self._pixmap)
        if looks.past:
            _paint_stripes(painter, theme, size)
        elif looks.dots:
            _paint_dots(painter, theme, size, apart)
        painter.end()


def canvas_color(theme: Theme, *, past: bool) -> QColor:
    """The colour of the canvas; tinted while it shows the past."""
    color = theme.color("canvas")
    return _mixed(color, theme.color("accent"), TINT) if past else color


def _mixed(base: QColor, other: QColor, share: float) -> QColor:
    return QColor.fromRgbF(
        base.redF() * (1 - share) + other.redF() * share,
        base.greenF() * (1 - share) + other.greenF() * share,
        base.blueF() * (1 - share) + other.blueF() * share,
    )


def _paint_dots(painter: QPainter, theme: Theme, size: QSize, apart: float) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.setPen(QPen(theme.color("grid"), 2.0))
    across = int(size.width() / apart) + 1
    down = int(size.height() / apart) + 1
    painter.drawPoints(
        [QPointF(column * apart, row * apart) for row in range(down) for column in range(across)]
    )


def _paint_stripes(painter: QPainter, theme: Theme, size: QSize) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = _mixed(canvas_color(theme, past=True), theme.color("accent"), STRIPES)
    painter.setPen(QPen(color, 6.0))
    area = QRectF(QPointF(), size.toSizeF())
    start = -area.height()
    while start < area.width():
        painter.drawLine(QPointF(start, area.height()), QPointF(start + area.height(), 0))
        start += STRIPES_APART_PX * 2
