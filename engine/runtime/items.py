"""For each … Collect: how the items of a zone start, come later, end, fail and are enough."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from engine.events import ErrorInfo, ItemsDropped, TaskFailed
from engine.ids import NodeKey, Path, TaskId, scope_key, task_id
from engine.model.plan import PlanNode
from engine.runtime import collecting, rounds
from engine.runtime.area import Area
from engine.runtime.clearing import clear_item, drop_zone, forget_memory, give_back
from engine.runtime.limits import ItemLost, LimitHit
from engine.state.run_state import ItemState, Queued, Task, ValueRef, ZoneState

Json = Any

# --- a list -------------------------------------------------------------------------------------


def open_zone(work: Area, split: PlanNode, path: Path, given: Queued) -> None:
    """Start the items of a For each.

    A list that comes before the last one is done takes its turn.
    """
    check_size(work, split, len(work.value(given.items)))
    key = f"{split.key}@{scope_key(path)}"
    zone = work.zones.get(key)
    if zone is not None:
        work.zones.put(key, msgspec.structs.replace(zone, queued=(*zone.queued, given)))
        return
    _begin_zone(work, split, path, given, ())


def check_size(work: Area, split: PlanNode, size: int) -> None:
    """Raise `LimitHit` where a For each would have more items than it may."""
    cap = work.plan.workflow.settings.limits.items
    if size > cap:
        raise LimitHit(
            "items", cap, split.key, f"{split.key} has {size} items; the limit items is {cap}"
        )


def _begin_zone(
    work: Area,
    split: PlanNode,
    path: Path,
    given: Queued,
    queued: tuple[Queued, ...],
) -> None:
    key = f"{split.key}@{scope_key(path)}"
    total = len(work.value(given.items))
    zone = ZoneState(items=given.items, total=total, limit=given.limit, keyed=given.keyed)
    work.zones.put(key, msgspec.structs.replace(zone, queued=queued))
    if work.budget is not None and split.node.budget == "even":
        work.budget.open_shares(split, path, total)
    admit_items(work, split, path, key)
    begun = work.zones.get(key)
    if begun is not None and total and work.plan.nodes[split.pair or ""].raw.get("enough") == 0:
        finish(work, split, path, key, begun, "nobody waits for them")


# --- starting -----------------------------------------------------------------------------------


def admit_items(work: Area, split: PlanNode, path: Path, key: str) -> None:
    """Start items up to the limit; when none is left, all have ended and none can come, close."""
    zone = work.zones.get(key)
    while zone is not None and zone.active < zone.limit and zone.next < zone.size:
        index = zone.next
        item_path = (*path, (split.key, index, zone.total))
        # Counted before it goes on its ways: at once it may be done.
        zone = msgspec.structs.replace(zone, next=index + 1, active=zone.active + 1)
        error = _start_item(work, split, item_path, zone, index)
        if error is not None:
            work.items.put(f"{key}/{index}", ItemState(zone.done, None, error))
            zone = msgspec.structs.replace(zone, active=zone.active - 1, done=zone.done + 1)
    if zone is not None:
        work.zones.put(key, zone)
        if zone.done == zone.size and not zone.source:
            if zone.over:
                _drop(work, split, path, key, zone)
            else:
                _close_zone(work, split, path, key, zone)


def _start_item(work: Area, split: PlanNode, path: Path, zone: ZoneState, index: int) -> Json:
    """Send an item on its ways; return the error when there is no way for it."""
    if index >= zone.total:
        ref = work.grown.get(f"{split.key}@{scope_key(path[:-1])}/{index}") or ""
    elif "[" in zone.items:  # an item of an item has no name of its own: store it
        ref = f"{task_id(split.key, path)}.item"
        work.values[ref] = work.value(zone.items)[index]
    else:
        ref = f"{zone.items}[{index}]"
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


# --- ending -------------------------------------------------------------------------------------


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
        clear_item(work, split, path)
        _item_over(work, split, outer, key, zone, path, item=ItemState(zone.done, None, error))


def spoil_item(work: Area, zone_key: NodeKey, path: Path, error: Json) -> bool:
    """Let an item that has its result fail all the same, if Collect has not gone on.

    Returns:
        Whether the item has failed now.
    """
    key = f"{zone_key}@{scope_key(path[:-1])}"
    zone, name = work.zones.get(key), f"{key}/{path[-1][1]}"
    item = work.items.get(name)
    if zone is None or zone.over or item is None:
        return False
    work.items.put(name, ItemState(item.order, None, error))
    return True


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
    name = f"{key}/{path[-1][1]}"
    work.items.put(name, ItemState(item.order) if zone.over else item)
    if item.error is None and path[-1][1] >= zone.total and not zone.keyed:
        work.grown.drop(name)
    zone = msgspec.structs.replace(zone, active=zone.active - 1, done=zone.done + 1)
    work.zones.put(key, zone)
    scope = scope_key(path)
    for node in sorted(work.plan.zones[split.key].body & work.plan.kept):
        work.outputs.drop(f"{node}@{scope}")
    forget_memory(work, work.plan.zones[split.key].body, path)
    if work.budget is not None:
        work.budget.close_shares(path)
    collect = work.plan.nodes[split.pair or ""]
    if (
        not zone.over
        and collect.raw.get("enough") is not None
        and (zone.done < zone.size or zone.source)
    ):
        _look_whether_enough(work, split, collect, outer, key, zone)
    else:
        admit_items(work, split, outer, key)


def look_again(work: Area, changed: frozenset[str]) -> None:
    """Look whether zones have enough whose condition reads a channel that has changed."""
    for key in list(work.state.zones):
        zone, (name, _, scope) = work.zones.get(key), key.partition("@")
        split = work.plan.nodes[name]
        collect = work.plan.nodes[split.pair or ""]
        condition = collect.condition
        if zone is None or zone.over or split.role != "split" or condition is None:
            continue
        if condition.reads.channels & changed and (path := path_of(work, scope)) is not None:
            _look_whether_enough(work, split, collect, path, key, zone)


def path_of(work: Area, scope: str) -> Path | None:
    """Return the path of a scope, whose zones are all at work."""
    found: list[tuple[NodeKey, int, int]] = []
    for part in scope.split(",") if scope else ():
        name, _, index = part.rpartition(".")
        zone = work.zones.get(f"{name}@{scope_key(tuple(found))}")
        if zone is None:
            return None
        found.append((name, int(index), zone.total))
    return tuple(found)


def _look_whether_enough(
    work: Area, split: PlanNode, collect: PlanNode, outer: Path, key: str, zone: ZoneState
) -> None:
    """Close a zone when its results are enough."""
    ended = [work.items.get(f"{key}/{index}") for index in range(zone.next)]
    results = [work.value(item.value) for item in ended if item and item.value]
    broken: ErrorInfo | None = None
    try:
        if work.is_enough is None or not work.is_enough(collect, outer, results):
            admit_items(work, split, outer, key)
            return
    except ItemLost as lost:
        broken = lost.error
    task = finish(work, split, outer, key, zone, f"{collect.key} had enough")
    if broken is not None:
        work.broken = [each for each in work.broken if each[0] != task]
        work.broken.append((task, broken))


def finish(
    work: Area, split: PlanNode, outer: Path, key: str, zone: ZoneState, reason: str
) -> TaskId:
    """Let Collect go on with the results that there are; end the others, or leave them alone."""
    rest = rest_of(work, split)
    if rest == "all":
        left = msgspec.structs.replace(zone, over=True)
        task = _close_zone(work, split, outer, key, zone, left=left)
        admit_items(work, split, outer, key)  # a place has become free
        return task
    source = work.tasks.get(zone.source) if zone.source else None
    if source is not None:
        work.end(source, reason)
    zone = msgspec.structs.replace(zone, source=TaskId(""))
    if rest == "leave" and zone.active:
        unstarted = zone.size - zone.next
        left = msgspec.structs.replace(zone, over=True, next=zone.size, done=zone.done + unstarted)
        return _close_zone(work, split, outer, key, zone, left=left)
    _end_items(work, split, outer, key, zone, reason)
    return _close_zone(work, split, outer, key, zone)


def rest_of(work: Area, split: PlanNode) -> str:
    """Return what becomes of the items that Collect does not wait for."""
    rest = work.plan.nodes[split.pair or ""].node.params.get("rest")
    return str(rest or "cancel")


def _end_items(
    work: Area, split: PlanNode, outer: Path, key: str, zone: ZoneState, reason: str
) -> None:
    """Cancel whatever is at work on the items of a zone, and forget it."""
    size = len(outer)

    def inside(_: NodeKey, path: Path) -> bool:
        return len(path) > size and path[:size] == outer and path[size][0] == split.key

    for task in rounds.alive(work):
        if inside(task.node, task.path):
            work.end(task, reason)
    work.forget(inside)
    for index in range(zone.next):
        if work.items.get(f"{key}/{index}") is None:
            clear_item(work, split, (*outer, (split.key, index, zone.total)))


def abandon(work: Area, split: PlanNode, task: Task, reason: str) -> None:
    """End the zone that a task feeds, with all its items and without a result."""
    key = f"{split.key}@{scope_key(task.path)}"
    zone = work.zones.get(key)
    if zone is not None and zone.source == task.id:
        _end_items(work, split, task.path, key, zone, reason)
        _drop(work, split, task.path, key, zone)


def drop_items(work: Area, key: str, reason: str) -> None:
    """Start no more items of a zone: it ends with those that are under way."""
    zone, node = work.zones.get(key), key.partition("@")[0]
    if zone is None or work.plan.nodes[node].role != "split" or zone.next >= zone.size:
        return
    left = zone.size - zone.next
    work.events.append(ItemsDropped(zone=key, node=node, count=left, reason=reason))
    give_back(work, key, zone)
    work.zones.put(key, msgspec.structs.replace(zone, next=zone.size, done=zone.done + left))


def _close_zone(
    work: Area,
    split: PlanNode,
    path: Path,
    key: str,
    zone: ZoneState,
    *,
    left: ZoneState | None = None,
) -> TaskId:
    """Hand the results to Collect, in its order; `left` is what remains of the zone, if any."""
    collect = work.plan.nodes[split.pair or ""]
    ended = {i: item for i in range(zone.size) if (item := work.items.get(f"{key}/{i}"))}
    found = collecting.gather(
        collect, ended, work.value, key_of=partial(_key_of, work, key, zone) if zone.keyed else None
    )
    ref = f"{task_id(collect.key, path, work.next_visit(collect, path))}.items"
    work.values[ref] = found.values
    inputs = {"in": ((split.key, ref),)}
    if found.failed:
        work.values[f"{ref}.failed"] = [
            {"index": index, "item": _item(work, key, zone, index), "error": ended[index].error}
            for index in found.failed
        ]
        inputs["failed"] = ((split.key, f"{ref}.failed"),)
    if left is None:
        _drop(work, split, path, key, msgspec.structs.replace(zone, queued=()))
    else:
        for index, item in ended.items():
            work.items.put(f"{key}/{index}", ItemState(item.order))
        work.zones.put(key, left)
    task = work.create(collect, path, inputs)
    short = collecting.too_few(split, found)
    if short is not None:
        work.broken.append((task, short))
    if left is None and zone.queued:
        _begin_queued(work, split, path, zone)
    return task


def _key_of(work: Area, key: str, zone: ZoneState, index: int) -> str:
    """Return the key of an entry of an object; what was added later may have none."""
    item = _item(work, key, zone, index)
    return str(item["key"]) if isinstance(item, dict) and "key" in item else str(index)


def _item(work: Area, key: str, zone: ZoneState, index: int) -> Json:
    if index < zone.total:
        return work.value(zone.items)[index]
    ref = work.grown.get(f"{key}/{index}")
    return None if ref is None else work.value(ref)


def _drop(work: Area, split: PlanNode, path: Path, key: str, zone: ZoneState) -> None:
    drop_zone(work, key, zone)
    if zone.queued:
        _begin_queued(work, split, path, zone)


def _begin_queued(work: Area, split: PlanNode, path: Path, zone: ZoneState) -> None:
    first, *rest = zone.queued
    _begin_zone(work, split, path, first, tuple(rest))
