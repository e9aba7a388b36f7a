"""What stops a commit in the middle; the commit that comes of it says so."""

from __future__ import annotations

from engine.events import ErrorInfo
from engine.ids import NodeKey


class LimitHit(Exception):  # noqa: N818 - becomes a failed run, not an error of ours
    """A limit stopped the commit; it names itself."""

    def __init__(self, limit: str, value: float, node: NodeKey, text: str) -> None:
        super().__init__(text)
        self.limit = limit
        self.value = value
        self.node = node


class ItemLost(Exception):  # noqa: N818 - becomes a failed item, or a failed run
    """No wire takes an item of a For each; `stops` when the run may not go on without it."""

    def __init__(self, error: ErrorInfo, *, stops: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.stops = stops
