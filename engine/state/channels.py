"""Channels as a run needs them: their type, their merge rule, their writes (U26-U35).

The rules themselves are in `engine.model.reducers`; a rule runs for every write, one
writer or many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.model.reducers import (
    REDUCERS,
    Reducer,
    ReducerError,
    find_reducer,
    kind_of,
    merge_three_way,
    ready_made,
    same,
)
from engine.model.value_schema import problem_of
from engine.model.workflow import Channel

Json = Any
__all__ = [
    "REDUCERS",
    "ChannelSpec",
    "ChannelSpecs",
    "Reducer",
    "ReducerError",
    "apply_op",
    "check_type",
    "differs",
    "same",
    "specs_from",
    "target_of",
]


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel as the engine needs it."""

    name: str
    type: str
    reducer: Reducer
    default: Json
    lifecycle: str = "run"
    schema: Json = None
    version: int = 1


ChannelSpecs = Mapping[str, ChannelSpec]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "messages": (list,),
    "errors": (list,),
}


def apply_op(spec: ChannelSpec, base: Json, old: Json, op: str, value: Json) -> Json:
    """Return the channel's value after one write.

    Args:
        spec: the channel.
        base: its value before the commit.
        old: its value after the writes before this one.
        op: ``reduce``, ``set`` or ``delete``.
        value: what is written.

    Raises:
        ReducerError: the value cannot be merged.
    """
    if op == "delete":
        return spec.default
    if op == "set":
        return value
    if spec.reducer.three_way:
        return merge_three_way(base, old, value)
    return spec.reducer.reduce(old, value)


def differs(spec: ChannelSpec, before: Json, after: Json, reduced: Sequence[Json] | None) -> bool:
    """Return whether the writes of one commit have changed a channel.

    Args:
        spec: the channel.
        before: its value before the commit.
        after: its value now.
        reduced: all that was written, or None where something was set or deleted.
    """
    if before is after:
        return False
    if reduced is None or spec.reducer.changed is None:
        return not same(before, after)
    return spec.reducer.changed(before, after, reduced)


def target_of(spec: ChannelSpec, op: str, value: Json) -> Json:
    """Return what a writer wants the channel to hold, for a write that is not merged."""
    return spec.default if op == "delete" else value


def check_type(spec: ChannelSpec, value: Json) -> None:
    """Raise `ReducerError` unless `value` is None, or of the channel's type and schema."""
    if value is None:
        return
    wanted = _TYPES.get(spec.type)
    if wanted is not None and (
        not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)
    ):
        raise ReducerError(f"channel {spec.name} holds {spec.type}, not {kind_of(value)}")
    if spec.schema is not None and (wrong := problem_of(spec.schema, value)):
        raise ReducerError(
            f"version {spec.version} of the schema of channel {spec.name} refuses it: {wrong}"
        )


def specs_from(
    channels: Mapping[str, Channel], registered: Mapping[str, Reducer] | None = None
) -> dict[str, ChannelSpec]:
    """Return the channels of a document as the engine needs them.

    Args:
        channels: as the document declares them.
        registered: reducers that code has added to the built-in ones.
    """
    return {name: _spec(name, channel, registered or {}) for name, channel in channels.items()}


def _spec(name: str, channel: Channel, registered: Mapping[str, Reducer]) -> ChannelSpec:
    reducer, default = ready_made(channel.type, channel.reducer, channel.default)
    return ChannelSpec(
        name=name,
        type=channel.type,
        reducer=find_reducer(reducer, channel.reduce, registered),
        default=default,
        lifecycle=channel.lifecycle,
        schema=channel.schema,
        version=channel.version,
    )
