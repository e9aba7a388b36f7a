"""Coroutines that the window starts: kept until they end, and never failing in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from designer.runs.rows import EngineError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class TaskKeeper(QObject):
    """Owns the coroutines that a gesture or a signal starts."""

    #: One sentence for the person about a coroutine that failed.
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, object], what: str = "") -> None:
        """Run `coroutine` in the loop, which must be running, and keep it until it ends.

        Args:
            coroutine: What to run.
            what: What the person wanted, such as ``"Starting the run"``; begins the sentence
                about an error that is not one of the engine's.
        """
        _kept = self.task(coroutine, what)

    def task(self, coroutine: Coroutine[Any, Any, T], what: str = "") -> asyncio.Task[T]:
        """As `spawn`, for a caller that wants to end or await it."""
        task = asyncio.get_running_loop().create_task(coroutine, name=what or None)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running."""
        return not self._tasks

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if isinstance(error, EngineError):
            self.failed.emit(str(error))
            return
        what = task.get_name()
        logger.error("%s failed", what, exc_info=error)
        self.failed.emit(
            f"{what} did not work: {type(error).__name__}: {error}. "
            "This is a mistake of the program; the log has the details."
        )

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
