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
NODE_MARGIN = 9.0
NODE_MARGIN_LEFT = 24.0
#: Ports that are told apart by their names have rows of their own below the chip.
NAMED_TOP = 93.0

#: Curves longer than this on the screen are drawn by the part that is in sight.
LONG_EDGE_PX = 1200.0

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
    return QPointF(NODE_WIDTH if output else 0.0, port_top(row, named=named))


def port_top(row: int, *, named: bool) -> float:
    """How far the port in `row` is below the top of its node."""
    return (NAMED_TOP if named else PORT_TOP) + PORT_PITCH * row


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


Point = tuple[float, float]


def sample(path: QPainterPath) -> list[Point]:
    """`path` as a polyline, fine enough to tell how far a pointer is from it."""
    polygons = path.toSubpathPolygons(QTransform())
    if not polygons:
        return []
    return [(point.x(), point.y()) for point in polygons[0].toList()]


def distance_to_line(x: float, y: float, line: Sequence[Point]) -> float:
    """How far a point is from the nearest place on the polyline.

    Plain numbers: it is asked of every wire near the pointer at every move of the mouse.
    """
    best = math.inf
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        whole = dx * dx + dy * dy
        along = ((x - ax) * dx + (y - ay) * dy) / whole if whole else 0.0
        along = 0.0 if along < 0.0 else min(along, 1.0)
        ex, ey = x - ax - along * dx, y - ay - along * dy
        square = ex * ex + ey * ey
        best = min(best, square)
    return math.sqrt(best)


def lines_cross(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    """Whether two straight lines cross between their ends."""

    def turn(a: Point, b: Point, c: Point) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = first, second
    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0


def bounds(rects: Iterable[QRectF]) -> QRectF:
    """The smallest rectangle around all of them; empty when there are none."""
    whole = QRectF()
    for rect in rects:
        whole = whole.united(rect)
    return whole


Curve = tuple[float, float, float, float, float, float, float, float]

#: A long curve is looked at in this many places to find which part of it can be seen.
_STEPS = 24
_PARAMETERS = tuple(
    (
        (1 - step / _STEPS) ** 3,
        3 * (1 - step / _STEPS) ** 2 * step / _STEPS,
        3 * (1 - step / _STEPS) * (step / _STEPS) ** 2,
        (step / _STEPS) ** 3,
    )
    for step in range(_STEPS + 1)
)


def curve_of(path: QPainterPath) -> Curve | None:
    """The control points of a path that is one curve, as plain numbers."""
    if path.elementCount() != 4 or not path.elementAt(1).isCurveTo():
        return None
    a, b, c, d = (path.elementAt(at) for at in range(4))
    return a.x, a.y, b.x, b.y, c.x, c.y, d.x, d.y


def seen_part(curve: Curve, sight: QRectF) -> QPainterPath:
    """The part of a long curve that passes through `sight`, with a margin.

    Plain numbers: rasterising the rest costs half a millisecond, and so would doing this
    with points.
    """
    ax, ay, bx, by, cx, cy, dx, dy = curve
    left, top = sight.left() - 40.0, sight.top() - 40.0
    right, bottom = sight.right() + 40.0, sight.bottom() + 40.0
    first = last = -1
    last_x, last_y = ax, ay
    for step in range(1, _STEPS + 1):
        p, q, r, s = _PARAMETERS[step]
        x = p * ax + q * bx + r * cx + s * dx
        y = p * ay + q * by + r * cy + s * dy
        apart = (
            (x < left and last_x < left)
            or (x > right and last_x > right)
            or (y < top and last_y < top)
            or (y > bottom and last_y > bottom)
        )
        if not apart:
            last = step
            if first < 0:
                first = step - 1
        last_x, last_y = x, y
    part = QPainterPath()
    if first < 0:
        return part
    low, high = first / _STEPS, last / _STEPS
    ax, bx, cx, dx = _cut(ax, bx, cx, dx, low, high)
    ay, by, cy, dy = _cut(ay, by, cy, dy, low, high)
    part.moveTo(ax, ay)
    part.cubicTo(bx, by, cx, cy, dx, dy)
    return part


def _cut(
    a: float, b: float, c: float, d: float, low: float, high: float
) -> tuple[float, float, float, float]:
    """One coordinate of the piece of a cubic curve between two parameters (blossoming)."""

    def at(r: float, s: float, t: float) -> float:
        ab, bc, cd = a + (b - a) * r, b + (c - b) * r, c + (d - c) * r
        abc, bcd = ab + (bc - ab) * s, bc + (cd - bc) * s
        return abc + (bcd - abc) * t

    return at(low, low, low), at(low, low, high), at(low, high, high), at(high, high, high)
