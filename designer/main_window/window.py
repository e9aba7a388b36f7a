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
from designer.main_window.arming import Arming
from designer.main_window.asking import Asking, Stage
from designer.main_window.calling import Calling
from designer.main_window.crumbs import Crumbs
from designer.main_window.debugging import Debugging
from designer.main_window.dialogs import SettingsDialog
from designer.main_window.docks import Docks
from designer.main_window.editing import Editing
from designer.main_window.filing import Filing
from designer.main_window.finding import Finder
from designer.main_window.help import show_about
from designer.main_window.key_editor import KeyEditor
from designer.main_window.offering import Offering
from designer.main_window.running import Running
from designer.main_window.showing import Showing
from designer.main_window.start_page import StartPage
from designer.main_window.status import StatusBar
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.panels.barrier_dialog import BarrierDialog
from designer.panels.barriers import BarriersPanel
from designer.panels.checkpoints import CheckpointsPanel
from designer.panels.frontier import FrontierPanel
from designer.panels.health import HealthPanel
from designer.panels.inspector import InspectorPanel
from designer.panels.log import LogPanel
from designer.panels.outline import OutlinePanel
from designer.panels.palette import PalettePanel
from designer.panels.problems import ProblemsPanel
from designer.panels.state import StatePanel
from designer.runs.engine_client import EngineClient
from designer.runs.health import HealthModel, badge_words
from designer.runs.run_model import RunModel
from designer.settings import Settings, ThemeChoice
from designer.theme import ThemeController
from designer.widgets.banner import BannerArea
from designer.widgets.kinds import Kind
from designer.widgets.toast import Toast, ToastStack
from engine.model.diagnostics import Severity
from engine.model.node_types import Registry
from engine.model.revision import revision_hash

if TYPE_CHECKING:
    from collections.abc import Callable


_UNDO = (A.EDIT_UNDO, A.EDIT_REDO)


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
        self.arming = Arming(self.tabs, client, self.running)
        self._build_panels()
        self.offering = Offering(self.banners, self.filing)
        self.status = StatusBar(self)
        self.showing = Showing(
            client, self.run_model, registry, self.actions_, tabs=self.tabs, banners=self.banners,
            outline=self.outline, status=self.status, running=self.running,
        )  # fmt: skip
        self.editing = Editing(
            self, client, self.run_model, registry, tabs=self.tabs, docks=self.docks,
            filing=self.filing, inspector=self.inspector, showing=self.showing,
        )  # fmt: skip
        self.finder = Finder(
            self, self.tabs, client, registry, settings, show_node=self.editing.go_to_node,
            show_run=self.showing.show_run, open_path=self.filing.open_path,
        )  # fmt: skip
        self.calling = Calling(
            self, client, self.run_model, registry, tabs=self.tabs, crumbs=self.crumbs,
            showing=self.showing, go_to_node=self.editing.go_to_node,
        )  # fmt: skip
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
        self.crumbs = Crumbs(centre)
        self.tabs = WorkflowTabs(self.settings, centre)
        self.start_page = StartPage(self.settings, self._registry, centre)
        self._stack = QStackedWidget(centre)
        self._stack.addWidget(self.start_page)
        self._stack.addWidget(self.tabs)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banners)
        layout.addWidget(self.crumbs)
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
        self.health = HealthModel(self.client, self)
        self.health_panel = HealthPanel(self.health, self)
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
                "health": self.health_panel,
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
        bar.insertWidget(places["run_choice"], self.showing.choice)
        self._zoom = QLabel("100 %", self)
        self._zoom.setMinimumWidth(52)
        self._zoom.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar.insertWidget(places["zoom"], self._zoom)
        self.setStatusBar(self.status)
        stage = Stage(
            tabs=self.tabs,
            docks=self.docks,
            status=self.status,
            toasts=self.toasts,
            dialog=self.barrier_dialog,
            show_run=self.showing.show_run,
            show_node=self.editing.go_to_node,
            show_timeline=self.checkpoints.focus_timeline,
        )
        self.asking = Asking(self, self.client, self.run_model, self.settings, stage)
        self.command_palette = CommandPalette(self.actions_, self)
        self.cheat_sheet = CheatSheet(self.actions_, self)

    def _bind(self) -> None:
        for part in (
            self.filing,
            self.editing,
            self.calling,
            self.running,
            self.arming,
            self.debugging,
            self.finder,
        ):
            part.bind(self.actions_)
        self._bind_window()
        for verb in A:
            if not self.actions_.is_bound(verb):
                # What this version cannot do is not shown as something that is switched off.
                self.actions_.action(verb).setVisible(False)

    def _bind_window(self) -> None:
        bind = self.actions_.bind
        bind(A.FILE_QUIT, self.close)
        bind(A.BARRIER_LIST, self._show_barriers)
        bind(A.APP_COMMAND_PALETTE, self.command_palette.open_palette)
        bind(A.APP_CHEAT_SHEET, self.cheat_sheet.show)
        bind(A.APP_SETTINGS, self._open_settings)
        bind(A.APP_CHANGE_KEYS, lambda: KeyEditor(self.actions_, self.settings, self).open())
        bind(A.APP_START_PAGE, self._show_start_page)
        bind(A.APP_ABOUT, lambda: show_about(self))
        bind(A.WINDOW_DOCK_ALL, self.docks.dock_all)
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
        self.arming.message.connect(self.tell)
        self.calling.message.connect(self.tell)
        self.filing.saved.connect(self.arming.on_saved)
        self.debugging.stopped.connect(self._on_stopped)
        self.running.problems_wanted.connect(lambda: self.docks.show("problems"))
        self.palette_panel.insert_requested.connect(self.editing.insert)
        for panel in (self.frontier, self.log, self.outline, self.checkpoints):
            panel.node_activated.connect(self.editing.go_to_node)
        self.barriers.node_activated.connect(self._on_dialog_node)
        self.frontier.request_activated.connect(self.barrier_dialog.open_request)
        self.checkpoints.run_activated.connect(self.showing.show_run)
        self.barrier_dialog.node_activated.connect(self._on_dialog_node)
        self.problems.problem_activated.connect(self.editing.show_problem)
        self.inspector.message.connect(self.tell)
        self.status.problems_clicked.connect(lambda: self.docks.show("problems", focus=True))
        self.status.barriers_clicked.connect(self._show_barriers)
        self.status.health_clicked.connect(lambda: self.docks.show("health", focus=True))
        self.health.changed.connect(self._on_health)
        self._theme.changed.connect(lambda _theme: self.docks.fit())
        self.client.failed.connect(lambda text: self.tell(text, Kind.ERROR))

    def _on_health(self) -> None:
        troubles = self.health.troubles
        self.status.set_health(badge_words(troubles), "\n".join(troubles))

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
        self.showing.list_runs()
        self.showing.on_viewing()
        self._on_document()
        self._on_title()

    def _join(self, tab: Tab) -> None:
        """Connect the canvas of a new tab."""
        canvas, document = tab.canvas, tab.document
        canvas.setProperty("joined", True)
        canvas.node_activated.connect(lambda _key: self.docks.show("inspector", focus=True))
        canvas.node_opened.connect(self._on_node)
        canvas.decision_requested.connect(self.barrier_dialog.open_request)
        canvas.file_dropped.connect(self.filing.open_path)
        tab.file.changed_outside.connect(lambda: self.offering.changed_outside(tab))
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

    def _turn_tab(self, by: int) -> None:
        if self.tabs.count():
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + by) % self.tabs.count())

    def _on_zoom(self, zoom: float) -> None:
        self._zoom.setText(f"{zoom * 100:.0f} %")
        self.status.set_place(zoom=zoom)

    def _on_node(self, key: str) -> None:
        """A node was double-clicked: into the run that it has called, else to its form."""
        run = self.calling.called_by(key)
        if run is not None:
            self.calling.open_run(run)
        else:
            self.docks.show("inspector", focus=True)

    # --- decisions --------------------------------------------------------------------------

    def _show_barriers(self) -> None:
        self.docks.show("barriers")
        self.barriers.focus_list()

    def _on_dialog_node(self, run: str, node: str) -> None:
        self.showing.show_run(run)
        self.editing.go_to_node(node)

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
