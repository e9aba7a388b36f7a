"""The Problems dock: everything that is wrong with the document, and how to mend it."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHeaderView, QStackedLayout, QTableView, QWidget

from designer.document.document import WorkflowDocument
from designer.theme import current_theme, scaled_px
from designer.widgets.empty_state import EmptyState
from designer.widgets.icons import icon
from designer.widgets.tables import polish_table
from engine.model.changes import ChangeRefused
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.mending import Mending, mending

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_LOOK = {
    Severity.ERROR: ("error", "text_failed"),
    Severity.WARNING: ("warning", "text_waiting"),
    Severity.INFO: ("info", "muted"),
}
_HEADERS = ("", "Node", "Problem", "What to do", "")
#: The column that mends a problem at a click.
_FIX = 4
_Index = QModelIndex | QPersistentModelIndex


class ProblemsModel(QAbstractTableModel):
    """One row per diagnostic, errors first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[Diagnostic] = []
        self._titles: dict[str, str] = {}
        self._document: WorkflowDocument | None = None
        self._mended: dict[int, Mending | None] = {}

    def show(
        self,
        found: tuple[Diagnostic, ...],
        titles: dict[str, str],
        document: WorkflowDocument | None = None,
    ) -> None:
        """Show other diagnostics, of a document that may be mended."""
        self.beginResetModel()
        self._document = document
        self._mended = {}
        self._rows = sorted(found, key=lambda d: (_ORDER[d.severity], d.node, d.rule))
        self._titles = titles
        self.endResetModel()

    def at(self, row: int) -> Diagnostic:
        """The diagnostic of a row."""
        return self._rows[row]

    def mending_at(self, row: int) -> Mending | None:
        """What a click on that row would do; None when a person has to choose."""
        document = self._document
        if document is None or document.read_only_reason:
            return None
        if row not in self._mended:  # looked at when it is first painted
            self._mended[row] = mending(document.workflow, document.registry, self._rows[row])
        return self._mended[row]

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return len(_HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        problem = self._rows[index.row()]
        column = index.column()
        if column == _FIX:
            return self._fix(index.row(), role)
        if role == Qt.ItemDataRole.DisplayRole:
            node = self._titles.get(problem.node, problem.node) or "Workflow"
            return ("", node, problem.message, problem.fix)[column]
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return icon(*_LOOK[problem.severity])
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{problem.message}\n{problem.fix}\n{problem.rule}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole and column == 0:
            return str(problem.severity)
        return None

    def _fix(self, row: int, role: int) -> object:
        found = self.mending_at(row)
        if found is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return "Fix"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return found.words
        if role == Qt.ItemDataRole.ForegroundRole:
            return current_theme().color("accent")
        return None


class ProblemsTable(QTableView):
    """Enter goes to the problem, Ctrl+Enter mends it, Ctrl+C copies it."""

    chosen = Signal(int)
    mended = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0:
            mends = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            (self.mended if mends else self.chosen).emit(row)
        elif event.matches(QKeySequence.StandardKey.Copy) and row >= 0:
            model = self.model()
            words = [str(model.index(row, column).data()) for column in (1, 2, 3)]
            QGuiApplication.clipboard().setText(": ".join(word for word in words if word))
        else:
            super().keyPressEvent(event)


class ProblemsPanel(QWidget):
    """The diagnostics of the document in front."""

    #: A Diagnostic that the person chose: show the place.
    problem_activated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: WorkflowDocument | None = None
        self.setAccessibleName("Problems")
        self._rows = ProblemsModel(self)
        self.table = ProblemsTable(self)
        self.table.setModel(self._rows)
        polish_table(self.table)
        self.table.setAccessibleName("Problems of the workflow")
        for column, width in ((0, 34), (1, 150), (3, 280), (_FIX, 56)):
            self.table.setColumnWidth(column, scaled_px(width))
        header = self.table.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.empty = EmptyState("Nothing is wrong with this workflow.", icon_name="check")
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self.setFocusProxy(self.table)
        self.table.doubleClicked.connect(self._double_clicked)
        self.table.clicked.connect(self._clicked)
        self.table.chosen.connect(self._choose)
        self.table.mended.connect(self._mend)
        self._refresh()

    @property
    def count(self) -> int:
        """How many problems are listed."""
        return self._rows.rowCount()

    def set_document(self, document: WorkflowDocument | None) -> None:
        """Show the problems of another document."""
        if self._document is not None:
            self._document.diagnostics_changed.disconnect(self._refresh)
            self._document.destroyed.disconnect(self._forget)
        self._document = document
        if document is not None:
            document.diagnostics_changed.connect(self._refresh)
            document.destroyed.connect(self._forget)
        self._refresh()

    def _forget(self) -> None:
        self._document = None
        self._refresh()

    def _refresh(self) -> None:
        document = self._document
        row = self.table.currentIndex().row()
        current = self._rows.at(row) if 0 <= row < self._rows.rowCount() else None
        if document is None:
            self._rows.show((), {})
            self.empty.set_text("Open a workflow to see its problems.")
        else:
            nodes = document.workflow.nodes.values()
            titles = {n.key: n.title or n.key for n in nodes}
            self._rows.show(document.diagnostics, titles, document)
            self.empty.set_text("Nothing is wrong with this workflow.")
        if current is not None:
            self._go_to(current)
        self._stack.setCurrentWidget(self.table if self._rows.rowCount() else self.empty)

    def _go_to(self, problem: Diagnostic) -> None:
        """Stay at a problem while others come and go; at its place when it is mended."""
        rows = range(self._rows.rowCount())
        row = next((row for row in rows if self._rows.at(row) == problem), None)
        if row is not None:
            self.table.setCurrentIndex(self._rows.index(row, 2))

    def _choose(self, row: int) -> None:
        if 0 <= row < self._rows.rowCount():
            self.problem_activated.emit(self._rows.at(row))

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() != _FIX:
            self._choose(index.row())

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == _FIX:
            self._mend(index.row())

    def _mend(self, row: int) -> None:
        """Do what the row offers, as one step that can be undone."""
        document = self._document
        found = self._rows.mending_at(row)
        if document is None or found is None:
            return
        try:
            document.push(found.change, found.words)
        except ChangeRefused:
            document.validate_now()  # the document has changed since it was checked
            return
        document.validate_now()
