"""What the person does to the workflow in front, beside drawing on its canvas."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.docks import Docks
from designer.main_window.filing import Filing
from designer.main_window.help import HelpDialog
from designer.main_window.showing import Showing
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.main_window.why import WhyDialog, why_text
from designer.panels.inspector import InspectorPanel
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import NodeType, Registry


class Editing(QObject):
    """Joins the workflow in front with the verbs of the Edit menu and with the panels.

    Attributes:
        why: says what led to a node.
    """

    def __init__(  # noqa: PLR0913 - the parts that a verb may touch
        self,
        window: QMainWindow,
        client: EngineClient,
        model: RunModel,
        registry: Registry,
        *,
        tabs: WorkflowTabs,
        docks: Docks,
        filing: Filing,
        inspector: InspectorPanel,
        showing: Showing,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._client = client
        self._model = model
        self._registry = registry
        self._tabs = tabs
        self._docks = docks
        self._filing = filing
        self._inspector = inspector
        self._showing = showing
        self.why = WhyDialog(window)
        self.why.node_chosen.connect(self._on_why_node)

    @property
    def _tab(self) -> Tab | None:
        return self._tabs.current

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        bind = actions.bind
        bind(A.FILE_EXPORT_PICTURE, self._export_picture, enabled_when=self._has_tab)
        bind(A.FILE_CLOSE_TAB, self._close_tab, enabled_when=self._has_tab)
        bind(A.EDIT_UNDO, self._undo, enabled_when=self._can_undo)
        bind(A.EDIT_REDO, self._redo, enabled_when=self._can_redo)
        bind(A.EDIT_WORKFLOW_SETTINGS, self._workflow_settings, enabled_when=self._has_tab)
        bind(A.APP_HELP, self._show_help, enabled_when=lambda: self._kind_in_front() is not None)
        bind(A.NODE_WHY, self._show_why, enabled_when=self._can_explain)

    def _has_tab(self) -> bool:
        return self._tab is not None

    def _close_tab(self) -> None:
        if self._tabs.current is not None:
            self._filing.close(self._tabs.current)

    def _export_picture(self) -> None:
        if self._tab is not None:
            self._filing.export_picture(self._showing.view_for(self._tab))

    def _undo(self) -> None:
        if self._tab is not None:
            self._tab.document.undo()

    def _redo(self) -> None:
        if self._tab is not None:
            self._tab.document.redo()

    def _can_undo(self) -> bool:
        return self._tab is not None and self._tab.document.undo_stack.canUndo()

    def _can_redo(self) -> bool:
        return self._tab is not None and self._tab.document.undo_stack.canRedo()

    def _workflow_settings(self) -> None:
        if self._tab is not None:
            self._tab.document.selection.clear()
            self._docks.show("inspector", focus=True)

    def insert(self, type_id: str) -> None:
        """Put a node of that type on the canvas, wired to the selected one."""
        if self._tab is None:
            self._filing.new()
        if self._tab is not None:
            selection = self._tab.document.selection
            wired_to = next(iter(selection.nodes)) if len(selection.nodes) == 1 else None
            self._tab.canvas.insert_node(type_id, wired_to=wired_to)

    def go_to_node(self, key: str) -> None:
        """Select a node and bring it into view."""
        if self._tab is not None and key in self._tab.document.workflow.nodes:
            self._tab.document.selection.set(nodes=(key,), current=key)
            self._tab.canvas.reveal(key)

    def show_problem(self, problem: Diagnostic) -> None:
        """Show where a problem is."""
        if problem.node:
            self.go_to_node(problem.node)
        elif self._tab is not None:
            self._tab.document.selection.clear()
        self._docks.show("inspector")
        self._inspector.show_problem(problem)

    def _kind_in_front(self) -> NodeType | None:
        """The type of the node that is selected."""
        tab = self._tabs.current
        key = tab.document.selection.node if tab is not None else None
        node = tab.document.workflow.nodes.get(key) if tab is not None and key else None
        return self._registry.get(node.type) if node is not None else None

    def _show_help(self) -> None:
        kind = self._kind_in_front()
        if kind is not None:
            HelpDialog(kind, self._window).show()

    def _can_explain(self) -> bool:
        tab = self._tabs.current
        return (
            tab is not None
            and bool(tab.document.selection.node)
            and bool(self._showing.view_for(tab))
        )

    def _show_why(self) -> None:
        """Say what led to the selected node, and what has not."""
        tab = self._tabs.current
        view = self._showing.view_for(tab) if tab is not None else None
        key = tab.document.selection.node if tab is not None else None
        if tab is None or view is None or not key:
            return
        workflow = self._model.workflow or tab.document.workflow
        now = self._client.now() if self._model.is_live else view.updated_at
        self.why.show_reasons(why_text(key, workflow, view, now))

    def _on_why_node(self, key: str) -> None:
        self.go_to_node(key)
        self._show_why()
