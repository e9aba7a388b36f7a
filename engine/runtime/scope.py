"""The names that expressions see: `input nodes state vars env run loop now`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.ids import Path
from engine.model.plan import Plan, PlanNode
from engine.state.run_state import RunState, Task

Json = Any


def input_of(plan_node: PlanNode, inputs: Mapping[str, Json]) -> Json:
    """Return what the name `input` means: the value of port ``in``, or of the only port."""
    if "in" in inputs:
        return inputs["in"]
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return dict(inputs) if inputs else None


def inputs_of(plan_node: PlanNode, task: Task, state: RunState) -> dict[str, Json]:
    """Return the value of each input port of a task.

    One value is that value; several are a mapping from source node to value, and on a
    port with an explicit join policy it is always the mapping.
    """
    result: dict[str, Json] = {}
    value, mapped = state.value, plan_node.mapped
    for port, pairs in task.inputs.items():
        if len(pairs) == 1 and port not in mapped:
            result[port] = value(pairs[0][1])
        else:
            result[port] = {source: value(ref) for source, ref in pairs}
    return result


def loop_of(path: Path, state: RunState) -> dict[str, Json]:
    """Return `loop`: index, number and item of the innermost zone; empty outside.

    In a Loop the item is the value that the round began with, the number -1 if not known.
    """
    if not path:
        return {}
    zone_key, index, total = path[-1]
    key = zone_key + "@" + ",".join(f"{name}.{number}" for name, number, _ in path[:-1])
    zone = state.zones.get(key)
    if zone is None:
        item = None
    elif zone.rounds:
        item = state.value(zone.items)
    else:
        item = state.item(key, index)
    return {"index": index, "of": total, "item": item}


class LazyScope(dict[str, Json]):
    """A scope whose costly names are made when they are first asked for."""

    __slots__ = ("_makers",)

    def __init__(self, eager: Mapping[str, Json], makers: Mapping[str, Any]) -> None:
        super().__init__(eager)
        self._makers = dict(makers)

    def __missing__(self, name: str) -> Json:
        value = self._makers[name]()
        self[name] = value
        return value


def task_scope(
    plan: Plan,
    plan_node: PlanNode,
    task: Task,
    state: RunState,
    run: Mapping[str, Json],
    value: Json,
) -> dict[str, Json]:
    """Return the scope of a task: the state of the commit that made it ready.

    Only the channels and outputs that it declares are in it; a channel that has changed
    since is there with its old value.
    """
    channels = state.channels
    visible = {name: channels[name] for name in plan_node.reads if name in channels}
    if task.pinned:
        visible.update(task.pinned)
    return {
        "input": value,
        "nodes": {name: state.value(ref) for name, ref in task.nodes.items()},
        "state": visible,
        "vars": plan.workflow.settings.vars,
        "env": plan.env,
        "run": run,
        "loop": loop_of(task.path, state),
        "now": datetime.fromtimestamp(task.now, UTC),
    }
