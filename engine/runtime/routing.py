"""Which edges a finished task's values take (U7-U11). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.model.expressions import ExpressionError
from engine.model.plan import PlanEdge, PlanNode

Json = Any


class RouteFailure(Exception):  # noqa: N818 - becomes the failure of the task
    """The values of a task cannot go anywhere, or a condition cannot be evaluated."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Routes(msgspec.Struct):
    """Edges that carry a value, edges that are ruled out, and whether fallback was used.

    Attributes:
        degraded: why the fallback edge was taken.
        ignored: targets that the node chose though no wire leads to them.
    """

    taken: list[PlanEdge] = []
    ruled_out: list[PlanEdge] = []
    degraded: str = ""
    ignored: tuple[str, ...] = ()


def take_all(node: PlanNode, ports: Mapping[str, Json]) -> Routes:
    """Return the routes of a node without conditions: every wire of every produced port."""
    routes = Routes()
    for port, edges in node.out.items():
        if port in ports:
            routes.taken += edges
        else:
            routes.ruled_out += edges
    return routes


def route(
    node: PlanNode,
    ports: Mapping[str, Json],
    targets: tuple[str, ...] | None,
    scope: Mapping[str, Json],
    *,
    also: tuple[str, ...] = (),
    fallback: str = "",
    out: Mapping[str, tuple[PlanEdge, ...]] | None = None,
) -> Routes:
    """Return where the values go.

    Args:
        node: the task's node.
        ports: the values that the task produced.
        targets: keys of target nodes that the node chose itself, or None.
        also: keys of target nodes besides those that the conditions choose.
        scope: names for conditions; `input` is replaced by the value sent.
        fallback: the reason why the node asked for the fallback edge.
        out: the ports to look at and their edges; left out, all of the node.

    Raises:
        RouteFailure: unrouted, an undeclared target, or a condition that fails.
    """
    routes = Routes()
    if targets is not None or also:
        routes.ignored = _unknown_targets(node, ports, also if targets is None else targets)
    for port, edges in (node.out if out is None else out).items():
        if not edges:
            continue
        if port not in ports or fallback:
            routes.ruled_out += [edge for edge in edges if edge.kind != "fallback"]
            continue
        chosen = _choose(node, edges, ports[port], targets, scope)
        if also and targets is None:
            added = [e for e in edges if e.target in also and e.kind != "fallback"]
            chosen += [edge for edge in added if edge not in chosen]
        routes.taken += chosen
        names = {edge.id for edge in chosen}
        routes.ruled_out += [e for e in edges if e.id not in names and e.kind != "fallback"]
        if not chosen:
            _unrouted(node, port, edges, routes)
    _use_fallback(node, fallback, routes)
    return routes


def _choose(
    node: PlanNode,
    edges: tuple[PlanEdge, ...],
    value: Json,
    targets: tuple[str, ...] | None,
    scope: Mapping[str, Json],
) -> list[PlanEdge]:
    if targets is not None:
        return [edge for edge in edges if edge.target in targets and edge.kind != "fallback"]
    held = False
    chosen: list[PlanEdge] = []
    for edge in edges:
        if edge.kind != "normal":
            continue
        if edge.when is not None:
            if not _holds(edge, value, scope):
                continue
            held = True
        chosen.append(edge)
        if node.node.route == "first":
            return chosen
    if not held and not (chosen and node.node.route == "first"):
        chosen += [edge for edge in edges if edge.kind == "otherwise"]
    return chosen


def _holds(edge: PlanEdge, value: Json, scope: Mapping[str, Json]) -> bool:
    if edge.when is None:
        return True
    try:
        return bool(edge.when.evaluate({**scope, "input": value}))
    except ExpressionError as error:
        raise RouteFailure(
            "condition",
            f"The condition on the wire to {edge.target} ({edge.when.source}) failed: {error}",
        ) from error


def _unrouted(node: PlanNode, port: str, edges: tuple[PlanEdge, ...], routes: Routes) -> None:
    """Nothing left this port: the fallback edge takes over, or the task fails."""
    tried = ", ".join(edge.when.source for edge in edges if edge.when is not None)
    if not node.fallback:
        raise RouteFailure(
            "unrouted",
            f"{node.node.title or node.key} produced {port}, but no wire took it "
            f"(tried: {tried or 'nothing'}). Add an otherwise wire.",
        )
    routes.degraded = f"no condition on {port} held (tried: {tried})"


def _use_fallback(node: PlanNode, asked: str, routes: Routes) -> None:
    if asked and not node.fallback:
        raise RouteFailure(
            "no_fallback",
            f"{node.node.title or node.key} asked for its fallback wire ({asked}), "
            "but it has none. Draw one.",
        )
    if asked or (routes.degraded and not routes.taken):
        routes.degraded = asked or routes.degraded
        routes.taken += node.fallback
    else:
        routes.degraded = ""
        routes.ruled_out += node.fallback


def _unknown_targets(
    node: PlanNode, ports: Mapping[str, Json], targets: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the targets that no wire leads to, where those are only warned about."""
    allowed = {edge.target for port in ports for edge in node.out.get(port, ())}
    unknown = tuple(target for target in targets if target not in allowed)
    if unknown and node.node.undeclared == "fail":
        raise RouteFailure(
            "undeclared_target",
            f"{node.node.title or node.key} wants to go to {', '.join(unknown)}, "
            "but no wire leads there. Draw the wire first.",
        )
    return unknown
