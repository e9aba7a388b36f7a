"""What is done to the inputs and outputs of a node, and what its output must satisfy (U92)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from engine.model.expressions import Expression, Reads, compile_expression
from engine.model.node_types import Registry
from engine.model.templates import ValueTemplate, compile_value_template
from engine.model.workflow import Node, Processor

Json = Any


class PlanProcessor(msgspec.Struct, frozen=True):
    """A step, compiled: an expression, a template, or a function that code has registered."""

    port: str
    made: Expression | ValueTemplate | None
    use: Callable[[Json, Any], Json] | None


class PlanCheck(msgspec.Struct, frozen=True):
    """A check, compiled."""

    name: str
    expr: Expression | None
    schema: Json
    use: Callable[[Json, Any], Json] | None
    message: str
    then: Literal["retry", "fail", "warn"]


class PlanProcessing(msgspec.Struct, frozen=True):
    """All that is done around the attempts of a node, in order."""

    before: tuple[PlanProcessor, ...]
    after: tuple[PlanProcessor, ...]
    checks: tuple[PlanCheck, ...]


def plan_processing(node: Node, registry: Registry) -> PlanProcessing | None:
    """Return what a valid node has around its attempts, compiled; None where it has nothing."""
    given = node.processing
    if given is None or node.disabled:
        return None
    return PlanProcessing(
        before=tuple(_step(each, registry) for each in given.before),
        after=tuple(_step(each, registry) for each in given.after),
        checks=tuple(
            PlanCheck(
                name=each.name or f"check {number}",
                expr=compile_expression(each.expr) if each.expr else None,
                schema=each.schema,
                use=registry.processors[each.use] if each.use else None,
                message=each.message,
                then=each.then,
            )
            for number, each in enumerate(given.checks, start=1)
        ),
    )


def _step(step: Processor, registry: Registry) -> PlanProcessor:
    made: Expression | ValueTemplate | None = None
    if step.expr:
        made = compile_expression(step.expr)
    elif step.template:
        made = compile_value_template(step.template)
    return PlanProcessor(step.port, made, registry.processors[step.use] if step.use else None)


def texts_of(node: Node) -> Iterator[tuple[str, Literal["expr", "value"], str, bool]]:
    """Yield (field, kind, text, whether it may read `output`) of each expression and template."""
    given = node.processing
    if given is None:
        return
    for part, steps in (("before", given.before), ("after", given.after)):
        for number, step in enumerate(steps):
            place = f"processing.{part}[{number}]"
            if step.expr:
                yield f"{place}.expr", "expr", step.expr, part == "after"
            if step.template:
                yield f"{place}.template", "value", step.template, False
    for number, check in enumerate(given.checks):
        if check.expr:
            yield f"processing.checks[{number}].expr", "expr", check.expr, True


def reads_of(node: Node) -> list[Reads]:
    """Return what they refer to."""
    compilers: Mapping[str, Callable[[str], Expression | ValueTemplate]] = {
        "expr": compile_expression,
        "value": compile_value_template,
    }
    return [compilers[kind](text).reads for _, kind, text, _ in texts_of(node)]
