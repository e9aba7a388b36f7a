"""A value or an expression: every field of a form can be either."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_editor import Editor
from designer.panels.inspector_expression import ExpressionField, TemplateField
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec, mode_of
from designer.panels.inspector_texts import JsonField
from designer.widgets.json_value import is_container, members

Json = Any
Mode = Literal["value", "expr", "template", "json"]

_ONE_TAG = re.compile(r"\s*\{\{(?P<source>[^{}]*)\}\}\s*")
_TEXTS = frozenset(
    {FieldKind.TEXT, FieldKind.AREA, FieldKind.CODE, FieldKind.PATH, FieldKind.SECRET,
     FieldKind.NUMBER, FieldKind.DURATION, FieldKind.CHOICE, FieldKind.SWITCH,
     FieldKind.SOURCE}
)  # fmt: skip


def fits(spec: FieldSpec, value: Json) -> bool:
    """Whether the editor of a field can show a value; JSON shows all others."""
    if value is UNSET or value is None:
        return True
    if spec.kind is FieldKind.MAPPING:
        return isinstance(value, Mapping)
    if spec.kind is FieldKind.CARDS:
        return isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value)
    if spec.kind is FieldKind.LIST:
        return isinstance(value, list | tuple)
    return not (spec.kind in _TEXTS and is_container(value))


def literal(value: Json) -> str:
    """A plain value as the source of an expression; empty when something in it is computed."""
    if value is UNSET or value is None or value == "":
        return ""
    if isinstance(value, str):
        tag = _ONE_TAG.fullmatch(value)
        return tag["source"].strip() if tag else json.dumps(value, ensure_ascii=False)
    if mode_of(value) != "value" or any(literal_free(each) for _, each in members(value)):
        return ""
    return repr(value)


def literal_free(value: Json) -> bool:
    """Whether something inside a value is computed."""
    return mode_of(value) != "value" or any(literal_free(each) for _, each in members(value))


def plain_of(source: str) -> Json:
    """The value that an expression always has; UNSET when it has to be computed."""
    try:
        value = ast.literal_eval(source.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return UNSET
    return value if isinstance(value, str | int | float | bool | list | dict) else UNSET


class ComputedField(Editor):
    """An editor for the value, one for the expression, and the button that changes over.

    Args:
        spec: the field.
        bench: the document.
        make: makes the editor of the plain value.
        nested: the value is one of several and cannot be left out.
    """

    def __init__(
        self,
        spec: FieldSpec,
        bench: Bench,
        make: Callable[[FieldSpec], Editor],
        parent: QWidget | None = None,
        *,
        nested: bool = False,
    ) -> None:
        super().__init__(parent)
        self._spec = spec
        self._bench = bench
        self._make = make
        self._nested = nested
        self._locked = False
        self._value: Json = UNSET
        self._remembered: dict[str, Json] = {}
        self._editors: dict[Mode, Editor] = {}
        self.fx = QToolButton(self)
        self.fx.setText("fx")
        self.fx.setCheckable(True)
        self.fx.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.fx.setVisible(spec.computable)
        self.fx.clicked.connect(self._on_fx)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._mode: Mode = self._home
        self._enter(self._home)

    @property
    def mode(self) -> Mode:
        """How the value is edited now."""
        return self._mode

    @property
    def editor(self) -> Editor:
        """The editor that is shown."""
        return self._editors[self._mode]

    @property
    def _home(self) -> Mode:
        return "expr" if self._spec.starts_computed else "value"

    def inputs(self) -> list[QWidget]:
        return self.editor.inputs()

    def show_value(self, value: Json) -> None:
        """Show a value of the document, plain or computed."""
        mode: Mode = mode_of(value) if value is not UNSET else "value"
        if value is UNSET:
            mode = self._mode if self._mode == "expr" and self._wants_expr else self._home
        elif mode == "value" and not fits(self._spec, value):
            mode = "json"
        elif mode == "value" and self._mode == "json" and self._value is not UNSET:
            mode = "json" if not fits(self._spec, value) else "value"
        self._value = value
        if mode in ("expr", "template") and value is not UNSET:
            self._remembered[mode] = value
        self._enter(mode)
        inner = value[mode] if mode in ("expr", "template") and value is not UNSET else value
        self.editor.show_value(inner)

    def forget(self) -> None:
        """Another node is shown: what was remembered of the last one does not count."""
        self._remembered.clear()
        self._value = UNSET
        self._enter(self._home)

    def draft(self) -> str:
        """The text as it was typed."""
        return self.editor.draft()

    def take_draft(self, text: str) -> None:
        """Type it again."""
        self.editor.take_draft(text)

    def set_locked(self, locked: bool) -> None:
        """Let the value be read only."""
        self._locked = locked
        self.fx.setEnabled(not locked)
        for editor in self._editors.values():
            editor.set_locked(locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline what is wrong."""
        self.editor.set_problems(problems)

    # --- modes ----------------------------------------------------------------------------

    @property
    def _wants_expr(self) -> bool:
        return self.fx.isChecked()

    def _enter(self, mode: Mode) -> None:
        """Show the editor of a mode; they are made when first needed."""
        self._mode = mode
        if mode not in self._editors:
            editor = self._editor_of(mode)
            self._editors[mode] = editor
            self._layout.addWidget(editor)
            editor.set_locked(self._locked)
            for widget in editor.inputs():
                self._bench.watch(widget)
            editor.edited.connect(self._on_edited)
            editor.broke.connect(self.broke)
            self._bench.structure_changed.emit()
        shown = self._editors[mode]
        for each in self._editors.values():
            each.setVisible(each is shown)
        self.setFocusProxy(shown)
        self.fx.setChecked(mode == "expr")
        self.fx.setText("{ }" if mode == "template" else "fx")
        label = "Use a value" if mode in ("expr", "template") else "Use an expression"
        self.fx.setToolTip(f"{label} ({self._spec.title})")
        self.fx.setAccessibleName(f"{label} for {self._spec.title}")

    def _editor_of(self, mode: Mode) -> Editor:
        if mode == "expr":
            return ExpressionField(self._spec, self._bench, self)
        if mode == "template":
            return TemplateField(self._spec, self._bench, self)
        if mode == "json":
            return JsonField(self._spec, self)
        made = self._make(self._spec)
        made.setParent(self)
        return made

    def _on_fx(self) -> None:
        """Turn the value into an expression, or back; nothing that was typed gets lost."""
        was = self._mode
        if was in ("expr", "template"):
            self._remembered[was] = self._value
            source = self._value[was] if self._value is not UNSET else ""
            new = self._remembered.get("value", UNSET)
            if new is UNSET and was == "expr":
                new = plain_of(source)
            elif new is UNSET:
                new = source
            mode: Mode = "value" if fits(self._spec, new) else "json"
        else:
            self._remembered["value"] = self._value
            source = literal(self._value)
            new = self._remembered.get("expr", {"expr": source} if source else UNSET)
            mode = "expr"
        if new is UNSET and self._nested:
            new = {"expr": ""} if mode == "expr" else ""
        changed = new is not self._value
        self._value = new
        self._enter(mode)
        self.editor.show_value(new["expr"] if isinstance(new, dict) and mode == "expr" else new)
        if changed:
            self.edited.emit(new, False)
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_edited(self, value: Json, typed: bool) -> None:
        if self._mode in ("expr", "template"):
            if value is not UNSET:
                value = {self._mode: value}
            elif self._nested:
                value = {self._mode: ""}
        elif value is UNSET and self._nested:
            value = ""
        self._value = value
        self.edited.emit(value, typed)
