"""The labels of all edges, drawn by one item: conditions and counts in small pills.

The item knows where its labels are by squares of the scene, so that a frame looks only at
those in sight.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.ink import Ink, edge_role
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import Detail
from designer.canvas.visuals import EdgeVisual
from designer.widgets.format import format_count_short, shorten

_SQUARE = 512.0
_PAD = 6.0
#: Longest condition that is shown; the tooltip has all of it.
CONDITION_LIMIT = 30
#: Labels are never cut to less than this, and leave this much of their wire to be seen.
SMALLEST_PX = 64.0
BARE_PX = 30.0


@dataclass(frozen=True, slots=True)
class _Label:
    at: QPointF
    condition: str
    count: str
    role: str
    #: How much room there is between the nodes that the wire joins.
    room: float


class EdgeLabels(QGraphicsItem):
    """Draws the labels over the edges and under the nodes."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        self.setZValue(Layer.EDGE_LABELS)
        self._ink = ink
        self._area = QRectF()
        self._labels: dict[str, _Label] = {}
        self._squares: dict[tuple[int, int], set[str]] = {}

    def set_area(self, area: QRectF) -> None:
        """Cover `area`, the scene's."""
        self.prepareGeometryChange()
        self._area = area

    def boundingRect(self) -> QRectF:
        """The whole scene: labels are anywhere."""
        return self._area

    def place(self, edge: EdgeVisual, at: QPointF, room: float) -> None:
        """Show the label of `edge` around `at`; takes it away when there is nothing to say.

        Args:
            edge: what is labelled.
            at: the middle of its wire.
            room: the length between its ends that a label may cover.
        """
        count = format_count_short(edge.count) if edge.count else ""
        condition = shorten(edge.label, CONDITION_LIMIT)
        if not count and not condition:
            self.remove(edge.id)
            return
        label = _Label(at, condition, count, edge_role(edge), room)
        old = self._labels.get(edge.id)
        if old == label:
            return
        if old is not None:
            self._squares[_square(old.at)].discard(edge.id)
        self._labels[edge.id] = label
        self._squares.setdefault(_square(at), set()).add(edge.id)
        self.update(self._reach(at))

    def remove(self, edge_id: str) -> None:
        """Take a label away."""
        label = self._labels.pop(edge_id, None)
        if label is not None:
            self._squares[_square(label.at)].discard(edge_id)
            self.update(self._reach(label.at))

    def clear(self) -> None:
        """Take all labels away."""
        self._labels.clear()
        self._squares.clear()
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the labels in sight, in full detail only."""
        if self._ink.detail is not Detail.FULL or not self._labels:
            return
        sight = painter.worldTransform().inverted()[0].mapRect(QRectF(painter.viewport()))
        first, last = _square(sight.topLeft()), _square(sight.bottomRight())
        for across in range(first[0] - 1, last[0] + 2):
            for down in range(first[1] - 1, last[1] + 2):
                for edge_id in self._squares.get((across, down), ()):
                    self._paint_label(painter, self._labels[edge_id])

    def _paint_label(self, painter: QPainter, label: _Label) -> None:
        """One pill: the condition in grey, the count in the colour of the wire."""
        theme, face = self._ink.theme, self._ink.style.port
        height = face.metrics.height() + 3
        gap = 7.0 if label.condition and label.count else 0.0
        count = face.width_of(label.count) if label.count else 0.0
        most = max(SMALLEST_PX, label.room - BARE_PX) - count - gap - 2 * _PAD
        condition = min(most, face.width_of(label.condition)) if label.condition else 0.0
        width = max(height, condition + gap + count + 2 * _PAD)
        box = QRectF(label.at.x() - width / 2, label.at.y() - height / 2, width, height)
        painter.setPen(QPen(theme.color(label.role), max(1.0, float(theme.line_px))))
        painter.setBrush(theme.color("canvas"))
        painter.drawRoundedRect(box, height / 2, height / 2)
        if label.condition:
            left = QRectF(box.left() + _PAD, box.top(), condition + 2, height)
            face.draw(painter, left, label.condition, theme.color("muted"))
        if label.count:
            right = QRectF(box)
            centre = Qt.AlignmentFlag.AlignHCenter
            if label.condition:
                right.setLeft(box.left() + _PAD + condition + gap / 2)
                right.setRight(box.right() - _PAD + gap / 2)
            face.draw(painter, right, label.count, theme.color("text"), centre)

    @staticmethod
    def _reach(at: QPointF) -> QRectF:
        return QRectF(at.x() - 140, at.y() - 14, 280, 28)


def _square(at: QPointF) -> tuple[int, int]:
    return int(at.x() // _SQUARE), int(at.y() // _SQUARE)
