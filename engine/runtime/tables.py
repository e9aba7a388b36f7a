"""The tables of the state with the changes of one commit on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from engine.state.run_state import Delta

T = TypeVar("T")
#: The tables of the state that a commit may change, row by row.
TABLES = (
    "tasks", "waits", "joins", "timers", "arrivals", "zones", "items", "grown", "cycles", "outputs",
    "gates", "frames", "memory", "ledger", "holds", "buckets",
    "recordings", "failures",
    "children", "ending",
)  # fmt: skip
#: Their fields of a delta.
_PUT = {name: f"put_{name}" for name in TABLES}
_DROP = {name: f"drop_{name}" for name in TABLES}


class Table(Generic[T]):
    """A table of the state with the changes of this commit on top; None means dropped."""

    __slots__ = ("base", "changes")

    def __init__(self, base: Mapping[str, T]) -> None:
        self.base = base
        self.changes: dict[str, T | None] = {}

    def get(self, key: str) -> T | None:
        """Return the row as it is now."""
        changes = self.changes
        return changes[key] if key in changes else self.base.get(key)

    def put(self, key: str, row: T) -> None:
        """Write a row."""
        self.changes[key] = row

    def drop(self, key: str) -> None:
        """Remove a row, if it is there."""
        if key in self.base:
            self.changes[key] = None
        else:
            self.changes.pop(key, None)

    def size(self) -> int:
        """Return how many rows there are now."""
        base, count = self.base, len(self.base)
        for key, row in self.changes.items():
            count += (row is not None) - (key in base)
        return count

    def split(self) -> tuple[dict[str, T], list[str]]:
        """Return (rows to put, keys to drop)."""
        put = {key: row for key, row in self.changes.items() if row is not None}
        if len(put) == len(self.changes):
            return put, []
        return put, [key for key, row in self.changes.items() if row is None]


def put_into(delta: Delta, tables: Mapping[str, Table[Any]]) -> None:
    """Write what changed in these tables into a delta."""
    for name, table in tables.items():
        if table.changes:
            put, drop = table.split()
            if put:
                setattr(delta, _PUT[name], put)
            if drop:
                setattr(delta, _DROP[name], drop)
