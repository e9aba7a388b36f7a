"""Tells the person what runs ask and how they end: toasts, docks, and where the dialog goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QMainWindow, QWidget

from designer.main_window.docks import Docks
from designer.main_window.notices import Notices, TrayDesktop
from designer.main_window.status import StatusBar
from designer.main_window.tabs import WorkflowTabs
from designer.panels.barrier_dialog import BarrierDialog
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.widgets.format import format_duration
from designer.widgets.kinds import Kind
from designer.widgets.toast import Toast, ToastStack
from engine.run_view import RunView

_ENDS = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where things are said, and where they lead.

    Attributes:
        show_run: shows a run over its workflow.
        show_node: selects a node of the workflow in front.
        show_timeline: gives the keys to the timeline.
    """

    tabs: WorkflowTabs
    docks: Docks
    status: StatusBar
    toasts: ToastStack
    dialog: BarrierDialog
    show_run: Callable[[str], None]
    show_node: Callable[[str], None]
    show_timeline: Callable[[], None]


class Asking(QObject):
    """Joins what the engine tells of requests and ends with what the window shows."""

    def __init__(
        self,
        window: QMainWindow,
        client: EngineClient,
        model: RunModel,
        settings: Settings,
        stage: Stage,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._client = client
        self._model = model
        self._tabs = stage.tabs
        self._docks = stage.docks
        self._status = stage.status
        self._toasts = stage.toasts
        self._dialog = stage.dialog
        self._stage = stage
        self._toast: Toast | None = None
        desktop = TrayDesktop(window)
        self.notices = Notices(desktop, settings, self)
        desktop.clicked.connect(self._on_notice_clicked)
        stage.dialog.set_placement(self.place_dialog)
        client.inbox_changed.connect(self._on_inbox)
        client.request_opened.connect(self._on_request)
        client.run_started.connect(self._on_run_started)
        client.run_ended.connect(self._on_run_ended)

    # --- requests ---------------------------------------------------------------------------

    def _on_inbox(self) -> None:
        count = len(self._client.inbox)
        self._status.set_barriers(count)
        title = f"Barriers ({count})" if count else "Barriers"
        self._docks.dock("barriers").setWindowTitle(title)
        if not count and self._toast is not None and self._toast in self._toasts.toasts:
            self._toast.dismissed.emit(self._toast)

    def _on_request(self, request: object) -> None:
        self._docks.show("barriers")
        name = getattr(request, "request", "")
        self._show_asking_node(request)
        count = len(self._client.inbox)
        record = next((r for r in self._client.inbox if r.request == name), None)
        if record is not None:
            self.notices.decision(name, record.content.title, record.workflow, count)
        self._toast = self._toasts.show_toast(
            "1 decision is waiting" if count < 2 else f"{count} decisions are waiting",
            Kind.WAITING,
            action_text="Show",
            on_action=lambda: self._dialog.open_request(name),
        )

    def _show_asking_node(self, request: object) -> None:
        """Scroll the canvas to the node that asks, if it belongs to the run shown."""
        node, tab = getattr(request, "node", ""), self._tabs.current
        shown = getattr(request, "run", None) == self._model.run
        if shown and tab is not None and node in tab.document.workflow.nodes:
            tab.canvas.reveal(node)

    def _on_notice_clicked(self) -> None:
        """Come to the front, with the question that was asked."""
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.raise_()
        window.activateWindow()
        if self.notices.request:
            self._dialog.open_request(self.notices.request)

    # --- ends -------------------------------------------------------------------------------

    def _on_run_started(self, _run: str) -> None:
        """Show the timeline growing, unless the person looks at something else down there."""
        if self._docks.is_in_front("problems"):
            self._docks.show("checkpoints")

    def _on_run_ended(self, run: str, status: str) -> None:
        """Look how it ended: a short run is over before the window has its view."""
        if status in _ENDS:
            self._client.read(
                f"asking/end/{run}", self._client.engine.view, run,
                then=partial(self._tell_end, run), what="Reading how the run ended",
            )  # fmt: skip

    def _tell_end(self, run: str, view: RunView) -> None:
        if view.status == "completed":
            took = (view.ended_at or view.updated_at) - view.started_at
            words = f"Done in {format_duration(took)}."
            self.notices.ended(view.workflow, words)
            self._toasts.show_toast(
                words,
                Kind.SUCCESS,
                action_text="Open timeline",
                on_action=partial(self._open_timeline, run),
            )
        elif view.status == "failed":
            why = view.error.message if view.error is not None else "The run failed."
            node = view.error.node if view.error is not None else ""
            self.notices.failed(view.workflow, why)
            self._toasts.show_toast(
                why,
                Kind.ERROR,
                action_text="Show the node" if node else "Open timeline",
                on_action=partial(self._open_failure, run, node),
            )
        elif view.status == "cancelled":
            whose = f"The run of {view.workflow}" if view.workflow else "The run"
            self._toasts.show_toast(f"{whose} was cancelled.", Kind.INFO)

    def _open_failure(self, run: str, node: str) -> None:
        if not node:
            self._open_timeline(run)
            return
        self._stage.show_run(run)
        self._stage.show_node(node)
        self._docks.show("inspector")

    def _open_timeline(self, run: str) -> None:
        self._stage.show_run(run)
        self._docks.show("checkpoints")
        self._stage.show_timeline()

    # --- where the dialog goes --------------------------------------------------------------

    def place_dialog(self, size: QSize) -> QPoint:
        """In the corner of the canvas, or where else the node that asks is not covered."""
        canvas: QWidget = self._tabs
        area = QRect(canvas.mapToGlobal(QPoint()), canvas.size())
        right, left = area.right() - size.width() - 16, area.left() + 16
        node = self._place_of_asking_node()
        corners = [QPoint(right, area.top() + 48), QPoint(left, area.top() + 48)]
        if node is not None:
            above, below = node.top() - size.height() - 48, node.bottom() + 48
            corners += [QPoint(right, below), QPoint(right, above)]
            corners += [QPoint(node.right() + 24, area.top()),
                        QPoint(node.left() - size.width() - 24, area.top())]  # fmt: skip
        screen = self._window.screen().availableGeometry().adjusted(0, 0, -8, -40)
        placed = [_within(QRect(corner, size), screen) for corner in corners]
        free = (box for box in placed if node is None or not box.intersects(node))
        return next(free, placed[0]).topLeft()

    def _place_of_asking_node(self) -> QRect | None:
        """Where on the screen the node is that the dialog is about."""
        record, tab = self._dialog.detail.record, self._tabs.current
        if record is None or tab is None or record.node not in tab.document.workflow.nodes:
            return None
        box = tab.canvas.board.rect_of((record.node,))
        tab.canvas.camera.reveal(box)
        seen = tab.canvas.mapFromScene(box).boundingRect()
        return QRect(tab.canvas.viewport().mapToGlobal(seen.topLeft()), seen.size())


def _within(box: QRect, screen: QRect) -> QRect:
    """Move a box so that all of it is on the screen, its title bar first."""
    x = max(screen.left(), min(box.left(), screen.right() - box.width()))
    y = max(screen.top(), min(box.top(), screen.bottom() - box.height()))
    return QRect(QPoint(x, y), box.size())
