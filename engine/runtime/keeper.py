"""Looks for kept results before an attempt, and keeps what came of it, for one leg (U89)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from engine.errors import StoreError
from engine.ids import RunId, TaskId
from engine.model.plan import Plan, PlanNode
from engine.runtime import kept
from engine.runtime.context import AttemptContext
from engine.runtime.environment import Environment
from engine.runtime.facts import RunFacts
from engine.runtime.kept_ports import KeptResult
from engine.runtime.outcome import Outcome
from engine.state.run_state import Task

#: An attempt that is over at once, or that is to be awaited.
Attempt = Outcome | Coroutine[Any, Any, Outcome]
Landed = Callable[[tuple[kept.Result, RunId] | None], None]


class Keeper:
    """What one leg does with kept results. It never fails a run: a store that refuses is
    as if nothing were kept.
    """

    def __init__(self, plan: Plan, facts: RunFacts, env: Environment) -> None:
        self._plan = plan
        self._facts = facts
        self._env = env
        #: Tasks whose work nobody has done: their key, or None where it cannot be computed.
        self._missing: dict[TaskId, bytes | None] = {}
        #: Attempts that others wait for: how to say what came of one.
        self._leading: dict[TaskId, tuple[Landed, Attempt]] = {}

    def is_missing(self, task: Task) -> bool:
        """Whether the attempt may begin: nothing is kept for it, and nobody does it just now."""
        if task.id not in self._missing:
            return False
        key = self._missing[task.id]
        return key is None or self._env.flights.following(key) is None

    async def look_up(self, node: PlanNode, task: Task, ctx: AttemptContext) -> Outcome | None:
        """Return the outcome of a task whose work has been done, or None when it must be done."""
        key = self._missing.get(task.id) or kept.key_of(node, ctx)
        if key is None:
            self._missing[task.id] = None
            return None
        found = await self._flown(key) or await self._stored(key)
        if found is None:
            self._missing[task.id] = key
            return None
        self._missing.pop(task.id, None)
        return kept.outcome_of(node, task, ctx, *found)

    async def _flown(self, key: bytes) -> tuple[kept.Result, RunId] | None:
        """Wait for equal work that is being done; None when nobody does it, or in vain."""
        flight = self._env.flights.following(key)
        return None if flight is None else await kept.landing(flight)

    async def _stored(self, key: bytes) -> tuple[kept.Result, RunId] | None:
        try:
            found: KeptResult | None = await self._env.io(
                self._env.store.kept_result, key, self._env.clock.now()
            )
        except StoreError:
            return None
        return None if found is None else (kept.decoded(found.result), found.run)

    def keep(self, node: PlanNode, task: Task, attempt: Attempt) -> Coroutine[Any, Any, Outcome]:
        """Return the attempt, with its result kept when it has one; equal work waits for it."""
        key = self._missing.pop(task.id, None)
        if key is None:
            return _made(attempt)
        self._leading[task.id] = self._env.flights.lead(key), attempt
        return self._kept(node, task.id, key, attempt)

    async def _kept(
        self,
        node: PlanNode,
        task: TaskId,
        key: bytes,
        attempt: Attempt,
    ) -> Outcome:
        outcome = await _made(attempt)
        result = kept.result_in(node, outcome)
        if result is not None:
            await self._put(node, key, result)
            if task in self._leading:
                self._leading[task][0]((result, self._facts.run))
        return outcome

    def ended(self, task: TaskId) -> None:
        """An attempt is over, however: who waits for its result waits no longer."""
        leading = self._leading.pop(task, None)
        if leading is not None:
            landed, attempt = leading
            landed(None)
            if not isinstance(attempt, Outcome):
                attempt.close()  # where it was cancelled before its first step

    def close(self) -> None:
        """Let nobody wait for what this leg has not done."""
        for task in list(self._leading):
            self._leading.pop(task)[0](None)

    async def _put(self, node: PlanNode, key: bytes, result: kept.Result) -> None:
        now = self._env.clock.now()
        ttl_s = node.cached.ttl_s if node.cached is not None else None
        row = KeptResult(
            key=key,
            run=self._facts.run,
            workflow_id=self._plan.workflow.id,
            node=node.key,
            at=now,
            expires_at=None if ttl_s is None else now + ttl_s,
            result=kept.encoded(result),
        )
        try:
            await self._env.io(self._env.store.keep_result, row, self._env.cache_bytes)
        except StoreError:
            return  # it will be done again; what must be stored says so by itself


async def _made(attempt: Attempt) -> Outcome:
    return attempt if isinstance(attempt, Outcome) else await attempt
