"""Kept results in memory; see `engine.store.kept`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from engine.ids import RunId
from engine.runtime.kept_ports import KeptResult


class MemoryKept:
    """Results by key, the one that was used last at the end. For who holds a lock."""

    def __init__(self) -> None:
        self._rows: OrderedDict[bytes, KeptResult] = OrderedDict()

    def put(self, kept: KeptResult, limit_bytes: int) -> None:
        """Keep a result; what has not been used for the longest time makes room for it."""
        size = len(kept.result)
        if size > limit_bytes:
            return
        self._rows[kept.key] = replace(kept, size=size)
        self._rows.move_to_end(kept.key)
        for key in [key for key, row in self._rows.items() if _is_over(row, kept.at)]:
            del self._rows[key]
        while self.size()[1] > limit_bytes:
            self._rows.popitem(last=False)

    def get(self, key: bytes, now: float) -> KeptResult | None:
        """Return the result that is kept for a key, unless its time is over; note its use."""
        found = self._rows.get(key)
        if found is None or _is_over(found, now):
            return None
        self._rows[key] = replace(found, hits=found.hits + 1)
        self._rows.move_to_end(key)
        return found

    def all(self, limit: int) -> list[KeptResult]:
        """Return what is kept, without the results, the one used last first."""
        return [replace(row, result=b"") for row in reversed(self._rows.values())][:limit]

    def size(self) -> tuple[int, int]:
        """Return how many results are kept, and the bytes that they take."""
        return len(self._rows), sum(row.size for row in self._rows.values())

    def forget(self, workflow_id: str | None, node: str | None) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        return self._drop(
            lambda row: workflow_id in (None, row.workflow_id) and node in (None, row.node)
        )

    def forget_run(self, run: RunId) -> None:
        """Drop what a run that is deleted has left."""
        self._drop(lambda row: row.run == run)

    def _drop(self, is_one: Callable[[KeptResult], bool]) -> int:
        gone = [key for key, row in self._rows.items() if is_one(row)]
        for key in gone:
            del self._rows[key]
        return len(gone)


def _is_over(row: KeptResult, now: float) -> bool:
    return row.expires_at is not None and row.expires_at <= now
