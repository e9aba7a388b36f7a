"""The workflows that are open: one canvas per tab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QTabWidget, QWidget

from designer.canvas.view import CanvasView
from designer.document.document import WorkflowDocument
from designer.document.files import DocumentFile
from designer.settings import Settings
from designer.widgets.icons import icon


@dataclass(slots=True)
class Tab:
    """One open workflow.

    Attributes:
        file: what saves it and watches its file.
        run: id of the run that was shown over it last.
        pinned: it shows the version that a run used, and cannot be edited.
    """

    document: WorkflowDocument
    canvas: CanvasView
    file: DocumentFile
    run: str | None = None
    pinned: bool = False


class WorkflowTabs(QTabWidget):
    """Tabs with canvases. It owns documents and canvases from opening to closing."""

    #: The tab in front is another one, or there is none: carries the Tab or None.
    current_changed = Signal(object)
    #: The person wants to close a tab: carries the Tab.
    close_requested = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._tabs: list[Tab] = []
        self.setDocumentMode(True)
        self.setTabsClosable(True)
        self.setMovable(True)
        self.setAccessibleName("Open workflows")
        self.currentChanged.connect(self._on_current)
        self.tabCloseRequested.connect(self._on_close)
        self.tabBar().tabMoved.connect(self._on_moved)

    def __iter__(self) -> Iterator[Tab]:
        return iter(list(self._tabs))

    @property
    def current(self) -> Tab | None:
        """The tab in front."""
        index = self.currentIndex()
        return self._tabs[index] if 0 <= index < len(self._tabs) else None

    def add(self, document: WorkflowDocument, *, pinned: bool = False) -> Tab:
        """Open a document in a new tab and bring it to the front."""
        document.setParent(self)
        canvas = CanvasView(document, document.registry, self._settings, self)
        tab = Tab(document, canvas, DocumentFile(document), pinned=pinned)
        self._tabs.append(tab)
        document.title_changed.connect(lambda _title: self._name(tab))
        document.modified_changed.connect(lambda _modified: self._name(tab))
        document.path_changed.connect(lambda: self._name(tab))
        index = self.addTab(canvas, "")
        self._name(tab)
        self.setCurrentIndex(index)
        if index == 0:
            self._on_current(0)
        return tab

    def remove(self, tab: Tab) -> None:
        """Close a tab without asking anything."""
        index = self._tabs.index(tab)
        del self._tabs[index]
        self.removeTab(index)
        tab.canvas.hide()
        tab.document.close()
        tab.canvas.deleteLater()
        tab.document.deleteLater()
        self._on_current(self.currentIndex())

    def show_tab(self, tab: Tab) -> None:
        """Bring a tab to the front."""
        self.setCurrentIndex(self._tabs.index(tab))

    def of_document(self, workflow_id: str) -> Tab | None:
        """The tab that edits the workflow of that id."""
        found = (t for t in self._tabs if t.document.workflow.id == workflow_id and not t.pinned)
        return next(found, None)

    def _name(self, tab: Tab) -> None:
        if tab not in self._tabs:
            return
        index = self._tabs.index(tab)
        mark = " •" if tab.document.is_modified else ""
        self.setTabText(index, tab.document.title.replace("&", "&&") + mark)
        self.setTabToolTip(index, str(tab.document.path or "Not saved yet"))
        self.setTabIcon(index, icon("lock" if tab.pinned else "node-workflow", "muted"))

    def _on_current(self, _index: int) -> None:
        self.current_changed.emit(self.current)

    def _on_close(self, index: int) -> None:
        self.close_requested.emit(self._tabs[index])

    def _on_moved(self, source: int, target: int) -> None:
        self._tabs.insert(target, self._tabs.pop(source))
