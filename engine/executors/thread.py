"""Short blocking calls in threads, so that the loop goes on.

The threads are daemons: a call that never returns holds up neither its task, which is
cancelled at once, nor the end of the program. (Those of `asyncio.to_thread` are joined.)
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from engine.model.node_types import NodeFailure

T = TypeVar("T")

_Settle = Callable[[Any, BaseException | None], None]
_Call = tuple[Callable[[], Any], _Settle]


class ThreadRunner:
    """Runs blocking functions in a bounded number of daemon threads.

    Args:
        size: how many calls run at once.
        most: how many threads there may be when cancelled calls still hold some.
    """

    def __init__(self, size: int = 16, *, most: int | None = None) -> None:
        self._most = most or 4 * size
        self._slots = asyncio.Semaphore(size)
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0
        self._closed = False

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Return what ``function(*args)`` returns in a thread, or raise what it raises.

        Cancelling returns at once; the call itself cannot be stopped and its result is lost.

        Raises:
            NodeFailure: too many cancelled calls are stuck.
        """
        if self._closed:
            raise NodeFailure("the engine is closing; nothing more is started", code="killed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Any, error: BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                loop.call_soon_threadsafe(_resolve, done, result, error)

        async with self._slots:
            self._need_thread()
            self._calls.put((lambda: context.run(function, *args), settle))
            return await done

    def close(self) -> None:
        """Let idle threads end; calls that are running are left alone."""
        self._closed = True
        for _ in range(self._threads):
            self._calls.put(None)

    def _need_thread(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        if self._threads >= self._most:
            text = f"{self._threads} calls that were cancelled still block; restart the program"
            raise NodeFailure(text, code="threads", nothing_happened=True)
        self._threads += 1
        name = f"headgate-thread-{self._threads}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, settle = call
            try:
                result, error = function(), None
            except BaseException as problem:
                result, error = None, problem
            # Idle before the loop hears of it, so that the next call finds this thread.
            self._idle.release()
            settle(result, error)
            del call, function, settle, result, error


def _resolve(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    elif isinstance(error, (StopIteration, SystemExit, KeyboardInterrupt)):
        # A future cannot hold the first; the others would end the loop.
        done.set_exception(NodeFailure(f"{type(error).__name__}: {error}", code="exception"))
    else:
        done.set_exception(error)
