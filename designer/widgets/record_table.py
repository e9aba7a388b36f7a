"""A list of objects as a table: thousands of rows, sorted by any column, edited in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from designer.theme import current_theme, scaled_px, tabular, ui_font
from designer.widgets.json_value import (
    JsonChange,
    JsonPath,
    JsonValue,
    ValueEdit,
    columns_of,
    is_container,
    json_line,
    parse_like,
    preview,
    scalar_text,
    with_value,
)
from designer.widgets.tables import polish_table

Index = QModelIndex | QPersistentModelIndex

#: The heading of the one column of rows that are not objects.
VALUE_COLUMN = "value"

_NO_PARENT = QModelIndex()
_MISSING = object()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
#: Columns never get wider than this by themselves.
_WIDEST_PX = 320


def _sort_key(value: Any) -> tuple[int, Any]:
    """Numbers before text before the rest; what is missing last."""
    if value is _MISSING or value is None:
        return 3, 0
    if isinstance(value, (bool, int, float)):
        return 0, value
    if isinstance(value, str):
        return 1, value.casefold()
    return 2, preview(value)


class RecordTableModel(QAbstractTableModel):
    """Rows of a list; the columns are the keys of all objects in it."""

    #: A ValueEdit: a person has changed a cell; the model already shows it.
    edited = Signal(object)
    #: Why what was typed could not be taken.
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.editable = False
        #: The only columns that may be changed; None means all.
        self.fields: frozenset[str] | None = None
        self._rows: list[JsonValue] = []
        self._columns: list[str] = []
        #: The shown order: row on the screen to place in the list.
        self._order: list[int] = []
        self._changes: dict[tuple[int, str], JsonChange] = {}
        self._changed_rows: dict[int, JsonChange] = {}
        self._font = tabular(ui_font(scaled_px(13)))

    @property
    def value(self) -> list[JsonValue]:
        """The list that is shown, with the edits made in it."""
        return self._rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings."""
        return tuple(self._columns)

    def set_value(
        self, rows: list[JsonValue], changes: Mapping[JsonPath, JsonChange] | None = None
    ) -> None:
        """Show `rows` in their own order; `changes` marks cells and whole rows."""
        self.beginResetModel()
        self._rows = list(rows)
        self._columns = columns_of(rows)
        if any(not isinstance(row, dict) for row in rows):
            self._columns.append(VALUE_COLUMN if VALUE_COLUMN not in self._columns else "(value)")
        self._order = list(range(len(rows)))
        self._changes, self._changed_rows = {}, {}
        self._take_changes(changes or {})
        self.endResetModel()

    def mark(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        """Mark other changes; rows, order and selection stay as they are."""
        self._changes, self._changed_rows = {}, {}
        self._take_changes(changes)
        if self._order:
            last = self.index(len(self._order) - 1, len(self._columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def _take_changes(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        for path, change in changes.items():
            if len(path) == 1 and isinstance(path[0], int):
                self._changed_rows[path[0]] = change
            elif len(path) > 1 and isinstance(path[0], int):
                self._changes[path[0], str(path[1])] = change

    def take_theme(self) -> None:
        """Take the fonts of a new theme."""
        self._font = tabular(ui_font(scaled_px(13)))

    # -- cells -------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        """The length of the list."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = _NO_PARENT) -> int:
        """The number of different keys."""
        return 0 if parent.isValid() else len(self._columns)

    def path(self, index: Index) -> JsonPath:
        """Where the cell stands in the list."""
        place = self._order[index.row()]
        if isinstance(self._rows[place], dict):
            return place, self._columns[index.column()]
        return (place,)

    def cell(self, index: Index) -> Any:
        """The value of a cell; a mark of its own where the record lacks the key."""
        row = self._rows[self._order[index.row()]]
        column = self._columns[index.column()]
        if isinstance(row, dict):
            return row.get(column, _MISSING)
        return row if index.column() == len(self._columns) - 1 else _MISSING

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The keys across, the places in the list down."""
        if orientation == Qt.Orientation.Vertical:
            return self._order[section] if role == Qt.ItemDataRole.DisplayRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and self._is_numeric(section):
            return _RIGHT
        return None

    def _is_numeric(self, column: int) -> bool:
        key = self._columns[column]
        values = [row.get(key) for row in self._rows[:50] if isinstance(row, dict)]
        known = [value for value in values if value is not None]
        return bool(known) and all(
            isinstance(value, (int, float)) and not isinstance(value, bool) for value in known
        )

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment, colours and marks of a cell."""
        if not index.isValid():
            return None
        value = self.cell(index)
        roles = Qt.ItemDataRole
        match role:
            case roles.DisplayRole:
                return self._text(value)
            case roles.EditRole:
                return "" if value is _MISSING else scalar_text(value)
            case roles.TextAlignmentRole:
                number = isinstance(value, (int, float)) and not isinstance(value, bool)
                return _RIGHT if number else _LEFT
            case roles.FontRole:
                return self._font
            case roles.ForegroundRole:
                muted = value is _MISSING or value is None or is_container(value)
                return QBrush(current_theme().color("muted")) if muted else None
            case roles.BackgroundRole:
                return self._background(index)
            case roles.ToolTipRole:
                return self._tip(index, value)
            case _:
                return None

    @staticmethod
    def _text(value: Any) -> str:
        if value is _MISSING:
            return ""
        if isinstance(value, str):
            return value[:400].replace("\n", " ")
        return preview(value)

    def change(self, index: Index) -> JsonChange | None:
        """What changed in the cell or in its whole row."""
        place = self._order[index.row()]
        found = self._changes.get((place, self._columns[index.column()]))
        return found or self._changed_rows.get(place)

    def _background(self, index: Index) -> QBrush | None:
        change = self.change(index)
        if change is None:
            return None
        tint = QColor(current_theme().color(change.kind.role))
        tint.setAlpha(48)
        return QBrush(tint)

    def _tip(self, index: Index, value: Any) -> str | None:
        change = self._changes.get((self._order[index.row()], self._columns[index.column()]))
        if change is not None:
            return f"before: {preview(change.old)}\nnow: {preview(change.new)}"
        text = self._text(value)
        return text if len(text) > 30 else None

    # -- sorting and editing -----------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; -1 returns to the order of the list."""
        self.layoutAboutToBeChanged.emit()
        self._order = list(range(len(self._rows)))
        if 0 <= column < len(self._columns):
            key = self._columns[column]
            keys = [
                _sort_key(row.get(key, _MISSING) if isinstance(row, dict) else row)
                for row in self._rows
            ]
            self._order.sort(key=keys.__getitem__, reverse=order == Qt.SortOrder.DescendingOrder)
        self.layoutChanged.emit()

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Scalars are editable where that was asked for."""
        flags = super().flags(index)
        if self.editable and index.isValid():
            value = self.cell(index)
            allowed = self.fields is None or self._columns[index.column()] in self.fields
            if allowed and value is not _MISSING and not is_container(value):
                flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take what was typed into a cell, in the type that it had."""
        if role != Qt.ItemDataRole.EditRole or not self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        old = self.cell(index)
        try:
            new = parse_like(old, str(value))
        except ValueError as error:
            self.refused.emit(str(error))
            return False
        if json_line(new) == json_line(old):
            return True
        path = self.path(index)
        self._rows = with_value(self._rows, path, new)
        self.dataChanged.emit(index, index)
        self.edited.emit(ValueEdit(path, old, new))
        return True


class _TintDelegate(QStyledItemDelegate):
    """Tints cells that changed; a style sheet draws over the model's own background."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tint = index.data(Qt.ItemDataRole.BackgroundRole)
        super().paint(painter, option, index)
        if isinstance(tint, QBrush):
            painter.fillRect(option.rect, tint)


class RecordTable(QTableView):
    """The table with its keys: headers sort, Ctrl+C copies the selected rows."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = RecordTableModel(self)
        self._model.edited.connect(self.edited)
        self._model.refused.connect(self.refused)
        self.setModel(self._model)
        self.setItemDelegate(_TintDelegate(self))
        self.setAccessibleName("Value as a table")
        polish_table(self, row_numbers=True)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectItems)
        self.setEditTriggers(
            QTableView.EditTrigger.DoubleClicked
            | QTableView.EditTrigger.EditKeyPressed
            | QTableView.EditTrigger.AnyKeyPressed
        )
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    @property
    def value(self) -> list[JsonValue]:
        """The list that is shown, with the edits made in it."""
        return self._model.value

    def set_editable(self, editable: bool, fields: frozenset[str] | None = None) -> None:
        """Whether scalars can be changed in place (double click, F2 or by typing).

        `fields` names the only columns that may be changed.
        """
        self._model.editable = editable
        self._model.fields = fields

    def set_value(
        self, rows: list[JsonValue], changes: Mapping[JsonPath, JsonChange] | None = None
    ) -> None:
        """Show `rows`, as long as they are; columns take the width of the first rows."""
        self._model.set_value(rows, changes)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._take_widths()

    def mark(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        """Mark other changes and leave everything else as it is."""
        self._model.mark(changes)

    def _take_widths(self) -> None:
        header = self.horizontalHeader()
        header.setResizeContentsPrecision(40)
        for column in range(self._model.columnCount()):
            wanted = self.sizeHintForColumn(column) + scaled_px(12)
            least = header.sectionSizeHint(column) + scaled_px(14)
            header.resizeSection(column, min(scaled_px(_WIDEST_PX), max(wanted, least)))

    def selected_text(self) -> str:
        """The selected cells, tabs between columns and lines between rows."""
        lines: dict[int, dict[int, str]] = {}
        for index in self.selectedIndexes():
            text = str(self._model.data(index, Qt.ItemDataRole.EditRole))
            lines.setdefault(index.row(), {})[index.column()] = text
        return "\n".join(
            "\t".join(text for _column, text in sorted(cells.items()))
            for _row, cells in sorted(lines.items())
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.selected_text())
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts and colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._model.take_theme()
