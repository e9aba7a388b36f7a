"""Sizes and places on the canvas in scene pixels (100 %), and the shapes of edges.

Pure: no scene, no theme, no document. Everything that must agree about where a port is
asks here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath, QTransform

NODE_WIDTH = 210.0
NODE_HEIGHT = 84.0
NODE_RADIUS = 8.0
HEADER_HEIGHT = 28.0
#: How far the first port is below the top of its node, and the ports from each other.
PORT_TOP = 42.0
PORT_PITCH = 22.0
PORT_RADIUS = 6.0
GRID = 8.0

#: What a node draws around its body: the selection outline, ports, the breakpoint's dot.
NODE_MARGIN = 12.0
NODE_MARGIN_LEFT = 28.0
#: Ports that are told apart by their names have rows of their own below the chip.
NAMED_TOP = 93.0

#: Edges longer than this are drawn by the part that is in sight.
LONG_EDGE = 1600.0

_STUB = 26.0
_CORNER = 14.0
_BELOW = 64.0


def node_height(inputs: int, outputs: int) -> float:
    """The height of a node with that many named ports on its sides; 0 where none is named."""
    rows = max(inputs, outputs)
    return NODE_HEIGHT + PORT_PITCH * rows if rows else NODE_HEIGHT


def node_rect(position: QPointF, height: float) -> QRectF:
    """The body of a node whose top left corner is at `position`."""
    return QRectF(position.x(), position.y(), NODE_WIDTH, height)


def port_offset(row: int, *, output: bool, named: bool) -> QPointF:
    """Where the port in `row` of a side is, from the top left corner of its node."""
    top = NAMED_TOP if named else PORT_TOP
    return QPointF(NODE_WIDTH if output else 0.0, top + PORT_PITCH * row)


def snapped(point: QPointF) -> QPointF:
    """The grid point that is nearest to `point`."""
    return QPointF(round(point.x() / GRID) * GRID, round(point.y() / GRID) * GRID)


def edge_path(start: QPointF, end: QPointF) -> QPainterPath:
    """The line of an edge from an output to an input.

    Forward it is one curve. An edge that leads back goes around: below both nodes when these
    stand in one row, otherwise between the rows.
    """
    path = QPainterPath(start)
    run, rise = end.x() - start.x(), end.y() - start.y()
    if run >= _STUB or (run > -_STUB and abs(rise) > 4 * _STUB):
        pull = max(_STUB, min(run / 2, 260.0)) if run > 0 else 2 * _STUB
        path.cubicTo(start.x() + pull, start.y(), end.x() - pull, end.y(), end.x(), end.y())
        return path
    apart = abs(rise) > NODE_HEIGHT + _BELOW
    level = (start.y() + end.y()) / 2 if apart else max(start.y(), end.y()) + _BELOW
    corners = (
        QPointF(start.x() + _STUB, start.y()),
        QPointF(start.x() + _STUB, level),
        QPointF(end.x() - _STUB, level),
        QPointF(end.x() - _STUB, end.y()),
        end,
    )
    _round_corners(path, start, corners)
    return path


def _round_corners(path: QPainterPath, start: QPointF, corners: Sequence[QPointF]) -> None:
    here = start
    for corner, after in pairwise(corners):
        radius = min(_CORNER, _length(corner - here) / 2, _length(after - corner) / 2)
        enter = corner - _towards(here, corner, radius)
        leave = corner + _towards(corner, after, radius)
        path.lineTo(enter)
        path.quadTo(corner, leave)
        here = leave
    path.lineTo(corners[-1])


def _length(vector: QPointF) -> float:
    return math.hypot(vector.x(), vector.y())


def _towards(start: QPointF, end: QPointF, distance: float) -> QPointF:
    whole = _length(end - start)
    return (end - start) * (distance / whole) if whole else QPointF()


def sample(path: QPainterPath, steps: int = 24) -> list[QPointF]:
    """Points along `path`, close enough to tell how far a pointer is from it."""
    polygons = path.toSubpathPolygons(QTransform())
    if not polygons:
        return []
    points = polygons[0].toList()
    if len(points) > 2:
        return points
    return [path.pointAtPercent(step / steps) for step in range(steps + 1)]


def distance_to_line(point: QPointF, line: Sequence[QPointF]) -> float:
    """How far `point` is from the nearest place on the polyline."""
    best = math.inf
    for start, end in pairwise(line):
        best = min(best, distance_to_segment(point, start, end))
    return best


def distance_to_segment(point: QPointF, start: QPointF, end: QPointF) -> float:
    """How far `point` is from the nearest place between `start` and `end`."""
    span = end - start
    whole = span.x() * span.x() + span.y() * span.y()
    along = 0.0
    if whole:
        offset = point - start
        along = (offset.x() * span.x() + offset.y() * span.y()) / whole
        along = max(0.0, min(1.0, along))
    return _length(point - (start + span * along))


def lines_cross(first: tuple[QPointF, QPointF], second: tuple[QPointF, QPointF]) -> bool:
    """Whether two straight lines cross between their ends."""

    def turn(a: QPointF, b: QPointF, c: QPointF) -> float:
        return (b.x() - a.x()) * (c.y() - a.y()) - (b.y() - a.y()) * (c.x() - a.x())

    (a, b), (c, d) = first, second
    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0


def bounds(rects: Iterable[QRectF]) -> QRectF:
    """The smallest rectangle around all of them; empty when there are none."""
    whole = QRectF()
    for rect in rects:
        whole = whole.united(rect)
    return whole
