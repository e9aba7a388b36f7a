"""Loop … Until: rounds one after the other, each with the result of the last (U52).

A round is a scope like an item of a For each: its tokens, joins and outputs are its own, and
when it ends nothing of it is left. Loop runs once, and Until once in every round; what they
decide is in their outputs, so that a replay decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.ids import Path, scope_key
from engine.model.node_types import Output
from engine.model.plan import PlanNode
from engine.runtime import rounds
from engine.runtime.items import send_in
from engine.runtime.limits import LimitHit
from engine.runtime.transition import Transition
from engine.state.run_state import Queued, Task, ValueRef, ZoneState

Json = Any


# --- what the two nodes compute -------------------------------------------------------------


def begin(node: PlanNode, params: Any, value: Json, scope: Mapping[str, Json]) -> Output:
    """Return what Loop decides: the number of rounds, and whether there is a first one."""
    count = params.count
    go = count != 0 and _holds(node, value, scope, 0, -1 if count is None else count)
    return Output({"round": value, "of": -1 if count is None else count, "go": go})


def turn(node: PlanNode, params: Any, value: Json, scope: Mapping[str, Json]) -> Output:
    """Return what Until decides at the end of a round: whether there is another one."""
    index, of = scope["loop"]["index"] + 1, scope["loop"]["of"]
    enough = bool(params.condition) or 0 <= of <= index
    go = not enough and _holds(node, value, scope, index, of)
    return Output({"out": value, "go": go})


def _holds(node: PlanNode, value: Json, scope: Mapping[str, Json], index: int, of: int) -> bool:
    if node.condition is None:
        return True
    loop = {"index": index, "of": of, "item": value}
    return bool(node.condition.evaluate({**scope, "input": value, "loop": loop}))


# --- what a commit does ---------------------------------------------------------------------


def start(work: Transition, loop: PlanNode, task: Task, ref: ValueRef, of: int, *, go: bool) -> str:
    """Begin the rounds of a Loop that has finished.

    Returns:
        The key of the Until whose way out the value takes at once, when there is no round.
    """
    work.finish(task)
    for edge in loop.out.get("error", ()):
        work.rule_out(edge, task.path)
    if not go:
        return loop.pair or ""
    key = f"{loop.key}@{scope_key(task.path)}"
    open_zone = work.zones.get(key)
    if open_zone is not None:  # the last one is not done: this one takes its turn
        queued = (*open_zone.queued, Queued(ref, of))
        work.zones.put(key, msgspec.structs.replace(open_zone, queued=queued))
        return ""
    work.zones.put(key, ZoneState(items=ref, total=of, next=1, active=1, rounds=True))
    send_in(work, loop, (*task.path, (loop.key, 0, of)), ref)
    return ""


def end_round(work: Transition, until: PlanNode, task: Task, ref: ValueRef, *, go: bool) -> bool:
    """End a round, with whatever still runs in it, and begin the next if there is one.

    Returns:
        Whether the loop is over: its result takes the way out of Until.
    """
    loop = work.plan.nodes[until.pair or ""]
    outer = task.path[:-1]
    key = f"{loop.key}@{scope_key(outer)}"
    _, index, of = task.path[-1]
    zone = work.zones.get(key)
    work.finish(task)
    _clear(work, loop, until, task.path)
    if zone is None:
        return False
    if not go:
        _close(work, loop, outer, key, zone)
        return True
    limit = work.plan.workflow.settings.limits.visits
    if index + 1 >= limit:
        text = (
            f"{loop.node.title or loop.key} made {limit} rounds; raise the limit visits "
            "in the workflow's settings if that is meant"
        )
        raise LimitHit("visits", limit, loop.key, text)
    work.zones.put(key, msgspec.structs.replace(zone, items=ref, next=index + 2))
    send_in(work, loop, (*outer, (loop.key, index + 1, of)), ref)
    return False


def give_up(work: Transition, until: PlanNode, task: Task) -> None:
    """End a loop whose Until has failed."""
    loop = work.plan.nodes[until.pair or ""]
    outer = task.path[:-1]
    key = f"{loop.key}@{scope_key(outer)}"
    zone = work.zones.get(key)
    _clear(work, loop, until, task.path)
    if zone is not None:
        _close(work, loop, outer, key, zone)


def _close(work: Transition, loop: PlanNode, outer: Path, key: str, zone: ZoneState) -> None:
    work.zones.drop(key)
    if zone.queued:
        first, *rest = zone.queued
        ref, of = first.items, first.limit
        new = ZoneState(items=ref, total=of, next=1, active=1, queued=tuple(rest), rounds=True)
        work.zones.put(key, new)
        send_in(work, loop, (*outer, (loop.key, 0, of)), ref)


def _clear(work: Transition, loop: PlanNode, until: PlanNode, path: Path) -> None:
    """Forget a round: its joins and outputs, and what a join did not wait for."""
    body = work.plan.zones[loop.key].body
    for task in rounds.alive(work):
        if rounds.within(task.path, path):
            work.end(task, "its round has ended")
    work.forget(lambda _, where: rounds.within(where, path))
    work.clear_nodes(body | {until.key}, path)
