"""The Inspector dock: what is selected, its settings, its data in the run shown, its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from designer.panels.inspector_data import DataPage, Wanted
from designer.panels.inspector_editor import chain_tabs
from designer.panels.inspector_frame import FramePage
from designer.panels.inspector_json import JsonPage
from designer.panels.inspector_node import NodePage, following_wires
from designer.panels.inspector_notes import NotesPage
from designer.panels.inspector_scope import ScopeKey
from designer.panels.inspector_several import EdgePage, ManyPage
from designer.panels.inspector_workflow import WorkflowPage
from designer.runs.engine_client import EngineClient
from designer.runs.rows import EngineError
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.empty_state import EmptyState
from designer.widgets.icons import pixmap
from designer.widgets.kinds import Kind
from engine.model.changes import Change, Compound, RenameNode, ReplaceEdge, SetDocument
from engine.model.codec import (
    edge_from_json,
    edge_to_json,
    node_from_json,
    node_to_json,
    workflow_from_json,
    workflow_to_json,
)
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import Registry
from engine.model.workflow import Node


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
        self._icon.setPixmap(
            pixmap("lock", scaled_px(15), "text_waiting", self.devicePixelRatioF())
        )


Json = Any
Page = NodePage | WorkflowPage | EdgePage | ManyPage | FramePage
_ENDED = frozenset({"done", "recorded", "failed", "cancelled", "skipped"})
_NO_NODE = "Select one node to see what goes in and out."


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is about: ``node``, ``edge``, ``frame``, ``many``, ``workflow``, or nothing."""

    kind: str = ""
    keys: tuple[str, ...] = ()


class InspectorPanel(QWidget):
    """Setup, data and JSON of what is selected; without a selection of the workflow itself."""

    #: Something to tell in a toast.
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
        self._subject = Subject()
        self.bench = Bench(registry, client, run_model, self)
        self.bench.message.connect(self.message)
        self.setAccessibleName("Inspector")
        self.lock_strip = LockStrip(self)
        self.node_page = NodePage(self.bench, self)
        self.workflow_page = WorkflowPage(self.bench, self)
        self.edge_page = EdgePage(self.bench, self)
        self.many_page = ManyPage(self.bench, self)
        self.frame_page = FramePage(self.bench, self)
        self.nothing = EmptyState("Open a workflow to see its settings.", parent=self)
        self.pages = QStackedWidget(self)
        self._places: dict[str, QWidget] = {"": self.nothing}
        for name, page in self._by_name().items():
            self._places[name] = _scrolled(page, self)
        for place in self._places.values():
            self.pages.addWidget(place)
        self.data_page = DataPage(client, self)
        self.notes_page = NotesPage(self.bench, self)
        self.json_page = JsonPage(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.pages, "Setup")
        self.tabs.addTab(self.data_page, "Data")
        self.tabs.addTab(self.notes_page, "Notes")
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
        self._chain_soon = QTimer(self)
        self._chain_soon.setSingleShot(True)
        self._chain_soon.setInterval(0)
        self._chain_soon.timeout.connect(self._chain)
        self.bench.structure_changed.connect(self._chain_soon.start)
        self.tabs.currentChanged.connect(self._later)
        for signal in (run_model.changed, run_model.run_changed, run_model.viewing_changed):
            signal.connect(self._later)
        self.refresh()

    def _by_name(self) -> dict[str, Page]:
        return {
            "node": self.node_page,
            "workflow": self.workflow_page,
            "edge": self.edge_page,
            "many": self.many_page,
            "frame": self.frame_page,
        }

    @property
    def page(self) -> Page | None:
        """The page that Setup shows; None without a document."""
        return self._by_name().get(self._subject.kind)

    # --- what is shown --------------------------------------------------------------------

    def set_document(self, document: WorkflowDocument | None) -> None:
        """Show another document, or none."""
        old = self._document
        if old is document:
            return
        if old is not None:
            old.changed.disconnect(self._on_changed)
            old.reset.disconnect(self._on_reset)
            old.diagnostics_changed.disconnect(self._show_problems)
            old.read_only_changed.disconnect(self._show_lock)
            old.selection.changed.disconnect(self._later)
            old.destroyed.disconnect(self._forget)
        self._document = document
        self.bench.document = document
        if document is not None:
            document.changed.connect(self._on_changed)
            document.reset.connect(self._on_reset)
            document.diagnostics_changed.connect(self._show_problems)
            document.read_only_changed.connect(self._show_lock)
            document.selection.changed.connect(self._later)
            document.destroyed.connect(self._forget)
        self._on_reset()

    def show_problem(self, problem: Diagnostic) -> None:
        """Go to the field that a problem is about."""
        document = self._document
        if document is None:
            return
        kind, _, rest = problem.field.partition(".")
        frame = rest.partition(".")[0] if kind == "frames" else ""
        if any(box.id == frame for box in document.workflow.view.frames):
            document.selection.set(frames=(frame,))
        elif problem.edge and any(edge.id == problem.edge for edge in document.workflow.edges):
            document.selection.set(edges=(problem.edge,))
        elif problem.node in document.workflow.nodes:
            document.selection.set(nodes=(problem.node,))
        self.tabs.setCurrentIndex(0)
        self.refresh()
        row = self.page.reveal(problem.field) if self.page is not None else None
        if row is None:
            return
        row.setFocus(Qt.FocusReason.OtherFocusReason)
        area = self.pages.currentWidget()
        if isinstance(area, QScrollArea):
            self.layout().activate()  # type: ignore[union-attr] # made in __init__
            area.ensureWidgetVisible(row, 0, scaled_px(60))

    def refresh(self) -> None:
        """Show what is selected now."""
        self._soon.stop()
        subject = subject_of(self._document)
        fresh, self._subject = subject != self._subject, subject
        document = self._document
        if document is not None:
            self.bench.owner = f"{document.workflow.id} {subject.kind} {' '.join(subject.keys)}"
            self._show_subject(document, subject)
        self.pages.setCurrentWidget(self._places[subject.kind])
        if fresh:
            self._chain_soon.start()
        self._show_notes()
        self._show_json(fresh)
        self._show_problems()
        self._show_lock()
        self._show_run()

    def _show_subject(self, document: WorkflowDocument, subject: Subject) -> None:
        workflow = document.workflow
        if subject.kind == "node":
            self.node_page.show_node(workflow.nodes[subject.keys[0]])
        elif subject.kind == "edge":
            self.edge_page.show_edge(next(e for e in workflow.edges if e.id == subject.keys[0]))
        elif subject.kind == "frame":
            frames = workflow.view.frames
            self.frame_page.show_frame(next(f for f in frames if f.id == subject.keys[0]))
        elif subject.kind == "many":
            selection = document.selection
            nodes = tuple(n for key, n in workflow.nodes.items() if key in selection.nodes)
            others = len(selection.frames) + len(selection.notes)
            self.many_page.show_many(nodes, len(selection.edges), others)
        else:
            self.workflow_page.show_workflow(workflow)

    # --- parts ----------------------------------------------------------------------------

    @property
    def _node(self) -> Node | None:
        return self.node_page.node if self._subject.kind == "node" else None

    def _show_notes(self) -> None:
        node = self._node
        mark = "Notes •" if node is not None and node.notes.strip() else "Notes"
        self.tabs.setTabText(self.tabs.indexOf(self.notes_page), mark)
        self.notes_page.show_node(node)

    def _show_json(self, fresh: bool) -> None:
        document, kind = self._document, self._subject.kind
        self.tabs.setTabEnabled(
            self.tabs.indexOf(self.json_page), kind in ("node", "edge", "workflow")
        )
        if document is None or self.tabs.currentWidget() is not self.json_page:
            if fresh:
                self.json_page.forget()
            return
        workflow = document.workflow
        if kind == "node" and self._node is not None:
            self.json_page.show_json(node_to_json(self._node), self._apply_json, fresh=fresh)
        elif kind == "edge":
            edge = next(e for e in workflow.edges if e.id == self._subject.keys[0])
            self.json_page.show_json(edge_to_json(edge), self._apply_json, fresh=fresh)
        elif kind == "workflow":
            head = {
                key: value
                for key, value in workflow_to_json(workflow).items()
                if key not in ("nodes", "edges", "view")
            }
            self.json_page.show_json(head, self._apply_json, fresh=fresh)

    def _apply_json(self, value: Json) -> None:
        document, node = self._document, self._node
        if document is None:
            return
        try:
            if node is not None:
                change = following_wires(self.bench, node, node_from_json(node.key, value))
                text = f"Edit {node.title or node.key} as JSON"
            elif self._subject.kind == "edge":
                change = ReplaceEdge(self._subject.keys[0], edge_from_json(value))
                text = "Edit a wire as JSON"
            else:
                whole = workflow_to_json(document.workflow)
                body = {key: whole[key] for key in ("nodes", "edges", "view") if key in whole}
                if not isinstance(value, dict):
                    raise ValueError("The settings of a workflow are an object.")
                change = SetDocument(workflow_from_json({**value, **body}))
                text = "Edit the workflow's settings as JSON"
        except EngineError as error:
            raise ValueError(str(error)) from error
        if not self.bench.push(change, text):
            raise ValueError("The change was refused; the document is as it was.")

    def _show_problems(self) -> None:
        document = self._document
        if document is None:
            return
        found = document.diagnostics
        keys = self._subject.keys
        if self._subject.kind == "node":
            self.node_page.set_problems(tuple(d for d in found if d.node == keys[0] and not d.edge))
        elif self._subject.kind == "edge":
            self.edge_page.set_problems(tuple(d for d in found if d.edge == keys[0]))
        elif self._subject.kind == "frame":
            self.frame_page.set_problems(
                tuple(d for d in found if d.field.startswith(f"frames.{keys[0]}."))
            )
        elif self._subject.kind == "workflow":
            self.workflow_page.set_problems(tuple(d for d in found if not (d.node or d.edge)))

    def _show_lock(self) -> None:
        reason = self.bench.locked
        self.lock_strip.show_reason(reason)
        if self.page is not None:
            self.page.set_locked(bool(reason))
        self.json_page.set_locked(bool(reason))
        self.notes_page.set_locked(bool(reason))

    def _show_run(self) -> None:
        """Say whose values expressions are tried on and the Data tab shows."""
        node, document = self._node, self._document
        model = self.bench.run_model
        view = model.view
        record = model.record
        foreign = record is not None and record.workflow_id != self.bench.workflow.id
        if document is None or view is None or model.run is None or foreign:
            self.bench.set_scope(None)
            self.data_page.show_nothing(_NO_NODE if node is None else "")
            return
        tasks = {key: str(each.last_task) for key, each in view.nodes.items() if each.last_task}
        key = scope_key(self._subject, node, model, tasks, document)
        self.bench.set_scope(key, tasks)
        if self.tabs.currentWidget() is not self.data_page:
            return
        if node is None:
            self.data_page.show_nothing(_NO_NODE)
            return
        waiting = tuple(str(t) for t, e in view.frontier.items() if e.node == node.key)
        task = tasks.get(node.key, "") or next(iter(waiting), "")
        if not task:
            title = node.title or node.key
            self.data_page.show_nothing(f"{title} has not been reached in this run.")
            return
        seen = view.nodes.get(node.key)
        self.data_page.show_task(
            Wanted(
                run=model.run,
                node=node.key,
                task=task,
                commit=model.viewing,
                # A run that failed keeps its open tasks in the frontier, the failed one too.
                is_open=task in view.frontier and (seen is None or seen.state not in _ENDED),
                mark=(seen.done, seen.failed, seen.attempt) if seen is not None else None,
                open_tasks=waiting,
                total=seen.total if seen is not None else 0,
            )
        )

    # --- hearing --------------------------------------------------------------------------

    def _chain(self) -> None:
        """Let Tab visit the fields in the order in which they are seen."""
        if self.page is not None:
            chain_tabs(self.page)

    def _later(self, *_: object) -> None:
        if self.isVisible():
            self._soon.start()

    def _on_reset(self) -> None:
        self._subject = Subject()
        self.node_page.forget()
        self.workflow_page.forget()
        self.edge_page.forget()
        self.many_page.forget()
        self.frame_page.forget()
        self.refresh()

    def _forget(self) -> None:
        self._document = None
        self.bench.document = None
        self._later()

    def _on_changed(self, change: Change) -> None:
        """Follow an edit, undo or redo at once, so that the form never shows what is not so."""
        document, node = self._document, self._node
        if document is None:
            return
        new = renamed_key(change, node.key) if node is not None else ""
        if node is not None and new != node.key and new in document.workflow.nodes:
            self.node_page.renamed(new)
            self._subject = Subject("node", (new,))
            document.selection.set(nodes=(new,))
        if subject_of(document) == self._subject:
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


def subject_of(document: WorkflowDocument | None) -> Subject:
    """What is selected in a document."""
    if document is None:
        return Subject()
    selection, workflow = document.selection, document.workflow
    nodes, edges = selection.nodes, selection.edges
    others = selection.frames | selection.notes
    if len(nodes) == 1 and not edges and not others and nodes <= workflow.nodes.keys():
        return Subject("node", tuple(nodes))
    if len(edges) == 1 and not nodes and not others:
        known = any(edge.id in edges for edge in workflow.edges)
        return Subject("edge", tuple(edges)) if known else Subject("workflow")
    frames = {frame.id for frame in workflow.view.frames}
    if len(others) == 1 and not nodes and not edges and selection.frames & frames:
        return Subject("frame", tuple(others))
    if nodes or edges or others:
        return Subject("many", tuple(sorted(nodes | edges | others)))
    return Subject("workflow")


def scope_key(
    subject: Subject,
    node: Node | None,
    model: RunModel,
    tasks: Mapping[str, str],
    document: WorkflowDocument,
) -> ScopeKey | None:
    """Whose values expressions are tried on; None for nobody's."""
    run = model.run or ""
    if node is not None:
        return ScopeKey(run=run, node=node.key, commit=model.viewing, task=tasks.get(node.key, ""))
    if subject.kind == "edge":
        source = next(e.source for e in document.workflow.edges if e.id == subject.keys[0])
        task = tasks.get(source.node, "")
        return ScopeKey(
            run=run, node=source.node, edge=subject.keys[0], commit=model.viewing, task=task
        )
    return ScopeKey(run=run, node="", commit=model.viewing) if subject.kind == "workflow" else None


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
