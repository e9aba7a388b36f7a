"""Parts of the screen on which a person decides: the explanation, the bar that confirms."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from designer.panels.barriers_consequences import Consequence
from designer.theme import current_theme, scaled_px
from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.markdown_view import MarkdownView
from engine.model.node_types import Option

_MOST_LINES_PX = 150
_COMMENT_LINES = 3
_ROOMY_PX = 450
_NARROWEST_PX = 270


class Explanation(MarkdownView):
    """Markdown of a workflow's author, as high as its text up to a limit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Explanation")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show `text`; without one there is nothing to see."""
        self.setMarkdown(text)
        self.setVisible(bool(text.strip()))
        self._take_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Be as high as the text is in this width."""
        super().resizeEvent(event)
        self._take_height()

    def _take_height(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        wanted = round(self.document().size().height()) + 2
        self.setFixedHeight(min(wanted, scaled_px(_MOST_LINES_PX)))


class CommentField(QPlainTextEdit):
    """A few lines for why; Tab leaves it, Escape gives the keys back."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Comment (C)")
        self.setAccessibleName("Comment")
        self.setTabChangesFocus(True)
        self.textChanged.connect(self._take_height)
        self._take_height()

    def _take_height(self) -> None:
        lines = min(_COMMENT_LINES, max(1, self.blockCount()))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + scaled_px(18))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Take the height of a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_height()


class AnswerButtons(QFrame):
    """The buttons of a request: Reject at the left, Approve at the right, its own ones above.

    In a narrow dock the request's own answers stand below each other and Modify is its icon;
    the buttons never force the dock to be wider than that.
    """

    #: The key of an answer of the request's own.
    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.options: list[TextButton] = []
        self.reject = TextButton("Reject", ButtonKind.NORMAL, "cross", self)
        self.more = TextButton("More", ButtonKind.QUIET, parent=self)
        self.menu = QMenu(self.more)
        self.more.setMenu(self.menu)
        self.modify = TextButton("Modify", ButtonKind.NORMAL, "edit", self)
        self.modify.setCheckable(True)
        self.modify.setAccessibleName("Modify the payload")
        self.modify.setToolTip("Edit the payload in place (E)")
        self.approve = TextButton("Approve", ButtonKind.PRIMARY, "check", self)
        self._own = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._own.setSpacing(6)
        self._own.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.reject)
        row.addStretch(1)
        for button in (self.more, self.modify, self.approve):
            row.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        rows.addLayout(self._own)
        rows.addLayout(row)

    def set_options(self, options: Sequence[Option], *, system: bool) -> None:
        """Offer the answers of a request; those of the engine's own questions are all calm."""
        for button in self.options:
            button.hide()
            button.deleteLater()
        self.options = []
        for option in options:
            kind = ButtonKind.DANGER if option.danger and not system else ButtonKind.NORMAL
            button = TextButton(option.title, kind, parent=self)
            button.clicked.connect(lambda _checked=False, key=option.key: self.chosen.emit(key))
            self._own.addWidget(button)
            self.options.append(button)
        self._take_width()

    def minimumSizeHint(self) -> QSize:
        """As narrow as the narrow form is."""
        return QSize(scaled_px(_NARROWEST_PX), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose between the wide and the narrow form."""
        super().resizeEvent(event)
        self._take_width()

    def _take_width(self) -> None:
        needed = sum(button.sizeHint().width() + 6 for button in self.options)
        direction = QBoxLayout.Direction
        narrow = needed > self.width()
        self._own.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self.modify.setText("Modify" if self.width() >= scaled_px(_ROOMY_PX) else "")


class ConfirmBar(QFrame):
    """Stands in for the buttons while an answer waits for Ctrl+Enter."""

    confirmed = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = QLabel(self)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self.cancel = TextButton("Cancel", parent=self)
        self.confirm = TextButton("", ButtonKind.DANGER, parent=self)
        self.cancel.clicked.connect(self.cancelled)
        self.confirm.clicked.connect(self.confirmed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setSpacing(8)
        layout.addWidget(self._words, 1)
        layout.addWidget(self.cancel)
        layout.addWidget(self.confirm)
        self.hide()

    @property
    def text(self) -> str:
        """What is asked to be confirmed."""
        return self._words.text()

    def ask(self, button: str, text: str) -> None:
        """Ask for `button` to be confirmed."""
        self._words.setText(f"{text} Ctrl+Enter confirms.")
        self.confirm.setText(button)
        self.setAccessibleName(self._words.text())
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a bar in the colour of what cannot be undone."""
        theme = current_theme()
        painter = QPainter(self)
        tint = theme.color("failed").toRgb()
        tint.setAlpha(40)
        painter.fillRect(self.rect(), tint)
        painter.fillRect(0, 0, 4, self.height(), theme.color("failed"))


class ConsequenceList(QLabel):
    """What each answer does next, one line each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setProperty("tone", "small")
        self.setAccessibleName("What each answer does")
        self._shown: Sequence[Consequence] = ()

    def show_lines(self, lines: Sequence[Consequence]) -> None:
        """Show the lines that say something."""
        self._shown = [line for line in lines if line.text]
        self._fill()

    def _fill(self) -> None:
        warning = current_theme().color("text_waiting").name()
        rows: list[str] = []
        for line in self._shown:
            text = escape(line.text)
            colored = f"<span style='color:{warning}'>{text}</span>" if line.grave else text
            rows.append(f"<b>{escape(line.title)}</b>: {colored}")
        self.setText("<br>".join(rows))
        self.setVisible(bool(rows))
        plain = ". ".join(f"{line.title}: {line.text}" for line in self._shown)
        self.setAccessibleDescription(plain)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._shown:
            self._fill()
