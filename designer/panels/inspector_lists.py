"""Editors of several values: arguments in a list, and fields of a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_computed import ComputedField
from designer.panels.inspector_editor import Editor, mark_invalid
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec
from designer.widgets.buttons import ButtonKind, IconButton, TextButton
from designer.widgets.json_value import same

Json = Any
Make = Callable[[FieldSpec], Editor]


def _empty_of(spec: FieldSpec) -> Json:
    return 0 if spec.kind is FieldKind.NUMBER else ""


class ManyEditor(Editor):
    """Rows under each other and a button that adds one."""

    def __init__(
        self, spec: FieldSpec, bench: Bench, make: Make, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._spec = spec
        self._bench = bench
        self._make = make
        self._locked = False
        self._rows_layout = QVBoxLayout()
        self._rows_layout.setContentsMargins(0, 0, 0, 0)
        self._rows_layout.setSpacing(4)
        self.add_button = TextButton(self._add_text(), ButtonKind.QUIET, "plus", self)
        self.add_button.setAccessibleName(f"{self._add_text()} to {spec.title}")
        bottom = QHBoxLayout()
        bottom.setContentsMargins(0, 0, 0, 0)
        bottom.addWidget(self.add_button)
        bottom.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._rows_layout)
        layout.addLayout(bottom)
        self.setFocusProxy(self.add_button)
        self.add_button.clicked.connect(lambda _checked=False: self.add())

    def _add_text(self) -> str:
        return "Add"

    def add(self) -> None:
        """Add a row at the end and go there."""

    def _put_row(self, index: int, row: QWidget) -> None:
        """Put a row in its place, for the eye and for the Tab key."""
        self._rows_layout.insertWidget(index, row)
        self._bench.structure_changed.emit()

    def set_locked(self, locked: bool) -> None:
        """Let the values be read only."""
        self._locked = locked
        self.add_button.setVisible(not locked)

    def inputs(self) -> list[QWidget]:
        return [self.add_button]

    def _icon(self, name: str, text: str, on_click: Callable[[], object]) -> IconButton:
        button = IconButton(name, text, self)
        button.clicked.connect(lambda _checked=False: on_click())
        return button


# --- lists ----------------------------------------------------------------------------------


class _ItemRow(QWidget):
    """One value of a list."""

    def __init__(self, owner: ListField, editor: ComputedField, remove: IconButton) -> None:
        super().__init__(owner)
        self.editor = editor
        self.remove = remove
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        top = Qt.AlignmentFlag.AlignTop
        layout.addWidget(editor, 1)
        layout.addWidget(editor.fx, 0, top)
        layout.addWidget(remove, 0, top)


class ListField(ManyEditor):
    """A list. Enter adds a value, Backspace in an empty one removes it, Alt+arrows move it."""

    def __init__(
        self, spec: FieldSpec, bench: Bench, make: Make, parent: QWidget | None = None
    ) -> None:
        super().__init__(spec, bench, make, parent)
        self._values: list[Json] = []
        self._rows: list[_ItemRow] = []

    @property
    def rows(self) -> list[ComputedField]:
        """The editors of the values, from top to bottom."""
        return [row.editor for row in self._rows]

    def show_value(self, value: Json) -> None:
        """Show a list; without one the default that counts."""
        found = self._spec.default if value is UNSET else value
        self._values = list(found) if isinstance(found, list | tuple) else []
        while len(self._rows) > len(self._values):
            self._drop(len(self._rows) - 1)
        for index, each in enumerate(self._values):
            if index == len(self._rows):
                self._insert(index)
            self._rows[index].editor.show_value(each)

    def set_locked(self, locked: bool) -> None:
        """Let the values be read only."""
        super().set_locked(locked)
        for row in self._rows:
            row.editor.set_locked(locked)
            row.remove.setVisible(not locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline the values that are wrong."""
        for index, row in enumerate(self._rows):
            row.editor.set_problems(inside(problems, f"[{index}]"))
        mark_invalid(self.add_button, "" in problems)

    def add(self, at: int | None = None) -> None:
        """Add an empty value and go there."""
        index = len(self._rows) if at is None else at
        item = self._spec.item
        value = _empty_of(item) if item is not None else ""
        self._values.insert(index, value)
        self._insert(index)
        self._rows[index].editor.show_value(value)
        self.edited.emit(list(self._values), False)
        self._rows[index].editor.setFocus(Qt.FocusReason.TabFocusReason)

    def remove(self, index: int) -> None:
        """Take a value out."""
        del self._values[index]
        self._drop(index)
        self.edited.emit(list(self._values), False)
        target = self._rows[max(0, index - 1)].editor if self._rows else self.add_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def shift(self, index: int, by: int) -> None:
        """Move a value up or down."""
        other = index + by
        if not 0 <= other < len(self._values):
            return
        self._values.insert(other, self._values.pop(index))
        self._rows.insert(other, self._rows.pop(index))
        self._rows_layout.removeWidget(self._rows[other])
        self._put_row(other, self._rows[other])
        self.edited.emit(list(self._values), False)
        self._rows[other].editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _insert(self, index: int) -> None:
        item = self._spec.item
        assert item is not None
        editor = ComputedField(item, self._bench, self._make, self, nested=True)
        remove = self._icon("close", "Remove", lambda: self.remove(self._index_of(editor)))
        row = _ItemRow(self, editor, remove)
        self._rows.insert(index, row)
        self._put_row(index, row)
        editor.set_locked(self._locked)
        remove.setVisible(not self._locked)
        editor.edited.connect(lambda value, typed: self._on_item(editor, value, typed))
        for widget in editor.inputs():
            widget.installEventFilter(self)

    def _drop(self, index: int) -> None:
        row = self._rows.pop(index)
        self._rows_layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _index_of(self, editor: ComputedField) -> int:
        return next(i for i, row in enumerate(self._rows) if row.editor is editor)

    def _on_item(self, editor: ComputedField, value: Json, typed: bool) -> None:
        for widget in editor.inputs():
            widget.installEventFilter(self)
        self._values[self._index_of(editor)] = value
        self.edited.emit(list(self._values), typed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keys of a list."""
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent) or self._locked:
            return False
        index = next((i for i, r in enumerate(self._rows) if watched in r.editor.inputs()), None)
        if index is None:
            return False
        key, modifiers = event.key(), event.modifiers()
        alt = modifiers == Qt.KeyboardModifier.AltModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not modifiers and _is_rest(watched):
            self.add(index + 1)
        elif key == Qt.Key.Key_Backspace and not _text_of(watched):
            self.remove(index)
        elif alt and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.shift(index, -1 if key == Qt.Key.Key_Up else 1)
        else:
            return False
        return True


def _text_of(widget: QObject) -> str:
    if isinstance(widget, QPlainTextEdit):
        return widget.toPlainText()
    return widget.text() if isinstance(widget, QLineEdit) else " "


def _is_rest(widget: QObject) -> bool:
    """Whether Enter in this widget means nothing else, such as taking an offered name."""
    completer = getattr(widget, "completer", None)
    is_open = not callable(completer) and completer is not None and completer.popup().isVisible()
    return not is_open


def inside(problems: Mapping[str, str], place: str) -> dict[str, str]:
    """The problems of one part, with their paths inside it."""
    return {
        path[len(place) :].removeprefix("."): sentence
        for path, sentence in problems.items()
        if path == place or path.startswith((f"{place}.", f"{place}["))
    }


# --- mappings -------------------------------------------------------------------------------


class _EntryRow(QWidget):
    """One field of a mapping: its name and its value."""

    def __init__(self, owner: MappingField, editor: ComputedField, remove: IconButton) -> None:
        super().__init__(owner)
        self.name = QLineEdit(self)
        self.name.setPlaceholderText("name")
        self.name.setAccessibleName("Name")
        self.editor = editor
        self.remove = remove
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        top = Qt.AlignmentFlag.AlignTop
        layout.addWidget(self.name, 2, top)
        layout.addSpacing(2)
        layout.addWidget(editor, 3)
        layout.addWidget(editor.fx, 0, top)
        layout.addWidget(remove, 0, top)


class MappingField(ManyEditor):
    """Names and values. A row without a name, or with one twice, waits until it has its own."""

    def __init__(
        self, spec: FieldSpec, bench: Bench, make: Make, parent: QWidget | None = None
    ) -> None:
        super().__init__(spec, bench, make, parent)
        self._entries: list[tuple[str, Json]] = []
        self._said = ""
        self._rows: list[_EntryRow] = []

    def _add_text(self) -> str:
        return "Add a field" if self._spec.name in ("fields", "") else "Add"

    @property
    def rows(self) -> list[tuple[QLineEdit, ComputedField]]:
        """Names and values, from top to bottom."""
        return [(row.name, row.editor) for row in self._rows]

    def show_value(self, value: Json) -> None:
        """Show a mapping; rows that wait for a name stay."""
        found = self._spec.default if value is UNSET else value
        wanted = dict(found) if isinstance(found, Mapping) else {}
        if same(self._value(), wanted):
            return
        kept = [name for name, _ in self._entries if name in wanted]
        order = [*dict.fromkeys(kept), *(name for name in wanted if name not in kept)]
        self._entries = [(name, wanted[name]) for name in order]
        while len(self._rows) > len(self._entries):
            self._drop(len(self._rows) - 1)
        for index, (name, each) in enumerate(self._entries):
            if index == len(self._rows):
                self._insert(index)
            row = self._rows[index]
            if row.name.text() != name:
                row.name.setText(name)
            row.editor.show_value(each)
        self._check()

    def set_locked(self, locked: bool) -> None:
        """Let the values be read only."""
        super().set_locked(locked)
        for row in self._rows:
            row.name.setReadOnly(locked)
            row.editor.set_locked(locked)
            row.remove.setVisible(not locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline the values that are wrong."""
        for row in self._rows:
            row.editor.set_problems(inside(problems, row.name.text()))
        self._check()

    def add(self) -> None:
        """Add an empty row and go to its name."""
        item = self._spec.item
        value = _empty_of(item) if item is not None else ""
        self._entries.append(("", value))
        self._insert(len(self._rows))
        self._rows[-1].editor.show_value(value)
        self._rows[-1].name.setFocus(Qt.FocusReason.TabFocusReason)

    def remove(self, index: int) -> None:
        """Take a row out."""
        del self._entries[index]
        self._drop(index)
        self._tell(typed=False)
        target = self._rows[max(0, index - 1)].name if self._rows else self.add_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _value(self) -> dict[str, Json]:
        """What the rows mean: the first of each name counts."""
        made: dict[str, Json] = {}
        for name, value in self._entries:
            if name:
                made.setdefault(name, value)
        return made

    def _insert(self, index: int) -> None:
        item = self._spec.item
        assert item is not None
        editor = ComputedField(item, self._bench, self._make, self, nested=True)
        remove = self._icon("close", "Remove", lambda: self.remove(self._index_of(editor)))
        row = _EntryRow(self, editor, remove)
        self._rows.insert(index, row)
        self._put_row(index, row)
        editor.set_locked(self._locked)
        remove.setVisible(not self._locked)
        row.name.setReadOnly(self._locked)
        self._bench.watch(row.name)
        row.name.textEdited.connect(lambda text: self._on_name(editor, text))
        row.name.returnPressed.connect(lambda: editor.setFocus(Qt.FocusReason.TabFocusReason))
        editor.edited.connect(lambda value, typed: self._on_item(editor, value, typed))

    def _drop(self, index: int) -> None:
        row = self._rows.pop(index)
        self._rows_layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _index_of(self, editor: ComputedField) -> int:
        return next(i for i, row in enumerate(self._rows) if row.editor is editor)

    def _on_name(self, editor: ComputedField, text: str) -> None:
        index = self._index_of(editor)
        self._entries[index] = (text, self._entries[index][1])
        self._tell(typed=True)

    def _on_item(self, editor: ComputedField, value: Json, typed: bool) -> None:
        index = self._index_of(editor)
        self._entries[index] = (self._entries[index][0], value)
        self._tell(typed=typed)

    def _tell(self, *, typed: bool) -> None:
        self.edited.emit(self._value(), typed)
        self._check(again=True)

    def _check(self, *, again: bool = False) -> None:
        """Mark names that are missing or there twice."""
        names = [name for name, _ in self._entries]
        sentence = ""
        for row, (name, value) in zip(self._rows, self._entries, strict=False):
            twice = bool(name) and names.count(name) > 1
            nameless = not name and value not in ("", 0)
            mark_invalid(row.name, twice or nameless)
            if twice:
                sentence = f"Two rows are named {name}; rename one."
            elif nameless:
                sentence = "Give the row a name."
        if sentence != self._said or (again and sentence):
            self._said = sentence
            self.broke.emit(sentence)
