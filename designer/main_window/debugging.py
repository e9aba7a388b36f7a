"""Breakpoints: set on the canvas, kept with the person's settings, handed to the runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.breakpoint_dialog import BreakpointDialog
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.runs.engine_client import EngineClient
from designer.runs.rows import Breakpoint
from designer.runs.run_model import RunModel
from designer.settings import Settings
from engine.model.changes import Change, Compound, RenameNode
from engine.model.workflow import Workflow

Json = Any
#: Breakpoints mean nothing any more to a run in one of these.
_OVER = ("", "completed", "failed", "cancelled")


class Debugging(QObject):
    """The person's breakpoints in every document that is open.

    They are theirs: they are in no document, and a document from somebody else has none.
    """

    #: The run shown is paused at a node: its key, and why in words.
    stopped = Signal(str, str)

    def __init__(
        self,
        window: QWidget,
        tabs: WorkflowTabs,
        client: EngineClient,
        model: RunModel,
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._tabs = tabs
        self._client = client
        self._model = model
        self._settings = settings
        self._known: dict[str, dict[str, Breakpoint]] = {}
        client.run_stopped.connect(self._on_stopped)

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        actions.bind(A.DEBUG_BREAKPOINT, self.toggle, enabled_when=self.can_toggle)
        actions.bind(A.DEBUG_CONDITION, self.edit, enabled_when=self.can_toggle)
        actions.bind(A.DEBUG_CLEAR_BREAKPOINTS, self.clear, enabled_when=self.can_clear)

    # --- what there is ----------------------------------------------------------------------

    def points(self, workflow: Workflow) -> tuple[Breakpoint, ...]:
        """The breakpoints at nodes that the workflow has."""
        return tuple(p for p in self._of(workflow.id).values() if p.node in workflow.nodes)

    def can_toggle(self) -> bool:
        """Whether nodes are selected that may have breakpoints."""
        return bool(self._selected())

    def can_clear(self) -> bool:
        """Whether the document in front has breakpoints."""
        tab = self._tabs.current
        return tab is not None and bool(self._of(tab.document.workflow.id))

    def _of(self, document: str) -> dict[str, Breakpoint]:
        found = self._known.get(document)
        if found is None:
            found = self._known[document] = _read(self._settings.breakpoints_of(document))
        return found

    def _selected(self) -> tuple[str, ...]:
        tab = self._tabs.current
        if tab is None or tab.pinned:
            return ()
        return tuple(k for k in tab.document.selection.nodes if k in tab.document.workflow.nodes)

    # --- verbs ------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Stop before the selected nodes, or no longer at them when all have a breakpoint."""
        tab, nodes = self._tabs.current, self._selected()
        if tab is None or not nodes:
            return
        points = self._of(tab.document.workflow.id)
        if all(node in points for node in nodes):
            for node in nodes:
                del points[node]
        else:
            points.update({n: Breakpoint(node=n) for n in nodes if n not in points})
        self._changed(tab)

    def edit(self) -> None:
        """Ask where and when to stop at the selected node."""
        tab, nodes = self._tabs.current, self._selected()
        if tab is None or not nodes:
            return
        node = tab.document.workflow.nodes[nodes[0]]
        points = self._of(tab.document.workflow.id)
        dialog = BreakpointDialog(
            points.get(node.key, Breakpoint(node=node.key)),
            node.title or node.key,
            self._window,
            exists=node.key in points,
        )

        def take() -> None:
            wanted = dialog.wanted
            if wanted is None:
                points.pop(node.key, None)
            else:
                points[node.key] = wanted
            self._changed(tab)

        dialog.accepted.connect(take)
        dialog.open()

    def clear(self) -> None:
        """Stop nowhere any more in the document in front."""
        tab = self._tabs.current
        if tab is not None:
            self._of(tab.document.workflow.id).clear()
            self._changed(tab)

    # --- documents and runs -----------------------------------------------------------------

    def watch(self, tab: Tab) -> None:
        """Show the breakpoints of a new tab, and let them follow nodes that are renamed."""
        if not tab.pinned:
            tab.document.changed.connect(lambda change: self._follow(tab, change))
            self._show(tab)

    def _on_stopped(self, run: str, node: str) -> None:
        if run == self._model.run:
            self.stopped.emit(node, self._model.status_text)

    def _follow(self, tab: Tab, change: Change) -> None:
        points = self._of(tab.document.workflow.id)
        renamed = False
        for old, new in _renames(change):
            point = points.pop(old, None)
            if point is not None:
                points[new] = Breakpoint(node=new, at=point.at, condition=point.condition)
                renamed = True
        if renamed:
            self._changed(tab)
        elif points:
            self._show(tab)

    def _show(self, tab: Tab) -> None:
        found = self.points(tab.document.workflow)
        tab.canvas.set_breakpoints({point.node: _words(point) for point in found})

    def _changed(self, tab: Tab) -> None:
        workflow = tab.document.workflow
        points = self._of(workflow.id)
        self._settings.set_breakpoints_of(workflow.id, _written(points))
        self._show(tab)
        self._tell_run(workflow)

    def _tell_run(self, workflow: Workflow) -> None:
        """Let the run that is shown stop there too, while it goes on."""
        run, record, pinned = self._model.run, self._model.record, self._model.workflow
        live = self._model.live
        if run is None or record is None or live is None or record.workflow_id != workflow.id:
            return
        if live.status in _OVER or not self._client.is_driven(run):
            return
        points = self.points(pinned or workflow)
        self._client.spawn(self._client.set_breakpoints(run, points), "Setting breakpoints")


def _words(point: Breakpoint) -> str:
    places = {"before": "before it starts", "after": "after it has finished"}
    text = places.get(point.at, "when it fails")
    return f"{text}, if {point.condition}" if point.condition else text


def _renames(change: Change) -> Iterator[tuple[str, str]]:
    if isinstance(change, RenameNode):
        yield change.old, change.new
    elif isinstance(change, Compound):
        for each in change.changes:
            yield from _renames(each)


def _read(text: str) -> dict[str, Breakpoint]:
    """The breakpoints that `_written` made a text of; what cannot be read counts as none."""
    try:
        rows = json.loads(text or "[]")
        found = [Breakpoint(node=row[0], at=row[1], condition=row[2]) for row in rows]
    except (ValueError, TypeError, LookupError):
        return {}
    return {point.node: point for point in found if point.at in ("before", "after", "error")}


def _written(points: dict[str, Breakpoint]) -> str:
    rows = [[point.node, point.at, point.condition] for point in points.values()]
    return json.dumps(rows) if rows else ""
