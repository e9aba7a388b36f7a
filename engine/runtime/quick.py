"""The commit that most supersteps are, made straight away.

One task has ended with a value whose way is known (`engine.model.shortcuts`). The result is
the very commit that `superstep.commit` makes of the same outcome, at a third of its cost;
whatever is not as simple as that is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.events import SuperstepCommitted, TaskFinished, TaskReady
from engine.ids import NodeKey, Path, scope_key, task_id
from engine.model.plan import Plan, PlanNode, Shortcut
from engine.runtime.merging import WriteConflict, merge_writes
from engine.runtime.outcome import Outcome
from engine.runtime.superstep import Step
from engine.state.channels import ChannelSpecs
from engine.state.run_state import EMPTY, NOTHING, Moves, RunState, Task, ValueRef
from engine.state.status import RunStatus
from engine.state.writes import ChannelOp, Written, changed_by

Json = Any


def quick_step(
    plan: Plan, state: RunState, outcome: Outcome, specs: ChannelSpecs, *, at: float
) -> Step | None:
    """Return the commit that admits one outcome, or None when `superstep.commit` must make it."""
    task = state.tasks.get(outcome.task)
    if task is None:
        return None  # the timer of a join, or the end of a child run
    ways = plan.shortcuts.get(task.node)
    if ways is None or len(outcome.ports) != 1 or not _is_bare(outcome) or task.id in state.waits:
        return None
    ((port, value),) = outcome.ports.items()
    way = ways.get(port)
    if way is None or (way.exits and not _are_held(plan, state, task.path, way)):
        return None
    counters, limits = state.counters, plan.workflow.settings.limits
    number, executions = state.commit + 1, counters["executions"] + 1
    if number >= limits.supersteps or executions >= limits.executions:
        return None

    merged = _merged(plan, state, outcome, specs) if outcome.writes else _NO_WRITES
    if merged is None:
        return None

    node, path, order = plan.nodes[task.node], task.path, counters["order"]
    own = f"{task.id}.{port}"
    ref = _known_name(state, task, value) or own
    outputs = {f"{node.key}@{scope_key(path)}": ref} if node.kept else NOTHING
    inputs = ((node.key, ref),)
    visits: dict[str, int] = {}
    tasks: dict[str, Task] = {}
    ready: list[TaskReady] = []
    for target, target_port in way.starts:
        visit = 0
        if target.repeats:
            place = f"{target.key}@{scope_key(path)}"
            visit = state.visits.get(place, 0)
            if visit >= limits.visits:
                return None
            visits[place] = visit + 1
        order += 1
        name = task_id(target.key, path, visit)
        nodes = _readable(state, target, path, outputs) if target.read_nodes else EMPTY
        tasks[name] = Task(
            name, target.key, path, visit, order, number, at, {target_port: inputs}, 1, nodes, EMPTY
        )
        ready.append(TaskReady(name, target.key, path, visit))

    finished = TaskFinished(
        task=task.id,
        node=node.key,
        ports={port: "" if ref == own else ref},
        duration_s=round(outcome.duration_s, 6),
        attempt=outcome.attempt,
        recorded=outcome.recorded,
        note=outcome.text,
    )
    committed = SuperstepCommitted(
        commit=number,
        admitted=(task.id,),
        ready=tuple(ready),
        taken=way.edges,
        changed=merged.changed,
    )
    delta = Moves(
        put_values={own: value} if ref == own else NOTHING,
        put_outputs=outputs,
        put_tasks=tasks,
        drop_tasks=[task.id],
        put_visits=visits or NOTHING,
        put_counters={"executions": executions, "order": order},
    )
    if merged.ops:
        delta.ops = merged.ops
    status = state.status
    if status is not RunStatus.RUNNING and status is not RunStatus.PAUSED:
        delta.status = status = RunStatus.RUNNING
    return Step(
        delta=delta,
        events=[finished, committed],
        ready=ready,
        written=merged.written,
        status=status,
    )


def _is_bare(outcome: Outcome) -> bool:
    """Whether it is a value, perhaps with writes, and nothing else."""
    return (
        outcome.kind == "output"
        and outcome.route is None
        and not outcome.also
        and not (outcome.memory or outcome.names or outcome.notes)
        and not (outcome.signals or outcome.made or outcome.more)  # an alternative may reach others
    )


class _Merged(NamedTuple):
    """The writes of a task, what they come to, and the channels that they change."""

    ops: Sequence[ChannelOp] = ()
    written: Written | None = None
    changed: tuple[str, ...] = ()


_NO_WRITES = _Merged()


def _merged(plan: Plan, state: RunState, outcome: Outcome, specs: ChannelSpecs) -> _Merged | None:
    """Return what the writes of one task come to, or None when somebody may mind them."""
    if plan.invariants or plan.limited or plan.error_channels or plan.decisive:
        return None
    try:
        ops, channels = merge_writes((outcome,), state.channels, specs)
    except WriteConflict:
        return None  # the task fails
    for task in state.tasks.values():
        if task.id != outcome.task and not plan.nodes[task.node].reads.isdisjoint(channels):
            return None  # it goes on seeing what was there
    changed = changed_by(state.channels, ops, channels, specs)
    return _Merged(ops, Written(channels, changed), changed)


def _are_held(plan: Plan, state: RunState, path: Path, way: Shortcut) -> bool:
    """Whether the edges that are not taken out of a loop are noted already."""
    for edge, loop in way.exits:
        cycle = state.cycles.get(f"{loop}@{scope_key(plan.loop_scope(loop, path))}")
        if cycle is None or edge not in cycle.held:
            return False
    return True


def _known_name(state: RunState, task: Task, value: Json) -> ValueRef | None:
    """Return the name of a value that only passed through."""
    for pairs in task.inputs.values():
        for _, known in pairs:
            if state.value(known) is value:
                return known
    return None


def _readable(state: RunState, target: PlanNode, path: Path, made: Any) -> dict[NodeKey, ValueRef]:
    """Return the outputs that a task may read, as of after this commit."""
    found: dict[NodeKey, ValueRef] = {}
    for name in target.read_nodes:
        for length in range(len(path), -1, -1):
            place = f"{name}@{scope_key(path[:length])}"
            ref = made.get(place) or state.outputs.get(place)
            if ref is not None:
                found[name] = ref
                break
    return found
