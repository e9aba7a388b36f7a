"""Runs that call runs in the window: into a called run and back, events, and ending a part."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMainWindow, QMenu

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.main_window.crumbs import Crumbs
from designer.main_window.event_dialog import EventDialog
from designer.main_window.showing import Showing
from designer.main_window.tabs import WorkflowTabs
from designer.runs.calls import Calls, Part, listening, parts_of, read_calls, read_run
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.runs.words import short_run
from designer.widgets.kinds import Kind
from engine.model.node_types import Registry
from engine.model.revision import revision_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from designer.runs.rows import RunRecord, Workflow
    from engine.run_view import RunView

_OVER = ("", "completed", "failed", "cancelled")


class Calling(QObject):
    """Leads from a run to those that it has called and back, and speaks to parts of a run."""

    message = Signal(str, object)

    def __init__(
        self,
        window: QMainWindow,
        client: EngineClient,
        model: RunModel,
        registry: Registry,
        *,
        tabs: WorkflowTabs,
        crumbs: Crumbs,
        showing: Showing,
        go_to_node: Callable[[str], None],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._client = client
        self._model = model
        self._registry = registry
        self._tabs = tabs
        self._crumbs = crumbs
        self._showing = showing
        self._go_to_node = go_to_node
        self._calls: Calls | None = None
        self._actions: ActionRegistry | None = None
        crumbs.run_wanted.connect(self.open_run)
        model.run_changed.connect(self._look)
        client.runs_changed.connect(self._look)

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        self._actions = actions
        actions.bind(A.VIEW_INTO_SUBFLOW, self.into, enabled_when=self.can_go_into)
        actions.bind(A.VIEW_OUT_OF_SUBFLOW, self.out, enabled_when=self.can_go_out)
        actions.bind(A.RUN_SEND_EVENT, self.send_event)
        actions.bind(A.NODE_CANCEL, self.cancel_part, enabled_when=self.can_cancel_part)

    # --- into a called run, and out ----------------------------------------------------------

    def called_by(self, key: str) -> str | None:
        """The run that a node of the run shown has called last."""
        tab = self._tabs.current
        view = self._showing.view_for(tab) if tab is not None else None
        node = view.nodes.get(key) if view is not None else None
        return str(node.child) if node is not None and node.child is not None else None

    def can_go_into(self) -> bool:
        """Whether the selected node has called a run."""
        key = self._selected()
        return key is not None and self.called_by(key) is not None

    def can_go_out(self) -> bool:
        """Whether the run shown was called by another one."""
        return self._calls is not None and bool(self._calls.callers)

    def into(self) -> None:
        """Show the run that the selected node has called."""
        key = self._selected()
        run = self.called_by(key) if key is not None else None
        if run is not None:
            self.open_run(run)

    def out(self) -> None:
        """Show the run that called the one that is shown, at the node that did."""
        if self._calls is not None and self._calls.callers:
            record, task = self._calls.callers[-1]
            self.open_run(str(record.run), task.split("@", 1)[0].split("#", 1)[0])

    def open_run(self, run: str, node: str = "") -> None:
        """Show a run over its own workflow, in a tab of its own if it is not open."""
        self._client.read(
            "calling/run",
            read_run,
            self._client.engine,
            run,
            then=lambda found: self._show(*found, node),
            what=f"Opening run {short_run(run)}",
        )

    def _show(self, record: RunRecord, workflow: Workflow, node: str) -> None:
        run = str(record.run)
        for tab in self._tabs:
            shown = tab.document.workflow
            if shown.id != workflow.id:
                continue
            if not tab.pinned or revision_hash(shown, self._registry) == record.revision:
                tab.run = run
                self._tabs.show_tab(tab)
                self._model.show_run(run)
                break
        else:
            self._showing.open_pinned(workflow, run)
        if node:
            self._go_to_node(node)

    def _look(self) -> None:
        """See who has called the run shown, and whom it has called."""
        run = self._model.run
        if run is None:
            self._client.forget("calling/calls")
            self._take(None)
            return
        if self._calls is not None and str(self._calls.record.run) != run:
            self._take(None)
        self._client.read(
            "calling/calls",
            read_calls,
            self._client.engine,
            run,
            then=self._take,
            what="Reading which runs called one another",
        )

    def _take(self, calls: Calls | None) -> None:
        if calls is not None and str(calls.record.run) != self._model.run:
            return
        if calls != self._calls:
            self._calls = calls
            self._crumbs.show_calls(calls)
            if self._actions is not None:
                self._actions.refresh((A.VIEW_INTO_SUBFLOW, A.VIEW_OUT_OF_SUBFLOW))

    def _selected(self) -> str | None:
        tab = self._tabs.current
        return tab.document.selection.node if tab is not None else None

    # --- events -------------------------------------------------------------------------------

    def send_event(self) -> None:
        """Ask which event to send, with the names that runs listen for now."""
        self._client.read(
            "calling/listening",
            listening,
            self._client.engine,
            then=self._ask_event,
            what="Looking who listens",
        )

    def _ask_event(self, names: Mapping[str, tuple[str, ...]]) -> None:
        live = self._model.live
        over = live is None or live.status in _OVER
        dialog = EventDialog(names, None if over else self._model.run, self._window)

        def send() -> None:
            name, payload, run = dialog.wanted
            self._client.spawn(self._send(name, payload, run), "Sending the event")

        dialog.accepted.connect(send)
        dialog.open()

    async def _send(self, name: str, payload: object, run: str | None) -> None:
        await self._client.signal(name, payload, run=run)
        to = f"run {short_run(run)}" if run else "every run that listens"
        self.message.emit(f"The event {name} was sent to {to}.", Kind.SUCCESS)

    # --- ending a part ------------------------------------------------------------------------

    def _busy(self) -> tuple[RunView, str] | None:
        """The run shown as it is now, and the selected node, while something of it goes on."""
        key, live, tab = self._selected(), self._model.live, self._tabs.current
        shown = self._showing.view_for(tab) if tab is not None else None
        if key is None or live is None or shown is not live or live.status in _OVER:
            return None
        node = live.nodes.get(key)
        return (live, key) if node is not None and node.active else None

    def can_cancel_part(self) -> bool:
        """Whether something of the selected node is going on in the run shown."""
        return self._busy() is not None

    def cancel_part(self) -> None:
        """Cancel what the selected node does; of several tasks, ask which."""
        busy = self._busy()
        parts = parts_of(*busy, self._model.title_of(busy[1])) if busy is not None else []
        if len(parts) == 1:
            self._cancel(parts[0])
        elif parts:
            menu = QMenu(self._window)
            for part in parts:
                menu.addAction(part.words.replace("&", "&&"), partial(self._cancel, part))
            menu.popup(QCursor.pos() + QPoint(2, 2))
            menu.aboutToHide.connect(menu.deleteLater)

    def _cancel(self, part: Part) -> None:
        run = self._model.run
        if run is not None:
            self._client.spawn(self._client.cancel_part(run, part), f"Cancelling {part.words}")
