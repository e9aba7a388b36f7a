"""The webhooks that a process serves, as a site: requests become firings, runs answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from engine import events as ev
from engine.facade.core import Core
from engine.ids import RunId
from engine.nodes.trigger_webhook import WebhookParams
from engine.run_handle import RunHandle
from engine.runtime.trigger_ports import Firing, FiringRecord
from engine.triggers import webhooks
from engine.triggers.http_server import Answer, Head, Refused
from engine.triggers.served import Served


class WebhookSite:
    """Answers the requests to webhooks.

    Args:
        core: what the parts of the engine share.
        served: the triggers that are served now.
        fire: stores a firing and starts what can be started; None: it is armed no longer.
        handle: the handle of a run that is driven here.
    """

    def __init__(
        self,
        core: Core,
        served: Callable[[], Iterable[Served]],
        fire: Callable[[Served, Firing], Awaitable[FiringRecord | None]],
        handle: Callable[[str], RunHandle | None],
    ) -> None:
        self._core = core
        self._served = served
        self._fire = fire
        self._handle = handle

    def _webhook(self, head: Head) -> tuple[Served, WebhookParams]:
        here = [
            (each, each.params)
            for each in self._served()
            if isinstance(each.params, WebhookParams) and each.params.path == head.path
        ]
        if not here:
            raise Refused(404, f"there is no webhook {head.path}")
        for each, params in here:
            if params.method in ("ANY", head.method):
                return each, params
        raise Refused(
            405,
            f"{head.path} does not take {head.method}",
            {"allow": ", ".join(sorted(params.method for _, params in here))},
        )

    def admit(self, head: Head) -> int:
        """Return how many bytes the body of a request may have. Raises `Refused`."""
        _, params = self._webhook(head)
        webhooks.check_origin(params, head)
        length = head.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > params.max_bytes:
            raise Refused(413, f"the body has more than {params.max_bytes} bytes")
        return params.max_bytes

    async def answer(self, head: Head, body: bytes) -> Answer:
        """Start the run that a request asks for, and say so. Raises `Refused`."""
        core = self._core
        each, params = self._webhook(head)
        await asyncio.to_thread(webhooks.check_caller, params, head, body, core.services.secret)
        payload = webhooks.payload_of(params, head, body)
        now = core.clock.now()
        run = core.ids.run_id(now)
        asked = head.headers.get("idempotency-key", "")[:200]
        firing = Firing(
            key=f"asked {asked}" if asked else f"request {run}",
            run=run,
            due_at=now,
            payload=payload,
        )
        fired = await self._fire(each, firing)
        if fired is None:
            raise Refused(404, f"{head.path} has been disarmed")
        return await self._told(each, params, fired)

    async def _told(self, each: Served, params: WebhookParams, firing: FiringRecord) -> Answer:
        """Return what a caller is told of the run that it has started."""
        found = await self._core.io(self._firing, each.record.number, firing.number)
        if found is not None and found.status in ("skipped", "refused"):
            status = 409 if found.status == "skipped" else 503
            return Answer(status, {"error": found.reason})
        handle = self._handle(firing.run)
        if params.answer == "accepted":
            return Answer(202, {"run": firing.run})
        ended: ev.Event | None = None
        if handle is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(params.wait_s):
                    ended = (await handle.leg()).event
        return _result(firing.run, ended)

    def _firing(self, trigger: int, number: int) -> FiringRecord | None:
        for each in self._core.store.firings(trigger):
            if each.number == number:
                return each
        return None


def _result(run: RunId, ended: ev.Event | None) -> Answer:
    match ended:
        case ev.RunFinished(result=result):
            return Answer(200, {"run": run, "status": "completed", "result": result})
        case ev.RunFailed(error=error):
            return Answer(500, {"run": run, "status": "failed", "error": error.message})
        case ev.RunCancelled(reason=reason):
            return Answer(500, {"run": run, "status": "cancelled", "error": reason})
        case ev.RunWaiting():
            return Answer(202, {"run": run, "status": "waiting"})
        case _:
            return Answer(202, {"run": run, "status": "running"})
