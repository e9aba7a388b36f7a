"""The commits of a run as a table: ten thousand rows cost no more than those that are seen."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from designer.panels.checkpoints_timeline import role_of
from designer.panels.run_cells import Cell
from designer.runs.timeline import Lane, Tick
from designer.runs.words import item_of, local_time, status_words
from designer.widgets.format import format_exact, plural

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_NAMED = 4


class Column(IntEnum):
    """The columns, in their order."""

    NUMBER = 0
    TIME = 1
    STATUS = 2
    TASKS = 3
    CHANGED = 4


_HEADERS = ("Checkpoint", "Time", "Status", "Finished", "Changed channels")


class CommitTable(QAbstractTableModel):
    """The ticks of one lane; new ones are added at the end without touching the others."""

    def __init__(self, title_of: Callable[[str], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title_of = title_of
        self._lane: Lane | None = None
        self._ticks: list[Tick] = []
        self._count = 0
        self._shown = -1

    def show(self, lane: Lane | None, shown: int) -> None:
        """Show the ticks of `lane`; `shown` is the commit on the screen."""
        ticks = lane.ticks if lane is not None else []
        grown = ticks is self._ticks and len(ticks) >= self._count
        self._lane = lane
        if not grown:
            self.beginResetModel()
            self._ticks, self._count, self._shown = ticks, len(ticks), shown
            self.endResetModel()
            return
        if len(ticks) > self._count:
            self.beginInsertRows(_ROOT, self._count, len(ticks) - 1)
            self._count = len(ticks)
            self.endInsertRows()
        before, self._shown = self._shown, shown
        for number in {before, shown}:
            self._repaint(number)
        self._repaint(lane.last if lane is not None else -1)

    def _repaint(self, number: int) -> None:
        row = self.row_of(number)
        if row >= 0:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def row_of(self, number: int) -> int:
        """The row of commit `number`, -1 when it is not there."""
        found = self._lane.index(number) if self._lane is not None else -1
        return found if found < self._count else -1

    def tick(self, row: int) -> Tick:
        """The tick of a row."""
        return self._ticks[row]

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many commits there are."""
        return 0 if parent.isValid() else self._count

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
        if not index.isValid():
            return None
        tick = self._ticks[index.row()]
        column = index.column()
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return self._words(tick, column)
        if role == roles.ToolTipRole:
            return self._tip(tick, column)
        return None

    def cell(self, row: int, column: int) -> Cell:
        """A cell as it is painted."""
        tick = self._ticks[row]
        text = self._words(tick, column)
        if column == Column.NUMBER and tick.number == self._shown:
            return Cell(text, icon="checkpoint", icon_role="accent")
        if column == Column.STATUS:
            role = role_of(tick.status)
            return Cell(text, "muted" if role == "idle" else f"text_{role}")
        return Cell(text)

    def _words(self, tick: Tick, column: int) -> str:
        match column:
            case Column.NUMBER:
                return f"{tick.number:,}"
            case Column.TIME:
                when = local_time(tick.at)
                return f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}"
            case Column.STATUS:
                return status_words(tick.status)
            case Column.TASKS:
                return self._tasks(tick.tasks)
            case _:
                return ", ".join(tick.changed)

    def _tasks(self, tasks: tuple[str, ...]) -> str:
        if not tasks:
            return ""
        named = [self._task(task) for task in tasks[:_NAMED]]
        more = f" and {plural(len(tasks) - _NAMED, 'other')}" if len(tasks) > _NAMED else ""
        return ", ".join(named) + more

    def _task(self, task: str) -> str:
        title = self._title_of(task.partition("@")[0].partition("#")[0])
        item = item_of(task)
        return f"{title} (item {item:,})" if item is not None else title

    def _tip(self, tick: Tick, column: int) -> str:
        if column == Column.TIME:
            return format_exact(local_time(tick.at))
        if column == Column.TASKS and len(tick.tasks) > _NAMED:
            return "\n".join(self._task(task) for task in tick.tasks[:40])
        return self._words(tick, column)
