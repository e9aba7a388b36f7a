from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError

from engine.model.expression_values import TemplateFault
from engine.model.template_sandbox import _ENVIRONMENT, compile_program

NAMES = frozenset({"input", "state"})


def test_nothing_of_jinjas_own_is_left_in_the_environment() -> None:
    assert not _ENVIRONMENT.globals
    assert not _ENVIRONMENT.tests
    assert not _ENVIRONMENT.autoescape
    assert _ENVIRONMENT.loader is None
    assert not _ENVIRONMENT.optimized
    own = {filter_.__module__ for filter_ in _ENVIRONMENT.filters.values()}
    assert own == {"engine.model.template_sandbox"}


def test_nothing_can_be_called_even_if_it_got_in() -> None:
    context = _ENVIRONMENT.from_string("").new_context({})
    with pytest.raises(SecurityError):
        _ENVIRONMENT.call(context, len, [])
    assert not _ENVIRONMENT.is_safe_attribute("", "upper", str.upper)


def test_nothing_is_evaluated_while_compiling() -> None:
    program = compile_program("{{ 'a' * 10**9 }}{{ 1 / 0 }}", NAMES, value=False)
    with pytest.raises(TemplateFault, match="characters"):
        program.render({})


def test_programs_keep_nothing_between_renderings() -> None:
    program = compile_program("{% set x = input.a %}{{ x }}{{ x|upper }}", NAMES, value=False)
    assert program.render({"input": {"a": "b"}}) == "bB"
    assert program.render({"input": {"a": "c"}}) == "cC"
    with pytest.raises(TemplateFault, match="there is no 'a'"):
        program.render({"input": {}})


def test_only_what_is_read_is_handed_over() -> None:
    program = compile_program("{{ input|length }}", NAMES, value=True)
    assert program.is_value
    assert program.reads.names == {"input"}
    assert program.evaluate({"input": [1], "state": object()}) == 1
