"""Walk over the JSON values inside structs and dataclasses, wherever their types put them.

The type annotations say where a field holds free JSON (`Any`) and where our own text; a
new field of a struct is therefore found without a word here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

Json = Any
Change = Callable[[Any], Any]
#: Return a changed copy of a value: (value, change JSON, change text).
_Walk = Callable[[Any, Change, Change], Any]


def map_leaves(value: Any, change: Change, change_text: Change) -> Any:
    """Return a copy of `value` with each JSON value changed by `change`.

    Text that is no JSON value (a field of type str) goes through `change_text`. A value
    that is neither struct nor dataclass is a JSON value itself.
    """
    fields = _fields(type(value))
    if fields is None:
        return change(value)
    changes = {
        name: walk(getattr(value, name), change, change_text) for name, walk in fields.items()
    }
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)


def keep(value: Any) -> Any:
    """Return `value`: the change that changes nothing."""
    return value


_known: dict[type, Mapping[str, _Walk] | None] = {}


def _fields(kind: type) -> Mapping[str, _Walk] | None:
    """Return the fields of a struct or dataclass that can hold JSON or text."""
    if kind not in _known:
        _known[kind] = _fields_of(kind)
    return _known[kind]


def _fields_of(kind: type) -> Mapping[str, _Walk] | None:
    if not (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind)):
        return None
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType | inspect.DataclassType)
    walks = {field.name: _walk(field.type) for field in info.fields}
    return {name: walk for name, walk in walks.items() if walk is not None}


def _walk(info: inspect.Type) -> _Walk | None:
    match info:
        case inspect.AnyType():
            return _json
        case inspect.StrType():
            return _text
        case inspect.StructType() | inspect.DataclassType():
            return _nested
        case inspect.UnionType(types=types):
            # Which member it is shows in the value; only JSON and text cannot be told apart.
            walks = [walk for each in types if (walk := _walk(each)) is not None]
            return _first_of(walks)
        case inspect.DictType(value_type=inner):
            return _each_value(_walk(inner))
        case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
            return _each_item(_walk(inner))
        case inspect.TupleType(item_types=inners):
            return _each_item(_first_of([w for each in inners if (w := _walk(each)) is not None]))
        case _:
            return None


def _json(value: Any, change: Change, change_text: Change) -> Any:
    del change_text
    return change(value)


def _text(value: Any, change: Change, change_text: Change) -> Any:
    del change
    return change_text(value) if isinstance(value, str) else value


def _nested(value: Any, change: Change, change_text: Change) -> Any:
    return value if _fields(type(value)) is None else map_leaves(value, change, change_text)


def _first_of(walks: list[_Walk]) -> _Walk | None:
    """Return the walk for a union: containers and structs before text."""
    if not walks:
        return None

    def walk(value: Any, change: Change, change_text: Change) -> Any:
        if isinstance(value, str):
            return change_text(value)
        if _fields(type(value)) is not None:
            return map_leaves(value, change, change_text)
        for each in walks:
            if each is not _text and each is not _nested:
                return each(value, change, change_text)
        return value

    return walk


def _each_value(inner: _Walk | None) -> _Walk | None:
    if inner is None:
        return None
    found = inner

    def walk(value: Any, change: Change, change_text: Change) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: found(item, change, change_text) for key, item in value.items()}

    return walk


def _each_item(inner: _Walk | None) -> _Walk | None:
    if inner is None:
        return None
    found = inner

    def walk(value: Any, change: Change, change_text: Change) -> Any:
        if not isinstance(value, list | tuple):
            return value
        items = [found(item, change, change_text) for item in value]
        return items if isinstance(value, list) else tuple(items)

    return walk
