"""Reading the store without holding the window: in a thread, and only the newest wish counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from designer.runs.tasks import TaskKeeper


@dataclass(slots=True, eq=False)
class _Wish:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    then: Callable[[Any], None]
    what: str
    wanted: bool = True


class Reader:
    """One read at a time for each slot; what was asked last is what is delivered.

    A slot is a place on the screen that shows one thing: the state of a checkpoint, the list
    of runs. While one read of a slot is under way, only the newest wish for it is kept, so
    that dragging a slider over a thousand checkpoints reads a few of them.
    """

    def __init__(self, keeper: TaskKeeper) -> None:
        self._keeper = keeper
        self._waiting: dict[str, _Wish] = {}
        self._serving: dict[str, _Wish] = {}

    def read(
        self,
        slot: str,
        function: Callable[..., Any],
        *args: Any,
        then: Callable[[Any], None],
        what: str = "Reading the store",
    ) -> None:
        """Call ``function(*args)`` in a thread and then `then` with its result in the loop.

        Args:
            slot: A newer read of the same slot makes this one's result unwanted.
            function: Must be safe in a thread and hold no widget.
            args: Its arguments.
            then: Receives the result, unless it is unwanted by then.
            what: Begins the sentence about an unexpected error.
        """
        wish = _Wish(function, args, then, what)
        serving = self._serving.get(slot)
        if serving is None:
            self._serving[slot] = wish
            self._keeper.spawn(self._serve(slot, wish), what)
        else:
            serving.wanted = False
            self._waiting[slot] = wish

    def forget(self, slot: str) -> None:
        """Deliver nothing more of what has been asked for `slot` until now."""
        self._waiting.pop(slot, None)
        serving = self._serving.get(slot)
        if serving is not None:
            serving.wanted = False

    def is_reading(self, slot: str) -> bool:
        """Whether something that is wanted for `slot` has not been delivered yet."""
        serving = self._serving.get(slot)
        return slot in self._waiting or (serving is not None and serving.wanted)

    async def _serve(self, slot: str, wish: _Wish) -> None:
        try:
            result = await asyncio.to_thread(wish.function, *wish.args)
            if wish.wanted:
                wish.then(result)
        except asyncio.CancelledError:
            self._waiting.pop(slot, None)
            self._serving.pop(slot, None)
            raise
        finally:
            self._go_on(slot)

    def _go_on(self, slot: str) -> None:
        following = self._waiting.pop(slot, None)
        if following is None:
            self._serving.pop(slot, None)
        else:
            self._serving[slot] = following
            self._keeper.spawn(self._serve(slot, following), following.what)
