"""The Checkpoints dock: the timeline, every commit, and the three ways to use an old one.

*Viewing* a checkpoint runs nothing. *Replay recorded* makes the commits again from what was
recorded and compares; nothing outside is touched. *Run again from here* starts a new run.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ActionContext
from designer.panels.checkpoints_fork import ForkDialog
from designer.panels.checkpoints_table import Column, CommitTable
from designer.panels.checkpoints_timeline import TimelineView
from designer.panels.compare import CompareDialog, other_side
from designer.panels.run_cells import PlainCells
from designer.panels.run_panel import Pace, RunPanel
from designer.runs.comparison import Side
from designer.runs.engine_client import EngineClient
from designer.runs.rows import ReplayReport
from designer.runs.run_model import RunModel
from designer.runs.words import clock_text, short_run
from designer.settings import Settings
from designer.theme import scaled_px
from designer.widgets.banner import BannerArea
from designer.widgets.buttons import ButtonKind, ButtonSpec, ChipButton, IconButton, TextButton
from designer.widgets.elided_label import ElidedLabel
from designer.widgets.empty_state import EmptyState
from designer.widgets.format import plural
from designer.widgets.kinds import Kind
from designer.widgets.tables import polish_table, stretch_column

_EMPTY = "Each finished step leaves a checkpoint here; you can go back to it."
_WIDTHS_PX = {
    Column.NUMBER: 100,
    Column.TIME: 110,
    Column.STATUS: 100,
    Column.CHANGED: 180,
}
#: Lanes that are seen without scrolling.
_LANES_SEEN = 5
_REPORT = "replay"


class CheckpointsPanel(RunPanel):
    """Commits of the run shown and of its forks; choosing one shows that moment everywhere."""

    #: The id of a run that was chosen or started here; it is shown already.
    run_activated = Signal(str)
    #: The key of a node that was chosen in a comparison.
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
        self._syncing = False
        self.fork_dialog: ForkDialog | None = None
        self.compare_dialog: CompareDialog | None = None
        self.timeline = TimelineView(run_model, self)
        self.timeline.lane_chosen.connect(self._on_lane)
        self._commits = CommitTable(run_model.title_of, self)
        self.table = self._make_table()
        self.banners = BannerArea(self)
        self.empty = EmptyState(_EMPTY, icon_name="checkpoint", parent=self)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._make_page())
        self._stack.addWidget(self.empty)
        self.content.addLayout(self._stack)
        self._bind()
        self._lanes_pace = Pace(self._on_lanes, self)
        run_model.lanes_changed.connect(self._lanes_pace.ask)
        run_model.viewing_changed.connect(self._on_lanes)
        run_model.run_changed.connect(self._on_run)
        self._on_lanes()

    # --- building -----------------------------------------------------------------------------

    def _make_page(self) -> QWidget:
        page = QWidget(self)
        lanes = QScrollArea(page)
        lanes.setWidgetResizable(True)
        lanes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        lanes.setWidget(self.timeline)
        self._lanes_area = lanes
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_bar())
        layout.addWidget(self.banners)
        layout.addWidget(lanes)
        layout.addWidget(self.table, 1)
        return page

    def _make_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 5, 8, 5)
        bar.setSpacing(4)
        self.steps = {}
        for name, text, step in (
            ("first", "First checkpoint", self.model.show_first),
            ("chevron-left", "Previous checkpoint", partial(self.model.step_commit, -1)),
            ("chevron-right", "Next checkpoint", partial(self.model.step_commit, 1)),
            ("last", "Last checkpoint", self.model.show_last),
        ):
            button = IconButton(name, text, self)
            button.clicked.connect(lambda _checked=False, step=step: step())
            self.steps[name] = button
            bar.addWidget(button)
        self.follow = ChipButton("Follow", self)
        self.follow.setToolTip("Show the run as it goes on; off while an old checkpoint is shown")
        self.follow.clicked.connect(self._toggle_follow)
        self.place = ElidedLabel(self)
        self.place.setProperty("tone", "muted")
        self.replay = TextButton("Replay recorded", ButtonKind.NORMAL, "replay", self)
        self.replay.setToolTip(
            "Make every commit again from the recorded outputs and compare. Nothing is run, "
            "nobody is asked, nothing outside is touched."
        )
        self.replay.clicked.connect(self.start_replay)
        self.fork = TextButton("Run again from here…", ButtonKind.NORMAL, "fork", self)
        self.fork.setToolTip(
            "Start a new run at this checkpoint. It really runs: side effects happen again."
        )
        self.fork.clicked.connect(self.open_fork)
        bar.addSpacing(4)
        bar.addWidget(self.follow)
        bar.addSpacing(6)
        self.compare = IconButton("compare", "Compare with…", self)
        self.compare.clicked.connect(self.open_compare)
        bar.addWidget(self.place, 1)
        bar.addWidget(self.compare)
        bar.addWidget(self.replay)
        bar.addWidget(self.fork)
        return bar

    def _make_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self._commits)
        table.setAccessibleName("Checkpoints")
        polish_table(table)
        table.setItemDelegate(PlainCells(table))
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        for column, width in _WIDTHS_PX.items():
            table.setColumnWidth(column, scaled_px(width))
        stretch_column(table, Column.TASKS)
        table.selectionModel().currentRowChanged.connect(self._on_row)
        table.clicked.connect(self._on_clicked)
        return table

    def _bind(self) -> None:
        registry, model = self.actions_registry, self.model
        has_commits = self._has_commits
        for verb, callback in (
            (ActionId.HISTORY_PREVIOUS, partial(model.step_commit, -1)),
            (ActionId.HISTORY_NEXT, partial(model.step_commit, 1)),
            (ActionId.HISTORY_FIRST, model.show_first),
            (ActionId.HISTORY_LAST, model.show_last),
            (ActionId.HISTORY_TIMELINE, self.focus_timeline),
            (ActionId.HISTORY_FORK, self.open_fork),
            (ActionId.HISTORY_REPLAY, self.start_replay),
            (ActionId.HISTORY_COMPARE, self.open_compare),
        ):
            registry.bind(verb, callback, enabled_when=has_commits)
        registry.bind(
            ActionId.HISTORY_FOLLOW,
            self._toggle_follow,
            enabled_when=has_commits,
            checked_when=lambda: model.is_live,
        )
        registry.attach(ActionContext.TIMELINE, self)

    def _has_commits(self) -> bool:
        return bool(self.model.commits)

    # --- showing ------------------------------------------------------------------------------

    def refresh(self, touched: frozenset[str] | None) -> None:
        """Say where the shown moment is."""
        self._show_place()

    def _on_run(self) -> None:
        self.banners.dismiss(_REPORT)
        self._on_lanes()

    def _on_lanes(self) -> None:
        model = self.model
        has_commits = self._has_commits()
        self._stack.setCurrentIndex(0 if has_commits else 1)
        self._syncing = True
        self._commits.show(model.lane, model.shown_commit)
        row = self._commits.row_of(model.shown_commit)
        if row >= 0 and self.table.currentIndex().row() != row:
            index = self._commits.index(row, 0)
            flag = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self.table.scrollTo(index)
        self._syncing = False
        rows = min(_LANES_SEEN, max(1, len(model.lanes)))
        height = self.timeline.sizeHint().height() * rows // max(1, len(model.lanes))
        self._lanes_area.setFixedHeight(height + 6)
        self.follow.setChecked(model.is_live)
        self._show_place()
        self.actions_registry.refresh(_VERBS)

    def _show_place(self) -> None:
        model = self.model
        here, last = model.shown_commit, max(model.last_commit, 0)
        if here < 0:
            self.place.show_text("")
            return
        tick = model.lane.tick(here) if model.lane is not None else None
        when = f", {clock_text(tick.at, self.client.now())}" if tick is not None else ""
        live = "" if model.viewing is not None else ", live"
        self.place.show_text(f"{here:,} of {last:,}{when}{live}")

    def focus_timeline(self) -> None:
        """Give the keys to the timeline."""
        self.timeline.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- choosing -----------------------------------------------------------------------------

    def _on_row(self, current: QModelIndex) -> None:
        """The keys have moved to another row."""
        if not self._syncing and current.isValid():
            self.model.show_commit(self._commits.tick(current.row()).number)

    def _on_clicked(self, index: QModelIndex) -> None:
        # A click on the row that is current already, as the newest is while the run is live.
        self.model.show_commit(self._commits.tick(index.row()).number)

    def _on_lane(self, run: str, commit: int) -> None:
        self.model.show_run(run, at=commit if commit >= 0 else None)
        self.run_activated.emit(run)

    def _toggle_follow(self) -> None:
        if self.model.is_live:
            self.model.show_last()
        else:
            self.model.show_live()
        self.follow.setChecked(self.model.is_live)

    def _open_menu(self, where: QPoint) -> None:
        index = self.table.indexAt(where)
        if not index.isValid() or self.model.run is None:
            return
        number = self._commits.tick(index.row()).number
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(f"View checkpoint {number:,}", lambda: self.model.show_commit(number))
        menu.addAction(
            self.actions_registry.action(ActionId.HISTORY_REPLAY).icon(),
            f"Replay recorded, up to {number:,}",
            lambda: self._replay(number),
        )
        menu.addAction(
            self.actions_registry.action(ActionId.HISTORY_FORK).icon(),
            "Run again from here…",
            lambda: self._fork(number),
        )
        menu.addAction(
            self.actions_registry.action(ActionId.HISTORY_COMPARE).icon(),
            "Compare with…",
            lambda: self._compare(number),
        )
        menu.addSeparator()
        run = self.model.run
        menu.addAction("Copy the run's id", lambda: QGuiApplication.clipboard().setText(run))
        menu.addAction(
            "Copy the command that shows it",
            lambda: QGuiApplication.clipboard().setText(f"headgate show {run} --at {number}"),
        )
        menu.popup(self.table.viewport().mapToGlobal(where))

    # --- run again ----------------------------------------------------------------------------

    def open_fork(self) -> None:
        """Ask what a new run from the shown checkpoint should begin with."""
        if self._has_commits():
            self._fork(self.model.shown_commit)

    def _fork(self, number: int) -> None:
        if self.fork_dialog is not None:
            self.fork_dialog.close()
        dialog = ForkDialog(self.client, self.model, number, self.window())
        dialog.started.connect(self._on_forked)
        dialog.destroyed.connect(self._forget_dialog)
        self.fork_dialog = dialog
        dialog.show()

    def _forget_dialog(self) -> None:
        self.fork_dialog = None

    def _on_forked(self, run: str) -> None:
        self.model.show_run(run)
        self.run_activated.emit(run)

    # --- compare ------------------------------------------------------------------------------

    def open_compare(self) -> None:
        """Compare the shown checkpoint with another run, or with another moment of this one."""
        if self._has_commits():
            self._compare(self.model.shown_commit)

    def _compare(self, number: int) -> None:
        if self.model.run is None:
            return
        if self.compare_dialog is not None:
            self.compare_dialog.close()
        here = Side(self.model.run, number)
        there = other_side(self.client.runs, here)
        dialog = CompareDialog(self.client, there, here, self.window())
        dialog.node_activated.connect(self.node_activated)
        dialog.destroyed.connect(self._forget_comparison)
        self.compare_dialog = dialog
        dialog.show()

    def _forget_comparison(self) -> None:
        self.compare_dialog = None

    # --- replay -------------------------------------------------------------------------------

    def start_replay(self) -> None:
        """Replay the run, up to the checkpoint that is shown when that is an old one."""
        if self._has_commits():
            self._replay(self.model.viewing)

    def _replay(self, at: int | None) -> None:
        run = self.model.run
        if run is None:
            return
        self.replay.setEnabled(False)
        self.replay.setText("Replaying…")
        self.client.spawn(self._run_replay(run, at), "Replaying the run")

    async def _run_replay(self, run: str, at: int | None) -> None:
        try:
            report = await self.client.replay(run, at=at)
        finally:
            self.replay.setEnabled(True)
            self.replay.setText("Replay recorded")
        if run == self.model.run:
            self.show_report(run, report)

    def show_report(self, run: str, report: ReplayReport) -> None:
        """Say what a replay has found."""
        if report.equal:
            self.banners.show_banner(
                _REPORT,
                f"Replay of run {short_run(run)}: {plural(report.commits, 'checkpoint')} made "
                "again from the recorded outputs, all the same. Nothing outside was touched.",
                Kind.SUCCESS,
            )
            return
        where = report.commit
        actions: tuple[ButtonSpec, ...] = ()
        if where is not None:
            actions = (
                ButtonSpec(
                    text=f"View checkpoint {where:,}",
                    on_click=partial(self.model.show_commit, where),
                    kind=ButtonKind.QUIET,
                ),
            )
        at = f" at checkpoint {where:,}" if where is not None else ""
        self.banners.show_banner(
            _REPORT,
            f"Replay of run {short_run(run)} differs{at}: "
            f"{report.difference or 'there are no details'}. "
            "Nothing outside was touched.",
            Kind.ERROR,
            actions,
        )


_VERBS = (
    ActionId.HISTORY_PREVIOUS,
    ActionId.HISTORY_NEXT,
    ActionId.HISTORY_FIRST,
    ActionId.HISTORY_LAST,
    ActionId.HISTORY_TIMELINE,
    ActionId.HISTORY_FORK,
    ActionId.HISTORY_REPLAY,
    ActionId.HISTORY_COMPARE,
    ActionId.HISTORY_FOLLOW,
)
