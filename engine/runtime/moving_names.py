"""What the parts of a run are called in an edited document (U99). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.ids import NodeKey, Path, scope_key
from engine.model.plan import Plan, PlanEdge


class Names:
    """The names of then and those of now.

    Attributes:
        keys: each node that is there still, to its key of now.
    """

    def __init__(self, old: Plan, new: Plan, names: Mapping[NodeKey, NodeKey]) -> None:
        self._old = old
        self._new = new
        self.keys = {
            key: names.get(key, key) for key in old.nodes if names.get(key, key) in new.nodes
        }

    def path(self, path: Path) -> Path | None:
        """Return a path in the names of now; None where one of its zones is gone."""
        found: list[tuple[NodeKey, int, int]] = []
        for zone, index, of in path:
            key = self.keys.get(zone)
            if key is None or self._new.nodes[key].role != self._old.nodes[zone].role:
                return None
            found.append((key, index, of))
        return tuple(found)

    def scope(self, scope: str) -> str | None:
        """Return a scope in the names of now; None where one of its zones is gone."""
        if not scope:
            return ""
        parts = [part.rpartition(".") for part in scope.split(",")]
        path = self.path(tuple((zone, int(index), 0) for zone, _, index in parts))
        return None if path is None else scope_key(path)

    def row(self, key: str) -> str | None:
        """Return a ``node@scope`` in the names of now."""
        node, _, scope = key.partition("@")
        inside = self.scope(scope)
        return None if node not in self.keys or inside is None else f"{self.keys[node]}@{inside}"

    def edge(self, edge_id: str) -> PlanEdge | None:
        """Return the wire of now that a wire has become."""
        edge = self._old.edges.get(edge_id)
        if edge is None or edge.source not in self.keys or edge.target not in self.keys:
            return None
        source, target = self.keys[edge.source], self.keys[edge.target]
        return self._new.edges.get(f"{source}.{edge.source_port}->{target}.{edge.target_port}")


def meaning(plan: Plan, key: NodeKey) -> Any:
    """Return what a node does, whatever it is called."""
    node = plan.nodes[key]
    return replace(node.node, key="", title=""), node.type.id, node.type.version


def ways(plan: Plan, key: NodeKey) -> set[tuple[Any, ...]]:
    """Return what leads on from a node: target, ports, condition, kind and priority."""
    return {
        (e.target.node, e.source.port, e.target.port, e.when, e.kind, e.priority)
        for e in plan.workflow.edges
        if e.source.node == key
    }
