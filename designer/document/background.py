"""Work in one thread, answered on the GUI thread.

What runs in the thread must not hold the QObject that asked: if it were let go meanwhile, the
thread would destroy it, and the process with it. It holds a relay instead, which receives no
events and may die anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from PySide6.QtCore import QObject, Qt, Signal

T = TypeVar("T")


class _Relay(QObject):
    #: What was asked, what came out, and the exception or None.
    answered = Signal(object, object, object)


class Background:
    """One thread for one owner; its jobs run in order.

    Args:
        name: of the thread.
        answer: a method of a QObject, called on its thread with the job's tag, its result
            and its exception (None when all went well).
    """

    def __init__(self, name: str, answer: Callable[[object, object, object], None]) -> None:
        self._name = name
        self._relay = _Relay()
        self._relay.answered.connect(answer, Qt.ConnectionType.QueuedConnection)
        self._thread: ThreadPoolExecutor | None = None

    def submit(self, tag: object, work: Callable[[], T]) -> None:
        """Do `work` in the thread; it must not refer to QObjects."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        relay = self._relay

        def answer(done: Future[T]) -> None:
            if not done.cancelled():
                error = done.exception()
                relay.answered.emit(tag, None if error is not None else done.result(), error)

        self._thread.submit(work).add_done_callback(answer)

    def wait(self) -> None:
        """Wait until everything that was submitted is done."""
        if self._thread is not None:
            self._thread.submit(int).result()

    def close(self, *, cancel: bool) -> None:
        """End the thread; what has not begun is done before, or dropped."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=cancel)
            self._thread = None
