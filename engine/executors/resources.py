"""What nodes open once for a whole run: connections, clients, loaded models (U124, U125).

Each is entered and left by a task of its own, because many context managers may not be left
by another task than the one that entered them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

Open = Callable[[], AbstractAsyncContextManager[Any] | AbstractContextManager[Any]]

_log = logging.getLogger("headgate.engine")


class _Keeper:
    """One open resource."""

    def __init__(self, name: str, open: Open) -> None:
        loop = asyncio.get_running_loop()
        self.value: asyncio.Future[Any] = loop.create_future()
        self._name = name
        self._open = open
        self._over = asyncio.Event()
        self._task = loop.create_task(self._keep())

    async def close(self) -> None:
        self._over.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        try:
            manager = self._open()
            if isinstance(manager, AbstractAsyncContextManager):
                async with manager as value:
                    await self._lend(value)
            else:
                with manager as value:
                    await self._lend(value)
        except BaseException as error:
            if self.value.done():
                _log.warning("The resource %s could not be closed: %s", self._name, error)
            else:
                self.value.set_exception(error)
                self.value.exception()  # whoever waits has it; nobody need wait

    async def _lend(self, value: Any) -> None:
        self.value.set_result(value)
        await self._over.wait()


class Resources:
    """The open resources of all runs of one engine."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, _Keeper]] = {}

    async def get(self, run: str, name: str, open: Open) -> Any:
        """Return what was opened under that name in that run, or open it.

        A resource that could not be opened is tried again by the next who asks.
        """
        kept = self._open.setdefault(run, {})
        keeper = kept.get(name)
        if keeper is None or (keeper.value.done() and keeper.value.exception() is not None):
            keeper = kept[name] = _Keeper(name, open)
        return await asyncio.shield(keeper.value)

    async def close_run(self, run: str) -> None:
        """Close what a run has opened, the last first."""
        for keeper in reversed(list(self._open.pop(run, {}).values())):
            await keeper.close()

    async def close(self) -> None:
        """Close everything."""
        for run in list(self._open):
            await self.close_run(run)
