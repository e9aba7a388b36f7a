"""What all editors of the inspector share: the document, its changes, and the run's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from designer.document.document import WorkflowDocument
from designer.panels.inspector_scope import Preview, RecordedScope, ScopeKey, SourceKind
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.widgets.code_edit import CodeEdit
from designer.widgets.kinds import Kind
from engine.model.changes import Change, ChangeRefused
from engine.model.node_types import Registry
from engine.model.workflow import Workflow

Json = Any


class Bench(QObject):
    """The document under the hands of the person, and everything its editors ask for."""

    #: Something to tell in a toast.
    message = Signal(str, Kind)
    #: Rows or fields were made: their place in the chain of the Tab key is to be set.
    structure_changed = Signal()
    #: Other values can be tried out: previews are made again.
    scope_changed = Signal()

    def __init__(
        self,
        registry: Registry,
        client: EngineClient,
        run_model: RunModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.registry = registry
        self.client = client
        self.run_model = run_model
        self.document: WorkflowDocument | None = None
        #: What the forms are about: a node, a wire, the workflow.
        self.owner = ""
        #: What was typed and is no value, by owner and path; with the value of the document.
        self.drafts: dict[tuple[str, str], tuple[Json, str]] = {}
        self._scope: RecordedScope | None = None
        self._slots = 0

    # --- the document -----------------------------------------------------------------------

    @property
    def workflow(self) -> Workflow:
        """The workflow as it is now."""
        return self.document.workflow if self.document is not None else Workflow(id="")

    @property
    def folder(self) -> Path | None:
        """The folder of the workflow's file, from which relative paths start."""
        path = self.document.path if self.document is not None else None
        return path.parent if path is not None else None

    @property
    def locked(self) -> str:
        """Why nothing can be edited; empty when it can."""
        return self.document.read_only_reason if self.document is not None else ""

    def push(self, change: Change, text: str, *, merge: str = "") -> bool:
        """Put a change into effect; what is refused is told, and the answer is False."""
        if self.document is None:
            return False
        try:
            if not merge:
                self.document.end_merge()
            self.document.push(change, text, merge=merge)
        except ChangeRefused as error:
            self.message.emit(str(error), Kind.WARNING)
            return False
        return True

    def watch(self, widget: QWidget) -> None:
        """Let undo in a field be that of the document, and end its undo step with the focus."""
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Undo and redo are the document's, wherever the keys are pressed."""
        kind = event.type()
        if kind == QEvent.Type.FocusOut and self.document is not None:
            self.document.end_merge()
        if kind not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            return False
        if not isinstance(event, QKeyEvent) or _has_own_undo(watched):
            return False
        undo = event.matches(QKeySequence.StandardKey.Undo)
        if not undo and not event.matches(QKeySequence.StandardKey.Redo):
            return False
        if kind == QEvent.Type.ShortcutOverride:
            event.ignore()  # the window's own shortcut takes it
        elif self.document is not None:
            (self.document.undo if undo else self.document.redo)()
        return True

    # --- values of the run ------------------------------------------------------------------

    def set_scope(self, key: ScopeKey | None, tasks: Mapping[str, str] | None = None) -> None:
        """Say whose values expressions are tried on; None for nobody's."""
        old = self._scope
        if key is None:
            self._scope = None
        elif old is None or old.key != key or old.workflow is not self.workflow:
            if old is not None and old.key == key and old.tasks == tasks:
                old.workflow = self.workflow  # an edit; what has been read stays true
                return
            self._scope = RecordedScope(self.client.engine, key, self.workflow, dict(tasks or {}))
        if self._scope is not old:
            self.scope_changed.emit()
            if self._scope is not None:
                self.client.read(
                    "inspector/scope", self._scope.load, then=_drop, what="Reading the values"
                )

    def new_slot(self) -> str:
        """A name for the readings of one editor."""
        self._slots += 1
        return f"inspector/preview/{self._slots}"

    def preview(
        self, slot: str, source: str, kind: SourceKind, then: Callable[[Preview | None], None]
    ) -> None:
        """Try a text on the values of the run, in a thread."""
        if self._scope is None or not source.strip():
            self.client.forget(slot)
            then(None)
        else:
            self.client.read(slot, self._scope.try_text, source, kind, then=then,
                             what="Trying an expression")  # fmt: skip

    def sample(self) -> Mapping[str, Json]:
        """The values that have been read, to offer their fields."""
        return self._scope.sample() if self._scope is not None else {}


def _drop(_value: object) -> None:
    return None


def _has_own_undo(watched: QObject) -> bool:
    """A text that is no value yet is undone in its editor, for the document does not have it."""
    return isinstance(watched, CodeEdit) and bool(watched.error_lines())
