"""The main window: builds the parts, joins their signals, and says how things stand."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QMainWindow,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from designer.actions.cheat_sheet import CheatSheet
from designer.actions.ids import ActionId as A
from designer.actions.keymap import keymap
from designer.actions.menus import build_menu_bar, build_tool_bar
from designer.actions.palette import CommandPalette
from designer.actions.registry import ActionRegistry
from designer.main_window.asking import Asking, Stage
from designer.main_window.debugging import Debugging
from designer.main_window.dialogs import SettingsDialog
from designer.main_window.docks import Docks
from designer.main_window.filing import Filing
from designer.main_window.finding import Finder
from designer.main_window.help import HelpDialog, show_about
from designer.main_window.key_editor import KeyEditor
from designer.main_window.running import Running
from designer.main_window.start_page import StartPage
from designer.main_window.status import StatusBar
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.main_window.why import WhyDialog, why_text
from designer.panels.barrier_dialog import BarrierDialog
from designer.panels.barriers import BarriersPanel
from designer.panels.checkpoints import CheckpointsPanel
from designer.panels.frontier import FrontierPanel
from designer.panels.inspector import InspectorPanel
from designer.panels.log import LogPanel
from designer.panels.outline import OutlinePanel
from designer.panels.palette import PalettePanel
from designer.panels.problems import ProblemsPanel
from designer.panels.state import StatePanel
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.runs.words import short_run
from designer.settings import Settings, ThemeChoice
from designer.theme import ThemeController
from designer.widgets.banner import BannerArea
from designer.widgets.buttons import ButtonSpec
from designer.widgets.inputs import ChoiceBox
from designer.widgets.kinds import Kind
from designer.widgets.toast import Toast, ToastStack
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.node_types import NodeType, Registry
from engine.model.revision import revision_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from designer.document.recovery import Recovery
    from designer.runs.rows import Workflow
    from engine.run_view import RunView

#: Runs that the choice in the tool bar offers.
RUNS_OFFERED = 30
_UNDO = (A.EDIT_UNDO, A.EDIT_REDO)
#: Letters of ``run #rzz9w2: completed``, and some room.
RUN_CHOICE_LETTERS = 26


class MainWindow(QMainWindow):
    """One window of the program."""

    #: The person closed the window and everything was saved or given up.
    closed = Signal()

    def __init__(
        self, client: EngineClient, registry: Registry, settings: Settings, theme: ThemeController
    ) -> None:
        super().__init__()
        self.client = client
        self.settings = settings
        self._registry = registry
        self._theme = theme
        self._may_close = False
        self._closing = False
        self._runs_offered: list[tuple[str, str | None]] = []
        self.setWindowTitle("Headgate")
        self.setMinimumSize(720, 480)
        self.resize(1440, 900)
        self.actions_ = ActionRegistry(self)
        self._take_keys()
        self.run_model = RunModel(client, self)
        self._build_centre()
        self.filing = Filing(self, self.tabs, registry, settings, client.spawn)
        self.debugging = Debugging(self, self.tabs, client, self.run_model, settings)
        self.running = Running(self, self.tabs, client, self.run_model, settings, self.debugging)
        self.finder = Finder(
            self, self.tabs, client, registry, settings,
            show_node=self._go_to_node, show_run=self._show_run, open_path=self.filing.open_path,
        )  # fmt: skip
        self._build_panels()
        self._build_bars()
        self._bind()
        self._connect()
        self._restore_geometry()
        self.docks.restore()
        self._on_tab(None)
        client.refresh()

    # --- building ---------------------------------------------------------------------------

    def _build_centre(self) -> None:
        centre = QWidget(self)
        self.banners = BannerArea(centre)
        self.tabs = WorkflowTabs(self.settings, centre)
        self.start_page = StartPage(self.settings, self._registry, centre)
        self._stack = QStackedWidget(centre)
        self._stack.addWidget(self.start_page)
        self._stack.addWidget(self.tabs)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banners)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(centre)
        self.toasts = ToastStack(centre)

    def _build_panels(self) -> None:
        shared = (self.client, self.run_model, self.settings, self.actions_)
        self.palette_panel = PalettePanel(self._registry, self.settings, self)
        self.outline = OutlinePanel(self._registry, self)
        self.inspector = InspectorPanel(self._registry, self.settings, self.client, self.run_model)
        self.barriers = BarriersPanel(*shared)
        self.frontier = FrontierPanel(*shared)
        self.checkpoints = CheckpointsPanel(*shared)
        self.log = LogPanel(*shared)
        self.state = StatePanel(*shared)
        self.problems = ProblemsPanel(self)
        self.docks = Docks(
            self,
            {
                "palette": self.palette_panel,
                "outline": self.outline,
                "inspector": self.inspector,
                "barriers": self.barriers,
                "frontier": self.frontier,
                "checkpoints": self.checkpoints,
                "event_log": self.log,
                "state": self.state,
                "problems": self.problems,
            },
            self.actions_,
            self.settings,
        )
        self.barrier_dialog = BarrierDialog(*shared, parent=self)

    def _build_bars(self) -> None:
        slots = build_menu_bar(self.menuBar(), self.actions_)
        slots["recent_files"].aboutToShow.connect(
            lambda: self.filing.fill_recent(slots["recent_files"])
        )
        slots["examples"].aboutToShow.connect(lambda: self.filing.fill_examples(slots["examples"]))
        bar = QToolBar("Main tool bar", self)
        bar.setObjectName("toolbar.main")
        self.addToolBar(bar)
        places = build_tool_bar(bar, self.actions_)
        self._run_choice = ChoiceBox(self)
        self._run_choice.setMinimumContentsLength(RUN_CHOICE_LETTERS)
        self._run_choice.setSizeAdjustPolicy(
            ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._run_choice.setAccessibleName("Run shown on the canvas")
        self._run_choice.setToolTip("The run that the canvas and the panels show")
        self._run_choice.activated.connect(self._on_run_chosen)
        bar.insertWidget(places["run_choice"], self._run_choice)
        self._zoom = QLabel("100 %", self)
        self._zoom.setMinimumWidth(52)
        self._zoom.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar.insertWidget(places["zoom"], self._zoom)
        self.status = StatusBar(self)
        self.setStatusBar(self.status)
        stage = Stage(
            tabs=self.tabs,
            docks=self.docks,
            status=self.status,
            toasts=self.toasts,
            dialog=self.barrier_dialog,
            show_run=self._show_run,
            show_node=self._go_to_node,
            show_timeline=self.checkpoints.focus_timeline,
        )
        self.asking = Asking(self, self.client, self.run_model, self.settings, stage)
        self.command_palette = CommandPalette(self.actions_, self)
        self.why = WhyDialog(self)
        self.why.node_chosen.connect(self._on_why_node)
        self.cheat_sheet = CheatSheet(self.actions_, self)

    def _bind(self) -> None:
        self._bind_files()
        self._bind_runs()
        self._bind_window()
        for verb in A:
            if not self.actions_.is_bound(verb):
                # What this version cannot do is not shown as something that is switched off.
                self.actions_.action(verb).setVisible(False)

    def _bind_files(self) -> None:
        bind, filing = self.actions_.bind, self.filing
        opened = self._has_tab
        bind(A.FILE_NEW, filing.new)
        bind(A.FILE_OPEN, filing.open)
        bind(A.FILE_SAVE, filing.save, enabled_when=opened)
        bind(A.FILE_SAVE_AS, filing.save_as, enabled_when=opened)
        bind(A.FILE_EXPORT_PICTURE, self._export_picture, enabled_when=opened)
        bind(A.FILE_CLOSE_TAB, self._close_tab, enabled_when=opened)
        bind(A.FILE_REOPEN_TAB, filing.reopen, enabled_when=lambda: filing.can_reopen)
        bind(A.FILE_QUIT, self.close)
        bind(A.EDIT_UNDO, self._undo, enabled_when=self._can_undo)
        bind(A.EDIT_REDO, self._redo, enabled_when=self._can_redo)
        bind(A.EDIT_WORKFLOW_SETTINGS, self._workflow_settings, enabled_when=opened)

    def _bind_runs(self) -> None:
        bind, running = self.actions_.bind, self.running
        bind(A.RUN_START, running.start, enabled_when=running.can_start)
        bind(A.RUN_WITH_INPUT, running.start_with_input, enabled_when=running.can_start)
        bind(A.RUN_AGAIN, running.start, enabled_when=running.can_start)
        bind(A.RUN_PAUSE, running.pause, enabled_when=running.can_pause)
        bind(A.RUN_STOP, running.stop, enabled_when=running.can_stop)
        bind(A.RUN_RESUME, running.resume, enabled_when=running.can_resume)
        bind(
            A.RUN_WITHOUT_BREAKPOINTS,
            running.start_without_breakpoints,
            enabled_when=running.can_start,
        )
        bind(A.DEBUG_STEP, running.step, enabled_when=running.can_step)
        part = running.can_run_part
        bind(A.RUN_TO_HERE, running.run_to_here, enabled_when=part)
        bind(A.RUN_FROM_HERE, running.run_from_here, enabled_when=running.can_run_from)
        bind(A.RUN_NODE_ONLY, running.run_node_only, enabled_when=part)
        debugging = self.debugging
        bind(A.DEBUG_BREAKPOINT, debugging.toggle, enabled_when=debugging.can_toggle)
        bind(A.DEBUG_CONDITION, debugging.edit, enabled_when=debugging.can_toggle)
        bind(A.DEBUG_CLEAR_BREAKPOINTS, debugging.clear, enabled_when=debugging.can_clear)
        bind(A.BARRIER_LIST, self._show_barriers)

    def _bind_window(self) -> None:
        bind = self.actions_.bind
        bind(A.APP_COMMAND_PALETTE, self.command_palette.open_palette)
        bind(A.APP_CHEAT_SHEET, self.cheat_sheet.show)
        bind(A.APP_SETTINGS, self._open_settings)
        bind(A.APP_CHANGE_KEYS, lambda: KeyEditor(self.actions_, self.settings, self).open())
        bind(A.APP_START_PAGE, self._show_start_page)
        bind(A.APP_ABOUT, lambda: show_about(self))
        bind(A.APP_HELP, self._show_help, enabled_when=lambda: self._kind_in_front() is not None)
        bind(A.WINDOW_DOCK_ALL, self.docks.dock_all)
        bind(A.NODE_WHY, self._show_why, enabled_when=self._can_explain)
        self._bind_finding()
        bind(A.WINDOW_FULL_SCREEN, self._toggle_full_screen)
        bind(A.WINDOW_RESET_LAYOUT, self.docks.reset)
        for verb, name in ((A.WINDOW_DESIGN, "design"), (A.WINDOW_RUN, "run"),
                           (A.WINDOW_DEBUG, "debug")):  # fmt: skip
            bind(
                verb,
                partial(self._choose_layout, name),
                checked_when=partial(self._has_layout, name),
            )
        bind(A.WINDOW_NEXT_TAB, lambda: self._turn_tab(1), enabled_when=self._has_tab)
        bind(A.WINDOW_PREVIOUS_TAB, lambda: self._turn_tab(-1), enabled_when=self._has_tab)
        bind(A.WINDOW_NEXT_PANEL, lambda: self._next_panel(1))
        bind(A.WINDOW_PREVIOUS_PANEL, lambda: self._next_panel(-1))
        bind(A.VIEW_OPEN_INSPECTOR, lambda: self.docks.show("inspector", focus=True))
        for verb, theme in ((A.VIEW_THEME_SYSTEM, ThemeChoice.SYSTEM),
                            (A.VIEW_THEME_LIGHT, ThemeChoice.LIGHT),
                            (A.VIEW_THEME_DARK, ThemeChoice.DARK),
                            (A.VIEW_THEME_CONTRAST, ThemeChoice.HIGH_CONTRAST)):  # fmt: skip
            bind(
                verb,
                partial(self._theme.set_choice, theme),
                checked_when=partial(self._has_theme, theme),
            )

    def _bind_finding(self) -> None:
        bind, finder = self.actions_.bind, self.finder
        bind(A.APP_GO_TO, finder.go_to)
        bind(A.FILE_OPEN_RECENT, finder.open_recent)
        bind(A.RUN_CHOOSE, finder.choose_run, enabled_when=lambda: bool(self.client.runs))
        bind(A.EDIT_FIND, finder.find, enabled_when=self._has_tab)
        bind(A.EDIT_FIND_NEXT, partial(finder.step, 1), enabled_when=lambda: finder.has_hits)
        bind(A.EDIT_FIND_PREVIOUS, partial(finder.step, -1), enabled_when=lambda: finder.has_hits)
        find = (A.EDIT_FIND_NEXT, A.EDIT_FIND_PREVIOUS)
        finder.pick.closed.connect(lambda: self.actions_.refresh(find))
        finder.pick.picked.connect(lambda _key: self.actions_.refresh(find))

    def _kind_in_front(self) -> NodeType | None:
        """The type of the node that is selected."""
        tab = self.tabs.current
        key = tab.document.selection.node if tab is not None else None
        node = tab.document.workflow.nodes.get(key) if tab is not None and key else None
        return self._registry.get(node.type) if node is not None else None

    def _show_help(self) -> None:
        kind = self._kind_in_front()
        if kind is not None:
            HelpDialog(kind, self).show()

    def _can_explain(self) -> bool:
        tab = self.tabs.current
        return tab is not None and bool(tab.document.selection.node) and bool(self._view_for(tab))

    def _show_why(self) -> None:
        """Say what led to the selected node, and what has not."""
        tab = self.tabs.current
        view = self._view_for(tab) if tab is not None else None
        key = tab.document.selection.node if tab is not None else None
        if tab is None or view is None or not key:
            return
        workflow = self.run_model.workflow or tab.document.workflow
        now = self.client.now() if self.run_model.is_live else view.updated_at
        self.why.show_reasons(why_text(key, workflow, view, now))

    def _on_why_node(self, key: str) -> None:
        self._go_to_node(key)
        self._show_why()

    def _open_settings(self) -> None:
        dialog = SettingsDialog(self.settings, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.keys_wanted.connect(lambda: self.actions_.trigger(A.APP_CHANGE_KEYS))
        dialog.open()

    def _choose_layout(self, name: str) -> None:
        self.docks.choose(name)
        self.actions_.refresh((A.WINDOW_DESIGN, A.WINDOW_RUN, A.WINDOW_DEBUG))

    def _has_layout(self, name: str) -> bool:
        return self.docks.perspective == name

    def _take_keys(self) -> None:
        """Use the keys of the preset, with what the person has changed."""
        self.actions_.set_keys(keymap(self.settings.keys_preset, self.settings.keys_own))

    def _on_setting(self, key: str) -> None:
        if key.startswith("keys/"):
            self._take_keys()

    def _has_theme(self, theme: ThemeChoice) -> bool:
        return self.settings.theme is theme

    def _connect(self) -> None:
        self.settings.changed.connect(self._on_setting)
        self.tabs.current_changed.connect(self._on_tab)
        self.tabs.close_requested.connect(self.filing.close)
        self.start_page.new_wanted.connect(self.filing.new)
        self.start_page.open_wanted.connect(self.filing.open)
        self.start_page.file_wanted.connect(self.filing.open_path)
        self.start_page.example_wanted.connect(self.filing.open_example)
        self.filing.message.connect(self.tell)
        self.filing.saved.connect(self.status.set_saved)
        self.running.message.connect(self.tell)
        self.debugging.stopped.connect(self._on_stopped)
        self.running.problems_wanted.connect(lambda: self.docks.show("problems"))
        self.palette_panel.insert_requested.connect(self._insert)
        for panel in (self.frontier, self.log, self.outline, self.checkpoints):
            panel.node_activated.connect(self._go_to_node)
        self.barriers.node_activated.connect(self._on_dialog_node)
        self.frontier.request_activated.connect(self.barrier_dialog.open_request)
        self.checkpoints.run_activated.connect(self._show_run)
        self.barrier_dialog.node_activated.connect(self._on_dialog_node)
        self.problems.problem_activated.connect(self._show_problem)
        self.inspector.message.connect(self.tell)
        self.status.problems_clicked.connect(lambda: self.docks.show("problems", focus=True))
        self.status.barriers_clicked.connect(self._show_barriers)
        self._theme.changed.connect(lambda _theme: self.docks.fit())
        client, model = self.client, self.run_model
        client.failed.connect(lambda text: self.tell(text, Kind.ERROR))
        client.runs_changed.connect(self._list_runs)
        model.changed.connect(self._on_view)
        model.run_changed.connect(self._on_run_shown)
        model.viewing_changed.connect(self._on_viewing)
        model.banner_changed.connect(self._on_banner)

    # --- tabs -------------------------------------------------------------------------------

    @property
    def tab(self) -> Tab | None:
        """The tab in front."""
        return self.tabs.current

    def _has_tab(self) -> bool:
        return self.tabs.current is not None

    def _on_tab(self, tab: Tab | None) -> None:
        self._stack.setCurrentWidget(self.tabs if tab is not None else self.start_page)
        if tab is None:
            self.start_page.refresh()
        document = tab.document if tab is not None else None
        self.outline.set_document(document)
        self.inspector.set_document(document)
        self.problems.set_document(document)
        if tab is not None:
            if tab.canvas.property("joined") is None:
                self._join(tab)
            tab.canvas.bind_actions(self.actions_)
            self._show_canvas_verbs()
            self._on_zoom(tab.canvas.zoom)
        self.running.on_tab(tab)
        self._list_runs()
        self._on_viewing()
        self._on_document()
        self._on_title()

    def _join(self, tab: Tab) -> None:
        """Connect the canvas of a new tab."""
        canvas, document = tab.canvas, tab.document
        canvas.setProperty("joined", True)
        canvas.node_activated.connect(lambda _key: self.docks.show("inspector", focus=True))
        canvas.decision_requested.connect(self.barrier_dialog.open_request)
        canvas.file_dropped.connect(self.filing.open_path)
        tab.file.changed_outside.connect(lambda: self._on_changed_outside(tab))
        canvas.message.connect(self.tell)
        canvas.zoom_changed.connect(self._on_zoom)
        canvas.pointer_moved.connect(lambda point: self.status.set_place(point=point))
        self.debugging.watch(tab)
        document.diagnostics_changed.connect(self._on_document)
        document.changed.connect(lambda _change: self._on_document())
        document.reset.connect(self._on_document)
        document.title_changed.connect(lambda _title: self._on_title())
        document.modified_changed.connect(lambda _modified: self._on_title())
        # The stack moves after the document has told of its change.
        document.undo_stack.indexChanged.connect(lambda _index: self.actions_.refresh(_UNDO))

    def _show_canvas_verbs(self) -> None:
        for verb in A:
            if self.actions_.is_bound(verb):
                self.actions_.action(verb).setVisible(True)

    def _on_document(self) -> None:
        """The document in front is another one, or has changed."""
        tab = self.tabs.current
        found = tab.document.diagnostics if tab is not None else ()
        errors = sum(d.severity is Severity.ERROR for d in found)
        warnings = sum(d.severity is Severity.WARNING for d in found)
        self.status.set_problems(errors, warnings)
        self.docks.dock("problems").setWindowTitle(
            f"Problems ({errors + warnings})" if errors + warnings else "Problems"
        )
        if tab is not None:
            workflow = tab.document.workflow
            self.run_model.set_document(workflow.id, revision_hash(workflow, self._registry))
        self.actions_.refresh()

    def _on_title(self) -> None:
        tab = self.tabs.current
        title = tab.document.title if tab is not None else ""
        self.setWindowTitle(f"{title}[*] - Headgate" if title else "Headgate")
        self.setWindowModified(tab is not None and tab.document.is_modified)

    def _close_tab(self) -> None:
        if self.tabs.current is not None:
            self.filing.close(self.tabs.current)

    def _export_picture(self) -> None:
        if self.tab is not None:
            self.filing.export_picture(self._view_for(self.tab))

    def _turn_tab(self, by: int) -> None:
        if self.tabs.count():
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + by) % self.tabs.count())

    def _undo(self) -> None:
        if self.tab is not None:
            self.tab.document.undo()

    def _redo(self) -> None:
        if self.tab is not None:
            self.tab.document.redo()

    def _can_undo(self) -> bool:
        return self.tab is not None and self.tab.document.undo_stack.canUndo()

    def _can_redo(self) -> bool:
        return self.tab is not None and self.tab.document.undo_stack.canRedo()

    def _workflow_settings(self) -> None:
        if self.tab is not None:
            self.tab.document.selection.clear()
            self.docks.show("inspector", focus=True)

    def _insert(self, type_id: str) -> None:
        if self.tab is None:
            self.filing.new()
        if self.tab is not None:
            selection = self.tab.document.selection
            wired_to = next(iter(selection.nodes)) if len(selection.nodes) == 1 else None
            self.tab.canvas.insert_node(type_id, wired_to=wired_to)

    def _go_to_node(self, key: str) -> None:
        if self.tab is not None and key in self.tab.document.workflow.nodes:
            self.tab.document.selection.set(nodes=(key,), current=key)
            self.tab.canvas.reveal(key)

    def _show_problem(self, problem: Diagnostic) -> None:
        if problem.node:
            self._go_to_node(problem.node)
        elif self.tab is not None:
            self.tab.document.selection.clear()
        self.docks.show("inspector")
        self.inspector.show_problem(problem)

    def _on_zoom(self, zoom: float) -> None:
        self._zoom.setText(f"{zoom * 100:.0f} %")
        self.status.set_place(zoom=zoom)

    def _on_changed_outside(self, tab: Tab) -> None:
        key = f"outside.{id(tab)}"

        def reload() -> None:
            self.banners.dismiss(key)
            self.filing.reload(tab)

        self.banners.show_banner(
            key,
            f"{tab.document.title} was changed by another program.",
            Kind.WARNING,
            (
                ButtonSpec(text="Reload", on_click=reload),
                ButtonSpec(text="Keep mine", on_click=lambda: self.banners.dismiss(key)),
            ),
        )

    # --- runs -------------------------------------------------------------------------------

    def _list_runs(self) -> None:
        """Offer the runs of the workflow in front, newest first."""
        tab = self.tabs.current
        wanted = tab.document.workflow.id if tab is not None else ""
        offered = [r for r in self.client.runs if r.workflow_id == wanted][:RUNS_OFFERED]
        shown = self.run_model.run
        if shown and all(str(record.run) != shown for record in offered):
            offered += [r for r in self.client.runs if str(r.run) == shown]
        entries: list[tuple[str, str | None]] = [("No run shown", None)]
        entries += [(f"run {short_run(r.run)}: {r.status}", str(r.run)) for r in offered]
        # The list may be open at this moment: it is made anew only when it would differ.
        if entries != self._runs_offered:
            self._runs_offered = entries
            self._run_choice.clear()
            for words, run in entries:
                self._run_choice.addItem(words, run)
        self._run_choice.setEnabled(len(entries) > 1)
        index = self._run_choice.findData(shown) if shown else 0
        self._run_choice.setCurrentIndex(max(index, 0))

    def _on_run_chosen(self, index: int) -> None:
        self.run_model.show_run(self._run_choice.itemData(index))

    def _show_run(self, run: str) -> None:
        """Show a run; bring the tab of its workflow to the front if it is open."""
        record = next((r for r in self.client.runs if str(r.run) == run), None)
        tab = self.tabs.of_document(record.workflow_id) if record is not None else None
        if tab is not None:
            tab.run = run
            self.tabs.show_tab(tab)
        self.run_model.show_run(run)

    def _on_run_shown(self) -> None:
        self.running.on_run_shown()
        self._list_runs()
        self._on_viewing()

    def _on_view(self, touched: object) -> None:
        """The run shown looks different: hand it to the canvas."""
        tab = self.tabs.current
        if tab is not None:
            keys = set(touched) if isinstance(touched, frozenset | set) else None
            viewing = self.run_model.viewing
            tab.canvas.set_run_view(
                self._view_for(tab),
                read_only=viewing is not None,
                touched=keys,
                label=f"Viewing checkpoint {viewing}" if viewing is not None else "",
                pinned=self._pinned_for(tab),
            )
            self.outline.set_run_view(self._view_for(tab))
        self.status.set_run(self.run_model.status_text)
        self.actions_.refresh(
            (A.RUN_START, A.RUN_WITHOUT_BREAKPOINTS, A.RUN_PAUSE, A.RUN_STOP, A.RUN_RESUME,
             A.DEBUG_STEP)
        )  # fmt: skip

    def _view_for(self, tab: Tab) -> RunView | None:
        record = self.run_model.record
        if record is not None and record.workflow_id != tab.document.workflow.id:
            return None
        return self.run_model.view

    def _pinned_for(self, tab: Tab) -> Workflow | None:
        """The version that the run used, where it is not what the tab shows."""
        workflow = self.run_model.workflow
        if workflow is None or workflow.id != tab.document.workflow.id or tab.pinned:
            return None
        return workflow

    def _on_viewing(self) -> None:
        """Say unmistakably that the past is shown, and let nothing be edited meanwhile."""
        viewing = self.run_model.viewing
        tab = self.tabs.current
        if tab is not None and not tab.pinned:
            reason = "You are looking at an old checkpoint; go back to live to edit."
            tab.document.set_read_only(reason if viewing is not None else "")
        if viewing is None:
            self.banners.dismiss("past")
        else:
            self.banners.show_banner(
                "past",
                f"You are looking at checkpoint {viewing} of {self.run_model.last_commit}. "
                "Nothing runs, and nothing can be edited here.",
                Kind.WAITING,
                (
                    ButtonSpec(text="Back to live", on_click=self.run_model.show_live),
                    ButtonSpec(
                        text="Run again from here",
                        on_click=lambda: self.actions_.trigger(A.HISTORY_FORK),
                    ),
                ),
                closable=False,
            )
        self._on_view(None)

    def _on_banner(self) -> None:
        text = self.run_model.banner
        if text:
            self.banners.show_banner(
                "version",
                text,
                Kind.INFO,
                (ButtonSpec(text="Show that version", on_click=self._show_pinned),),
            )
        else:
            self.banners.dismiss("version")

    def _show_pinned(self) -> None:
        """Open the version that the run used, in a tab that cannot be edited."""
        workflow, run = self.run_model.workflow, self.run_model.run
        if workflow is None:
            return
        from designer.document.document import WorkflowDocument  # noqa: PLC0415 - seldom needed

        document = WorkflowDocument(workflow, self._registry)
        document.set_read_only("This is the version that a run used; edit the workflow's own tab.")
        tab = self.tabs.add(document, pinned=True)
        tab.run = run
        tab.canvas.fit()
        self.run_model.show_run(run)

    # --- decisions --------------------------------------------------------------------------

    def _show_barriers(self) -> None:
        self.docks.show("barriers")
        self.barriers.focus_list()

    def _on_dialog_node(self, run: str, node: str) -> None:
        self._show_run(run)
        self._go_to_node(node)

    def _on_stopped(self, node: str, words: str) -> None:
        """The run shown is paused at a breakpoint: show where, and offer to go on."""
        tab = self.tabs.current
        if tab is not None and node in tab.document.workflow.nodes:
            tab.canvas.reveal(node)
        self.tell(
            f"{words}. F5 goes on.", Kind.WAITING, action="Go on", on_action=self.running.start
        )

    # --- telling ----------------------------------------------------------------------------

    def tell(
        self,
        text: str,
        kind: Kind = Kind.INFO,
        *,
        action: str = "",
        on_action: Callable[[], object] | None = None,
    ) -> Toast:
        """Show a toast."""
        return self.toasts.show_toast(text, kind, action_text=action, on_action=on_action)

    def restore_session(self) -> None:
        """Open what was open the last time, with the runs that were shown over it."""
        runs = {str(record.run) for record in self.client.engine.runs()}
        for tab, run in self.filing.restore_session():
            if run in runs:
                tab.run = run
        if self.tab is not None and self.tab.run is not None:
            self.run_model.show_run(self.tab.run)

    def offer_recovery(self, found: list[Recovery]) -> None:
        """Offer what a crash left behind, one banner per document."""
        for recovery in found:
            key = f"recovery.{recovery.document_id}"
            self.banners.show_banner(
                key,
                recovery.sentence,
                Kind.WARNING,
                (
                    ButtonSpec(text="Restore", on_click=partial(self._recover, recovery, key)),
                    ButtonSpec(text="Discard", on_click=partial(self._discard, recovery, key)),
                ),
                closable=False,
            )

    def _recover(self, recovery: Recovery, key: str) -> None:
        self.banners.dismiss(key)
        self.filing.restore(recovery)

    def _discard(self, recovery: Recovery, key: str) -> None:
        self.banners.dismiss(key)
        self.filing.discard(recovery)

    # --- the window itself ------------------------------------------------------------------

    def _show_start_page(self) -> None:
        self.start_page.refresh()
        self._stack.setCurrentWidget(self.start_page)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _next_panel(self, by: int) -> None:
        """Move the focus to the next panel that can be seen; F6 leaves the canvas."""
        centre: QWidget = self._stack
        if self.tab is not None and self._stack.currentWidget() is self.tabs:
            centre = self.tab.canvas
        self.docks.next_panel(centre, by)

    def _restore_geometry(self) -> None:
        saved = self.settings.window_geometry
        if saved:
            self.restoreGeometry(QByteArray(saved))
        on_screen = any(
            screen.availableGeometry().intersects(QRect(self.pos(), QSize(120, 60)))
            for screen in QGuiApplication.screens()
        )
        if not on_screen:
            self.move(QGuiApplication.primaryScreen().availableGeometry().topLeft())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the docks the corners that suit the new width."""
        super().resizeEvent(event)
        if hasattr(self, "docks"):  # it is made after the window has its size
            self.docks.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back to live from the past, else from a panel to the canvas."""
        canvas = self.tab.canvas if self.tab is not None else None
        if event.key() != Qt.Key.Key_Escape or canvas is None:
            super().keyPressEvent(event)
        elif self.run_model.viewing is not None:
            self.run_model.show_live()
        elif canvas.isVisible():
            canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved changes first; the answer comes later."""
        if self._may_close:
            event.accept()
            self.closed.emit()
            return
        event.ignore()
        if not self._closing:
            self._closing = True
            self.client.spawn(self._close_for_good())

    async def _close_for_good(self) -> None:
        try:
            self.settings.window_geometry = bytes(self.saveGeometry().data())
            self.docks.save()
            if not await self.filing.close_all():
                return
            self._may_close = True
            QTimer.singleShot(0, self.close)
            await asyncio.sleep(0)
        finally:
            self._closing = False
