"""Forgets what is kept of nodes in scopes that are over: joins, outputs, memory, inner zones."""

from __future__ import annotations

from engine.ids import NodeKey, Path, scope_key
from engine.model.plan import PlanNode
from engine.runtime import delivery, frames
from engine.runtime.area import Area
from engine.state.run_state import ZoneState


def forget_memory(work: Area, nodes: frozenset[NodeKey], path: Path) -> None:
    """Drop what nodes remember of a scope that is over: their memory, and their gates."""
    if work.state.memory or "memory" in work.touched:
        for key in sorted(nodes):
            work.memory.drop(work.plan.memory_key(key, path))
    for key in sorted(work.plan.gated & nodes) if work.plan.gated else ():
        work.gates.drop(work.plan.memory_key(key, path))


def clear_item(work: Area, split: PlanNode, path: Path) -> None:
    """Remove the joins, zones and loops that belong to one item, nested ones too."""
    zone = work.plan.zones[split.key]
    delivery.clear_join(work, work.plan.nodes[zone.collect], path, scope_key(path))
    forget_memory(work, zone.body, path)
    if work.budget is not None:
        work.budget.close_shares(path)
    clear_nodes(work, zone.body, path)


def clear_nodes(work: Area, nodes: frozenset[NodeKey], path: Path) -> None:
    """Remove what is kept of these nodes in one scope and in the scopes inside it."""
    scope = scope_key(path)
    for key in sorted(nodes):
        node = work.plan.nodes[key]
        if node.depth == len(path):
            delivery.clear_join(work, node, path, scope)
            work.outputs.drop(f"{key}@{scope}")
            _clear_zone(work, node, path, f"{key}@{scope}")
    if work.plan.frames:
        frames.forget(work, nodes, path)
    for loop in work.plan.loops:
        if loop.depth == len(path) and loop.header in nodes:
            work.cycles.drop(f"{loop.index}@{scope}")


def _clear_zone(work: Area, split: PlanNode, path: Path, key: str) -> None:
    zone = work.zones.get(key)
    if zone is None:
        return
    for index in range(zone.next - 1 if zone.rounds else 0, zone.next):
        if work.items.get(f"{key}/{index}") is None:
            clear_item(work, split, (*path, (split.key, index, zone.total)))
    drop_zone(work, key, zone)


def drop_zone(work: Area, key: str, zone: ZoneState) -> None:
    """Remove a zone with what is kept of its items: how they ended, and those added later."""
    give_back(work, key, zone)
    for index in range(zone.size if not zone.rounds else zone.next):
        if work.items.get(f"{key}/{index}") is not None:
            work.items.drop(f"{key}/{index}")
    for index in range(max(zone.total, 0), zone.size) if zone.added else ():
        work.grown.drop(f"{key}/{index}")
    work.zones.drop(key)


def give_back(work: Area, key: str, zone: ZoneState) -> None:
    """Give back the shares of items that will not start."""
    if work.budget is None or zone.rounds:
        return
    node, _, scope = key.partition("@")
    parts = [part.rpartition(".") for part in scope.split(",") if part]
    outer: Path = tuple((zone_key, int(index), 0) for zone_key, _, index in parts)
    for index in range(zone.next, zone.size):
        work.budget.close_shares((*outer, (node, index, zone.total)))
