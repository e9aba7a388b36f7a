"""Path data of SVG as QPainterPath: the part of the grammar that our icons use."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath, QTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r"[A-Za-z]|[+-]?(?:\d+\.?\d*|\.\d+)")

#: How many numbers each command takes; a repeated group repeats the command.
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "A": 7, "Z": 0}


@dataclass(frozen=True, slots=True)
class Arc:
    """An elliptical arc in SVG's own terms: two radii, a turn and which of the four arcs."""

    rx: float
    ry: float
    rotation_deg: float
    large: bool
    sweep: bool


def parse_path(data: str) -> QPainterPath:
    """The path that `data`, the ``d`` attribute of an SVG path, describes.

    Raises:
        ValueError: `data` uses a command that is not supported or has the wrong count.
    """
    path = QPainterPath()
    control: QPointF | None = None  # the second control point of the last curve, for S
    for letter, numbers in _commands(data):
        here = path.currentPosition()
        kind = letter.upper()
        shift = here if letter.islower() else QPointF(0, 0)
        points = _points(kind, numbers, shift, here)
        last_control, control = control, None
        match kind:
            case "M":
                path.moveTo(points[0])
            case "L" | "H" | "V":
                path.lineTo(points[0])
            case "C":
                path.cubicTo(*points)
                control = points[1]
            case "S":
                mirrored = here * 2 - last_control if last_control is not None else here
                path.cubicTo(mirrored, *points)
                control = points[0]
            case "Q":
                path.quadTo(*points)
            case "A":
                rx, ry, rotation, large, sweep = numbers[:5]
                add_arc(path, points[0], Arc(rx, ry, rotation, large != 0, sweep != 0))
            case _:
                path.closeSubpath()
    return path


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with its numbers; repeated groups as commands of their own."""
    tokens = _TOKEN.findall(data)
    index, letter = 0, ""
    while index < len(tokens):
        if tokens[index].isalpha():
            letter = tokens[index]
            index += 1
        elif letter in "Mm":
            letter = "L" if letter == "M" else "l"  # more pairs after a move are lines
        count = _ARITY.get(letter.upper())
        if count is None:
            raise ValueError(f"The path command {letter!r} in {data!r} is not supported.")
        group = tokens[index : index + count]
        if len(group) < count or any(token.isalpha() for token in group):
            raise ValueError(f"The path command {letter!r} in {data!r} needs {count} numbers.")
        index += count
        yield letter, [float(token) for token in group]


def _points(kind: str, numbers: list[float], shift: QPointF, here: QPointF) -> list[QPointF]:
    if kind == "H":
        return [QPointF(numbers[0] + shift.x(), here.y())]
    if kind == "V":
        return [QPointF(here.x(), numbers[0] + shift.y())]
    pairs = numbers[5:] if kind == "A" else numbers
    return [
        QPointF(pairs[at] + shift.x(), pairs[at + 1] + shift.y()) for at in range(0, len(pairs), 2)
    ]


def add_arc(path: QPainterPath, end: QPointF, arc: Arc) -> None:
    """Continue `path` to `end` along `arc` (SVG 1.1, implementation notes F.6.5 and F.6.6)."""
    start = path.currentPosition()
    rx, ry = abs(arc.rx), abs(arc.ry)
    if rx == 0 or ry == 0 or start == end:
        path.lineTo(end)
        return
    # Turn and scale so that the ellipse is a unit circle; then the centre is plain geometry.
    to_circle = QTransform().scale(1 / rx, 1 / ry).rotate(-arc.rotation_deg)
    first, last = to_circle.map(start), to_circle.map(end)
    middle = (first + last) / 2
    half = (last - first) / 2
    half_length = math.hypot(half.x(), half.y())
    grow = max(1.0, half_length)  # radii too small to reach are scaled up
    offset = math.sqrt(max(0.0, grow * grow - half_length * half_length)) / half_length
    sign = 1.0 if arc.large == arc.sweep else -1.0
    centre = QPointF(middle.x() + sign * offset * half.y(), middle.y() - sign * offset * half.x())
    begin_deg = math.degrees(math.atan2(first.y() - centre.y(), first.x() - centre.x()))
    end_deg = math.degrees(math.atan2(last.y() - centre.y(), last.x() - centre.x()))
    span = (end_deg - begin_deg) % 360.0
    if not arc.sweep:
        span -= 360.0
    circle = QPainterPath()
    box = QRectF(centre.x() - grow, centre.y() - grow, 2 * grow, 2 * grow)
    # Qt counts angles against the clock, SVG with it.
    circle.arcMoveTo(box, -begin_deg)
    circle.arcTo(box, -begin_deg, -span)
    back, _invertible = to_circle.inverted()
    bent = back.map(circle)
    # Not connectPath: after a move it would draw a line from the part before.
    for at in range(1, bent.elementCount(), 3):
        first_control, second_control, stop = (
            QPointF(bent.elementAt(at + step).x, bent.elementAt(at + step).y) for step in range(3)
        )
        path.cubicTo(first_control, second_control, stop)
