"""For each … Collect: how the items of a zone start, end, fail and are enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.events import ErrorInfo, ItemsDropped, TaskFailed
from engine.ids import NodeKey, Path, TaskId, scope_key, task_id
from engine.model.plan import PlanNode
from engine.runtime import delivery, rounds
from engine.runtime.area import Area
from engine.runtime.limits import ItemLost, LimitHit
from engine.state.run_state import ItemState, ValueRef, ZoneState

Json = Any


def open_zone(work: Area, split: PlanNode, path: Path, items: ValueRef, limit: int) -> None:
    """Start the items of a For each, at most `limit` at once.

    A list that comes before the last one is done takes its turn.
    """
    total = len(work.value(items))
    cap = work.plan.workflow.settings.limits.items
    if total > cap:
        raise LimitHit(
            "items", cap, split.key, f"{split.key} has {total} items; the limit items is {cap}"
        )
    key = f"{split.key}@{scope_key(path)}"
    zone = work.zones.get(key)
    if zone is not None:
        work.zones.put(key, msgspec.structs.replace(zone, queued=(*zone.queued, (items, limit))))
        return
    _begin_zone(work, split, path, items, limit, ())


def _begin_zone(
    work: Area,
    split: PlanNode,
    path: Path,
    items: ValueRef,
    limit: int,
    queued: tuple[tuple[ValueRef, int], ...],
) -> None:
    key = f"{split.key}@{scope_key(path)}"
    total = len(work.value(items))
    work.zones.put(key, ZoneState(items=items, total=total, queued=queued))
    if work.budget is not None and split.node.budget == "even":
        work.budget.open_shares(split, path, total)
    _admit_items(work, split, path, key, min(limit, total))


def _admit_items(work: Area, split: PlanNode, path: Path, key: str, count: int) -> None:
    """Start so many items more; when none is left and all have ended, close the zone."""
    zone = work.zones.get(key)
    while zone is not None and count and zone.next < zone.total:
        index = zone.next
        item_path = (*path, (split.key, index, zone.total))
        error = _start_item(work, split, item_path, zone, index)
        if error is None:
            zone = msgspec.structs.replace(zone, next=index + 1, active=zone.active + 1)
            count -= 1
        else:
            work.items.put(f"{key}/{index}", ItemState(zone.done, None, error))
            zone = msgspec.structs.replace(zone, next=index + 1, done=zone.done + 1)
    if zone is not None:
        work.zones.put(key, zone)
        if zone.done == zone.total:
            _close_zone(work, split, path, key, zone)


def _start_item(work: Area, split: PlanNode, path: Path, zone: ZoneState, index: int) -> Json:
    """Send an item on its ways; return the error when there is no way for it."""
    ref = f"{zone.items}[{index}]" if "[" not in zone.items else ""
    if not ref:  # an item of an item has no name of its own: store it
        ref = f"{task_id(split.key, path)}.item"
        work.values[ref] = work.value(zone.items)[index]
    try:
        send_in(work, split, path, ref)
    except ItemLost as lost:
        if lost.stops:
            raise
        task = task_id(split.key, path)
        work.events.append(
            TaskFailed(task=task, node=split.key, error=lost.error, duration_s=0.0, handled="item")
        )
        return msgspec.to_builtins(lost.error)
    return None


def send_in(work: Area, split: PlanNode, path: Path, ref: ValueRef) -> None:
    """Send an item, or the value of a round, on its ways into the zone.

    Raises:
        ItemLost: there is no way for it.
    """
    if split.plain or work.route_item is None:
        for port, edges in split.out.items():
            for edge in edges if port != "error" else ():
                work.send(edge, path, ref)
        return
    routes = work.route_item(split, path, work.value(ref))
    for edge in routes.taken:
        work.send(edge, path, ref)
    for edge in routes.ruled_out:
        work.rule_out(edge, path)


def item_done(work: Area, collect: PlanNode, path: Path, ref: ValueRef | None) -> None:
    """End an item of a zone with its result, if it has none yet."""
    split = work.plan.nodes[collect.pair or ""]
    outer = path[:-1]
    key = f"{split.key}@{scope_key(outer)}"
    zone = work.zones.get(key)
    if zone is None or work.items.get(f"{key}/{path[-1][1]}") is not None:
        return  # it has its result already
    _item_over(work, split, outer, key, zone, path, item=ItemState(zone.done, ref))


def fail_item(work: Area, zone_key: NodeKey, path: Path, error: Json) -> None:
    """Record that one item of a zone failed, and drop what is left of it."""
    split = work.plan.nodes[zone_key]
    outer = path[:-1]
    key = f"{zone_key}@{scope_key(outer)}"
    zone = work.zones.get(key)
    if zone is None:
        return
    if work.items.get(f"{key}/{path[-1][1]}") is None:
        _clear_item(work, split, path)
        _item_over(work, split, outer, key, zone, path, item=ItemState(zone.done, None, error))


def one_value(
    work: Area,
    collect: PlanNode,
    path: Path,
    inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
) -> ValueRef:
    """Return the result of an item: its value, or a mapping when several arrived."""
    pairs = next(iter(inputs.values()))
    if len(pairs) == 1:
        return pairs[0][1]
    ref = f"{task_id(collect.key, path)}.in"
    work.values[ref] = {source: work.value(value) for source, value in pairs}
    return ref


def _item_over(
    work: Area,
    split: PlanNode,
    outer: Path,
    key: str,
    zone: ZoneState,
    path: Path,
    *,
    item: ItemState,
) -> None:
    work.items.put(f"{key}/{path[-1][1]}", item)
    zone = msgspec.structs.replace(zone, active=zone.active - 1, done=zone.done + 1)
    work.zones.put(key, zone)
    scope = scope_key(path)
    for node in sorted(work.plan.zones[split.key].body & work.plan.kept):
        work.outputs.drop(f"{node}@{scope}")
    forget_memory(work, work.plan.zones[split.key].body, path)
    if work.budget is not None:
        work.budget.close_shares(path)
    collect = work.plan.nodes[split.pair or ""]
    if collect.raw.get("enough") is not None and zone.done < zone.total:
        _look_whether_enough(work, split, collect, outer, key, zone)
    else:
        _admit_items(work, split, outer, key, 1)


def _look_whether_enough(
    work: Area, split: PlanNode, collect: PlanNode, outer: Path, key: str, zone: ZoneState
) -> None:
    """Close a zone when its results are enough, and end its other items."""
    ended = [work.items.get(f"{key}/{index}") for index in range(zone.next)]
    results = [work.value(item.value) for item in ended if item and item.value]
    broken: ErrorInfo | None = None
    try:
        if work.is_enough is None or not work.is_enough(collect, outer, results):
            _admit_items(work, split, outer, key, 1)
            return
    except ItemLost as lost:
        broken = lost.error
    size = len(outer)

    def inside(_: NodeKey, path: Path) -> bool:
        return len(path) > size and path[:size] == outer and path[size][0] == split.key

    for task in rounds.alive(work):
        if inside(task.node, task.path):
            work.end(task, f"{collect.key} had enough")
    work.forget(inside)
    for index, item in enumerate(ended):
        if item is None:
            _clear_item(work, split, (*outer, (split.key, index, zone.total)))
    task_id = _close_zone(work, split, outer, key, zone)
    if broken is not None:
        work.broken.append((task_id, broken))


def drop_items(work: Area, key: str, reason: str) -> None:
    """Start no more items of a zone: it ends with those that are under way."""
    zone, node = work.zones.get(key), key.partition("@")[0]
    if zone is None or work.plan.nodes[node].role != "split" or zone.next >= zone.total:
        return
    left = zone.total - zone.next
    work.events.append(ItemsDropped(zone=key, node=node, count=left, reason=reason))
    work.zones.put(key, msgspec.structs.replace(zone, next=zone.total, done=zone.done + left))


def forget_memory(work: Area, nodes: frozenset[NodeKey], path: Path) -> None:
    """Drop what nodes remember of a scope that is over: their memory, and their gates."""
    if work.state.memory or "memory" in work.touched:
        for key in sorted(nodes):
            work.memory.drop(work.plan.memory_key(key, path))
    for key in sorted(work.plan.gated & nodes) if work.plan.gated else ():
        work.gates.drop(work.plan.memory_key(key, path))


def _clear_item(work: Area, split: PlanNode, path: Path) -> None:
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
    for loop in work.plan.loops:
        if loop.depth == len(path) and loop.header in nodes:
            work.cycles.drop(f"{loop.index}@{scope}")


def _clear_zone(work: Area, split: PlanNode, path: Path, key: str) -> None:
    zone = work.zones.get(key)
    if zone is None:
        return
    for index in range(zone.next - 1 if zone.rounds else 0, zone.next):
        if work.items.get(f"{key}/{index}") is not None:
            work.items.drop(f"{key}/{index}")
        else:
            _clear_item(work, split, (*path, (split.key, index, zone.total)))
    work.zones.drop(key)


def _close_zone(work: Area, split: PlanNode, path: Path, key: str, zone: ZoneState) -> TaskId:
    """All items have ended: hand their results to Collect, in its order."""
    collect = work.plan.nodes[split.pair or ""]
    ended = {i: item for i in range(zone.total) if (item := work.items.get(f"{key}/{i}"))}
    for index in ended:
        work.items.drop(f"{key}/{index}")
    work.zones.drop(key)
    params = collect.node.params
    order = list(ended)
    if params.get("order") == "arrival":
        order.sort(key=lambda index: ended[index].order)
    keep_gaps = params.get("skipped") == "null"
    values: list[Json] = []
    for index in order:
        ref = ended[index].value
        if ref is not None:
            values.append(work.value(ref))
        elif keep_gaps:
            values.append(None)
    ref = f"{task_id(collect.key, path, work.next_visit(collect, path))}.items"
    work.values[ref] = values
    inputs = {"in": ((split.key, ref),)}
    failures = [
        {"index": index, "item": work.value(zone.items)[index], "error": ended[index].error}
        for index in order
        if ended[index].error is not None
    ]
    if failures:
        work.values[f"{ref}.failed"] = failures
        inputs["failed"] = ((split.key, f"{ref}.failed"),)
    task = work.create(collect, path, inputs)
    if zone.queued:
        (items, limit), *rest = zone.queued
        _begin_zone(work, split, path, items, limit, tuple(rest))
    return task
