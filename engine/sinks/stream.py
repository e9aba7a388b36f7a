"""The news of one run as an async iterator, for somebody who may be slow or late (U106).

Facts are in the store before they are published. So a stream never loses one: what it had
to drop, or what happened before it began, it reads from there. Updates are not stored:
those that had to be dropped are counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from engine.events import TERMINAL, News, Recorded

#: Reads the facts with ``after < seq``, and ``seq <= upto`` unless that is None.
ReadFacts = Callable[[int, int | None], Awaitable[list[Recorded]]]
#: News that may wait for a reader before the oldest are dropped.
SIZE = 10_000


class Stream(AsyncIterator[News]):
    """Facts in order and without a gap, and the updates between them.

    It ends after the terminal event of the leg, or when nobody drives the run any more.
    A reader that stops reading does not hurt the run; it can come back with `after`.

    Attributes:
        dropped: how many updates were lost because the reader was too slow.
    """

    def __init__(
        self,
        read: ReadFacts,
        *,
        after: int = 0,
        last_leg_from: int = 1,
        size: int = SIZE,
    ) -> None:
        """Begin a stream.

        Args:
            read: reads facts from the store.
            after: the sequence number that the reader has seen already.
            last_leg_from: a terminal event ends the stream if its number is not lower.
            size: how many news are kept for the reader.
        """
        self.dropped = 0
        self._read = read
        self._seq = after
        self._last_leg_from = last_leg_from
        self._size = size
        self._leave: Callable[[], None] | None = None
        self._queue: deque[News] = deque()
        self._facts: deque[Recorded] = deque()
        self._behind = True  # what is stored already has not been read
        self._driven = True
        self._over = False
        self._wake = asyncio.Event()

    def joined(self, leave: Callable[[], None]) -> None:
        """Hear how to unsubscribe; done once, when the stream is over."""
        self._leave = leave

    def hear(self, news: News) -> None:
        """Take one piece of news. Never waits, never fails."""
        if len(self._queue) >= self._size:
            lost = self._queue.popleft()
            if not isinstance(lost, Recorded):
                self.dropped += 1
        self._queue.append(news)
        self._wake.set()

    def ended(self) -> None:
        """Hear that nobody drives the run any more: no news will come."""
        self._driven = False
        self._wake.set()

    async def close(self) -> None:
        """Hear no more. The run goes on."""
        self._over = True
        if self._leave is not None:
            self._leave()
            self._leave = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def __anext__(self) -> News:
        while not self._over:
            if self._behind:
                self._behind = False
                self._facts.extend(await self._read(self._seq, None))
            if self._facts:
                fact = self._facts[0]
                if self._is_last(fact) and (update := self._next_update()) is not None:
                    return update  # older than the end of the leg, which always comes last
                self._facts.popleft()
                if fact.seq > self._seq:
                    return await self._fact(fact)
            elif self._queue:
                news = self._queue.popleft()
                if not isinstance(news, Recorded):
                    return news
                if news.seq > self._seq + 1:  # some before it were dropped: they are stored
                    self._facts.extend(await self._read(self._seq, news.seq - 1))
                self._facts.append(news)
            elif self._driven:
                self._wake.clear()
                await self._wake.wait()
            else:
                self._facts.extend(await self._read(self._seq, None))
                if not self._facts:
                    await self.close()
        raise StopAsyncIteration

    async def _fact(self, fact: Recorded) -> Recorded:
        self._seq = fact.seq
        if self._is_last(fact):
            await self.close()
        return fact

    def _is_last(self, fact: Recorded) -> bool:
        return fact.seq >= self._last_leg_from and isinstance(fact.event, TERMINAL)

    def _next_update(self) -> News | None:
        while self._queue:
            news = self._queue.popleft()
            if not isinstance(news, Recorded):
                return news
        return None
