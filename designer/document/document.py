"""The document that is open: an immutable snapshot, and the only way to change it.

Every edit, by mouse, key, inspector or drop, is one `push`. The snapshot is replaced, never
changed, so that whoever holds one (a thread that validates, a file being written) is safe.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoStack

from designer.document.background import Background
from designer.document.commands import EditCommand
from designer.document.selection import Selection
from engine.model.changes import Change, ChangeRefused, apply, invert
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import Registry
from engine.model.validation import validate
from engine.model.workflow import Workflow

#: How long after the last edit the document is checked.
VALIDATE_AFTER_MS = 80
#: Larger documents are checked in a thread, so that typing never waits.
THREAD_FROM_NODES = 500
UNDO_LIMIT = 1000


class WorkflowDocument(QObject):
    """One open workflow with its undo stack, selection and diagnostics."""

    #: An edit, an undo or a redo happened; carries the change.
    changed = Signal(object)
    #: Another workflow is shown: forget everything that is known of the old one.
    reset = Signal()
    diagnostics_changed = Signal()
    modified_changed = Signal(bool)
    path_changed = Signal()
    #: What tabs and windows are called; without the mark of a modified document.
    title_changed = Signal(str)
    #: Edits are refused from now on, or allowed again.
    read_only_changed = Signal()

    def __init__(
        self,
        workflow: Workflow,
        registry: Registry,
        *,
        path: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.registry = registry
        self.selection = Selection(self)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_LIMIT)
        self.undo_stack.cleanChanged.connect(self._on_clean_changed)
        self._workflow = workflow
        self._path = path
        self._diagnostics: tuple[Diagnostic, ...] = ()
        self._refusal = ""
        self._gesture = 0
        self._edits = 0
        self._is_recovered = False
        self._serial = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(VALIDATE_AFTER_MS)
        self._timer.timeout.connect(self.validate_now)
        self._background = Background("validation", self._on_answer)
        self._timer.start(0)

    # --- what it is ---------------------------------------------------------------------

    @property
    def workflow(self) -> Workflow:
        """The workflow as it is now."""
        return self._workflow

    @property
    def path(self) -> Path | None:
        """The file it was read from or written to; None before the first save."""
        return self._path

    @property
    def title(self) -> str:
        """``invoice.flow``, or the workflow's name before the first save."""
        if self._path is not None:
            return self._path.name.removesuffix(".json")
        return self._workflow.name or "Untitled"

    @property
    def is_modified(self) -> bool:
        """Whether there is something to save."""
        return self._is_recovered or not self.undo_stack.isClean()

    @property
    def edits(self) -> int:
        """How many edits there were since the last save."""
        return self._edits

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the workflow, as of the last check."""
        return self._diagnostics

    def problems_of(self, key: str) -> tuple[Diagnostic, ...]:
        """What is wrong with one node."""
        return tuple(each for each in self._diagnostics if each.node == key)

    @property
    def read_only_reason(self) -> str:
        """Why edits are refused; empty when they are not."""
        return self._refusal

    def set_read_only(self, reason: str) -> None:
        """Refuse edits with `reason`; allow them again with an empty one."""
        if reason != self._refusal:
            self._refusal = reason
            self.read_only_changed.emit()

    # --- edits --------------------------------------------------------------------------

    def push(self, change: Change, text: str = "", *, merge: str = "") -> None:
        """Put `change` into effect as one undo step.

        Args:
            change: a single change or a compound.
            text: what the person did: "Move 3 nodes".
            merge: edits that follow each other with the same word become one step, until
                `end_merge`: typing in one field, nudging one selection.

        Raises:
            ChangeRefused: the document is read-only, or the change does not fit it.
        """
        if self._refusal:
            raise ChangeRefused(self._refusal)
        # Here, so that a refusal reaches the caller and never Qt's undo stack.
        after = apply(self._workflow, change)
        if after == self._workflow:
            return
        inverse = invert(self._workflow, change)
        word = f"{merge}\n{self._gesture}" if merge else ""
        self.undo_stack.push(EditCommand(self._put_into_effect, change, inverse, text, word))

    @contextmanager
    def macro(self, text: str) -> Generator[None]:
        """Make all edits inside the block one undo step.

        When the block fails, what it did so far is taken back.
        """
        self.undo_stack.beginMacro(text)
        index = self.undo_stack.index()
        failed = True
        try:
            yield
            failed = False
        finally:
            self.undo_stack.endMacro()
            if failed and self.undo_stack.index() > index:
                self.undo_stack.undo()

    def end_merge(self) -> None:
        """Let the next edit be a step of its own, as when a field loses the focus."""
        self._gesture += 1

    def undo(self) -> None:
        """Take the last step back."""
        if not self._refusal:
            self.undo_stack.undo()

    def redo(self) -> None:
        """Do the last undone step again."""
        if not self._refusal:
            self.undo_stack.redo()

    def _put_into_effect(self, change: Change) -> None:
        self._workflow = apply(self._workflow, change)
        self._edits += 1
        self.selection.prune(self._workflow)
        self.changed.emit(change)
        if self._path is None:
            self.title_changed.emit(self.title)
        self._timer.start()

    # --- as a whole ---------------------------------------------------------------------

    def replace(self, workflow: Workflow, *, modified: bool = False) -> None:
        """Show another workflow in place of this one; nothing can be undone beyond it.

        Args:
            workflow: the new one.
            modified: it is not what the file holds, as after a recovery.
        """
        self._workflow = workflow
        self._edits = 1 if modified else 0
        self._is_recovered = modified
        self.undo_stack.clear()
        self.selection.set()
        self._diagnostics = ()
        self.reset.emit()
        self.modified_changed.emit(self.is_modified)
        self.title_changed.emit(self.title)
        self._timer.start(0)

    def mark_saved(self, path: Path) -> None:
        """The workflow as it is now is what the file at `path` holds."""
        moved = path != self._path
        self._path = path
        self._edits = 0
        was_recovered, self._is_recovered = self._is_recovered, False
        self.undo_stack.setClean()
        if was_recovered:
            self.modified_changed.emit(False)
        if moved:
            self.path_changed.emit()
            self.title_changed.emit(self.title)

    def close(self) -> None:
        """Stop checking; the document is not used any more."""
        self._timer.stop()
        self._serial += 1
        self._background.close(cancel=True)
        self.undo_stack.blockSignals(True)
        # Here, and not when the document is garbage: its commands might be collected first,
        # and the stack would delete what is gone.
        self.undo_stack.clear()

    def _on_clean_changed(self, clean: bool) -> None:
        self.modified_changed.emit(not clean or self._is_recovered)

    # --- checking -----------------------------------------------------------------------

    def validate_now(self) -> None:
        """Check the document; large ones answer later."""
        self._timer.stop()
        self._serial += 1
        if len(self._workflow.nodes) <= THREAD_FROM_NODES:
            self._on_validated(self._serial, validate(self._workflow, self.registry))
            return
        workflow, registry = self._workflow, self.registry
        self._background.submit(self._serial, lambda: validate(workflow, registry))

    def _on_answer(self, serial: object, found: object, error: object) -> None:
        if isinstance(error, BaseException):
            raise error  # the program's own mistake: the hook for those tells of it
        self._on_validated(serial, found)

    def _on_validated(self, serial: object, found: object) -> None:
        if serial != self._serial or not isinstance(found, tuple):
            return  # edited meanwhile: the next check is on its way
        if found != self._diagnostics:
            self._diagnostics = found
            self.diagnostics_changed.emit()
