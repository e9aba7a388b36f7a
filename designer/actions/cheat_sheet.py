"""The cheat sheet: every key on one page, searchable."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from designer.actions.registry import ActionRegistry
from designer.actions.spec import ACTIONS, GESTURES, plain_text
from designer.widgets.fuzzy import match
from designer.widgets.search_field import SearchField

_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sheet."""

    group: str
    keys: str
    text: str


def lines(registry: ActionRegistry) -> list[Line]:
    """Everything that can be done by a key, in the order of the menus, then the gestures.

    What nobody does is left out, as in the menus; a place whose verbs nobody does at all is not
    there yet, like the canvas on the start page, and is listed as it will be.
    """
    places = {ACTIONS[verb].context for verb in ACTIONS if registry.is_bound(verb)}
    found = [
        Line(spec.group, keys, plain_text(spec.text))
        for verb, spec in ACTIONS.items()
        if (registry.is_bound(verb) or spec.context not in places)
        and (keys := registry.shown_keys(verb, every=True))
    ]
    found.extend(Line(gesture.group, gesture.keys, gesture.text) for gesture in GESTURES)
    return found


class CheatSheet(QDialog):
    """Every key, in cards by subject. It stays open beside the work until it is closed."""

    def __init__(self, registry: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._registry = registry
        self.setWindowTitle("Keyboard cheat sheet")
        self.setModal(False)
        self.resize(1060, 720)
        self._rows: list[tuple[Line, QWidget]] = []
        self._cards: dict[str, QFrame] = {}
        self._search = SearchField("Search keys and commands", self)
        self._search.search_changed.connect(self._filter)
        note = QLabel("Single letters work while the canvas or the list has the focus.", self)
        note.setProperty("tone", "muted")
        self._empty = QLabel("No key matches.", self)
        self._empty.setProperty("tone", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.hide()
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setWidget(self._sheet())
        registry.keys_changed.connect(self._refill)
        top = QHBoxLayout()
        top.addWidget(self._search, 1)
        top.addSpacing(12)
        top.addWidget(note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 14, 14, 10)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self._empty)
        layout.addWidget(self._area, 1)

    def _refill(self) -> None:
        """Show the keys as they are now."""
        self._rows.clear()
        self._cards.clear()
        self._area.setWidget(self._sheet())
        self._filter(self._search.text())

    def _sheet(self) -> QWidget:
        """Cards in columns, each new one in the column that is shortest so far."""
        sheet = QWidget(self)
        across = QHBoxLayout(sheet)
        across.setContentsMargins(0, 0, 6, 0)
        across.setSpacing(12)
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        for column in columns:
            column.setSpacing(12)
            across.addLayout(column, 1)
        grouped: dict[str, list[Line]] = {}
        for line in lines(self._registry):
            grouped.setdefault(line.group, []).append(line)
        heights = [0] * _COLUMNS
        for group, members in sorted(grouped.items(), key=lambda pair: -len(pair[1])):
            place = heights.index(min(heights))
            heights[place] += len(members) + 3
            columns[place].addWidget(self._card(group, members, sheet))
        for column in columns:
            column.addStretch(1)
        return sheet

    def _card(self, group: str, members: list[Line], sheet: QWidget) -> QFrame:
        card = QFrame(sheet)
        card.setProperty("card", True)
        self._cards[group] = card
        layout = QVBoxLayout(card)
        layout.setContentsMargins(12, 9, 12, 10)
        layout.setSpacing(3)
        title = QLabel(group, card)
        title.setProperty("tone", "strong")
        layout.addWidget(title)
        for line in members:
            row = QWidget(card)
            cells = QGridLayout(row)
            cells.setContentsMargins(0, 0, 0, 0)
            cells.setColumnStretch(0, 1)
            words = QLabel(line.text, row)
            words.setWordWrap(True)
            cells.addWidget(words, 0, 0)
            for at, key in enumerate(line.keys.split(", ")):
                cap = QLabel(key, row)
                cap.setProperty("keycap", True)
                cap.setTextFormat(Qt.TextFormat.PlainText)
                cells.addWidget(cap, 0, at + 1, Qt.AlignmentFlag.AlignRight)
            row.setAccessibleName(f"{line.text}: {line.keys}")
            layout.addWidget(row)
            self._rows.append((line, row))
        return card

    def showEvent(self, event: QShowEvent) -> None:
        """Show what can be done now."""
        super().showEvent(event)
        if lines(self._registry) != [line for line, _row in self._rows]:
            self._refill()

    def visible_lines(self) -> list[Line]:
        """The lines that the search leaves."""
        return [line for line, row in self._rows if not row.isHidden()]

    def _filter(self, query: str) -> None:
        left: set[str] = set()
        for line, row in self._rows:
            fits = match(query, f"{line.text} {line.keys} {line.group}") is not None
            row.setVisible(fits)
            if fits:
                left.add(line.group)
        for group, card in self._cards.items():
            card.setVisible(group in left)
        self._empty.setVisible(not left)
