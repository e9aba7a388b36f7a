from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.model.expression_values import MAX_STEPS, Budget
from engine.model.expressions import (
    EXPRESSION_NAMES,
    FUNCTIONS,
    ExpressionError,
    Reads,
    compile_expression,
)

NOW = dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC)
ROWS = [{"id": 1, "sum": 5, "name": "Ann"}, {"id": 2, "sum": 20, "name": "Bo"}]
SCOPE: Mapping[str, object] = {
    "input": {"amount": 5, "name": "Ann", "rows": ROWS, "none": None, "items": [1, 2], "país": 7},
    "nodes": {"read": {"out": [1, 2, 3]}, "my-node": 8},
    "state": {"total": 12, "seen": ["a", "b"], "text": "abc", "ratio": 0.5},
    "vars": {"limit": 10},
    "env": {"HOME": "/home/ann"},
    "run": {"id": "r1", "started_at": NOW, "input": {}},
    "loop": {"index": 0, "of": 2, "item": "x"},
    "now": NOW,
}


def value_of(source: str, scope: Mapping[str, object] = SCOPE) -> Any:
    return compile_expression(source).evaluate(scope)


def error_of(source: str, scope: Mapping[str, object] = SCOPE) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        value_of(source, scope)
    return caught.value


# --- values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("state.total > 10", True),
        ('state["total"] == 12 and not input.none', True),
        ("input.amount * 2 + 1", 11),
        ("7 // 2, 7 % 4, 2 ** 10, -7, 1 << 3, 12 & 10, 12 ^ 10, ~5", [3, 3, 1024, -7, 8, 8, 6, -6]),
        ("input.items", [1, 2]),
        ("input.items[0] + input.items[-1]", 3),
        ('nodes["my-node"]', 8),
        ("nodes.read.out[1:]", [2, 3]),
        ("'big' if state.total > 10 else 'small'", "big"),
        ("1 < input.amount <= 5", True),
        ("input.none is None", True),
        ("'a' in state.seen and 'z' not in state.seen", True),
        ("'total' in state", True),
        ("[r.name for r in input.rows if r.sum > 10]", ["Bo"]),
        ("{r.name: r.sum for r in input.rows}", {"Ann": 5, "Bo": 20}),
        ("sum(r.sum for r in input.rows)", 25),
        ("[a * b for a in range(3) for b in range(a)]", [0, 0, 2]),
        ("[n + v for n, (k, v) in enumerate({'a': 1, 'b': 2}.items())]", [1, 3]),
        ("[[x for x in [x, x]] for x in [1, 2]]", [[1, 1], [2, 2]]),
        ("any(1 / x > 0 for x in [1, 0])", True),
        (
            "f'{input.name:>5}|{input.amount:.2f}|{now:%Y-%m}|{input.items}'",
            "  Ann|5.00|2030-05|[1, 2]",
        ),
        ("' '.join(n.upper() for n in state.seen)", "A B"),
        ("state.get('missing', 3)", 3),
        ("{'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
        ("now.year", 2030),
        ("run.started_at.month", 5),
        ("now - duration('1d 30m') < now", True),
        ("input.país", 7),
        ("state.total\n  > 10", True),
        (" ( state.total\n > 10 ) ", True),
    ],
)
def test_value(source: str, expected: object) -> None:
    assert value_of(source) == expected


def test_kind_of_a_value_is_kept() -> None:
    assert type(value_of("input.amount")) is int
    assert type(value_of("state.ratio")) is float
    assert value_of("input.rows") is ROWS


def test_sets_leave_as_sorted_lists() -> None:
    assert value_of("{3, 1, 2}") == [1, 2, 3]
    assert value_of("{'k': set(['b', 'a'])}") == {"k": ["a", "b"]}


def test_dates_leave_as_iso_text_and_durations_as_seconds() -> None:
    assert value_of("now") == "2030-05-17T14:30:00+00:00"
    assert value_of("run")["started_at"] == "2030-05-17T14:30:00+00:00"
    assert value_of("[date('2030-01-02'), duration('PT1M')]") == ["2030-01-02", 60.0]


def test_coalesce_takes_the_first_that_exists() -> None:
    assert value_of("coalesce(input.a.b, loop.item, 1)") == "x"
    assert value_of("coalesce(input.none, input.rows[9], None)") is None
    assert value_of("coalesce(loop.index, 7)", {}) == 7


def test_coalesce_hides_no_other_error() -> None:
    assert "division by zero" in str(error_of("coalesce(1 / 0, 2)"))


def test_scope_may_be_any_mapping() -> None:
    from types import MappingProxyType  # noqa: PLC0415 - only here

    scope = MappingProxyType({"state": MappingProxyType({"a": MappingProxyType({"b": 1})})})
    assert value_of("state.a.b", scope) == 1
    assert value_of("state", scope) is scope["state"]
    assert value_of("[state.a]", scope) == [{"b": 1}]
    assert value_of("[x.b for x in [state.a]]", scope) == [1]


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("1 + x", 4, "undefined name 'x'"),
        ("1 + stat.total", 4, "did you mean 'state'?"),
        ("true", 0, "write True"),
        ("2 > state.totl", 4, "state: there is no 'totl'; did you mean 'total'?"),
        ("input.rows[0].nam", 0, "input.rows[0]: there is no 'nam'; did you mean 'name'?"),
        ("input.rows[5]", 0, "input.rows: index 5 is beyond 2 items"),
        ("[r.nam for r in input.rows]", 1, "did you mean 'name'?"),
        ("input.none.x", 0, "input.none: null has no 'x'"),
        ("state.total.x", 0, "state.total: a number has no fields"),
        ("now.yaer", 0, "did you mean 'year'?"),
        ("(1, 2 / 0)", 4, "division by zero"),
        ("'é' + 1 / 0", 6, "division by zero"),
        ("  \n 1 / 0", 4, "division by zero"),
        ("state.total\r\n + 1 / 0", 16, "division by zero"),
        ("state.text + 1", 0, "this does not work on text and a number"),
        ("state.text + state.total", 0, "make both text with str(...)"),
        ("input.due < now", 0, "there is no 'due'"),
        ("run.id < now", 0, "make both a date and time with datetime(...)"),
        ("lenn([])", 0, "did you mean 'len'?"),
        ("len", 0, "call it: len(...)"),
        ("len(1, 2)", 0, "the arguments do not fit len(value)"),
        ("'a'.uper()", 0, "did you mean 'upper'?"),
        ("'a'.upper(1)", 0, "takes 0 arguments"),
        ("state.upper()", 0, "an object has no method upper()"),
        ("int('12x')", 0, "int() needs text that is a whole number"),
        ("[1][2]", 0, "index 2 is beyond 1 items"),
        ("[1]['a']", 0, "the index of a list must be a whole number"),
        ("{[1]: 2}", 1, "a list cannot be a key"),
        ("sorted([1, 'a'])", 0, "cannot order a number and text"),
        ("for", 0, "invalid syntax"),
        ("1 +", 3, "invalid syntax"),
        ("", 0, "the expression is empty"),
    ],
)
def test_error_says_what_and_where(source: str, column: int, message: str) -> None:
    error = error_of(source)
    assert message in error.message
    assert (error.column, error.source) == (column, source)
    assert f"at column {column} in" in str(error)


def test_missing_root_is_named() -> None:
    assert error_of("loop.index", {}).message == "'loop' is not available here"


def test_errors_never_hold_values() -> None:
    scope = {"input": {"secret": "hunter2", "n": 1}}
    for source in ("int(input.secret)", "input.secret + 1", "input.secret.x", "float(input.secret)",
                   "input.n + input.secret", "[].index(input.secret)", "date(input.secret)",
                   "input.secret[99]", "parse_json(input.secret)", "input.secret < 1"):  # fmt: skip
        error = error_of(source, scope)
        assert "hunter2" not in str(error)
        assert error.__cause__ is None


def test_long_sources_are_shown_around_the_place() -> None:
    error = error_of("1 + " * 20 + "x" + " + 1" * 20)
    assert len(str(error)) < 200
    assert "x" in str(error)


def test_source_must_be_text() -> None:
    with pytest.raises(ExpressionError, match="must be text, not a number"):
        compile_expression(3)  # type: ignore[arg-type]


def test_compiling_twice_gives_the_same_expression() -> None:
    assert compile_expression("1 + 1") is compile_expression("1 + 1")


# --- reads --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("1 + 1", Reads()),
        ("now", Reads(frozenset({"now"}))),
        ("state.a + state['b']", Reads(frozenset({"state"}), channels=frozenset({"a", "b"}))),
        ("state.a.b[0].c", Reads(frozenset({"state"}), channels=frozenset({"a"}))),
        ("state", Reads(frozenset({"state"}), channels=frozenset({"*"}))),
        ("state[input.x]", Reads(frozenset({"state", "input"}), channels=frozenset({"*"}))),
        ("len(state)", Reads(frozenset({"state"}), channels=frozenset({"*"}))),
        ("state.get('a', 1)", Reads(frozenset({"state"}), channels=frozenset({"a"}))),
        ("state.get(input.x)", Reads(frozenset({"state", "input"}), channels=frozenset({"*"}))),
        ("state.keys()", Reads(frozenset({"state"}), channels=frozenset({"*"}))),
        ("'a' in state", Reads(frozenset({"state"}), channels=frozenset({"a"}))),
        ("input.x in state", Reads(frozenset({"state", "input"}), channels=frozenset({"*"}))),
        ("nodes.read.out", Reads(frozenset({"nodes"}), nodes=frozenset({"read"}))),
        ("nodes['a-b']", Reads(frozenset({"nodes"}), nodes=frozenset({"a-b"}))),
        ("env.HOME", Reads(frozenset({"env"}), env=frozenset({"HOME"}))),
        ("vars.limit", Reads(frozenset({"vars"}), vars=frozenset({"limit"}))),
        ("[x for x in state.a]", Reads(frozenset({"state"}), channels=frozenset({"a"}))),
        ("coalesce(state.a, vars.b)", Reads(frozenset({"state", "vars"}), frozenset({"a"}), vars=frozenset({"b"}))),
        ("f'{state.a}'", Reads(frozenset({"state"}), channels=frozenset({"a"}))),
        ("output.x", Reads(frozenset({"output"}))),
    ],
)  # fmt: skip
def test_reads_are_inferred(source: str, reads: Reads) -> None:
    assert compile_expression(source).reads == reads


def test_evaluation_touches_only_what_is_read() -> None:
    class Watched(dict[str, object]):
        touched: set[str] = set()  # noqa: RUF012 - of this one test

        def __getitem__(self, key: str) -> object:
            self.touched.add(key)
            return super().__getitem__(key)

    state = Watched(a=1, b=2, c=3)
    assert value_of("state.a + state['b']", {"state": state}) == 3
    assert state.touched == {"a", "b"}


# --- what is refused ----------------------------------------------------------------------

REFUSED = [
    "().__class__", "().__class__.__bases__[0].__subclasses__()", "''.__class__", "nodes.__dict__",
    "state._hidden", "__import__('os')", "_s", "_b", "_globals", "[_ for _ in [1]]",
    "(lambda: 1)()", "lambda: 1", "(x := 1)", "[y := 1, y]", "print(*[1])", "[*input.rows]",
    "{**input}", "dict(**input)", "max(*input.rows)", "dict(__class__=1)", "eval('1')",
    "exec('1')", "open('x')", "getattr(input, 'x')", "type(1)", "vars()", "globals()",
    "'{0.__class__}'.format(1)", "'{}'.format_map(input)", "'a'.encode()", "b'bytes'", "1j", "...",
    "input.rows()", "input['f'](1)", "len(len)", "(yield)", "await input", "not_a_name",
    "f'{input!r}'", "f'{input!a}'", "f'{1:{2}}'", "f'{1:10000}'", "f'{1:.999}'", "f'{1:c}'",
    "[x async for x in input]", "[0 for input in [1]]", "[0 for x.y in [1]]", "[0 for [] in [1]]",
    "[0 for x[0] in [1]]", "[1 for *x, y in [[1]]]", "[y for x in y for y in [1]]", "1 is 1",
    "1 @ 2", "import os", "x = 1", "1; 2", "assert 1", "[].append(1)", "input.update(input)",
    "input.rows.sort()", "input.pop('amount')", "'\ud800'", "'\\ud800'", "1e999", "9" * 2_000,
    "input.__class__", "input['x'].__class__", "now.__class__", "now.replace(year=1)", "ｓtate._x",
    "_\uff3fimport_\uff3f('os')", "input.\uff3f\uff3fclass\uff3f\uff3f", "\0", "1 +\0 1",
]  # fmt: skip


@pytest.mark.parametrize("source", REFUSED)
def test_refused_when_compiled(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(source)


HUGE = [
    "9**9**9", "9**9**9**9", "2**99999", "10**10 * 10**9999", "1 << 10**9", "1 << 5000",
    "[0] * 10**9", "10**9 * [0]", "'a' * 10**9", "'ab' * 10**7", "('a' * 10**6) * 10**6",
    "list(range(10**9))", "range(10**9)", "range(-10**100, 10**100)", "sum(range(10**6 + 1))",
    "[x for x in range(10**6) for y in range(10**6)]",
    "[[y for y in range(10**6)] for x in range(10**6)]",
    "sum(1 for x in range(1000) for y in range(1000) for z in range(1000))",
    "any(False for x in range(10**6) for y in range(10**6))",
    "{x: y for x in range(2000) for y in range(2000)}", "{x * y for x in range(2000) for y in range(2000)}",
    "['a' * 10**6 for x in range(10**5)]", "[[0] * 1000 for x in range(10**5)]",
    "[f'{x:1000}' for x in range(10**5)]", "['a'.ljust(10**6) for x in range(10**5)]",
    "'a'.center(10**9)", "'1'.zfill(10**8)", "'a'.join(range(10**6)).replace('a', 'b' * 10**6)",
    "('a' * 10**6).replace('', 'b' * 10**6)", "','.join(['a' * 10**6] * 10**5)",
    "[[[[x] * 1000 for x in [[x] * 1000]] for x in [[x] * 1000]] for x in [[0] * 1000]]",
    "str([[[[0] * 99] * 99] * 99] * 99)", "json([[[[0] * 99] * 99] * 99] * 99)",
    "[[[[[0] * 99] * 99] * 99] * 99] * 99", "digest([[[['a' * 999] * 99] * 99] * 99])",
    "[[[[0] * 99] * 99] * 99] * 99 == [[[[0] * 99] * 99] * 99] * 99",
    "sorted([[[[[0] * 99] * 99] * 99] * 99, [[[[0] * 99] * 99] * 99] * 99])",
    "[[[[0] * 99] * 99] * 99] * 99 in [[[[[0] * 99] * 99] * 99] * 99]",
    "[[[[[0] * 99] * 99] * 99] * 99].count([[[[0] * 99] * 99] * 99] * 99)",
    "sorted(['a' * 10**6 + 'b', 'a' * 10**6 + 'c'] * 10**5)",
    "('a' * 10**6 + 'b') in ['a' * 10**6 + 'c'] * 10**5",
    "('a' * 10**6).rfind('b' + 'a' * 10**5)", "('a' * 10**6).rsplit('b' + 'a' * 10**5)",
    "set(x * (2**61 - 1) for x in range(10**5))", "{x * (2**61 - 1) for x in range(10**5)}",
    "unique([x * (2**61 - 1) for x in range(10**5)])", "{2**61 - 1: 1}",
    "[x in list(range(10**5)) for x in range(10**5)]", "[[0] * 10**5 == [0] * 10**5 for x in range(10**4)]",
    "('a' * 10**6).split('a')", "('a ' * 10**6).split()", "('\\n' * 2 * 10**6).splitlines()",
    "('a' * 10**6).strip('b' * 1000 + 'a')", "int('9' * 2000)", "round(1, -10**9)", "json(1, 10**9)",
    "matches('*a' * 10**5, 'a' * 10**6)", "parse_json('[' * 10**5)", "parse_json('[1,' * 100)",
    "zip(range(10**6), range(10**6), range(10**6))", "flatten([[0] * 10**6] * 10**3)",
    "'%1000000000d' % 1", "f'{10**300:,}' * 10**6", "1e308 * 10", "[1e308 * 10]", "float('nan')",
    "float('inf')", "2.0 ** 10000", "10**400 / 1", "(-8) ** 0.5", "duration(10**30)", "date('x' * 10**6)",
    "datetime(10**30)", "now + duration(10**13)",
]  # fmt: skip


@pytest.mark.parametrize("source", HUGE)
def test_too_much_work_is_an_error_not_a_hang(source: str) -> None:
    with pytest.raises(ExpressionError):
        value_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "-" * 9_999 + "1", "not " * 2_400 + "1", "(" * 4_999 + "1" + ")" * 4_999, "1" + "+1" * 4_999,
        "a" + ".b" * 4_990, "1 if 1 else " * 800 + "1", "[" * 150 + "]" * 150, "1" * 10_001,
        "[" + "1," * 3_000 + "]", "f'{" * 200, "1 < " * 2_400 + "1", "x[" * 190 + "]" * 190,
        "len(" * 150 + "[]" + ")" * 150, "[[0] for x in " * 60 + "[]" + "]" * 60,
    ],
)  # fmt: skip
def test_deep_or_long_sources_are_errors(source: str) -> None:
    with pytest.raises(ExpressionError):
        value_of(source)


def test_work_on_values_of_the_scope_is_bounded_too() -> None:
    scope = {"input": {"a": list(range(2_000)), "b": list(range(2_000)), "t": "a" * 200_000}}
    for source in ("[a == b for a in [input.a] * 999 for b in [input.b] * 999]",
                   "[x for x in input.a if x in input.a and x in input.a]",
                   "[input.t < input.t + 'b' for x in range(10**4)]",
                   "[sum(input.a) for x in input.a]", "[sorted(input.a) for x in input.a]",
                   "[max(input.a) for x in input.a]", "[input.a[1:] for x in input.a]",
                   "['b' in input.t for x in input.a]", "[input.t.count('b') for x in input.a]",
                   "[input.a + [1] for x in input.a]", "[input.a == input.b for x in input.a]"):  # fmt: skip
        assert "steps" in error_of(source, scope).message


def test_values_nested_too_deeply_are_an_error() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    other: object = 1
    for _ in range(5_000):
        other = [other]
    scope = {"input": {"a": deep, "b": other}}
    for source in ("input.a == input.b", "json(input.a)", "str(input.a)", "[x for x in [input.a]]"):
        assert "nested too deeply" in error_of(source, scope).message


def test_a_fair_amount_of_work_is_within_the_budget() -> None:
    scope = {"input": [{"a": n, "b": {"c": str(n)}} for n in range(50_000)]}
    assert value_of("sum(r.a for r in input if r.b.c != '7')", scope) == sum(range(50_000)) - 7
    assert len(value_of("[{'a': r.a, 'c': r.b.c} for r in input]", scope)) == 50_000
    assert len(value_of("[r for r in input]", scope)) == 50_000


def test_sets_come_in_the_same_order_in_every_process() -> None:
    source = "[x for x in {'b', 'a', 3, None, 2.5, True}]"
    assert value_of(source) == [None, True, 2.5, 3, "a", "b"]
    assert value_of("f'{set(state.seen)}'") == '["a", "b"]'
    assert "a set cannot be unpacked" in str(error_of("[a for a, b in [{'x', 'y'}]]"))


def test_unknown_escapes_are_kept_whatever_the_warning_filter() -> None:
    assert value_of(r"'\d'") == r"\d"
    assert value_of("1if True else 2") == 1


def test_every_function_has_a_docstring_and_runs_on_its_own() -> None:
    assert FUNCTIONS["len"]([1, 2]) == 2
    assert all(function.__doc__ for function in FUNCTIONS.values())
    assert not set(FUNCTIONS) & set(EXPRESSION_NAMES)


# --- fuzz ---------------------------------------------------------------------------------


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


class Meter(Budget):
    """A budget that remembers what was asked of it."""

    asked = 0

    def take(self, steps: int) -> None:
        type(self).asked += max(0, steps)
        super().take(steps)


def check(source: str) -> None:
    """Either an ExpressionError or a JSON value, and never more steps than the budget has."""
    try:
        value = value_of(source, FUZZ_SCOPE)
    except ExpressionError:
        return
    assert is_json(value)


FUZZ_SCOPE: Mapping[str, object] = {**SCOPE, "run": {"id": "r1", "input": {"a": [1]}}}

NAMES = st.sampled_from(
    [*EXPRESSION_NAMES, "x", "y", "len", "output", "_b", "__import__", "None", "True"]
)
FIELDS = st.sampled_from(
    ["total", "rows", "name", "items", "x", "_x", "__class__", "out", "text", "year"]
)
LITERALS = st.one_of(
    st.integers(-5, 10**6).map(str),
    st.sampled_from(["10**6", "2**64", "1e308", "0", "''", "'a'", "'%s'", "'{}'", "b''", "1j", "...", "0.5"]),
    st.text("ab{}%'\\\0é", max_size=4).map(repr),
)  # fmt: skip
OPERATORS = st.sampled_from(
    "+ - * / // % ** << >> | & ^ @ == != < <= > >= in is and or".split() + ["not in", "is not"]
)
CALLS = st.sampled_from([*FUNCTIONS, "eval", "getattr", "open", "print", "x"])
METHODS = st.sampled_from(
    "upper split join replace format get items keys index count center zfill strip encode mro rfind"
    " strftime total_seconds append".split()
)


def grown(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    target = st.sampled_from(["x", "x, y", "(x, y), z", "input", "_x", "x.y", "*x"])
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
        st.builds('f"{{{}:{}}}"'.format, part, st.sampled_from([">5", ".2f", "%Y", "99999", "c", "x"])),
        st.builds("coalesce({}, {})".format, part, part),
        st.builds("sorted({}, key={})".format, part, part),
    )  # fmt: skip


SOURCES = st.recursive(
    st.one_of(NAMES, LITERALS, st.builds("{}.{}".format, NAMES, FIELDS)), grown, max_leaves=12
)


@given(SOURCES)
@example("[{'a': x}['a'] for x in [x for x in range(9)]]")
def test_any_expression_gives_json_or_an_expression_error(source: str) -> None:
    check(source)


@given(st.sampled_from(REFUSED + HUGE), st.data())
def test_mutated_attacks_give_json_or_an_expression_error(attack: str, data: st.DataObject) -> None:
    source = attack
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(source)))
        stop = data.draw(st.integers(start, min(len(source), start + 4)))
        middle = data.draw(st.one_of(st.sampled_from(PIECES), st.sampled_from(REFUSED + HUGE)))
        source = source[:start] + middle + source[stop:]
    check(source)


PIECES = ["", "(", ")", "[", "]", "{", "}", ".", "_", "__class__", "'", '"', "f'", "\\", "\n", " ", ",",
          "**", "*", "lambda: ", " for x in ", " if ", "x", "0", "input", ":", "=", ":=", "#", "é", "\0",
          "\ud800", " in ", " is ", "not ", "await ", "%", "!r", "..."]  # fmt: skip


@given(st.text(max_size=30))
def test_any_text_gives_json_or_an_expression_error(source: str) -> None:
    check(source)


@given(SOURCES)
def test_steps_never_exceed_the_budget(source: str) -> None:
    """Whatever is paid for before the error is one step at most beyond the budget's last."""
    try:
        expression = compile_expression(source)
    except ExpressionError:
        return
    budget = Budget()
    try:
        expression._run(FUZZ_SCOPE, budget)
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError):
        return
    assert 0 <= budget.steps <= MAX_STEPS


@given(SOURCES)
def test_a_result_does_not_depend_on_when_it_is_asked_for(source: str) -> None:
    try:
        first = value_of(source, FUZZ_SCOPE)
    except ExpressionError as error:
        assert str(error_of(source, FUZZ_SCOPE)) == str(error)
        return
    assert value_of(source, FUZZ_SCOPE) == first
