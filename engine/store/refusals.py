"""What the environment refuses, said in one sentence: what, where, and what to do next."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.errors import StoreError

_DAMAGED = (
    "The run store {path} is damaged ({why}): put a copy of it aside, then restore a backup "
    "or move it away so that a new one is made."
)
#: Primary result codes of SQLite (https://sqlite.org/rescode.html) and what they mean here.
_SENTENCES = {
    sqlite3.SQLITE_BUSY: (
        "The run store {path} is locked by another program: close what has it open "
        "(a backup, a database browser) and try again."
    ),
    sqlite3.SQLITE_FULL: (
        "The disk that holds the run store {path} is full: free some space and try again; "
        "everything stored before is kept."
    ),
    sqlite3.SQLITE_READONLY: (
        "The run store {path} may not be written: give yourself write access to the file "
        "and its folder, or choose another with --store."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The run store {path} cannot be opened: check that its folder exists and that you "
        "may write to it, or choose another with --store."
    ),
    sqlite3.SQLITE_NOTADB: (
        "The file {path} is not a run store: choose another with --store, or move it away."
    ),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_IOERR: (
        "The run store {path} cannot be read or written ({why}): check the disk, then try again."
    ),
    sqlite3.SQLITE_TOOBIG: (
        "A value is too large for the run store {path}: keep it in a file and pass its path."
    ),
    sqlite3.SQLITE_NOMEM: (
        "There is not enough memory to use the run store {path}: close other programs and "
        "try again."
    ),
}
_SENTENCES[sqlite3.SQLITE_LOCKED] = _SENTENCES[sqlite3.SQLITE_BUSY]
_SENTENCES[sqlite3.SQLITE_PERM] = _SENTENCES[sqlite3.SQLITE_READONLY]
_SENTENCES[sqlite3.SQLITE_AUTH] = _SENTENCES[sqlite3.SQLITE_READONLY]
_OTHER = "The run store {path} refuses ({why}): restart the program; if it stays, report it."


def store_error(path: Path, error: Exception) -> StoreError:
    """Return the sentence for an error of SQLite, or for a row that cannot be read.

    Values never get into it: SQLite's own messages name tables and files only.
    """
    if not isinstance(error, sqlite3.Error):
        return StoreError(_DAMAGED.format(path=path, why="a row cannot be read"))
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and "closed" in str(error):
        return StoreError(f"The run store {path} has been closed: open it again.")
    sentence = _OTHER if code is None else _SENTENCES.get(code & 0xFF, _OTHER)
    return StoreError(sentence.format(path=path, why=error))
