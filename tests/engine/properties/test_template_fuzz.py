"""Whatever is written as a template gives text or a TemplateError, in few steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from engine.model.template_filters import FILTERS, TESTS
from engine.model.templates import TemplateError, compile_template, compile_value_template

SCOPE: Mapping[str, object] = {
    "input": {"name": "Ann", "rows": [{"id": 1, "n": "b"}, {"id": 2, "n": "a"}], "none": None},
    "nodes": {"read": {"out": [1, 2, 3]}},
    "state": {"total": 12, "text": "abc"},
    "vars": {},
    "env": {},
    "run": {"id": "r1"},
    "now": dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC),
}


def outcome_of(source: str) -> object:
    """The text, or the error's sentence; any other exception fails the test."""
    try:
        return compile_template(source).render(SCOPE)
    except TemplateError as error:
        return str(error)


def check(source: str) -> None:
    outcome = outcome_of(source)
    assert isinstance(outcome, str)
    assert outcome == outcome_of(source)
    try:
        compile_value_template(source).evaluate(SCOPE)
    except TemplateError:
        return


VALUES = st.sampled_from(
    ["input", "input.name", "input.rows", "input.none", "input.missing", "state.total", "now", "x",
     "state.text", "1", "0.5", "'a%s'", "[1, 2]", "{'a': 1}", "range(3)", "none", "true", "loop",
     "loop.index", "_x", "self", "input.__class__", "10**6", "(1, 2)", "set('ab')"]
)  # fmt: skip
FILTER = st.sampled_from([*FILTERS, "default", "d", "attr", "pprint", "_method", "random"])
TEST = st.sampled_from([*(name for name in TESTS if name.isalpha()), "defined", "undefined", "x"])
OPERATOR = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
)
METHOD = st.sampled_from(["upper", "format", "get", "items", "split", "join", "mro", "cycle"])


def grown(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pieces = st.lists(part, max_size=2).map(", ".join)
    return st.one_of(
        st.builds("({} {} {})".format, part, OPERATOR, part),
        st.builds("{}|{}".format, part, FILTER),
        st.builds("({}|{}({}))".format, part, FILTER, pieces),
        st.builds("({}|map('{}')|list)".format, part, FILTER),
        st.builds("({}|map(attribute='{}')|list)".format, part, st.sampled_from(["id", "n", "_x"])),
        st.builds("({} is {})".format, part, TEST),
        st.builds("({} is {}({}))".format, part, TEST, part),
        st.builds("{}.{}({})".format, part, METHOD, pieces),
        st.builds("{}[{}]".format, part, part),
        st.builds("{}[{}:{}]".format, part, part, part),
        st.builds("[{}]".format, pieces),
        st.builds("({} if {} else {})".format, part, part, part),
        st.builds("({} if {})".format, part, part),
        st.builds("(not {})".format, part),
        st.builds("coalesce({})".format, pieces),
    )


EXPRESSIONS = st.recursive(VALUES, grown, max_leaves=8)


def nested(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, part, part),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, EXPRESSIONS, part, part),
        st.builds("{{% for x in {} %}}{}{{% endfor %}}".format, EXPRESSIONS, part),
        st.builds("{{% for x, y in {} %}}{}{{% endfor %}}".format, EXPRESSIONS, part),
        st.builds("{{% for x in [1, 2] if {} %}}{}{{% endfor %}}".format, EXPRESSIONS, part),
        st.builds("{{% set x = {} %}}{}".format, EXPRESSIONS, part),
        st.builds("{{% with x = {} %}}{}{{% endwith %}}".format, EXPRESSIONS, part),
        st.builds("{{% macro m(x) %}}{}{{% endmacro %}}{{{{ m(1) }}}}".format, part),
        st.builds("{{% set x %}}{}{{% endset %}}".format, part),
    )  # fmt: skip


OUTPUT = st.one_of(
    st.text("ab{}%#\n\\é", max_size=4),
    st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
    st.builds("{{{{- {} -}}}}".format, EXPRESSIONS),
)
TEMPLATES = st.recursive(OUTPUT, nested, max_leaves=5)
PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "|", ".", "_", "(", ")", "[", "'", "\\", " if ", " for ",
     " in ", "\n", "\r\n", "é", "\0", "\ud800", "__class__", "*", "**", "~", "loop", "-", "1"]
)  # fmt: skip


@given(TEMPLATES)
def test_any_template_gives_text_or_a_template_error(source: str) -> None:
    check(source)


@given(TEMPLATES, st.data())
def test_mutated_templates_give_text_or_a_template_error(source: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(source)))
        stop = data.draw(st.integers(start, min(len(source), start + 3)))
        source = source[:start] + data.draw(PIECES) + source[stop:]
    check(source)


@given(st.text(max_size=30))
def test_any_text_gives_text_or_a_template_error(source: str) -> None:
    check(source)
