from __future__ import annotations

from typing import Any

import pytest

from engine.model.expression_functions import BUDGETED, FUNCTIONS, signature
from engine.model.expression_values import Fault


def call(name: str, *args: object, **fields: object) -> Any:
    return FUNCTIONS[name](*args, **fields)


ROWS = [{"n": 2, "s": "b"}, {"n": 1, "s": "b"}, {"n": 3, "s": "a"}]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("len", ["abc"], 3),
        ("len", [{"a": 1}], 1),
        ("sum", [[1, 2.5]], 3.5),
        ("sum", [[], 7], 7),
        ("min", [3, 1, 2], 1),
        ("max", [["a", "c", "b"]], "c"),
        ("abs", [-3], 3),
        ("round", [2.567, 1], 2.6),
        ("round", [2.5], 2),
        ("floor", [-1.5], -2),
        ("ceil", [1.2], 2),
        ("int", ["ff", 16], 255),
        ("int", [3.9], 3),
        ("float", ["1.5"], 1.5),
        ("str", [[1, None, True]], "[1, null, true]"),
        ("str", [1.0], "1.0"),
        ("bool", [[]], False),
        ("list", [{"a": 1}], ["a"]),
        ("tuple", ["ab"], ["a", "b"]),
        ("dict", [[["a", 1]]], {"a": 1}),
        ("set", [[1, 1]], {1}),
        ("zip", [[1, 2], "ab"], [[1, "a"], [2, "b"]]),
        ("enumerate", [["x"], 5], [[5, "x"]]),
        ("range", [2, 8, 3], range(2, 8, 3)),
        ("sorted", [[3, 1, 2]], [1, 2, 3]),
        ("sorted", [[[2, "a"], [1, "b"]]], [[1, "b"], [2, "a"]]),
        ("reversed", [[1, 2]], [2, 1]),
        ("unique", [[1, [2], 1, [2], {"a": 1}, {"a": 1}]], [1, [2], {"a": 1}]),
        ("flatten", [[[1, 2], 3, [[4]]]], [1, 2, 3, [4]]),
        ("any", [[0, 1]], True),
        ("all", [[0, 1]], False),
        ("lower", ["ÄB"], "äb"),
        ("upper", ["aß"], "ASS"),
        ("coalesce", [None, 0, 1], 0),
        ("json", [{"b": [1.5, None], "a": "é"}], '{"b": [1.5, null], "a": "é"}'),
        ("parse_json", ['{"a": [1, "\\u00e9"]}'], {"a": [1, "é"]}),
        ("kind", [None], "null"),
        ("kind", [True], "boolean"),
        ("kind", [1.5], "number"),
    ],
)
def test_function(name: str, args: list[object], expected: object) -> None:
    assert call(name, *args) == expected


def test_key_names_the_field_that_counts() -> None:
    assert call("sum", ROWS, key="n") == 6
    assert call("min", ROWS, key="n") == ROWS[1]
    assert call("sorted", ROWS, key="s") == [ROWS[2], ROWS[0], ROWS[1]]
    assert call("sorted", ROWS, key="n", reverse=True)[0] == ROWS[2]


def test_the_greatest_of_nothing_needs_a_default() -> None:
    assert call("max", [], default=0) == 0
    with pytest.raises(Fault, match="needs a default"):
        call("max", [])


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("INV-*", "INV-12", True),
        ("INV-*", "inv-12", False),
        ("*", "", True),
        ("a*b*c", "a1b2b3c", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("abc", "abc", True),
        ("*.csv", "x.csv.bak", False),
    ],
)
def test_star_stands_for_any_text(pattern: str, text: str, expected: bool) -> None:
    assert call("matches", pattern, text) is expected


def test_digest_depends_on_the_value_not_on_the_order_of_its_keys() -> None:
    assert call("digest", {"a": 1, "b": 2}) == call("digest", {"b": 2, "a": 1})
    assert call("digest", {"a": 1}) != call("digest", {"a": "1"})
    assert len(call("digest", None)) == 64


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("len", [1], "a number has no length"),
        ("sum", [["a"]], "sum() needs numbers, not text"),
        ("sum", [3], "a number has no items"),
        ("min", [[1, "a"]], "min() cannot order a number and text"),
        ("sorted", [[None]], "null has no order"),
        ("sorted", [[{}], "key"], "takes"),
        ("int", [None], "int() needs text or a number, not null"),
        ("int", ["1", 99], "a base from 2 to 36"),
        ("float", ["nan"], "a finite number"),
        ("round", [1.5, 9_999], "at most 400 digits"),
        ("range", [10**7], "at most 1,000,000 numbers"),
        ("range", [0, 1, 0], "step by 0"),
        ("dict", [[1]], "pairs of a key and a value"),
        ("dict", [[[[1], 1]]], "cannot be a key"),
        ("set", [[[1]]], "cannot be a key"),
        ("set", [[2**61]], "so large a number"),
        ("parse_json", ["[1"], "no JSON at character"),
        ("parse_json", ["[NaN]"], "NaN"),
        ("parse_json", ["9" * 5_000], "a number that is too long"),
        ("parse_json", ['"\\ud800"'], "half a character"),
        ("json", [{1: 2}], "must be text"),
        ("json", [1, 99], "indents by 0 to 8"),
        ("matches", ["*" * 200, "a"], "at most 100 stars"),
    ],
)
def test_fault_says_what_is_wrong(name: str, args: list[object], message: str) -> None:
    with pytest.raises((Fault, TypeError)) as caught:
        call(name, *args)
    assert message in str(caught.value)


def test_signatures_do_not_show_the_budget() -> None:
    assert str(signature("round")) == "(number, digits=None)"
    assert set(FUNCTIONS) == set(BUDGETED)
