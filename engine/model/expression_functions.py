"""The functions that expressions and templates may call. Each is bounded and has no effects.

Inside, every function takes the budget of the evaluation first; `FUNCTIONS` offers the same
functions to everyone else, each call with a budget of its own. Methods such as
``text.upper()`` are in `engine.model.expression_methods`.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import GeneratorType, MappingProxyType
from typing import Any, Final

from engine.model.expression_comparisons import OrderFault, equal, hashable, order_key
from engine.model.expression_operations import field
from engine.model.expression_times import to_date, to_datetime, to_duration
from engine.model.expression_values import (
    MAX_INTEGER_BITS,
    MAX_INTEGER_DIGITS,
    MAX_ITEMS,
    Budget,
    Fault,
    items_of,
    json_text,
    kind_of,
    need_number,
    need_text,
    need_whole,
    take_search,
    text_of,
)

#: No decimal places beyond these exist in a float.
MAX_ROUNDING: Final = 400
MAX_INDENT: Final = 8
MAX_STARS: Final = 100

_NUMBERS: Final = frozenset({int, float, bool})


# --- numbers ------------------------------------------------------------------------------


def _len(_budget: Budget, value: object) -> int:
    """How many items, fields or characters there are."""
    if isinstance(value, (str, list, tuple, range, Mapping, set, frozenset)):
        return len(value)
    raise Fault(f"{kind_of(value)} has no length")


def _sum(budget: Budget, items: object, start: object = 0, *, key: object = None) -> object:
    """The sum of numbers or durations; `key` names the field to add up."""
    values: Sequence[Any] = _keyed(budget, items, key)
    if all(type(value) in _NUMBERS for value in values) and isinstance(start, (int, float)):
        return sum(values, start)
    if values and all(isinstance(value, dt.timedelta) for value in values):
        return sum(values, start if isinstance(start, dt.timedelta) else dt.timedelta())
    odd = next((value for value in [start, *values] if type(value) not in _NUMBERS), None)
    raise Fault(f"sum() needs numbers, not {kind_of(odd)}")


def _min(budget: Budget, *values: object, key: object = None, default: object = ...) -> object:
    """The least of its arguments, or of one list; `key` names the field to compare."""
    return _extreme(budget, "min", values, key, default)


def _max(budget: Budget, *values: object, key: object = None, default: object = ...) -> object:
    """The greatest of its arguments, or of one list; `key` names the field to compare."""
    return _extreme(budget, "max", values, key, default)


def _extreme(
    budget: Budget, name: str, values: Sequence[object], key: object, default: object
) -> object:
    items = items_of(budget, values[0]) if len(values) == 1 else values
    if not items:
        if default is ...:
            raise Fault(f"{name}() of an empty list needs a default")
        return default
    pick = min if name == "min" else max
    keys = _order_keys(budget, items, key)
    try:
        return items[pick(range(len(items)), key=keys.__getitem__)]
    except TypeError:
        raise OrderFault(_mixed(name, items)) from None


def _abs(_budget: Budget, value: object) -> object:
    """The value without its sign."""
    return abs(value) if isinstance(value, dt.timedelta) else abs(need_number(value, "abs"))


def _round(_budget: Budget, number: object, digits: object = None) -> object:
    """The number rounded to whole, or to so many decimal places (half to even)."""
    value = need_number(number, "round")
    if digits is None:
        return round(value)
    places = need_whole(digits, "round")
    if abs(places) > MAX_ROUNDING:
        raise Fault(f"round() takes at most {MAX_ROUNDING} digits")
    return round(value, places)


def _floor(_budget: Budget, number: object) -> int:
    """The next whole number downwards."""
    return math.floor(need_number(number, "floor"))


def _ceil(_budget: Budget, number: object) -> int:
    """The next whole number upwards."""
    return math.ceil(need_number(number, "ceil"))


def _int(_budget: Budget, value: object = 0, base: object = 10) -> int:
    """A whole number from text (in a base from 2 to 36) or a number, cut towards zero."""
    if isinstance(value, (int, float)):
        return int(value)
    if not isinstance(value, str):
        raise Fault(f"int() needs text or a number, not {kind_of(value)}")
    radix = need_whole(base, "int")
    if not 2 <= radix <= 36 or len(value) > MAX_INTEGER_DIGITS:
        raise Fault(f"int() needs a base from 2 to 36 and at most {MAX_INTEGER_DIGITS:,} digits")
    try:
        number = int(value, radix)
    except ValueError:
        raise Fault("int() needs text that is a whole number") from None
    if number.bit_length() > MAX_INTEGER_BITS:
        raise Fault(f"a whole number would have more than {MAX_INTEGER_BITS:,} bits")
    return number


def _float(_budget: Budget, value: object = 0.0) -> float:
    """A number with decimal places from text or a number."""
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        raise Fault(f"float() needs text or a number, not {kind_of(value)}")
    try:
        number = float(value[: MAX_INTEGER_DIGITS + 1])
    except ValueError:
        raise Fault("float() needs text that is a number") from None
    if not math.isfinite(number) or len(value) > MAX_INTEGER_DIGITS:
        raise Fault("float() needs text that is a finite number")
    return number


# --- text ---------------------------------------------------------------------------------


def _str(budget: Budget, value: object = "") -> str:
    """The value as text; lists and objects as JSON."""
    return text_of(budget, value)


def _lower(budget: Budget, text: object) -> str:
    """The text in small letters."""
    result = need_text(text, "lower").lower()
    budget.take_text(len(result))
    return result


def _upper(budget: Budget, text: object) -> str:
    """The text in capital letters."""
    result = need_text(text, "upper").upper()
    budget.take_text(len(result))
    return result


def _matches(budget: Budget, pattern: object, text: object) -> bool:
    """Whether the whole text fits the pattern, in which ``*`` stands for any text.

    No regular expressions: their cost cannot be bounded.
    """
    first, *rest = need_text(pattern, "matches").split("*", MAX_STARS)
    subject = need_text(text, "matches")
    if not rest:
        return equal(budget, first, subject)
    *middle, last = rest
    if "*" in last:
        raise Fault(f"matches() takes at most {MAX_STARS} stars")
    # One pass over the subject in all: each piece is looked for behind the one before.
    take_search(budget, subject, max(middle, key=len, default=""))
    end = len(subject) - len(last)
    if end < len(first) or not (subject.startswith(first) and subject.endswith(last)):
        return False
    position = len(first)
    for piece in middle:  # each at its first place: leaves the most for those that follow
        position = subject.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True


def _json(budget: Budget, value: object, indent: object = None) -> str:
    """The value as JSON text."""
    if indent is None:
        return json_text(budget, value)
    width = need_whole(indent, "json")
    if not 0 <= width <= MAX_INDENT:
        raise Fault(f"json() indents by 0 to {MAX_INDENT} spaces")
    return json_text(budget, value, indent=width)


def _parse_json(budget: Budget, text: object) -> object:
    """The value that a JSON text stands for."""
    source = need_text(text, "parse_json")
    budget.take_text(len(source))
    # Each value needs a character at least, and most of them a separator.
    budget.take(source.count(",") + source.count("[") + source.count("{"))
    try:
        value = json.loads(source, parse_constant=_refuse_constant)
    except Fault:
        raise
    except json.JSONDecodeError as error:
        raise Fault(f"parse_json() met no JSON at character {error.pos}") from None
    except ValueError:
        raise Fault("parse_json() met a number that is too long") from None
    if "\\u" in source:
        _refuse_halves(value)
    return value


def _refuse_constant(name: str) -> object:
    raise Fault(f"parse_json() met {name}, which JSON does not know")


def _refuse_halves(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Fault("parse_json() met half a character (a lone surrogate)") from None


def _digest(budget: Budget, value: object) -> str:
    """The SHA-256 of the value's JSON with sorted keys, as 64 hexadecimal digits."""
    return hashlib.sha256(json_text(budget, value, canonical=True).encode()).hexdigest()


# --- lists and objects --------------------------------------------------------------------


def _keyed(budget: Budget, items: object, key: object) -> Sequence[object]:
    values = items_of(budget, items)
    return values if key is None else [field(value, need_text(key, "key")) for value in values]


def _order_keys(budget: Budget, items: Sequence[object], key: object) -> Sequence[Any]:
    values = items if key is None else [field(value, need_text(key, "key")) for value in items]
    if all(type(value) in _NUMBERS for value in values):
        return values
    return [order_key(budget, value) for value in values]


def _mixed(name: str, items: Sequence[object]) -> str:
    kinds = sorted({kind_of(item) for item in items[:1_000]})
    return f"{name}() cannot order {' and '.join(kinds)}"


def _sorted(
    budget: Budget, items: object, *, key: object = None, reverse: object = False
) -> list[object]:
    """The items in order, those of equal rank as they came; `key` names the field to sort by."""
    values = items_of(budget, items, 2)
    keys = _order_keys(budget, values, key)
    try:
        order = sorted(range(len(values)), key=keys.__getitem__, reverse=bool(reverse))
    except TypeError:
        raise OrderFault(_mixed("sorted", values)) from None
    return [values[index] for index in order]


def _reversed(budget: Budget, items: object) -> list[object]:
    """The items from the last to the first."""
    return list(items_of(budget, items))[::-1]


def _any(budget: Budget, items: object) -> bool:
    """Whether at least one item is true; stops at the first."""
    return any(_lazy(budget, items))


def _all(budget: Budget, items: object) -> bool:
    """Whether every item is true; stops at the first that is not."""
    return all(_lazy(budget, items))


def _lazy(budget: Budget, items: object) -> Iterator[object]:
    # Only the compiler makes generators, and only as the argument of these two.
    return items if isinstance(items, GeneratorType) else iter(items_of(budget, items))


def _bool(_budget: Budget, value: object = False) -> bool:  # noqa: FBT002 - Python's own signature
    """Whether the value is neither empty, zero, false nor null."""
    return bool(value)


def _list(budget: Budget, items: object = ()) -> list[object]:
    """The items as a list; of an object its keys, of a set its members in order."""
    return list(items_of(budget, items))


def _set(budget: Budget, items: object = ()) -> set[object]:
    """The different items."""
    return {hashable(item) for item in items_of(budget, items, 2)}


def _dict(budget: Budget, items: object = (), /, **fields: object) -> dict[object, object]:
    """An object from another one, or from pairs of key and value, and from named fields."""
    if isinstance(items, Mapping):
        budget.take_items(len(items) * 2)
        return {**items, **fields}
    result: dict[object, object] = {}
    for pair in items_of(budget, items, 2):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise Fault("dict() needs pairs of a key and a value")
        result[hashable(pair[0])] = pair[1]
    return result | fields


def _zip(budget: Budget, *lists: object) -> list[object]:
    """Lists of the first items, of the second items and so on, as far as the shortest goes."""
    columns = [items_of(budget, column, 2) for column in lists]
    return [list(row) for row in zip(*columns, strict=False)]


def _enumerate(budget: Budget, items: object, start: object = 0) -> list[object]:
    """Lists of number and item."""
    first = need_whole(start, "enumerate")
    return [[index, value] for index, value in enumerate(items_of(budget, items, 3), first)]


def _range(_budget: Budget, start: object, stop: object = None, step: object = 1) -> range:
    """Whole numbers from `start` to before `stop`; with one argument, from 0."""
    first, last = (0, start) if stop is None else (start, stop)
    jump = need_whole(step, "range")
    if jump == 0:
        raise Fault("range() cannot step by 0")
    numbers = range(need_whole(first, "range"), need_whole(last, "range"), jump)
    if numbers and abs(numbers[-1] - numbers[0]) // abs(jump) >= MAX_ITEMS:
        raise Fault(f"range() makes at most {MAX_ITEMS:,} numbers")
    return numbers


def _unique(budget: Budget, items: object) -> list[object]:
    """The items without repetitions, each at its first place."""
    seen: set[object] = set()
    result: list[object] = []
    for item in items_of(budget, items, 2):
        # A list or an object is known by its text: equal ones have equal texts.
        if isinstance(item, (list, tuple, range, Mapping, set, frozenset)):
            mark: object = (json_text(budget, item, canonical=True),)
        else:
            mark = hashable(item)
        if mark not in seen:
            seen.add(mark)
            result.append(item)
    return result


def _flatten(budget: Budget, items: object) -> list[object]:
    """One list of the items of all lists, one level deep; other items stay as they are."""
    result: list[object] = []
    for item in items_of(budget, items):
        if isinstance(item, (list, tuple, range)):
            budget.take_items(len(item))
            result.extend(item)
        else:
            result.append(item)
    return result


def _coalesce(_budget: Budget, *values: object) -> object:
    """The first value that exists and is not null, or null; a missing key counts as null."""
    return next((value for value in values if value is not None), None)


def _kind(_budget: Budget, value: object) -> str:
    """One of null, boolean, number, text, list, object, set, date, datetime, duration."""
    names = {
        "true or false": "boolean",
        "a date and time": "datetime",
    }
    kind = kind_of(value)
    return names.get(kind, kind.removeprefix("an ").removeprefix("a "))


# --- the tables ---------------------------------------------------------------------------

_BUILT_IN: Final[tuple[Callable[..., object], ...]] = (
    _abs, _all, _any, _bool, _ceil, _coalesce, _dict, _digest, _enumerate, _flatten, _float,
    _floor, _int, _json, _kind, _len, _list, _lower, _matches, _max, _min, _parse_json, _range,
    _reversed, _round, _set, _sorted, _str, _sum, _unique, _upper, _zip,
)  # fmt: skip

#: Name to the function that takes the budget first; what compiled code calls.
BUDGETED: Final[Mapping[str, Callable[..., object]]] = MappingProxyType(
    {
        **{function.__name__[1:]: function for function in _BUILT_IN},
        "date": to_date,
        "datetime": to_datetime,
        "duration": to_duration,
        "tuple": _list,
    }
)


def _offered(name: str, function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def call(*args: object, **fields: object) -> object:
        return function(Budget(), *args, **fields)

    call.__name__ = call.__qualname__ = name
    call.__signature__ = _visible(function)  # type: ignore[attr-defined] # inspect reads it
    return call


def _visible(function: Callable[..., object]) -> inspect.Signature:
    own = list(inspect.signature(function).parameters.values())[1:]
    return inspect.Signature(
        [parameter.replace(annotation=inspect.Parameter.empty) for parameter in own]
    )


#: Name to a function that anyone may call; signature and docstring serve completion and help.
FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = MappingProxyType(
    {name: _offered(name, BUDGETED[name]) for name in sorted(BUDGETED)}
)


@functools.cache
def signature(name: str) -> inspect.Signature:
    """How a function of `FUNCTIONS` is called."""
    return inspect.signature(FUNCTIONS[name])
