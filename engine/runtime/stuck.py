"""Joins that would wait for ever: told that nothing comes any more, or named."""

from __future__ import annotations

from functools import partial

from engine.events import Warned
from engine.model.plan import PlanNode
from engine.runtime import cycles
from engine.runtime.area import Area
from engine.runtime.joins import needs
from engine.state.run_state import JoinState, Token

_EMPTY = JoinState()


def rule_out_missing(work: Area) -> bool:
    """Nothing is alive: say to a join that what it still waits for will not come.

    Returns:
        Whether there was such a join. It may make others fire, so only the first in the
        order of the wires is told, in all its scopes.
    """
    waiting: dict[int, list[tuple[PlanNode, str]]] = {}
    for key in {**work.state.joins, **work.joins.changes}:
        join = work.joins.get(key)
        if join is not None and join.alive:
            node = work.plan.nodes[key.partition("@")[0]]
            waiting.setdefault(node.rank, []).append((node, key))
    # An edge out of a loop that still waits is ruled out when the loop has died.
    for through_loops in (False, True):
        for rank in sorted(waiting):
            told = [
                _tell(work, node, key, through_loops=through_loops) for node, key in waiting[rank]
            ]
            if any(told):
                return True
    return False


def _tell(work: Area, node: PlanNode, key: str, *, through_loops: bool) -> bool:
    scope = key.partition("@")[2]
    edges = [edge for port in node.in_ports for edge in port.edges if not port.upstream]
    if not edges:
        return False  # it is told by `rounds.fire_quiet`
    path = work.path_of_join(node, scope)
    if path is None:
        return False
    missing = [
        edge
        for edge in edges
        if not work.queue(scope, edge.id)
        and (through_loops or edge.leaves < 0 or not cycles.is_alive(work, edge, path))
    ]
    if missing:
        names = " and ".join(dict.fromkeys(edge.source for edge in missing))
        text = f"{node.key} goes on without {names}: nothing is left that could lead there"
        work.events.append(Warned(node=node.key, message=text))
        join = work.joins.get(key) or _EMPTY
        work.joins.put(key, JoinState(join.present, join.alive))
    for edge in missing:
        work.not_taken.append(edge.id)
        work.on_way.append((edge, Token(edge.id, path, skip=True)))
    return bool(missing)


def blocked(work: Area) -> list[str]:
    """Return what joins still wait for, in words, when nothing can move any more."""
    found: list[str] = []
    for key in {*work.state.joins, *work.joins.changes}:
        join = work.joins.get(key)
        if join is None or not join.alive:
            continue
        name, _, scope = key.partition("@")
        queues = partial(work.queue, scope)
        for port in work.plan.nodes[name].in_ports:
            missing = needs(port, queues)
            if missing:
                found.append(f"{name}.{port.name} waits for {' and '.join(missing)}")
    return sorted(found)
