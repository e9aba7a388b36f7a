"""Editing words where they stand: titles of nodes and frames, and the text of notes.

An ordinary field over the view, never a widget inside the scene. Enter and leaving it take
what was typed, Escape does not. It keeps all keys to itself: those of the canvas would
otherwise act on what is being renamed.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QFocusEvent, QFont, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

Take = Callable[[str], object]


class TitleEdit(QLineEdit):
    """One line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._take: Take | None = None
        self.setAccessibleName("Title")
        self.hide()

    @property
    def is_open(self) -> bool:
        """Whether something is being edited."""
        return self._take is not None

    def open_at(self, box: QRect, text: str, font: QFont, take: Take) -> None:
        """Edit `text` inside `box` of the parent."""
        self.commit()
        self._take = take
        self.setFont(font)
        self.setText(text)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def commit(self) -> None:
        """Take what was typed, if anything is being edited."""
        take, self._take = self._take, None
        if take is not None:
            self._leave()
            take(self.text().strip())

    def dismiss(self) -> None:
        """Forget what was typed."""
        self._take = None
        self._leave()

    def _leave(self) -> None:
        had_focus, parent = self.hasFocus(), self.parentWidget()
        self.hide()
        if had_focus and parent is not None:
            parent.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QEvent) -> bool:
        """Keep keys from becoming shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter takes, Escape does not."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.commit()
        elif event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving takes."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.commit()


class NoteEdit(QPlainTextEdit):
    """Several lines; Ctrl+Enter and leaving it take them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._take: Take | None = None
        self.setAccessibleName("Note, in Markdown")
        self.setPlaceholderText("Write Markdown. Ctrl+Enter ends.")
        self.hide()

    @property
    def is_open(self) -> bool:
        """Whether something is being edited."""
        return self._take is not None

    def open_at(self, box: QRect, text: str, font: QFont, take: Take) -> None:
        """Edit `text` inside `box` of the parent."""
        self.commit()
        self._take = take
        self.setFont(font)
        self.setPlainText(text)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def commit(self) -> None:
        """Take what was typed, if anything is being edited."""
        take, self._take = self._take, None
        if take is not None:
            self._leave()
            take(self.toPlainText())

    def dismiss(self) -> None:
        """Forget what was typed."""
        self._take = None
        self._leave()

    def _leave(self) -> None:
        had_focus, parent = self.hasFocus(), self.parentWidget()
        self.hide()
        if had_focus and parent is not None:
            parent.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QEvent) -> bool:
        """Keep keys from becoming shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+Enter takes, Escape does not."""
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and control:
            self.commit()
        elif event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving takes."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.commit()
