"""What makes, drives and ends the runs that other runs ask for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from engine.errors import EngineError, InvalidCommand, RunIsHeld, UnknownRun
from engine.events import ErrorInfo
from engine.ids import IdFactory, RunId, child_run_id
from engine.model import codec
from engine.model.node_types import Child, Registry
from engine.model.plan import Plan
from engine.model.workflow import Workflow
from engine.runtime import called
from engine.runtime.history import History
from engine.runtime.outcome import ChildEnd, ChildMade
from engine.runtime.ports import Clock, RunRecord, RunStore
from engine.runtime.preparing import choose_trigger
from engine.state.run_state import Task
from engine.state.status import ENDED, RunStatus

Json = Any
#: Called workflows whose plans are kept.
KEPT = 32


class ChildRefused(Exception):  # noqa: N818 - becomes a failed task
    """A child run cannot be made; `error` says why."""

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__(error.message)
        self.error = error


class ChildRuns(Protocol):
    """What makes, drives and ends the children of runs."""

    async def make(self, caller: RunId, task: Task, attempt: int, child: Child) -> ChildMade:
        """Store the child unless it is there. Raises `ChildRefused`."""
        ...

    async def end_of(self, run: RunId) -> ChildEnd | None:
        """Return how a run ended, or None while it has not."""
        ...

    def drive(self, run: RunId, *, again: bool, then: Callable[[], None]) -> None:
        """Drive a run here, unless somebody does; with `again` also one that has failed.

        Call `then` when that has begun, or when it turned out that there is nothing to do.
        """
        ...

    def is_driven(self, run: RunId) -> bool:
        """Return whether this process drives the run, or is about to."""
        ...

    async def cancel(self, runs: Sequence[RunId], reason: str) -> None:
        """Cancel runs that have not ended, whoever drives them."""
        ...


@dataclass(slots=True, kw_only=True)
class StoredChildren:
    """The children of all runs that one engine drives.

    Attributes:
        compile: workflow to plan; raises `InvalidWorkflow`.
        resume: begin to drive a run. `cancel`: cancel one, whoever drives it.
        holds: whether this engine drives a run.
    """

    store: RunStore
    registry: Registry
    clock: Clock
    ids: IdFactory
    io: Callable[..., Awaitable[Any]]
    compile: Callable[[Workflow], Plan]
    resume: Callable[[str], Awaitable[Any]]
    cancel_run: Callable[[str, str], Awaitable[None]]
    holds: Callable[[str], bool]
    _starting: dict[RunId, asyncio.Task[None]] = field(default_factory=dict)
    _plans: dict[bytes, tuple[Plan, bytes]] = field(default_factory=dict)

    async def make(self, caller: RunId, task: Task, attempt: int, child: Child) -> ChildMade:
        """Store the child unless it is there. Raises `ChildRefused`."""
        run = child_run_id(caller, task.id, attempt, child.step, task.now)
        try:
            record: RunRecord = await self.io(self.store.run, run)
        except UnknownRun:
            record = await self.io(self._record, run, caller, task, child)
            await self.io(self.store.create_run, record)
        return ChildMade(
            run=run, workflow=record.workflow, revision=record.revision, mode=child.mode
        )

    def _record(self, run: RunId, caller: RunId, task: Task, child: Child) -> RunRecord:
        parent = self.store.run(caller)
        limit = codec.loads(parent.document).settings.limits.depth
        if parent.depth + 1 > limit:
            raise _refused(
                "limit",
                f"Workflows called one another {limit} deep, the limit depth of "
                f"{parent.workflow}; raise it in the workflow's settings if that is meant",
            )
        try:
            workflow, file = called.load(child.called, parent.source_path)
            plan, document = self._plan(workflow)
            trigger = choose_trigger(plan, child.trigger or None)
            needed = called.capabilities(workflow, self.registry, file)
        except EngineError as error:
            raise _refused("child_invalid", f"The workflow cannot be called: {error}") from error
        missing = ", ".join(name for name in needed if name not in parent.allow)
        if missing:
            raise _refused(
                "not_allowed",
                f"{plan.workflow.name} needs what was not granted to the run that calls it: "
                f"{missing}. It has been changed since; start the run again and allow it",
            )
        try:
            msgspec.json.encode(child.input)
        except (TypeError, ValueError) as error:
            raise _refused("child_invalid", f"The input is not JSON: {error}") from error
        return RunRecord(
            run=run,
            workflow_id=plan.workflow.id,
            workflow=plan.workflow.name,
            revision=plan.revision,
            document=document,
            input=child.input,
            seed=self.ids.seed(),
            started_at=self.clock.now(),
            source_path=file,
            title=child.title,
            trigger=trigger or "",
            allow=parent.allow,
            called_by=(caller, task.id),
            mode=child.mode,
            depth=parent.depth + 1,
        )

    def _plan(self, workflow: Workflow) -> tuple[Plan, bytes]:
        document = codec.dumps(workflow)
        digest = hashlib.sha256(document).digest()
        found = self._plans.get(digest)
        if found is None:
            found = self.compile(workflow), document
            while len(self._plans) >= KEPT:
                del self._plans[next(iter(self._plans))]
            self._plans[digest] = found
        return found

    async def end_of(self, run: RunId) -> ChildEnd | None:
        """Return how a run ended, or None while it has not."""
        end: ChildEnd | None = await self.io(self._end_of, run)
        return end

    def _end_of(self, run: RunId) -> ChildEnd | None:
        try:
            record = self.store.run(run)
        except UnknownRun as error:
            return ChildEnd(run=run, status="failed", reason=str(error))
        if record.status not in ENDED:
            return None
        view = History(self.store).view(run)
        reason = view.error.message if view.error is not None else view.reason
        used: dict[str, float] = {}
        if record.mode != "detached":
            used = {name: meter.used for name, meter in view.meters.items() if meter.used}
        return ChildEnd(
            run=run, status=record.status.value, result=view.result, reason=reason, used=used
        )

    def drive(self, run: RunId, *, again: bool, then: Callable[[], None]) -> None:
        """Drive a run here, unless somebody does; with `again` also one that has failed."""
        if self.is_driven(run):
            return
        work = asyncio.get_running_loop().create_task(self._drive(run, again=again))
        self._starting[run] = work
        work.add_done_callback(lambda task: self._started(run, task, then))

    async def _drive(self, run: RunId, *, again: bool) -> None:
        with contextlib.suppress(RunIsHeld, InvalidCommand, UnknownRun):
            record: RunRecord = await self.io(self.store.run, run)
            if record.status is RunStatus.COMPLETED or (record.status in ENDED and not again):
                return
            await self.resume(run)

    def _started(self, run: RunId, task: asyncio.Task[None], then: Callable[[], None]) -> None:
        self._starting.pop(run, None)
        if not task.cancelled():
            task.exception()  # what the store refuses, the next thing it is asked refuses too
            then()

    def is_driven(self, run: RunId) -> bool:
        """Return whether this process drives the run, or is about to."""
        return run in self._starting or self.holds(run)

    async def cancel(self, runs: Sequence[RunId], reason: str) -> None:
        """Cancel runs that have not ended, whoever drives them."""
        for run in runs:
            starting = self._starting.get(run)
            if starting is not None:
                await asyncio.gather(starting, return_exceptions=True)
            with contextlib.suppress(InvalidCommand, UnknownRun):
                await self.cancel_run(run, reason)

    @property
    def is_starting(self) -> bool:
        """Whether a child is about to be driven."""
        return bool(self._starting)

    async def settled(self) -> None:
        """Wait until every child that is about to be driven is."""
        await asyncio.gather(*self._starting.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Start no more children."""
        for task in list(self._starting.values()):
            task.cancel()
        await self.settled()


def _refused(code: str, message: str) -> ChildRefused:
    return ChildRefused(ErrorInfo(code=code, message=message, retryable=False))
