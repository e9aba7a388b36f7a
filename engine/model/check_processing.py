"""Whether what is done around a node can be done: one way each, and functions that are there."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model import rules
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import NodeType, Registry
from engine.model.value_schema import problem_of_schema
from engine.model.workflow import Check, Node, Processor


def check_processing(
    node: Node, node_type: NodeType, registry: Registry, title: str
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the processors and checks of a node."""
    given = node.processing
    if given is None:
        return

    def wrong(field: str, what: str, fix: str) -> Diagnostic:
        return rules.PROCESSING.broken(
            f"{title}: {what}.", fix, node=node.key, field=f"processing.{field}".rstrip(".")
        )

    if node_type.role not in ("", "barrier") or node.background is not None:
        yield wrong(
            "", "nothing can be done around this kind of node", "Put it on a node that does work."
        )
    for part, steps in (("before", given.before), ("after", given.after)):
        for number, step in enumerate(steps):
            place = f"{part}[{number}]"
            if _ways(step) != 1:
                yield wrong(place, "a processor is one of expr, template and use", "Keep one.")
            elif step.use and step.use not in registry.processors:
                yield wrong(place, f"there is no function {step.use}", "Register it, or remove it.")
    for number, check in enumerate(given.checks):
        if found := _problem(check, registry):
            yield wrong(f"checks[{number}]", *found)
    if any(check.then == "retry" for check in given.checks) and node.retry is None:
        yield rules.CHECK_RETRY.broken(
            f"{title}: a check asks for another attempt, but there is none.",
            "Set its retry, or let the check fail.",
            node=node.key,
            field="processing.checks",
        )


def _problem(check: Check, registry: Registry) -> tuple[str, str] | None:
    """Return what is wrong with a check and what to do, or None."""
    if _ways(check) != 1:
        return "a check is one of expr, schema and use", "Keep one."
    if check.use and check.use not in registry.processors:
        return f"there is no function {check.use}", "Register it, or remove it."
    if check.schema is not None and (problem := problem_of_schema(check.schema)):
        return f"the schema is none: {problem}", "Correct the schema."
    return None


def _ways(item: Processor | Check) -> int:
    second = item.template if isinstance(item, Processor) else item.schema is not None
    return sum(map(bool, (item.expr, second, item.use)))
