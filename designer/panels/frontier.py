"""The Frontier dock: every task that is ready, in flight or parked, and why it is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QStackedLayout, QTableView, QWidget

from designer.actions.registry import ActionRegistry
from designer.panels.frontier_model import Column, FrontierModel
from designer.panels.frontier_rows import Gathering, Joins, key_of
from designer.panels.run_cells import PlainCells
from designer.panels.run_panel import RunPanel
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.countdown import shared_ticker
from designer.widgets.empty_state import EmptyState
from designer.widgets.state_chip import StateChipDelegate
from designer.widgets.tables import polish_table, stretch_column
from engine.model.workflow import Workflow
from engine.run_view import FrontierEntry, RunView

_WIDTHS_PX = {
    Column.STATE: 150,
    Column.NODE: 190,
    Column.PLACE: 120,
    Column.SINCE: 70,
}


class FrontierTable(QTableView):
    """A table whose Enter key does what a double click does."""

    chosen = Signal(QModelIndex)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the current row on Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)


class FrontierPanel(RunPanel):
    """Tasks of the run shown; choosing one leads to its node or to its question."""

    #: The key of a node that was chosen: centre it.
    node_activated = Signal(str)
    #: The id of the request that the chosen task waits for: show it.
    request_activated = Signal(str)

    def __init__(
        self,
        client: EngineClient,
        run_model: RunModel,
        settings: Settings,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(client, run_model, settings, actions, parent)
        self._joins: Joins | None = None
        self._joins_of: Workflow | None = None
        self._table_model = FrontierModel(run_model.title_of, self)
        self.table = self._make_table()
        self.empty = EmptyState("", icon_name="list", parent=self)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self.content.addLayout(self._stack)
        self.setFocusProxy(self.table)
        shared_ticker().ticked.connect(self._tick)

    def _make_table(self) -> FrontierTable:
        table = FrontierTable(self)
        table.setModel(self._table_model)
        table.setAccessibleName("Frontier")
        polish_table(table)
        table.setItemDelegate(PlainCells(table))
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setItemDelegateForColumn(Column.STATE, StateChipDelegate(table))
        for column, width in _WIDTHS_PX.items():
            table.setColumnWidth(column, scaled_px(width))
        stretch_column(table, Column.WHY)
        table.doubleClicked.connect(self._choose)
        table.chosen.connect(self._choose)
        return table

    # --- showing ------------------------------------------------------------------------------

    def refresh(self, touched: frozenset[str] | None) -> None:
        """Show the frontier of the model's view."""
        view = self.model.view
        current = self.table.currentIndex()
        key = key_of(self._table_model.row(current.row())) if current.isValid() else ""
        if self._table_model.show(view, self._gathering(view), self._now()) and key:
            number = self._table_model.number_of(key)
            if number >= 0:
                self.table.setCurrentIndex(self._table_model.index(number, 0))
        rows = self._table_model.rowCount()
        self._stack.setCurrentWidget(self.table if rows else self.empty)
        if not rows:
            self.empty.set_text(_empty_text(view, is_live=self.model.is_live))

    def _gathering(self, view: RunView | None) -> list[Gathering]:
        workflow = self.model.workflow
        if workflow is None or view is None or view.ended_at is not None:
            return []
        if self._joins is None or workflow is not self._joins_of:
            self._joins, self._joins_of = Joins(workflow), workflow
        return self._joins.gathering(view)

    def _now(self) -> float:
        view = self.model.view
        return self.client.now() if self.model.is_live or view is None else view.updated_at

    def _tick(self) -> None:
        if self.model.is_live:
            self._table_model.tick(self._now())

    def showEvent(self, event: QShowEvent) -> None:
        """Let the clocks run while somebody sees them."""
        super().showEvent(event)
        shared_ticker().join(self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Let them rest while nobody does."""
        super().hideEvent(event)
        shared_ticker().leave(self)

    # --- choosing -----------------------------------------------------------------------------

    def _choose(self, index: QModelIndex) -> None:
        row = self._table_model.row(index.row())
        self.node_activated.emit(row.node)
        if isinstance(row, FrontierEntry) and row.request is not None:
            self.request_activated.emit(row.request)


def _empty_text(view: RunView | None, *, is_live: bool) -> str:
    if view is None:
        return "Run the workflow (F5) to see what is ready, running and waiting."
    if not is_live:
        return "Nothing was ready or in flight at this checkpoint."
    if view.ended_at is not None:
        return f"The run is {view.status}: nothing is left to do."
    return "Nothing is ready or in flight."
