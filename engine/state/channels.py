"""Channels and the reducers that merge writes into them (U26, U31-U34).

A reducer runs for every write, one writer or many. It never changes the old value in
place: values may be shared with tasks that still read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.model.workflow import Channel

Json = Any
Reduce = Callable[[Json, Json], Json]


class ReducerError(Exception):
    """A value cannot be merged into a channel; the message says why."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """One merge rule.

    Attributes:
        combines: several writers in one commit are merged; otherwise two different
            values are a conflict.
        ordered: the result depends on the order of writers.
    """

    name: str
    reduce: Reduce
    combines: bool = True
    ordered: bool = True
    description: str = ""


def _replace(old: Json, new: Json) -> Json:
    del old
    return new


def _first(old: Json, new: Json) -> Json:
    return new if old is None else old


def _as_list(old: Json) -> list[Json]:
    if old is None:
        return []
    if isinstance(old, list):
        return old
    raise ReducerError(f"the channel holds {_kind(old)}, not a list")


def _append(old: Json, new: Json) -> Json:
    return [*_as_list(old), new]


def _extend(old: Json, new: Json) -> Json:
    if not isinstance(new, list):
        raise ReducerError(f"extend needs a list, not {_kind(new)}")
    return [*_as_list(old), *new]


def _union(old: Json, new: Json) -> Json:
    result = list(_as_list(old))
    seen = {_key(item) for item in result}
    for item in new if isinstance(new, list) else [new]:
        key = _key(item)
        if key not in seen:
            seen.add(key)
            result.append(item)
    return result


def _key(item: Json) -> Json:
    if isinstance(item, dict):
        return ("d", tuple(sorted((name, _key(value)) for name, value in item.items())))
    if isinstance(item, list):
        return ("l", tuple(_key(value) for value in item))
    return (type(item).__name__, item)


def _merge(old: Json, new: Json) -> Json:
    if not isinstance(new, dict) or not (old is None or isinstance(old, dict)):
        raise ReducerError(f"merge needs objects, not {_kind(old)} and {_kind(new)}")
    return {**(old or {}), **new}


def _deep_merge(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for name, value in new.items():
            merged[name] = _deep_merge(old[name], value) if name in old else value
        return merged
    return new


def _number(value: Json, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ReducerError(f"{what} needs numbers, not {_kind(value)}")


def _sum(old: Json, new: Json) -> Json:
    _number(new, "sum")
    if old is None:
        return new
    _number(old, "sum")
    return old + new


def _least(old: Json, new: Json) -> Json:
    return _extreme(old, new, "min", lambda a, b: b < a)


def _greatest(old: Json, new: Json) -> Json:
    return _extreme(old, new, "max", lambda a, b: b > a)


def _extreme(old: Json, new: Json, name: str, better: Callable[[Any, Any], bool]) -> Json:
    if old is None:
        return new
    try:
        return new if better(old, new) else old
    except TypeError:
        raise ReducerError(f"{name} cannot compare {_kind(old)} with {_kind(new)}") from None


def _kind(value: Json) -> str:
    names: dict[type, str] = {
        type(None): "nothing",
        bool: "a yes/no",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


REDUCERS: dict[str, Reducer] = {
    reducer.name: reducer
    for reducer in (
        Reducer("replace", _replace, combines=False, description="The new value."),
        Reducer("last", _replace, description="The value of the last writer."),
        Reducer("first", _first, description="The value of the first writer, for ever."),
        Reducer("append", _append, description="A list; each write adds one item."),
        Reducer("extend", _extend, description="A list; each write adds its items."),
        Reducer("union", _union, description="A list without repeats."),
        Reducer("merge", _merge, description="An object; keys of later writers win."),
        Reducer("deep_merge", _deep_merge, description="As merge, inside objects too."),
        Reducer("sum", _sum, ordered=False, description="The sum of all writes."),
        Reducer("min", _least, ordered=False, description="The smallest write."),
        Reducer("max", _greatest, ordered=False, description="The greatest write."),
    )
}


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel as the engine needs it."""

    name: str
    type: str
    reducer: Reducer
    default: Json
    lifecycle: str = "run"


ChannelSpecs = Mapping[str, ChannelSpec]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def apply_op(spec: ChannelSpec, old: Json, op: str, value: Json) -> Json:
    """Return the channel's value after one write.

    Raises:
        ReducerError: the value has the wrong type or cannot be merged.
    """
    if op == "delete":
        return spec.default
    return value if op == "set" else spec.reducer.reduce(old, value)


def check_type(spec: ChannelSpec, value: Json) -> None:
    """Raise `ReducerError` unless `value` is of the channel's type or None."""
    wanted = _TYPES.get(spec.type)
    if wanted is None or value is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ReducerError(f"channel {spec.name} holds {spec.type}, not {_kind(value)}")


def specs_from(channels: Mapping[str, Channel]) -> dict[str, ChannelSpec]:
    """Return the channels of a document as the engine needs them.

    An unknown reducer is refused by validation; here it counts as ``replace``.
    """
    return {
        name: ChannelSpec(
            name=name,
            type=channel.type,
            reducer=REDUCERS.get(channel.reducer, REDUCERS["replace"]),
            default=channel.default,
            lifecycle=channel.lifecycle,
        )
        for name, channel in channels.items()
    }
