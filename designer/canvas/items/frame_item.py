"""The item of a frame: a titled, coloured area behind nodes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsRectItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.ink import Ink
from designer.canvas.items.handles import paint_handles
from designer.canvas.items.layers import Layer
from designer.canvas.visuals import FrameWords
from engine.model.workflow import Frame

TITLE_HEIGHT = 32.0
#: Badges are not read at a smaller zoom.
_READABLE = 0.5
#: Of the room beside badges, what a long title gets of it.
TITLE_SHARE = 0.5
#: What is around the words of a badge, and between two.
_AROUND = 20.0
_APART = 6.0
#: Of a frame that is only drawn.
NO_WORDS = FrameWords()
RADIUS = 10.0


class FrameItem(QGraphicsRectItem):
    """A frame in the scene."""

    def __init__(self, frame: Frame, ink: Ink) -> None:
        super().__init__()
        self.setPen(Qt.PenStyle.NoPen)
        self.setZValue(Layer.FRAMES)
        self.frame = frame
        self.is_selected = False
        self.words = NO_WORDS
        self._ink = ink
        self.set_frame(frame)

    def set_frame(self, frame: Frame) -> None:
        """Show `frame`."""
        self.frame = frame
        self.setPos(0, 0)
        self.set_box(QRectF(frame.x, frame.y, frame.width, frame.height))

    def set_words(self, words: FrameWords) -> None:
        """Show what the frame does, and how it stands."""
        if words != self.words:
            self.words = words
            self.update()

    def set_box(self, box: QRectF) -> None:
        """Lie at `box` of the scene, as while it is being resized."""
        self.setRect(box.adjusted(-5, -5, 5, 5))
        self.update()

    @property
    def box(self) -> QRectF:
        """Where the frame is in the scene."""
        return self.rect().adjusted(5, 5, -5, -5).translated(self.pos())

    @property
    def title_box(self) -> QRectF:
        """Where the frame can be taken hold of."""
        box = self.box
        return QRectF(box.left(), box.top(), box.width(), TITLE_HEIGHT)

    def mark(self, *, selected: bool) -> None:
        """Show the frame as selected."""
        if selected != self.is_selected:
            self.is_selected = selected
            self.update()

    def reset(self) -> None:
        """Lie where the document has the frame, after a preview."""
        place = QRectF(self.frame.x, self.frame.y, self.frame.width, self.frame.height)
        if self.box != place:
            self.setPos(0, 0)
            self.set_box(place)

    def shift(self, offset: QPointF) -> None:
        """Show the frame moved by `offset` while it is being dragged."""
        self.setPos(offset)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the area and its title."""
        theme = self._ink.theme
        box = self.rect().adjusted(5, 5, -5, -5)
        color = QColor(theme.frame_colors[self.frame.colour % len(theme.frame_colors)])
        painter.setBrush(color)
        line = theme.color("selection_outline" if self.is_selected else "line_strong")
        painter.setPen(QPen(line, 2.0 if self.is_selected else 1.0))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        title = QRectF(box.left() + 14, box.top(), box.width() - 28, TITLE_HEIGHT)
        zoom = painter.worldTransform().m11()
        face = self._ink.style.frame.scaled(max(1.0, 0.6 / zoom))
        if self.words is not NO_WORDS and zoom >= _READABLE:
            wanted = face.width_of(self.frame.title or "Frame") + 12
            title.setRight(self._paint_words(painter, title, wanted))
        face.draw(painter, title, self.frame.title or "Frame", theme.color("text"))
        if self.is_selected:
            paint_handles(painter, box, theme, zoom)

    def _paint_words(self, painter: QPainter, title: QRectF, wanted: float) -> float:
        """Draw the badges from the right; return where the room of the title ends.

        Args:
            painter: of the item.
            title: the room for both.
            wanted: width of the title; it gets at least as much of it as is half of the room.
        """
        theme, face = self._ink.theme, self._ink.style.chip
        words = [(text, "muted") for text in self.words.badges]
        if self.words.live:
            words.insert(0, (self.words.live, self.words.role))
        room = title.width() - min(wanted, title.width() * TITLE_SHARE)
        widths = [face.width_of(text) + _AROUND for text, _ in words]
        shown = fitting(widths, room, face.width_of("+9") + _AROUND)
        shown = max(shown, 1 if self.words.live else 0)  # how it stands matters most
        if shown < len(words):
            words[shown:] = [(f"+{len(words) - shown}", "muted")]
        right = title.right()
        for text, role in reversed(words):
            width = face.width_of(text) + _AROUND
            chip = QRectF(right - width, title.center().y() - 9, width, 18)
            painter.setPen(QPen(theme.color("line_strong" if role == "muted" else role), 1.0))
            painter.setBrush(theme.color("node_body"))
            painter.drawRoundedRect(chip, 9, 9)
            inner = chip.adjusted(8, 0, -6, 0)
            ink = "text" if role == "muted" else f"text_{role}"
            face.draw(painter, inner, text, theme.color(ink))
            right = chip.left() - _APART
        return right


def fitting(widths: Sequence[float], room: float, more: float) -> int:
    """Return how many badges of these widths fit, the first ones.

    Args:
        widths: of the badges.
        room: for all of them, with what is between them.
        more: width of the badge that stands for those that do not fit.
    """
    if sum(widths) + _APART * (len(widths) - 1) <= room:
        return len(widths)
    used, shown = more, 0
    for width in widths:
        used += width + _APART
        if used > room:
            break
        shown += 1
    return shown
