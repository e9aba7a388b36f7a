"""Merges what the tasks of one commit write to channels (U29-U34). Pure.

Writers are taken in canonical order. Writes that a reducer combines follow one another;
a write that says what the channel is to hold as a whole meets nobody else's, unless both
say the same or one of them says what was there before (three-way: no change).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.ids import NodeKey, TaskId
from engine.model.plan import Plan
from engine.runtime.outcome import Outcome
from engine.state.channels import (
    ChannelSpec,
    ChannelSpecs,
    ReducerError,
    apply_op,
    check_type,
    same,
    target_of,
)
from engine.state.writes import ChannelOp

Json = Any


class WriteConflict(Exception):  # noqa: N818 - becomes the failure of a task
    """Two writers disagree, or a value cannot be merged; `task` is the one that fails."""

    def __init__(self, task: TaskId, code: str, message: str) -> None:
        super().__init__(message)
        self.task = task
        self.code = code


class Merged(NamedTuple):
    """The writes that count, in order, and the channels that they touch as they are then."""

    ops: list[ChannelOp]
    channels: dict[str, Json]


class _Write(NamedTuple):
    task: TaskId
    op: str
    value: Json


def merge_writes(
    outcomes: Sequence[Outcome],
    channels: Mapping[str, Json],
    specs: ChannelSpecs,
    *,
    fleeting: Sequence[str] = (),
) -> Merged:
    """Return what the writes of `outcomes` make of `channels`.

    Args:
        outcomes: in canonical order.
        channels: as they were before the commit.
        specs: what the workflow declares.
        fleeting: channels that live for one superstep: they are cleared first.

    Raises:
        WriteConflict: a write fails; the commit is to be made again without its task.
    """
    merged = Merged([], {})
    for name in fleeting:
        default = specs[name].default
        if not same(channels.get(name), default):
            channels = {**channels, name: default}
            merged.channels[name] = default
            merged.ops.append(ChannelOp(name, None, "delete", TaskId("")))
    writers: dict[str, list[_Write]] = {}
    for outcome in outcomes:
        for name, op, value in _counting(outcome, specs):
            spec = specs.get(name)
            if spec is None:
                raise WriteConflict(
                    outcome.task,
                    "undeclared_channel",
                    f"{outcome.task} writes to {name}, which is not declared",
                )
            base = channels.get(name)
            write = _Write(outcome.task, op, value)
            before = writers.get(name)
            if before is None:
                before = writers[name] = []
            elif not _counts_beside(spec, base, write, before):
                continue
            if spec.reducer.by_key and op == "reduce" and before:
                write = write._replace(value=_beside(spec, base, write, before))
            new = _value_after(spec, base, merged.channels.get(name, base), write, before)
            before.append(write)
            merged.channels[name] = new
            kept = (new,) if spec.reducer.recorded and op == "reduce" else ()
            merged.ops.append(ChannelOp(name, write.value, op, outcome.task, kept))
    return merged


def check_rights(
    outcomes: Sequence[Outcome], node_of: Callable[[Outcome], NodeKey], plan: Plan
) -> None:
    """Raise `WriteConflict` for a write to a channel that the node's branch may not write (U40)."""
    for outcome in outcomes:
        if not outcome.writes:
            continue
        node = plan.nodes[node_of(outcome)]
        for name, _, _ in outcome.writes:
            if node.may_write is not None and name not in node.may_write:
                allowed = ", ".join(sorted(node.may_write)) or "none"
                raise WriteConflict(
                    outcome.task,
                    "forbidden_write",
                    f"{outcome.task} may not write to {name}; its branch may write {allowed}",
                )


def _counting(outcome: Outcome, specs: ChannelSpecs) -> Sequence[tuple[str, str, Json]]:
    """Return a task's writes; where writers are compared only its last to a channel counts."""
    writes = outcome.writes
    if len(writes) < 2:
        return writes
    last = {name: index for index, (name, _, _) in enumerate(writes)}
    return [
        write
        for index, write in enumerate(writes)
        if last[write[0]] == index
        or (spec := specs.get(write[0])) is None
        or not spec.reducer.three_way
    ]


def _is_whole(spec: ChannelSpec, write: _Write) -> bool:
    return write.op != "reduce" or not spec.reducer.combines


def _counts_beside(spec: ChannelSpec, base: Json, write: _Write, before: list[_Write]) -> bool:
    """Return whether a write changes anything beside those of others, or raise."""
    others = [other for other in before if other.task != write.task]
    whole = _is_whole(spec, write)
    target = target_of(spec, write.op, write.value)
    if whole and others and len(others) == len(before) and same(target, base):
        return False  # writing what was there is no change
    for other in others:
        other_whole = _is_whole(spec, other)
        if not (whole or other_whole):
            continue
        wanted = target_of(spec, other.op, other.value)
        if other_whole and (same(wanted, base) or (whole and same(wanted, target))):
            continue
        raise WriteConflict(
            write.task,
            "conflict",
            f"{other.task} and {write.task} both write to {spec.name} in one commit. "
            "Choose a reducer that combines them, or let one write.",
        )
    return True


def _beside(spec: ChannelSpec, base: Json, write: _Write, before: list[_Write]) -> Json:
    """Return the keys of a write that count beside those of others: each replaces by itself.

    A key that holds what it held before the commit is no change and yields.
    """
    if not isinstance(write.value, dict):
        return write.value  # the reducer refuses it
    was = base if isinstance(base, dict) else {}
    counting = dict(write.value)
    for other in before:
        theirs = other.value if isinstance(other.value, dict) and other.task != write.task else {}
        for key in theirs.keys() & write.value.keys():
            mine, held = write.value[key], key in was
            if same(mine, theirs[key]) or (held and same(theirs[key], was[key])):
                continue
            if not (held and same(mine, was[key])):
                raise WriteConflict(
                    write.task,
                    "conflict",
                    f"{other.task} and {write.task} both write {spec.name}.{key} in one commit, "
                    "and differently. Let one of them write it.",
                )
            counting.pop(key, None)
    return counting


def _value_after(
    spec: ChannelSpec, base: Json, old: Json, write: _Write, before: list[_Write]
) -> Json:
    try:
        new = apply_op(spec, base, old, write.op, write.value)
        check_type(spec, new)
    except ReducerError as error:
        if spec.reducer.three_way and before:
            raise _disagreement(spec, base, write, before, error.path) from error
        raise WriteConflict(
            write.task, "reducer", f"{write.task} cannot write {spec.name}: {error}"
        ) from error
    return new


def _disagreement(
    spec: ChannelSpec, base: Json, write: _Write, before: list[_Write], path: str
) -> WriteConflict:
    """Name the place that two writers changed, and both of them."""
    was = _at(base, path)
    other = next((w.task for w in before if not same(_at(w.value, path), was)), before[0].task)
    place = f"{spec.name}.{path}" if path else spec.name
    return WriteConflict(
        write.task,
        "conflict",
        f"{other} and {write.task} both change {place} in one commit, and differently. "
        "Let one of them write it, or choose a reducer that combines them.",
    )


def _at(value: Json, path: str) -> Json:
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value
