"""The labels of all edges, drawn by one item: conditions and counts in small pills.

The item knows where its labels are by squares of the scene, so that a frame looks only at
those in sight.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.ink import Ink, edge_role
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import Detail
from designer.canvas.stamps import make_stamp
from designer.canvas.visuals import EdgeVisual
from designer.widgets.format import format_count_short, shorten

_SQUARE = 512.0
_IDENTITY = QTransform()
#: More different labels than these are not kept as pictures at one zoom.
_STAMPS_KEPT = 2000
_PAD = 6.0
#: Longest condition that is shown; the tooltip has all of it.
CONDITION_LIMIT = 30
#: Labels are never cut to less than this, and leave this much of their wire to be seen.
SMALLEST_PX = 64.0
BARE_PX = 30.0


@dataclass(frozen=True, slots=True)
class _Words:
    """What a label says and how; equal ones share a picture."""

    condition: str
    count: str
    role: str
    #: How much of the wire between its ends it may cover.
    room: int


@dataclass(frozen=True, slots=True)
class _Label:
    x: float
    y: float
    words: _Words


class EdgeLabels(QGraphicsItem):
    """Draws the labels over the edges and under the nodes."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        self.setZValue(Layer.EDGE_LABELS)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
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
        words = _Words(condition, count, edge_role(edge), int(min(room, 400.0)) if condition else 0)
        label = _Label(at.x(), at.y(), words)
        if self._labels.get(edge.id) == label:
            return
        self.remove(edge.id)
        self._labels[edge.id] = label
        self._squares.setdefault(_square(label), set()).add(edge.id)
        self.update(_reach(label))

    def remove(self, edge_id: str) -> None:
        """Take a label away."""
        label = self._labels.pop(edge_id, None)
        if label is not None:
            self._squares[_square(label)].discard(edge_id)
            self.update(_reach(label))

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
        sight = option.exposedRect
        left, top = int(sight.left() // _SQUARE) - 1, int(sight.top() // _SQUARE) - 1
        right, bottom = int(sight.right() // _SQUARE) + 1, int(sight.bottom() // _SQUARE) + 1
        found = [
            self._labels[edge_id]
            for across in range(left, right + 1)
            for down in range(top, bottom + 1)
            for edge_id in self._squares.get((across, down), ())
        ]
        if self._ink.vector:
            for label in found:
                painter.translate(label.x, label.y)
                self._paint_words(painter, label.words)
                painter.translate(-label.x, -label.y)
        else:
            self._paint_stamps(painter, found)

    def _paint_stamps(self, painter: QPainter, labels: list[_Label]) -> None:
        transform = painter.worldTransform()
        zoom, dx, dy, ratio = transform.m11(), transform.dx(), transform.dy(), self._ink.ratio
        stamps = self._ink.labels.at_scale(zoom * ratio)
        if len(stamps) > _STAMPS_KEPT:
            stamps.clear()
        painter.setWorldTransform(_IDENTITY)
        for label in labels:
            words = label.words
            pixmap = stamps.get(words)
            if pixmap is None:
                pixmap = stamps[words] = self._make(words, zoom, ratio)
            size = pixmap.deviceIndependentSize()
            left = label.x * zoom + dx - size.width() / 2
            top = label.y * zoom + dy - size.height() / 2
            at = QPointF(round(left * ratio) / ratio, round(top * ratio) / ratio)
            painter.drawPixmap(at, pixmap)
        painter.setWorldTransform(transform)

    def _make(self, words: _Words, zoom: float, ratio: float) -> QPixmap:
        size = self._size_of(words)
        box = QRectF(-size[0] / 2 - 1, -size[1] / 2 - 1, size[0] + 2, size[1] + 2)

        def paint(painter: QPainter) -> None:
            self._paint_words(painter, words)

        return make_stamp(box, zoom, ratio, paint)

    def _size_of(self, words: _Words) -> tuple[float, float, float, float, float]:
        """Width and height, and how wide the condition, the gap and the count are."""
        face = self._ink.style.port
        height = face.metrics.height() + 3
        gap = 7.0 if words.condition and words.count else 0.0
        count = face.width_of(words.count) if words.count else 0.0
        most = max(SMALLEST_PX, words.room - BARE_PX) - count - gap - 2 * _PAD
        condition = min(most, face.width_of(words.condition)) if words.condition else 0.0
        return max(height, condition + gap + count + 2 * _PAD), height, condition, gap, count

    def _paint_words(self, painter: QPainter, words: _Words) -> None:
        """One pill around the origin: the condition in grey, the count beside it."""
        theme, face = self._ink.theme, self._ink.style.port
        width, height, condition, gap, _ = self._size_of(words)
        box = QRectF(-width / 2, -height / 2, width, height)
        painter.setPen(QPen(theme.color(words.role), max(1.0, float(theme.line_px))))
        painter.setBrush(theme.color("canvas"))
        painter.drawRoundedRect(box, height / 2, height / 2)
        if words.condition:
            left = QRectF(box.left() + _PAD, box.top(), condition + 2, height)
            face.draw(painter, left, words.condition, theme.color("muted"))
        if words.count:
            right = QRectF(box)
            if words.condition:
                right.setLeft(box.left() + _PAD + condition + gap / 2)
                right.setRight(box.right() - _PAD + gap / 2)
            centre = Qt.AlignmentFlag.AlignHCenter
            face.draw(painter, right, words.count, theme.color("text"), centre)


def _reach(label: _Label) -> QRectF:
    return QRectF(label.x - 200, label.y - 14, 400, 28)


def _square(label: _Label) -> tuple[int, int]:
    return int(label.x // _SQUARE), int(label.y // _SQUARE)
