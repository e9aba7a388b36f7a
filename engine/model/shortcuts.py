"""Which values of a plan lead on without anything to decide or to wait for.

Most supersteps of most workflows are of this kind: one task has ended, its value goes along
unconditional edges, and every node at their ends starts at once. What such a commit does is
looked up here once per plan; `engine.runtime.quick` makes the commit of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.ids import NodeKey
from engine.model.plan import Plan, PlanEdge, PlanNode, Shortcut


def shortcuts_of(plan: Plan) -> Mapping[NodeKey, Mapping[str, Shortcut]]:
    """Return node to output port to its shortcut; ports without one are left out."""
    if plan.fleeting or plan.workflow.settings.meters:
        return {}  # every commit may clear a channel, or spend something
    if plan.has_quiet:
        return {}  # every commit may be the last one that such a join waits for
    found: dict[NodeKey, dict[str, Shortcut]] = {}
    for key, node in plan.nodes.items():
        reaches_out = node.type.sends or node.type.calls
        is_more = node.gated or node.cached or node.frames or node.processing
        if node.plain and not (node.role or is_more or reaches_out):
            ports = {port: _shortcut(plan, node, port) for port in node.out}
            ways = {port: way for port, way in ports.items() if way is not None}
            if ways:
                found[key] = ways
    return found


def _shortcut(plan: Plan, node: PlanNode, port: str) -> Shortcut | None:
    """Return what a value on this port alone does, or None when it is not that simple."""
    edges = node.out[port]
    targets = [plan.nodes[edge.target] for edge in edges]
    others = [edge for name, rest in node.out.items() if name != port for edge in rest]
    if (
        not edges
        or len({target.key for target in targets}) < len(targets)
        or not all(_starts(edge, target) for edge, target in zip(edges, targets, strict=True))
        or not _keeps_loops_alive(node, targets)
        or not all(edge.back or edge.leaves >= 0 for edge in others)
    ):
        return None
    return Shortcut(
        edges=tuple(edge.id for edge in edges),
        starts=tuple(
            (target, edge.target_port) for edge, target in zip(edges, targets, strict=True)
        ),
        exits=tuple((edge.id, edge.leaves) for edge in others if not edge.back),
    )


def _starts(edge: PlanEdge, target: PlanNode) -> bool:
    """Whether a value on the edge always starts its target, and does nothing else."""
    is_plain = target.role != "collect" and not target.gated
    return edge.leaves < 0 and (edge.back or target.simple) and is_plain and not target.frames


def _keeps_loops_alive(node: PlanNode, targets: list[PlanNode]) -> bool:
    """Whether every loop has as many tokens afterwards as it had before."""
    if not node.loops:
        return not any(target.loops for target in targets)
    return len(targets) == 1 and targets[0].loops == node.loops
