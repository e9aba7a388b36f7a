"""Begins attempts: asks the interceptors, opens what a node uses for a whole leg (U111, U124)."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from engine.ids import NodeKey
from engine.model.plan import Plan, PlanNode
from engine.runtime import spending
from engine.runtime.context import AttemptContext
from engine.runtime.interceptors import Guards, NodeCall
from engine.runtime.outcome import Outcome, failed
from engine.runtime.ports import Clock
from engine.runtime.task_runner import error_info, params_of, start_attempt
from engine.state.run_state import Task

_log = logging.getLogger(__name__)


class Attempts:
    """The attempts of one leg, and what they share."""

    def __init__(self, plan: Plan, clock: Clock, guards: Guards | None) -> None:
        self._plan = plan
        self._clock = clock
        self._guards = guards
        self._open: dict[NodeKey, asyncio.Future[Any]] = {}
        #: Whether an attempt is anything but the node's own function.
        self.are_plain = guards is None and all(
            node.type.prepare is None for node in plan.nodes.values()
        )

    def begin(
        self, node: PlanNode, task: Task, ctx: AttemptContext
    ) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Begin an attempt; see `start_attempt`."""
        if self.are_plain:
            return start_attempt(self._plan, node, task, ctx, self._clock)
        if self._guards is not None:
            call = NodeCall(
                run=ctx.run,
                node=node.key,
                type=node.type.id,
                task=task.id,
                path=task.path,
                attempt=task.attempt,
                inputs=ctx.inputs,
            )
            asked, stopped = self._guards.before(call)
            if stopped is not None:
                return spending.with_nothing_spent(node, stopped)
            if asked is not call:
                ctx.replace_inputs(asked.inputs)
            ctx.review = partial(self._guards.review, asked)
        if node.type.prepare is not None and not node.node.disabled:
            return self._prepared(node, task, ctx)
        made = start_attempt(self._plan, node, task, ctx, self._clock)
        return self._noted(made) if isinstance(made, Outcome) else self._later(made)

    async def _prepared(self, node: PlanNode, task: Task, ctx: AttemptContext) -> Outcome:
        """Open what the node uses, unless it is open, and make the attempt."""
        try:
            opening = self._open.get(node.key)
            if opening is None:
                opening = asyncio.get_running_loop().create_task(self._prepare(node, ctx))
                self._open[node.key] = opening
            ctx.prepared = await asyncio.shield(opening)
        except Exception as error:  # noqa: BLE001 - whatever a node raises is a value from here on
            self._open.pop(node.key, None)  # the next attempt tries again
            return failed(task.id, error_info(node, error), attempt=task.attempt, duration_s=0.0)
        made = start_attempt(self._plan, node, task, ctx, self._clock)
        return self._noted(made if isinstance(made, Outcome) else await made)

    async def _prepare(self, node: PlanNode, ctx: AttemptContext) -> Any:
        prepare = node.type.prepare
        made = prepare(params_of(node, ctx), ctx) if prepare is not None else None
        return await made if inspect.isawaitable(made) else made

    async def _later(self, attempt: Coroutine[Any, Any, Outcome]) -> Outcome:
        return self._noted(await attempt)

    def _noted(self, outcome: Outcome) -> Outcome:
        return outcome if self._guards is None else self._guards.noted(outcome)

    async def close(self) -> None:
        """Close what was opened, the last first. What fails then is logged."""
        for key, opening in reversed(self._open.items()):
            cleanup = self._plan.nodes[key].type.cleanup
            if not opening.done():
                opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    resource = await opening
                    done = cleanup(resource) if cleanup is not None else None
                    if inspect.isawaitable(done):
                        await done
                except Exception:  # noqa: BLE001 - the others are closed all the same
                    _log.exception("The cleanup of node %s failed", key)
        self._open.clear()
