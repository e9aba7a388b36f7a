from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.expressions import ExpressionError, Reads
from engine.model.templates import TemplateError, compile_template, compile_value_template

NOW = dt.datetime(2030, 5, 17, 14, 30, tzinfo=dt.UTC)
SCOPE: dict[str, object] = {
    "input": {
        "amount": 1234.5,
        "name": "Ann",
        "rows": [{"id": 1, "n": "b", "ok": True}, {"id": 2, "n": "a", "ok": False}],
        "items": [1, 2],
        "none": None,
        "class": 7,
    },
    "nodes": {"my-node": 8},
    "state": {"total": 12},
    "vars": {"tags": ["a", "b"]},
    "env": {},
    "run": {"id": "r1"},
    "now": NOW,
}


def text_of(source: str) -> str:
    return compile_template(source).render(SCOPE)


def error_of(source: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        text_of(source)
    return caught.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain } text {", "plain } text {"),
        ("Hello {{ input.name }}!", "Hello Ann!"),
        ("{{ input.rows[0].n }}{{nodes['my-node']}}", "b8"),
        ("{{ input.items }}", "[1, 2]"),
        ("{{ input.class }}", "7"),
        ("{{ now }}", "2030-05-17T14:30:00+00:00"),
        ("{{ now.year }} {{ input.none }}", "2030 None"),
        ("{{ input.rows|length }} invoices", "2 invoices"),
        ("{{ 'a' ~ 1 ~ [true] }}", "a1[true]"),
        ("{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ 2 ** 3 }} {{ -1 }}", "7 3 8 -1"),
        ("{{ 1 < 2 < 3 }} {{ 'x' in 'xyz' }} {{ 3 not in [1] }}", "True True True"),
        ("{{ 'yes' if state.total > 10 else 'no' }}", "yes"),
        ("[{{ 'x' if false }}]", "[]"),
        ("{{ input.x.y.z|default('none') }}", "none"),
        ("{{ input.x is defined }} {{ input.name is defined }}", "False True"),
        ("{% set x = 2 %}{{ x * 2 }}", "4"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}", "3"),
        ("{% if input.none is none %}A{% elif 1 %}B{% else %}C{% endif %}", "A"),
        ("{% for r in input.rows %}{{ loop.index }}{{ r.n }} {% endfor %}", "1b 2a "),
        ("{% for r in input.rows if r.ok %}{{ r.n }}{% else %}-{% endfor %}", "b"),
        (
            "{% for k, v in input.rows[0].items() %}{{ k }}={{ v }} {% endfor %}",
            "id=1 n=b ok=True ",
        ),
        ("{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
        ("{% for x in [1, 2] %}{{ loop.previtem|default('-') }}{% endfor %}", "-1"),
        ("{{ set('ba') }} {% for t in set('ba') %}{{ t }}{% endfor %}", '["a", "b"] ab'),
        ("{{ 'abc'.upper()[1:] }} {{ len(input.rows) }}", "BC 2"),
        ("{{ coalesce(input.q, none, 3) }}", "3"),
        ("{{ dict(a=1).get('a') }}", "1"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("a\r\nb\rc{{ 1 }}\n", "a\nb\nc1\n"),
        ("a\r\n{{ input.name }}\n", "a\nAnn\n"),
        ("a {{- 1 -}} b", "a1b"),
        ("<{{ '<&>' }}>", "<<&>>"),
    ],
)
def test_text(source: str, text: str) -> None:
    assert text_of(source) == text


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ input.amount }}", 1234.5),
        ("{{ input.rows|length }}", 2),
        ("{{ input.rows|map(attribute='id')|list }}", [1, 2]),
        ("{{ none }}", None),
        ("{{- true -}}", True),
        ("{{ now }}", "2030-05-17T14:30:00+00:00"),
        ("{{ vars.tags }}", ["a", "b"]),
        ("{{ set('ba') }}", ["a", "b"]),
        (" {{ input.amount }}", " 1234.5"),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("plain", "plain"),
        ("{% if 1 %}{{ 1 }}{% endif %}", "1"),
    ],
)
def test_single_expression_keeps_its_kind(source: str, value: object) -> None:
    result = compile_value_template(source).evaluate(SCOPE)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("{{ input.totl }}", 1, "input: there is no 'totl'"),
        ("a\n\n{{ input.nam }}", 3, "did you mean 'name'?"),
        ("a\n{{ input.nam|upper }}", 2, "there is no 'nam'; did you mean 'name'?"),
        ("{% if 1 %}\n{{ loop.index }}\n{% endif %}", 2, "'loop' is not available here"),
        ("{{ loop.index }}", 1, "'loop' is not available here"),
        ("{{ x }}", 1, "undefined name 'x'"),
        ("{% for a in [1] %}{% endfor %}\n{{ a }}", 2, "undefined name 'a'"),
        ("\n{{ input.name|uper }}", 2, "did you mean 'upper'?"),
        ("{{ 1 is ood }}", 1, "did you mean 'odd'?"),
        ("\n{{ 1", 2, "unexpected end of template"),
        ("{% for %}", 1, "Expected an expression"),
        ("a\nb {{ 1 / 0 }}", 2, "division by zero"),
        ("{{ input.name + 1 }}", 1, "+ does not work on text and a number"),
        ("{{ [input.zz]|json }}", 1, "there is no 'zz'"),
        ("{{ {'a': input.zz} }}", 1, "there is no 'zz'"),
        ("{{ input.zz == 1 }}", 1, "there is no 'zz'"),
        ("{% for x in input.zz %}{% endfor %}", 1, "there is no 'zz'"),
        ("{% if input.zz %}{% endif %}", 1, "there is no 'zz'"),
        ("{{ input[input.zz] }}", 1, "there is no 'zz'"),
        ("{% for x in [1] %}{{ loop.previtem }}{% endfor %}", 1, "no previous item"),
        ("{% for x in [1] %}{{ loop }}{% endfor %}", 1, "only with a field"),
        ("{% for x in [1] %}{{ loop.foo }}{% endfor %}", 1, "the loop of a for has no 'foo'"),
        ("{{ input.name|truncate(1, 2, 3, 4) }}", 1, "the filter truncate takes (length=255"),
        ("{{ round(1, 2, 3) }}", 1, "the arguments do not fit round(number, digits=None)"),
    ],
)
def test_error_says_what_and_where(source: str, line: int, message: str) -> None:
    error = error_of(source)
    assert message in error.message
    assert (error.line, error.source) == (line, source)
    assert f"at line {line} of the template" in str(error)
    assert isinstance(error, ExpressionError)


@pytest.mark.parametrize(
    "source",
    [
        "{{ input.secret|int }}",
        "{{ input.secret.x }}",
        "{{ input.secret + 1 }}",
        "{{ input.secret|date }}",
        "{{ input.secret|round }}",
        "{{ -input.secret }}",
    ],
)
def test_errors_never_hold_values(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(source).render({"input": {"secret": "hunter2"}})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "names", "channels"),
    [
        ("plain", "", ""),
        ("{{ state.a|upper }}{{ state['b'] }}", "state", "a b"),
        ("{{ state.a }}{{ state['b'] }}", "state", "a b"),
        ("{{ state|json }}", "state", "*"),
        ("{{ state[input.x] + 1 }}", "state input", "*"),
        ("{{ state.get('a') }}", "state", "a"),
        ("{% for x in state.a %}{{ x.y }}{{ loop.index }}{% endfor %}", "state", "a"),
        ("{% for x in loop.item %}{{ x }}{% endfor %}", "loop", ""),
    ],
)
def test_reads_are_inferred(source: str, names: str, channels: str) -> None:
    reads = compile_template(source).reads
    assert reads == Reads(frozenset(names.split()), channels=frozenset(channels.split()))


def test_reads_of_nodes_env_and_vars_are_inferred() -> None:
    reads = compile_template("{% if env.A %}{{ vars.b ~ nodes['c'].d }}{% endif %}").reads
    assert [set(reads.env), set(reads.vars), set(reads.nodes)] == [{"A"}, {"b"}, {"c"}]


def test_constant_templates_are_known() -> None:
    assert compile_template("no fields").is_constant
    assert compile_value_template("no fields").is_constant
    assert not compile_template("{{ 1 }}").is_constant


REFUSED = [
    "{{ ''.__class__ }}", "{{ input.__class__ }}", "{{ input['x'].__class__ }}", "{{ _x }}",
    "{{ self }}", "{{ self._TemplateReference__context }}", "{{ cycler }}", "{{ joiner() }}",
    "{{ lipsum.__globals__ }}", "{{ namespace() }}", "{{ dict.__base__ }}", "{{ caller() }}",
    "{{ input|attr('__class__') }}", "{{ input|pprint }}", "{{ input|xmlattr }}", "{{ 1|random }}",
    "{{ input.name.format(1) }}", "{{ '{0.__class__}'.format(1) }}", "{{ 'a'.format_map(input) }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{% call a() %}{% endcall %}",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}",
    "{% block a %}{% endblock %}", "{% set ns.x = 1 %}", "{% set x %}a{% endset %}",
    "{% filter upper %}a{% endfilter %}", "{% autoescape true %}a{% endautoescape %}",
    "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}", "{% set input = 1 %}",
    "{% for state in [1] %}{% endfor %}", "{% set _x = 1 %}", "{{ foo(1) }}", "{{ input(1) }}",
    "{{ input.items(*[1]) }}", "{{ dict(**input) }}", "{{ [1]|map(*['upper'])|list }}",
    "{{ input.rows.append(1) }}", "{{ range }}", "{{ 'a'|_concat }}", "{{ _method('a') }}",
    "{{ input|_solid }}", "{% do 1 %}", "{% break %}", "{% debug %}", "{{ '\ud800' }}",
    "{{ 9" + "9" * 2_000 + " }}", "{{ 1e999 }}", "{{ (1).real }}", "{{ loop.__init__ }}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}", "{{ dict(__class__=1) }}",
    "{% for x in [1] %}{% set l = loop %}{{ l._iterator }}{% endfor %}", "{{ input|map('map') }}",
    "{% for x in [1] %}{% set l = loop %}{{ l.changed(1) }}{% endfor %}", "{{ []|first }}",
    "{{ input.rows|map(attribute='__class__')|list }}", "{{ ['a']|map('attr', 'x')|list }}",
    "{{ [1]|select('callable')|list }}", "{{ [1]|select('_x')|list }}", "{{ {1: 2} }}",
    "{% for a, b in [set('ab')] %}{% endfor %}",
]  # fmt: skip


@pytest.mark.parametrize("source", REFUSED)
def test_refused(source: str) -> None:
    assert error_of(source)


LOOP = "{{% for {0} in range(1000) %}}{1}{{% endfor %}}"
DOUBLE = "{% set x = [x] * 99 %}{% set y = [y] * 99 %}"
HUGE = [
    "{{ 'a' * 10**9 }}", "{{ [0] * 10**9 }}", "{{ 9 ** 9999 }}", "{{ range(10**9) }}",
    "{{ 'a'|center(10**9) }}", "{{ 'a'.ljust(10**9) }}", "{{ '%1000000000d'|format(1) }}",
    "{{ '%*d'|format(10**9, 1) }}", "{{ '%.99999f'|format(1) }}", "{{ 'a'|indent(999) * 10**9 }}",
    LOOP.format("a", LOOP.format("b", LOOP.format("c", "x"))),
    LOOP.format("a", LOOP.format("b", "x" * 3_200)),
    LOOP.format("a", LOOP.format("b", "{{ 'x' * 3200 }}")),
    "{% set x = 'a' * 10**6 %}" + "{% set x = x ~ x %}" * 30,
    "{% set x = [0] * 99 %}" + "{% set x = [x] * 99 %}" * 5 + "{{ x }}",
    "{% set x = [0] * 99 %}{% set y = [0] * 99 %}" + DOUBLE * 5 + "{{ x == y }}",
    "{% set x = [0] %}" + "{% set x = [x, x] %}" * 50 + "{{ x|json }}",
    "{% for a in range(10**6) %}{% for b in range(10**6) %}{% endfor %}{% endfor %}",
    LOOP.format("a", LOOP.format("b", "{{ [1, 2, 3]|map('upper')|join }}")),
    "{{ ('a' * 10**6)|replace('a', 'b' * 10**6) }}",
    "{{ range(10**6)|map('string')|join(',' * 1000) }}",
    "{{ range(10**6)|batch(1)|list }}", "{{ ('a ' * 10**6)|wordcount }}", "{{ 1|round(10**9) }}",
    "{{ 1|number(10**9) }}", "{{ ('<' * 10**6)|escape|escape|escape }}" * 20,
]  # fmt: skip


@pytest.mark.parametrize("source", HUGE)
def test_too_much_work_is_an_error_not_a_hang(source: str) -> None:
    assert error_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "not " * 5_000 + "1 }}",
        "{{ 1" + " + 1" * 5_000 + " }}",
        "{% if 1 %}" * 300 + "{% endif %}" * 300,
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        "{{ [" + "1," * 30_000 + "] }}",
        "x" * 200_001,
        "{{ input" + ".a" * 5_000 + " }}",
    ],
)
def test_deep_or_long_templates_are_errors(source: str) -> None:
    assert error_of(source)


def test_long_output_stops_at_its_limit() -> None:
    source = "{{ input.t }}" * 3
    with pytest.raises(TemplateError, match="10,000,000 characters"):
        compile_template(source).render({"input": {"t": "a" * 4_000_000}})
    with pytest.raises(TemplateError, match="10,000,000 characters"):
        compile_template("{{ 1 }}" + source).render({"input": {"t": "a" * 4_000_000}})


def test_source_must_be_text() -> None:
    with pytest.raises(TemplateError, match="must be text, not a list"):
        compile_template([])  # type: ignore[arg-type] # the mistake


def test_jinja_is_imported_by_the_first_template_that_needs_it() -> None:
    program = (
        "import sys\n"
        "from engine.model.templates import compile_template as compile\n"
        "assert compile('Hi {{ input.a }}').render({'input': {'a': 1}}) == 'Hi 1'\n"
        "assert 'jinja2' not in sys.modules\n"
        "assert compile('{{ input|length }}').render({'input': [1]}) == '1'\n"
        "assert 'jinja2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


PATHS = st.sampled_from(
    ["input", "input.name", "input.rows[0].n", 'input["rows"][1]["ok"]', "now", "now.year", "nodes",
     "state.total", "input.none", "input.missing", "loop.index", "input.rows[9]", "input.name.x",
     "input.none.x", "vars.tags", "nodes['my-node']", "input.class", "run.id"]
)  # fmt: skip
BETWEEN = st.sampled_from(["", " ", "\n", "\r\n", "a", "{", "}", "é", "%}", "#}", "{ {"])


@given(st.lists(st.tuples(BETWEEN, PATHS), min_size=1, max_size=4), BETWEEN)
def test_paths_mean_the_same_with_and_without_jinja(parts: list[tuple[str, str]], end: str) -> None:
    source = "".join(f"{text}{{{{ {path} }}}}" for text, path in parts) + end

    def outcome(text: str) -> str:
        try:
            return text_of(text)
        except TemplateError as error:
            return f"line {error.line}: {error.message.rpartition(': ')[2]}"

    assert outcome(source) == outcome("{# Jinja #}" + source)
