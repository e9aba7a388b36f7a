"""The methods that expressions and templates may call on text, lists, objects and dates.

``value.name(...)`` never reaches a Python attribute: the name is looked up here, in the table
of the value's kind. Every method takes the budget and the value first and is bounded.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from engine.model.expression_comparisons import equal, hashable
from engine.model.expression_operations import check_spec, formatted
from engine.model.expression_values import (
    CHARACTERS_PER_STEP,
    MAX_ITEMS,
    Budget,
    Fault,
    items_of,
    kind_of,
    suggestion,
    take_search,
    text_of,
)

#: ``strip`` compares every character with each of these.
MAX_STRIPPED: Final = 100

# --- text ---------------------------------------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise Fault(f"the argument must be text, not {kind_of(value)}")


def _whole(value: object) -> int:
    if isinstance(value, int):
        return value
    raise Fault(f"the argument must be a whole number, not {kind_of(value)}")


def _changed(function: Callable[[str], str]) -> Callable[[Budget, str], str]:
    def method(budget: Budget, text: str) -> str:
        result = function(text)
        budget.take_text(len(result))
        return result

    return method


def _tested(function: Callable[[str], bool]) -> Callable[[Budget, str], bool]:
    def method(budget: Budget, text: str) -> bool:
        budget.take(1 + len(text) // CHARACTERS_PER_STEP)
        return function(text)

    return method


def _stripped(
    function: Callable[[str, str | None], str],
) -> Callable[[Budget, str, object], str]:
    def method(budget: Budget, text: str, characters: object = None) -> str:
        if characters is not None and len(_text(characters)) > MAX_STRIPPED:
            raise Fault(f"at most {MAX_STRIPPED} characters can be stripped")
        budget.take(1 + len(text) // CHARACTERS_PER_STEP)
        return function(text, None if characters is None else _text(characters))

    return method


def _split(budget: Budget, text: str, separator: object = None, limit: object = -1) -> list[object]:
    return _parts(budget, text, separator, limit, backwards=False)


def _rsplit(
    budget: Budget, text: str, separator: object = None, limit: object = -1
) -> list[object]:
    return _parts(budget, text, separator, limit, backwards=True)


def _parts(
    budget: Budget, text: str, separator: object, limit: object, *, backwards: bool
) -> list[object]:
    mark = None if separator is None else _text(separator)
    if mark == "":
        raise Fault("the separator must not be empty")
    take_search(budget, text, mark or " ", backwards=backwards)
    most = _whole(limit)
    most = most if 0 <= most < MAX_ITEMS else MAX_ITEMS  # one more than a list may have
    parts: list[object] = [*(text.rsplit(mark, most) if backwards else text.split(mark, most))]
    budget.take_items(len(parts))
    return parts


def _splitlines(budget: Budget, text: str) -> list[object]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    return _parts(budget, lines, "\n", -1, backwards=False) if text else []


def _join(budget: Budget, text: str, items: object) -> str:
    parts = [text_of(budget, item) for item in items_of(budget, items)]
    budget.take_text(sum(map(len, parts)) + len(text) * len(parts))
    return text.join(parts)


def _startswith(budget: Budget, text: str, prefix: object) -> bool:
    return any(text.startswith(one) for one in _affixes(budget, prefix))


def _endswith(budget: Budget, text: str, suffix: object) -> bool:
    return any(text.endswith(one) for one in _affixes(budget, suffix))


def _affixes(budget: Budget, value: object) -> list[str]:
    texts = [
        _text(one) for one in (items_of(budget, value) if isinstance(value, list) else [value])
    ]
    budget.take(1 + sum(map(len, texts)) // CHARACTERS_PER_STEP)
    return texts


def _removeprefix(budget: Budget, text: str, prefix: object) -> str:
    budget.take_text(len(text))
    return text.removeprefix(_text(prefix))


def _removesuffix(budget: Budget, text: str, suffix: object) -> str:
    budget.take_text(len(text))
    return text.removesuffix(_text(suffix))


def _replace(budget: Budget, text: str, old: object, new: object, limit: object = -1) -> str:
    before, after, most = _text(old), _text(new), _whole(limit)
    take_search(budget, text, before)
    found = text.count(before)
    times = found if most < 0 else min(found, most)
    budget.take_text(len(text) + times * max(0, len(after) - len(before)))
    return text.replace(before, after, times)


def _count_text(budget: Budget, text: str, part: object) -> int:
    take_search(budget, text, _text(part))
    return text.count(_text(part))


def _find(budget: Budget, text: str, part: object) -> int:
    take_search(budget, text, _text(part))
    return text.find(_text(part))


def _rfind(budget: Budget, text: str, part: object) -> int:
    take_search(budget, text, _text(part), backwards=True)
    return text.rfind(_text(part))


def _index_text(budget: Budget, text: str, part: object) -> int:
    position = _find(budget, text, part)
    if position < 0:
        raise Fault("the text does not hold what index() looks for")
    return position


def _partition(budget: Budget, text: str, separator: object) -> list[object]:
    return _three(budget, text, _text(separator), backwards=False)


def _rpartition(budget: Budget, text: str, separator: object) -> list[object]:
    return _three(budget, text, _text(separator), backwards=True)


def _three(budget: Budget, text: str, separator: str, *, backwards: bool) -> list[object]:
    if not separator:
        raise Fault("the separator must not be empty")
    take_search(budget, text, separator, backwards=backwards)
    budget.take_text(len(text))
    return [*(text.rpartition(separator) if backwards else text.partition(separator))]


def _padded(
    function: Callable[[str, int, str], str],
) -> Callable[[Budget, str, object, object], str]:
    def method(budget: Budget, text: str, width: object, fill: object = " ") -> str:
        if len(_text(fill)) != 1:
            raise Fault("the text is filled up with exactly one character")
        budget.take_text(max(len(text), _whole(width)))
        return function(text, _whole(width), _text(fill))

    return method


def _zfill(budget: Budget, text: str, width: object) -> str:
    budget.take_text(max(len(text), _whole(width)))
    return text.zfill(_whole(width))


# --- lists and objects --------------------------------------------------------------------


def _count_list(budget: Budget, items: object, value: object) -> int:
    return sum(equal(budget, item, value) for item in items_of(budget, items))


def _index_list(budget: Budget, items: object, value: object) -> int:
    for index, item in enumerate(items_of(budget, items)):
        if equal(budget, item, value):
            return index
    raise Fault("the list does not hold what index() looks for")


def _get(
    _budget: Budget, fields: Mapping[object, object], key: object, default: object = None
) -> object:
    return fields.get(hashable(key), default)


def _keys(budget: Budget, fields: Mapping[object, object]) -> list[object]:
    budget.take_items(len(fields))
    return list(fields)


def _values(budget: Budget, fields: Mapping[object, object]) -> list[object]:
    budget.take_items(len(fields))
    return list(fields.values())


def _items(budget: Budget, fields: Mapping[object, object]) -> list[object]:
    budget.take_items(len(fields) * 3)
    return [[key, value] for key, value in fields.items()]


# --- time ---------------------------------------------------------------------------------


def _isoformat(_budget: Budget, value: dt.date) -> str:
    return value.isoformat()


def _strftime(budget: Budget, value: dt.date, pattern: object) -> str:
    spec = _text(pattern)
    check_spec(spec)
    return formatted(budget, value, spec)


def _weekday(_budget: Budget, value: dt.date) -> int:
    return value.weekday()


def _isoweekday(_budget: Budget, value: dt.date) -> int:
    return value.isoweekday()


def _day_of(_budget: Budget, value: dt.datetime) -> dt.date:
    return value.date()


def _timestamp(_budget: Budget, value: dt.datetime) -> float:
    return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()


def _total_seconds(_budget: Budget, value: dt.timedelta) -> float:
    return value.total_seconds()


# --- the tables ---------------------------------------------------------------------------

_Table = Mapping[str, Callable[..., object]]

_TEXT: Final[_Table] = {
    "capitalize": _changed(str.capitalize), "casefold": _changed(str.casefold),
    "center": _padded(str.center), "count": _count_text, "endswith": _endswith, "find": _find,
    "index": _index_text, "isalnum": _tested(str.isalnum), "isalpha": _tested(str.isalpha),
    "isdigit": _tested(str.isdigit), "islower": _tested(str.islower),
    "isnumeric": _tested(str.isnumeric), "isspace": _tested(str.isspace),
    "isupper": _tested(str.isupper), "join": _join, "ljust": _padded(str.ljust),
    "lower": _changed(str.lower), "lstrip": _stripped(str.lstrip), "partition": _partition,
    "removeprefix": _removeprefix, "removesuffix": _removesuffix, "replace": _replace,
    "rfind": _rfind, "rjust": _padded(str.rjust), "rpartition": _rpartition, "rsplit": _rsplit,
    "rstrip": _stripped(str.rstrip), "split": _split, "splitlines": _splitlines,
    "startswith": _startswith, "strip": _stripped(str.strip), "title": _changed(str.title),
    "upper": _changed(str.upper), "zfill": _zfill,
}  # fmt: skip
_LIST: Final[_Table] = {"count": _count_list, "index": _index_list}
_OBJECT: Final[_Table] = {"get": _get, "items": _items, "keys": _keys, "values": _values}
_DATE: Final[_Table] = {
    "isoformat": _isoformat, "isoweekday": _isoweekday, "strftime": _strftime, "weekday": _weekday,
}  # fmt: skip
_DATETIME: Final[_Table] = {**_DATE, "date": _day_of, "timestamp": _timestamp}
_DURATION: Final[_Table] = {"total_seconds": _total_seconds}

_TABLES: Final[tuple[tuple[type | tuple[type, ...], _Table], ...]] = (
    (str, _TEXT),
    (Mapping, _OBJECT),
    ((list, tuple, range), _LIST),
    (dt.datetime, _DATETIME),
    (dt.date, _DATE),
    (dt.timedelta, _DURATION),
)

#: Kind of value to the methods that it has.
METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "text": tuple(sorted(_TEXT)),
        "list": tuple(sorted(_LIST)),
        "object": tuple(sorted(_OBJECT)),
        "date": tuple(sorted(_DATE)),
        "datetime": tuple(sorted(_DATETIME)),
        "duration": tuple(sorted(_DURATION)),
    }
)
METHOD_NAMES: Final = frozenset(name for names in METHODS.values() for name in names)


@functools.cache
def arities(name: str) -> frozenset[int]:
    """The numbers of arguments that a method of that name takes, whatever its value is."""
    counts: set[int] = set()
    for _, table in _TABLES:
        if name in table:
            counts.update(_own_arities(table[name]))
    return frozenset(counts)


def usage_of(name: str) -> str:
    """How many arguments a method takes, in words."""
    counts = sorted(arities(name))
    if counts == [0]:
        return "no arguments"
    noun = "argument" if counts == [1] else "arguments"
    return f"{' or '.join(map(str, counts))} {noun}, by position"


def call_method(budget: Budget, value: Any, name: str, *args: object) -> object:
    """``value.name(*args)``.

    Raises:
        Fault: values of this kind have no such method, or it does not take these arguments.
    """
    table = _table_of(value)
    method = table.get(name)
    if method is None:
        raise Fault(f"{kind_of(value)} has no method {name}(){suggestion(name, table)}")
    if len(args) not in _own_arities(method):
        raise Fault(f"{name}() of {kind_of(value)} does not take {len(args)} arguments")
    return method(budget, value, *args)


def _table_of(value: object) -> _Table:
    if type(value) is str:
        return _TEXT
    for kinds, table in _TABLES:
        if isinstance(value, kinds):
            return table
    return {}


@functools.cache
def _own_arities(method: Callable[..., object]) -> range:
    parameters = list(inspect.signature(method).parameters.values())[2:]
    least = sum(parameter.default is parameter.empty for parameter in parameters)
    return range(least, len(parameters) + 1)
