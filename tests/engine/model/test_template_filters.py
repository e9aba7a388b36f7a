from __future__ import annotations

import datetime as dt

import pytest

from engine.model.expression_values import Budget, Fault
from engine.model.template_filters import FILTERS, TESTS, holds

ROWS = [{"n": 2, "s": {"t": "b"}}, {"n": 1, "s": {"t": "B"}}, {"n": 3, "s": {"t": "a"}}]
DAY = dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("name", "value", "args", "expected"),
    [
        ("abs", -2, [], 2),
        ("batch", [1, 2, 3], [2], [[1, 2], [3]]),
        ("batch", [1, 2, 3], [2, 0], [[1, 2], [3, 0]]),
        ("capitalize", "aB", [], "Ab"),
        ("center", "a", [3], " a "),
        ("date", "2030-05-17T14:30:00Z", [], "2030-05-17"),
        ("date", DAY, ["%d.%m.%Y %H:%M"], "17.05.2030 14:30"),
        ("datetime", "2030-05-17T14:30:00Z", [], "2030-05-17 14:30"),
        ("escape", '<a href="x">&', [], "&lt;a href=&quot;x&quot;&gt;&amp;"),
        ("first", [1, 2], [], 1),
        ("last", "abc", [], "c"),
        ("float", "1.5", [], 1.5),
        ("float", "x", [0], 0),
        ("format", "%5.1f|%-3s|%d%%", [3.14159, [1], 7], "  3.1|[1]|7%"),
        ("groupby", ROWS[:1], ["n"], [{"grouper": 2, "list": ROWS[:1]}]),
        ("indent", "a\n\nb", [2], "a\n\n  b"),
        ("indent", "a\nb", ["> ", True], "> a\n> b"),
        ("int", "12", [], 12),
        ("int", "x", [None], None),
        ("items", {"a": 1}, [], [["a", 1]]),
        ("join", [1, "a", None], ["-"], "1-a-None"),
        ("join", ROWS, [",", "n"], "2,1,3"),
        ("json", {"a": [1]}, [], '{"a": [1]}'),
        ("length", {"a": 1}, [], 1),
        ("lower", "ABC", [], "abc"),
        ("map", ["a"], ["upper"], ["A"]),
        ("map", ["a,b"], ["replace", ",", ";"], ["a;b"]),
        ("max", [1, 3, 2], [], 3),
        ("min", ROWS, ["n"], ROWS[1]),
        ("money", 1234567.891, [], "1,234,567.89 EUR"),
        ("money", 1.005, ["USD"], "1.01 USD"),
        ("money", -3, ["", 0], "-3"),
        ("number", 1234567.5, [], "1,234,567.5"),
        ("number", 1234567.5, [2, ".", ","], "1.234.567,50"),
        ("number", 10**30, [], "1,000,000,000,000,000,000,000,000,000,000"),
        ("reject", [1, 2, 3], ["odd"], [2]),
        ("rejectattr", ROWS, ["n", "gt", 1], [ROWS[1]]),
        ("replace", "aa", ["a", "b", 1], "ba"),
        ("reverse", "abc", [], "cba"),
        ("reverse", [1, 2], [], [2, 1]),
        ("round", 2.567, [2], 2.57),
        ("round", 2.561, [2, "ceil"], 2.57),
        ("round", 2.5, [0, "floor"], 2.0),
        ("select", [0, 1, "", "a"], [], [1, "a"]),
        ("select", [1, 2, 3], ["divisibleby", 3], [3]),
        ("selectattr", ROWS, ["s.t", "equalto", "a"], [ROWS[2]]),
        ("sort", ["b", "A", "c"], [], ["A", "b", "c"]),
        ("sort", ["b", "A", "c"], [None, True], ["A", "b", "c"]),
        ("sort", ROWS, [True, None, "n"], [ROWS[2], ROWS[0], ROWS[1]]),
        ("sort", ROWS, [None, None, "s.t"], [ROWS[2], ROWS[0], ROWS[1]]),
        ("string", 1.5, [], "1.5"),
        ("sum", ROWS, ["n"], 6),
        ("sum", [1, 2], [None, 10], 13),
        ("title", "ab cd", [], "Ab Cd"),
        ("trim", " a ", [], "a"),
        ("truncate", "hello big world", [11], "hello..."),
        ("truncate", "hello big world", [11, True], "hello bi..."),
        ("truncate", "short", [9], "short"),
        ("unique", [1, 1, 2], [], [1, 2]),
        ("unique", ROWS + ROWS, ["n"], [2, 1, 3]),
        ("upper", 1.5, [], "1.5"),
        ("urlencode", "a b/ü&", [], "a%20b/%C3%BC%26"),
        ("urlencode", {"q": "a b", "n": 1}, [], "q=a+b&n=1"),
        ("values", {"a": 1}, [], [1]),
        ("wordcount", "a b  c", [], 3),
    ],
)
def test_filter(name: str, value: object, args: list[object], expected: object) -> None:
    assert FILTERS[name](Budget(), value, *args) == expected


def test_attributes_of_map_may_have_a_default() -> None:
    assert FILTERS["map"](Budget(), ROWS, attribute="s.t") == ["b", "B", "a"]
    assert FILTERS["map"](Budget(), [{"a": 1}, {}], attribute="a", default=0) == [1, 0]
    assert FILTERS["map"](Budget(), [[5, 6]], attribute="1") == [6]


@pytest.mark.parametrize(
    ("name", "value", "args"),
    [
        ("first", [], []),
        ("last", [], []),
        ("batch", [1], [0]),
        ("int", "x", []),
        ("float", "nan", []),
        ("format", "%", [1]),
        ("format", "%s", []),
        ("format", "%(a)s", [1]),
        ("format", "%9999s", [1]),
        ("format", "%.999f", [1.0]),
        ("format", "%c", [1]),
        ("date", "never", []),
        ("date", DAY, ["%n%s"]),
        ("groupby", [{"a": []}], ["a"]),
        ("map", [1], []),
        ("map", [1], ["map"]),
        ("map", [1], ["nothing"]),
        ("map", [{}], ["attr", "__class__"]),
        ("money", "1", []),
        ("number", float("inf"), []),
        ("number", 1, [99]),
        ("round", 1.5, [99]),
        ("round", 1.5, [0, "up"]),
        ("select", [1], ["__class__"]),
        ("selectattr", [{}], ["a"]),
        ("selectattr", [{}], []),
        ("sort", [1, "a"], []),
        ("sum", ["a"], []),
    ],
)
def test_filters_refuse_what_does_not_fit(name: str, value: object, args: list[object]) -> None:
    with pytest.raises(Fault):
        FILTERS[name](Budget(), value, *args)


def test_paths_of_attributes_are_never_python_attributes() -> None:
    for path in ("__class__", "a.__class__", "keys"):
        with pytest.raises(Fault):
            FILTERS["map"](Budget(), [{"a": {}}], attribute=path)


@pytest.mark.parametrize(
    ("value", "name", "args", "expected"),
    [
        (1, "odd", [], True),
        (1, "even", [], False),
        (9, "divisibleby", [3], True),
        (None, "none", [], True),
        (True, "boolean", [], True),
        (True, "number", [], False),
        (1, "integer", [], True),
        (1.5, "float", [], True),
        ("a", "string", [], True),
        ({}, "mapping", [], True),
        ([], "sequence", [], True),
        ({1}, "iterable", [], True),
        ("a", "in", ["abc"], True),
        (2, ">=", [2], True),
        (2, "ne", [2], False),
        ("AB", "upper", [], True),
        (False, "false", [], True),
        (1, "true", [], False),
    ],
)
def test_test(value: object, name: str, args: list[object], expected: bool) -> None:
    assert holds(Budget(), value, name, *args) is expected


def test_tests_refuse_what_does_not_fit() -> None:
    for name, args in (("nothing", []), ("odd", [1]), ("eq", [])):
        with pytest.raises(Fault):
            holds(Budget(), 1, name, *args)


def test_no_filter_is_one_of_those_that_reach_attributes_or_chance() -> None:
    assert {"attr", "pprint", "random", "xmlattr", "safe", "striptags"}.isdisjoint(FILTERS)
    assert {"callable", "escaped", "filter", "test", "sameas"}.isdisjoint(TESTS)
