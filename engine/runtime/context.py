"""What one attempt is given (U125): its identity, its inputs, and a few services."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import MappingProxyType
from typing import Any, Protocol

from engine.events import AnyUpdate, OutputChunk, Progress
from engine.ids import NodeKey, Path, RunId, TaskId, child_run_id, task_id
from engine.model.node_types import NodeFailure
from engine.model.plan import Plan, PlanNode
from engine.runtime import ledger
from engine.runtime.facts import RunFacts
from engine.runtime.scope import input_of, inputs_of, task_scope
from engine.state.run_state import RunState, Task

Json = Any
_NOTHING: Mapping[str, float] = MappingProxyType({})


class Services(Protocol):
    """Where the work of nodes leaves the loop, and where secrets come from."""

    async def run_process(
        self,
        job: str,
        payload: Json,
        *,
        on_output: Callable[[str, str], None],
        memory_mb: int | None,
        network: bool,
    ) -> Json:
        """Run ``module:function`` in a process of its own; cancelling kills it."""
        ...

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a short blocking function in a thread."""
        ...

    async def resource(
        self,
        run: str,
        name: str,
        open: Callable[[], AbstractAsyncContextManager[Any] | AbstractContextManager[Any]],
    ) -> Any:
        """Return what a run has opened under that name, or open it."""
        ...

    async def run_over(self, run: str) -> None:
        """Close what a run has opened: nobody drives it here any more."""
        ...

    def secret(self, name: str) -> str:
        """Return a secret, or raise `NodeFailure`."""
        ...

    async def close(self) -> None:
        """End every process and thread."""
        ...


class AttemptContext:
    """The services of one attempt; see `engine.model.node_types.Context`."""

    __slots__ = (
        "_facts",
        "_plan",
        "_plan_node",
        "_publish",
        "_random",
        "_scope",
        "_services",
        "_state",
        "_task",
        "attempt",
        "feed",
        "feedback",
        "input",
        "inputs",
        "memory",
        "node",
        "now",
        "path",
        "prepared",
        "review",
        "run",
        "signs",
        "spent",
        "task",
        "visit",
    )

    def __init__(
        self,
        plan: Plan,
        plan_node: PlanNode,
        task: Task,
        state: RunState,
        *,
        facts: RunFacts,
        services: Services,
        publish: Callable[[AnyUpdate], None],
    ) -> None:
        self._plan = plan
        self._plan_node = plan_node
        self._task = task
        self._state = state
        self._facts = facts
        self._services = services
        self._publish = publish
        self._scope: dict[str, Json] | None = None
        self._random: random.Random | None = None
        self.run: RunId = facts.run
        self.node: NodeKey = task.node
        self.task: TaskId = task.id
        self.path: Path = task.path
        self.visit = task.visit
        self.attempt = task.attempt
        self.spent: Mapping[str, float] = _NOTHING
        #: How often the attempt has shown that it lives.
        self.signs = 0
        #: Where a For each brings what it reads of a stream.
        self.feed: Any = None
        #: What `NodeType.prepare` gave.
        self.prepared: Any = None
        #: Looks at the result before it counts.
        self.review: Callable[[Any], Any] | None = None
        self.feedback = task.feedback
        self.now = task.now
        self.inputs: Mapping[str, Json] = inputs_of(plan_node, task, state)
        self.input: Json = input_of(plan_node, self.inputs)
        self.memory: Json = (
            state.memory.get(plan.memory_key(task.node, task.path)) if state.memory else None
        )

    def replace_inputs(self, inputs: Mapping[str, Json]) -> None:
        """Give the attempt other inputs than its task has, before it begins."""
        self.inputs = inputs
        self.input = input_of(self._plan_node, inputs)
        self._scope = None

    @property
    def scope(self) -> dict[str, Json]:
        """The names that expressions see, made when first asked for.

        A commit may have changed a channel since the task began: then the row of the task
        has the value that it had.
        """
        if self._scope is None:
            task = self._state.tasks.get(self.task, self._task)
            self._scope = task_scope(
                self._plan, self._plan_node, task, self._state, self._facts.scope, self.input
            )
        return self._scope

    @property
    def value_bytes(self) -> int:
        """How large a value may be that the attempt makes."""
        return self._plan.workflow.settings.limits.value_bytes

    @property
    def idempotency_key(self) -> str:
        """Stable for run and task, in every attempt, also of its frame, and every crash (U86)."""
        task, name = self._task, self.task
        if task.shift:
            name = task_id(task.node, task.path, task.visit - task.shift)
        return hashlib.sha256(f"{self.run}/{name}".encode()).hexdigest()[:32]

    def child_run(self, step: int = 0) -> RunId:
        """Return the id of the run that this attempt asks for as its child `step`."""
        return child_run_id(self.run, self.task, self.attempt, step, self.now)

    def progress(self, fraction: float | None, text: str = "") -> None:
        """Tell how far the attempt is."""
        self.signs += 1
        self._publish(
            Progress(run=self.run, task=self.task, node=self.node, fraction=fraction, text=text)
        )

    def emit(self, text: str, stream: str = "stdout") -> None:
        """Show output while the attempt runs."""
        self.signs += 1
        self._publish(
            OutputChunk(run=self.run, task=self.task, node=self.node, stream=stream, text=text)
        )

    def spend(self, meter: str, amount: float) -> None:
        """Say that the attempt has used so much of a meter; it counts even if it fails."""
        if meter not in self._plan.workflow.settings.meters:
            raise NodeFailure(
                f"the workflow has no meter {meter}; declare it in its settings",
                code="budget",
                retryable=False,
            )
        if not (math.isfinite(amount) and amount >= 0):
            raise NodeFailure(f"{amount} of {meter} cannot be used", retryable=False)
        self.spent = {**self.spent, meter: self.spent.get(meter, 0.0) + amount}

    def remaining(self, meter: str) -> float | None:
        """Return what this attempt may still use of a meter; None: there is no end."""
        left = ledger.room(self._plan, self._state, self._task, meter)
        return None if left is None else max(0.0, left - self.spent.get(meter, 0.0))

    def random(self) -> float:
        """Return the next number of the task's own generator."""
        if self._random is None:
            self._random = random.Random(f"{self._facts.seed}/{self.task}")  # noqa: S311 - repeatable
        return self._random.random()

    def secret(self, name: str) -> str:
        """Return a secret of the person's keychain."""
        return self._services.secret(name)

    def run_process(
        self, job: str, payload: Json, *, memory_mb: int | None = None, network: bool = True
    ) -> Awaitable[Json]:
        """Run ``module:function`` with `payload` in a process of its own."""
        return self._services.run_process(
            job,
            payload,
            on_output=lambda stream, text: self.emit(text, stream),
            memory_mb=memory_mb,
            network=network,
        )

    async def resource(
        self,
        name: str,
        open: Callable[[], AbstractAsyncContextManager[Any] | AbstractContextManager[Any]],
    ) -> Any:
        """Return what this run has opened under that name, or open it for the whole leg."""
        return await self._services.resource(self.run, name, open)

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a short blocking function in a thread."""
        return await self._services.run_thread(function, *args)
