"""The editor of a list of objects: the cases of a switch, the channels of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from designer.panels.inspector_bench import Bench
from designer.panels.inspector_editor import Editor
from designer.panels.inspector_lists import Make, ManyEditor, inside
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec
from designer.widgets.buttons import IconButton
from designer.widgets.json_value import same

Json = Any


def _same_cards(one: list[dict[str, Json]], other: list[dict[str, Json]]) -> bool:
    """Whether two lists hold the same objects, in whatever order."""
    return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)


class _Card(QFrame):
    """One object of a list: a title and its fields under each other."""

    def __init__(self, owner: CardsField, title: str, buttons: list[IconButton]) -> None:
        super().__init__(owner)
        self.setProperty("card", True)
        self.title = QLabel(title, self)
        self.title.setProperty("tone", "small")
        self.buttons = buttons
        #: Tab comes to the fields first.
        self.tab_last = tuple(buttons)
        self.editors: dict[str, Editor] = {}
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(8, 4, 6, 8)
        self.body.setSpacing(4)
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self.title)
        top.addStretch(1)
        for button in buttons:
            top.addWidget(button)
        self.body.addLayout(top)


class CardsField(ManyEditor):
    """A list of objects: the cases of a switch, the answers of a barrier."""

    def __init__(
        self, spec: FieldSpec, bench: Bench, make: Make, parent: QWidget | None = None
    ) -> None:
        self._one = spec.singular or "entry"
        super().__init__(spec, bench, make, parent)
        self._values: list[dict[str, Json]] = []
        self._cards: list[_Card] = []

    def _add_text(self) -> str:
        article = "an" if self._one[:1] in "aeiou" else "a"
        return f"Add {article} {self._one}"

    @property
    def cards(self) -> list[Mapping[str, Editor]]:
        """The editors of each object, by field."""
        return [card.editors for card in self._cards]

    def show_value(self, value: Json) -> None:
        """Show the objects."""
        found = self._spec.default if value is UNSET else value
        wanted = [dict(v) for v in found or () if isinstance(v, Mapping)]
        if self._spec.unordered and _same_cards(wanted, self._values):
            return
        self._values = wanted
        while len(self._cards) > len(self._values):
            self._drop(len(self._cards) - 1)
        for index, each in enumerate(self._values):
            if index == len(self._cards):
                self._insert(index)
            self._show(index, each)

    def _show(self, index: int, value: Mapping[str, Json]) -> None:
        card = self._cards[index]
        for spec in self._spec.fields:
            card.editors[spec.name].show_value(value.get(spec.name, UNSET))

    def set_locked(self, locked: bool) -> None:
        """Let the objects be read only."""
        super().set_locked(locked)
        for card in self._cards:
            for editor in card.editors.values():
                editor.set_locked(locked)
            for button in card.buttons:
                button.setVisible(not locked)

    def set_problems(self, problems: Mapping[str, str]) -> None:
        """Outline the fields that are wrong."""
        for index, card in enumerate(self._cards):
            for name, editor in card.editors.items():
                editor.set_problems(inside(problems, f"[{index}].{name}"))

    def add(self) -> None:
        """Add an object and go to its first field."""
        self._values.append({})
        self._insert(len(self._cards))
        self._show(len(self._cards) - 1, {})
        self._tell(typed=False)
        first = next(iter(self._cards[-1].editors.values()))
        first.setFocus(Qt.FocusReason.TabFocusReason)

    def remove(self, index: int) -> None:
        """Take an object out."""
        del self._values[index]
        self._drop(index)
        self._number()
        self._tell(typed=False)
        self.add_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def shift(self, index: int, by: int) -> None:
        """Move an object up or down."""
        other = index + by
        if not 0 <= other < len(self._values):
            return
        self._values.insert(other, self._values.pop(index))
        self._cards.insert(other, self._cards.pop(index))
        self._rows_layout.removeWidget(self._cards[other])
        self._put_row(other, self._cards[other])
        self._number()
        self._tell(typed=False)

    def _insert(self, index: int) -> None:
        buttons = [
            self._icon("arrow-up", "Move up", lambda: self.shift(self._cards.index(card), -1)),
            self._icon("arrow-down", "Move down", lambda: self.shift(self._cards.index(card), 1)),
            self._icon("close", "Remove", lambda: self.remove(self._cards.index(card))),
        ]
        card = _Card(self, "", buttons)
        for spec in self._spec.fields:
            editor = self._make(spec)
            editor.setParent(card)
            card.editors[spec.name] = editor
            if spec.kind is not FieldKind.SWITCH:
                label = QLabel(f"{spec.title}{' *' if spec.required else ''}", card)
                label.setProperty("tone", "small")
                label.setToolTip(spec.description)
                card.body.addWidget(label)
            card.body.addWidget(editor)
            editor.set_locked(self._locked)
            editor.edited.connect(
                lambda value, typed, name=spec.name: self._on_field(card, name, value, typed)
            )
            for widget in editor.inputs():
                self._bench.watch(widget)
        self._cards.insert(index, card)
        self._put_row(index, card)
        for button in buttons:
            button.setVisible(not self._locked)
        self._number()

    def _number(self) -> None:
        last = len(self._cards) - 1
        for index, card in enumerate(self._cards):
            card.title.setText(f"{self._one.capitalize()} {index + 1}")
            card.buttons[0].setEnabled(index > 0)
            card.buttons[1].setEnabled(index < last)

    def _drop(self, index: int) -> None:
        card = self._cards.pop(index)
        self._rows_layout.removeWidget(card)
        card.hide()
        card.deleteLater()

    def _on_field(self, card: _Card, name: str, value: Json, typed: bool) -> None:
        index = self._cards.index(card)
        changed = {key: each for key, each in self._values[index].items() if key != name}
        spec = next(each for each in self._spec.fields if each.name == name)
        if value is not UNSET and not spec.is_default(value):
            changed[name] = value
        self._values[index] = changed
        self._tell(typed=typed)

    def _tell(self, *, typed: bool) -> None:
        self.edited.emit([dict(value) for value in self._values], typed)
