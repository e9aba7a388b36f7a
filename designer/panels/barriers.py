"""The Barriers dock: every open request of every run, and the decisions that were made."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QListView,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ActionContext
from designer.panels.barriers_detail import RequestDetail
from designer.panels.barriers_list import (
    Lines,
    LinesDelegate,
    LinesModel,
    decision_lines,
    request_lines,
)
from designer.panels.barriers_verbs import verbs_of
from designer.runs.engine_client import EngineClient
from designer.runs.rows import DecisionRecord, RequestRecord
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ChipButton
from designer.widgets.countdown import shared_ticker
from designer.widgets.empty_state import EmptyState

EMPTY = "Nothing is waiting for you."
#: How long the answer that somebody else gave stays on the screen.
ANSWERED_MS = 3000
#: Narrower than this, the request stands below the list.
_SIDE_BY_SIDE_PX = 640


class RequestList(QListView):
    """The list; Enter and Right lead into the request."""

    entered_request = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go into the request on Enter."""
        inwards = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Right)
        if inwards and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.entered_request.emit()
        else:
            super().keyPressEvent(event)


class BarriersPanel(QWidget):
    """An inbox built for the keyboard: J and Shift+J walk, A approves, R rejects."""

    #: The run and the node of a request: show the run and centre the node.
    node_activated = Signal(str, str)
    #: How many requests are open.
    count_changed = Signal(int)

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
        self._actions = actions
        self._records: list[RequestRecord] = []
        self._row = 0
        self._told_count = 0
        self._syncing = False
        self.detail = RequestDetail(client, self)
        self.rows = LinesModel(self)
        self.past = LinesModel(self)
        self.list = self._make_list(RequestList(self), self.rows, "Open requests")
        self.history = self._make_list(QListView(self), self.past, "Decisions")
        self.empty = EmptyState(EMPTY, icon_name="inbox", parent=self)
        self._goodbye = QTimer(self)
        self._goodbye.setSingleShot(True)
        self._goodbye.setInterval(ANSWERED_MS)
        self._arrange()
        self._connect()
        self._take_inbox()

    # --- building -----------------------------------------------------------------------------

    def _make_list(self, view: QListView, model: LinesModel, name: str) -> QListView:
        view.setModel(model)
        view.setItemDelegate(LinesDelegate(view))
        view.setAccessibleName(name)
        view.setUniformItemSizes(True)
        view.setMouseTracking(True)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        return view

    def _arrange(self) -> None:
        self.open_chip = ChipButton("Open", self)
        self.past_chip = ChipButton("Decided", self)
        group = QButtonGroup(self)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 5, 8, 5)
        for place, chip in enumerate((self.open_chip, self.past_chip)):
            group.addButton(chip)
            bar.addWidget(chip)
            chip.clicked.connect(partial(self._show_page, place))
        bar.addStretch(1)
        self._splitter = QSplitter(Qt.Orientation.Vertical, self)
        self._splitter.addWidget(self.list)
        self._splitter.addWidget(self.detail)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setChildrenCollapsible(False)
        self.list.setMinimumHeight(scaled_px(52))
        self._stack = QStackedWidget(self)
        for page in (self._splitter, self.empty, self.history):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._stack, 1)
        self.open_chip.setChecked(True)
        self.setFocusProxy(self.list)

    def _connect(self) -> None:
        self._client.inbox_changed.connect(self._take_inbox)
        self.list.selectionModel().currentRowChanged.connect(self._on_row)
        assert isinstance(self.list, RequestList)
        self.list.entered_request.connect(self._enter)
        self.detail.node_activated.connect(self.node_activated)
        self.detail.decided.connect(self._on_decided)
        self.detail.answered.connect(self._on_answered)
        self.detail.left.connect(self.focus_list)
        self._goodbye.timeout.connect(self._move_on)
        self._model.run_changed.connect(self.rows.tick)
        shared_ticker().ticked.connect(self.rows.tick)
        # Letters act while the list has the focus, Ctrl+Enter in the whole dock.
        self._actions.attach(ActionContext.BARRIERS, self.list)
        self.addAction(self._actions.action(ActionId.BARRIER_CONFIRM))
        verbs_of(self._actions).add(self, self)

    # --- showing ------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many requests are open."""
        return len(self._records)

    def _take_inbox(self) -> None:
        self._records = list(self._client.inbox)
        self._syncing = True
        self.rows.show([partial(self._request_lines, record) for record in self._records])
        newest_first = list(reversed(self._client.decisions))
        self.past.show([partial(self._decision_lines, decision) for decision in newest_first])
        self._syncing = False
        self._select_shown()
        self._show_page(1 if self.past_chip.isChecked() else 0)
        self._tell_count()

    def _tell_count(self) -> None:
        if self.count != self._told_count:
            self._told_count = self.count
            self.open_chip.setText(f"Open ({self.count:,})" if self.count else "Open")
            self.count_changed.emit(self.count)

    def _request_lines(self, record: RequestRecord) -> Lines:
        title = self._client.titles.get((record.run, record.node), record.node)
        return request_lines(record, title, self._client.now())

    def _decision_lines(self, decision: DecisionRecord) -> Lines:
        return decision_lines(decision, self._client.asked, self._client.now())

    def _show_page(self, place: int) -> None:
        if place == 1:
            self._stack.setCurrentWidget(self.history)
        else:
            busy = self.count or self.detail.record is not None
            self._stack.setCurrentWidget(self._splitter if busy else self.empty)

    def _select_shown(self) -> None:
        """Keep the list on the request that the detail shows; move on when it is gone."""
        shown = self.detail.record
        row = self._row_of(shown.request) if shown is not None else -1
        if row >= 0:
            self._set_row(row)
            self.detail.show_record(self._records[row])
        elif shown is None:
            self._move_on()
        # Otherwise the detail finds out what became of it, says so and lets us know.

    def _row_of(self, request: str) -> int:
        return next(
            (row for row, record in enumerate(self._records) if record.request == request), -1
        )

    def _set_row(self, row: int) -> None:
        self._row = row
        self._syncing = True
        flag = QItemSelectionModel.SelectionFlag
        index = self.rows.index(row, 0)
        self.list.selectionModel().setCurrentIndex(index, flag.ClearAndSelect)
        self.list.scrollTo(index)
        self._syncing = False

    def _move_on(self) -> None:
        """Show the request that is now where the last one was."""
        self._goodbye.stop()
        if not self._records:
            self.detail.show_record(None)
            self._show_page(1 if self.past_chip.isChecked() else 0)
            return
        row = min(self._row, len(self._records) - 1)
        self._set_row(row)
        self.detail.show_record(self._records[row])

    # --- using --------------------------------------------------------------------------------

    def show_request(self, request: str) -> None:
        """Bring that request forward."""
        row = self._row_of(request)
        if row >= 0:
            self.open_chip.setChecked(True)
            self._show_page(0)
            self._set_row(row)
            self.detail.show_record(self._records[row])

    def focus_list(self) -> None:
        """Give the keys to the list of open requests."""
        self.open_chip.setChecked(True)
        self._show_page(0)
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) request."""
        row = self._row + by
        if 0 <= row < len(self._records):
            self._set_row(row)
            self.detail.show_record(self._records[row])

    def _on_row(self, current: QModelIndex) -> None:
        if not self._syncing and current.isValid():
            self._goodbye.stop()
            self._row = current.row()
            self.detail.show_record(self._records[self._row])

    def _enter(self) -> None:
        self.detail.payload.focus_editor()

    def _on_decided(self, request: str, _decision: object) -> None:
        row = self._row_of(request)
        if row >= 0:
            del self._records[row]
            self._syncing = True
            self.rows.show([partial(self._request_lines, record) for record in self._records])
            self._syncing = False
            self._tell_count()
        had_focus = self.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self._move_on()
        if had_focus and self._records:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_answered(self, _record: RequestRecord) -> None:
        self._goodbye.start()

    # --- looks --------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put list and request side by side where there is room."""
        super().resizeEvent(event)
        wide = self.width() >= scaled_px(_SIDE_BY_SIDE_PX)
        wanted = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if wanted != self._splitter.orientation():
            self._splitter.setOrientation(wanted)
            size = self.width() if wide else self.height()
            share = 0.36 if wide else 0.28
            self._splitter.setSizes([round(size * share), round(size * (1 - share))])

    def showEvent(self, event: QShowEvent) -> None:
        """Let the countdowns run while somebody sees them."""
        super().showEvent(event)
        shared_ticker().join(self)
        self.rows.tick()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let them rest while nobody does."""
        super().hideEvent(event)
        shared_ticker().leave(self)
