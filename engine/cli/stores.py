"""Opens the store for commands that only look at it or answer in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.app import Engine
from engine.cli.options import Globals

T = TypeVar("T")


def looking(settings: Globals, look: Callable[[Engine], T]) -> T:
    """Return what `look` finds in the store."""

    async def once(engine: Engine) -> T:
        return look(engine)

    return acting(settings, once)


def acting(settings: Globals, act: Callable[[Engine], Awaitable[T]]) -> T:
    """Return what `act` does with an engine on the store."""

    async def opened() -> T:
        engine = Engine.open(settings.store)
        try:
            return await act(engine)
        finally:
            await engine.close()

    return asyncio.run(opened())
