"""What running again would do to the outside world. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.model.node_types import Registry
from engine.model.workflow import Node, Workflow
from engine.run_view import RunView

Sort = Literal["once", "idempotent", "asks"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A node ahead that touches the world, or asks a person.

    Attributes:
        sort: ``once`` cannot be taken back, ``idempotent`` may be repeated, ``asks`` is a
            barrier.
        ran: how often it ran in the original run after that moment.
    """

    node: str
    title: str
    sort: Sort
    ran: int


def sort_of(node: Node, registry: Registry) -> Sort | None:
    """What a node does to the world; None when it is nothing, or the node is off."""
    node_type = registry.get(node.type)
    if node.disabled or node_type is None:
        return None
    if node_type.role == "barrier":
        return "asks"
    effects = node.effects or node_type.effects(node.params)
    return None if effects == "none" else effects


def downstream(workflow: Workflow, start: Iterable[str]) -> set[str]:
    """The keys of `start` and of everything that can be reached from there."""
    onward: dict[str, list[str]] = {}
    for edge in workflow.edges:
        onward.setdefault(edge.source.node, []).append(edge.target.node)
    seen = set(start)
    pending = list(seen)
    while pending:
        for target in onward.get(pending.pop(), ()):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return seen


def effects_ahead(
    workflow: Workflow, registry: Registry, past: RunView, present: RunView | None
) -> list[Effect]:
    """What may happen again when a run goes on from `past`, in the order of the workflow.

    Args:
        workflow: The document that the run is pinned to.
        registry: The installed node types.
        past: The moment from which it would go on.
        present: The original run as it is now, to say what has happened already.
    """
    ahead = downstream(workflow, {entry.node for entry in past.frontier.values()})
    found: list[Effect] = []
    for key, node in workflow.nodes.items():
        sort = sort_of(node, registry) if key in ahead else None
        if sort is not None:
            ran = _runs(present, key) - _runs(past, key) if present is not None else 0
            found.append(Effect(key, node.title or key, sort, max(0, ran)))
    return found


def _runs(view: RunView, key: str) -> int:
    node = view.nodes.get(key)
    return node.done + node.failed if node is not None else 0


def grouped(effects: Iterable[Effect]) -> Mapping[Sort, list[Effect]]:
    """The effects by sort, the gravest first; sorts without any are left out."""
    groups: dict[Sort, list[Effect]] = {"once": [], "asks": [], "idempotent": []}
    for effect in effects:
        groups[effect.sort].append(effect)
    return {sort: members for sort, members in groups.items() if members}
