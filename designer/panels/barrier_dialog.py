"""The barrier dialog: it comes by itself, beside the canvas, and never takes the focus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from shiboken6 import isValid

from designer.actions.registry import ActionRegistry
from designer.actions.spec import ActionContext
from designer.panels.barriers import ANSWERED_MS
from designer.panels.barriers_detail import RequestDetail
from designer.panels.barriers_list import spoken_request
from designer.panels.barriers_verbs import verbs_of
from designer.runs.engine_client import EngineClient
from designer.runs.rows import RequestRecord
from designer.runs.run_model import RunModel
from designer.settings import BarrierView, Settings
from designer.theme import scaled_px
from designer.widgets.buttons import IconButton
from designer.widgets.speech import announce

_SETTLING_MS = 300

Placement = Callable[[QSize], QPoint]


class BarrierDialog(QDialog):
    """Open requests of the run that is shown, one at a time: ``2 of 5``.

    One dialog serves the window for its whole life. It queues requests and never piles up.
    """

    #: The run and the node of the request: centre it.
    node_activated = Signal(str, str)

    def __init__(
        self,
        client: EngineClient,
        run_model: RunModel,
        settings: Settings,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._model = run_model
        self._settings = settings
        self._actions = actions
        self._queue: list[RequestRecord] = []
        self._place = 0
        self._placement: Placement | None = None
        self.setModal(False)
        self.setWindowTitle("Decision needed")
        self.resize(scaled_px(620), scaled_px(560))
        self.detail = RequestDetail(client, self)
        self._goodbye = QTimer(self)
        self._goodbye.setSingleShot(True)
        self._goodbye.setInterval(ANSWERED_MS)
        #: Runs while a window system may still hand the focus to the dialog unasked.
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLING_MS)
        self._was_active: QWidget | None = None
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        self.position = QLabel(self)
        self.position.setProperty("tone", "muted")
        self.previous = IconButton("chevron-left", "Previous request (Shift+J)", self)
        self.following = IconButton("chevron-right", "Next request (J)", self)
        self._bar = QWidget(self)
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(12, 6, 12, 0)
        bar.addStretch(1)
        for widget in (self.previous, self.position, self.following):
            bar.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addWidget(self.detail, 1)

    def _connect(self) -> None:
        self.previous.clicked.connect(partial(self.step, -1))
        self.following.clicked.connect(partial(self.step, 1))
        self._client.request_opened.connect(self._on_opened)
        self._client.inbox_changed.connect(self._on_inbox)
        self.detail.node_activated.connect(self.node_activated)
        self.detail.decided.connect(lambda request, _decision: self._drop(request))
        self.detail.answered.connect(lambda _record: self._goodbye.start())
        self.detail.left.connect(self.close)
        self._goodbye.timeout.connect(self._on_goodbye)
        self._actions.attach(ActionContext.BARRIERS, self)
        verbs_of(self._actions).add(self, self)

    # --- opening ------------------------------------------------------------------------------

    @property
    def queue(self) -> tuple[str, ...]:
        """The ids of the requests in the dialog, in their order."""
        return tuple(str(record.request) for record in self._queue)

    def set_placement(self, placement: Placement | None) -> None:
        """Ask `placement` where on the screen a dialog of a given size does not cover the node."""
        self._placement = placement

    def open_request(self, request: str) -> None:
        """Show a request because the person asked for it; this takes the focus."""
        record = self._client.request(request)
        if record is None:
            return
        self._add(record)
        self._show(next(i for i, each in enumerate(self._queue) if each.request == request))
        if not self.isVisible():
            self._take_place()
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, False)
        self._settling.stop()
        self.show()
        self.raise_()
        self.activateWindow()

    def _on_opened(self, record: RequestRecord) -> None:
        wanted = self._settings.barrier_view == BarrierView.DIALOG
        if not wanted or record.run != self._model.run:
            return
        self._add(record)
        if self.isVisible():
            self._show_position()
        else:
            self._open_quietly()

    def _open_quietly(self) -> None:
        """Appear beside the canvas; the focus stays where it is."""
        self._show(0)
        self._take_place()
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        active = QApplication.activeWindow()
        if active is not None and active.windowType() == Qt.WindowType.Popup:
            active = self.parentWidget()  # completions that were offered are gone by then
        self._was_active = active
        self._settling.start()
        self.show()
        announce(self, self.accessibleName(), assertive=True)

    def event(self, event: QEvent) -> bool:
        """Give the focus back at once where the window system has not asked before taking it."""
        if event.type() == QEvent.Type.WindowActivate and self._settling.isActive():
            self._settling.stop()
            if self._was_active is not None and isValid(self._was_active):
                self._was_active.activateWindow()
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click means it: the dialog may have the focus."""
        self._settling.stop()
        super().mousePressEvent(event)

    def _take_place(self) -> None:
        if self._placement is not None:
            self.move(self._placement(self.size()))
            return
        parent = self.parentWidget()
        if parent is not None:
            window = parent.window()
            corner = window.mapToGlobal(window.rect().topRight())
            self.move(corner - QPoint(self.width() + scaled_px(24), -scaled_px(96)))

    def _add(self, record: RequestRecord) -> None:
        if record.request not in self.queue:
            self._queue.append(record)

    # --- the queue ----------------------------------------------------------------------------

    def _show(self, place: int) -> None:
        self._goodbye.stop()
        self._place = place
        record = self._queue[place]
        self.detail.show_record(record)
        self.setAccessibleName(f"Decision needed: {spoken_request(record, self._client.now())}")
        self._show_position()

    def _show_position(self) -> None:
        several = len(self._queue) > 1
        self._bar.setVisible(several)
        self.position.setText(f"{self._place + 1} of {len(self._queue)}")
        self.previous.setEnabled(self._place > 0)
        self.following.setEnabled(self._place < len(self._queue) - 1)

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) request of the queue."""
        place = self._place + by
        if 0 <= place < len(self._queue):
            self._show(place)

    def _drop(self, request: str) -> None:
        """Take a request out; show the next one, or close when it was the last."""
        self._goodbye.stop()
        shown = self.detail.record
        self._queue = [record for record in self._queue if record.request != request]
        if not self._queue:
            self.close()
        elif shown is not None and shown.request == request:
            self._show(min(self._place, len(self._queue) - 1))
        else:
            self._show_position()

    def _on_goodbye(self) -> None:
        shown = self.detail.record
        if shown is not None:
            self._drop(shown.request)

    def _on_inbox(self) -> None:
        """Forget what was answered elsewhere while it waited in the queue."""
        shown = self.detail.record
        fresh = {str(record.request): record for record in self._client.inbox}
        kept: list[RequestRecord] = []
        for record in self._queue:
            if shown is not None and record.request == shown.request:
                kept.append(record)  # the detail says what became of it
            elif record.request in fresh:
                kept.append(fresh[record.request])
        if len(kept) != len(self._queue):
            self._queue = kept
            if shown is not None and shown.request in self.queue:
                self._place = self.queue.index(str(shown.request))
            self._show_position()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Not now: the requests stay open, and in the dock."""
        self._goodbye.stop()
        self._queue = []
        self.detail.show_record(None)
        parent = self.parentWidget()
        if parent is not None and self.isActiveWindow():
            parent.window().activateWindow()  # its keys work on, whatever the system thinks
        event.accept()  # the base class would ask `reject`, which asks to close

    def reject(self) -> None:
        """Escape: take back what is not confirmed, or close."""
        if self.detail.confirm_bar.isVisible():
            self.detail.disarm()
        else:
            self.close()
