from __future__ import annotations

import ast
import builtins
from types import CodeType, FunctionType
from typing import cast

import pytest

from engine.model.expression_compiler import MAX_DEPTH, MAX_NODES, compile_tree
from engine.model.expression_nodes import Refused
from engine.model.expression_values import Budget
from tests.engine.model.expression_attacks import HUGE

NAMES = frozenset({"input", "state", "now", "run"})


def compiled(source: str) -> FunctionType:
    return cast(FunctionType, compile_tree(ast.parse(source, mode="eval"), NAMES).run)


def codes(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *(deep for one in inner for deep in codes(one))]


SOURCES = [
    "state.a.b[0] + input['x'].upper()", "[x.a for x in state.rows if any(y > 1 for y in x.b)]",
    "f'{now:%Y} {state.a}'", "coalesce(state.a, input.b, 1)", "{k: v for k, v in state.a.items()}",
    *HUGE,
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_code_holds_no_attribute_and_no_builtin(source: str) -> None:
    for code in codes(compiled(source).__code__):
        assert not {name for name in code.co_names if not name.startswith("_")}
        assert not {name for name in code.co_names if name.startswith("__")}


def test_builtins_are_out_of_reach() -> None:
    function = compiled("state.a")
    assert function.__globals__["__builtins__"] == {}
    assert not set(function.__globals__) & set(dir(builtins)) - {"__builtins__"}


@pytest.mark.parametrize(
    ("source", "cheap"),
    [
        ("state.total > 10", True),
        ("state.total > input.limit and state.name in ['a', 'b']", True),
        ("state.n + 1", True),
        ("state.a + state.b", False),
        ("state.a * 2", False),
        ("state.a % 2", False),
        ("[x == state.a for x in state.b]", False),
        ("[1] == state.a", False),
    ],
)
def test_simple_conditions_need_no_budget(source: str, cheap: bool) -> None:
    assert compile_tree(ast.parse(source, mode="eval"), NAMES).budgeted is not cheap


@pytest.mark.parametrize(
    ("source", "is_plain"),
    [
        ("state.a", True),
        ("{'a': state.a, 'b': [input, 1]}", True),
        ("state.a if state.b > 1 else None", True),
        ("state.a or 1", True),
        ("now", False),
        ("run.started_at", False),
        ("{1, 2}", False),
        ("{state.a: 1}", False),
        ("[x for x in state.a]", False),
        ("[" + "state.a, " * 9 + "]", False),
    ],
)
def test_results_made_of_the_scope_are_not_walked(source: str, is_plain: bool) -> None:
    assert compile_tree(ast.parse(source, mode="eval"), NAMES).plain is is_plain


def test_size_is_limited() -> None:
    with pytest.raises(Refused, match="parts"):
        compiled("[" + "1," * MAX_NODES + "]")
    with pytest.raises(Refused, match="nested"):
        compiled("not " * MAX_DEPTH + "1")


def test_any_stops_at_the_first() -> None:
    run = compiled("any(1 / x for x in [1, 0])")
    assert run({}, Budget()) is True


def test_longer_bodies_cost_more_per_round() -> None:
    short, long = Budget(), Budget()
    compiled("[x for x in range(100)]")({}, short)
    compiled("[x" + " + x" * 90 + " for x in range(100)]")({}, long)
    assert long.steps < short.steps - 900
