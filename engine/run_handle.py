"""A run that this process drives, in the hands of those who started it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from engine import events as ev
from engine.commands import AnyCommand, Cancel, Checkpoint, Pause, SetBreakpoints, Step, Unpause
from engine.errors import InvalidCommand
from engine.ids import RunId, TaskId
from engine.model.plan import Plan
from engine.run_view import RunView
from engine.runtime import breakpoints as stops
from engine.runtime import superstep
from engine.runtime.collector import patience
from engine.runtime.loop import RunLoop
from engine.runtime.outcome import Outcome
from engine.runtime.ports import DecisionRecord
from engine.sinks.stream import SIZE, Stream
from engine.state.run_state import RunState
from engine.state.status import RunStatus
from engine.stops import Breakpoint

Json = Any
T = TypeVar("T")


class Owner(Protocol):
    """What a handle needs of the engine that it comes from."""

    def leg_ended(self, handle: RunHandle, task: asyncio.Task[ev.Recorded]) -> None:
        """Give the lease back when a leg is over."""
        ...

    async def read_events(
        self, run: str, *, after: int = 0, upto: int | None = None
    ) -> list[ev.Recorded]:
        """Return facts in order, read where the store may block."""
        ...

    def subscribe(self, run: str | None, callback: Callable[[ev.News], None]) -> Callable[[], None]:
        """Hear every stored fact and every update of a run."""
        ...


class RunHandle:
    """One run that this process drives."""

    def __init__(self, owner: Owner, loop: RunLoop) -> None:
        self._engine = owner
        self._loop = loop
        self._task: asyncio.Task[ev.Recorded] | None = None
        #: Number of the last stored command that the loop was given.
        self.commands_seen = loop.state.counters.get("commands", 0)

    @property
    def run(self) -> RunId:
        """The run's id."""
        return self._loop.facts.run

    @property
    def called_by(self) -> tuple[RunId, TaskId] | None:
        """Run and task that it is a child of."""
        return self._loop.facts.called_by

    @property
    def status(self) -> RunStatus:
        """Its status at the last commit."""
        return self._loop.state.status

    @property
    def has_ended(self) -> bool:
        """Whether this leg is over: it has its terminal event, or failed without one."""
        return self._loop.terminal is not None or (self._task is not None and self._task.done())

    @property
    def view(self) -> RunView:
        """The live view. Do not change it; `copy()` it to keep it."""
        return self._loop.view

    @property
    def state(self) -> RunState:
        """The live state. Do not change it."""
        return self._loop.state

    @property
    def plan(self) -> Plan:
        """The plan that the run is pinned to."""
        return self._loop.plan

    async def leg(self) -> ev.Recorded:
        """Wait for the end of this leg and return its terminal event.

        Raises:
            StoreError: the run could not be stored any further.
        """
        if self._task is None:
            raise InvalidCommand(f"Run {self.run} has not been started")
        return await asyncio.shield(self._task)

    async def result(self) -> Json:
        """Wait for the end of this leg and return the result, or None when it has none."""
        ended = await self.leg()
        return ended.event.result if isinstance(ended.event, ev.RunFinished) else None

    def send(self, command: AnyCommand, number: int = 0) -> None:
        """Give the run a command; `number` is that of a stored one."""
        self._loop.send(command, number)

    def decided(self, decision: DecisionRecord) -> None:
        """Tell the run of a stored decision."""
        self._loop.decided(decision)

    def child_changed(self) -> None:
        """Tell the run that one of its children has ended, or come to rest."""
        self._loop.child_changed()

    def hurry(self) -> None:
        """End the leg as soon as only people or far timers can go on."""
        self._loop.hurry()

    def signalled(self) -> None:
        """Tell the run that there may be new events for it."""
        self._loop.signalled()

    def cancel(self, reason: str = "asked by the person") -> None:
        """Cancel the run; wins over everything else."""
        self.send(Cancel(reason=reason))

    def pause(self) -> None:
        """Start nothing new."""
        self.send(Pause())

    def unpause(self) -> None:
        """Go on."""
        self.send(Unpause())

    def step(self) -> None:
        """Make one superstep of a paused run."""
        self.send(Step())

    async def checkpoint(self, command: Checkpoint) -> int:
        """Store the run as it is now; return the commit that holds it.

        Raises:
            StoreError: it cannot be stored.
        """
        if self._task is None:
            raise InvalidCommand(f"Run {self.run} has not been started")
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        commit = -1

        def hear(news: ev.News) -> None:
            nonlocal commit
            event = news.event if isinstance(news, ev.Recorded) else None
            if isinstance(event, ev.SuperstepCommitted):
                commit = event.commit
            asked = isinstance(event, ev.CheckpointMade) and event.request == command.request
            if asked and not stored.done():
                stored.set_result(commit)

        def give_up() -> None:
            if not stored.done():
                stored.set_result(-1)

        leave = self._engine.subscribe(self.run, hear)
        try:
            self.send(command)
            self._task.add_done_callback(lambda _: give_up())
            found = await stored
            if found < 0:  # the leg has ended before it: everything is stored with it
                await self.leg()
            return found if found >= 0 else self.state.commit
        finally:
            leave()

    def set_breakpoints(self, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace the run's breakpoints.

        Raises:
            InvalidCommand: a node does not exist, or a condition is no expression.
        """
        stops.check(self.plan, breakpoints)
        self.send(SetBreakpoints(breakpoints=tuple(breakpoints)))

    def drive(self, opening: superstep.Step, recovered: Sequence[Outcome]) -> None:
        """Begin to drive; the engine calls it once."""
        self._task = spawn(self._leg(opening, recovered))
        self._task.add_done_callback(lambda task: self._engine.leg_ended(self, task))

    async def _leg(self, opening: superstep.Step, recovered: Sequence[Outcome]) -> ev.Recorded:
        with patience:
            return await self._loop.run(opening, recovered)

    async def begun(self) -> None:
        """Wait until the first commit of this leg is stored, so that others find the run.

        Raises:
            StoreError: it could not be stored.
        """
        if self._task is None:
            return
        first = spawn(self._loop.begun.wait())
        try:
            await asyncio.wait({first, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            first.cancel()
        if self._task.done() and not self._loop.begun.is_set():
            self._task.result()

    async def stop(self) -> None:
        """Stop driving without a terminal event: as after a crash, but orderly."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def news(self, *, after: int = 0, size: int = SIZE) -> Stream:
        """Return the facts after that number, then what happens, up to the end of this leg.

        Args:
            after: sequence number of the last fact that is known; 0 begins at the start.
            size: news kept for a slow reader; facts beyond it are read from the store.
        """

        async def read(after: int, upto: int | None) -> list[ev.Recorded]:
            return await self._engine.read_events(self.run, after=after, upto=upto)

        stream = Stream(read, after=after, last_leg_from=self._loop.first_seq, size=size)
        stream.joined(self._engine.subscribe(self.run, stream.hear))
        if self._task is None or self._task.done():
            stream.ended()
        else:
            self._task.add_done_callback(lambda _: stream.ended())
        return stream


def spawn(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a coroutine; the caller keeps the task and sees its error."""
    return asyncio.get_running_loop().create_task(work)
