"""Whatever is written as an expression gives a JSON value or an ExpressionError, in few steps."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Mapping
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.expression_values import Budget
from engine.model.expressions import (
    EXPRESSION_NAMES,
    FUNCTIONS,
    ExpressionError,
    compile_expression,
)
from tests.engine.model.expression_attacks import HUGE, REFUSED

SCOPE: Mapping[str, object] = {
    "input": {"amount": 5, "name": "Ann", "rows": [{"id": 1}, {"id": 2}], "items": [1, 2]},
    "nodes": {"read": {"out": [1, 2, 3]}},
    "state": {"total": 12, "seen": ["a", "b"], "text": "abc"},
    "vars": {"limit": 10},
    "env": {"HOME": "/home/ann"},
    "run": {"id": "r1", "input": {"a": [1]}},
    "loop": {"index": 0, "of": 2, "item": "x"},
    "now": dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC),
}


def is_json(value: object) -> bool:
    match value:
        case None | bool() | str() | int():
            return True
        case float():
            return math.isfinite(value)
        case list():
            return all(map(is_json, value))
        case dict():
            return all(isinstance(key, str) and is_json(item) for key, item in value.items())
        case _:
            return False


def outcome_of(source: str) -> object:
    """The value, or the error's sentence; any other exception fails the test."""
    try:
        return compile_expression(source).evaluate(SCOPE)
    except ExpressionError as error:
        return str(error)


def check(source: str) -> None:
    assert is_json(outcome_of(source))


NAMES = st.sampled_from(
    [*EXPRESSION_NAMES, "x", "y", "len", "output", "_b", "__import__", "None", "True"]
)
FIELDS = st.sampled_from(
    ["total", "rows", "name", "items", "x", "_x", "__class__", "out", "text", "year"]
)
LITERALS = st.one_of(
    st.integers(-5, 10**6).map(str),
    st.sampled_from(["10**6", "2**64", "1e308", "0", "''", "'%s'", "'{}'", "b''", "1j", "..."]),
    st.text("ab{}%'\\\0é", max_size=4).map(repr),
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "|", "&", "^", "@", "==", "!=", "<", "<=",
     ">", ">=", "in", "is", "and", "or", "not in", "is not"]
)  # fmt: skip
CALLS = st.sampled_from([*FUNCTIONS, "eval", "getattr", "open", "print", "x"])
METHODS = st.sampled_from(
    ["upper", "split", "join", "replace", "format", "get", "items", "keys", "index", "count",
     "center", "zfill", "strip", "encode", "mro", "rfind", "strftime", "total_seconds", "append"]
)  # fmt: skip
SPECS = st.sampled_from([">5", ".2f", "%Y", "99999", "c", "x"])
GOOD = st.sampled_from(
    ["input.amount", "input.rows", "input.name", "input.items", "state.total", "state.text", "x",
     "now", "state.seen", "nodes.read.out", "run.id", "[1, 2]", "{'a': 1}", "{1, 'b'}", "range(3)",
     "'ab'", "2", "duration('1h')", "date(now)", "input", "state", "None", "0.5", "10**6", "-1"]
)  # fmt: skip


def grown(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    target = st.sampled_from(["x", "x", "x", "x, y", "(x, y), z", "input", "_x", "x.y", "*x"])
    pieces = st.lists(part, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("({} {} {})".format, part, OPERATORS, part),
        st.builds("{}.{}".format, part, FIELDS),
        st.builds("{}[{}]".format, part, part),
        st.builds("{}[{}:{}:{}]".format, part, part, part, part),
        st.builds("{}({})".format, CALLS, pieces),
        st.builds("{}.{}({})".format, part, METHODS, pieces),
        st.builds("[{}]".format, pieces),
        st.builds("({},)".format, part),
        st.builds("{{{}}}".format, pieces),
        st.builds("{{{}: {}}}".format, part, part),
        st.builds("[{} for {} in {}]".format, part, target, part),
        st.builds("[{} for x in {} for y in {} if {}]".format, part, part, part, part),
        st.builds("{{{} for x in {}}}".format, part, part),
        st.builds("{{{}: x for x in {}}}".format, part, part),
        st.builds("any({} for x in {})".format, part, part),
        st.builds("({} if {} else {})".format, part, part, part),
        st.builds("(not {})".format, part),
        st.builds("(-{})".format, part),
        st.builds("(~{})".format, part),
        st.builds('f"{{{}}}"'.format, part),
        st.builds('f"{{{}:{}}}"'.format, part, SPECS),
        st.builds("coalesce({}, {})".format, part, part),
        st.builds("sorted({}, key={})".format, part, part),
    )  # fmt: skip


LEAVES = st.one_of(GOOD, GOOD, GOOD, NAMES, LITERALS, st.builds("{}.{}".format, NAMES, FIELDS))
SOURCES = st.recursive(LEAVES, grown, max_leaves=12)


PIECES = st.sampled_from(
    ["", "(", ")", "[", "]", "{", "}", ".", "_", "__class__", "'", '"', "f'", "\\", "\n", " ",
     ",", "**", "*", "lambda: ", " for x in ", " if ", "x", "0", "input", ":", "=", ":=", "#",
     "é", "\0", "\ud800", " in ", " is ", "not ", "await ", "%", "!r", "..."]
)  # fmt: skip
ATTACKS = st.sampled_from(REFUSED + HUGE)


@given(SOURCES)
def test_any_expression_gives_json_or_an_expression_error(source: str) -> None:
    check(source)


@given(ATTACKS, st.data())
def test_mutated_attacks_give_json_or_an_expression_error(attack: str, data: st.DataObject) -> None:
    source = attack
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(source)))
        stop = data.draw(st.integers(start, min(len(source), start + 4)))
        source = source[:start] + data.draw(st.one_of(PIECES, ATTACKS)) + source[stop:]
    check(source)


@given(st.text(max_size=30))
def test_any_text_gives_json_or_an_expression_error(source: str) -> None:
    check(source)


def calls_of(source: str, steps: int) -> int:
    """How many functions, Python's and C's, an evaluation with so many steps calls."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    try:
        expression = compile_expression(source)
    except ExpressionError:
        return 0
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        expression._run(SCOPE, Budget(steps))
    except FAULTS:
        pass
    finally:
        sys.setprofile(before)
    return calls


STEPS = 5_000
CALLS_PER_STEP = 50
FAULTS = (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError)


@pytest.mark.parametrize("source", HUGE)
def test_work_of_an_attack_is_in_proportion_to_its_steps(source: str) -> None:
    assert calls_of(source, STEPS) < STEPS * CALLS_PER_STEP


@given(SOURCES)
def test_work_of_any_expression_is_in_proportion_to_its_steps(source: str) -> None:
    assert calls_of(source, STEPS) < STEPS * CALLS_PER_STEP


@given(SOURCES)
def test_evaluating_again_gives_the_same(source: str) -> None:
    assert outcome_of(source) == outcome_of(source)
