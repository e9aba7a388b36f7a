"""An engine whose triggers a test looks at when it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import events as ev
from engine.model.workflow import Workflow
from engine.nodes.trigger_event import EVENT_TRIGGER
from engine.nodes.trigger_file import FILE_TRIGGER
from engine.nodes.trigger_schedule import SCHEDULE_TRIGGER
from engine.nodes.trigger_webhook import WEBHOOK_TRIGGER
from engine.runtime.ports import RunStore
from engine.runtime.trigger_ports import TriggerNews
from engine.triggers.service import Triggers
from tests.engine.flows import Bench, FakeClock, flow

Json = Any
TYPES = (SCHEDULE_TRIGGER, FILE_TRIGGER, WEBHOOK_TRIGGER, EVENT_TRIGGER)
SOURCE = "/flows/a.flow.json"


def triggered(kind: str, params: Mapping[str, Json], then: str = "same") -> Workflow:
    """Return a workflow: one trigger, one node behind it."""
    return flow({"begin": (f"trigger.{kind}", dict(params)), "next": then}, "begin > next")


class TriggerBench(Bench):
    """A bench with triggers, and what they have told."""

    def __init__(
        self, store: RunStore | None = None, clock: FakeClock | None = None, **options: Any
    ) -> None:
        super().__init__(*TYPES, store=store, clock=clock, **options)
        self.told: list[TriggerNews] = []
        self.triggers.listen(self.told.append)

    @property
    def triggers(self) -> Triggers:
        return self.engine.triggers

    async def look(self, seconds: float = 0.0) -> None:
        """Let time pass, look once at every trigger that is due, and let its runs end."""
        self.clock.advance(seconds)
        await self.triggers.tick()
        await self.engine.settled()

    async def signal(self, name: str, payload: Json = None, **more: Any) -> None:
        """Send an event; the next look sees that there is news."""
        await self.engine.signal(name, payload, **more)
        self.triggers.notice()

    @property
    def inputs(self) -> list[Json]:
        """What every run was started with, in order."""
        return [fact.input for fact in self.facts if isinstance(fact, ev.RunStarted)]

    @property
    def kinds(self) -> list[str]:
        """What has been told of the triggers."""
        return [news.kind for news in self.told]

    @property
    def statuses(self) -> list[str]:
        """The status of every firing, oldest first."""
        return [str(each.status) for each in self.triggers.firings()][::-1]
