"""The Event log dock: everything that happened, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QTableView, QWidget

from designer.actions.registry import ActionRegistry
from designer.panels.log_model import Column, LogModel
from designer.panels.run_cells import PlainCells
from designer.panels.run_panel import Pace, RunPanel
from designer.runs.engine_client import EngineClient
from designer.runs.log_buffer import Entry, Filter, LogBuffer, News, json_lines, load_records
from designer.runs.run_model import RunModel
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.buttons import ChipButton, IconButton
from designer.widgets.empty_state import EmptyState
from designer.widgets.format import plural
from designer.widgets.search_field import SearchField
from designer.widgets.tables import polish_table

_EMPTY = "Run the workflow (F5) to see events."
_SLOT = "log/events"
#: Lines heard from all runs of this process, for the chip "All runs".
_HEARD = 20_000
_WIDTHS_PX = {
    Column.TIME: 106,
    Column.RUN: 76,
    Column.NODE: 160,
    Column.KIND: 96,
    Column.TEXT: 400,
}
_CHIPS = {
    "errors": "Errors",
    "decisions": "Decisions",
    "commits": "Commits",
    "output": "Output",
}


class LogTable(QTableView):
    """A table that copies lines instead of cells and tells when somebody scrolls by hand."""

    copied = Signal()
    scrolled = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy lines on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit()
        else:
            super().keyPressEvent(event)
            self.scrolled.emit()


class LogPanel(RunPanel):
    """Lines of the run shown, or of all runs that this process drives."""

    #: The key of the node that the chosen line is about: centre it.
    node_activated = Signal(str)

    def __init__(
        self,
        client: EngineClient,
        run_model: RunModel,
        settings: Settings,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(client, run_model, settings, actions, parent)
        self._of_run = LogBuffer()
        self._of_all = LogBuffer(capacity=_HEARD)
        self._early: list[News] = []  # heard while the stored events are read
        self._loading = False
        self._held = 0
        self._behind = False
        self._show_past = False
        self._lines = LogModel(self._title, self)
        self.table = self._make_table()
        self.empty = EmptyState(_EMPTY, icon_name="log", parent=self)
        self.content.addLayout(self._make_bar())
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self.content.addLayout(self._stack, 1)
        self._fresh: list[Entry] = []
        self._lines_pace = Pace(self._add_fresh, self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(0)
        self._settle.timeout.connect(self._after_rows)
        self._connect()
        self._on_run()
        self._on_viewing()

    # --- building -----------------------------------------------------------------------------

    def _make_table(self) -> LogTable:
        table = LogTable(self)
        table.setModel(self._lines)
        table.setAccessibleName("Event log")
        polish_table(table)
        table.setItemDelegate(PlainCells(table))
        table.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        for column, width in _WIDTHS_PX.items():
            table.setColumnWidth(column, scaled_px(width))
        table.setColumnHidden(Column.RUN, True)
        return table

    def _make_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 5, 8, 5)
        bar.setSpacing(5)
        self.search = SearchField("Search the log", self)
        self.search.setMaximumWidth(scaled_px(240))
        bar.addWidget(self.search, 1)
        self.chips: dict[str, ChipButton] = {}
        for name, text in _CHIPS.items():
            chip = ChipButton(text, self)
            chip.toggled.connect(self._refilter)
            self.chips[name] = chip
            bar.addWidget(chip)
        bar.addStretch(1)
        self.note = QLabel(self)
        self.note.setProperty("tone", "small")
        bar.addWidget(self.note)
        self.all_runs = ChipButton("All runs", self)
        self.pause = ChipButton("Pause", self)
        self.follow = ChipButton("Follow", self)
        self.follow.setChecked(True)
        self.copy = IconButton("copy", "Copy the lines shown as JSONL", self)
        for widget in (self.all_runs, self.pause, self.follow, self.copy):
            bar.addWidget(widget)
        return bar

    def _connect(self) -> None:
        self.search.search_changed.connect(self._refilter)
        self.search.left_downwards.connect(self.table.setFocus)
        self.all_runs.toggled.connect(self._on_scope)
        self.pause.toggled.connect(self._on_pause)
        self.follow.toggled.connect(self._on_follow)
        self.copy.clicked.connect(self.copy_lines)
        self.table.copied.connect(self.copy_lines)
        self.table.clicked.connect(self._choose)
        self.table.activated.connect(self._choose)
        bar = self.table.verticalScrollBar()
        bar.actionTriggered.connect(lambda _action: self._scrolled_by_hand())
        self.table.scrolled.connect(self._scrolled_by_hand)
        for moved in (self._lines.rowsInserted, self._lines.modelReset, self._lines.sifted):
            moved.connect(self._on_rows)
        self.client.news.connect(self._on_news)
        self.model.run_changed.connect(self._on_run)
        self.model.viewing_changed.connect(self._on_viewing)

    # --- lines --------------------------------------------------------------------------------

    @property
    def _buffer(self) -> LogBuffer:
        return self._of_all if self.all_runs.isChecked() else self._of_run

    def _title(self, run: str, node: str) -> str:
        return self.model.title_of(node) if run == self.model.run else node

    def _on_run(self) -> None:
        run = self.model.run
        self._of_run.clear()
        self._early = []
        self._loading = run is not None
        self.client.forget(_SLOT)
        if run is not None:
            self.client.read(
                _SLOT,
                load_records,
                self.client.engine,
                run,
                then=self._take_records,
                what="Reading the event log",
            )
        self._refilter()

    def _take_records(self, records: Sequence[News]) -> None:
        self._loading = False
        early, self._early = self._early, []
        self._of_run.add([*records, *early], self.client.now())
        self._of_run.trim()
        if not self.all_runs.isChecked():
            self._refilter()

    def _on_news(self, news: list[News]) -> None:
        run = self.model.run
        ours = [item for item in news if item.run == run]
        if self._loading:
            self._early.extend(ours)
            ours = []
        now = self.client.now()
        added_all = self._of_all.add(news, now)
        added_run = self._of_run.add(ours, now)
        added = added_all if self.all_runs.isChecked() else added_run
        if self.pause.isChecked():
            self._held += len(added)
            self._show_note()
        elif not self.isVisible():
            self._behind = self._stale = True
        else:
            self._fresh.extend(added)
            self._lines_pace.ask()

    def _add_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._lines.add(fresh)
        self._trim()

    def _trim(self) -> None:
        for buffer in (self._of_all, self._of_run):
            if buffer.trim() and buffer is self._buffer:
                self._lines.forget_before(buffer.entries[0].order)
        self._show_note()

    def _refilter(self) -> None:
        kinds = frozenset(name for name, chip in self.chips.items() if chip.isChecked())
        self._held = 0
        self._fresh = []  # what follows shows them too
        self._lines.show(self._buffer.entries, Filter(kinds, self.search.text().strip()))
        self._show_note()

    def _show_note(self) -> None:
        parts: list[str] = []
        if self._held:
            parts.append(f"{self._held:,} new")
        if self._buffer.dropped:
            parts.append(f"{plural(self._buffer.dropped, 'older line')} not kept here")
        self.note.setText(", ".join(parts))
        self.note.setVisible(bool(parts))

    def _on_rows(self) -> None:
        self._settle.start()

    def _after_rows(self) -> None:
        """Once for all rows of a frame: scroll, and say when there is nothing."""
        rows = self._lines.rowCount()
        nothing = not rows and not self._lines.is_sifting
        self._stack.setCurrentWidget(self.empty if nothing else self.table)
        if nothing:
            filtered = bool(self._buffer.entries)
            self.empty.set_text(
                "No line matches the search and the filters." if filtered else _EMPTY
            )
        if self.follow.isChecked() and self.model.is_live:
            self.table.scrollToBottom()
        elif self._show_past and not self._loading and rows:
            self._show_past = False
            row = max(0, self._lines.last_row_of_past())
            self.table.scrollTo(self._lines.index(row, 0), QTableView.ScrollHint.PositionAtCenter)

    # --- switches -----------------------------------------------------------------------------

    def refresh(self, touched: frozenset[str] | None) -> None:
        """Titles come with the workflow; lines come by themselves."""
        if self._behind and not self.pause.isChecked():
            self._behind = False
            self._trim()
            self._refilter()
        elif touched is None:
            self.table.viewport().update()

    def _on_scope(self, on: bool) -> None:
        self.table.setColumnHidden(Column.RUN, not on)
        self._refilter()

    def _on_pause(self, on: bool) -> None:
        self.pause.setText("Paused" if on else "Pause")
        if not on:
            self._trim()
            self._refilter()

    def _on_follow(self, on: bool) -> None:
        if on:
            self.table.scrollToBottom()

    def _scrolled_by_hand(self) -> None:
        # The action has not moved the bar yet; look when it has.
        QTimer.singleShot(0, self, self._look_where)

    def _look_where(self) -> None:
        bar = self.table.verticalScrollBar()
        self.follow.setChecked(bar.value() >= bar.maximum())

    def _on_viewing(self) -> None:
        self._lines.set_past(self.model.run or "", self.model.viewing)
        self._show_past = self.model.viewing is not None
        self._after_rows()

    # --- using --------------------------------------------------------------------------------

    def _choose(self, index: QModelIndex) -> None:
        """Show the node and the moment of a line."""
        if QGuiApplication.keyboardModifiers() & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        ):
            return  # lines are being selected to be copied
        entry = self._lines.entry(index.row())
        self.follow.setChecked(False)
        self._show_moment(entry)
        if entry.node:
            self.node_activated.emit(entry.node)

    def _show_moment(self, entry: Entry) -> None:
        if entry.run != self.model.run:
            self.model.show_run(entry.run, at=entry.commit)
        elif entry.commit is None or (
            self.model.is_live and entry.commit == self.model.last_commit
        ):
            self.model.show_live()
        else:
            self.model.show_commit(entry.commit)

    def copy_lines(self) -> None:
        """Put the selected lines, or all that are shown, on the clipboard as JSONL."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        entries = [self._lines.entry(row) for row in rows] or list(self._lines.shown)
        QGuiApplication.clipboard().setText(json_lines(entries))
