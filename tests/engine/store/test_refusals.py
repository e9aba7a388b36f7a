from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.store.refusals import store_error

PATH = Path("/data/runs.sqlite")
CODES = [
    name
    for name in dir(sqlite3)
    if name.startswith("SQLITE_") and isinstance(getattr(sqlite3, name), int)
]


def error_with(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY, "is locked by another program"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "is locked by another program"),
        (sqlite3.SQLITE_FULL, "is full: free some space"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "may not be written"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "cannot be opened"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "is damaged"),
        (
            sqlite3.SQLITE_IOERR_FSYNC,
            r"cannot be read or written \(disk I/O error\): check the disk",
        ),
        (sqlite3.SQLITE_NOTADB, "is not a run store"),
        (sqlite3.SQLITE_NOMEM, "not enough memory"),
        (sqlite3.SQLITE_TOOBIG, "too large"),
        (sqlite3.SQLITE_INTERNAL, "refuses"),
    ],
)
def test_a_refusal_says_what_happened(code: int, words: str) -> None:
    with pytest.raises(Exception, match=words):
        raise store_error(PATH, error_with(code))


@pytest.mark.parametrize("name", CODES)
def test_every_refusal_is_one_sentence_that_names_the_file(name: str) -> None:
    sentence = str(store_error(PATH, error_with(getattr(sqlite3, name))))
    assert str(PATH) in sentence
    assert ": " in sentence  # what to do comes after what happened
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_an_error_without_a_code_is_told_as_well() -> None:
    sentence = str(store_error(PATH, sqlite3.ProgrammingError("Incorrect number of bindings")))
    assert "refuses (Incorrect number of bindings)" in sentence
