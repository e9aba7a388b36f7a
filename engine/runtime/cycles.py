"""Wires that go round: whether a loop is still alive, and its exits ruled out when it has died."""

from __future__ import annotations

from engine.ids import Path, scope_key
from engine.model.plan import PlanEdge, PlanNode
from engine.runtime import framed
from engine.runtime.area import Area
from engine.state.run_state import CycleState


def _key(work: Area, index: int, path: Path) -> str:
    return f"{index}@{scope_key(work.plan.loop_scope(index, path))}"


def count(work: Area, node: PlanNode, path: Path, change: int) -> None:
    """Count the tokens and tasks in the loops that a node is in: so many more, or fewer."""
    if not change:
        return
    if node.frames:
        framed.count(work, node, path, change)
    for index in node.loops:
        key = _key(work, index, path)
        cycle = work.cycles.get(key) or CycleState()
        _keep(work, key, CycleState(cycle.live + change, cycle.taken, cycle.held))
        work.loops_touched[key] = work.plan.loop_scope(index, path)


def mark_exit(work: Area, edge: PlanEdge, path: Path, *, taken: bool) -> None:
    """Note that a wire out of a loop was taken, or hold back that it was not."""
    key = _key(work, edge.leaves, path)
    cycle = work.cycles.get(key) or CycleState()
    gone = (*cycle.taken, edge.id) if taken and edge.id not in cycle.taken else cycle.taken
    held = cycle.held
    if not taken and edge.id not in held:
        held = (*held, edge.id)
    _keep(work, key, CycleState(cycle.live, gone, held))
    work.loops_touched[key] = work.plan.loop_scope(edge.leaves, path)


def _keep(work: Area, key: str, cycle: CycleState) -> None:
    """Write the row of a loop, unless it is again what it was before this commit."""
    if cycle == work.state.cycles.get(key):
        work.cycles.changes.pop(key, None)
    else:
        work.cycles.put(key, cycle)


def release_dead(work: Area) -> bool:
    """Rule out the exits of loops that have died without taking them."""
    released = False
    for key, path in list(work.loops_touched.items()):
        cycle = work.cycles.get(key)
        del work.loops_touched[key]
        if cycle is None or cycle.live > 0:
            continue
        work.cycles.drop(key)
        for edge_id in cycle.held:
            if edge_id not in cycle.taken:
                work.put_skip(work.plan.edges[edge_id], path)
                released = True
    return released


def is_alive(work: Area, edge: PlanEdge, path: Path) -> bool:
    """Return whether something is still under way in the loop that a wire leaves."""
    cycle = work.cycles.get(_key(work, edge.leaves, path))
    return cycle is not None and cycle.live > 0
