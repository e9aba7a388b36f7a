"""One attempt of one task: parameters, the node's function, its writes, its errors.

The only place of the runtime that catches whatever a node raises.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from engine.events import ErrorInfo
from engine.model.expressions import ExpressionError
from engine.model.node_types import NodeFailure, Output, Result, WriteOp
from engine.model.params import ParamErrors
from engine.model.plan import Plan, PlanNode
from engine.runtime import feeding, looping, processing, sizes, spending, turns
from engine.runtime.background import hand_over
from engine.runtime.context import AttemptContext
from engine.runtime.outcome import Outcome, failed, from_result
from engine.runtime.ports import Clock
from engine.state.run_state import Task

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Any
#: Roles whose nodes have no function of their own.
_CARRIED_OUT = frozenset({"split", "loop", "until", "background"})


def start_attempt(
    plan: Plan, node: PlanNode, task: Task, ctx: AttemptContext, clock: Clock
) -> Outcome | Coroutine[Any, Any, Outcome]:
    """Begin an attempt.

    Returns:
        The outcome at once when the node's function is a plain one, else a coroutine
        that never raises except when it is cancelled.
    """
    if node.awaits:
        return _finish(node, task, ctx, clock)
    began = clock.monotonic()
    try:
        result = _call(node, ctx)
    except Exception as error:
        return _failure(node, task, ctx, error, clock.monotonic() - began)
    return _succeed(node, task, ctx, result, clock.monotonic() - began)


def ask_for_room(node: PlanNode, task: Task, ctx: AttemptContext) -> Outcome:
    """Return the outcome that reserves for a task which has nothing reserved yet."""
    try:
        return spending.request_for(node, task, ctx)
    except Exception as error:
        return failed(task.id, error_info(node, error), attempt=task.attempt, duration_s=0.0)


def ask_for_turn(node: PlanNode, task: Task, ctx: AttemptContext) -> Outcome:
    """Return the outcome that asks for the turn of a task whose node has a rate."""
    try:
        return turns.ask(node, task, ctx.scope)
    except Exception as error:
        return failed(task.id, error_info(node, error), attempt=task.attempt, duration_s=0.0)


def _call(node: PlanNode, ctx: AttemptContext) -> Any:
    if node.stream is not None:
        return feeding.read(node.stream, params_of(node, ctx), ctx)
    if node.role in _CARRIED_OUT:
        return _carry_out(node, ctx)
    if node.processing is not None:
        processing.before(node.processing, ctx)
    run = node.type.run
    if run is None or node.node.disabled:
        return Output({node.out_ports[0]: ctx.input} if node.out_ports else {})
    fixed = node.fixed
    return run(params_of(node, ctx) if fixed is None else fixed, ctx)


def params_of(node: PlanNode, ctx: AttemptContext) -> BaseModel:
    """Return the validated parameters of this attempt."""
    if node.fixed is not None:
        return node.fixed
    values = node.params.resolve(ctx.scope)
    return node.type.params.model_validate({**values, **node.raw})


def _carry_out(node: PlanNode, ctx: AttemptContext) -> Output:
    """Compute what a node of the engine's own decides."""
    if node.role == "background":
        return hand_over(node, ctx)
    params = params_of(node, ctx)
    match node.role:
        case "loop":
            return looping.begin(node, params, ctx.input, ctx.scope)
        case "until":
            return looping.turn(node, params, ctx.input, ctx.scope)
        case _:
            return _items(params, ctx)


def _items(params: Any, ctx: AttemptContext) -> Output:
    """A For each is carried out by the engine: here only its list is made."""
    items = ctx.input if params.items is None else params.items
    keyed = isinstance(items, dict) and params.batch == 1
    if isinstance(items, dict):
        items = [{"key": key, "value": value} for key, value in items.items()]
    if not isinstance(items, list):
        kind = type(items).__name__
        raise NodeFailure(
            f"For each needs a list or an object, not {kind}", code="not_a_list", retryable=False
        )
    if params.batch > 1:
        items = [items[n : n + params.batch] for n in range(0, len(items), params.batch)]
    ports = {"items": items, "limit": params.limit}
    return Output({**ports, "keyed": True} if keyed else ports)


async def _finish(node: PlanNode, task: Task, ctx: AttemptContext, clock: Clock) -> Outcome:
    began = clock.monotonic()
    try:
        result = await _in_time(node, task, ctx, clock)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        return _failure(node, task, ctx, error, clock.monotonic() - began)
    return _succeed(node, task, ctx, result, clock.monotonic() - began)


async def _await(node: PlanNode, ctx: AttemptContext) -> Result:
    made = _call(node, ctx)
    if inspect.isasyncgen(made):
        return await _streamed(node, ctx, made)
    result: Result = await made
    return result


async def _streamed(
    node: PlanNode, ctx: AttemptContext, stream: AsyncGenerator[Any, Any]
) -> Result:
    """Show what a node yields as it comes; a result that it yields is its result.

    Text is output, a number from 0 to 1 is progress. Without a result all the text is it.
    """
    texts: list[str] = []
    result: Result | None = None
    async with aclosing(stream):
        async for item in stream:
            if isinstance(item, str):
                texts.append(item)
                ctx.emit(item, "text")
            elif isinstance(item, int | float):
                ctx.progress(float(item))
            else:
                result = item
    if result is not None:
        return result
    return Output({node.out_ports[0]: "".join(texts)} if node.out_ports else {})


async def _in_time(node: PlanNode, task: Task, ctx: AttemptContext, clock: Clock) -> Result:
    """Await within the attempt's timeout and what is left of the task's."""
    limits = [node.node.timeout_s]
    if node.node.total_timeout_s is not None:
        limits.append(max(0.001, task.now + node.node.total_timeout_s - clock.now()))
    seconds = min([limit for limit in limits if limit is not None], default=None)
    idle = node.node.idle_timeout_s
    if seconds is None and idle is None:
        return await _await(node, ctx)
    timer = asyncio.timeout(seconds)
    watch = _Watch(ctx, timer, idle) if idle is not None else None
    try:
        async with timer:
            if watch is not None:
                watch.look()
            return await _await(node, ctx)
    except TimeoutError:
        if not timer.expired():
            raise  # the node's own
        if watch is not None and watch.is_over:
            text = f"it showed neither output nor progress for {idle:g} s"
        else:
            text = f"it took longer than {seconds:g} s"
        raise NodeFailure(text, code="timeout", retryable=True) from None
    finally:
        if watch is not None:
            watch.end()


#: How often an attempt is looked at within the time that it may be silent.
_LOOKS = 8


class _Watch:
    """Ends an attempt that shows no sign of life for so many seconds."""

    def __init__(self, ctx: AttemptContext, timer: asyncio.Timeout, seconds: float) -> None:
        self._ctx = ctx
        self._timer = timer
        self._seconds = seconds
        self._signs = -1
        self._silent = 0
        self._handle: asyncio.TimerHandle | None = None
        self.is_over = False

    def look(self) -> None:
        """Look now, and again in a while."""
        loop = asyncio.get_running_loop()
        feed = self._ctx.feed
        signs = self._ctx.signs + (feed.signs if feed is not None else 0)
        is_alive = signs != self._signs or (feed is not None and feed.is_alive)
        self._silent = 0 if is_alive else self._silent + 1
        self._signs = signs
        if self._silent >= _LOOKS:
            self.is_over = True
            self._timer.reschedule(loop.time())
        else:
            self._handle = loop.call_later(self._seconds / _LOOKS, self.look)

    def end(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()


def _succeed(
    node: PlanNode, task: Task, ctx: AttemptContext, result: Result, seconds: float
) -> Outcome:
    checked: processing.Checked = ()
    if node.processing is not None:
        try:
            result, checked = processing.after(node, ctx, result)
        except Exception as error:
            return _failure(node, task, ctx, error, seconds)
    if ctx.review is not None:
        reviewed = ctx.review(result)
        if isinstance(reviewed, Outcome):
            return msgspec.structs.replace(reviewed, duration_s=seconds)
        result = reviewed
    try:
        writes = declared_writes(node, ctx.scope, result) if node.writes else ()
        outcome = from_result(
            task.id, result, attempt=task.attempt, duration_s=seconds, writes=writes
        )
        if node.metered or ctx.spent:
            outcome = spending.with_spent(node, ctx, outcome, result)
        if outcome.writes or not sizes.SIZED.isdisjoint(map(type, outcome.ports.values())):
            sizes.check(outcome, ctx.inputs, ctx.value_bytes)
    except (ExpressionError, NodeFailure) as error:
        return _failure(node, task, ctx, error, seconds)
    return msgspec.structs.replace(outcome, checked=checked) if checked else outcome


def declared_writes(
    node: PlanNode, scope: Mapping[str, Json], result: Result
) -> tuple[WriteOp, ...]:
    """Return what the node's `writes` make of its output; only a success writes."""
    if not isinstance(result, Output):
        return ()
    output = next(iter(result.ports.values()), None)
    names = {**scope, "output": output}
    return tuple(
        WriteOp(channel, expr.evaluate(names) if expr is not None else None, op)  # type: ignore[arg-type] # checked with the plan
        for channel, op, expr in node.writes
    )


def _failure(
    node: PlanNode, task: Task, ctx: AttemptContext, error: Exception, seconds: float
) -> Outcome:
    info = error_info(node, error)
    outcome = failed(task.id, info, attempt=task.attempt, duration_s=seconds)
    if isinstance(error, processing.OutputRefused):
        outcome = msgspec.structs.replace(outcome, checked=error.checked)
    return spending.with_spent(node, ctx, outcome)


def error_info(node: PlanNode, error: Exception) -> ErrorInfo:
    """Return any exception of a node as a value, with its chain of causes."""
    from pydantic import ValidationError  # noqa: PLC0415 - here are parameters, so it is loaded

    title = node.node.title or node.key
    if isinstance(error, NodeFailure):
        info = error.info()
        code, retryable, message = info.code, info.retryable, info.message
    elif isinstance(error, ExpressionError | ParamErrors):
        info, code, retryable, message = None, "expression", False, str(error)
    elif isinstance(error, ValidationError):
        parts = [
            f"{'.'.join(str(p) for p in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        info, code, retryable, message = None, "params", False, "; ".join(parts)
    else:
        info, code, retryable = None, "exception", True
        message = f"{type(error).__name__}: {error}"
    causes = list(info.causes) if info else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and len(causes) < 10:
        causes.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return ErrorInfo(
        code=code,
        message=f"{title} failed: {message}",
        kind=info.kind if info else type(error).__name__,
        retryable=retryable,
        nothing_happened=info.nothing_happened if info else code in ("expression", "params"),
        retry_after_s=info.retry_after_s if info else None,
        causes=tuple(causes),
        tags=info.tags if info else (),
        details=info.details if info else None,
    )
