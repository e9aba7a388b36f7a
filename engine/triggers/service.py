"""Serves armed triggers: looks at them when it is time, and starts what fires.

Any number of processes may serve the same triggers. What a look finds is stored by
compare-and-set, so that each firing is there once; then one of the processes claims it, and
starts a run whose id was stored with the firing. A process that dies at any point leaves
firings that the next one goes on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.errors import EngineError, InvalidCommand
from engine.facade import permissions
from engine.facade.core import Core
from engine.facade.options import ALL
from engine.model.workflow import Workflow
from engine.nodes.trigger_webhook import WebhookParams
from engine.run_handle import spawn
from engine.runtime.trigger_ports import (
    Firing,
    FiringRecord,
    TriggerMove,
    TriggerNews,
    TriggerRecord,
)
from engine.triggers.http_server import HttpServer, is_loopback
from engine.triggers.served import (
    Runner,
    Served,
    check_paths,
    check_secrets,
    served_of,
)
from engine.triggers.starting import Starts
from engine.triggers.webhook_site import WebhookSite

#: Seconds between two looks at runs that nobody drives any more.
CARE_S = 5.0
#: Seconds after which what the store has refused is tried again.
AGAIN_S = 5.0


@dataclass(slots=True)
class _State:
    """What is going on in a service."""

    served: dict[tuple[str, str], Served] = field(default_factory=dict)
    is_curious: bool = True
    cared_at: float | None = None
    task: asyncio.Task[None] | None = None


class Triggers:
    """The triggers that this process serves.

    Args:
        core: what the parts of the engine share.
        runner: starts and drives runs.
    """

    def __init__(self, core: Core, runner: Runner) -> None:
        self._core = core
        self._runner = runner
        self._state = _State()
        self._starts = Starts(core, runner, self._tell)
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[TriggerNews], None]] = []
        self._server: HttpServer | None = None
        self._is_public = False
        self._unwatch: Callable[[], None] | None = None
        self._busy = asyncio.Lock()

    # --- arming -----------------------------------------------------------------------------

    async def arm(
        self, workflow: Workflow, source: str, *, allow: frozenset[str] = ALL
    ) -> list[TriggerRecord]:
        """Arm the triggers of a workflow that fire by themselves, and serve them here.

        One that is armed already goes on from where it is, unless its settings have changed.

        Args:
            workflow: what its firings run.
            source: path of its file.
            allow: the capabilities that its runs may use.

        Raises:
            InvalidWorkflow: it has errors. NotAllowed: it needs more than `allow`.
            InvalidCommand: no trigger of it fires by itself, or two webhooks have one path.
        """
        core = self._core
        await core.io(core.compile, workflow)
        permissions.check_allowed(core, workflow, source, allow)
        made = served_of(core, workflow, source, allow)
        others = [each for each in self._state.served.values() if each.record.source != source]
        check_paths([*others, *made])
        if self._is_public:
            check_secrets(made)
        async with self._busy:
            for each in made:
                each.record = await self._armed(each)
            await core.io(self._disarm_others, source, [each.record.node for each in made])
            self._forget(source)
            for each in made:
                self._state.served[source, each.record.node] = each
                self._tell(TriggerNews("armed", each.record))
        self._wake.set()
        return [each.record for each in made]

    async def disarm(self, source: str) -> int:
        """Disarm the triggers of a file, wherever they are served; return how many."""
        count: int = await self._core.io(self._core.store.disarm, source)
        self._forget(source)
        return count

    def armed(self) -> list[TriggerRecord]:
        """Return the triggers of the store that are armed, by file and node."""
        return [each for each in self._core.store.triggers() if each.armed]

    def firings(self, trigger: int | None = None, *, limit: int = 100) -> list[FiringRecord]:
        """Return firings, newest first."""
        return self._core.store.firings(trigger, limit=limit)

    def listen(self, callback: Callable[[TriggerNews], None]) -> None:
        """Hear what becomes of the triggers that are served here."""
        self._listeners.append(callback)

    @property
    def served(self) -> list[TriggerRecord]:
        """The triggers that this process serves."""
        return [each.record for each in self._state.served.values()]

    @property
    def is_listening(self) -> bool:
        """Whether requests for webhooks are taken here."""
        return self._server is not None

    @property
    def has_webhooks(self) -> bool:
        """Whether a webhook is served here, so that somebody has to listen."""
        return any(isinstance(each.params, WebhookParams) for each in self._state.served.values())

    async def _armed(self, each: Served) -> TriggerRecord:
        record = each.record
        if each.eye is not None:
            first = await each.eye.first(record.seen)
            record = replace(record, next_due=first.next_due, memory=first.memory)
        stored: TriggerRecord = await self._core.io(self._core.store.arm, record)
        return stored

    def _disarm_others(self, source: str, keep: list[str]) -> int:
        return self._core.store.disarm(source, keep=keep)

    def _forget(self, source: str) -> None:
        for place in [place for place in self._state.served if place[0] == source]:
            gone = self._state.served.pop(place)
            self._tell(TriggerNews("disarmed", gone.record))

    # --- serving ----------------------------------------------------------------------------

    def serve(self) -> None:
        """Look at the triggers from now on, until `stop`."""
        if self._state.task is None:
            self._unwatch = self._runner.watch(self.notice)
            self._state.task = spawn(self._serve())

    async def stop(self) -> None:
        """Look at nothing any more; the triggers stay armed. Runs go on."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._server is not None:
            await self._server.stop()
            self._server = None
        task, self._state.task = self._state.task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def listen_http(self, host: str = "127.0.0.1", port: int = 8585) -> int:
        """Take requests for webhooks on an address; return the port.

        Raises:
            InvalidCommand: it cannot be listened on, or other machines can reach it and a
                webhook asks for no secret.
        """
        if not is_loopback(host):
            check_secrets(self._state.served.values())
            self._is_public = True
        site = WebhookSite(
            self._core,
            lambda: list(self._state.served.values()),
            self._fire_once,
            self._runner.handle,
        )
        server = HttpServer(site)
        try:
            found = await server.start(host, port)
        except OSError as error:
            raise InvalidCommand(
                f"Webhooks cannot be taken at {host}:{port} ({error.strerror or error}): choose "
                "another port, or end what listens there."
            ) from error
        self._server = server
        return found

    def notice(self) -> None:
        """Look at every trigger soon: something in the store may have changed."""
        self._state.is_curious = True
        self._wake.set()

    async def _serve(self) -> None:
        clock = self._core.clock
        while True:
            self._wake.clear()
            try:
                next_look = await self.tick()
            except (EngineError, OSError) as error:
                next_look = clock.now() + AGAIN_S
                for each in list(self._state.served.values())[:1]:
                    self._tell(TriggerNews("problem", each.record, str(error)))
            forget = clock.call_at(next_look, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                forget()

    async def tick(self) -> float:
        """Do everything that is to be done now; return when to come again at the latest."""
        async with self._busy:
            now = self._core.clock.now()
            is_curious, self._state.is_curious = self._state.is_curious, False
            if is_curious:
                await self._refresh()
            for each in list(self._state.served.values()):
                if is_curious or (each.again_at is not None and each.again_at <= now):
                    await self._look(each, now)
            if is_curious or self._state.cared_at is None or now >= self._state.cared_at + CARE_S:
                self._state.cared_at = now
                await self._starts.care(self._state.served.values())
            for each in list(self._state.served.values()):
                await self._starts.start_ready(each)
            times = [each.again_at for each in self._state.served.values() if each.again_at]
            return min([*times, now + CARE_S])

    async def _refresh(self) -> None:
        """Learn what other processes have done to the triggers that are served here."""
        stored = {
            (each.source, each.node): each
            for each in await self._core.io(self._core.store.triggers)
        }
        for place, each in list(self._state.served.items()):
            found = stored.get(place)
            if found is None or not found.armed or found.settings != each.record.settings:
                del self._state.served[place]
                self._tell(TriggerNews("disarmed", each.record))
            else:
                each.record = found

    async def _look(self, each: Served, now: float) -> None:
        if each.eye is None:
            each.again_at = None
            return
        look = await each.eye.look(each.record, now)
        if not look.changes(each.record):
            each.again_at = look.again_at
            return
        record = each.record
        move = TriggerMove(
            turn=record.turn,
            seen=look.seen,
            next_due=look.next_due,
            memory=look.memory,
            problem=look.problem,
        )
        fired = await self._fire(each, now, list(look.firings), move)
        if fired is None:  # another process has looked at the same time
            self.notice()
            return
        each.again_at = look.again_at
        each.record = replace(
            record,
            turn=record.turn + 1,
            seen=look.seen,
            next_due=look.next_due,
            memory=look.memory,
            problem=look.problem,
        )
        if look.problem and look.problem != record.problem:
            self._tell(TriggerNews("problem", each.record, look.problem))

    async def _fire(
        self, each: Served, now: float, firings: list[Firing], move: TriggerMove | None
    ) -> list[FiringRecord] | None:
        fired: list[FiringRecord] | None = await self._core.io(
            self._core.store.fire, each.record.number, now, firings, move
        )
        for firing in fired or ():
            if firing.status == "skipped":
                self._tell(TriggerNews("skipped", each.record, firing.reason, firing=firing))
        return fired

    async def _fire_once(self, each: Served, firing: Firing) -> FiringRecord | None:
        """Store a firing that nothing but itself is known of, and start what can be started."""
        async with self._busy:
            fired = await self._fire(each, self._core.clock.now(), [firing], None)
            if fired is None:
                return None
            await self._starts.start_ready(each)
            return fired[0]

    def _tell(self, news: TriggerNews) -> None:
        for callback in list(self._listeners):
            callback(news)
