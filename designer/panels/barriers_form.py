"""A payload as a form: one field for each property of an object, in the type that it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from designer.theme import scaled_px
from designer.widgets.code_edit import CodeEdit
from designer.widgets.highlighter import Language
from designer.widgets.inputs import ChoiceBox
from designer.widgets.json_value import JsonPath, JsonValue, ValueEdit, json_text, parse_like, same

_LONG_TEXT = 80
_MISSING: Any = object()


@dataclass(slots=True)
class _Field:
    """One row of the form. `read` raises ValueError while what stands there cannot be taken."""

    name: str
    editor: QWidget
    error: QLabel
    read: Callable[[], JsonValue]
    write: Callable[[JsonValue], None]
    lock: Callable[[bool], None]
    broken: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of one property: from the schema, or guessed from its value."""

    name: str
    type: str
    title: str
    description: str = ""
    required: bool = False
    choices: tuple[JsonValue, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)


def shapes_of(value: Mapping[str, JsonValue], schema: Mapping[str, Any] | None) -> list[_Shape]:
    """The fields of the form: those of the schema first, then what else the value has."""
    properties = (schema or {}).get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    required: Collection[str] = (schema or {}).get("required") or ()
    names = [*known, *(name for name in value if name not in known)]
    return [_shape(name, value.get(name), known.get(name), name in required) for name in names]


def _shape(name: str, value: JsonValue, given: object, required: bool) -> _Shape:
    schema: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    kind: Any = schema.get("type")
    if isinstance(kind, (list, tuple)):
        kind = next((each for each in kind if each != "null"), None)
    return _Shape(
        name=name,
        type=str(kind) if kind else type_of(value),
        title=str(schema.get("title") or name),
        description=str(schema.get("description") or ""),
        required=required,
        choices=tuple(schema.get("enum") or ()),
        schema=schema,
    )


def type_of(value: JsonValue) -> str:
    """The JSON Schema type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "any"


class SchemaForm(QScrollArea):
    """Fields for the members of an object; each change is told as it is typed."""

    #: A ValueEdit; `value` contains it already.
    edited = Signal(object)
    #: A field has become unreadable or readable again.
    broken_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._value: dict[str, JsonValue] = {}
        self._fields: dict[str, _Field] = {}
        self._allowed: frozenset[str] | None = None
        self._editing = False
        self._filling = False

    @property
    def value(self) -> dict[str, JsonValue]:
        """The object with the edits made in it."""
        return self._value

    @property
    def broken(self) -> dict[str, str]:
        """Fields whose text cannot be read, with why."""
        return {name: row.broken for name, row in self._fields.items() if row.broken}

    def editor_of(self, name: str) -> QWidget:
        """The field of a property."""
        return self._fields[name].editor

    def error_of(self, name: str) -> str:
        """What is wrong with a property, as it is shown under its field."""
        row = self._fields[name]
        return row.broken or row.problem

    # --- filling ------------------------------------------------------------------------------

    def set_value(
        self,
        value: Mapping[str, JsonValue],
        schema: Mapping[str, Any] | None,
        fields: frozenset[str] | None,
    ) -> None:
        """Show `value`; only `fields` may be edited, None means all."""
        self._value = dict(value)
        self._allowed = fields
        self._fields = {}
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(10, 8, 10, 10)
        column.setSpacing(3)
        self._filling = True
        for shape in shapes_of(value, schema):
            self._add(column, shape)
        self._filling = False
        column.addStretch(1)
        self.setWidget(page)
        self.set_editing(self._editing)

    def set_editing(self, editing: bool) -> None:
        """Open or close the fields for typing."""
        self._editing = editing
        for name, row in self._fields.items():
            row.lock(not editing or not self._may_edit(name))

    def _may_edit(self, name: str) -> bool:
        return self._allowed is None or name in self._allowed

    def focus_first(self) -> None:
        """Go to the first field that can be edited."""
        for name, row in self._fields.items():
            if self._may_edit(name):
                row.editor.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def set_problems(self, problems: Sequence[tuple[str, str]]) -> None:
        """Show what is wrong under the fields that it concerns."""
        by_name: dict[str, list[str]] = {}
        for path, message in problems:
            head = path.replace("[", ".").split(".", 1)[0]
            by_name.setdefault(head, []).append(message)
        for name, row in self._fields.items():
            row.problem = "; ".join(by_name.get(name, ()))
            self._show_error(row)

    def _show_error(self, row: _Field) -> None:
        text = row.broken or row.problem
        row.error.setText(text)
        row.error.setVisible(bool(text))
        row.editor.setProperty("invalid", bool(text))
        row.editor.style().unpolish(row.editor)
        row.editor.style().polish(row.editor)
        row.editor.setAccessibleDescription(text)

    # --- fields -------------------------------------------------------------------------------

    def _add(self, column: QVBoxLayout, shape: _Shape) -> None:
        title = QLabel(f"{shape.title} *" if shape.required else shape.title)
        title.setProperty("tone", "small")
        title.setTextFormat(Qt.TextFormat.PlainText)
        error = QLabel()
        error.setProperty("tone", "error")
        error.setWordWrap(True)
        error.hide()
        row = self._make(shape, error)
        row.editor.setAccessibleName(shape.title)
        row.editor.setToolTip(shape.description)
        title.setBuddy(row.editor)
        self._fields[shape.name] = row
        if shape.name in self._value:
            row.write(self._value[shape.name])
        column.addWidget(title)
        column.addWidget(row.editor)
        column.addWidget(error)
        column.addSpacing(4)

    def _make(self, shape: _Shape, error: QLabel) -> _Field:
        if shape.choices:
            return self._choice(shape, error)
        if shape.type == "boolean":
            return self._switch(shape, error)
        if shape.type in ("object", "array"):
            return self._json(shape, error)
        long = isinstance(self._value.get(shape.name), str) and (
            len(self._value[shape.name]) > _LONG_TEXT or "\n" in self._value[shape.name]
        )
        return self._text(shape, error) if long else self._line(shape, error)

    def _choice(self, shape: _Shape, error: QLabel) -> _Field:
        box = ChoiceBox(self)
        for choice in shape.choices:
            box.addItem(choice if isinstance(choice, str) else json.dumps(choice), choice)
        box.currentIndexChanged.connect(lambda _index: self._on_change(shape.name))

        def write(value: JsonValue) -> None:
            place = next((i for i, each in enumerate(shape.choices) if same(each, value)), -1)
            box.setCurrentIndex(place)

        return _Field(
            shape.name, box, error, box.currentData, write, lambda shut: box.setEnabled(not shut)
        )

    def _switch(self, shape: _Shape, error: QLabel) -> _Field:
        box = QCheckBox("Yes", self)
        box.toggled.connect(lambda _on: self._on_change(shape.name))
        return _Field(
            shape.name,
            box,
            error,
            box.isChecked,
            lambda value: box.setChecked(bool(value)),
            lambda shut: box.setEnabled(not shut),
        )

    def _line(self, shape: _Shape, error: QLabel) -> _Field:
        line = QLineEdit(self)
        line.textEdited.connect(lambda _text: self._on_change(shape.name))
        like: JsonValue = {"integer": 0, "number": 0.0, "string": ""}.get(shape.type)

        def read() -> JsonValue:
            if not line.text() and not shape.required and shape.name not in self._value:
                return _MISSING
            return parse_like(like, line.text())

        def write(value: JsonValue) -> None:
            line.setText(value if isinstance(value, str) else json.dumps(value))
            line.setCursorPosition(0)

        return _Field(shape.name, line, error, read, write, line.setReadOnly)

    def _text(self, shape: _Shape, error: QLabel) -> _Field:
        text = QPlainTextEdit(self)
        text.setTabChangesFocus(True)
        text.setFixedHeight(scaled_px(84))
        text.textChanged.connect(lambda: self._on_change(shape.name))
        return _Field(
            shape.name, text, error, text.toPlainText, text.setPlainText, text.setReadOnly
        )

    def _json(self, shape: _Shape, error: QLabel) -> _Field:
        code = CodeEdit(Language.JSON, self)
        code.setFixedHeight(scaled_px(110))
        code.textChanged.connect(lambda: self._on_change(shape.name))

        def read() -> JsonValue:
            try:
                return json.loads(code.toPlainText())
            except json.JSONDecodeError as problem:
                raise ValueError(f"Line {problem.lineno}: {problem.msg}.") from None

        return _Field(
            shape.name,
            code,
            error,
            read,
            lambda value: code.setPlainText(json_text(value)),
            code.setReadOnly,
        )

    def _on_change(self, name: str) -> None:
        if self._filling or not self._editing:
            return
        row = self._fields[name]
        was_broken = row.broken
        try:
            new = row.read()
        except ValueError as problem:
            row.broken = str(problem)
        else:
            row.broken = ""
            self._take(name, new)
        self._show_error(row)
        if bool(was_broken) != bool(row.broken):
            self.broken_changed.emit()

    def _take(self, name: str, new: JsonValue) -> None:
        old = self._value.get(name, _MISSING)
        if new is _MISSING or (old is not _MISSING and same(old, new)):
            return
        self._value = {**self._value, name: new}
        path: JsonPath = (name,)
        self.edited.emit(ValueEdit(path, None if old is _MISSING else old, new))
