"""The facade: everything that the designer, the command line and scripts do with runs.

`Engine` is the sum of its parts, one subject each, in `engine/facade`: how runs start, go on,
fork, are tried, controlled, decided, looked at and kept. `legs` are what this process drives,
`audience` is who hears of it, `core` what all of them work with.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import events as ev
from engine.errors import (
    DecisionRefused,
    DocumentEdited,
    EngineError,
    InvalidCommand,
    InvalidWorkflow,
    NotAllowed,
    RunIsHeld,
    SessionBusy,
    UnknownRun,
)
from engine.executors.services import LocalServices
from engine.facade.audience import Audience
from engine.facade.background import Working
from engine.facade.core import Core
from engine.facade.deciding import Deciding
from engine.facade.forking import Forking
from engine.facade.health import Health
from engine.facade.keeping import Keeping
from engine.facade.legs import Legs
from engine.facade.looking import Looking
from engine.facade.options import ALL, EditedDocument, EngineOptions
from engine.facade.starting import Starting
from engine.facade.trying import Trying
from engine.ids import IdFactory, RandomIds
from engine.model.node_types import Option, Registry, Request
from engine.model.plan import Plan
from engine.model.workflow import Workflow
from engine.nodes.plugins import BrokenPlugin, installed
from engine.run_handle import RunHandle
from engine.runtime import called
from engine.runtime.context import Services
from engine.runtime.history import TaskValues
from engine.runtime.interceptors import AbortRun, Alter, Interceptor, NodeCall, Veto
from engine.runtime.partial import Trial
from engine.runtime.ports import (
    Clock,
    CommitSummary,
    DecisionRecord,
    Execution,
    ExecutionQuery,
    Listener,
    RequestRecord,
    RuleRecord,
    RunRecord,
    RunStore,
    SignalRecord,
    SystemClock,
)
from engine.runtime.replay import ReplayReport
from engine.runtime.trigger_ports import TriggerNews, TriggerRecord
from engine.sinks.hosts import QUEUE, VARIABLE, Sinks
from engine.sinks.sink import Sink
from engine.stops import Breakpoint
from engine.store.open import open_store
from engine.store.trust import TrustedFiles

if TYPE_CHECKING:
    from engine.triggers.service import Triggers

News = ev.News
__all__ = [
    "ALL",
    "AbortRun",
    "Alter",
    "Breakpoint",
    "CommitSummary",
    "DecisionRecord",
    "DecisionRefused",
    "DocumentEdited",
    "EditedDocument",
    "Engine",
    "EngineError",
    "EngineOptions",
    "Execution",
    "ExecutionQuery",
    "Health",
    "Interceptor",
    "InvalidCommand",
    "InvalidWorkflow",
    "Listener",
    "News",
    "NodeCall",
    "NotAllowed",
    "Option",
    "ReplayReport",
    "Request",
    "RequestRecord",
    "RuleRecord",
    "RunHandle",
    "RunIsHeld",
    "RunRecord",
    "SessionBusy",
    "SignalRecord",
    "TaskValues",
    "Trial",
    "TriggerNews",
    "TriggerRecord",
    "TrustedFiles",
    "UnknownRun",
    "Veto",
    "Workflow",
]


class Engine(Starting, Forking, Trying, Working, Deciding, Looking, Keeping):
    """Runs workflows and remembers everything about them in one store."""

    def __init__(
        self,
        store: RunStore,
        *,
        registry: Registry | None = None,
        clock: Clock | None = None,
        ids: IdFactory | None = None,
        services: Services | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        self.store = store
        self.broken_plugins: tuple[BrokenPlugin, ...] = ()
        if registry is None:
            found = installed()
            registry, self.broken_plugins = found.registry, found.broken
        self.registry = registry
        self.options = options or EngineOptions()
        self.sinks = Sinks()
        self._core = Core(
            store,
            registry,
            clock or SystemClock(),
            ids or RandomIds(),
            services or LocalServices(),
            self.options,
        )
        self._audience = Audience()
        self._legs = Legs(self._core, self._audience, resume=self.resume, cancel=self.cancel)
        self._triggers: Triggers | None = None

    @classmethod
    def open(
        cls,
        url: str | None = None,
        *,
        registry: Registry | None = None,
        options: EngineOptions | None = None,
    ) -> Engine:
        """Open an engine on a store, with the sinks that HEADGATE_SINKS names.

        Args:
            url: SQLAlchemy URL; None is the person's own file.
            registry: node types; None are the built-in ones and those of plug-ins.
            options: how the engine behaves.

        Raises:
            StoreError: the store cannot be opened. UnsupportedVersion: it is newer.
        """
        made = cls(open_store(url), registry=registry, options=options)
        if asked := os.environ.get(VARIABLE, ""):
            from engine.sinks import choosing  # noqa: PLC0415 - only where sinks are asked for

            for sink in choosing.chosen(asked, queued=made.sinks.queued):
                made.add_sink(sink)
        return made

    async def __aenter__(self) -> Engine:  # noqa: PYI034 - nobody derives from it
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop driving all runs, so that they can be resumed, and close the store."""
        if self._triggers is not None:
            await self._triggers.stop()
        await self._legs.stop()
        if self.sinks:
            await asyncio.to_thread(self.sinks.close)
        await self._core.services.close()
        self._core.writer.close()
        self.store.close()

    # --- before a run -----------------------------------------------------------------------

    def prepare(self, workflow: Workflow) -> Plan:
        """Compile a workflow ahead of its runs; `start` of the same document uses the plan.

        Raises:
            InvalidWorkflow: it has errors.
        """
        plan = self._core.plans.compile(workflow)
        self._core.plans.document(workflow)
        return plan

    def capabilities(self, workflow: Workflow, source_path: str = "") -> dict[str, tuple[str, ...]]:
        """Return each capability that the workflow needs, with the nodes that need it.

        What a called workflow needs, the node that calls it needs.
        """
        return called.capabilities(workflow, self.registry, source_path)

    def trust_revision(self, workflow: Workflow, source_path: str = "") -> str:
        """Return what a person agrees to: the revision, with those of all that it calls."""
        return called.trust_revision(workflow, self.registry, source_path)

    @property
    def triggers(self) -> Triggers:
        """What starts runs by itself: armed triggers, and serving them in this process."""
        if self._triggers is None:
            from engine.triggers.service import Triggers  # noqa: PLC0415 - seldom needed

            self._triggers = Triggers(self._core, self)
        return self._triggers

    # --- what is driven here ----------------------------------------------------------------

    def handle(self, run: str) -> RunHandle | None:
        """Return the handle of a run that this process drives."""
        return self._legs.handle(run)

    async def settled(self) -> None:
        """Wait until this process drives no run any more; none waits for people for it."""
        await self._legs.settled()

    def health(self) -> Health:
        """Return how the store, the sinks and what waits for them fare (U115)."""
        core, vitals = self._core, self._core.vitals
        kept, cache = self.kept_usage()
        return Health(
            place=self.store.place(),
            usage=self.usage(),
            log_bytes=self.store.log_bytes(),
            last_commit_at=vitals.last_commit_at,
            last_failure=vitals.last_failure,
            failed_at=vitals.failed_at,
            queued=core.writer.queued,
            driven=self._legs.count,
            unsaved=tuple(vitals.unsaved.values()),
            sinks=self.sinks.health,
            kept=kept,
            cache=cache,
        )

    # --- listening --------------------------------------------------------------------------

    def subscribe(self, run: str | None, callback: Callable[[News], None]) -> Callable[[], None]:
        """Hear every stored fact and every update of runs driven here; None means all.

        A callback that fails is reported through `on_problem` and does not hurt the run.
        """
        return self._audience.subscribe(run, callback)

    def subscribe_session(
        self, session: str, callback: Callable[[News], None]
    ) -> Callable[[], None]:
        """Hear the news of every run of a session that is driven here, of later ones too."""

        def hear(item: News) -> None:
            handle = self.handle(item.run)
            if handle is not None and handle.view.session == session:
                callback(item)

        return self.subscribe(None, hear)

    def add_sink(self, sink: Sink, *, size: int = QUEUE) -> None:
        """Send every fact and update from now on to a sink; `sinks.health` says how it fares.

        Args:
            sink: closed with the engine.
            size: news that may wait for it; beyond it the oldest are dropped and counted.
        """
        if not self.sinks:
            self.subscribe(None, self.sinks.offer)
        self.sinks.add(sink, size=size)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear that any process has changed the store."""
        forget = self._audience.watch(callback)
        self._legs.start_watching()
        return forget

    def on_problem(self, callback: Callable[[str, BaseException], None]) -> None:
        """Hear of runs that stopped because of an error of the store or of ours."""
        self._audience.on_problem(callback)
