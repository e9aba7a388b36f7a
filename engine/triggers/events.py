"""Which events, sent to all runs, fire a trigger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.ids import RunId
from engine.model.expressions import ExpressionError
from engine.nodes.trigger_event import EventTriggerParams, fits
from engine.runtime.ports import RunStore, SignalRecord
from engine.runtime.trigger_ports import Firing, TriggerRecord
from engine.triggers.looks import Look, catch_up

Json = Any


class EventEye:
    """Looks at the events of a store.

    Args:
        params: of the trigger.
        store: where the events are. `io`: calls it.
        run_id: makes the id of a run.
    """

    def __init__(
        self,
        params: EventTriggerParams,
        store: RunStore,
        io: Callable[..., Any],
        run_id: Callable[[float], RunId],
    ) -> None:
        self._params = params
        self._store = store
        self._io = io
        self._run_id = run_id
        #: When this process began to look; an event from before that was missed.
        self._since: float | None = None

    async def first(self, now: float) -> Look:
        """Return the newest event: only those after it fire."""
        self._since = now
        return Look(seen=now, memory={"after": await self._io(self._store.last_signal)})

    async def look(self, record: TriggerRecord, now: float) -> Look:
        """Return the events of its name that have been sent since the last look."""
        if self._since is None:
            self._since = now
        after: int = record.memory["after"]
        sent: list[SignalRecord] = await self._io(self._store.broadcasts, after, now)
        if not sent:
            return Look(seen=record.seen, memory=record.memory)
        wanted: list[SignalRecord] = []
        firings: list[Firing] = []
        for signal in sent:
            if signal.name != self._params.event:
                continue
            try:
                if fits(self._params, signal.payload):
                    wanted.append(signal)
            except ExpressionError as error:
                reason = f"its condition cannot be computed: {error}"
                firings.append(self._firing(signal, now, skipped=reason))
        late = [signal for signal in wanted if signal.at < self._since]
        caught = catch_up(self._params.missed, self._params.most_missed, late)
        kept = {signal.number for signal in caught.kept}
        for signal in wanted:
            is_missed = signal.at < self._since and signal.number not in kept
            reason = "it was sent while nobody served the trigger" if is_missed else ""
            firings.append(self._firing(signal, now, skipped=reason))
        return Look(seen=now, firings=firings, memory={"after": sent[-1].number})

    def _firing(self, signal: SignalRecord, now: float, *, skipped: str) -> Firing:
        payload: Json = signal.payload
        if self._params.read == "envelope":
            payload = {
                "name": signal.name,
                "payload": signal.payload,
                "id": signal.id,
                "at": signal.at,
                "by": signal.by,
                "through": signal.through,
                "run": signal.source[0],
            }
        return Firing(
            key=f"event {signal.number}",
            run=self._run_id(now),
            due_at=signal.at,
            payload=payload,
            skipped=skipped,
        )
