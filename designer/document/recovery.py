"""The journal of unsaved work: what a crash, a kill or a power cut would have taken.

One SQLite file in the user's data folder holds the last state of every modified document,
written a second after the last edit, by a thread of its own. A row belongs to the running
program that wrote it, which holds a lock file while it lives: whatever has no living
owner is offered at the next start. The user's own files are never touched.
"""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QTimer, Signal

from designer.document.background import Background
from designer.document.document import WorkflowDocument
from designer.settings import Settings, data_dir
from designer.widgets.countdown import utc_now
from designer.widgets.format import plural
from engine.model.codec import dumps, loads
from engine.model.workflow import Workflow

#: Typing without a pause is written this often all the same.
LONGEST_S = 10.0
BUSY_S = 5.0

_TABLES = """
create table if not exists unsaved (
    owner text not null,
    document text not null,
    name text not null,
    path text not null,
    saved_at text not null,
    edits integer not null,
    content blob not null,
    primary key (owner, document)
) without rowid
"""

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Work that was not saved when a program ended.

    Attributes:
        path: the file it belongs to, or None when it had none.
        content: the document as canonical text.
    """

    owner: str
    document_id: str
    name: str
    path: Path | None
    saved_at: dt.datetime
    edits: int
    content: bytes

    @property
    def sentence(self) -> str:
        """What the person is told: "Unsaved changes from 14:02 were found (7 edits)."."""
        when = self.saved_at.astimezone()
        edits = plural(self.edits, "edit")
        return f"Unsaved changes from {when:%H:%M} were found ({edits})."

    def workflow(self) -> Workflow:
        """The document as it was.

        Raises:
            EngineError: the journal is damaged there.
        """
        return loads(self.content, source="The journal of unsaved changes")


class RecoveryJournal(QObject):
    """Writes modified documents down, and finds what others left behind.

    Args:
        settings: says how long typing rests before it is written.
        folder: where the journal is; the user's data folder by default.
        clock: the time that is written down.
    """

    #: A document was written down; carries its id and when.
    written = Signal(str, object)
    #: The journal cannot be written; carries a sentence. Told once.
    failed = Signal(str)

    def __init__(
        self,
        settings: Settings,
        folder: Path | None = None,
        *,
        clock: Clock = utc_now,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._folder = (folder or data_dir()) / "recovery"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._owner = secrets.token_hex(8)
        self._lock = _lock(self._folder, self._owner)
        self._lock.tryLock(0)
        self._background = Background("recovery", self._on_done)
        self._watched: dict[int, _Watch] = {}
        self._has_failed = False

    # --- writing ------------------------------------------------------------------------

    def watch(self, document: WorkflowDocument) -> None:
        """Write the document down whenever it rests, until it is saved or forgotten."""
        if id(document) not in self._watched:
            settings = self._settings
            watch = _Watch(document, lambda: 1000 * settings.autosave_s)
            watch.rested.connect(self.put)
            watch.settled.connect(self.remove)
            self._watched[id(document)] = watch
            if document.is_modified:
                watch.begin()

    def forget(self, document: WorkflowDocument) -> None:
        """Stop watching: the document was closed, and what was not saved is not wanted."""
        watch = self._watched.pop(id(document), None)
        if watch is not None:
            watch.stop()
            self._remove(self._owner, document.workflow.id)

    def flush(self) -> None:
        """Write every modified document down now, and wait until it is on the disk."""
        for watch in self._watched.values():
            watch.flush()
        self._background.wait()

    def close(self) -> None:
        """End in order: everything is written, and the lock is given back."""
        for watch in self._watched.values():
            watch.stop()
        self._watched.clear()
        self._background.close(cancel=False)
        self._lock.unlock()

    def put(self, document: WorkflowDocument) -> None:
        """Write a document down, in the thread."""
        workflow, edits = document.workflow, document.edits
        path = str(document.path or "")
        at = self._clock()
        owner, file = self._owner, self._file

        def write() -> None:
            row = (owner, workflow.id, workflow.name, path, at.isoformat(), edits, dumps(workflow))
            with closing(_connect(file)) as store, store:
                store.execute("replace into unsaved values (?, ?, ?, ?, ?, ?, ?)", row)

        self._background.submit((workflow.id, at), write)

    def remove(self, document: WorkflowDocument) -> None:
        """Nothing of the document is unsaved any more."""
        self._remove(self._owner, document.workflow.id)

    def _remove(self, owner: str, document_id: str) -> None:
        file = self._file

        def write() -> None:
            if file.exists():
                with closing(_connect(file)) as store, store:
                    store.execute(
                        "delete from unsaved where owner = ? and document = ?",
                        (owner, document_id),
                    )

        self._background.submit(None, write)

    def _on_done(self, tag: object, result: object, error: object) -> None:
        del result
        if error is not None:
            if not self._has_failed:
                self._has_failed = True
                self.failed.emit(
                    f"Unsaved changes cannot be kept safe: {error}. Save your work, and check "
                    f"that {self._folder} can be written to."
                )
        elif isinstance(tag, tuple):
            self._has_failed = False
            document_id, at = tag
            self.written.emit(document_id, at)

    @property
    def _file(self) -> Path:
        return self._folder / "unsaved.sqlite"

    # --- finding ------------------------------------------------------------------------

    def find_unsaved(self) -> list[Recovery]:
        """What programs left behind that do not run any more, newest first."""
        if not self._file.exists():
            return []
        with closing(_connect(self._file)) as store:
            rows = store.execute(
                "select owner, document, name, path, saved_at, edits, content from unsaved"
                " where owner != ? order by saved_at desc",
                (self._owner,),
            ).fetchall()
        alive = {owner: _is_alive(self._folder, owner) for owner in {row[0] for row in rows}}
        found = [_recovery(row) for row in rows if not alive[row[0]]]
        return [each for each in found if not self._is_saved(each)]

    def _is_saved(self, recovery: Recovery) -> bool:
        """Whether the program ended between saving and telling the journal."""
        try:
            saved = recovery.path is not None and recovery.path.read_bytes() == recovery.content
        except OSError:
            return False
        if saved:
            self.discard(recovery)
        return saved

    def discard(self, recovery: Recovery) -> None:
        """Forget work that is not wanted, or that was restored into a watched document."""
        self._remove(recovery.owner, recovery.document_id)


class _Watch(QObject):
    """Waits for one document to rest; tells the journal by its signals.

    It keeps no reference to the journal and has no parent: a cycle of two QObjects is freed
    in an order that Qt does not survive.
    """

    rested = Signal(object)
    settled = Signal(object)

    def __init__(self, document: WorkflowDocument, rest_ms: Callable[[], int]) -> None:
        super().__init__()
        self._document = document
        self._rest_ms = rest_ms
        self._written = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self.flush)
        self._longest = QTimer(self)
        self._longest.setSingleShot(True)
        self._longest.setInterval(round(1000 * LONGEST_S))
        self._longest.timeout.connect(self.flush)
        document.changed.connect(self._on_edit)
        document.reset.connect(self._on_edit)
        document.modified_changed.connect(self._on_modified)

    def begin(self) -> None:
        """The document has unsaved edits already, as after a recovery."""
        self._on_edit()

    def _on_edit(self, change: object = None) -> None:
        del change
        self._rest.start(self._rest_ms())
        if not self._longest.isActive():
            self._longest.start()

    def _on_modified(self, modified: bool) -> None:
        if not modified:
            self._quiet()
            self.settled.emit(self._document)
            self._written = False

    def flush(self) -> None:
        """Write the document down if it has unsaved edits."""
        self._quiet()
        if self._document.is_modified:
            self.rested.emit(self._document)
            self._written = True
        elif self._written:
            self.settled.emit(self._document)
            self._written = False

    def _quiet(self) -> None:
        self._rest.stop()
        self._longest.stop()

    def stop(self) -> None:
        """Wait no more."""
        self._quiet()
        self._document.changed.disconnect(self._on_edit)
        self._document.reset.disconnect(self._on_edit)
        self._document.modified_changed.disconnect(self._on_modified)


def _connect(file: Path) -> sqlite3.Connection:
    store = sqlite3.connect(file, timeout=BUSY_S)
    store.execute("pragma journal_mode = wal")
    store.execute("pragma synchronous = full")
    store.execute(_TABLES)
    return store


def _lock(folder: Path, owner: str) -> QLockFile:
    lock = QLockFile(str(folder / f"{owner}.lock"))
    # Only the death of its owner makes a lock stale, never its age.
    lock.setStaleLockTime(0)
    return lock


def _is_alive(folder: Path, owner: str) -> bool:
    """Whether the program that wrote those rows still runs."""
    lock = _lock(folder, owner)
    if not (folder / f"{owner}.lock").exists():
        return False
    if lock.tryLock(0):
        lock.unlock()
        return False
    return True


def _recovery(row: tuple[str, str, str, str, str, int, bytes]) -> Recovery:
    owner, document, name, path, saved_at, edits, content = row
    return Recovery(
        owner=owner,
        document_id=document,
        name=name,
        path=Path(path) if path else None,
        saved_at=dt.datetime.fromisoformat(saved_at),
        edits=edits,
        content=content,
    )
