"""Any JSON value as a tree that is built where it is opened, with what changed marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QBrush, QContextMenuEvent, QFont, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QTreeView, QWidget

from designer.theme import current_theme, mono_font, scaled_px
from designer.widgets.icons import pixmap
from designer.widgets.json_value import (
    ChangeKind,
    JsonChange,
    JsonPath,
    JsonValue,
    ValueEdit,
    find_paths,
    is_container,
    json_line,
    json_text,
    members,
    parse_like,
    path_text,
    preview,
    scalar_text,
    with_value,
)
from designer.widgets.tables import polish_tree

Index = QModelIndex | QPersistentModelIndex

#: Members of a container that are made at a time; scrolling asks for more.
CHUNK = 400
#: Rows that are opened when a value is shown, so that small values are seen whole.
OPEN_ROWS = 60

_NO_PARENT = QModelIndex()
_MARK_ICONS = {
    ChangeKind.ADDED: "plus",
    ChangeKind.REMOVED: "minus",
    ChangeKind.CHANGED: "delta",
}


class _Entry:
    """One row: a member of a container. Its children exist once somebody looked."""

    __slots__ = ("children", "key", "keys", "parent", "removed", "row", "value")

    def __init__(
        self, parent: _Entry | None, row: int, key: str | int, value: JsonValue, *, removed: bool
    ) -> None:
        self.parent = parent
        self.row = row
        self.key = key
        self.value = value
        self.removed = removed
        self.children: list[_Entry] = []
        #: The members still to be made, then those already made; None before the first look.
        self.keys: list[tuple[str | int, JsonValue, bool]] | None = None

    def path(self) -> JsonPath:
        parts: list[str | int] = []
        entry: _Entry = self
        while entry.parent is not None:
            parts.append(entry.key)
            entry = entry.parent
        return tuple(reversed(parts))


class JsonTreeModel(QAbstractItemModel):
    """Two columns, key and value. Scalars can be edited when `editable` is set."""

    #: A ValueEdit: a person has changed a scalar; the model already shows it.
    edited = Signal(object)
    #: Why what was typed could not be taken.
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.editable = False
        #: Only what stands under one of these keys may be changed; None means all.
        self.fields: frozenset[str] | None = None
        self._changes: Mapping[JsonPath, JsonChange] = {}
        self._touched: set[JsonPath] = set()
        self._removed: dict[JsonPath, list[tuple[str | int, JsonValue]]] = {}
        self._root = _Entry(None, 0, "", None, removed=False)
        self._value_font = mono_font(scaled_px(12))
        self._gone_font = QFont(self._value_font)
        self.take_theme()

    def take_theme(self) -> None:
        """Take the fonts of a new theme."""
        self._value_font = mono_font(scaled_px(12))
        self._gone_font = QFont(self._value_font)
        self._gone_font.setStrikeOut(True)

    @property
    def value(self) -> JsonValue:
        """The value that is shown, with the edits made in it."""
        return self._root.value

    def mark(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        """Mark other changes of the rows that are there; nothing is opened or closed."""
        self._changes = dict(changes)
        self._touched = {path[:length] for path in changes for length in range(len(path))}
        self._repaint(QModelIndex())

    def _repaint(self, parent: QModelIndex) -> None:
        made = len(self._entry(parent).children)
        if made:
            self.dataChanged.emit(self.index(0, 0, parent), self.index(made - 1, 1, parent))
        for row in range(made):
            if self._entry(parent).children[row].keys is not None:
                self._repaint(self.index(row, 0, parent))

    def set_value(
        self, value: JsonValue, changes: Mapping[JsonPath, JsonChange] | None = None
    ) -> None:
        """Show `value`; `changes` marks paths and brings removed members back as ghosts."""
        self.beginResetModel()
        self._changes = dict(changes or {})
        removed: dict[JsonPath, list[tuple[str | int, JsonValue]]] = defaultdict(list)
        self._touched = set()
        for path, change in self._changes.items():
            self._touched.update(path[:length] for length in range(len(path)))
            if change.kind is ChangeKind.REMOVED and path:
                removed[path[:-1]].append((path[-1], change.old))
        self._removed = dict(removed)
        self._root = _Entry(None, 0, "", value, removed=False)
        self.endResetModel()

    # -- structure ---------------------------------------------------------------------------

    def _entry(self, index: Index) -> _Entry:
        entry = index.internalPointer() if index.isValid() else None
        return entry if isinstance(entry, _Entry) else self._root

    def _look(self, entry: _Entry) -> list[tuple[str | int, JsonValue, bool]]:
        if entry.keys is None:
            entry.keys = [(key, member, False) for key, member in members(entry.value)]
            if not entry.removed:
                gone = sorted(self._removed.get(entry.path(), ()), key=lambda pair: str(pair[0]))
                entry.keys.extend((key, old, True) for key, old in gone)
            self._make(entry, min(CHUNK, len(entry.keys)))
        return entry.keys

    @staticmethod
    def _make(entry: _Entry, until: int) -> None:
        for row in range(len(entry.children), until):
            key, value, removed = (entry.keys or [])[row]
            gone = removed or entry.removed
            entry.children.append(_Entry(entry, row, key, value, removed=gone))

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        """The members made so far."""
        if parent.isValid() and parent.column() > 0:
            return 0
        entry = self._entry(parent)
        self._look(entry)
        return len(entry.children)

    def columnCount(self, parent: Index = _NO_PARENT) -> int:
        """Key and value."""
        return 2

    def hasChildren(self, parent: Index = _NO_PARENT) -> bool:
        """Whether there is anything to open, without making it."""
        if parent.isValid() and parent.column() > 0:
            return False
        entry = self._entry(parent)
        return (is_container(entry.value) and len(entry.value) > 0) or (
            not entry.removed and entry.path() in self._removed
        )

    def canFetchMore(self, parent: Index) -> bool:
        """Whether more members can be made."""
        entry = self._entry(parent)
        return entry.keys is not None and len(entry.children) < len(entry.keys)

    def fetchMore(self, parent: Index) -> None:
        """Make the next members."""
        entry = self._entry(parent)
        until = min(len(entry.keys or ()), len(entry.children) + CHUNK)
        if until > len(entry.children):
            self.beginInsertRows(self._index(entry), len(entry.children), until - 1)
            self._make(entry, until)
            self.endInsertRows()

    def index(self, row: int, column: int, parent: Index = _NO_PARENT) -> QModelIndex:
        """The index of a member."""
        owner = self._entry(parent)
        self._look(owner)
        if not (0 <= row < len(owner.children) and 0 <= column < self.columnCount()):
            return QModelIndex()
        return self.createIndex(row, column, owner.children[row])

    def parent(self, index: Index = _NO_PARENT) -> Any:
        """The index of the container around a member."""
        owner = self._entry(index).parent
        return QModelIndex() if owner is None else self._index(owner)

    def _index(self, entry: _Entry) -> QModelIndex:
        if entry.parent is None:
            return QModelIndex()
        return self.createIndex(entry.row, 0, entry)

    # -- paths -------------------------------------------------------------------------------

    def path(self, index: Index) -> JsonPath:
        """Where the row stands in the value."""
        return self._entry(index).path()

    def value_of(self, index: Index) -> JsonValue:
        """The value of the row; the whole value for an invalid index."""
        return self._entry(index).value

    def index_of(self, path: JsonPath) -> QModelIndex:
        """The row of `path`, making the members on the way; invalid when there is none."""
        index = QModelIndex()
        for part in path:
            entry = self._entry(index)
            keys = self._look(entry)
            row = next((at for at, (key, _value, _gone) in enumerate(keys) if key == part), -1)
            if row < 0:
                return QModelIndex()
            while row >= len(entry.children):
                self.fetchMore(index)
            index = self.createIndex(row, 0, entry.children[row])
        return index

    # -- what a row shows --------------------------------------------------------------------

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The names of the two columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Path", "Value")[section]
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Scalars are editable where that was asked for."""
        flags = super().flags(index)
        entry = self._entry(index)
        scalar = not is_container(entry.value) and not entry.removed
        allowed = self.fields is None or not self.fields.isdisjoint(entry.path())
        if self.editable and allowed and index.column() == 1 and scalar:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colours and marks of a cell."""
        if not index.isValid():
            return None
        entry = self._entry(index)
        roles = Qt.ItemDataRole
        match role:
            case roles.DisplayRole:
                return str(entry.key) if index.column() == 0 else preview(entry.value)
            case roles.EditRole:
                return scalar_text(entry.value)
            case roles.ForegroundRole:
                return self._foreground(entry, index.column())
            case roles.FontRole if index.column() == 1:
                return self._gone_font if entry.removed else self._value_font
            case roles.DecorationRole if index.column() == 0:
                return self._mark(entry)
            case roles.ToolTipRole:
                return self._tip(entry)
            case roles.AccessibleTextRole:
                return self._spoken(entry, index.column())
            case _:
                return None

    def _change(self, entry: _Entry) -> JsonChange | None:
        return self._changes.get(entry.path()) if self._changes else None

    def _mark(self, entry: _Entry) -> Any:
        if not self._changes:
            return None
        change = self._change(entry)
        if change is not None:
            return pixmap(_MARK_ICONS[change.kind], scaled_px(12), change.kind.role, 2.0)
        if entry.path() in self._touched:
            return pixmap("dot", scaled_px(12), "diff_change", 2.0)
        return None

    def _foreground(self, entry: _Entry, column: int) -> QBrush | None:
        theme = current_theme()
        if entry.removed:
            return QBrush(theme.color("muted"))
        if column == 0:
            change = self._change(entry)
            return QBrush(theme.color(change.kind.role)) if change else None
        value = entry.value
        if isinstance(value, str):
            return QBrush(theme.color("code_string"))
        if value is None or isinstance(value, bool):
            return QBrush(theme.color("code_keyword"))
        if isinstance(value, (int, float)):
            return QBrush(theme.color("code_number"))
        return QBrush(theme.color("muted"))

    def _tip(self, entry: _Entry) -> str:
        change = self._change(entry)
        text = path_text(entry.path())
        if change is None:
            return text
        if change.kind is ChangeKind.CHANGED:
            return f"{text}\nbefore: {preview(change.old)}\nnow: {preview(change.new)}"
        return (
            f"{text}\n{change.kind.value}: {preview(change.old if entry.removed else change.new)}"
        )

    def _spoken(self, entry: _Entry, column: int) -> str:
        text = str(entry.key) if column == 0 else preview(entry.value)
        change = self._change(entry)
        return f"{text}, {change.kind.value}" if change is not None else text

    # -- editing -----------------------------------------------------------------------------

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take what was typed over a scalar, in the type that it had."""
        if role != Qt.ItemDataRole.EditRole or not self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        entry = self._entry(index)
        try:
            new = parse_like(entry.value, str(value))
        except ValueError as error:
            self.refused.emit(str(error))
            return False
        old = entry.value
        if json_line(new) == json_line(old):
            return True
        path = entry.path()
        self._root.value = with_value(self._root.value, path, new)
        entry.value = new
        outer: _Entry | None = entry.parent
        while outer is not None and outer.parent is not None:
            # Containers on the way share nothing with the copy: bring their previews along.
            outer.value = with_value(outer.value, path[len(outer.path()) :], new)
            outer = outer.parent
        self.dataChanged.emit(index, index)
        self.edited.emit(ValueEdit(path, old, new))
        return True


class JsonTreeView(QTreeView):
    """The tree with its keys: copy value or path, open a path, find text."""

    edited = Signal(object)
    refused = Signal(str)
    #: The JsonPath of the row that was double-clicked or entered.
    path_activated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = JsonTreeModel(self)
        self._model.edited.connect(self.edited)
        self._model.refused.connect(self.refused)
        self.setModel(self._model)
        self.setAccessibleName("Value as a tree")
        self.setEditTriggers(
            QTreeView.EditTrigger.DoubleClicked | QTreeView.EditTrigger.EditKeyPressed
        )
        polish_tree(self)
        self.header().resizeSection(0, scaled_px(190))
        self.activated.connect(lambda index: self.path_activated.emit(self._model.path(index)))
        self._copy_value = self._add_action("Copy value", self.copy_value)
        self._copy_path = self._add_action("Copy path", self.copy_path)
        self._copy_value.setShortcut(QKeySequence.StandardKey.Copy)
        self._copy_path.setShortcut(QKeySequence("Ctrl+Shift+C"))

    def _add_action(self, text: str, slot: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked=False: slot())
        self.addAction(action)
        return action

    @property
    def value(self) -> JsonValue:
        """The value that is shown, with the edits made in it."""
        return self._model.value

    def set_editable(self, editable: bool, fields: frozenset[str] | None = None) -> None:
        """Whether scalars can be changed in place (double click or F2).

        `fields` names the only keys under which anything may be changed.
        """
        self._model.editable = editable
        self._model.fields = fields

    def set_value(
        self, value: JsonValue, changes: Mapping[JsonPath, JsonChange] | None = None
    ) -> None:
        """Show `value`; what was open and current before stays so where it still exists."""
        was_open = set(self._open_paths())
        current = self._model.path(self.currentIndex())
        self._model.set_value(value, changes)
        still_there = [
            index
            for path in sorted(was_open, key=len)
            if (index := self._model.index_of(path)).isValid()
        ]
        for index in still_there:
            self.expand(index)
        if not still_there:
            self._open_first()
        if current:
            self.setCurrentIndex(self._model.index_of(current))

    def mark(self, changes: Mapping[JsonPath, JsonChange]) -> None:
        """Mark other changes and leave everything else as it is."""
        self._model.mark(changes)

    def _open_paths(self) -> Iterator[JsonPath]:
        pending = [QModelIndex()]
        while pending:
            parent = pending.pop()
            for row in range(self._model.rowCount(parent)):
                index = self._model.index(row, 0, parent)
                if self.isExpanded(index):
                    yield self._model.path(index)
                    pending.append(index)

    def _open_first(self) -> None:
        """Open breadth-first until about `OPEN_ROWS` rows are seen."""
        budget = OPEN_ROWS - self._model.rowCount()
        level = [self._model.index(row, 0) for row in range(min(OPEN_ROWS, self._model.rowCount()))]
        while level and budget > 0:
            below: list[QModelIndex] = []
            for index in level:
                rows = self._model.rowCount(index) if self._model.hasChildren(index) else 0
                if 0 < rows <= budget:
                    budget -= rows
                    self.expand(index)
                    below.extend(self._model.index(row, 0, index) for row in range(rows))
            level = below

    def reveal(self, path: JsonPath) -> bool:
        """Open the way to `path`, select it and scroll to it; False when it is not there."""
        index = self._model.index_of(path)
        if not index.isValid():
            return False
        outer = index.parent()
        while outer.isValid():
            self.expand(outer)
            outer = outer.parent()
        self.setCurrentIndex(index)
        self.scrollTo(index)
        return True

    def find_text(self, needle: str, *, backwards: bool = False) -> bool:
        """Reveal the next row after the current one whose key or value contains `needle`."""
        found = find_paths(self.value, needle) if needle else []
        if not found:
            return False
        current = self._model.path(self.currentIndex())
        at = found.index(current) if current in found else -1 if not backwards else 0
        return self.reveal(found[(at + (-1 if backwards else 1)) % len(found)])

    def copy_value(self) -> None:
        """Put the current row's value on the clipboard: text as it is, the rest as JSON."""
        entry = self._model.data(self.currentIndex(), Qt.ItemDataRole.EditRole)
        value = self.current_value()
        QGuiApplication.clipboard().setText(
            json_text(value) if is_container(value) else entry or ""
        )

    def copy_path(self) -> None:
        """Put the current row's path on the clipboard, as one writes it in an expression."""
        QGuiApplication.clipboard().setText(path_text(self._model.path(self.currentIndex())))

    def current_path(self) -> JsonPath:
        """Where the current row stands in the value; empty without one."""
        return self._model.path(self.currentIndex())

    def current_value(self) -> JsonValue:
        """The value of the current row; the whole value without one."""
        return self._model.value_of(self.currentIndex())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy what is under the mouse."""
        index = self.indexAt(event.pos())
        if not index.isValid():
            return
        self.setCurrentIndex(index)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self._copy_value, self._copy_path])
        menu.popup(event.globalPos())

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts and colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._model.take_theme()
