"""The rules by which writes are merged into a channel (U31-U34). Pure functions.

A reducer takes the value that is there and the value that is written, and never changes
either in place: both may be shared with tasks that still read them. None stands for a
channel that holds nothing yet: what is written first is then the result, so that it
keeps its type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.model.expressions import Expression, ExpressionError, compile_over

Json = Any
Reduce = Callable[[Json, Json], Json]
#: (value before, value after, all that was written in between): whether it has changed.
Changed = Callable[[Json, Json, Sequence[Json]], bool]

#: The reducer whose rule is an expression of the document.
CUSTOM = "custom"
#: What stands where a field is not there.
_ABSENT: Any = object()


class ReducerError(Exception):
    """A value cannot be merged into a channel; the message says why.

    Attributes:
        path: where in the value two writers disagree, for `error_on_conflict`.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Reducer:
    """One merge rule.

    Attributes:
        combines: several writers in one commit are merged; otherwise two different
            values are a conflict.
        ordered: the result depends on the order of writers.
        associative: writing a and then b is the same as writing what a and b make.
        three_way: writers of one commit are compared with what was there before it,
            field by field; `reduce` is not used then.
        by_key: writers of one commit are compared key by key; two that write one key
            differently are a conflict.
        recorded: the rule is not in the document, so that commits keep its results.
        changed: tells from what was written whether a large value has changed; None where
            only comparing the whole tells.
    """

    name: str
    reduce: Reduce
    combines: bool = True
    ordered: bool = True
    associative: bool = False
    three_way: bool = False
    by_key: bool = False
    recorded: bool = False
    changed: Changed | None = None
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
    raise ReducerError(f"the channel holds {kind_of(old)}, not a list")


def _append(old: Json, new: Json) -> Json:
    return [*_as_list(old), new]


def _extend(old: Json, new: Json) -> Json:
    if not isinstance(new, list):
        raise ReducerError(f"extend needs a list, not {kind_of(new)}")
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
        raise ReducerError(f"merge needs objects, not {kind_of(old)} and {kind_of(new)}")
    merged = dict(old or ())
    merged.update(new)
    return merged


def _keys_changed(before: Json, after: Json, written: Sequence[Json]) -> bool:
    """Look at the keys that were written: the others are what they were."""
    if before is None:
        return True
    return any(
        not same(before.get(name, _ABSENT), after[name]) for value in written for name in value
    )


def _grown(before: Json, after: Json, written: Sequence[Json]) -> bool:
    """A list to which items are only added has changed when it is longer."""
    del written
    return before is None or len(before) != len(after)


def _deep_merge(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for name, value in new.items():
            merged[name] = _deep_merge(old[name], value) if name in old else value
        return merged
    return new


def _messages(old: Json, new: Json) -> Json:
    """Add one message or several; one with the ``id`` of a known message takes its place."""
    messages = list(_as_list(old))
    places = {m["id"]: n for n, m in enumerate(messages) if isinstance(m, dict) and m.get("id")}
    for message in new if isinstance(new, list) else [new]:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ReducerError("a message is an object with a role and a content")
        name = message.get("id")
        if not isinstance(name, str):
            messages.append(message)
        elif name in places:
            messages[places[name]] = message
        else:
            places[name] = len(messages)
            messages.append(message)
    return messages


def _number(value: Json, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ReducerError(f"{what} needs numbers, not {kind_of(value)}")


def _sum(old: Json, new: Json) -> Json:
    _number(new, "sum")
    if old is None:
        return new
    _number(old, "sum")
    try:
        total = old + new
    except OverflowError:
        total = math.inf
    if isinstance(total, float) and not math.isfinite(total):
        raise ReducerError("the sum is larger than a number can be")
    return total


def _least(old: Json, new: Json) -> Json:
    return _extreme(old, new, "min", lambda a, b: b < a)


def _greatest(old: Json, new: Json) -> Json:
    return _extreme(old, new, "max", lambda a, b: b > a)


def _extreme(old: Json, new: Json, name: str, better: Callable[[Any, Any], bool]) -> Json:
    family = _family(new)
    if not family or (old is not None and _family(old) != family):
        both = kind_of(new) if old is None else f"{kind_of(old)} with {kind_of(new)}"
        raise ReducerError(f"{name} compares numbers or texts; it cannot compare {both}")
    if old is None or better(old, new):
        return new
    # 1 and 1.0 are equal: without a rule the result would depend on who came first.
    return new if old == new and isinstance(new, int) else old


def _family(value: Json) -> str:
    if isinstance(value, bool):
        return ""
    return "n" if isinstance(value, (int, float)) else "t" if isinstance(value, str) else ""


def kind_of(value: Json) -> str:
    """Return what a value is, in words."""
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


def same(a: Json, b: Json) -> bool:
    """Return whether two values are the same JSON: 1, 1.0 and true are three values."""
    if a is b:
        return True
    if type(a) is not type(b) or a != b:
        return False
    return _alike(a, b)


def _alike(a: Json, b: Json) -> bool:
    """Return whether two equal values of one type are of one type inside too."""
    pairs: Iterable[tuple[Json, Json]]
    if isinstance(a, dict):
        pairs = ((value, b[name]) for name, value in a.items())
    elif isinstance(a, list):
        pairs = zip(a, b, strict=True)
    else:
        return True
    return all(x is y or (type(x) is type(y) and _alike(x, y)) for x, y in pairs)


def merge_three_way(base: Json, old: Json, new: Json, path: str = "") -> Json:
    """Return `old` with what `new` changes of `base`, field by field in objects.

    Args:
        base: what was there before anybody wrote.
        old: what the writers so far made of it.
        new: the value of one more writer, who saw `base`.
        path: where in the channel this is.

    Raises:
        ReducerError: both changed one place, and differently; `path` says which.
    """
    if same(new, base) or same(new, old):
        return old
    if same(old, base):
        return new
    if isinstance(old, dict) and isinstance(new, dict):
        known = base if isinstance(base, dict) else {}
        merged: dict[str, Json] = {}
        for name in dict.fromkeys((*old, *new)):
            place = f"{path}.{name}" if path else name
            value = merge_three_way(
                known.get(name, _ABSENT), old.get(name, _ABSENT), new.get(name, _ABSENT), place
            )
            if value is not _ABSENT:
                merged[name] = value
        return merged
    raise ReducerError("two writers changed one value", path)


REDUCERS: dict[str, Reducer] = {
    reducer.name: reducer
    for reducer in (
        Reducer("replace", _replace, combines=False, description="The new value."),
        Reducer(
            "error_on_conflict",
            _replace,
            ordered=False,
            three_way=True,
            description="Writers may change different fields; the same one is a conflict.",
        ),
        Reducer("last", _replace, associative=True, description="The value of the last writer."),
        Reducer(
            "first", _first, associative=True, description="The first value, for ever."
        ),
        Reducer("append", _append, changed=_grown, description="A list; each write adds one item."),
        Reducer(
            "extend",
            _extend,
            associative=True,
            changed=_grown,
            description="A list; each write adds items.",
        ),
        Reducer(
            "union",
            _union,
            associative=True,
            changed=_grown,
            description="A list without repeats.",
        ),
        Reducer(
            "messages", _messages, associative=True, description="A conversation; ids replace."
        ),
        Reducer(
            "merge",
            _merge,
            associative=True,
            changed=_keys_changed,
            description="An object; keys of later writers win.",
        ),
        Reducer(
            "keys",
            _merge,
            ordered=False,
            associative=True,
            by_key=True,
            changed=_keys_changed,
            description="An object; each key is replaced by itself. One key twice is a conflict.",
        ),
        Reducer("deep_merge", _deep_merge, description="As merge, inside objects too."),
        Reducer(
            "sum", _sum, ordered=False, associative=True, description="The sum of all writes."
        ),
        Reducer(
            "min", _least, ordered=False, associative=True, description="The smallest write."
        ),
        Reducer(
            "max", _greatest, ordered=False, associative=True, description="The greatest write."
        ),
    )
}  # fmt: skip


def reducer_of(expr: str) -> Reducer:
    """Return the reducer that an expression over ``old`` and ``new`` describes.

    Raises:
        ExpressionError: it is no expression over these two names.
    """
    return Reducer(CUSTOM, _Computed(compile_over(expr, "old", "new")), description=expr)


@dataclass(frozen=True, slots=True)
class _Computed:
    expression: Expression

    def __call__(self, old: Json, new: Json) -> Json:
        try:
            return self.expression.evaluate({"old": old, "new": new})
        except ExpressionError as error:
            raise ReducerError(f"its reducer failed: {error}") from error


#: Types of channels that bring a reducer of their own, and start as an empty list (U39).
READY_MADE = {"messages": "messages", "errors": "append"}


def ready_made(type_name: str, reducer: str, default: Json) -> tuple[str, Json]:
    """Return the reducer and the value at the start of a channel, as its type completes them."""
    own = READY_MADE.get(type_name)
    if own is None:
        return reducer, default
    return (own if reducer == "replace" else reducer), ([] if default is None else default)


def find_reducer(name: str, expr: str | None, registered: Mapping[str, Reducer]) -> Reducer:
    """Return the reducer of a channel.

    One that is not registered here counts as ``replace``: validation refuses it, and a
    store that only restores what was merged elsewhere has the results.

    Raises:
        ExpressionError: the expression of a custom one cannot be compiled.
    """
    if name == CUSTOM and expr:
        return reducer_of(expr)
    return REDUCERS.get(name) or registered.get(name) or REDUCERS["replace"]
