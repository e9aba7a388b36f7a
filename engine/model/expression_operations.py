"""The operators of expressions and templates, bounded: what ``a + b`` or ``a.b`` really calls.

The compiler leaves an operator to Python only where neither its cost nor the size of its
result can surprise; everything else comes here. Each function pays from the budget before it
works, and raises `Fault` with a sentence that names no value.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from engine.model.expression_comparisons import contains, equal, mixing_hint, ordered
from engine.model.expression_values import (
    MAX_INTEGER_BITS,
    Budget,
    Fault,
    MissingFault,
    items_of,
    kind_of,
    shown_key,
    text_of,
)

#: Fields of dates and durations that ``now.year`` and the like may read.
TIME_FIELDS: Final[Mapping[type, frozenset[str]]] = {
    dt.datetime: frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond"}),
    dt.date: frozenset({"year", "month", "day"}),
    dt.timedelta: frozenset({"days", "seconds", "microseconds"}),
}
MAX_WIDTH: Final = 1_000
MAX_PRECISION: Final = 100

_PLAIN_NUMBERS: Final = frozenset({int, float})

# --- looking into values ------------------------------------------------------------------


def field(value: object, name: str) -> object:
    """``value.name``: an entry of an object, or a field of a date. Never a Python attribute.

    Raises:
        MissingFault: there is no such field.
    """
    if type(value) is dict or isinstance(value, Mapping):
        try:
            return value[name]
        except KeyError:
            raise MissingFault(value, name) from None
    for kind, names in TIME_FIELDS.items():
        if isinstance(value, kind):
            if name in names:
                return getattr(value, name)
            raise MissingFault(value, name, sorted(names))
    if value is None:
        raise MissingFault(None, name)
    raise Fault(f"{kind_of(value)} has no fields, so it has no {name!r}")


def item(value: object, key: object) -> object:
    """``value[key]``.

    Raises:
        MissingFault: there is no such key or index.
        Fault: the value has no items, or the key is of the wrong kind.
    """
    if type(value) is dict or isinstance(value, Mapping):
        try:
            return value[key]
        except KeyError:
            raise MissingFault(value, key) from None
        except TypeError:
            raise Fault(f"{kind_of(key)} cannot be a key") from None
    if isinstance(value, (list, tuple, str, range)):
        if not isinstance(key, int):
            raise Fault(f"the index of {kind_of(value)} must be a whole number, not {kind_of(key)}")
        try:
            return value[key]
        except IndexError:
            raise MissingFault(value, key) from None
    if value is None:
        raise MissingFault(None, key)
    raise Fault(f"{kind_of(value)} has no items, so it has no {shown_key(key)}")


def part(budget: Budget, value: object, start: Any, stop: Any, step: Any) -> object:
    """``value[start:stop:step]``, paid for.

    Raises:
        Fault: the value is neither text nor list, or a bound is no whole number.
    """
    for bound in (start, stop, step):
        if bound is not None and not isinstance(bound, int):
            raise Fault(f"the bounds of a slice must be whole numbers, not {kind_of(bound)}")
    if step == 0:
        raise Fault("the step of a slice cannot be 0")
    if not isinstance(value, (list, tuple, range, str)):
        raise Fault(f"{kind_of(value)} cannot be sliced")
    where = slice(start, stop, step)
    length = len(range(*where.indices(len(value))))
    if isinstance(value, str):
        budget.take_text(length)
        return value[where]
    budget.take_items(length)
    return value[where]


# --- arithmetic ---------------------------------------------------------------------------


def add(budget: Budget, left: Any, right: Any) -> object:
    """``left + right`` of numbers, texts, lists, or a date and a duration."""
    if type(left) in _PLAIN_NUMBERS and type(right) in _PLAIN_NUMBERS:
        return left + right
    if isinstance(left, str) and isinstance(right, str):
        budget.take_text(len(left) + len(right))
        return left + right
    if isinstance(left, (list, range)) and isinstance(right, (list, range)):
        budget.take_items(len(left) + len(right))
        return [*left, *right]
    return _arithmetic("+", operator.add, left, right)


def subtract(budget: Budget, left: Any, right: Any) -> object:
    """``left - right`` of numbers, dates, durations or sets."""
    if type(left) in _PLAIN_NUMBERS and type(right) in _PLAIN_NUMBERS:
        return left - right
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        budget.take_items(len(left))
        return left - right
    return _arithmetic("-", operator.sub, left, right)


def multiply(budget: Budget, left: Any, right: Any) -> object:
    """``left * right``; texts and lists are repeated, within limits."""
    if type(left) in _PLAIN_NUMBERS and type(right) in _PLAIN_NUMBERS:
        if type(left) is type(right) is int:
            _check_bits(left.bit_length() + right.bit_length())
        return left * right
    if isinstance(left, int) and isinstance(right, (str, list)):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int):
        budget.take_text(len(left) * max(0, right))
        return left * right
    if isinstance(left, list) and isinstance(right, int):
        budget.take_items(len(left) * max(0, right))
        return left * right
    return _arithmetic("*", operator.mul, left, right)


def divide(_budget: Budget, left: object, right: object) -> object:
    """``left / right``."""
    return _arithmetic("/", operator.truediv, left, right)


def floor_divide(_budget: Budget, left: object, right: object) -> object:
    """``left // right``."""
    return _arithmetic("//", operator.floordiv, left, right)


def modulo(_budget: Budget, left: object, right: object) -> object:
    """``left % right`` of numbers; never Python's formatting of text."""
    return _arithmetic("%", operator.mod, left, right)


def power(_budget: Budget, left: object, right: object) -> object:
    """``left ** right`` of numbers, bounded before it is computed."""
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        raise Fault(_unfit("**", left, right))
    if isinstance(left, int) and isinstance(right, int) and right > 0 and abs(left) > 1:
        # At least so many; at most twice as many, which is small enough to be made.
        _check_bits((abs(left).bit_length() - 1) * right)
    result = left**right
    if isinstance(result, complex):
        raise Fault("a negative number has no real power with a fraction")
    return result


def shift_left(_budget: Budget, left: object, right: object) -> object:
    """``left << right`` of whole numbers, bounded before it is computed."""
    left, right = _shiftable("<<", left, right)
    _check_bits(left.bit_length() + right)
    return left << right


def shift_right(_budget: Budget, left: object, right: object) -> object:
    """``left >> right`` of whole numbers."""
    left, right = _shiftable(">>", left, right)
    return left >> right


def _shiftable(sign: str, left: object, right: object) -> tuple[int, int]:
    if not (isinstance(left, int) and isinstance(right, int)):
        raise Fault(_unfit(sign, left, right))
    if right < 0:
        raise Fault(f"{sign} cannot shift by a negative number")
    return left, right


def unite(budget: Budget, left: object, right: object) -> object:
    """``left | right`` of sets, objects (the right one wins) or whole numbers."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        budget.take_items(len(left) + len(right))
        return {**left, **right}
    return _bits(budget, "|", operator.or_, left, right)


def intersect(budget: Budget, left: object, right: object) -> object:
    """``left & right`` of sets or whole numbers."""
    return _bits(budget, "&", operator.and_, left, right)


def differ(budget: Budget, left: object, right: object) -> object:
    """``left ^ right`` of sets or whole numbers."""
    return _bits(budget, "^", operator.xor, left, right)


def invert(value: object) -> object:
    """``~value`` of a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return ~value
    raise Fault(f"~ needs a whole number, not {kind_of(value)}")


def _bits(
    budget: Budget,
    sign: str,
    function: Callable[[Any, Any], Any],
    left: object,
    right: object,
) -> object:
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        budget.take_items(len(left) + len(right))
        return function(left, right)
    if isinstance(left, int) and isinstance(right, int):
        return function(left, right)
    raise Fault(_unfit(sign, left, right))


_ARITHMETIC: Final = (int, float, dt.date, dt.timedelta)


def _arithmetic(
    sign: str, function: Callable[[Any, Any], Any], left: object, right: object
) -> object:
    if not (isinstance(left, _ARITHMETIC) and isinstance(right, _ARITHMETIC)):
        raise Fault(_unfit(sign, left, right))
    try:
        return function(left, right)
    except TypeError:
        raise Fault(_unfit(sign, left, right)) from None


def _unfit(sign: str, left: object, right: object) -> str:
    kinds = kind_of(left), kind_of(right)
    return f"{sign} does not work on {' and '.join(kinds)}{mixing_hint(set(kinds))}"


def _check_bits(bits: int) -> None:
    if bits > MAX_INTEGER_BITS:
        raise Fault(f"a whole number would have more than {MAX_INTEGER_BITS:,} bits")


# --- comparisons --------------------------------------------------------------------------

_ORDER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBERS: Final = frozenset({int, float, bool})


def compare(budget: Budget, left: Any, sign: str, right: Any) -> bool:
    """One comparison; `sign` is as it is written, for example ``not in``.

    Raises:
        Fault: the two cannot be compared so.
    """
    match sign:
        case "==":
            return equal(budget, left, right)
        case "!=":
            return not equal(budget, left, right)
        case "in":
            return contains(budget, left, right)
        case "not in":
            return not contains(budget, left, right)
        case _:
            test = _ORDER[sign]
            if type(left) in _NUMBERS and type(right) in _NUMBERS:
                return bool(test(left, right))
            return ordered(budget, left, right, test, sign)


def compare_all(budget: Budget, signs: Sequence[str], values: Sequence[object]) -> bool:
    """A chain such as ``a < b <= c``. Every operand has been evaluated, unlike in Python."""
    return all(
        compare(budget, values[index], sign, values[index + 1]) for index, sign in enumerate(signs)
    )


# --- text from values ---------------------------------------------------------------------

_NUMBER_SPEC: Final = re.compile(
    r"(?:(?P<fill>[^{}])?(?P<align>[<>=^]))?[+\- ]?#?0?(?P<width>\d{0,5})[,_]?"
    r"(?:\.(?P<precision>\d{1,5}))?(?P<type>[bdeEfFgGosxX%]?)"
)
_DATE_SPEC: Final = re.compile(r"(?:%[YymdHIMSjAaBbpfzZVuGF%T]|[^%\x00\ud800-\udfff])*")


def check_spec(spec: str) -> None:
    """Refuse a format that could make a huge text or that the platform decides.

    Raises:
        Fault: the format is not one of numbers and texts (``>10.2f``) or dates (``%Y-%m``).
    """
    if len(spec) <= 200 and "%" in spec[:-1] and _DATE_SPEC.fullmatch(spec):
        return
    match = _NUMBER_SPEC.fullmatch(spec)
    if match is None:
        raise Fault(f"the format {shown_key(spec)} is not known")
    if int(match["width"] or 0) > MAX_WIDTH or int(match["precision"] or 0) > MAX_PRECISION:
        raise Fault(f"a format is at most {MAX_WIDTH} wide and {MAX_PRECISION} precise")


def formatted(budget: Budget, value: object, spec: str) -> str:
    """``f"{value:spec}"``.

    Raises:
        Fault: the format does not fit the value.
    """
    check_spec(spec)
    if isinstance(value, (dt.date, dt.datetime)):
        if "%" not in spec:
            value = value.isoformat()
    elif "%" in spec[:-1]:
        raise Fault(f"the format {shown_key(spec)} is for dates, not for {kind_of(value)}")
    elif not isinstance(value, (int, float)):
        value = text_of(budget, value)
    try:
        text = format(value, spec)
    except (ValueError, TypeError):
        raise Fault(f"the format {shown_key(spec)} does not fit {kind_of(value)}") from None
    budget.take_text(len(text))
    return text


def joined(budget: Budget, parts: Sequence[str]) -> str:
    """The parts of an f-string as one text."""
    budget.take_text(sum(map(len, parts)))
    return "".join(parts)


# --- loops ---------------------------------------------------------------------------------


def rounds(budget: Budget, value: object, weight: int, depth: int) -> Sequence[object]:
    """What a loop goes through, paid for.

    Args:
        budget: pays for every round before the first.
        value: what is behind ``in``.
        weight: the steps of one round.
        depth: how many levels the names of the loop unpack.

    Raises:
        Fault: there is nothing to go through, or the steps are used up.
    """
    items = items_of(budget, value, weight + depth)
    if depth:
        _check_order(items, depth)
    return items


def _check_order(items: Sequence[object], depth: int) -> None:
    """Refuse to unpack sets: which member comes first differs from process to process."""
    for item in items:
        if isinstance(item, (set, frozenset)):
            raise Fault("a set cannot be unpacked, for it has no order; use sorted(...)")
        if depth > 1 and isinstance(item, (list, tuple)):
            _check_order(item, depth - 1)
