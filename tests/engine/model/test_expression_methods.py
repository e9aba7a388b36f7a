from __future__ import annotations

import datetime as dt

import pytest

from engine.model.expression_methods import METHOD_NAMES, METHODS, arities, call_method
from engine.model.expression_values import Budget, Fault

DAY = dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "name", "args", "expected"),
    [
        ("aB", "upper", [], "AB"),
        ("aB", "swapcase", [], Fault),
        ("  a ", "strip", [], "a"),
        ("xax", "rstrip", ["x"], "xa"),
        ("a b  c", "split", [], ["a", "b", "c"]),
        ("a,b,c", "split", [",", 1], ["a", "b,c"]),
        ("a,b,c", "rsplit", [",", 1], ["a,b", "c"]),
        ("a\nb\r\nc\r", "splitlines", [], ["a", "b", "c"]),
        ("", "splitlines", [], []),
        ("-", "join", [[1, None, "a", [2]]], "1-None-a-[2]"),
        ("abc", "startswith", ["ab"], True),
        ("abc", "endswith", [["x", "bc"]], True),
        ("abc", "removeprefix", ["a"], "bc"),
        ("abc", "removesuffix", ["c"], "ab"),
        ("aaa", "replace", ["a", "bb", 2], "bbbba"),
        ("ab", "replace", ["", "-"], "-a-b-"),
        ("aXa", "count", ["a"], 2),
        ("abcb", "find", ["b"], 1),
        ("abcb", "rfind", ["b"], 3),
        ("abc", "index", ["z"], Fault),
        ("a=b=c", "partition", ["="], ["a", "=", "b=c"]),
        ("a=b=c", "rpartition", ["="], ["a=b", "=", "c"]),
        ("a", "center", [3, "*"], "*a*"),
        ("a", "ljust", [3], "a  "),
        ("-7", "zfill", [4], "-007"),
        ("12", "isdigit", [], True),
        ("the end", "title", [], "The End"),
        ([1, [2], [2]], "count", [[2]], 2),
        ([1, [2]], "index", [[2]], 1),
        ([1], "index", [5], Fault),
        ([1], "append", [5], Fault),
        ({"a": 1}, "get", ["a"], 1),
        ({"a": 1}, "get", ["b", 2], 2),
        ({"a": 1}, "get", [[]], Fault),
        ({"a": 1}, "keys", [], ["a"]),
        ({"a": 1}, "values", [], [1]),
        ({"a": 1}, "items", [], [["a", 1]]),
        (DAY, "isoformat", [], "2030-05-17T14:30:00+00:00"),
        (DAY, "date", [], dt.date(2030, 5, 17)),
        (DAY, "weekday", [], 4),
        (DAY, "timestamp", [], 1905258600.0),
        (DAY, "strftime", ["%d.%m.%Y"], "17.05.2030"),
        (DAY, "strftime", ["%Q"], Fault),
        (DAY.date(), "isoweekday", [], 5),
        (DAY.date(), "timestamp", [], Fault),
        (dt.timedelta(minutes=1), "total_seconds", [], 60.0),
        (3, "bit_length", [], Fault),
        (None, "get", ["a"], Fault),
        ("a", "split", [""], Fault),
        ("a", "join", [3], Fault),
        ("a", "replace", ["a", 1], Fault),
        ("a", "center", [5, "ab"], Fault),
        ("a", "upper", [1], Fault),
    ],
)
def test_method(value: object, name: str, args: list[object], expected: object) -> None:
    if expected is Fault:
        with pytest.raises(Fault):
            call_method(Budget(), value, name, *args)
    else:
        assert call_method(Budget(), value, name, *args) == expected


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(Fault, match=r"an object has no method item\(\); did you mean 'items'"):
        call_method(Budget(), {}, "item")


def test_arities_cover_every_kind_that_has_the_method() -> None:
    assert arities("split") == {0, 1, 2}
    assert arities("count") == {1}
    assert arities("date") == {0}


def test_no_method_reaches_a_format_or_an_attribute() -> None:
    assert {"format", "format_map", "encode", "translate", "mro", "append"}.isdisjoint(METHOD_NAMES)
    assert all(not name.startswith("_") for names in METHODS.values() for name in names)
