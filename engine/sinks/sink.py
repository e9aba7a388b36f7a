"""What a sink is, and the memory sink."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from engine.events import News, Recorded


class Sink(Protocol):
    """Somewhere that the news of runs go to.

    Every method is called in one thread of the sink's own, so that it may block. What it
    raises is counted and shown, and never reaches a run.
    """

    @property
    def name(self) -> str:
        """What its health is shown under."""
        ...

    def write(self, news: News) -> None:
        """Take one fact or update. Facts of a run come in order; repeats are possible."""
        ...

    def flush(self) -> None:
        """Nothing more is queued just now."""
        ...

    def close(self) -> None:
        """No more news will come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkHealth:
    """How a sink is doing (U115).

    Attributes:
        written: news that it took. `failed`: news that it raised an error on.
        dropped: news that were thrown away, the oldest first, because it was too slow.
        queued: news that wait for it now. `last_error`: what it raised last, or empty.
        stuck: it did not end in time when it was closed.
    """

    name: str
    written: int = 0
    failed: int = 0
    dropped: int = 0
    queued: int = 0
    last_error: str = ""
    stuck: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing was lost."""
        return not (self.failed or self.dropped or self.stuck)


class MemorySink:
    """Keeps the newest news in memory, for tests and notebooks.

    Args:
        limit: how many are kept.
    """

    name = "memory"

    def __init__(self, limit: int = 100_000) -> None:
        self.news: deque[News] = deque(maxlen=limit)

    @property
    def facts(self) -> list[Recorded]:
        """The facts that are kept, in order."""
        return [each for each in self.news if isinstance(each, Recorded)]

    def write(self, news: News) -> None:
        """Keep it."""
        self.news.append(news)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Keep what is there."""
