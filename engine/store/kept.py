"""Results that are kept for equal work (U89): a table with a limit, least recently used out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.ids import RunId
from engine.runtime.kept_ports import KeptResult
from engine.store.database import Database
from engine.store.encoding import pack, unpack

#: Seconds between two notes of when a result was used; a hit then mostly writes nothing.
TOUCH_S = 60.0

_COLUMNS = "key, run, workflow_id, node, at, expires_at, size, hits"
_PUT = """
    INSERT OR REPLACE INTO kept_results
      (key, run, workflow_id, node, at, expires_at, used_at, size, hits, result)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"""
#: What is used least recently goes first, until the rest fits.
_EVICT = """
    DELETE FROM kept_results WHERE key IN (
      SELECT key FROM (
        SELECT key, sum(size) OVER (ORDER BY used_at DESC, key) AS so_far FROM kept_results)
      WHERE so_far > ?)"""


class KeptResults:
    """The table of kept results; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kept: KeptResult, limit_bytes: int) -> None:
        """Keep a result; what has not been used for the longest time makes room for it."""
        data = pack(kept.result)
        row = (
            kept.key, kept.run, kept.workflow_id, kept.node, kept.at, kept.expires_at, kept.at,
            len(data), data,
        )  # fmt: skip
        if len(data) > limit_bytes:
            return
        with self._database.transaction() as connection:
            connection.execute(_PUT, row)
            connection.execute("DELETE FROM kept_results WHERE expires_at <= ?", (kept.at,))
            (total,) = connection.execute("SELECT sum(size) FROM kept_results").fetchone()
            if (total or 0) > limit_bytes:
                connection.execute(_EVICT, (limit_bytes,))

    def get(self, key: bytes, now: float) -> KeptResult | None:
        """Return the result that is kept for a key, unless its time is over; note its use."""
        with self._database.reader() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS}, used_at, result FROM kept_results"  # noqa: S608 - our own names
                " WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)",
                (key, now),
            ).fetchone()
        if row is None:
            return None
        *columns, used_at, data = row
        if now - used_at >= TOUCH_S or columns[-1] == 0:
            with self._database.transaction() as connection:
                connection.execute(
                    "UPDATE kept_results SET used_at = ?, hits = hits + 1 WHERE key = ?", (now, key)
                )
        return _record(columns, unpack(data))

    def all(self, limit: int) -> list[KeptResult]:
        """Return what is kept, without the results, the one used last first."""
        with self._database.reader() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM kept_results"  # noqa: S608 - our own names
                " ORDER BY used_at DESC, key LIMIT ?",
                (limit,),
            ).fetchall()
        return [_record(row, b"") for row in rows]

    def size(self) -> tuple[int, int]:
        """Return how many results are kept, and the bytes that they take."""
        with self._database.reader() as connection:
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM kept_results"
            ).fetchone()
        return count, size

    def forget(self, workflow_id: str | None, node: str | None) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        with self._database.transaction() as connection:
            found = connection.execute(
                "DELETE FROM kept_results WHERE (? IS NULL OR workflow_id = ?)"
                " AND (? IS NULL OR node = ?)",
                (workflow_id, workflow_id, node, node),
            ).rowcount
        if found:
            self._database.give_back()
        return found


def _record(row: Sequence[Any], result: bytes) -> KeptResult:
    key, run, workflow_id, node, at, expires_at, size, hits = row
    return KeptResult(
        key=key, run=RunId(run), workflow_id=workflow_id, node=node, at=at,
        expires_at=expires_at, size=size, hits=hits, result=result,
    )  # fmt: skip
