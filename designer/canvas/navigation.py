"""Where the keys lead: the nearest node in a direction, along wires, up- and downstream. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from PySide6.QtCore import QPointF, QRectF

from engine.model.workflow import Workflow


class Direction(Enum):
    """Of an arrow key, as a step to the right and down."""

    LEFT = (-1, 0)
    RIGHT = (1, 0)
    UP = (0, -1)
    DOWN = (0, 1)


#: A node to the side counts as this much further away than one straight ahead.
_ASIDE = 2.5


def nearest(bodies: Mapping[str, QRectF], start: str, direction: Direction) -> str | None:
    """The node that the arrow key goes to from `start`; None when there is none that way."""
    here = bodies[start].center()
    dx, dy = direction.value
    best: tuple[float, str] | None = None
    for key, body in bodies.items():
        if key == start:
            continue
        offset = body.center() - here
        ahead = offset.x() * dx + offset.y() * dy
        aside = abs(offset.x() * dy) + abs(offset.y() * dx)
        # Within a right angle around the arrow, or straight in its column or row.
        if ahead <= 4 or aside > 3 * ahead:
            continue
        distance = ahead + _ASIDE * aside
        if best is None or (distance, key) < best:
            best = distance, key
    return best[1] if best else None


def closest_to(bodies: Mapping[str, QRectF], point: QPointF) -> str | None:
    """The node whose middle is nearest to `point`."""

    def distance(key: str) -> tuple[float, str]:
        offset = bodies[key].center() - point
        return offset.x() ** 2 + offset.y() ** 2, key

    return min(bodies, key=distance, default=None)


def along(
    workflow: Workflow, bodies: Mapping[str, QRectF], start: str, direction: Direction
) -> tuple[str, ...]:
    """The nodes that a wire from `start` leads to in a direction, from top to bottom.

    Right follows outputs, left inputs; up and down go through the siblings: the nodes that
    share a source or a target with `start`.
    """
    if direction is Direction.RIGHT:
        found = {edge.target.node for edge in workflow.edges if edge.source.node == start}
    elif direction is Direction.LEFT:
        found = {edge.source.node for edge in workflow.edges if edge.target.node == start}
    else:
        return _sibling(workflow, bodies, start, direction)
    found.discard(start)
    return tuple(sorted((key for key in found if key in bodies), key=lambda key: bodies[key].y()))


def _sibling(
    workflow: Workflow, bodies: Mapping[str, QRectF], start: str, direction: Direction
) -> tuple[str, ...]:
    sources = {edge.source.node for edge in workflow.edges if edge.target.node == start}
    targets = {edge.target.node for edge in workflow.edges if edge.source.node == start}
    siblings = {edge.target.node for edge in workflow.edges if edge.source.node in sources}
    siblings |= {edge.source.node for edge in workflow.edges if edge.target.node in targets}
    siblings &= bodies.keys()
    order = sorted(siblings | {start}, key=lambda key: (bodies[key].y(), bodies[key].x(), key))
    at = order.index(start) + (1 if direction is Direction.DOWN else -1)
    return (order[at],) if 0 <= at < len(order) else ()


def reachable(workflow: Workflow, starts: Iterable[str], *, downstream: bool) -> frozenset[str]:
    """Everything that lies after (or before) the nodes, with them."""
    follow: dict[str, list[str]] = {}
    for edge in workflow.edges:
        tail, head = edge.source.node, edge.target.node
        follow.setdefault(tail if downstream else head, []).append(head if downstream else tail)
    return _closure(follow, starts)


def component(workflow: Workflow, starts: Iterable[str]) -> frozenset[str]:
    """Everything that is connected with the nodes in any way, with them."""
    follow: dict[str, list[str]] = {}
    for edge in workflow.edges:
        follow.setdefault(edge.source.node, []).append(edge.target.node)
        follow.setdefault(edge.target.node, []).append(edge.source.node)
    return _closure(follow, starts)


def _closure(follow: Mapping[str, list[str]], starts: Iterable[str]) -> frozenset[str]:
    seen = set(starts)
    queue = list(seen)
    while queue:
        for key in follow.get(queue.pop(), ()):
            if key not in seen:
                seen.add(key)
                queue.append(key)
    return frozenset(seen)
