"""Carries out what is done around an attempt: processors before and after it, and checks."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.model.expressions import ExpressionError
from engine.model.node_types import NodeFailure, Output, Result
from engine.model.plan import PlanNode
from engine.model.processing import PlanCheck, PlanProcessing, PlanProcessor
from engine.model.templates import ValueTemplate
from engine.model.value_schema import problem_of
from engine.runtime.context import AttemptContext

Json = Any
#: Of each check, in order: its name, ``ok warned refused``, and the message.
Checked = tuple[tuple[str, str, str], ...]
#: The code of the error of an output that a check has refused.
REFUSED = "refused"


class OutputRefused(NodeFailure):
    """Checks have refused the output; `checked` holds what each of them found."""

    def __init__(self, message: str, *, retryable: bool, checked: Checked) -> None:
        feedback = [text for _, found, text in checked if found == "refused"]
        super().__init__(message, code=REFUSED, retryable=retryable, details={"feedback": feedback})
        self.checked = checked


def before(processing: PlanProcessing, ctx: AttemptContext) -> None:
    """Give the attempt the inputs that its processors make, one after the other."""
    for step in processing.before:
        port = step.port or ("in" if "in" in ctx.inputs else next(iter(ctx.inputs), "in"))
        given = ctx.inputs.get(port)
        value = _made(step, given, ctx, {**ctx.scope, "input": given})
        ctx.replace_inputs({**ctx.inputs, port: value})


def after(node: PlanNode, ctx: AttemptContext, result: Result) -> tuple[Result, Checked]:
    """Return the result as its processors make it, and what its checks have found.

    Raises:
        OutputRefused: a check does not let it pass. ExpressionError: one cannot be computed.
    """
    processing = node.processing
    if processing is None or not isinstance(result, Output) or not result.ports:
        return result, ()
    ports = dict(result.ports)
    first = next(iter(ports))
    for step in processing.after:
        port = step.port or first
        if port in ports:
            name = "input" if isinstance(step.made, ValueTemplate) else "output"
            ports[port] = _made(step, ports[port], ctx, {**ctx.scope, name: ports[port]})
    checked = tuple(_check(each, ports[first], ctx) for each in processing.checks)
    refused = [text for _, found, text in checked if found == "refused"]
    if refused:
        retryable = all(
            each.then == "retry"
            for each, (_, found, _) in zip(processing.checks, checked, strict=True)
            if found == "refused"
        )
        text = "its output was refused: " + "; ".join(refused)
        raise OutputRefused(text, retryable=retryable, checked=checked)
    return msgspec.structs.replace(result, ports=ports), checked


def _made(step: PlanProcessor, value: Json, ctx: AttemptContext, scope: dict[str, Json]) -> Json:
    if step.use is not None:
        return step.use(value, ctx)
    return step.made.evaluate(scope) if step.made is not None else value


def _check(check: PlanCheck, value: Json, ctx: AttemptContext) -> tuple[str, str, str]:
    problem = _problem(check, value, ctx)
    if not problem:
        return check.name, "ok", ""
    text = f"{check.name}: {check.message or problem}"
    if check.message and check.schema is not None:
        text += f" ({problem})"
    return check.name, "warned" if check.then == "warn" else "refused", text


def _problem(check: PlanCheck, value: Json, ctx: AttemptContext) -> str:
    if check.use is not None:
        found = check.use(value, ctx)
        return found if isinstance(found, str) else "" if found in (None, True) else "it is refused"
    if check.expr is None:
        return problem_of(check.schema, value)
    try:
        holds = bool(check.expr.evaluate({**ctx.scope, "output": value}))
    except ExpressionError as error:  # an output of another shape is refused, too
        return str(error)
    return "" if holds else "it does not hold"
