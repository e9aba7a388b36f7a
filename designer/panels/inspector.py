"""The Inspector dock: what is selected, its settings, its data in the run shown, its JSON."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from designer.document.document import WorkflowDocument
from designer.panels.inspector_bench import Bench
from designer.panels.inspector_json import JsonPage
from designer.panels.inspector_node import NodePage
from designer.panels.inspector_scope import ScopeKey
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.empty_state import EmptyState
from designer.widgets.icons import pixmap
from designer.widgets.kinds import Kind
from engine.model.changes import Change, Compound, RenameNode, SetNode
from engine.model.codec import node_from_json, node_to_json
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import Registry


class LockStrip(QFrame):
    """Says over the form why nothing can be edited."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self._icon = QLabel(self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 6)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.words, 1)
        self.hide()

    def show_reason(self, reason: str) -> None:
        """Show why, or nothing."""
        self.words.setText(reason)
        self.setVisible(bool(reason))
        self.take_theme()

    def take_theme(self) -> None:
        """Draw the icon in the colours of the theme."""
        self._icon.setPixmap(pixmap("lock", scaled_px(15), "text_waiting", self.devicePixelRatioF()))


class InspectorPanel(QWidget):
    """Setup, data and JSON of what is selected; without a selection of the workflow itself."""

    message = Signal(str, Kind)

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        client: EngineClient,
        run_model: RunModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._document: WorkflowDocument | None = None
        self._shown: tuple[str, ...] = ()
        self.bench = Bench(registry, client, run_model, self)
        self.bench.message.connect(self.message)
        self.setAccessibleName("Inspector")
        self.setMinimumWidth(scaled_px(260))
        self.lock_strip = LockStrip(self)
        self.node_page = NodePage(self.bench, self)
        self.nothing = EmptyState("Open a workflow to see its settings.", parent=self)
        self.pages = QStackedWidget(self)
        for page in (self.nothing, _scrolled(self.node_page, self)):
            self.pages.addWidget(page)
        self.json_page = JsonPage(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.pages, "Setup")
        self.tabs.addTab(self.json_page, "JSON")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.lock_strip)
        layout.addWidget(self.tabs, 1)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        for signal in (run_model.changed, run_model.run_changed, run_model.viewing_changed):
            signal.connect(self._later)
        self.refresh()

    # --- what is shown --------------------------------------------------------------------

    def set_document(self, document: WorkflowDocument | None) -> None:
        """Show another document, or none."""
        old = self._document
        if old is not None:
            old.changed.disconnect(self._on_changed)
            old.reset.disconnect(self._later)
            old.diagnostics_changed.disconnect(self._show_problems)
            old.selection.changed.disconnect(self._later)
            old.destroyed.disconnect(self._forget)
        self._document = document
        self.bench.document = document
        if document is not None:
            document.changed.connect(self._on_changed)
            document.reset.connect(self._later)
            document.diagnostics_changed.connect(self._show_problems)
            document.selection.changed.connect(self._later)
            document.destroyed.connect(self._forget)
        self._shown = ()
        self.refresh()

    def show_problem(self, problem: Diagnostic) -> None:
        """Go to the field that a problem is about."""
        self.tabs.setCurrentIndex(0)
        self.refresh()
        if problem.node and self.node_page.node is not None:
            row = self.node_page.reveal(problem.field)
            if row is not None:
                row.setFocus(Qt.FocusReason.OtherFocusReason)
                area = self.pages.currentWidget()
                if isinstance(area, QScrollArea):
                    area.ensureWidgetVisible(row, 0, scaled_px(60))

    def refresh(self) -> None:
        """Show what is selected now."""
        self._soon.stop()
        document = self._document
        if document is None:
            self.pages.setCurrentIndex(0)
            self.lock_strip.show_reason("")
            self.bench.set_scope(None)
            return
        key = document.selection.node
        node = document.workflow.nodes.get(key) if key is not None else None
        shown = ("node", key or "") if node is not None else ("workflow",)
        fresh = shown != self._shown
        self._shown = shown
        if node is not None:
            self.node_page.show_node(node)
            self.pages.setCurrentIndex(1)
        else:
            self.pages.setCurrentIndex(0)
        self._show_json(fresh)
        self._show_problems()
        self._show_lock()
        self._show_scope()

    def _show_json(self, fresh: bool) -> None:
        node = self.node_page.node
        if node is not None:
            self.json_page.show_json(node_to_json(node), self._apply_json, fresh=fresh)

    def _apply_json(self, value: object) -> None:
        node = self.node_page.node
        if node is not None:
            self.bench.push(SetNode(node_from_json(node.key, value)), f"Edit {node.key} as JSON")

    def _show_problems(self) -> None:
        node = self.node_page.node
        if self._document is not None and node is not None:
            self.node_page.set_problems(self._document.problems_of(node.key))

    def _show_lock(self) -> None:
        reason = self.bench.locked
        self.lock_strip.show_reason(reason)
        self.node_page.set_locked(bool(reason))
        self.json_page.set_locked(bool(reason))

    def _show_scope(self) -> None:
        node = self.node_page.node
        model = self.bench.run_model
        view = model.view
        if node is None or view is None or model.run is None:
            self.bench.set_scope(None)
            return
        tasks = {key: str(each.last_task) for key, each in view.nodes.items() if each.last_task}
        key = ScopeKey(
            run=model.run, node=node.key, commit=model.viewing, task=tasks.get(node.key, "")
        )
        self.bench.set_scope(key, tasks)

    # --- hearing --------------------------------------------------------------------------

    def _later(self, *_: object) -> None:
        self._soon.start()

    def _forget(self) -> None:
        self._document = None
        self.bench.document = None
        self._later()

    def _on_changed(self, change: Change) -> None:
        """Follow an edit, undo or redo at once, so that the form never shows what is not so."""
        document, node = self._document, self.node_page.node
        if document is None:
            return
        new = renamed_key(change, node.key) if node is not None else ""
        if node is not None and new != node.key and new in document.workflow.nodes:
            self.node_page.renamed(new)
            document.selection.set(nodes=(new,))
        if document.selection.node is not None:
            self.refresh()
        else:
            self._later()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "node_page"):
            self.node_page.take_theme()
            self.lock_strip.take_theme()


def renamed_key(change: Change, key: str) -> str:
    """What a node is called after a change."""
    if isinstance(change, RenameNode) and change.old == key:
        return change.new
    if isinstance(change, Compound):
        for each in change.changes:
            key = renamed_key(each, key)
    return key


def _scrolled(page: QWidget, parent: QWidget) -> QScrollArea:
    area = QScrollArea(parent)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area
