"""The frontier as a table: thousands of tasks, words only for the rows that are seen."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from designer.panels import frontier_rows as rows
from designer.panels.run_cells import Cell
from designer.theme import NodeState
from designer.widgets.state_chip import STATE_ROLE
from engine.run_view import FrontierEntry, RunView

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

_STATES = {
    "waiting": (NodeState.NEEDS_DECISION, "Needs approval"),
    "running": (NodeState.RUNNING, "Running"),
    "retry": (NodeState.RETRY, "Retry"),
    "timer": (NodeState.WAITING, "Waits"),
    "ready": (NodeState.READY, "Ready"),
    rows.GATHERING: (NodeState.READY, "Waits for inputs"),
}


class Column(IntEnum):
    """The columns, in their order."""

    STATE = 0
    NODE = 1
    WHY = 2
    PLACE = 3
    SINCE = 4


_HEADERS = ("State", "Node", "Why it is here", "Item", "For")


class FrontierModel(QAbstractTableModel):
    """Rows of one view; `show` takes the next picture of it."""

    def __init__(self, title_of: Callable[[str], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title_of = title_of
        self._rows: list[rows.Row] = []
        self._keys: list[str] = []
        self._view: RunView | None = None
        self._now = 0.0

    def show(self, view: RunView | None, gathering: list[rows.Gathering], now: float) -> bool:
        """Show what `view` holds now; whether rows came or went."""
        found = rows.rows_of(view, gathering) if view is not None else []
        keys = [rows.key_of(row) for row in found]
        moved = keys != self._keys
        if moved:
            self.beginResetModel()
        self._rows, self._keys, self._view, self._now = found, keys, view, now
        if moved:
            self.endResetModel()
        else:
            self._repaint()
        return moved

    def tick(self, now: float) -> None:
        """Move the clocks on."""
        self._now = now
        self._repaint()

    def _repaint(self) -> None:
        if self._rows:
            last = self.index(len(self._rows) - 1, len(Column) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def row(self, number: int) -> rows.Row:
        """The row of that number."""
        return self._rows[number]

    def number_of(self, key: str) -> int:
        """The number of the row with that key, -1 when it is gone."""
        try:
            return self._keys.index(key)
        except ValueError:
            return -1

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """How many columns there are."""
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The titles of the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        if not index.isValid() or self._view is None:
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._words(row, index.column())
        if role == STATE_ROLE and index.column() == Column.STATE:
            return _STATES[rows.state_of(row)][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._title_of(row.node)}\n{rows.why(row, self._view, self._now)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row, index.column())
        return None

    def cell(self, row: int, column: int) -> Cell:
        """A cell as it is painted; the state is a chip and is painted as such."""
        text = self._words(self._rows[row], column)
        return Cell(text, "text" if column in (Column.NODE, Column.WHY) else "muted")

    def _words(self, row: rows.Row, column: int) -> str:
        match column:
            case Column.STATE:
                return _STATES[rows.state_of(row)][1]
            case Column.NODE:
                return self._title_of(row.node)
            case Column.WHY:
                assert self._view is not None
                return rows.why(row, self._view, self._now)
            case Column.PLACE:
                return rows.place_words(row)
            case _:
                if not isinstance(row, FrontierEntry) or not row.since:
                    return ""
                return rows.seconds_words(self._now - row.since)

    def _spoken(self, row: rows.Row, column: int) -> str:
        if column != Column.STATE:
            return self._words(row, column)
        parts = (self._words(row, each) for each in (Column.NODE, Column.STATE, Column.WHY))
        return ", ".join(part for part in parts if part)
