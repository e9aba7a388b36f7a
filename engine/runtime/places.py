"""How many attempts of a kind of node run at once, in one run or in all runs of an engine (U43)."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Places:
    """The places of the node types that have a limit; whoever finds none is told of the next.

    Args:
        most: id of a node type to how many of its attempts may run at once.
    """

    def __init__(self, most: Mapping[str, int]) -> None:
        self._free = dict(most)
        self._waiting: dict[str, set[Callable[[], None]]] = {}

    @property
    def kinds(self) -> frozenset[str]:
        """The node types that have a limit."""
        return frozenset(self._free)

    def has(self, kind: str, told: Callable[[], None]) -> bool:
        """Return whether there is a place; if not, `told` is called when there may be one."""
        if self._free.get(kind, 1) > 0:
            return True
        self._waiting.setdefault(kind, set()).add(told)
        return False

    def take(self, kind: str) -> None:
        """An attempt begins."""
        if kind in self._free:
            self._free[kind] -= 1

    def give(self, kind: str) -> None:
        """An attempt is over."""
        if kind in self._free:
            self._free[kind] += 1
            for told in self._waiting.pop(kind, ()):
                told()
