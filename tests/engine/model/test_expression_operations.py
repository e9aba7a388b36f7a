from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from engine.model import expression_operations as operations
from engine.model.expression_values import Budget, Fault, MissingFault

DAY = dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("function", "left", "right", "expected"),
    [
        (operations.add, 1, 2.5, 3.5),
        (operations.add, "a", "b", "ab"),
        (operations.add, [1], range(2), [1, 0, 1]),
        (operations.add, DAY, HOUR, DAY + HOUR),
        (operations.add, "a", 1, Fault),
        (operations.add, None, 1, Fault),
        (operations.subtract, {1, 2}, {2}, {1}),
        (operations.subtract, DAY, DAY, dt.timedelta()),
        (operations.multiply, 3, "ab", "ababab"),
        (operations.multiply, [1], -2, []),
        (operations.multiply, HOUR, 2, 2 * HOUR),
        (operations.multiply, 2**4_000, 2**4_000, Fault),
        (operations.multiply, "a", "b", Fault),
        (operations.divide, 7, 2, 3.5),
        (operations.floor_divide, 7, 2, 3),
        (operations.modulo, 7, 4, 3),
        (operations.modulo, "%s", 1, Fault),
        (operations.power, 2, 10, 1024),
        (operations.power, 2, -1, 0.5),
        (operations.power, -8, 0.5, Fault),
        (operations.power, 3, 10_000, Fault),
        (operations.power, "a", 2, Fault),
        (operations.shift_left, 1, 3, 8),
        (operations.shift_left, 1, 10**12, Fault),
        (operations.shift_left, 1, -1, Fault),
        (operations.shift_right, 8, 2, 2),
        (operations.unite, {"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        (operations.unite, {1}, {2}, {1, 2}),
        (operations.unite, 5, 2, 7),
        (operations.intersect, {1, 2}, {2}, {2}),
        (operations.differ, 6, 3, 5),
        (operations.differ, [1], [2], Fault),
    ],
)
def test_operator(
    function: Callable[[Budget, Any, Any], object], left: object, right: object, expected: object
) -> None:
    if expected is Fault:
        with pytest.raises(Fault):
            function(Budget(), left, right)
    else:
        assert function(Budget(), left, right) == expected


def test_operands_stay_as_they_are() -> None:
    left, right = {"a": 1}, {"b": 2}
    operations.unite(Budget(), left, right)
    numbers = [1]
    operations.add(Budget(), numbers, [2])
    assert (left, right, numbers) == ({"a": 1}, {"b": 2}, [1])


@pytest.mark.parametrize(
    ("left", "sign", "right", "expected"),
    [
        (1, "<", 2.5, True),
        ("a", ">=", "b", False),
        ([1, 2], "<", [1, 3], True),
        ({1}, "<=", {1, 2}, True),
        (DAY, "<", DAY + HOUR, True),
        ([1, {"a": [2]}], "==", [1, {"a": [2]}], True),
        ([1, 2], "!=", [1], True),
        (1, "==", "1", False),
        ([[1]], "==", [1], False),
        ([1], "in", [[1]], True),
        ("b", "in", "abc", True),
        ("b", "not in", {"a": 1}, True),
        (1, "in", range(3), True),
    ],
)
def test_comparison(left: object, sign: str, right: object, expected: bool) -> None:
    assert operations.compare(Budget(), left, sign, right) is expected


@pytest.mark.parametrize(
    ("left", "sign", "right", "message"),
    [
        (1, "<", "a", "< cannot compare a number with text; make both text with str(...)"),
        (DAY, ">", "2030-01-01", "make both a date and time with datetime(...)"),
        (DAY.date(), "<", "2030-01-01", "make both a date with date(...)"),
        ({}, "<", {}, "cannot compare an object with an object"),
        (1, "in", 2, "a number cannot contain anything"),
        (1, "in", "abc", "text can only contain text, not a number"),
        ([1], "in", {}, "a list cannot be a key"),
    ],
)
def test_what_cannot_be_compared_is_named(
    left: object, sign: str, right: object, message: str
) -> None:
    with pytest.raises(Fault) as caught:
        operations.compare(Budget(), left, sign, right)
    assert message in str(caught.value)


def test_chains_compare_neighbours() -> None:
    assert operations.compare_all(Budget(), ["<", "<="], [1, 2, 2])
    assert not operations.compare_all(Budget(), ["<", "<="], [1, 2, 1])


def test_fields_are_entries_or_parts_of_dates_never_attributes() -> None:
    assert operations.field({"items": 1}, "items") == 1
    assert operations.field(DAY, "hour") == 14
    assert operations.field(HOUR, "seconds") == 3600
    for value, name in (({}, "keys"), (DAY, "tzinfo"), (None, "x")):
        with pytest.raises(MissingFault):
            operations.field(value, name)
    with pytest.raises(Fault, match="text has no fields"):
        operations.field("a", "upper")


def test_items_of_objects_lists_and_text() -> None:
    assert operations.item({"a": 1}, "a") == 1
    assert operations.item([1, 2], -1) == 2
    assert operations.item("abc", 1) == "b"
    with pytest.raises(MissingFault, match="index 5 is beyond 2 items"):
        operations.item([1, 2], 5)
    with pytest.raises(Fault, match="must be a whole number"):
        operations.item([1], "a")
    with pytest.raises(Fault, match="a list cannot be a key"):
        operations.item({}, [])


def test_slices_are_paid_for() -> None:
    budget = Budget(100)
    assert operations.part(budget, [1, 2, 3], 1, None, None) == [2, 3]
    assert operations.part(budget, "abc", None, None, -1) == "cba"
    with pytest.raises(Fault, match="steps"):
        operations.part(budget, list(range(200)), None, None, None)
    with pytest.raises(Fault, match="cannot be 0"):
        operations.part(budget, [], None, None, 0)


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (3.14159, ".2f", "3.14"),
        (1_234_567, ",", "1,234,567"),
        ("a", ">3", "  a"),
        ([1], ">5", "  [1]"),
        (DAY, "%d.%m.%Y", "17.05.2030"),
        (DAY.date(), "", "2030-05-17"),
        (0.256, ".1%", "25.6%"),
    ],
)
def test_format(value: object, spec: str, text: str) -> None:
    assert operations.formatted(Budget(), value, spec) == text


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        (1, "9999"),
        (1.0, ".999f"),
        (1, "c"),
        (1, "n"),
        (1, "%Y"),
        (DAY, "%n%Q"),
        ("a", "d"),
        (1, "{}"),
    ],
)
def test_formats_that_are_refused(value: object, spec: str) -> None:
    with pytest.raises(Fault):
        operations.formatted(Budget(), value, spec)
