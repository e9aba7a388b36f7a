"""The event log as a table: words are made for the lines that are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from itertools import islice
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QBrush

from designer.panels.run_cells import Cell
from designer.runs.log_buffer import Entry, Filter
from designer.runs.words import local_time, short_run
from designer.theme import current_theme
from designer.widgets.format import format_exact

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
#: Lines that are searched before the window gets its turn.
_SLICE = 2000

_ICONS = {
    "run": ("run", "muted"),
    "error": ("cross", "text_failed"),
    "warning": ("warning", "text_waiting"),
    "retry": ("retry", "text_waiting"),
    "task": ("dot", "muted"),
    "decision": ("barrier", "text_waiting"),
    "wait": ("wait", "muted"),
    "commit": ("checkpoint", "muted"),
    "output": ("text", "muted"),
}


class Column(IntEnum):
    """The columns, in their order."""

    TIME = 0
    RUN = 1
    NODE = 2
    KIND = 3
    TEXT = 4


_HEADERS = ("Time", "Run", "Node", "Kind", "What happened")


class LogModel(QAbstractTableModel):
    """The lines that pass the filter, oldest first."""

    #: Every line has been searched.
    sifted = Signal()

    def __init__(self, title_of: Callable[[str, str], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title_of = title_of
        self._shown: list[Entry] = []
        self._filter = Filter()
        self._past: int | None = None
        self._past_run = ""
        self._source: Iterable[Entry] = iter(())
        self._sifting = QTimer(self)
        self._sifting.setInterval(0)
        self._sifting.timeout.connect(self._sift)

    # --- what is shown ------------------------------------------------------------------------

    @property
    def shown(self) -> Sequence[Entry]:
        """The lines that pass the filter."""
        return self._shown

    @property
    def is_sifting(self) -> bool:
        """Whether lines are still being searched."""
        return self._sifting.isActive()

    def entry(self, row: int) -> Entry:
        """The line of a row."""
        return self._shown[row]

    def show(self, entries: Sequence[Entry], chosen: Filter) -> None:
        """Show those of `entries` that pass the filter; a search goes on in slices."""
        self.beginResetModel()
        self._filter = chosen
        self._shown = []
        # A copy: lines that come meanwhile are added when the search has come to its end.
        self._source = iter(list(entries))
        self.endResetModel()
        self._sifting.start()
        self._sift()

    def _sift(self) -> None:
        chunk = list(islice(self._source, _SLICE if self._filter.text else _SLICE * 50))
        if not chunk:
            self._sifting.stop()
            self.sifted.emit()
            return
        self._append(chunk)

    def add(self, entries: Sequence[Entry]) -> None:
        """Show those of the new lines that pass the filter."""
        if self._sifting.isActive():
            self._source = _chained(self._source, entries)
        else:
            self._append(entries)

    def _append(self, entries: Iterable[Entry]) -> None:
        passed = [entry for entry in entries if self._filter.accepts(entry, self._title(entry))]
        if passed:
            first = len(self._shown)
            self.beginInsertRows(_ROOT, first, first + len(passed) - 1)
            self._shown.extend(passed)
            self.endInsertRows()

    def forget_before(self, order: int) -> None:
        """Take out the lines that the buffer has dropped."""
        gone = next(
            (i for i, entry in enumerate(self._shown) if entry.order >= order), len(self._shown)
        )
        if gone:
            self.beginRemoveRows(_ROOT, 0, gone - 1)
            del self._shown[:gone]
            self.endRemoveRows()

    def set_past(self, run: str, commit: int | None) -> None:
        """Fade what came after `commit`; None shows everything alike."""
        self._past_run, self._past = run, commit
        if self._shown:
            last = self.index(len(self._shown) - 1, len(Column) - 1)
            self.dataChanged.emit(self.index(0, 0), last, [Qt.ItemDataRole.ForegroundRole])

    def is_later(self, entry: Entry) -> bool:
        """Whether the line came after the moment that is shown."""
        if self._past is None or entry.run != self._past_run:
            return False
        return entry.commit is None or entry.commit > self._past

    def last_row_of_past(self) -> int:
        """The last line that is not later than the moment that is shown; -1 without one."""
        rows = range(len(self._shown) - 1, -1, -1)
        ours = (row for row in rows if self._shown[row].run == self._past_run)
        return next((row for row in ours if not self.is_later(self._shown[row])), -1)

    def _title(self, entry: Entry) -> Callable[[str], str]:
        run = entry.run
        return lambda key: self._title_of(run, key)

    # --- Qt's questions -----------------------------------------------------------------------

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many lines pass the filter."""
        return 0 if parent.isValid() else len(self._shown)

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
        entry = self._shown[index.row()]
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return self._words(entry, index.column())
        if role == roles.ForegroundRole:
            return QBrush(current_theme().color(self._ink(entry, index.column())))
        if role == roles.ToolTipRole:
            if index.column() == Column.TIME:
                return format_exact(local_time(entry.at))
            return entry.text(self._title(entry))
        return None

    def _words(self, entry: Entry, column: int) -> str:
        match column:
            case Column.TIME:
                when = local_time(entry.at)
                return f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}"
            case Column.RUN:
                return short_run(entry.run)
            case Column.NODE:
                return self._title_of(entry.run, entry.node) if entry.node else ""
            case Column.KIND:
                return entry.kind
            case _:
                return " ".join(entry.text(self._title(entry)).splitlines())

    def cell(self, row: int, column: int) -> Cell:
        """A cell as it is painted."""
        entry = self._shown[row]
        icon = icon_role = ""
        if column == Column.KIND:
            icon, icon_role = _ICONS[entry.kind]
            if self.is_later(entry):
                icon_role = "disabled"
        return Cell(self._words(entry, column), self._ink(entry, column), icon, icon_role)

    def _ink(self, entry: Entry, column: int) -> str:
        if self.is_later(entry):
            return "disabled"
        if entry.is_error:
            return "text_failed"
        return "muted" if column != Column.TEXT or entry.kind == "commit" else "text"


def _chained(first: Iterable[Entry], then: Iterable[Entry]) -> Iterable[Entry]:
    yield from first
    yield from then
