"""The legs that this process drives: their leases, their ends, what others want of them.

One reader looks at what other processes wrote; inside the process nothing polls.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from engine import events as ev
from engine.commands import AnyCommand
from engine.errors import InvalidCommand, RunIsHeld, StoreError, UnknownRun
from engine.facade.audience import Audience
from engine.facade.core import Core
from engine.ids import RunId, TaskId
from engine.model.plan import Plan
from engine.run_handle import RunHandle, spawn
from engine.run_view import RunView
from engine.runtime import superstep
from engine.runtime.child_runs import StoredChildren
from engine.runtime.children import expected
from engine.runtime.environment import Environment
from engine.runtime.loop import RunLoop
from engine.runtime.outcome import Outcome
from engine.runtime.places import Places
from engine.runtime.ports import DecisionRecord, Lease
from engine.runtime.superstep import RunFacts
from engine.state.run_state import RunState
from engine.state.status import ENDED, RunStatus

#: Seconds between two looks at what other processes wrote.
WATCH_S = 0.2
HEARTBEAT_S = 5.0


@dataclass(slots=True)
class _Held:
    handle: RunHandle
    lease: Lease


@dataclass(slots=True, kw_only=True)
class Leg:
    """Everything that a leg begins with.

    Attributes:
        opening: its first commit.
        next_seq: number of its first fact.
        recovered: what is known of tasks that were in flight when the last leg ended.
        commands: obeyed before anything is started.
    """

    plan: Plan
    state: RunState
    facts: RunFacts
    opening: superstep.Step
    view: RunView
    next_seq: int = 1
    recovered: Sequence[Outcome] = ()
    commands: Sequence[AnyCommand] = ()


class Legs:
    """The legs that this process drives.

    Args:
        core: what all parts work with.
        audience: who hears of them.
        resume: goes on with a run. `cancel`: cancels one, whoever drives it.
    """

    def __init__(
        self,
        core: Core,
        audience: Audience,
        *,
        resume: Callable[[str], Awaitable[Any]],
        cancel: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._core = core
        self._audience = audience
        self._resume = resume
        self._held: dict[str, _Held] = {}
        self._watching: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[Any]] = set()
        self._waking: set[asyncio.Task[Any]] = set()
        #: Shared by all runs that are driven here.
        self._places = Places(core.options.at_once)
        self._children = StoredChildren(
            store=core.store,
            registry=core.registry,
            clock=core.clock,
            ids=core.ids,
            io=core.io,
            compile=core.compile,
            resume=resume,
            cancel_run=cancel,
            holds=self._held.__contains__,
        )

    def handle(self, run: str) -> RunHandle | None:
        """Return the handle of a run that is driven here."""
        held = self._held.get(run)
        return held.handle if held else None

    def decided(self, decision: DecisionRecord, run: RunId) -> None:
        """Tell a run of a stored decision, if it is driven here."""
        handle = self.handle(run)
        if handle is not None:
            handle.decided(decision)

    def signalled(self) -> None:
        """Tell every run that there may be new events for it."""
        for held in list(self._held.values()):
            held.handle.signalled()

    # --- driving ----------------------------------------------------------------------------

    async def drive(self, lease: Lease, leg: Leg) -> RunHandle:
        """Begin to drive a leg."""
        loop = RunLoop(
            leg.plan,
            leg.state,
            leg.facts,
            leg.view,
            lease,
            self._environment(),
            next_seq=leg.next_seq,
        )
        handle = RunHandle(self, loop)
        seen = leg.opening.delta.put_counters.get("commands", handle.commands_seen)
        handle.commands_seen = seen
        self._held[leg.facts.run] = _Held(handle, lease)
        self.start_watching()
        for command in leg.commands:
            handle.send(command)
        handle.drive(leg.opening, leg.recovered)
        if self._core.options.threaded:
            await handle.begun()
        return handle

    def _environment(self) -> Environment:
        core, options = self._core, self._core.options
        return Environment(
            store=core.store,
            writer=core.writer,
            clock=core.clock,
            ids=core.ids,
            services=core.services,
            publish=self._publish,
            io=core.io,
            stay=options.stay,
            leave_paused=options.leave_paused,
            max_idle_s=options.max_idle_s,
            early=options.early,
            flights=core.flights,
            cache_bytes=options.cache_bytes,
            interceptors=options.interceptors,
            signalled=self.signalled,
            children=self._children,
            places=self._places,
        )

    @property
    def count(self) -> int:
        """How many runs are driven here."""
        return len(self._held)

    def _publish(self, news: Sequence[ev.News]) -> None:
        if news:
            self._core.vitals.heard(news, self._core.clock.now)
            self._audience.publish(news)

    def leg_ended(self, handle: RunHandle, task: asyncio.Task[ev.Recorded]) -> None:
        """Give the lease back when a leg is over. Called by the handle."""
        held = self._held.pop(handle.run, None)
        if held is not None:
            self._core.writer.forget(held.lease)
            self._later(self.release(held.lease))
        error = None if task.cancelled() else task.exception()
        self._core.vitals.leg_ended(handle.run)
        if error is not None:
            if isinstance(error, StoreError):
                self._core.vitals.failed(str(error), self._core.clock.now())
            self._audience.tell_problem(handle.run, error)
        if not task.cancelled():
            self._tell_callers(handle.called_by)
        self._audience.tell_watchers()
        if self._watching is not None and not self._held and not self._audience.watches:
            self._watching.cancel()

    async def read_events(
        self, run: str, *, after: int = 0, upto: int | None = None
    ) -> list[ev.Recorded]:
        """Return facts in order, read where the store may block."""
        found: list[ev.Recorded] = await self._core.io(
            lambda: self._core.store.events(RunId(run), after=after, upto=upto)
        )
        return found

    def subscribe(self, run: str | None, callback: Callable[[ev.News], None]) -> Callable[[], None]:
        """Hear every stored fact and every update of a run."""
        return self._audience.subscribe(run, callback)

    # --- the ends of others -----------------------------------------------------------------

    def _tell_callers(self, called_by: tuple[RunId, TaskId] | None) -> None:
        """Let the runs that wait for one that has come to rest look at it."""
        for held in list(self._held.values()):
            held.handle.child_changed()
        if called_by is not None and called_by[0] not in self._held:
            task = spawn(self._wake(called_by[0]))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    async def _wake(self, caller: RunId) -> None:
        """Go on with a run that waits for a child, if that has ended and nobody drives it."""
        core = self._core
        with contextlib.suppress(RunIsHeld, InvalidCommand, UnknownRun):
            record = await core.io(core.store.run, caller)
            if record.status is RunStatus.WAITING and await core.io(self._hears_child, caller):
                await self._resume(caller)

    def _hears_child(self, caller: RunId) -> bool:
        store = self._core.store
        state = store.load(caller).state
        return any(store.run(run).status in ENDED for run in expected(state))

    # --- ending -----------------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until this process drives no run any more; none waits for people for it."""
        while self._held or self._waking or self._children.is_starting:
            for held in list(self._held.values()):
                held.handle.hurry()
            legs = [held.handle.leg() for held in list(self._held.values())]
            await asyncio.gather(*legs, *self._waking, return_exceptions=True)
            await self._children.settled()
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stop driving all runs, so that they can be resumed."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        for task in list(self._waking):
            task.cancel()
        await self._children.stop()
        for held in list(self._held.values()):
            await held.handle.stop()
        await self.released()

    async def release(self, lease: Lease) -> None:
        """Give a lease back."""
        await self._core.services.run_over(lease.run)
        await self._core.io(self._core.store.release, lease)

    async def let_go(self, run: str) -> None:
        """Wait for a leg whose end is told already; it is about to give its lease back."""
        held = self._held.get(run)
        if held is not None and held.handle.has_ended:
            await asyncio.gather(held.handle.leg(), return_exceptions=True)
            await asyncio.sleep(0)  # its callback has let go when we go on

    async def released(self) -> None:
        """Wait until the leases of legs that have ended are free."""
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    # --- other processes --------------------------------------------------------------------

    def start_watching(self) -> None:
        """See what other processes write, as long as somebody wants to know."""
        if self._watching is None or self._watching.done():
            self._watching = spawn(self._watch())

    async def _watch(self) -> None:
        """Look at what other processes wrote, and keep our leases alive."""
        core = self._core
        beat = core.clock.monotonic()
        known = await core.io(core.store.data_version)
        await self.hear_others()
        while self._audience.watches or self._held:
            await asyncio.sleep(WATCH_S)
            version = await core.io(core.store.data_version)
            if version != known:
                known = version
                await self.hear_others()
                self._audience.tell_watchers()
            if core.clock.monotonic() - beat >= HEARTBEAT_S:
                beat = core.clock.monotonic()
                for held in list(self._held.values()):
                    # Whether a store that refuses ends a run is decided where it commits.
                    with contextlib.suppress(StoreError):
                        await core.io(core.store.heartbeat, held.lease, core.clock.now())

    async def hear_others(self) -> None:
        """Hand on what other processes have stored for the runs that are driven here."""
        core = self._core
        for held in list(self._held.values()):
            handle = held.handle
            commands = await core.io(
                lambda handle=handle: core.store.commands(handle.run, after=handle.commands_seen)
            )
            for number, command in commands:
                handle.commands_seen = number
                handle.send(command, number)
            for decision in await core.io(core.store.unadmitted, handle.run):
                handle.decided(decision)
            handle.signalled()
            handle.child_changed()
