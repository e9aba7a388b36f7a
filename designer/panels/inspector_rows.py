"""One row of a form: the title, the editor, and what is wrong with the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_cards import CardsField
from designer.panels.inspector_computed import ComputedField
from designer.panels.inspector_editor import Editor
from designer.panels.inspector_expression import ExpressionField, TemplateField
from designer.panels.inspector_inputs import (
    ChoiceField,
    DurationField,
    LineField,
    NumberField,
    PathField,
    SecretField,
    SwitchField,
)
from designer.panels.inspector_lists import ListField, MappingField
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec
from designer.panels.inspector_texts import AnyField, CodeField, JsonField, TextField
from designer.widgets.buttons import IconButton
from designer.widgets.json_value import same

Json = Any

_PLAIN = {
    FieldKind.JSON: JsonField,
    FieldKind.CODE: CodeField,
    FieldKind.ANY: AnyField,
    FieldKind.NUMBER: NumberField,
    FieldKind.DURATION: DurationField,
    FieldKind.SWITCH: SwitchField,
    FieldKind.CHOICE: ChoiceField,
    FieldKind.SECRET: SecretField,
}
_MANY = {
    FieldKind.LIST: ListField,
    FieldKind.MAPPING: MappingField,
    FieldKind.CARDS: CardsField,
}


def make_plain(bench: Bench, spec: FieldSpec) -> Editor:
    """The editor of a field's plain value."""
    if spec.kind in _MANY:
        return _MANY[spec.kind](spec, bench, partial(make_plain, bench))
    if spec.kind is FieldKind.SOURCE:
        return ExpressionField(spec, bench)
    if spec.kind is FieldKind.CHANNEL:
        return ChannelField(spec, bench)
    if spec.kind is FieldKind.FRAME:
        return FrameField(spec, bench)
    if spec.kind is FieldKind.PATH:
        return PathField(spec, folder=bench.folder)
    if spec.kind in (FieldKind.TEXT, FieldKind.AREA):
        area = spec.kind is FieldKind.AREA
        if spec.is_template:
            return TemplateField(spec, bench, area=area)
        return TextField(spec, area=area) if area or not spec.name else LineField(spec)
    return _PLAIN[spec.kind](spec)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value, in one sentence."""

    sentence: str
    is_error: bool = True


#: Path of a field to what is wrong with it.
Problems = Mapping[str, Problem]


class ChannelField(ChoiceField):
    """One of the workflow's channels, as they are now."""

    def __init__(self, spec: FieldSpec, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self._bench = bench
        self.box.setPlaceholderText("Choose a channel")

    def show_value(self, value: Json) -> None:
        """Offer what is declared and show what is chosen."""
        names = list(self._bench.workflow.channels)
        if names != [self.box.itemData(index) for index in range(self.box.count())]:
            self.box.clear()
            for name in names:
                self.box.addItem(name, name)
        if value is UNSET or value is None:
            self.box.setCurrentIndex(-1)
        else:
            super().show_value(value)


class FrameField(ChoiceField):
    """One of the workflow's frames, as they are now."""

    def __init__(self, spec: FieldSpec, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(spec, parent)
        self._bench = bench
        self.box.setPlaceholderText("Choose a frame")

    def show_value(self, value: Json) -> None:
        """Offer the frames by their titles and show which is chosen."""
        workflow = self._bench.workflow
        titles = {frame.id: frame.title for frame in workflow.view.frames}
        offered = [
            (titles.get(key) or key, key) for key in dict.fromkeys([*workflow.frames, *titles])
        ]
        shown = [(self.box.itemText(n), self.box.itemData(n)) for n in range(self.box.count())]
        if offered != shown:
            self.box.clear()
            for words, key in offered:
                self.box.addItem(words, key)
        if value is UNSET or not value:
            self.box.setCurrentIndex(-1)
        else:
            super().show_value(value)


class FieldRow(QWidget):
    """A field with its title; tells of edits and keeps what is no value.

    Args:
        spec: the field.
        bench: the document.
        path: where the value stands, for problems: ``params.url``.
    """

    #: A new value or UNSET, and whether it was typed.
    edited = Signal(object, bool)

    def __init__(
        self,
        spec: FieldSpec,
        bench: Bench,
        path: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.spec = spec
        self.path = path
        self._bench = bench
        self._owner = bench.owner
        self._known: Json = UNSET
        self._prior: Json = UNSET
        self._own_problem = ""
        self._problems: list[Problem] = []
        self._locked = False
        self.field = ComputedField(spec, bench, partial(make_plain, bench), self)
        self.field.setAccessibleDescription(spec.description)
        self._problem: QLabel | None = None
        # Few widgets: a form has many rows, and each widget is styled when it is made.
        self._reset_button: IconButton | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self._place(layout)
        self.setFocusProxy(self.field)
        #: Tab comes to the value first.
        self.tab_last: tuple[QWidget | None, ...] = (self._reset_button, self.field.fx)
        self.field.edited.connect(self._on_edited)
        self.field.broke.connect(self._on_broke)
        self._show_reset()

    def _place(self, layout: QVBoxLayout) -> None:
        """The title over the editor; a switch has its title beside the box."""
        spec = self.spec
        self.label = QLabel(f"{spec.title}{' *' if spec.required else ''}", self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setToolTip(spec.description)
        self.label.setWordWrap(True)
        self.label.setBuddy(self.field)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        if spec.kind is FieldKind.SWITCH:
            layout.addWidget(self.label)
            line.addWidget(self.field, 1)
        else:
            line.addWidget(self.label, 1)
        if spec.kind in _MANY and spec.default not in ((), {}, []) and not spec.required:
            button = IconButton("undo", f"Back to the default of {spec.title}", self)
            button.clicked.connect(self._reset)
            line.addWidget(button)
            self._reset_button = button
        if spec.computable:
            line.addWidget(self.field.fx, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(line)
        if spec.kind is not FieldKind.SWITCH:
            layout.addWidget(self.field)
        if spec.description:
            words = QLabel(spec.description, self)
            words.setProperty("tone", "small")
            words.setTextFormat(Qt.TextFormat.PlainText)
            words.setWordWrap(True)
            layout.addWidget(words)

    @property
    def reset_button(self) -> IconButton | None:
        """Leads back to the default, where that is more than nothing."""
        return self._reset_button

    # --- value ----------------------------------------------------------------------------

    def show_value(self, value: Json, *, fresh: bool = False) -> None:
        """Show the value of the document.

        Args:
            value: or UNSET when the field is left out.
            fresh: another node is shown, so that nothing of the last one counts.
        """
        if fresh:
            self._keep_draft()
            self.field.forget()
        elif same_value(value, self._known):
            return  # what is shown may be more than the document can hold
        self._known = value
        self._own_problem = ""
        self.field.show_value(value)
        self._show_reset()
        self._show_problem()
        if fresh:
            self._bring_draft()

    def _keep_draft(self) -> None:
        """Keep what was typed and is no value, until its part of the document is shown again."""
        text = self.field.draft() if self._own_problem else ""
        if text:
            self._bench.drafts[self._owner, self.path] = (self._known, text)
        self._owner = self._bench.owner

    def _bring_draft(self) -> None:
        known, text = self._bench.drafts.pop((self._owner, self.path), (UNSET, ""))
        if text and same_value(known, self._known):
            self.field.take_draft(text)

    def refuse(self, sentence: str) -> None:
        """What was typed cannot be taken: say why and leave it there."""
        self._known = self._prior
        self._own_problem = sentence
        self._show_problem()

    def _on_edited(self, value: Json, typed: bool) -> None:
        if value is not UNSET and self.spec.is_default(value):
            value = UNSET
        self._prior, self._known = self._known, value
        self._own_problem = ""
        self._show_reset()
        self._show_problem()
        self.edited.emit(value, typed)

    def _reset(self) -> None:
        """Leave the field out, so that its default counts."""
        self.field.forget()
        self.field.show_value(UNSET)
        self._on_edited(UNSET, False)

    def _on_broke(self, sentence: str) -> None:
        self._own_problem = sentence
        self._show_problem()

    # --- looks ----------------------------------------------------------------------------

    def set_problems(self, problems: Problems) -> None:
        """Show what validation says: path inside the value to what is wrong there."""
        self._problems = list(dict.fromkeys(problems.values()))
        self.field.set_problems(
            {path: each.sentence for path, each in problems.items() if each.is_error}
        )
        self._show_problem()

    def set_locked(self, locked: bool) -> None:
        """Let the value be read only."""
        self._locked = locked
        self.field.set_locked(locked)
        self._show_reset()

    def _show_problem(self) -> None:
        found = [Problem(self._own_problem)] if self._own_problem else self._problems
        if found or self._problem is not None:
            show_problems(self.problem, found)

    @property
    def problem(self) -> QLabel:
        """Says under the editor what is wrong."""
        if self._problem is None:
            self._problem = QLabel(self)
            self._problem.setTextFormat(Qt.TextFormat.PlainText)
            self._problem.setWordWrap(True)
            self._problem.hide()
            layout = self.layout()
            if layout is not None:
                layout.addWidget(self._problem)
        return self._problem

    def _show_reset(self) -> None:
        spec = self.spec
        self.label.setVisible(spec.kind is not FieldKind.SWITCH or self.field.mode == "expr")
        if self._reset_button is not None:
            self._reset_button.setVisible(self._known is not UNSET and not self._locked)


def show_problems(label: QLabel, found: Sequence[Problem]) -> None:
    """Say what is wrong, or nothing; a warning alone has a colour of its own."""
    label.setText("\n".join(each.sentence for each in found))
    label.setVisible(bool(found))
    tone = "error" if any(each.is_error for each in found) else "warning"
    if label.property("tone") != tone:
        label.setProperty("tone", tone)
        label.style().unpolish(label)
        label.style().polish(label)


def same_value(one: Json, other: Json) -> bool:
    """Whether two values of a field are the same; UNSET is only itself."""
    if one is UNSET or other is UNSET:
        return one is other
    return same(one, other)
