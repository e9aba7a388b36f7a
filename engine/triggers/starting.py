"""Starts the runs of firings, and goes on with those whose process has died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from engine import events as ev
from engine.errors import EngineError, RunIsHeld, UnknownRun
from engine.facade.core import Core
from engine.facade.options import Fired
from engine.ids import RunId
from engine.runtime.trigger_ports import FiringRecord, TriggerNews
from engine.state.status import RunStatus
from engine.store.leases import current_holder
from engine.triggers.served import Runner, Served

#: Runs that this process has started from triggers and that are going on, at most.
MOST_RUNS = 64


class Starts:
    """Starts what has fired.

    Args:
        core: what the parts of the engine share.
        runner: starts and drives runs.
        tell: is told what becomes of firings.
    """

    def __init__(self, core: Core, runner: Runner, tell: Callable[[TriggerNews], None]) -> None:
        self._core = core
        self._runner = runner
        self._tell = tell
        self._running: set[RunId] = set()

    async def start_ready(self, each: Served) -> None:
        """Start what is to be started of a trigger, as far as there is room."""
        core = self._core
        self._running = {run for run in self._running if self._runner.handle(run) is not None}
        while len(self._running) < MOST_RUNS:
            firing: FiringRecord | None = await core.io(
                core.store.claim_firing, each.record.number, current_holder(), core.clock.now()
            )
            if firing is None:
                return
            await self._start(each, firing)

    async def _start(self, each: Served, firing: FiringRecord) -> None:
        core = self._core
        delay = max(0.0, core.clock.now() - firing.due_at)
        event = ev.TriggerFired(
            node=each.record.node,
            kind=each.record.type,
            key=firing.key,
            due_at=firing.due_at,
            delay_s=round(delay, 3),
        )
        try:
            await self._runner.start(
                each.workflow,
                firing.payload,
                trigger=each.record.node,
                source_path=each.record.source,
                allow=each.allow,
                fired=Fired(run=firing.run, event=event),
            )
        except EngineError as error:
            if not await core.io(self._is_there, firing.run):
                await core.io(core.store.settle_firing, firing.number, "refused", str(error))
                self._tell(TriggerNews("refused", each.record, str(error), firing=firing))
                return
        self._running.add(firing.run)
        await core.io(core.store.settle_firing, firing.number, "started")
        self._tell(TriggerNews("fired", each.record, run=firing.run, firing=firing))

    def _is_there(self, run: RunId) -> bool:
        try:
            return self._core.store.run(run).run == run
        except UnknownRun:
            return False

    async def care(self, served: Iterable[Served]) -> None:
        """Go on with runs of triggers whose process has died, and with what is due."""
        await self._runner.fire_due()
        here = {each.record.number: each for each in served}
        for firing in await self._core.io(self._core.store.open_firings):
            each = here.get(firing.trigger)
            if each is None or self._runner.handle(firing.run) is not None:
                continue
            with contextlib.suppress(EngineError):
                record = await self._core.io(self._core.store.run, firing.run)
                if record.interrupted or record.status is RunStatus.CREATED:
                    with contextlib.suppress(RunIsHeld):
                        await self._runner.resume(firing.run)
                        self._tell(
                            TriggerNews("resumed", each.record, run=firing.run, firing=firing)
                        )
