"""Editors of short values: lines, numbers, switches, choices, paths, names of secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from designer.panels.inspector_editor import SingleEditor, number_text, placeholder_of
from designer.panels.inspector_spec import UNSET, FieldSpec
from designer.panels.inspector_texts import TextField
from designer.widgets.buttons import IconButton
from designer.widgets.inputs import ChoiceBox
from designer.widgets.json_value import same

Json = Any


class LineField(SingleEditor):
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

    def draft(self) -> str:
        """The text as it was typed."""
        return self.line.text()

    def take_draft(self, text: str) -> None:
        """Type it again."""
        self.line.setText(text)
        self._on_text(text)

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


class DurationField(NumberField):
    """Seconds, or words such as ``1h 30m``."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self.line.textChanged.connect(self._show_unit)
        self._show_unit(self.line.text())

    def _show_unit(self, text: str) -> None:
        """Words bring their own units."""
        said = text or self.line.placeholderText()
        is_number = isinstance(number_of(said, whole=False), int | float)
        self._unit.setText(self._spec.unit if is_number else "")

    def _on_text(self, text: str) -> None:
        self.edited.emit(number_of(text, whole=False), True)


# --- choices --------------------------------------------------------------------------------


class SwitchField(SingleEditor):
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


class ChoiceField(SingleEditor):
    """One of a few."""

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self.box = ChoiceBox(self)
        self.box.setAccessibleName(spec.title)
        self.box.setPlaceholderText(spec.placeholder)
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
