"""Editors of texts: templates, code, JSON, and any value."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from designer.panels.inspector_editor import SingleEditor, placeholder_of
from designer.panels.inspector_spec import UNSET, FieldSpec
from designer.theme import current_theme, mono_font, scaled_px
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Highlighter, Language
from designer.widgets.json_value import json_text, same

Json = Any
LANGUAGES = {language.value: language for language in Language}


class GrowingEdit(QPlainTextEdit):
    """A text that wraps and is as high as it needs to be; Tab leaves it."""

    #: Enter in a text of one line.
    entered = Signal()

    def __init__(
        self,
        language: Language = Language.PLAIN,
        parent: QWidget | None = None,
        *,
        lines: tuple[int, int] = (1, 6),
        breaks: bool = False,
    ) -> None:
        super().__init__(parent)
        self._lines = lines
        self._breaks = breaks
        self._is_code = language is not Language.PLAIN
        self._highlighter = Highlighter(self.document(), language) if self._is_code else None
        # Undo belongs to the document: the form follows it.
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(2)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self._grow())
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._grow)
        self._take_theme()

    def show_text(self, text: str) -> None:
        """Replace the text if it differs; the cursor stays where it was."""
        if text == self.toPlainText():
            return
        place = self.textCursor().position()
        self.setPlainText(text)
        if self.hasFocus():
            cursor = self.textCursor()
            cursor.setPosition(min(place, len(text)))
            self.setTextCursor(cursor)

    def sizeHint(self) -> QSize:
        return QSize(120, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self._wanted_height())

    def _wanted_height(self) -> int:
        least, most = self._lines
        lines = max(least, min(most, int(self.document().size().height())))
        return lines * self.fontMetrics().lineSpacing() + scaled_px(12)

    def _grow(self) -> None:
        wanted = self._wanted_height()
        most = int(self.document().size().height()) > self._lines[1]
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if most else policy.ScrollBarAlwaysOff
        )
        if wanted != self.height() or self.minimumHeight() != wanted:
            self.setFixedHeight(wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width breaks the lines elsewhere."""
        super().resizeEvent(event)
        self._later.start()  # the layout that resizes would not hear of another height now

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter ends a text of one line; Shift+Enter breaks it all the same."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not self._breaks and not event.modifiers():
            self.entered.emit()
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()

    def _take_theme(self) -> None:
        if self._highlighter is not None:
            self.setFont(mono_font(scaled_px(12)))
            self._highlighter.take_theme(current_theme())
        self._grow()


class TextField(SingleEditor):
    """A text that wraps, plain or a template."""

    def __init__(
        self, spec: FieldSpec, parent: QWidget | None = None, *, area: bool = False
    ) -> None:
        super().__init__(parent)
        self._spec = spec
        is_template = spec.is_template or spec.language == "jinja"
        self.edit = GrowingEdit(
            Language.JINJA if is_template else Language.PLAIN,
            self,
            lines=(3, 12) if area else (1, 6),
            breaks=area,
        )
        self.edit.setPlaceholderText(placeholder_of(spec))
        self.edit.setAccessibleName(spec.title)
        self._shown = ""
        self._take(self.edit)
        self.edit.textChanged.connect(self._on_text)

    def show_value(self, value: Json) -> None:
        self._shown = "" if value in (UNSET, None) else str(value)
        self.edit.show_text(self._shown)

    def _on_text(self) -> None:
        text = self.edit.toPlainText()
        if text != self._shown:  # colouring a text counts as a change for Qt
            self._shown = text
            self.edited.emit(text or UNSET, True)


class CodeField(SingleEditor):
    """A text in a programming language, with line numbers."""

    LINES = (7, 22)

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.edit = CodeEdit(LANGUAGES.get(spec.language, Language.PLAIN), self)
        self.edit.setPlaceholderText(spec.placeholder)
        self.edit.setAccessibleName(spec.title)
        self._shown = ""
        self._take(self.edit)
        self.edit.blockCountChanged.connect(lambda _count: self._grow())
        self.edit.textChanged.connect(self._on_change)
        self._grow()

    def show_value(self, value: Json) -> None:
        self._put("" if value in (UNSET, None) else str(value))

    def draft(self) -> str:
        """The text as it was typed."""
        return self.edit.toPlainText()

    def take_draft(self, text: str) -> None:
        """Type it again."""
        self.edit.setPlainText(text)

    def _put(self, text: str) -> None:
        self._shown = text
        self.edit.set_text_keeping_place(text)

    def _grow(self) -> None:
        least, most = self.LINES
        lines = max(least, min(most, self.edit.blockCount() + 1))
        self.edit.setFixedHeight(lines * self.edit.fontMetrics().lineSpacing() + scaled_px(16))

    def _on_change(self) -> None:
        text = self.edit.toPlainText()
        if text != self._shown:
            self._shown = text
            self._on_text(text)

    def _on_text(self, text: str) -> None:
        self.edited.emit(text or UNSET, True)

    def changeEvent(self, event: QEvent) -> None:
        """The size of the letters may be another one."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._grow()


class JsonField(CodeField):
    """Any value as JSON; while it is none, the document keeps the one before."""

    LINES = (4, 16)

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self.edit.set_language(Language.JSON)
        self._is_broken = False

    @property
    def is_broken(self) -> bool:
        """Whether the text is no JSON at the moment."""
        return self._is_broken

    def show_value(self, value: Json) -> None:
        self._say("")
        if value is UNSET:
            self._put("")
        elif not self._means(value):
            self._put(json_text(value))

    def _means(self, value: Json) -> bool:
        try:
            return same(json.loads(self.edit.toPlainText()), value)
        except ValueError:
            return False

    def _on_text(self, text: str) -> None:
        if not text.strip():
            self._say("")
            self.edited.emit(UNSET, True)
            return
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            self._say(f"Line {error.lineno}, column {error.colno}: {error.msg}.", error.lineno)
            return
        self._say("")
        self.edited.emit(value, True)

    def _say(self, sentence: str, line: int = 0) -> None:
        was_broken, self._is_broken = self.__dict__.get("_is_broken", False), bool(sentence)
        self.edit.set_error_lines({line: sentence} if sentence else {})
        if sentence or was_broken:
            self.broke.emit(sentence)


class AnyField(SingleEditor):
    """Any value: JSON, or a text that needs no quotes because it is nothing else in JSON."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.edit = GrowingEdit(Language.JSON, self, lines=(1, 10))
        self.edit.setPlaceholderText(spec.placeholder)
        self.edit.setAccessibleName(spec.title)
        self._shown = ""
        self._take(self.edit)
        self.edit.textChanged.connect(self._on_text)

    def show_value(self, value: Json) -> None:
        if value is not UNSET and same(bare_value(self.edit.toPlainText()), value):
            return
        self._shown = "" if value is UNSET else bare_text(value)
        self.edit.show_text(self._shown)

    def _on_text(self) -> None:
        text = self.edit.toPlainText()
        if text != self._shown:
            self._shown = text
            empty = "" if self._spec.required else UNSET
            self.edited.emit(bare_value(text) if text else empty, True)


def bare_value(text: str) -> Json:
    """The value that a text means: what it is in JSON, otherwise the text."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> None:
    raise ValueError(name)


def bare_text(value: Json) -> str:
    """A value as `bare_value` reads it back; texts without quotes where they need none."""
    if isinstance(value, str):
        return value if bare_value(value) == value and value else json.dumps(value)
    return json_text(value) if isinstance(value, dict | list) else json.dumps(value)
