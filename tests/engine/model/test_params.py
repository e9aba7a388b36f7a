from __future__ import annotations

import pytest

from engine.model.expressions import Reads
from engine.model.params import ParamErrors, compile_params

SCOPE = {"input": {"path": "/a", "n": 3, "rows": [1, 2]}, "state": {"total": 7}}


def test_expressions_and_templates_are_computed_at_any_depth() -> None:
    params = {
        "path": {"expr": "input.path"},
        "headers": {"X-Total": {"template": "total {{ state.total }}"}, "Accept": "json"},
        "rows": [1, {"expr": "input.n + 1"}, [{"expr": "input.rows"}]],
        "plain": "{{ input.path }}",
    }
    assert compile_params(params).resolve(SCOPE) == {
        "path": "/a",
        "headers": {"X-Total": "total 7", "Accept": "json"},
        "rows": [1, 4, [[1, 2]]],
        "plain": "{{ input.path }}",
    }


def test_single_expression_in_a_template_keeps_its_kind() -> None:
    params = compile_params(
        {"n": {"template": "{{ input.n }}"}, "t": {"template": "{{ input.n }}!"}}
    )
    assert params.resolve(SCOPE) == {"n": 3, "t": "3!"}


def test_text_fields_are_templates_and_stay_text() -> None:
    params = {
        "title": "{{ input.rows|length }}",
        "more": ["{{ input.n }}", {"template": "{{ input.n }}"}, {"expr": "input.n"}],
        "other": "{{ input.n }}",
    }
    compiled = compile_params(params, templates=frozenset({"title", "more"}))
    assert compiled.resolve(SCOPE) == {
        "title": "2", "more": ["3", "3", 3], "other": "{{ input.n }}",
    }  # fmt: skip


def test_order_of_fields_is_kept() -> None:
    params = compile_params({"z": {"expr": "1"}, "a": 1, "m": {"expr": "2"}, "b": 2})
    assert list(params.resolve({})) == ["z", "a", "m", "b"]


def test_constant_params_are_resolved_once() -> None:
    params = {"a": [1, {"b": "c"}], "title": "no fields"}
    compiled = compile_params(params, templates=frozenset({"title"}))
    assert compiled.is_constant
    assert compiled.constant == params
    assert compiled.resolve({}) is compiled.resolve(SCOPE)


def test_constant_parts_are_shared_and_computed_ones_are_new() -> None:
    compiled = compile_params({"fixed": {"a": [1]}, "n": {"expr": "[input.n]"}})
    first, second = compiled.resolve(SCOPE), compiled.resolve(SCOPE)
    assert first["fixed"] is second["fixed"]
    assert first["n"] is not second["n"]
    assert not compiled.is_constant
    assert compiled.constant is None


def test_params_read_what_their_parts_read() -> None:
    params = {"a": {"expr": "state.x"}, "b": [{"template": "{{ nodes.read|json }} {{ env.H }}"}]}
    assert compile_params(params).reads == Reads(
        frozenset({"state", "nodes", "env"}),
        frozenset({"x"}),
        frozenset({"read"}),
        frozenset({"H"}),
    )


def test_all_problems_are_listed_with_their_paths() -> None:
    params = {
        "a": {"expr": "1 +"},
        "b": {"c": [0, {"template": "{{ x }}"}]},
        "d": {"expr": 3},
        "e": {"template": None},
        "f": {"expr": "output.x"},
        "title": "{% include 'x' %}",
        "good": {"expr": "1"},
    }
    with pytest.raises(ParamErrors) as caught:
        compile_params(params, templates=frozenset({"title"}))
    found = dict(caught.value.errors)
    assert list(found) == ["a", "b.c[1]", "d", "e", "f", "title"]
    assert "undefined name 'x'" in found["b.c[1]"]
    assert "needs text, not a number" in found["d"]
    assert "'output' exists only in what a node writes" in found["f"]
    assert str(caught.value).startswith("parameter a: invalid syntax")
    assert str(caught.value).endswith("(and 5 more)")


def test_all_values_that_fail_are_listed_when_resolved() -> None:
    params = {"a": {"expr": "input.x"}, "b": [{"template": "{{ 1 / 0 }}"}], "c": {"expr": "1"}}
    with pytest.raises(ParamErrors) as caught:
        compile_params(params).resolve(SCOPE)
    assert [path for path, _ in caught.value.errors] == ["a", "b[0]"]


def test_objects_with_more_than_expr_are_plain() -> None:
    params = {"a": {"expr": "1", "lang": "py"}, "b": {}, "c": []}
    compiled = compile_params(params)
    assert compiled.is_constant
    assert compiled.resolve({}) == params


def test_params_nested_too_deeply_are_a_problem() -> None:
    value: object = 1
    for _ in range(5_000):
        value = [value]
    with pytest.raises(ParamErrors, match="nested more than 100 levels"):
        compile_params({"a": value})


def test_the_document_stays_as_it_is() -> None:
    params = {"a": [{"expr": "input.n"}, {"b": {"expr": "1"}}]}
    compile_params(params).resolve(SCOPE)
    assert params == {"a": [{"expr": "input.n"}, {"b": {"expr": "1"}}]}
