"""Files: new, open, save, recent, examples, autosave and recovery."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QWidget

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.canvas.picture import workflow_in
from designer.document import files
from designer.document.document import WorkflowDocument
from designer.document.recovery import Recovery, RecoveryJournal
from designer.main_window import dialogs
from designer.main_window.exporting import export_picture
from designer.main_window.session import restore_session, session_text
from designer.main_window.tabs import Tab, WorkflowTabs
from designer.runs.rows import EngineError
from designer.settings import Settings, data_dir
from designer.theme import current_theme
from designer.widgets.kinds import Kind
from engine.model.node_types import Registry
from engine.run_view import RunView
from resources.examples import SUFFIX, examples, working_copy

#: Files that may hold a workflow besides what they show.
PICTURES = (".svg", ".png")
#: A workflow is opened no smaller than this.
READABLE = 0.5


class Filing(QObject):
    """What the File menu does.

    Args:
        spawn: runs a coroutine and reports its error.
    """

    #: Text for a toast, and its Kind.
    message = Signal(str, object)
    #: Words for the status bar: ``saved``, ``autosaved``.
    saved = Signal(str)

    def __init__(
        self,
        window: QWidget,
        tabs: WorkflowTabs,
        registry: Registry,
        settings: Settings,
        spawn: Callable[[Coroutine[Any, Any, object]], object],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._tabs = tabs
        self._registry = registry
        self._settings = settings
        self._spawn = spawn
        self._closed: list[Path] = []
        self.journal = RecoveryJournal(settings)

    def bind(self, actions: ActionRegistry) -> None:
        """Say what the verbs do."""
        bind = actions.bind
        opened = self._has_tab
        bind(A.FILE_NEW, self.new)
        bind(A.FILE_OPEN, self.open)
        bind(A.FILE_SAVE, self.save, enabled_when=opened)
        bind(A.FILE_SAVE_AS, self.save_as, enabled_when=opened)
        bind(A.FILE_REOPEN_TAB, self.reopen, enabled_when=lambda: self.can_reopen)

    def _has_tab(self) -> bool:
        return self._tabs.current is not None

    # --- opening ----------------------------------------------------------------------------

    def new(self) -> Tab:
        """Open an empty workflow."""
        return self._add(files.new_document(self._registry))

    def open(self) -> None:
        """Ask for a file and open it."""
        self._spawn(self._ask_and_open())

    async def _ask_and_open(self) -> None:
        path = await dialogs.ask_path_to_open(self._window, self._settings.last_folder)
        if path is not None:
            self.open_path(path)

    def open_path(self, path: Path) -> Tab | None:
        """Open a file, or bring the tab to the front that has it already.

        A file that cannot be read is explained in a toast, and nothing changes.
        """
        path = path.absolute()
        for tab in self._tabs:
            if tab.document.path == path:
                self._tabs.show_tab(tab)
                return tab
        if path.suffix.lower() in PICTURES:
            return self._open_picture(path)
        try:
            document = files.open_document(path, self._registry)
        except files.FileProblem as problem:
            self._settings.forget_recent_file(path)
            self.message.emit(str(problem), Kind.ERROR)
            return None
        self._settings.add_recent_file(path)
        self._settings.last_folder = str(path.parent)
        return self._add(document)

    def _open_picture(self, path: Path) -> Tab | None:
        """Open the workflow inside a picture; saving it asks where, the picture stays."""
        try:
            workflow = workflow_in(path)
        except EngineError as error:
            self.message.emit(str(error), Kind.ERROR)
            return None
        if workflow is None:
            text = f"{path.name} holds no workflow: only pictures exported by Headgate do."
            self.message.emit(text, Kind.ERROR)
            return None
        return self._add(WorkflowDocument(workflow, self._registry))

    def open_example(self, name: str) -> Tab | None:
        """Open the person's own copy of an example; the shipped one is never written to."""
        try:
            example = next(each for each in examples() if each.name == name)
            path = working_copy(example, data_dir() / "examples")
        except OSError as error:
            self.message.emit(f"The example {name} could not be copied: {error}.", Kind.ERROR)
            return None
        return self.open_path(path)

    def _add(self, document: WorkflowDocument) -> Tab:
        front = self._tabs.current
        tab = self._tabs.add(document)
        self.journal.watch(document)
        if front is not None and _is_untouched(front):
            self.drop(front)
        _show_readably(tab)
        tab.canvas.setFocus()
        return tab

    def export_picture(self, run: RunView | None) -> None:
        """Ask how the workflow in front is to be drawn, and write it."""
        tab = self._tabs.current
        if tab is not None:
            self._spawn(self._export(tab, run))

    async def _export(self, tab: Tab, run: RunView | None) -> None:
        folder = tab.document.path.parent if tab.document.path else self._settings.last_folder
        try:
            done = await export_picture(
                self._window,
                tab.document.workflow,
                self._registry,
                current_theme(),
                run=run,
                folder=Path(folder or Path.home()),
            )
        except OSError as error:
            why = error.strerror or error
            text = f"The picture was not saved: {why}; choose another place."
            self.message.emit(text, Kind.ERROR)
            return
        if done:
            self.message.emit(done, Kind.SUCCESS)

    # --- saving -----------------------------------------------------------------------------

    def save(self) -> None:
        """Save the workflow in front; the first time, ask where."""
        tab = self._tabs.current
        if tab is not None:
            self._spawn(self.save_tab(tab))

    def save_as(self) -> None:
        """Ask where to save the workflow in front."""
        tab = self._tabs.current
        if tab is not None:
            self._spawn(self.save_tab(tab, ask=True))

    async def save_tab(self, tab: Tab, *, ask: bool = False) -> bool:
        """Save one workflow; whether it is saved now."""
        document = tab.document
        path = document.path
        if ask or path is None:
            folder = Path(self._settings.last_folder or Path.home())
            name = path.name if path else f"{_file_name(document.workflow.name)}{SUFFIX}"
            path = await dialogs.ask_path_to_save(self._window, (path or folder / name))
            if path is None:
                return False
        try:
            if path == document.path:
                await self._save_here(tab)
            else:
                tab.file.save_as(path)
        except files.FileProblem as problem:
            self.message.emit(str(problem), Kind.ERROR)
            return False
        if document.is_modified or document.path is None:
            return False
        self._settings.add_recent_file(document.path)
        self._settings.last_folder = str(document.path.parent)
        self.saved.emit("saved")
        return True

    async def _save_here(self, tab: Tab) -> None:
        """Save over the own file; ask first when another program has changed it."""
        try:
            tab.file.save()
        except files.ChangedOutside as problem:
            if await dialogs.ask_overwrite(self._window, str(problem)):
                tab.file.save(over_others=True)

    def reload(self, tab: Tab) -> None:
        """Show what the file holds now."""
        try:
            tab.file.reload()
        except files.FileProblem as problem:
            self.message.emit(str(problem), Kind.ERROR)

    # --- closing ----------------------------------------------------------------------------

    def close(self, tab: Tab) -> None:
        """Close a tab; ask first when it has unsaved changes."""
        self._spawn(self.close_tab(tab))

    async def close_tab(self, tab: Tab) -> bool:
        """Close a tab; False when the person wants to go on with it."""
        if tab.document.is_modified and not tab.pinned:
            self._tabs.show_tab(tab)
            answer = await dialogs.ask_to_save(self._window, tab.document.title)
            if answer == "cancel" or (answer == "save" and not await self.save_tab(tab)):
                return False
        if tab.document.path is not None:
            self._closed.append(tab.document.path)
        self.drop(tab)
        return True

    async def close_all(self) -> bool:
        """Close every tab before the program ends; False when the person stops it."""
        session = session_text(self._tabs)
        for tab in self._tabs:
            if tab.document.is_modified and not await self.close_tab(tab):
                return False
        self._settings.session = session
        for tab in self._tabs:
            self.drop(tab)
        return True

    def end(self) -> None:
        """Write down what is still open and unsaved, as when the program must end at once."""
        if self._tabs.current is not None:
            self._settings.session = session_text(self._tabs)
        self.journal.flush()
        self.journal.close()

    def restore_session(self) -> list[tuple[Tab, str]]:
        """Open what was open the last time; returns the run that each tab showed."""
        return restore_session(self._settings.session, self._tabs, self.open_path)

    def reopen(self) -> None:
        """Open the file that was closed last."""
        if self._closed:
            self.open_path(self._closed.pop())

    @property
    def can_reopen(self) -> bool:
        """Whether a file was closed in this session."""
        return bool(self._closed)

    def drop(self, tab: Tab) -> None:
        """Close a tab and its document without asking anything."""
        self.journal.forget(tab.document)
        self._tabs.remove(tab)

    # --- recovery ---------------------------------------------------------------------------

    def find_unsaved(self) -> list[Recovery]:
        """What a crash left behind."""
        return self.journal.find_unsaved()

    def restore(self, recovery: Recovery) -> None:
        """Open the unsaved state of a document, still unsaved."""
        try:
            workflow = recovery.workflow()
        except EngineError as error:
            self.message.emit(str(error), Kind.ERROR)
            return
        document = WorkflowDocument(workflow, self._registry, path=recovery.path)
        self._add(document)
        document.replace(workflow, modified=True)
        self.journal.put(document)
        self.journal.discard(recovery)

    def discard(self, recovery: Recovery) -> None:
        """Forget the unsaved state of a document."""
        self.journal.discard(recovery)

    # --- menus ------------------------------------------------------------------------------

    def fill_recent(self, menu: QMenu) -> None:
        """List the recent files that are still there."""
        menu.clear()
        for name in self._settings.recent_files:
            path = Path(name)
            action = menu.addAction(path.name.removesuffix(".json"), partial(self.open_path, path))
            action.setToolTip(name)
        if menu.isEmpty():
            menu.addAction("No recent files").setEnabled(False)

    def fill_examples(self, menu: QMenu) -> None:
        """List the examples."""
        menu.clear()
        for example in examples():
            menu.addAction(example.title, partial(self.open_example, example.name))


def _file_name(name: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-_ " else " " for c in name).strip().lower()
    return "-".join(plain.split()) or "workflow"


def _show_readably(tab: Tab) -> None:
    """Fit the workflow; one that would be too small to read begins at its first node."""
    canvas, workflow = tab.canvas, tab.document.workflow
    canvas.fit()
    if canvas.zoom >= READABLE or not workflow.nodes:
        return
    canvas.set_zoom(READABLE)
    positions = workflow.view.positions
    first = min(workflow.nodes, key=lambda key: positions[key].x if key in positions else 0.0)
    canvas.centre_on(first)


def _is_untouched(tab: Tab) -> bool:
    document = tab.document
    empty = not document.workflow.nodes and document.path is None
    return empty and not document.is_modified and not document.undo_stack.count()
