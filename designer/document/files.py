"""Opening and saving: never half a file, never over a newer format, never over another's edit."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from designer.document.document import WorkflowDocument
from engine.model.codec import load_file, save_file
from engine.model.failures import EngineError
from engine.model.node_types import Registry
from engine.model.workflow import Workflow

#: What a saved file is called when the person types no ending.
SUFFIX = ".flow.json"
#: Several notices of one change of a file come within this time.
SETTLE_MS = 200


class FileProblem(Exception):
    """A file could not be opened or saved; the text is for the person."""


class ChangedOutside(FileProblem):
    """The file on the disk is not the one that was opened: saving would lose that edit."""


def new_workflow(name: str = "Untitled") -> Workflow:
    """An empty workflow with an id of its own."""
    return Workflow(id=secrets.token_hex(16), name=name)


def new_document(registry: Registry, parent: QObject | None = None) -> WorkflowDocument:
    """A document that has no file yet."""
    return WorkflowDocument(new_workflow(), registry, parent=parent)


def open_document(
    path: Path, registry: Registry, parent: QObject | None = None
) -> WorkflowDocument:
    """The document in a file.

    Raises:
        FileProblem: it cannot be read; says why and what to do.
    """
    target = path.absolute()
    return WorkflowDocument(read_workflow(target), registry, path=target, parent=parent)


def read_workflow(path: Path) -> Workflow:
    """The workflow in a file.

    Raises:
        FileProblem: it cannot be read; says why and what to do.
    """
    try:
        return load_file(path)
    except EngineError as error:
        raise FileProblem(str(error)) from error


def with_suffix(path: Path) -> Path:
    """`path` with the ending of workflow files, unless it has one that means JSON."""
    return path if path.name.endswith(".json") else path.with_name(path.name + SUFFIX)


def digest_of(path: Path) -> str:
    """The SHA-256 of what a file holds; empty when there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


class DocumentFile(QObject):
    """The file of one document: saves to it and notices when somebody else does."""

    #: The file was changed or removed by another program.
    changed_outside = Signal()

    def __init__(self, document: WorkflowDocument, parent: QObject | None = None) -> None:
        super().__init__(parent or document)
        self._document = document
        self._watcher = QFileSystemWatcher(self)
        #: Digests of what the file holds as we know it, and as the person was told.
        self._known = ""
        self._told = ""
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._watcher.fileChanged.connect(self._settle.start)
        self._watcher.directoryChanged.connect(self._settle.start)
        document.path_changed.connect(self._watch)
        self._watch()

    @property
    def is_changed_outside(self) -> bool:
        """Whether the file holds something else than we last read or wrote."""
        path = self._document.path
        return path is not None and bool(self._known) and digest_of(path) != self._known

    def save(self, *, over_others: bool = False) -> Path:
        """Write the document to its file; returns the file.

        Args:
            over_others: write although another program has changed the file.

        Raises:
            ChangedOutside: another program has changed the file meanwhile.
            FileProblem: it has no file yet, or the file cannot be written.
        """
        path = self._document.path
        if path is None:
            raise FileProblem("This workflow has no file yet: choose where to save it.")
        if not over_others and self.is_changed_outside:
            raise ChangedOutside(
                f"{path.name} was changed by another program since it was opened: "
                "open it again, or save under another name."
            )
        return self.save_as(path)

    def save_as(self, path: Path) -> Path:
        """Write the document to a file that is its own from now on; returns the file.

        Raises:
            FileProblem: the file cannot be written, or a newer program wrote it.
        """
        target = with_suffix(path.absolute())
        workflow = self._document.workflow
        try:
            save_file(target, workflow)
        except EngineError as error:
            raise FileProblem(str(error)) from error
        self._known = digest_of(target)
        self._document.mark_saved(target)
        self._watch()
        return target

    def reload(self) -> None:
        """Show what the file holds now; what was not saved is lost.

        Raises:
            FileProblem: it cannot be read any more.
        """
        path = self._document.path
        if path is None:
            raise FileProblem("This workflow has no file yet.")
        workflow = read_workflow(path)
        self._known = digest_of(path)
        self._document.replace(workflow)
        self._watch()

    def _watch(self) -> None:
        """Watch the file and its folder: programs replace files as well as change them."""
        old = [*self._watcher.files(), *self._watcher.directories()]
        if old:
            self._watcher.removePaths(old)
        path = self._document.path
        if path is None:
            return
        if not self._known:
            self._known = digest_of(path)
        places = [str(each) for each in (path, path.parent) if each.exists()]
        if places:
            self._watcher.addPaths(places)

    def _look(self) -> None:
        path = self._document.path
        if path is None:
            return
        now = digest_of(path)
        if path.exists() and str(path) not in self._watcher.files():
            self._watcher.addPath(str(path))  # it was replaced by a new file of its name
        if now not in (self._known, self._told or self._known):
            self._told = now
            self.changed_outside.emit()
