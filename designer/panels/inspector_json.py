"""The JSON tab: a node, or the settings, as they stand in the document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.widgets.buttons import ButtonKind, TextButton
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language

Json = Any
#: Takes what was edited; raises ValueError with a sentence when it cannot be.
Apply = Callable[[Json], None]


class JsonPage(QWidget):
    """A text that is taken as a whole or not at all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self._apply: Apply | None = None
        self._locked = False
        self.edit = CodeEdit(Language.JSON, self)
        self.edit.setAccessibleName("JSON of the selection")
        self.note = QLabel(self)
        self.note.setProperty("tone", "error")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.hide()
        self.apply_button = TextButton("Apply", ButtonKind.PRIMARY, "", self)
        self.revert_button = TextButton("Revert", ButtonKind.QUIET, "", self)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.revert_button)
        buttons.addWidget(self.apply_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.note)
        layout.addLayout(buttons)
        self.setFocusProxy(self.edit)
        self.edit.textChanged.connect(self._on_text)
        self.apply_button.clicked.connect(self.apply)
        self.revert_button.clicked.connect(self.revert)
        self._on_text()

    @property
    def is_edited(self) -> bool:
        """Whether there is something to apply."""
        return self.edit.toPlainText() != self._shown

    def show_json(self, value: Json, apply: Apply | None, *, fresh: bool = False) -> None:
        """Show a value; what was edited and not applied stays, unless it is another thing."""
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        self._apply = apply
        if fresh or not self.is_edited:
            self._shown = text
            self.edit.set_text_keeping_place(text)
            self._say("")
        else:
            self._shown = text
        self._on_text()

    def forget(self) -> None:
        """Something else is selected."""
        self._shown = ""
        self._apply = None
        self.edit.set_text_keeping_place("")
        self._say("")
        self._on_text()

    def set_locked(self, locked: bool) -> None:
        """Let the text be read only."""
        self._locked = locked
        self.edit.setReadOnly(locked)
        self._on_text()

    def revert(self) -> None:
        """Show what the document holds."""
        self.edit.set_text_keeping_place(self._shown)
        self._say("")

    def apply(self) -> None:
        """Take the text as a whole, or say where it breaks."""
        text = self.edit.toPlainText()
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            self._say(f"Line {error.lineno}, column {error.colno}: {error.msg}.", error.lineno)
            return
        try:
            if self._apply is not None:
                self._shown = text  # what follows from it is shown as the document has it
                self._apply(value)
        except ValueError as error:
            self._shown = ""
            self._say(str(error))
            return
        self._say("")
        self._on_text()

    def _on_text(self) -> None:
        can = self.is_edited and not self._locked and self._apply is not None
        self.apply_button.setEnabled(can)
        self.revert_button.setEnabled(can)

    def _say(self, sentence: str, line: int = 0) -> None:
        self.note.setText(sentence)
        self.note.setVisible(bool(sentence))
        self.edit.set_error_lines({line: sentence} if line else {})
