"""The values that expressions and templates work on, and the budget that bounds the work.

Here: limits, the step budget, the fault that helpers raise, and the walks over values
(text, JSON, what leaves an expression). Nothing here knows syntax trees.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

#: Steps that one evaluation may take. One step is an item visited or made, or
#: `CHARACTERS_PER_STEP` characters made; a loop also pays for the size of its body.
MAX_STEPS: Final = 1_000_000
CHARACTERS_PER_STEP: Final = 32
#: The longest text, and the longest list, that an operation may make.
MAX_TEXT: Final = 10_000_000
MAX_ITEMS: Final = 1_000_000
#: Just under the 4,300 digits at which Python itself refuses to write a number.
MAX_INTEGER_BITS: Final = 4_096
MAX_INTEGER_DIGITS: Final = 1_234
#: How many values, counted as often as they are mentioned, a result may hold.
MAX_RESULT_ITEMS: Final = 5_000_000

_LONGEST_KEY: Final = 60  # that a message shows
_UNITS: Final = frozenset({int, bool, type(None)})  # atoms that are JSON whatever their value


class Fault(ValueError):
    """What went wrong, without a place. The evaluation adds the source and the column.

    The message never holds a value, for a value may be a secret: only kinds, limits and keys.
    """


class MissingFault(Fault):
    """A key or an index does not exist, or there is nothing to look into.

    Its sentence is made when it is read: `coalesce` never reads it.
    """

    def __init__(self, value: object, key: object, known: Iterable[object] = ()) -> None:
        super().__init__()
        self._value = value
        self._key = key
        self._known = known

    def __str__(self) -> str:
        key = shown_key(self._key)
        if isinstance(self._value, Mapping):
            return f"there is no {key}{suggestion(self._key, self._value)}"
        if isinstance(self._value, (list, tuple, str, range)):
            return f"index {key} is beyond {len(self._value)} items"
        return f"{kind_of(self._value)} has no {key}{suggestion(self._key, self._known)}"


class TemplateFault(Fault):
    """What is wrong with a template, and in which of its lines (from 1)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Budget:
    """Counts the steps of one evaluation down."""

    __slots__ = ("steps",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps

    def take(self, steps: int) -> None:
        """Use up steps.

        Raises:
            Fault: there are not so many left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise Fault(
                f"the evaluation needs more than its {MAX_STEPS:,} steps; work on less data"
            )

    def take_text(self, length: int) -> None:
        """Use up the steps that a text of that length costs.

        Raises:
            Fault: the text is too long, or the steps are used up.
        """
        if length > MAX_TEXT:
            raise Fault(f"the text would have more than {MAX_TEXT:,} characters")
        self.take(1 + length // CHARACTERS_PER_STEP)

    def take_items(self, count: int) -> None:
        """Use up the steps that a list of that length costs.

        Raises:
            Fault: the list is too long, or the steps are used up.
        """
        if count > MAX_ITEMS:
            raise Fault(f"the list would have more than {MAX_ITEMS:,} items")
        self.take(1 + count)


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (str, "text"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (Mapping, "an object"),
    ((list, tuple, range), "a list"),
    ((set, frozenset), "a set"),
    (dt.datetime, "a date and time"),
    (dt.date, "a date"),
    (dt.timedelta, "a duration"),
)


def kind_of(value: object) -> str:
    """What a value is, in the words of error messages."""
    if value is None:
        return "null"
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return f"a value of type {type(value).__name__}"


def suggestion(name: object, known: Iterable[object]) -> str:
    """`` ; did you mean 'total'?`` or what there is, or nothing when there is nothing."""
    # Only a failing evaluation pays for this import.
    import difflib  # noqa: PLC0415 - as said above

    # Comparing costs the product of the lengths: neither many keys nor long ones.
    names = [key for key in itertools.islice(known, 1_000) if isinstance(key, str)]
    names = [key for key in names if len(key) <= _LONGEST_KEY]
    if not isinstance(name, str) or not names:
        return ""
    close = difflib.get_close_matches(name[:_LONGEST_KEY], names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    shown = ", ".join(repr(key) for key in names[:5])
    return f"; there is {shown}" + (", ..." if len(names) > 5 else "")


def shown_key(key: object) -> str:
    """A key for a message: short, and no container."""
    if isinstance(key, str) and len(key) > _LONGEST_KEY:
        return repr(key[: _LONGEST_KEY - 3] + "...")
    if isinstance(key, int) and key.bit_length() > 128:
        return "so large a number"
    return repr(key) if isinstance(key, (str, int, float, bool, type(None))) else kind_of(key)


def need_text(value: object, name: str) -> str:
    """The value, which a function of that name needs to be text.

    Raises:
        Fault: it is not.
    """
    if isinstance(value, str):
        return value
    raise Fault(f"{name}() needs text, not {kind_of(value)}")


def need_whole(value: object, name: str) -> int:
    """The value, which a function of that name needs to be a whole number.

    Raises:
        Fault: it is not.
    """
    if isinstance(value, int):
        return value
    raise Fault(f"{name}() needs a whole number, not {kind_of(value)}")


def need_number(value: object, name: str) -> int | float:
    """The value, which a function of that name needs to be a number.

    Raises:
        Fault: it is not.
    """
    if isinstance(value, (int, float)):
        return value
    raise Fault(f"{name}() needs a number, not {kind_of(value)}")


# --- walking over values ------------------------------------------------------------------


def set_items(values: Iterable[object]) -> list[object]:
    """The members of a set in one order that does not depend on the process."""
    return sorted(values, key=_rank)


def _rank(value: object) -> tuple[int, object]:
    match value:
        case None:
            return (0, 0)
        case bool():
            return (1, value)
        case int() | float():
            return (2, value)
        case str():
            return (3, value)
        case dt.datetime():
            return (4, value.isoformat())
        case dt.date():
            return (5, value.isoformat())
        case dt.timedelta():
            return (6, value)
        case _:
            raise Fault(f"a set cannot hold {kind_of(value)}")


def items_of(budget: Budget, value: object, weight: int = 1) -> Sequence[object]:
    """The items of a list, the keys of an object, the characters of a text; paid for.

    Args:
        budget: pays `weight` for each item, before the first is seen.
        value: what to go through. Sets come in one order, whatever the process.
        weight: what the caller does with each item, in steps.

    Raises:
        Fault: the value has no items, or the steps are used up.
    """
    if isinstance(value, (list, range, str, tuple)):
        budget.take(len(value) * weight)
        return value
    if isinstance(value, Mapping):
        budget.take(len(value) * weight)
        return list(value)
    if isinstance(value, (set, frozenset)):
        budget.take(len(value) * (weight + 1))
        return set_items(value)
    raise Fault(f"{kind_of(value)} has no items to go through")


def text_of(budget: Budget, value: object) -> str:
    """A value as text: as Python writes atoms, ISO 8601 for dates, JSON for the rest.

    Raises:
        Fault: the text would be too long, or the value has none.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    value = plain(budget, value)
    return value if isinstance(value, str) else json_text(budget, value)


def json_text(
    budget: Budget, value: object, *, indent: int | None = None, canonical: bool = False
) -> str:
    """A value as JSON text.

    Args:
        budget: pays for the values and the characters.
        value: anything an expression can make.
        indent: spaces per level, or None for one line.
        canonical: sorted keys and no spaces, so that equal values have equal texts.

    Raises:
        Fault: the text would be too long, or the value is not JSON.
    """
    checked = plain(budget, value)
    separators = (",", ":") if canonical else None
    text = json.dumps(
        checked,
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        sort_keys=canonical,
        separators=separators,
    )
    budget.take_text(len(text))
    return text


def plain(budget: Budget, value: Any) -> object:
    """The value as JSON knows it: sets sorted, dates as ISO 8601, durations in seconds.

    What is already plain is handed back itself, not a copy.

    Raises:
        Fault: a number is not finite, a key is no text, or the value is too large.
    """
    kind = type(value)
    if kind is str:
        budget.take(1 + len(value) // CHARACTERS_PER_STEP)
        return value
    if kind in _UNITS:
        return value
    if kind is float:
        return _finite(value)
    if kind is list:
        return _plain_items(budget, value)
    if kind is dict:
        return _plain_fields(budget, value)
    return _plain_other(budget, value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Fault("a number became infinite or undefined")
    return value


def _plain_items(budget: Budget, items: list[object]) -> list[object]:
    budget.take(1 + len(items))
    changed: list[object] | None = None
    for index, item in enumerate(items):
        if type(item) in _UNITS:
            continue
        clean = plain(budget, item)
        if clean is not item:
            if changed is None:
                changed = items.copy()
            changed[index] = clean
    return items if changed is None else changed


def _plain_fields(budget: Budget, fields: dict[object, object]) -> dict[object, object]:
    budget.take(1 + len(fields))
    changed: dict[object, object] | None = None
    for key, item in fields.items():
        if type(key) is not str and not isinstance(key, str):
            raise Fault(f"the keys of an object must be text, not {kind_of(key)}; use str(...)")
        if type(item) in _UNITS:
            continue
        clean = plain(budget, item)
        if clean is not item:
            if changed is None:
                changed = fields.copy()
            changed[key] = clean
    return fields if changed is None else changed


def _plain_other(budget: Budget, value: object) -> object:
    match value:
        case dt.date():  # a datetime is one too
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case set() | frozenset():
            budget.take(len(value))
            return _plain_items(budget, set_items(value))
        case tuple() | range():
            budget.take_items(len(value))
            return _plain_items(budget, list(value))
        case Mapping():
            budget.take_items(len(value))
            return _plain_fields(budget, dict(value))
        case bool() | int() | str():
            return value  # of a subclass
        case float():
            return _finite(value)
        case _:
            raise Fault(f"the result holds {kind_of(value)}, which JSON cannot hold")


def take_search(budget: Budget, text: str, needle: str, *, backwards: bool = False) -> None:
    """Pay for looking for a text in a text.

    CPython searches long texts in linear time, short ones and backwards by trial
    (Objects/stringlib/fastsearch.h), where the two lengths multiply.
    """
    length, width = len(text), len(needle)
    by_trial = backwards or length < 2_500 or (width < 100 and length < 30_000) or width < 6
    cost = length // CHARACTERS_PER_STEP
    budget.take(1 + (max(cost, length * width // 1_000) if by_trial else cost))
