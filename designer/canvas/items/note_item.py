"""The item of a note: Markdown on the canvas."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QFont,
    QPainter,
    QPalette,
    QPen,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QGraphicsRectItem, QStyleOptionGraphicsItem, QWidget

from designer.canvas.ink import Ink
from designer.canvas.items.handles import paint_handles
from designer.canvas.items.layers import Layer
from designer.canvas.node_painter import Detail
from engine.model.workflow import Note

RADIUS = 6.0
PADDING = 12.0


class NoteItem(QGraphicsRectItem):
    """A note in the scene."""

    def __init__(self, note: Note, ink: Ink) -> None:
        super().__init__()
        self.setPen(Qt.PenStyle.NoPen)
        self.setZValue(Layer.NOTES)
        self.note = note
        self.is_selected = False
        self._ink = ink
        self._text: QTextDocument | None = None
        self.set_note(note)

    def set_note(self, note: Note) -> None:
        """Show `note`."""
        self.note = note
        self._text = None
        self.setPos(0, 0)
        self.set_box(QRectF(note.x, note.y, note.width, note.height))

    def set_box(self, box: QRectF) -> None:
        """Lie at `box` of the scene, as while it is being resized."""
        if box.size() != self.rect().adjusted(5, 5, -5, -5).size():
            self._text = None
        self.setRect(box.adjusted(-5, -5, 5, 5))
        self.update()

    @property
    def box(self) -> QRectF:
        """Where the note is in the scene."""
        return self.rect().adjusted(5, 5, -5, -5).translated(self.pos())

    def mark(self, *, selected: bool) -> None:
        """Show the note as selected."""
        if selected != self.is_selected:
            self.is_selected = selected
            self.update()

    def reset(self) -> None:
        """Lie where the document has the note, after a preview."""
        place = QRectF(self.note.x, self.note.y, self.note.width, self.note.height)
        if self.box != place:
            self.setPos(0, 0)
            self.set_box(place)

    def shift(self, offset: QPointF) -> None:
        """Show the note moved by `offset` while it is being dragged."""
        self.setPos(offset)

    def restyle(self) -> None:
        """Lay the text out again, as after a change of the theme."""
        self._text = None
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the paper and the text on it."""
        theme = self._ink.theme
        box = self.rect().adjusted(5, 5, -5, -5)
        line = theme.color("selection_outline" if self.is_selected else "waiting")
        painter.setPen(QPen(line, 2.0 if self.is_selected else 1.0))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        strip = QRectF(box.left(), box.top() + RADIUS, 4, box.height() - 2 * RADIUS)
        painter.fillRect(strip, theme.color("waiting"))
        if self._ink.detail is not Detail.OVERVIEW:
            self._paint_text(painter, box)
        if self.is_selected:
            paint_handles(painter, box, theme, painter.worldTransform().m11())

    def _paint_text(self, painter: QPainter, box: QRectF) -> None:
        if self._text is None:
            self._text = self._laid_out(box)
        painter.save()
        inner = box.adjusted(PADDING, PADDING - 4, -PADDING + 4, -PADDING + 4)
        painter.setClipRect(inner, Qt.ClipOperation.IntersectClip)
        painter.translate(inner.topLeft())
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, self._ink.theme.color("text"))
        context.palette.setColor(QPalette.ColorRole.Link, self._ink.theme.color("accent"))
        self._text.documentLayout().draw(painter, context)
        painter.restore()

    def _laid_out(self, box: QRectF) -> QTextDocument:
        document = QTextDocument()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setDefaultFont(self._ink.style.small.font)
        document.setMarkdown(self.note.text or "*Empty note: double click to write.*")
        document.setIndentWidth(14)
        _lighten(document)
        document.setTextWidth(box.width() - 2 * PADDING + 4)
        return document


def _lighten(document: QTextDocument) -> None:
    """Set headings in semibold: a bolder weight is not shipped and would be smeared."""
    cursor = QTextCursor(document)
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            fragment = pieces.fragment()
            pieces += 1
            if fragment.charFormat().fontWeight() > QFont.Weight.DemiBold:
                cursor.setPosition(fragment.position())
                end = fragment.position() + fragment.length()
                cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
                lighter = QTextCharFormat()
                lighter.setFontWeight(QFont.Weight.DemiBold)
                cursor.mergeCharFormat(lighter)
        block = block.next()
