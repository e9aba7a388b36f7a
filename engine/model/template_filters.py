"""The filters and tests of text templates: ``{{ value|name(arguments) }}``, ``value is name``.

The names are Jinja's where it has them, so that its documentation helps; all are our own, take
the budget first, and are bounded. `default` and the test `defined` are in `template_sandbox`,
for only there is something undefined.
"""

from __future__ import annotations

import decimal
import html
import math
import re
import urllib.parse
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from engine.model import expression_operations as operations
from engine.model.expression_comparisons import contains, equal
from engine.model.expression_functions import BUDGETED
from engine.model.expression_methods import call_method
from engine.model.expression_times import to_datetime
from engine.model.expression_values import (
    MAX_ITEMS,
    Budget,
    Fault,
    MissingFault,
    items_of,
    kind_of,
    need_number,
    need_text,
    need_whole,
    text_of,
)

MAX_DECIMALS: Final = 30
_DAY: Final = "%Y-%m-%d"
_MOMENT: Final = "%Y-%m-%d %H:%M"
#: ``%d %5.2f %-10s %%``; no ``*``, so that every width is written out.
_PERCENT: Final = re.compile(r"%(?:%|[-+ 0#]{0,5}(\d{0,4})(?:\.(\d{0,3}))?[sdiufeEgGxX])")
_NOT_PERCENT: Final = re.compile(r"%(?!%|[-+ 0#]{0,5}\d{0,4}(?:\.\d{0,3})?[sdiufeEgGxX])")


def _function(name: str) -> Callable[..., Any]:
    return BUDGETED[name]


def _method(name: str) -> Callable[..., Any]:
    def run(budget: Budget, value: object, *args: object) -> object:
        return call_method(budget, text_of(budget, value), name, *args)

    return run


def _object_method(name: str) -> Callable[..., Any]:
    def run(budget: Budget, value: object) -> object:
        return call_method(budget, value, name)

    return run


# --- text ---------------------------------------------------------------------------------


def _center(budget: Budget, value: object, width: object = 80) -> object:
    return call_method(budget, text_of(budget, value), "center", width)


def _escape(budget: Budget, value: object) -> str:
    text = html.escape(text_of(budget, value))
    budget.take_text(len(text))
    return text


def _urlencode(budget: Budget, value: object) -> str:
    if isinstance(value, Mapping):
        pairs = [(str(key), text_of(budget, item)) for key, item in value.items()]
        text = urllib.parse.urlencode(pairs)
    else:
        text = urllib.parse.quote(text_of(budget, value))
    budget.take_text(len(text))
    return text


def _indent(
    budget: Budget, value: object, width: object = 4, first: object = None, blank: object = None
) -> str:
    text = text_of(budget, value)
    pad = width if isinstance(width, str) else " " * min(need_whole(width, "indent"), 1_000)
    budget.take_text(len(text) + (text.count("\n") + 1) * len(pad))
    lines = text.split("\n", MAX_ITEMS)
    indented = [pad + line if line.strip() or blank else line for line in lines]
    return "\n".join(indented if first else [lines[0], *indented[1:]])


def _truncate(
    budget: Budget,
    value: object,
    length: object = 255,
    killwords: object = None,
    end: object = "...",
) -> str:
    text, most, tail = (
        text_of(budget, value),
        need_whole(length, "truncate"),
        need_text(end, "truncate"),
    )
    budget.take_text(min(len(text), max(0, most)) + len(tail))
    if len(text) <= most:
        return text
    kept = text[: max(0, most - len(tail))]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + tail


def _wordcount(budget: Budget, value: object) -> int:
    words = call_method(budget, text_of(budget, value), "split")
    return len(words) if isinstance(words, list) else 0


def _format(budget: Budget, value: object, *args: object) -> str:
    pattern = need_text(value, "format")
    budget.take_text(len(pattern))
    if _NOT_PERCENT.search(re.sub("%%", "", pattern)):
        raise Fault("format() knows only %s, %d, %f and the like, with a width written out")
    width = 0
    for match in _PERCENT.finditer(pattern):
        width += int(match[1] or 0)
        if (
            int(match[1] or 0) > operations.MAX_WIDTH
            or int(match[2] or 0) > operations.MAX_PRECISION
        ):
            raise Fault("format() was given a width or a precision that is too large")
    values = tuple(arg if isinstance(arg, (int, float)) else text_of(budget, arg) for arg in args)
    budget.take_text(
        len(pattern) + width + sum(len(v) if isinstance(v, str) else 400 for v in values)
    )
    try:
        return pattern % values
    except (TypeError, ValueError):
        raise Fault("the arguments of format() do not fit its text") from None


# --- numbers and dates --------------------------------------------------------------------


def _number(
    budget: Budget,
    value: object,
    decimals: object = None,
    thousands: object = ",",
    point: object = ".",
) -> str:
    """The number with separators; `decimals` rounds it, half away from zero."""
    number = need_number(value, "number")
    digits = None if decimals is None else need_whole(decimals, "number")
    if digits is not None and not 0 <= digits <= MAX_DECIMALS:
        raise Fault(f"number() and money() show 0 to {MAX_DECIMALS} decimal places")
    text = f"{_rounded(number, digits):,f}"
    separator, comma = need_text(thousands, "number")[:10], need_text(point, "number")[:10]
    text = text.replace(",", "\0").replace(".", comma).replace("\0", separator)
    budget.take_text(len(text))
    return text


def _rounded(number: float, digits: int | None) -> decimal.Decimal:
    with decimal.localcontext() as context:
        context.prec = 2_000  # more than any number of an expression has
        try:
            exact = decimal.Decimal(str(number))
            if not exact.is_finite():
                raise Fault("number() needs a finite number")
            if digits is None:
                return exact
            return exact.quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_HALF_UP)
        except decimal.InvalidOperation:
            raise Fault("number() needs a finite number") from None


def _money(budget: Budget, value: object, currency: object = "EUR", decimals: object = 2) -> str:
    amount = _number(budget, value, decimals)
    return f"{amount} {need_text(currency, 'money')[:20]}".rstrip()


def _date(budget: Budget, value: object, pattern: object = _DAY) -> str:
    return operations.formatted(budget, to_datetime(budget, value), need_text(pattern, "date"))


def _datetime(budget: Budget, value: object, pattern: object = _MOMENT) -> str:
    return _date(budget, value, pattern)


def _int(budget: Budget, value: object, default: object = ..., base: object = 10) -> object:
    return _or_default(lambda: _function("int")(budget, value, base), default)


def _float(budget: Budget, value: object, default: object = ...) -> object:
    return _or_default(lambda: _function("float")(budget, value), default)


def _or_default(convert: Callable[[], object], default: object) -> object:
    try:
        return convert()
    except (Fault, OverflowError, ValueError):
        if default is ...:
            raise
        return default


def _round(
    _budget: Budget, value: object, precision: object = 0, method: object = "common"
) -> object:
    number, digits = need_number(value, "round"), need_whole(precision, "round")
    if not 0 <= digits <= MAX_DECIMALS or method not in {"common", "ceil", "floor"}:
        raise Fault(f"round() takes 0 to {MAX_DECIMALS} digits, and common, ceil or floor")
    if method == "common":
        return round(number, digits)
    factor = 10**digits
    cut = math.floor(number * factor) if method == "floor" else math.ceil(number * factor)
    return cut / factor


# --- lists and objects --------------------------------------------------------------------


def _path(value: object, path: object) -> object:
    """``a.b.0`` of a value: how `map`, `sort` and the like name what they look at."""
    for name in need_text(path, "attribute").split(".", 20):
        if name.startswith("_"):
            raise Fault("an attribute begins with an underscore")
        if name.isdecimal() and len(name) < 10:
            value = operations.item(value, int(name))
        else:
            value = operations.field(value, name)
    return value


def _picked(budget: Budget, value: object, attribute: object, weight: int = 2) -> list[Any]:
    items = items_of(budget, value, weight)
    return [*items] if attribute is None else [_path(item, attribute) for item in items]


def _first(budget: Budget, value: object) -> object:
    items = items_of(budget, value)
    if not items:
        raise Fault("first() of an empty list; test its length before")
    return items[0]


def _last(budget: Budget, value: object) -> object:
    items = items_of(budget, value)
    if not items:
        raise Fault("last() of an empty list; test its length before")
    return items[-1]


def _join(
    budget: Budget, value: object, separator: object = "", attribute: object = None
) -> object:
    return call_method(
        budget, need_text(separator, "join"), "join", _picked(budget, value, attribute)
    )


def _sort(
    budget: Budget,
    value: object,
    reverse: object = None,
    case_sensitive: object = None,
    attribute: object = None,
) -> list[object]:
    items = items_of(budget, value, 2)
    keys = _picked(budget, items, attribute)
    if not case_sensitive:
        keys = [key.lower() if isinstance(key, str) else key for key in keys]
    rows = [{"key": key, "item": item} for key, item in zip(keys, items, strict=True)]
    ordered = _function("sorted")(budget, rows, key="key", reverse=reverse)
    return [row["item"] for row in ordered]


def _extreme(name: str) -> Callable[..., object]:
    def run(budget: Budget, value: object, attribute: object = None) -> object:
        items = items_of(budget, value, 2)
        keys = _picked(budget, items, attribute)
        rows = [{"key": key, "item": item} for key, item in zip(keys, items, strict=True)]
        return _function(name)(budget, rows, key="key")["item"]

    return run


def _sum(budget: Budget, value: object, attribute: object = None, start: object = 0) -> object:
    return _function("sum")(budget, _picked(budget, value, attribute), start)


def _unique(budget: Budget, value: object, attribute: object = None) -> list[object]:
    unique: list[object] = _function("unique")(budget, _picked(budget, value, attribute))
    return unique


def _map(budget: Budget, value: object, *args: object, **fields: object) -> list[object]:
    """``map(attribute="name")``, with ``default=``, or ``map("upper")`` with its arguments."""
    if not args:
        if not fields.keys() <= {"attribute", "default"} or "attribute" not in fields:
            raise Fault("map() needs attribute=..., or the name of a filter")
        default = fields.get("default", ...)
        return [_path_or(item, fields["attribute"], default) for item in items_of(budget, value, 2)]
    name, *rest = args
    run = FILTERS.get(need_text(name, "map"))
    if run is None or run is _map:
        raise Fault("map() was given a filter that is not known")
    return [run(budget, item, *rest, **fields) for item in items_of(budget, value, 4)]


def _path_or(value: object, path: object, default: object) -> object:
    try:
        return _path(value, path)
    except MissingFault:
        if default is ...:
            raise
        return default


def _chosen(*, keep: bool, by_attribute: bool) -> Callable[..., list[object]]:
    def run(budget: Budget, value: object, *args: object) -> list[object]:
        if by_attribute and not args:
            raise Fault("this filter needs the name of an attribute")
        path, rest = (args[0], args[1:]) if by_attribute else (None, args)
        chosen: list[object] = []
        for item in items_of(budget, value, 3):
            looked_at = item if path is None else _path(item, path)
            if bool(holds(budget, looked_at, *rest) if rest else looked_at) is keep:
                chosen.append(item)
        return chosen

    return run


def _groupby(budget: Budget, value: object, attribute: object) -> list[object]:
    groups: dict[object, list[object]] = {}
    for item in items_of(budget, value, 3):
        key = _path(item, attribute)
        if not isinstance(key, (str, int, float, type(None))):
            raise Fault(f"groupby() needs text or numbers to group by, not {kind_of(key)}")
        groups.setdefault(key, []).append(item)
    return [{"grouper": key, "list": items} for key, items in groups.items()]


def _batch(budget: Budget, value: object, size: object, fill: object = None) -> list[object]:
    count = need_whole(size, "batch")
    if count < 1:
        raise Fault("batch() needs a size of at least 1")
    items = list(items_of(budget, value, 3))
    rows = [items[start : start + count] for start in range(0, len(items), count)]
    if rows and fill is not None:
        budget.take_items(count)
        rows[-1] += [fill] * (count - len(rows[-1]))
    return [*rows]


def _reverse(budget: Budget, value: object) -> object:
    if isinstance(value, str):
        budget.take_text(len(value))
        return value[::-1]
    return _function("reversed")(budget, value)


# --- tests --------------------------------------------------------------------------------


def _compared(sign: str) -> Callable[..., bool]:
    def run(budget: Budget, value: object, other: object) -> bool:
        return operations.compare(budget, value, sign, other)

    return run


def _divisible(_budget: Budget, value: object, by: object) -> bool:
    return need_whole(value, "divisibleby") % need_whole(by, "divisibleby") == 0


def _is(*types: type) -> Callable[..., bool]:
    def run(_budget: Budget, value: object) -> bool:
        return isinstance(value, types) and (bool in types or not isinstance(value, bool))

    return run


TESTS: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {
        **{sign: _compared(sign) for sign in ("==", "!=", "<", "<=", ">", ">=")},
        "boolean": _is(bool),
        "divisibleby": _divisible,
        "eq": _compared("=="),
        "equalto": _compared("=="),
        "even": lambda budget, value: _divisible(budget, value, 2),
        "false": lambda _budget, value: value is False,
        "float": _is(float),
        "ge": _compared(">="),
        "greaterthan": _compared(">"),
        "gt": _compared(">"),
        "in": contains,
        "integer": _is(int),
        "iterable": _is(str, list, tuple, range, dict, set),
        "le": _compared("<="),
        "lessthan": _compared("<"),
        "lower": lambda budget, value: bool(call_method(budget, value, "islower")),
        "lt": _compared("<"),
        "mapping": _is(dict, Mapping),
        "ne": lambda budget, value, other: not equal(budget, value, other),
        "none": lambda _budget, value: value is None,
        "number": _is(int, float),
        "odd": lambda budget, value: not _divisible(budget, value, 2),
        "sequence": _is(str, list, tuple, range),
        "string": _is(str),
        "true": lambda _budget, value: value is True,
        "upper": lambda budget, value: bool(call_method(budget, value, "isupper")),
    }
)


def holds(budget: Budget, value: object, name: object, *args: object) -> bool:
    """Whether ``value is name(*args)``.

    Raises:
        Fault: there is no such test, or the arguments do not fit it.
    """
    test = TESTS.get(need_text(name, "test"))
    if test is None:
        raise Fault(f"there is no test {str(name)[:40]!r}")
    try:
        return test(budget, value, *args)
    except TypeError:
        raise Fault(f"the arguments do not fit the test {name!r}") from None


FILTERS: Final[Mapping[str, Callable[..., object]]] = MappingProxyType(
    {
        "abs": _function("abs"), "batch": _batch, "capitalize": _method("capitalize"),
        "center": _center, "count": _function("len"), "date": _date, "datetime": _datetime,
        "digest": _function("digest"), "e": _escape, "escape": _escape, "first": _first,
        "flatten": _function("flatten"), "float": _float, "format": _format, "groupby": _groupby,
        "indent": _indent, "int": _int, "items": _object_method("items"), "join": _join,
        "json": _function("json"), "keys": _object_method("keys"), "last": _last,
        "length": _function("len"), "list": _function("list"), "lower": _method("lower"),
        "map": _map, "max": _extreme("max"), "min": _extreme("min"), "money": _money,
        "number": _number, "reject": _chosen(keep=False, by_attribute=False),
        "rejectattr": _chosen(keep=False, by_attribute=True), "replace": _method("replace"),
        "reverse": _reverse, "round": _round, "select": _chosen(keep=True, by_attribute=False),
        "selectattr": _chosen(keep=True, by_attribute=True), "sort": _sort,
        "string": _function("str"), "sum": _sum, "title": _method("title"),
        "tojson": _function("json"), "trim": _method("strip"), "truncate": _truncate,
        "unique": _unique, "upper": _method("upper"), "urlencode": _urlencode,
        "values": _object_method("values"), "wordcount": _wordcount,
    }
)  # fmt: skip
