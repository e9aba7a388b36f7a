"""Words that the view shows over the scene.

What an empty canvas invites to, and which moment is shown when it is not the present.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QWidget

from designer.theme import current_theme
from designer.widgets.icons import paint_icon

EMPTY_TEXT = "Press Tab to add a step, drop a file here, or open an example."
_MARGIN = 12


class EmptyNotice(QLabel):
    """Stands in the middle of a canvas without nodes; the mouse goes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(EMPTY_TEXT, parent)
        self._host = parent
        self.setProperty("tone", "muted")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def place(self) -> None:
        """Stand in the middle of the parent."""
        parent = self._host
        width = min(460, parent.width() - 40)
        self.setFixedWidth(max(80, width))
        self.adjustSize()
        self.move((parent.width() - self.width()) // 2, (parent.height() - self.height()) // 2)


class MomentNotice(QWidget):
    """A label in the upper left corner: "Viewing commit 12"."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text

    def say(self, text: str) -> None:
        """Show `text`, or nothing."""
        self._text = text
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        metrics = self.fontMetrics()
        self.resize(metrics.horizontalAdvance(text) + 44, metrics.height() + 14)
        self.move(_MARGIN, _MARGIN)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.say(self._text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the label."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent"), 1.5))
        painter.setBrush(theme.color("raised"))
        box = self.rect().toRectF().adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, 6, 6)
        mark = box.adjusted(9, 0, 0, 0)
        mark.setWidth(16)
        paint_icon(painter, "checkpoint", mark, theme.color("accent"))
        painter.setPen(theme.color("text"))
        painter.drawText(box.adjusted(32, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, self._text)
