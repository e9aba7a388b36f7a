"""Lines that a dragged node snaps to: the edges and port rows of its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF

from designer.canvas.geometry import PORT_TOP, snapped

#: Lines reach this far beyond what they join.
OVERSHOOT = 14.0


@dataclass(frozen=True, slots=True)
class Snap:
    """Where the dragged rectangle goes, and the lines to show."""

    offset: QPointF
    guides: tuple[QLineF, ...] = ()


def snap(
    box: QRectF,
    offset: QPointF,
    others: Sequence[QRectF],
    *,
    reach: float,
    anchor: QPointF | None,
) -> Snap:
    """Return `offset` corrected so that `box`, moved by it, is in line with something.

    Args:
        box: the dragged node, or the box around all that is dragged, where it was.
        offset: how far the pointer has moved.
        others: what does not move.
        reach: how far a line attracts.
        anchor: what comes to lie on the grid where no line is near; None for no grid.
    """
    moved = box.translated(offset)
    column = _nearest(
        [(moved.left(), other.left(), other) for other in others]
        + [(moved.right(), other.right(), other) for other in others],
        reach,
    )
    row = _nearest(
        [(moved.top(), other.top(), other) for other in others]
        + [(moved.top() + PORT_TOP, other.top() + PORT_TOP, other) for other in others]
        + [(moved.bottom(), other.bottom(), other) for other in others],
        reach,
    )
    rest = offset if anchor is None else snapped(anchor + offset) - anchor
    result = QPointF(
        offset.x() + column[0] if column else rest.x(), offset.y() + row[0] if row else rest.y()
    )
    final = box.translated(result)
    guides: list[QLineF] = []
    if column is not None:
        span = final.united(column[2])
        guides.append(
            QLineF(column[1], span.top() - OVERSHOOT, column[1], span.bottom() + OVERSHOOT)
        )
    if row is not None:
        span = final.united(row[2])
        guides.append(QLineF(span.left() - OVERSHOOT, row[1], span.right() + OVERSHOOT, row[1]))
    return Snap(result, tuple(guides))


def _nearest(
    lines: list[tuple[float, float, QRectF]], reach: float
) -> tuple[float, float, QRectF] | None:
    """The correction, the line and its owner of the nearest line within `reach`."""
    best: tuple[float, float, QRectF] | None = None
    for mine, theirs, owner in lines:
        correction = theirs - mine
        if abs(correction) <= reach and (best is None or abs(correction) < abs(best[0])):
            best = correction, theirs, owner
    return best
