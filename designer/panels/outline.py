"""The Outline dock: the workflow as a tree of words, the accessible twin of the canvas."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QTreeView, QVBoxLayout, QWidget

from designer.document.document import WorkflowDocument
from designer.panels.palette import icon_of
from designer.widgets.buttons import ChipButton
from designer.widgets.icons import icon
from designer.widgets.search_field import SearchField
from designer.widgets.tables import polish_tree
from engine.model.diagnostics import Severity
from engine.model.node_types import Registry
from engine.model.workflow import Edge, Node
from engine.run_view import NodeView, RunView

_KEY_ROLE = Qt.ItemDataRole.UserRole + 1
_EDGE_ROLE = Qt.ItemDataRole.UserRole + 2
_WORDS = {
    "idle": "not run",
    "ready": "ready",
    "running": "running",
    "waiting": "needs a decision",
    "timer": "waits",
    "retry": "will be tried again",
    "done": "done",
    "recorded": "from checkpoint",
    "failed": "failed",
    "cancelled": "cancelled",
    "skipped": "skipped",
}
_TROUBLE = frozenset({"failed", "waiting", "retry", "timer"})


class OutlineTree(QTreeView):
    """Enter leads to the node."""

    chosen = Signal(str)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = self.currentIndex().data(_KEY_ROLE)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and key:
            self.chosen.emit(str(key))
            return
        super().keyPressEvent(event)


class OutlinePanel(QWidget):
    """Nodes with their states and wires; its selection is the canvas's selection."""

    node_activated = Signal(str)

    def __init__(self, registry: Registry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._registry = registry
        self._document: WorkflowDocument | None = None
        self._view: RunView | None = None
        self._items: dict[str, QStandardItem] = {}
        self._shown: tuple[object, object] = (None, None)
        self._syncing = False
        self.setAccessibleName("Outline")
        self.search = SearchField("Find a node", self)
        self.trouble = ChipButton("Problems, failed, waiting", self)
        self.tree = OutlineTree(self)
        self._model = QStandardItemModel(self)
        self.tree.setModel(self._model)
        self.tree.setHeaderHidden(True)
        self.tree.setSelectionMode(QTreeView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.tree.setAccessibleName("Nodes of the workflow")
        polish_tree(self.tree)
        filters = QHBoxLayout()
        filters.addWidget(self.trouble)
        filters.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addLayout(filters)
        layout.addWidget(self.tree, 1)
        self.setFocusProxy(self.tree)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self._fill)
        self.search.search_changed.connect(lambda _text: self._fill())
        self.trouble.toggled.connect(lambda _on: self._fill())
        self.tree.selectionModel().selectionChanged.connect(self._on_tree)
        self.tree.doubleClicked.connect(
            lambda index: self.node_activated.emit(str(index.data(_KEY_ROLE) or ""))
        )
        self.tree.chosen.connect(self.node_activated)

    def set_document(self, document: WorkflowDocument | None) -> None:
        """Show another document."""
        old = self._document
        if old is not None:
            old.changed.disconnect(self._on_changed)
            old.reset.disconnect(self._later)
            old.diagnostics_changed.disconnect(self._later)
            old.selection.changed.disconnect(self._on_selection)
            old.destroyed.disconnect(self._forget)
        self._document = document
        if document is not None:
            document.changed.connect(self._on_changed)
            document.reset.connect(self._later)
            document.diagnostics_changed.connect(self._later)
            document.selection.changed.connect(self._on_selection)
            document.destroyed.connect(self._forget)
        self._fill()

    def set_run_view(self, view: RunView | None) -> None:
        """Show the states of a run; rows are updated in place."""
        self._view = view
        if self.trouble.isChecked():
            self._later()
            return
        if self._document is None or not self.isVisible():
            return
        for key, item in self._items.items():
            node = self._document.workflow.nodes.get(key)
            if node is not None:
                self._word(item, node)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        self._fill()

    def _forget(self) -> None:
        self._document = None
        self._fill()

    def _on_changed(self, _change: object) -> None:
        """Moving nodes changes neither nodes nor wires: they are the same objects then."""
        if self._document is None:
            return
        workflow = self._document.workflow
        if workflow.nodes is not self._shown[0] or workflow.edges is not self._shown[1]:
            self._later()

    def _later(self, *_: object) -> None:
        if self.isVisible():
            self._soon.start()

    # --- filling ----------------------------------------------------------------------------

    def _fill(self) -> None:
        self._soon.stop()
        self._syncing = True
        closed = {key for key, item in self._items.items() if not self._is_open(item)}
        current = self.tree.currentIndex().data(_KEY_ROLE)
        self._model.clear()
        self._items.clear()
        self._shown = (None, None)
        document = self._document
        if document is not None:
            self._shown = (document.workflow.nodes, document.workflow.edges)
            query = self.search.text().strip().lower()
            leaving: dict[str, list[Edge]] = {}
            for edge in document.workflow.edges:
                leaving.setdefault(edge.source.node, []).append(edge)
            for node in document.workflow.nodes.values():
                if query and query not in f"{node.title} {node.key} {node.type}".lower():
                    continue
                if self.trouble.isChecked() and not self._is_trouble(node):
                    continue
                self._items[node.key] = item = self._node_item(node)
                for edge in leaving.get(node.key, ()):
                    item.appendRow(self._edge_item(edge))
                self._model.appendRow(item)
                self.tree.setExpanded(item.index(), node.key not in closed)
            if current in self._items:
                self.tree.selectionModel().setCurrentIndex(
                    self._items[current].index(), QItemSelectionModel.SelectionFlag.NoUpdate
                )
        self._syncing = False
        self._on_selection()

    def _is_open(self, item: QStandardItem) -> bool:
        return self.tree.isExpanded(item.index()) or not item.hasChildren()

    def _is_trouble(self, node: Node) -> bool:
        if self._document is not None and self._document.problems_of(node.key):
            return True
        view = self._node_view(node.key)
        return view is not None and view.state in _TROUBLE

    def _node_view(self, key: str) -> NodeView | None:
        return self._view.nodes.get(key) if self._view is not None else None

    def _node_item(self, node: Node) -> QStandardItem:
        item = QStandardItem()
        node_type = self._registry.get(node.type)
        item.setIcon(icon(icon_of(node_type) if node_type else "node-generic", "text"))
        item.setData(node.key, _KEY_ROLE)
        self._word(item, node)
        return item

    def _word(self, item: QStandardItem, node: Node) -> None:
        words = [node.title or node.key]
        view = self._node_view(node.key)
        if view is not None:
            words.append(_WORDS.get(view.state, view.state))
        if self._document is not None:
            found = self._document.problems_of(node.key)
            errors = sum(each.severity is Severity.ERROR for each in found)
            if errors:
                words.append(f"{errors} problem{'s' if errors > 1 else ''}")
        text = ", ".join(words)
        if item.text() != text:
            item.setText(text)
            item.setData(f"{text}, {node.type}", Qt.ItemDataRole.AccessibleTextRole)

    def _edge_item(self, edge: Edge) -> QStandardItem:
        target = self._document.workflow.nodes.get(edge.target.node) if self._document else None
        name = (target.title or target.key) if target else edge.target.node
        text = f"{edge.source.port} to {name}" + (f", if {edge.when}" if edge.when else "")
        item = QStandardItem(icon("arrow-right", "muted"), text)
        item.setData(edge.target.node, _KEY_ROLE)
        item.setData(edge.id, _EDGE_ROLE)
        return item

    # --- selection --------------------------------------------------------------------------

    def _on_tree(self, _new: QItemSelection, _old: QItemSelection) -> None:
        if self._syncing or self._document is None:
            return
        keys: list[str] = []
        edges: list[str] = []
        for index in self.tree.selectedIndexes():
            if index.parent().isValid():
                edges.append(str(index.data(_EDGE_ROLE)))
            else:
                keys.append(str(index.data(_KEY_ROLE)))
        self._syncing = True
        self._document.selection.set(nodes=keys, edges=edges)
        self._syncing = False

    def _on_selection(self) -> None:
        if self._syncing or self._document is None:
            return
        self._syncing = True
        model = self.tree.selectionModel()
        model.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for key in self._document.selection.nodes:
            item = self._items.get(key)
            if item is not None:
                model.select(item.index(), flags)
                self.tree.scrollTo(item.index())
        if self._document.selection.edges:
            for item in self._edge_items(self._document.selection.edges):
                model.select(item.index(), flags)
        self._syncing = False

    def _edge_items(self, edges: frozenset[str]) -> list[QStandardItem]:
        rows = [item.child(row) for item in self._items.values() for row in range(item.rowCount())]
        return [row for row in rows if row.data(_EDGE_ROLE) in edges]
