"""Every sink behind a bounded queue and a thread of its own, so that none can hurt a run.

`Sinks.offer` never waits: a sink that is too slow loses its oldest news, and they are
counted. A sink that fails is counted and goes on with the next one. Closing drains what
is queued, up to a deadline. (U106, U108, U110, U115)
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from engine.events import News
from engine.sinks.sink import Sink, SinkHealth

#: Names the sinks of every engine that is opened (`engine.sinks.choosing`).
VARIABLE = "HEADGATE_SINKS"
#: News that wait for one sink before the oldest are dropped.
QUEUE = 10_000
#: Seconds that all sinks together have to drain when the engine closes.
DRAIN_S = 5.0


class _Host:
    """One sink with its queue and its thread."""

    def __init__(self, sink: Sink, size: int) -> None:
        self.sink = sink
        self._size = size
        self._queue: deque[News] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._busy = False
        self._written = 0
        self._failed = 0
        self._dropped = 0
        self._last_error = ""
        self._stuck = False
        self._thread = threading.Thread(
            target=self._work, name=f"headgate-sink-{sink.name}", daemon=True
        )
        self._thread.start()

    def offer(self, news: News) -> None:
        with self._changed:
            if self._closing:
                return
            if len(self._queue) >= self._size:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(news)
            if len(self._queue) == 1:
                self._changed.notify_all()

    def close(self, until: float) -> None:
        """Drain until that moment of `time.monotonic`; what is left then counts as dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self._stuck = self._thread.is_alive()
            self._dropped += len(self._queue)
            self._queue.clear()

    def flush(self, until: float) -> bool:
        """Wait until everything that was offered is written; False when it takes too long."""
        with self._changed:
            while self._queue or self._busy:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return False
        return True

    @property
    def health(self) -> SinkHealth:
        with self._changed:
            return SinkHealth(
                name=self.sink.name,
                written=self._written,
                failed=self._failed,
                dropped=self._dropped,
                queued=len(self._queue),
                last_error=self._last_error,
                stuck=self._stuck,
            )

    def _work(self) -> None:
        while (news := self._next()) is not None:
            if self._guarded(partial(self.sink.write, news)):
                self._written += 1
            else:
                self._failed += 1
        self._guarded(self.sink.close)

    def _next(self) -> News | None:
        """Return the next news, after a flush when there is none just now; None at the end."""
        with self._changed:
            if self._queue:
                self._busy = True
                return self._queue.popleft()
            was_busy = self._busy
        if was_busy:
            self._guarded(self.sink.flush)
        with self._changed:
            if not self._queue:
                self._busy = False
                self._changed.notify_all()
            while not (self._queue or self._closing):
                self._changed.wait()
            if not self._queue:
                return None
            self._busy = True
            return self._queue.popleft()

    def _guarded(self, call: Callable[[], None]) -> bool:
        """Call the sink; its error is kept and goes no further."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a sink may raise anything and never hurts a run
            text = str(error)
            self._last_error = f"{type(error).__name__}: {text}" if text else type(error).__name__
            return False
        return True


class Sinks:
    """The sinks of one engine."""

    def __init__(self) -> None:
        self._hosts: list[_Host] = []

    def __len__(self) -> int:
        return len(self._hosts)

    def add(self, sink: Sink, *, size: int = QUEUE) -> None:
        """Add a sink; it hears what happens from now on.

        Args:
            sink: belongs to the engine from here on, which closes it.
            size: news that may wait for it.
        """
        self._hosts.append(_Host(sink, size))

    def offer(self, news: News) -> None:
        """Give one fact or update to all. Never waits, never fails."""
        for host in self._hosts:
            host.offer(news)

    def flush(self, timeout_s: float = DRAIN_S) -> bool:
        """Wait until all have written what they were offered. Blocks: not for an event loop."""
        until = time.monotonic() + timeout_s
        return all(host.flush(until) for host in self._hosts)

    def close(self, timeout_s: float = DRAIN_S) -> tuple[SinkHealth, ...]:
        """Drain all, end their threads, and return how each fared. Blocks up to `timeout_s`."""
        until = time.monotonic() + timeout_s
        for host in self._hosts:
            host.close(until)
        return self.health

    def queued(self) -> int:
        """Return how many news wait for all sinks together."""
        return sum(each.queued for each in self.health)

    @property
    def health(self) -> tuple[SinkHealth, ...]:
        """How each sink is doing."""
        return tuple(host.health for host in self._hosts)


def troubles(health: Sequence[SinkHealth]) -> list[str]:
    """Return one sentence for each sink that has lost something."""
    found: list[str] = []
    for each in health:
        parts: list[str] = []
        if each.failed:
            parts.append(f"failed on {each.failed} of its news ({each.last_error})")
        if each.dropped:
            parts.append(f"was too slow for {each.dropped} of its news")
        if each.stuck:
            parts.append("did not end in time")
        if parts:
            found.append(f"The sink {each.name} {' and '.join(parts)}.")
    return found
