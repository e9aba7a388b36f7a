"""What every part of the facade works with: the store, the clock, the plans."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable
from typing import Any

import msgspec

from engine.errors import InvalidCommand
from engine.facade.health import Vitals
from engine.facade.options import EngineOptions
from engine.ids import IdFactory
from engine.model import codec
from engine.model.node_types import Registry
from engine.model.plan import Plan
from engine.model.workflow import Workflow
from engine.runtime.context import Services
from engine.runtime.history import History
from engine.runtime.kept import Flights
from engine.runtime.plans import Plans, without_collection
from engine.runtime.ports import Clock, RunRecord, RunStore
from engine.runtime.writer import DirectWriter, ThreadWriter, Writer

Json = Any


class Core:
    """What every part of the facade works with."""

    def __init__(
        self,
        store: RunStore,
        registry: Registry,
        clock: Clock,
        ids: IdFactory,
        services: Services,
        options: EngineOptions,
    ) -> None:
        self.store = store
        self.registry = registry
        self.clock = clock
        self.ids = ids
        self.services = services
        self.options = options
        self.writer: Writer = ThreadWriter(store) if options.threaded else DirectWriter(store)
        self.history = History(store)
        self.flights = Flights()
        self.vitals = Vitals()
        self.plans = Plans(registry, options.environ)

    @property
    def user(self) -> str:
        """Who decides in this process."""
        if self.options.user:
            return self.options.user
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "unknown"

    async def io(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call the store: in a thread in the designer, in the loop otherwise."""
        if self.options.threaded:
            return await asyncio.to_thread(function, *args)
        return function(*args)

    def compile(self, workflow: Workflow) -> Plan:
        """Return the plan of a workflow. Raises `InvalidWorkflow`."""
        return self.plans.compile(workflow)

    def compile_bytes(self, document: bytes) -> Plan:
        """Return the plan of a stored document."""
        with without_collection():
            return self.compile(codec.loads(document))

    def document_at(self, record: RunRecord, at: int) -> bytes:
        """Return the document that a run had at commit `at`."""
        earlier = self.store.documents(record.run)
        return next((each for until, each in earlier if at < until), record.document)

    def record(self, plan: Plan, value: Json, *, source_path: str, title: str) -> RunRecord:
        """Return the record of a new run.

        Raises:
            InvalidCommand: its input is no JSON, or larger than a value may be.
        """
        try:
            size = len(msgspec.json.encode(value))
        except (TypeError, ValueError) as error:
            raise InvalidCommand(f"The input is not JSON: {error}") from error
        if size > (limit := plan.workflow.settings.limits.value_bytes):
            raise InvalidCommand(
                f"The input has {size:,} bytes; the limit value_bytes is {limit:,}. Pass the "
                "name of a file, or raise the limit in the workflow's settings."
            )
        now = self.clock.now()
        return RunRecord(
            run=self.ids.run_id(now),
            workflow_id=plan.workflow.id,
            workflow=plan.workflow.name,
            revision=plan.revision,
            document=self.plans.document(plan.workflow),
            input=value,
            seed=self.ids.seed(),
            started_at=now,
            source_path=source_path,
            title=title,
        )
