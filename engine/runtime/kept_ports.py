"""What a store must do with results that are kept for equal work (U89)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.ids import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """A result as a store keeps it.

    Attributes:
        key: SHA-256 of the work. `result`: encoded `Result`; empty in lists.
        run: the one that did the work. `at`: when, in seconds since the epoch.
        size: bytes that it takes in the store. `hits`: how often its use was noted.
    """

    key: bytes
    run: RunId
    workflow_id: str
    node: str
    at: float
    expires_at: float | None = None
    size: int = 0
    hits: int = 0
    result: bytes = b""


class KeptStore(Protocol):
    """Keeps results of nodes; part of `engine.runtime.ports.RunStore`."""

    def keep_result(self, kept: KeptResult, limit_bytes: int) -> None:
        """Keep a result for equal work; a newer one takes its place.

        All together take at most `limit_bytes`: what has not been used for the longest time
        goes, and what is over. A result that is larger by itself is not kept.
        """
        ...

    def kept_result(self, key: bytes, now: float) -> KeptResult | None:
        """Return the result that is kept for a key, unless its time is over; note its use."""
        ...

    def kept_results(self, *, limit: int = 200) -> list[KeptResult]:
        """Return what is kept, without the results themselves, the one used last first."""
        ...

    def kept_size(self) -> tuple[int, int]:
        """Return how many results are kept, and the bytes that they take."""
        ...

    def forget_results(self, *, workflow_id: str | None = None, node: str | None = None) -> int:
        """Drop what is kept of a workflow, of a node, or all; return how many there were."""
        ...
