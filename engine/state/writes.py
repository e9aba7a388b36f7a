"""What the writes of one commit make of the channels, and which of them they change (U35).

The commit that merges writes knows the answer already; a restore finds it out again from the
same writes. Both say it as `Written`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from engine.ids import TaskId
from engine.state.channels import ChannelSpecs, apply_op, differs

Json = Any


class ChannelOp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One write as it was admitted: replaying it through the reducer gives the value.

    Attributes:
        op: ``reduce``, ``set`` or ``delete``.
        writer: empty where the engine itself clears the channel.
        result: (value of the channel after it,) where the reducer is not in the document.
    """

    channel: str
    value: Json
    op: str
    writer: TaskId
    result: tuple[Json, ...] = ()


class Written(NamedTuple):
    """The channels that were written, as they are then, and the names of those that changed."""

    channels: Mapping[str, Json]
    changed: tuple[str, ...]


def written(channels: Mapping[str, Json], ops: Sequence[ChannelOp], specs: ChannelSpecs) -> Written:
    """Return what the writes make of `channels`, which are left as they are."""
    before: dict[str, Json] = {}  # what writers see: cleared, where the engine clears
    after: dict[str, Json] = {}
    for op in ops:
        name = op.channel
        old = after[name] if name in after else channels.get(name)
        base = before.setdefault(name, old)
        if not op.writer:  # a channel that lives for one superstep: writers see it empty
            before[name] = after[name] = specs[name].default
        elif op.result:
            after[name] = op.result[0]
        else:
            after[name] = apply_op(specs[name], base, old, op.op, op.value)
    return Written(after, changed_by(channels, ops, after, specs))


def changed_by(
    channels: Mapping[str, Json],
    ops: Sequence[ChannelOp],
    after: Mapping[str, Json],
    specs: ChannelSpecs,
) -> tuple[str, ...]:
    """Return the names of those that hold another value after the writes, in order of writing.

    Where a channel was only reduced, its reducer may tell without comparing the whole value.
    """
    reduced: dict[str, list[Json] | None] = {}
    for op in ops:
        values = reduced.setdefault(op.channel, [])
        if op.op != "reduce":
            reduced[op.channel] = None
        elif values is not None:
            values.append(op.value)
    return tuple(
        [
            name
            for name, values in reduced.items()
            if differs(specs[name], channels.get(name), after[name], values)
        ]
    )
