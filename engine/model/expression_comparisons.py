"""Equality, order and membership of the values of expressions, paid for pair by pair."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from engine.model.expression_values import (
    CHARACTERS_PER_STEP,
    Budget,
    Fault,
    kind_of,
    take_search,
)

#: Above this, a walk in C could cost more than its step pays for.
LONG_TEXT: Final = 256

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})
_NUMBERS: Final = frozenset({int, float})
_HASH_MODULUS: Final = sys.hash_info.modulus


class OrderFault(Fault):
    """A value has no place in an order."""


def equal(budget: Budget, left: object, right: object) -> bool:
    """Whether two values are equal; pays for every pair that is looked at.

    Python's own ``==`` walks lists in C, where shared parts make it exponential.
    """
    if left is right:
        return True
    if isinstance(left, (list, tuple, range)) and isinstance(right, (list, tuple, range)):
        return _equal_items(budget, left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        if len(left) != len(right):
            return False
        budget.take(1 + len(left))
        return all(key in right and equal(budget, left[key], right[key]) for key in left)
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        budget.take(1 + len(left))
        return left == right
    if isinstance(left, str) and isinstance(right, str):
        if len(left) != len(right):
            return False
        budget.take(1 + len(left) // CHARACTERS_PER_STEP)
        return left == right
    if isinstance(left, _CONTAINERS) or isinstance(right, _CONTAINERS):
        return False
    return bool(left == right)


def _equal_items(budget: Budget, left: Sequence[object], right: Sequence[object]) -> bool:
    if len(left) != len(right):
        return False
    budget.take(1 + len(left))
    for a, b in zip(left, right, strict=True):
        if a is b or (type(a) in _NUMBERS and type(b) in _NUMBERS and a == b):
            continue
        if not equal(budget, a, b):
            return False
    return True


_CONTAINERS: Final = (list, tuple, range, Mapping, set, frozenset)


def contains(budget: Budget, item: object, container: object) -> bool:
    """Whether a text, list, object or set holds an item; paid for.

    Raises:
        Fault: the container is none, or a text is asked for something else than text.
    """
    if isinstance(container, str):
        if not isinstance(item, str):
            raise Fault(f"text can only contain text, not {kind_of(item)}")
        take_search(budget, container, item)
        return item in container
    if isinstance(container, (Mapping, set, frozenset)):
        budget.take(1)
        return hashable(item) in container
    if isinstance(container, (list, tuple, range)):
        budget.take(1 + len(container))
        if type(item) in _ATOMS and not (isinstance(item, str) and len(item) > LONG_TEXT):
            return item in container
        return any(equal(budget, item, other) for other in container)
    raise Fault(f"{kind_of(container)} cannot contain anything")


def hashable(value: object) -> object:
    """The value, which may be a key.

    Raises:
        Fault: it is a list, an object or a set, or a number so large that others can be made
            with the same hash, which would make every table of them slow.
    """
    if isinstance(value, _CONTAINERS):
        raise Fault(f"{kind_of(value)} cannot be a key or a member of a set")
    if isinstance(value, int) and abs(value) >= _HASH_MODULUS:
        raise Fault("so large a number cannot be a key or a member of a set; use str(...)")
    return value


def order_key(budget: Budget, value: object) -> object:
    """What stands for a value in comparisons: an atom, or a tree of tuples without sharing.

    Raises:
        Fault: the value has no order, or the steps are used up.
    """
    if isinstance(value, str):
        budget.take(1 + len(value) // CHARACTERS_PER_STEP)
        return value
    if isinstance(value, (int, float, dt.date, dt.timedelta)):
        return value
    if isinstance(value, (list, tuple, range)):
        budget.take(1 + len(value))
        return tuple([order_key(budget, item) for item in value])
    raise OrderFault(f"{kind_of(value)} has no order")


def ordered(
    budget: Budget, left: object, right: object, test: Callable[[Any, Any], bool], sign: str
) -> bool:
    """Whether ``left < right`` (or as `test` says) holds.

    Raises:
        Fault: the two cannot be compared.
    """
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        budget.take(1 + len(left))
        return test(left, right)
    try:
        return test(order_key(budget, left), order_key(budget, right))
    except (TypeError, OrderFault):
        raise OrderFault(
            f"{sign} cannot compare {kind_of(left)} with {kind_of(right)}"
            f"{mixing_hint({kind_of(left), kind_of(right)})}"
        ) from None


def mixing_hint(kinds: AbstractSet[str]) -> str:
    """What to do about two kinds (see `kind_of`) that do not go together, or nothing."""
    if "a date and time" in kinds and kinds & {"text", "a date"}:
        return "; make both a date and time with datetime(...)"
    if kinds == {"a date", "text"}:
        return "; make both a date with date(...)"
    if kinds == {"a number", "text"}:
        return "; make both text with str(...), or a number with int(...) or float(...)"
    return ""
