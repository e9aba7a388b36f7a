"""The small squares by which frames and notes are resized."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from designer.theme import Theme

#: Side of a handle, and of the area that answers to it, in pixels of the screen.
HANDLE_PX = 8.0
HANDLE_HIT_PX = 24.0

#: Each handle as (horizontal, vertical) place on the box: 0 left or top, 1 right or bottom.
HANDLES = ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0), (0.0, 1.0),
           (0.0, 0.5))  # fmt: skip


def handle_point(box: QRectF, handle: tuple[float, float]) -> QPointF:
    """Where a handle of `box` is."""
    return QPointF(box.left() + handle[0] * box.width(), box.top() + handle[1] * box.height())


def paint_handles(painter: QPainter, box: QRectF, theme: Theme, zoom: float) -> None:
    """Draw the handles of `box`, in the same size at every zoom."""
    side = HANDLE_PX / zoom
    painter.setPen(QPen(theme.color("selection_outline"), 1.5 / zoom))
    painter.setBrush(theme.color("canvas"))
    for handle in HANDLES:
        centre = handle_point(box, handle)
        painter.drawRect(QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side))


def handle_at(box: QRectF, point: QPointF, zoom: float) -> tuple[float, float] | None:
    """The handle of `box` at `point`, corners before sides."""
    reach = HANDLE_HIT_PX / 2 / zoom
    for handle in sorted(HANDLES, key=lambda each: 0.5 in each):
        offset = point - handle_point(box, handle)
        if abs(offset.x()) <= reach and abs(offset.y()) <= reach:
            return handle
    return None


def resized(
    box: QRectF, handle: tuple[float, float], offset: QPointF, smallest: tuple[float, float]
) -> QRectF:
    """`box` with a handle moved by `offset`, never smaller than `smallest`."""
    result = QRectF(box)
    if handle[0] == 0.0:
        result.setLeft(min(box.left() + offset.x(), box.right() - smallest[0]))
    elif handle[0] == 1.0:
        result.setRight(max(box.right() + offset.x(), box.left() + smallest[0]))
    if handle[1] == 0.0:
        result.setTop(min(box.top() + offset.y(), box.bottom() - smallest[1]))
    elif handle[1] == 1.0:
        result.setBottom(max(box.bottom() + offset.y(), box.top() + smallest[1]))
    return result
