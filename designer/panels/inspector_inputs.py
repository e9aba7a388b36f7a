"""The editors that a form is made of: each shows one value of the document and tells of edits.

What a person types is never lost: a text that is no value is handed on as it is where the
document can hold it (validation then says what is wrong), and kept in the field where not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from designer.panels.inspector_spec import UNSET, FieldSpec
from designer.theme import current_theme, mono_font, scaled_px
from designer.widgets.buttons import IconButton
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Highlighter, Language
from designer.widgets.inputs import ChoiceBox
from designer.widgets.json_value import json_text, same

Json = Any
LANGUAGES = {language.value: language for language in Language}


def mark_invalid(widget: QWidget, invalid: bool) -> None:
    """Outline an input as wrong, or no longer."""
    if bool(widget.property("invalid")) != invalid:
        widget.setProperty("invalid", invalid)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Editor(QWidget):
    """Base of all editors: one value in, edits out."""

    #: A new value (or `UNSET`), and whether it was typed, so that more may follow.
    edited = Signal(object, bool)
    #: What was typed is no value and stays in the field: why, or empty when it is mended.
    broke = Signal(str)

    def show_value(self, value: Json) -> None:
        """Show the value of the document; what shows it already is left alone."""
        raise TypeError(f"{type(self).__name__} shows nothing")

    def set_locked(self, locked: bool) -> None:
        """Let the value be read only."""
        for widget in self.inputs():
            lock(widget, locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline what is wrong: path inside the value to sentence."""
        for widget in self.inputs():
            mark_invalid(widget, bool(problems))

    def inputs(self) -> list[QWidget]:
        """The widgets that take the keyboard, in order."""
        return []


def lock(widget: QWidget, locked: bool) -> None:
    """Make an input read-only where it can be, so that its text can still be copied."""
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        widget.setReadOnly(locked)
    else:
        widget.setEnabled(not locked)


class _Single(Editor):
    """An editor of one widget over its whole width."""

    def _take(self, widget: QWidget) -> None:
        self._input = widget
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(widget)
        self.setFocusProxy(widget)

    def inputs(self) -> list[QWidget]:
        return [self._input]


# --- text -----------------------------------------------------------------------------------


class LineField(_Single):
    """A text on one line."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(placeholder_of(spec))
        self.line.setAccessibleName(spec.title)
        self._take(self.line)
        self.line.textEdited.connect(self._on_text)

    def show_value(self, value: Json) -> None:
        text = "" if value in (UNSET, None) else str(value)
        if text != self.line.text():
            place = self.line.cursorPosition()
            self.line.setText(text)
            self.line.setCursorPosition(place if self.line.hasFocus() else 0)

    def _on_text(self, text: str) -> None:
        self.edited.emit(text or UNSET, True)


class NumberField(LineField):
    """A number; what is typed and is none is handed on as it is. Up and down change it."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self._unit = QLabel(spec.unit, self)
        self._unit.setProperty("tone", "muted")
        layout = self.layout()
        if spec.unit and layout is not None:
            layout.removeWidget(self.line)
            row = QHBoxLayout()
            row.setSpacing(6)
            row.addWidget(self.line, 1)
            row.addWidget(self._unit)
            row.addStretch(1)
            if isinstance(layout, QVBoxLayout):
                layout.addLayout(row)
        else:
            self._unit.hide()
        self.line.installEventFilter(self)

    def eventFilter(self, _watched: Any, event: QEvent) -> bool:
        """Up and down, and the wheel while the field has the focus, change the number."""
        by = 0
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            by = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        elif isinstance(event, QWheelEvent) and self.line.hasFocus():
            by = (event.angleDelta().y() > 0) - (event.angleDelta().y() < 0)
        if by and not self.line.isReadOnly():
            self._step(by)
            return True
        return False

    def _step(self, by: int) -> None:
        spec = self._spec
        value = number_of(self.line.text(), whole=spec.whole)
        if value is UNSET:
            value = spec.default
        if isinstance(value, bool) or not isinstance(value, int | float):
            value = spec.lowest or 0
        value += by
        if spec.lowest is not None:
            value = max(value, spec.lowest)
        if spec.highest is not None:
            value = min(value, spec.highest)
        self.line.setText(number_text(value))
        self.edited.emit(int(value) if spec.whole else value, True)

    def show_value(self, value: Json) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and same(number_of(self.line.text(), whole=self._spec.whole), value):
            return  # "1." while somebody is typing 1.5
        super().show_value(number_text(value) if is_number else value)

    def _on_text(self, text: str) -> None:
        self.edited.emit(number_of(text, whole=self._spec.whole), True)


def number_of(text: str, *, whole: bool) -> Json:
    """The number that a text is; the text itself when it is none; UNSET when empty."""
    bare = text.strip()
    if not bare:
        return UNSET
    try:
        number = float(bare)
    except ValueError:
        return text
    if number != number or abs(number) == float("inf"):  # noqa: PLR0124 - it is not a number
        return text
    if number.is_integer() and (whole or not set(bare) & set(".eE")):
        return int(number)
    return number


def number_text(value: float) -> str:
    """A number as it is typed."""
    return str(int(value)) if float(value).is_integer() else repr(value)


class DurationField(NumberField):
    """Seconds, or words such as ``1h 30m``."""

    def _on_text(self, text: str) -> None:
        self.edited.emit(number_of(text, whole=False), True)


def placeholder_of(spec: FieldSpec) -> str:
    """What an empty field shows: the default that then counts, or an example."""
    if isinstance(spec.default, int | float) and not isinstance(spec.default, bool):
        return number_text(spec.default)
    if isinstance(spec.default, str) and spec.default:
        return spec.default
    return spec.placeholder


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


class TextField(_Single):
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


class CodeField(_Single):
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


class AnyField(_Single):
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


# --- choices --------------------------------------------------------------------------------


class SwitchField(_Single):
    """True or false, with the title beside the box."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.box = QCheckBox(spec.title, self)
        self.box.setToolTip(spec.description)
        self._take(self.box)
        self.box.clicked.connect(self._on_clicked)

    def show_value(self, value: Json) -> None:
        value = self._spec.default if value is UNSET else value
        if value is None:
            self.box.setCheckState(Qt.CheckState.PartiallyChecked)
        elif self.box.isChecked() != bool(value) or self.box.isTristate():
            self.box.setTristate(False)
            self.box.setChecked(bool(value))

    def _on_clicked(self, checked: bool) -> None:
        self.box.setTristate(False)
        self.edited.emit(checked, False)


class ChoiceField(_Single):
    """One of a few."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.box = ChoiceBox(self)
        self.box.setAccessibleName(spec.title)
        for choice in spec.choices:
            self.box.addItem(spec.words.get(choice, choice.replace("_", " ")), choice)
        self._take(self.box)
        self.box.activated.connect(lambda index: self.edited.emit(self.box.itemData(index), False))

    def show_value(self, value: Json) -> None:
        value = self._spec.default if value is UNSET else value
        index = self.box.findData(value)
        if index < 0 and value is not None:
            # What a file holds is shown as it is; validation says what is wrong with it.
            self.box.addItem(str(value), value)
            index = self.box.count() - 1
        if index != self.box.currentIndex():
            self.box.setCurrentIndex(index)


# --- files and secrets ----------------------------------------------------------------------


class PathField(TextField):
    """A path, with a button that lets the person point at it."""

    def __init__(
        self,
        spec: FieldSpec,
        parent: QWidget | None = None,
        *,
        folder: Path | None = None,
        saves: bool = False,
    ) -> None:
        super().__init__(spec, parent)
        self._folder = folder
        self._saves = saves
        self._is_folder = spec.name == "cwd"
        self.browse = IconButton("folder", f"Browse for {spec.title.lower()}", self)
        layout = self.layout()
        if isinstance(layout, QVBoxLayout):
            layout.removeWidget(self.edit)
            row = QHBoxLayout()
            row.setSpacing(4)
            row.addWidget(self.edit, 1)
            row.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignTop)
            layout.addLayout(row)
        self.browse.clicked.connect(self._on_browse)

    def inputs(self) -> list[QWidget]:
        return [self.edit, self.browse]

    def _on_browse(self) -> None:
        dialog = QFileDialog(self, self._spec.title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._is_folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        elif self._saves:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setDirectory(str(self._folder or Path.home()))
        dialog.fileSelected.connect(self.choose)
        dialog.open()

    def choose(self, path: str) -> None:
        """Take a chosen path; inside the workflow's folder relative to it."""
        text = path
        if self._folder is not None and Path(path).is_relative_to(self._folder):
            text = Path(path).relative_to(self._folder).as_posix()
        if text and text != self.edit.toPlainText():
            self._shown = text
            self.edit.show_text(text)
            self.edited.emit(text, False)


class SecretField(LineField):
    """The name of a secret, never the secret itself."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self.line.setToolTip("The name of a secret in the keychain of this computer.")
