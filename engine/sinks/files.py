"""Sinks that write files: one JSON object a line, and a table of a SQLite file.

Both hold facts as `engine.events.to_json` writes them, the same as ``headgate run --json``.
The run store holds them too; these are for programs that do not know it.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import IO

from engine.events import News, Recorded, to_json

_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    run TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    node TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID
"""


class JsonlSink:
    """Appends each fact to a file, one JSON object a line.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: IO[str] | None = None

    @property
    def name(self) -> str:
        """``jsonl`` and the file."""
        return f"jsonl {self._path}"

    def write(self, news: News) -> None:
        """Append a fact."""
        if not isinstance(news, Recorded):
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(json.dumps(to_json(news), ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class SqliteSink:
    """Inserts each fact into the table ``events`` of a SQLite file; a repeat changes nothing.

    Args:
        path: the file. It must not be the run store itself.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._database: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        """``sqlite`` and the file."""
        return f"sqlite {self._path}"

    def write(self, news: News) -> None:
        """Insert a fact; it is committed when nothing more is queued."""
        if not isinstance(news, Recorded):
            return
        if self._database is None:  # made here: a connection belongs to its thread
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(_TABLE)
        fields = to_json(news)
        row = (
            news.run,
            news.seq,
            news.at,
            fields["event"],
            fields.get("node"),
            json.dumps(fields, ensure_ascii=False),
        )
        self._database.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)", row)

    def flush(self) -> None:
        """Commit."""
        if self._database is not None:
            self._database.commit()

    def close(self) -> None:
        """Commit and close the file."""
        if self._database is not None:
            self._database.commit()
            self._database.close()
