"""Results that are kept, and used again for equal work (U89).

Work is equal when the node type, the parameters, what comes in, and everything else that
the node may read are equal: channels, other nodes' outputs, constants and environment. What
a node may not know of its inputs (time, chance, the outside world) is why nodes with effects
are refused unless the workflow says otherwise.

Equal work that is asked for at the same time in one engine is done once: `Flights`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec

from engine.events import ErrorInfo
from engine.ids import RunId
from engine.model.expressions import ExpressionError
from engine.model.node_types import NodeFailure, Output, WriteOp
from engine.model.params import ParamErrors
from engine.model.plan import PlanNode
from engine.packing import pack, unpack
from engine.runtime.context import AttemptContext
from engine.runtime.outcome import Outcome, failed, from_result
from engine.runtime.task_runner import declared_writes, error_info, params_of
from engine.state.run_state import Task

Json = Any


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a node returned, without what the document makes of it."""

    ports: dict[str, Json]
    writes: tuple[tuple[str, str, Json], ...] = ()
    route: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    text: str = ""


#: A result, and the run that has done the work.
Found = tuple[Result, RunId]
_decoder = msgspec.msgpack.Decoder(Result)


def key_of(node: PlanNode, ctx: AttemptContext) -> bytes | None:
    """Return what stands for the work of an attempt, or None where it cannot be computed.

    The attempt then fails by itself, or its parameters are no JSON.
    """
    plan = node.cached
    assert plan is not None
    try:
        params = params_of(node, ctx).model_dump(mode="json")
        scope = ctx.scope
        seen = {name: scope[name] for name in sorted(plan.names - {"input"})}
        work = [
            plan.identity, params, dict(ctx.inputs), scope["state"], scope["nodes"],
            scope["vars"], scope["env"], seen, ctx.memory,
        ]  # fmt: skip
        # Unlike other encodings it tells 1 from 1.0 and from true, and knows NaN.
        text = json.dumps(work, sort_keys=True, default=str)
    except (ExpressionError, ParamErrors, NodeFailure, TypeError, ValueError):
        return None
    return hashlib.sha256(text.encode()).digest()


def result_in(node: PlanNode, outcome: Outcome) -> Result | None:
    """Return what of an outcome may be kept, or None: it failed, waits, or does more."""
    is_value = outcome.kind == "output" and not (outcome.recorded or outcome.gated)
    reaches_out = outcome.signals or outcome.child or outcome.made or outcome.more
    if not is_value or outcome.memory or reaches_out:
        return None
    own = len(outcome.writes) - len(node.writes)  # the declared ones come last
    return Result(
        ports=outcome.ports,
        writes=outcome.writes[:own],
        route=outcome.route,
        also=outcome.also,
        text=outcome.text,
    )


def outcome_of(
    node: PlanNode, task: Task, ctx: AttemptContext, result: Result, run: RunId
) -> Outcome:
    """Return the outcome of a task whose work has been done by `run`."""
    output = Output(
        ports=result.ports,
        writes=tuple(WriteOp(channel, value, op) for channel, op, value in result.writes),  # type: ignore[arg-type] # as it was
        route=result.route,
        also=result.also,
        note=result.text,
    )
    try:
        writes = declared_writes(node, ctx.scope, output) if node.writes else ()
    except (ExpressionError, NodeFailure) as error:
        info: ErrorInfo = error_info(node, error)
        return failed(task.id, info, attempt=task.attempt, duration_s=0.0)
    made = from_result(task.id, output, attempt=task.attempt, duration_s=0.0, writes=writes)
    return msgspec.structs.replace(made, cached=run)


def encoded(result: Result) -> bytes:
    """Return a result as bytes for a store."""
    return pack(result)


def decoded(data: bytes) -> Result:
    """Return the result that `encoded` made bytes of."""
    return unpack(data, _decoder)


async def landing(flight: asyncio.Future[Found | None]) -> Found | None:
    """Wait for work that somebody else does; who stops waiting does not stop it."""
    return await asyncio.shield(flight)


class Flights:
    """Work that is being done in this engine, by its key."""

    def __init__(self) -> None:
        self._open: dict[bytes, asyncio.Future[Found | None]] = {}

    def lead(self, key: bytes) -> Callable[[Found | None], None]:
        """Say that this work begins; return how to say what came of it, None for nothing.

        Only for who has seen that nobody does it: see `following`.
        """
        flight: asyncio.Future[Found | None]
        flight = self._open[key] = asyncio.get_running_loop().create_future()

        def landed(found: Found | None) -> None:
            if not flight.done():
                flight.set_result(found)
            if self._open.get(key) is flight:
                del self._open[key]

        return landed

    def following(self, key: bytes) -> asyncio.Future[Found | None] | None:
        """Return what comes of this work, if somebody does it just now. Shield it."""
        return self._open.get(key)
