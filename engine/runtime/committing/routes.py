"""Which ways results take, decided on the state as it is after the writes of the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engine.events import ErrorInfo
from engine.ids import Path, TaskId
from engine.model.expressions import ExpressionError
from engine.model.plan import PlanNode
from engine.runtime import failures, routing
from engine.runtime.committing.work import LOOPS, Work
from engine.runtime.growing import innermost
from engine.runtime.limits import ItemLost
from engine.runtime.outcome import Outcome
from engine.runtime.scope import loop_of
from engine.state.run_state import Task

Json = Any


def first_unroutable(
    work: Work, outcomes: Sequence[Outcome], channels: Mapping[str, Json]
) -> tuple[TaskId, str, str] | None:
    """Return (task, code, message) of the first result that has no way, or None."""
    for outcome in outcomes:
        if outcome.kind not in ("output", "fallback"):
            continue
        task = work.state.tasks[outcome.task]
        node = work.plan.nodes[task.node]
        if outcome.more and innermost(work.transition, task.path) < 0:
            title = node.node.title or node.key
            return outcome.task, "no_for_each", f"{title} adds items, and is inside of no For each"
        try:
            if node.role == "split":
                _check_items(work, node, task, outcome, channels)
            elif node.role in LOOPS:
                _check_round(work, node, task, outcome, channels)
            else:
                work.routes[task.id] = _route(work, node, task, outcome, channels)
        except routing.RouteFailure as failure:
            return outcome.task, failure.code, str(failure)
    return None


def _route(
    work: Work, node: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
) -> routing.Routes:
    if node.plain and outcome.route is None and not outcome.also and outcome.kind == "output":
        return routing.take_all(node, outcome.ports)
    if node.role == "barrier" and outcome.taken is not None:
        for port in outcome.ports:
            if port not in ("approved", "decision", "error") and not node.out.get(port):
                raise routing.RouteFailure(
                    "rejected",
                    f"{node.node.title or node.key} was decided as {port} by "
                    f"{outcome.taken.by}, and no wire leads on from {port}."
                    + (f" Comment: {outcome.taken.comment}" if outcome.taken.comment else ""),
                )
    asked = (outcome.text or "asked by the node") if outcome.kind == "fallback" else ""
    ports = outcome.ports
    if asked:
        pairs = next(iter(task.inputs.values()), ())
        ports = {"": work.transition.value(pairs[0][1]) if pairs else None}
    simple = all(
        edge.when is None and edge.kind == "normal"
        for port in ports
        for edge in node.out.get(port, ())
    )
    scope = {} if simple else _scope(work, task, channels)
    return routing.route(node, ports, outcome.route, scope, also=outcome.also, fallback=asked)


def _scope(work: Work, task: Task, channels: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "nodes": {name: work.transition.value(ref) for name, ref in task.nodes.items()},
        "state": channels,
        "vars": work.plan.workflow.settings.vars,
        "env": work.plan.env,
        "run": work.facts.scope,
        "loop": loop_of(task.path, work.state),
        "now": datetime.fromtimestamp(work.at, UTC),
    }


def _check_items(
    work: Work, split: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
) -> None:
    """Fail a For each that may lose no item when there is no way for one of them."""
    if split.plain or failures.may_lose_items(split):
        return
    items = outcome.ports["items"]
    for index, item in enumerate(items):
        path = (*task.path, (split.key, index, len(items)))
        _routes_of_item(work, split, path, item, channels)


def route_item(work: Work, split: PlanNode, path: Path, item: Json) -> routing.Routes:
    """Return the ways of an item that starts now.

    Raises:
        ItemLost: no way is for it.
    """
    try:
        return _routes_of_item(work, split, path, item, work.channels)
    except routing.RouteFailure as failure:
        error = ErrorInfo(
            code=failure.code,
            message=str(failure),
            node=split.key,
            path=path,
            retryable=False,
        )
        raise ItemLost(error, stops=not failures.may_lose_items(split)) from failure


def _routes_of_item(
    work: Work, split: PlanNode, path: Path, item: Json, channels: Mapping[str, Json]
) -> routing.Routes:
    loop = {"index": path[-1][1], "of": path[-1][2], "item": item}
    scope = _scope_at(work, split, path, loop, channels)
    port = split.out_ports[0]
    only = {port: split.out.get(port, ())}
    return routing.route(split, {port: item}, None, scope, out=only)


def is_enough(work: Work, collect: PlanNode, path: Path, results: list[Json]) -> bool:
    """Return whether a zone may end with these results.

    Raises:
        ItemLost: the condition cannot be decided.
    """
    if collect.condition is None:
        return len(results) >= int(collect.raw["enough"])
    scope = _scope_at(work, collect, path, loop_of(path, work.state), work.channels)
    try:
        found = collect.condition.evaluate({**scope, "input": results})
    except ExpressionError as failure:
        title = collect.node.title or collect.key
        text = f"Whether {title} has enough cannot be decided: {failure}"
        error = ErrorInfo(code="expression", message=text, retryable=False)
        raise ItemLost(error, stops=True) from failure
    if isinstance(found, bool) or not isinstance(found, int | float):
        return bool(found)
    return len(results) >= found


def _scope_at(
    work: Work, node: PlanNode, path: Path, loop: Mapping[str, Json], channels: Mapping[str, Json]
) -> dict[str, Json]:
    """Return what the conditions behind a node see in a scope that no task is in."""
    refs = {name: work.transition.output_for(name, path) for name in node.read_nodes}
    return {
        "nodes": {name: work.transition.value(ref) for name, ref in refs.items() if ref},
        "state": channels,
        "vars": work.plan.workflow.settings.vars,
        "env": work.plan.env,
        "run": work.facts.scope,
        "loop": loop,
        "now": datetime.fromtimestamp(work.at, UTC),
    }


def _check_round(
    work: Work, node: PlanNode, task: Task, outcome: Outcome, channels: Mapping[str, Json]
) -> None:
    """Fail a Loop or an Until whose value has no way into the next round, or out."""
    loop, until = node, node
    path = task.path
    if node.role == "loop":
        until = work.plan.nodes[node.pair or ""]
        ahead = (*path, (node.key, 0, outcome.ports["of"]))
    else:
        loop = work.plan.nodes[node.pair or ""]
        key, index, of = path[-1]
        ahead, path = (*path[:-1], (key, index + 1, of)), path[:-1]
    value = outcome.ports[node.out_ports[0]]
    if outcome.ports["go"]:
        if not loop.plain:
            _routes_of_item(work, loop, ahead, value, channels)
        return
    work.routes[task.id] = _routes_out(work, until, task, path, value, channels)


def _routes_out(
    work: Work, until: PlanNode, task: Task, path: Path, value: Json, channels: Mapping[str, Json]
) -> routing.Routes:
    """Return the ways of the result of a loop."""
    ports = {until.out_ports[0]: value}
    if until.plain:
        return routing.take_all(until, ports)
    scope = _scope_at(work, until, task.path, loop_of(path, work.state), channels)
    return routing.route(until, ports, None, scope)
