"""Who calls the store, and from where.

Headless the loop calls it directly: a commit costs less than a hop to a thread. In the
designer one thread writes behind, in order, so that no lock, fsync or checkpoint ever
holds the window; what must be durable is awaited. Facts are published only after they
are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from engine.ids import TaskId
from engine.runtime.ports import CommitRecord, JournalRecord, Lease, RunStore

#: Commits that may wait for the writer thread before the run loop waits for it.
BACKLOG = 512


#: What tells one holding of a run from another: run and epoch.
_Key = tuple[str, int]


def _key(lease: Lease) -> _Key:
    return lease.run, lease.epoch


class Writer(Protocol):
    """Writes commits in order."""

    def commit(
        self,
        lease: Lease,
        record: CommitRecord,
        stored: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> Awaitable[None] | None:
        """Store a commit and call `stored` in the loop; return what must be awaited.

        What goes wrong after this has returned is told to `failed`.
        """
        ...

    def journal(self, lease: Lease, record: JournalRecord) -> Awaitable[None] | None:
        """Store a finished attempt ahead of its commit."""
        ...

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> Awaitable[None] | None:
        """Record durably that a ``once`` attempt is about to start."""
        ...

    def attempt(self, lease: Lease, work: Callable[[], None]) -> Awaitable[None] | None:
        """Call the store, after everything that was queued; a failure is the caller's alone."""
        ...

    async def flush(self, lease: Lease) -> None:
        """Wait until everything is stored. Raises what went wrong with that lease."""
        ...

    def forget(self, lease: Lease) -> None:
        """Nothing more will be written under a lease."""
        ...

    @property
    def queued(self) -> int:
        """How many writes wait to be made."""
        ...

    def close(self) -> None:
        """End the thread, if there is one."""
        ...


class DirectWriter:
    """Calls the store in the loop."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def commit(
        self,
        lease: Lease,
        record: CommitRecord,
        stored: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Store a commit, then call `stored`."""
        del failed  # it raises
        self._store.commit(lease, record)
        stored()

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        """Store a finished attempt."""
        self._store.journal(lease, record)

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        """Record a claim."""
        self._store.claim(lease, task, attempt, at)

    def attempt(self, lease: Lease, work: Callable[[], None]) -> None:
        """Call the store."""
        del lease
        work()

    async def flush(self, lease: Lease) -> None:
        """Everything is stored already."""

    def forget(self, lease: Lease) -> None:
        """There is nothing to forget."""

    @property
    def queued(self) -> int:
        """Nothing waits."""
        return 0

    def close(self) -> None:
        """There is nothing to end."""


class ThreadWriter:
    """One thread that writes behind the loop, in order.

    After an error nothing more is written for that lease: the order must not have holes.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._jobs: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._broken: dict[_Key, BaseException] = {}
        self._waiting = 0
        self._acks: list[Callable[[], None]] = []
        self._ack_lock = threading.Lock()
        self._ack_due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def commit(
        self,
        lease: Lease,
        record: CommitRecord,
        stored: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> Awaitable[None] | None:
        """Queue a commit; the result is awaited when it must be durable or the queue is long."""
        return self._put(
            lease,
            lambda: self._store.commit(lease, record),
            stored,
            wait=record.durable,
            failed=failed,
        )

    def journal(self, lease: Lease, record: JournalRecord) -> Awaitable[None] | None:
        """Queue a finished attempt."""
        return self._put(lease, lambda: self._store.journal(lease, record), None, wait=False)

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> Awaitable[None] | None:
        """Queue a claim; always awaited."""
        return self._put(
            lease, lambda: self._store.claim(lease, task, attempt, at), None, wait=True
        )

    def attempt(self, lease: Lease, work: Callable[[], None]) -> Awaitable[None] | None:
        """Queue a call; always awaited. Its failure breaks nothing."""
        failures: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - handed to the caller below
                failures.append(error)

        queued = self._put(lease, guarded, None, wait=True)

        async def done() -> None:
            if queued is not None:
                await queued
            if failures:
                raise failures[0]

        return done()

    async def flush(self, lease: Lease) -> None:
        """Wait until everything that was queued before is stored."""
        waiter = self._put(lease, lambda: None, None, wait=True)
        if waiter is not None:
            await waiter

    def forget(self, lease: Lease) -> None:
        """Forget what went wrong under a lease, after everything that is queued for it."""
        self._jobs.put((None, lambda: self._broken.pop(_key(lease), None), None, None, None))

    @property
    def queued(self) -> int:
        """How many writes wait for the thread."""
        return self._waiting

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout=30)

    def _put(
        self,
        lease: Lease,
        work: Callable[[], None],
        stored: Callable[[], None] | None,
        *,
        wait: bool,
        failed: Callable[[BaseException], None] | None = None,
    ) -> Awaitable[None] | None:
        key = _key(lease)
        if key in self._broken:
            raise self._broken[key]
        self._loop = loop = asyncio.get_running_loop()
        self._waiting += 1
        waiter = loop.create_future() if wait or self._waiting > BACKLOG else None
        self._jobs.put((key, work, stored, failed, waiter))
        return waiter

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            key, work, stored, failed, waiter = job
            if key is None:
                work()
                continue
            error = self._broken.get(key)
            if error is None:
                try:
                    work()
                except BaseException as caught:  # noqa: BLE001 - handed to the loop below
                    error = self._broken[key] = caught
            self._acknowledge(self._settle(stored, failed, waiter, error))

    def _settle(
        self,
        stored: Callable[[], None] | None,
        failed: Callable[[BaseException], None] | None,
        waiter: asyncio.Future[None] | None,
        error: BaseException | None,
    ) -> Callable[[], None]:
        def settle() -> None:
            self._waiting -= 1
            if error is None and stored is not None:
                stored()
            if error is not None and failed is not None:
                failed(error)
            if waiter is not None and not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)

        return settle

    def _acknowledge(self, settle: Callable[[], None]) -> None:
        """Hand acknowledgements to the loop in batches: one wake-up for many commits."""
        with self._ack_lock:
            self._acks.append(settle)
            if self._ack_due or self._loop is None:
                return
            self._ack_due = True
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._ack_lock:
            batch, self._acks, self._ack_due = self._acks, [], False
        for settle in batch:
            settle()
