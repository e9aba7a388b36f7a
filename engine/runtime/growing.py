"""For each: items that come while it is at work: of a stream, of a node inside, of a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.events import ItemsAdded, ItemsFinished
from engine.ids import NodeKey, Path, TaskId, scope_key
from engine.model.plan import PlanNode
from engine.runtime.area import Area
from engine.runtime.items import (
    admit_items,
    check_size,
    drop_items,
    finish,
    open_zone,
    path_of,
    rest_of,
)
from engine.state.run_state import Queued, Task, ZoneState

Json = Any


def feed(
    work: Area,
    split: PlanNode,
    task: Task,
    values: Sequence[Json],
    *,
    limit: int,
    position: Json,
) -> None:
    """Add what a stream has brought to the zone that its task feeds; the first opens it."""
    key = f"{split.key}@{scope_key(task.path)}"
    zone = work.zones.get(key)
    if zone is None:
        zone = ZoneState(items="", total=-1, limit=limit, source=task.id)
    work.zones.put(key, msgspec.structs.replace(zone, position=position))
    _grow(work, split, task.path, task.id, values, limit=limit, position=position)


def end_stream(work: Area, split: PlanNode, task: Task, limit: int) -> None:
    """Nothing more comes from the stream of a task: its zone ends with its items."""
    key = f"{split.key}@{scope_key(task.path)}"
    zone = work.zones.get(key)
    if zone is not None and zone.source == task.id:
        work.zones.put(key, msgspec.structs.replace(zone, source=TaskId("")))
        admit_items(work, split, task.path, key)
        return
    ref = f"{task.id}.none"  # it has brought nothing: an empty list
    work.values[ref] = []
    open_zone(work, split, task.path, Queued(ref, limit))


def add_from_inside(work: Area, task: Task, values: Sequence[Json]) -> None:
    """Add items to the innermost For each around a task; its own item is not done yet."""
    depth = innermost(work, task.path)
    split = work.plan.nodes[task.path[depth][0]]
    _grow(work, split, task.path[:depth], task.id, values)


def at_work(work: Area, node: NodeKey, within: str) -> list[tuple[Path, str, ZoneState]]:
    """Return the zones of a For each that wait for their items, in one item or in any.

    Each with its path and its key.
    """
    found: list[tuple[Path, str, ZoneState]] = []
    split = work.plan.nodes.get(node)
    for key in list(work.state.zones) if split is not None and split.role == "split" else ():
        zone, (name, _, scope) = work.zones.get(key), key.partition("@")
        if name != node or zone is None or zone.over or (within and scope != within):
            continue
        path = path_of(work, scope)
        if path is not None:
            found.append((path, key, zone))
    return found


def add_by_hand(work: Area, split: PlanNode, path: Path, values: Sequence[Json]) -> None:
    """Add items that a person brings to a zone."""
    _grow(work, split, path, TaskId(""), values)


def finish_by_hand(
    work: Area, split: PlanNode, path: Path, key: str, zone: ZoneState, reason: str
) -> None:
    """Let Collect go on because a person says so."""
    ended = [work.items.get(f"{key}/{index}") for index in range(zone.next)]
    results = sum(1 for item in ended if item is not None and item.value)
    work.events.append(ItemsFinished(zone=key, node=split.key, results=results, reason=reason))
    finish(work, split, path, key, zone, reason)


def innermost(work: Area, path: Path) -> int:
    """Return where in a path the innermost For each is, or -1."""
    nodes = work.plan.nodes
    return next((n for n in reversed(range(len(path))) if nodes[path[n][0]].role == "split"), -1)


def _grow(
    work: Area,
    split: PlanNode,
    path: Path,
    task: TaskId,
    values: Sequence[Json],
    *,
    limit: int = 0,
    position: Json = None,
) -> None:
    key = f"{split.key}@{scope_key(path)}"
    zone = work.zones.get(key)
    if zone is None or not values:
        return
    check_size(work, split, zone.size + len(values))
    name = f"{task or key}.more{zone.size}"
    work.values[name] = list(values)
    for place in range(len(values)):
        work.grown.put(f"{key}/{zone.size + place}", f"{name}[{place}]")
    work.events.append(
        ItemsAdded(
            task=task,
            node=split.key,
            zone=key,
            count=len(values),
            values=name,
            limit=limit,
            position=position,
        )
    )
    work.zones.put(key, msgspec.structs.replace(zone, added=zone.added + len(values)))
    if zone.over and rest_of(work, split) == "leave":
        drop_items(work, key, "Collect has gone on")
        return
    admit_items(work, split, path, key)


def room(zone: ZoneState | None, task: TaskId, limit: int) -> int:
    """Return how many items the task that feeds a zone may add now: none to that of another."""
    if zone is None:
        return limit
    if zone.source != task:
        return 0
    return max(0, zone.limit - (zone.size - zone.done))
