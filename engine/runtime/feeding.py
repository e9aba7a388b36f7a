"""Streams: how the items of a For each come one by one, and only as it has room for them (U51).

The attempt of a For each that reads a stream goes on while its items are worked on. What it
has brought is admitted by commits, a few at a time; how many have come, and where the stream
goes on, is in the state of the zone. After a crash the attempt begins again and goes on after
the last item that was admitted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from typing import Any, Protocol

from engine.ids import TaskId, scope_key
from engine.model.expressions import compile_expression
from engine.model.node_types import (
    Answer,
    Context,
    Element,
    More,
    NodeFailure,
    Output,
    Result,
    Start,
    Stream,
    Wait,
)
from engine.runtime.growing import room
from engine.runtime.outcome import Outcome
from engine.state.run_state import RunState, Task, ZoneState

Json = Any


class Holder(Protocol):
    """What reading a stream needs of the frontier that holds its attempt."""

    state: RunState

    @property
    def may_start(self) -> bool:
        """Whether something new may start now: no pause, and no failure that stops it."""
        ...


class Feed:
    """What one attempt brings to its zone, and whether there is room for it."""

    def __init__(
        self, holder: Holder, task: Task, changed: Callable[[], None], *, can_stop: bool
    ) -> None:
        self._holder = holder
        #: Whether the stream can be opened again, so that a leg may end while this waits.
        self._can_stop = can_stop
        self._waits = False
        #: How often the stream has shown that it lives.
        self.signs = 0
        self._task = task
        self._tell = changed
        self._changed = asyncio.Event()
        self._limit = 1
        self.pending: list[Element] = []
        zone = zone_of(holder.state, task)
        own = zone is not None and zone.source == task.id
        #: How many items had been admitted when the attempt began, and the place after them.
        self.start = Start(count=zone.added, position=zone.position) if own and zone else Start()

    @property
    def is_full(self) -> bool:
        """Whether nothing more may come now."""
        if not self._holder.may_start:
            return True
        return room_for(self._holder.state, self._task, self._limit) <= len(self.pending)

    @property
    def is_alive(self) -> bool:
        """Whether it is not the stream that is silent: there is no room for what it has."""
        return self._waits

    @property
    def rests(self) -> bool:
        """Whether it waits for room alone, and might as well wait for the next leg."""
        return self._waits and self._can_stop and self.is_full

    async def offer(self, element: Element, limit: int) -> None:
        """Let an item be admitted, as soon as there is room for it."""
        self._limit = limit
        self._waits = True
        if self.is_full:
            self._tell()  # nothing else may be left to do
        await self._when(lambda: not self.is_full)
        self._waits = False
        self.signs += 1
        self.pending.append(element)
        self._tell()

    async def emptied(self) -> None:
        """Wait until everything that was offered has been admitted."""
        await self._when(lambda: not self.pending)

    async def _when(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def look(self) -> None:
        """Something has changed: there may be room now."""
        self._changed.set()

    def outcome(self) -> Outcome:
        """Return what is offered, to be admitted by the next commit."""
        ports = {
            "items": [element.value for element in self.pending],
            "limit": self._limit,
            "position": self.pending[-1].position,
        }
        self.pending.clear()
        return Outcome(task=self._task.id, kind="item", attempt=self._task.attempt, ports=ports)


class Feeds:
    """The streams that are read in one leg of one run."""

    def __init__(self, holder: Holder, changed: Callable[[], None]) -> None:
        self._holder = holder
        self._changed = changed
        self._open: dict[TaskId, Feed] = {}

    def open(self, task: Task, stream: Stream) -> Feed:
        """Begin to read for a task."""
        can_stop = stream.again != "never"
        feed = self._open[task.id] = Feed(self._holder, task, self._changed, can_stop=can_stop)
        return feed

    def resting(self, running: Mapping[TaskId, object]) -> int:
        """Return how many of the running attempts only wait for room."""
        return sum(task in running and feed.rests for task, feed in self._open.items())

    def count(self, running: Mapping[TaskId, object]) -> int:
        """Return how many of the running attempts are those of streams."""
        return sum(task in running for task in self._open) if self._open else 0

    @property
    def have_come(self) -> bool:
        """Whether something has come that no commit has taken in."""
        return any(feed.pending for feed in self._open.values())

    def outcomes(self, ending: AbstractSet[TaskId]) -> Iterator[Outcome]:
        """Take what has come, but for tasks that are being ended."""
        for task, feed in list(self._open.items()):
            if task not in self._holder.state.tasks or task in ending:
                del self._open[task]
            elif feed.pending:
                yield feed.outcome()

    def look(self) -> None:
        """A commit is stored: items may have ended."""
        for feed in self._open.values():
            feed.look()


def room_for(state: RunState, task: Task, limit: int) -> int:
    """Return how many items a task may add to its zone now: none while another has its turn."""
    for other in state.tasks.values():
        if other.node == task.node and other.order < task.order and other.path == task.path:
            return 0
    return room(zone_of(state, task), task.id, limit)


def zone_of(state: RunState, task: Task) -> ZoneState | None:
    """Return the zone of a For each in the scope of its task."""
    return state.zones.get(f"{task.node}@{scope_key(task.path)}")


# --- an attempt ---------------------------------------------------------------------------------


def read(stream: Stream, params: Any, ctx: Any) -> Result | Awaitable[Result]:
    """Begin to read a stream: wait for the first event, or return a coroutine that reads it."""
    if stream.open is None:
        return first_event(ctx.input, ctx)
    if ctx.feed is None:
        raise NodeFailure("a stream is read only in a run", code="stream", retryable=False)
    return _read(stream, params, ctx, ctx.feed)


async def _read(stream: Stream, params: Any, ctx: Context, feed: Feed) -> Result:
    """Offer the items of a stream one by one, from where the last attempt came to."""
    assert stream.open is not None
    begun = feed.start.count * params.batch
    if begun and stream.again == "never":
        raise NodeFailure(
            f"the stream has given {begun} items before it was broken off, and can be read only "
            "once; run the workflow again from before it",
            code="cannot_repeat",
            retryable=False,
        )
    start = Start(count=begun, position=feed.start.position)
    left = begun if stream.again == "repeat" else 0
    count = feed.start.count
    try:
        async with aclosing(stream.open(ctx.input, ctx, start)) as elements:
            async for element in _batches(_after(elements, left), params.batch):
                await feed.offer(element, params.limit)
                count += 1
    except Exception:
        await feed.emptied()  # what had come before it failed has come
        raise
    await feed.emptied()
    return Output({"items": [], "limit": params.limit, "read": count})


async def _after(elements: AsyncIterator[Element], left: int) -> AsyncIterator[Element]:
    """Pass over the elements that have been admitted already."""
    async for element in elements:
        if left:
            left -= 1
        else:
            yield element
    if left:
        raise NodeFailure(
            f"the stream has {left} items less than it had given before it was broken off; "
            "it is not the same any more",
            code="stream_changed",
            retryable=False,
        )


async def _batches(elements: AsyncIterator[Element], size: int) -> AsyncIterator[Element]:
    """Put so many elements together; the last may be fewer."""
    together: list[Element] = []
    async for element in elements:
        if size == 1:
            yield element
            continue
        together.append(element)
        if len(together) == size:
            yield Element([each.value for each in together], element.position)
            together = []
    if together:
        yield Element([each.value for each in together], together[-1].position)


# --- events -------------------------------------------------------------------------------------


def first_event(given: Mapping[str, Json], ctx: Context) -> Result:
    """Wait for the first event of a stream of them."""
    if given.get("count") == 0:
        return Output({"items": [], "limit": 1, "read": 0})
    return _next_event(given, 0, ctx.now)


def _next_event(given: Mapping[str, Json], taken: int, at: float) -> Wait:
    seconds = given.get("timeout_s")
    due = at + seconds if seconds is not None else None
    return Wait(kind="event", due_at=due, text=given["event"], payload={**given, "taken": taken})


def takes(ctx: Context, wait: Wait, payload: Json) -> bool:
    """Return whether an event is one of the stream. Raises what its condition raises."""
    given = wait.payload
    return _is_last(ctx, given, payload) or _holds(ctx, given, "match", payload, default=True)


def take(params: Any, ctx: Context, wait: Wait, answer: Answer, now: float) -> Result:
    """Return what an event, or the end of waiting for one, makes of a stream of events."""
    given = {name: value for name, value in wait.payload.items() if name != "taken"}
    taken = wait.payload["taken"]
    over = Output({"items": [], "limit": params.limit, "read": taken})
    if answer.kind == "due" or _is_last(ctx, given, answer.values["payload"]):
        return over
    taken += 1
    item = answer.values["payload"]
    if taken == given.get("count"):
        return Output({"items": [item], "limit": params.limit, "read": taken})
    return More(items=(item,), limit=params.limit, wait=_next_event(given, taken, now))


def _is_last(ctx: Context, given: Mapping[str, Json], payload: Json) -> bool:
    return _holds(ctx, given, "until", payload, default=False)


def _holds(
    ctx: Context, given: Mapping[str, Json], name: str, payload: Json, *, default: bool
) -> bool:
    text = given.get(name)
    if not text:
        return default
    scope = {**ctx.scope, "input": given.get("input"), "event": payload}
    return bool(compile_expression(text).evaluate(scope))
