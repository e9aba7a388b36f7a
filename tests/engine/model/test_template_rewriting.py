from __future__ import annotations

import jinja2
import pytest
from jinja2 import nodes

from engine.model.template_rewriting import MAX_NODES, Misused, rewrite

NAMES = frozenset({"input", "state", "loop"})
ENVIRONMENT = jinja2.Environment(autoescape=False)


def tree_of(source: str) -> nodes.Template:
    return rewrite(ENVIRONMENT.parse(source), NAMES, None).tree


def filters_of(source: str) -> list[str]:
    return [node.name for node in tree_of(source).find_all(nodes.Filter)]


@pytest.mark.parametrize(
    ("source", "filters"),
    [
        ("{{ input.a == 1 }}", ["_compare"]),
        ("{{ input.a ~ 'b' }}", ["_concat"]),
        ("{{ input.a.upper() }}", ["_method"]),
        ("{{ len(input) }}", ["_call"]),
        ("{{ input[1:] }}", ["_part"]),
        ("{% for x in input %}{% endfor %}", ["_rounds"]),
        ("{{ input is odd }}", ["_test"]),
        ("{{ [input.a, 1] }}", ["_solid"]),
    ],
)
def test_what_works_on_values_becomes_a_filter_of_ours(source: str, filters: list[str]) -> None:
    assert filters_of(source) == filters


def test_no_call_and_no_comparison_is_left() -> None:
    source = "{% for x in input.items() if x > 1 %}{{ len(x) ~ loop.cycle(1) }}{% endfor %}"
    tree = tree_of(source)
    for kind in (nodes.Call, nodes.Compare, nodes.Concat, nodes.Test, nodes.Slice):
        assert not list(tree.find_all(kind))


def test_rounds_of_a_loop_cost_by_the_size_and_the_text_of_its_body() -> None:
    def weight(source: str) -> object:
        rounds = next(node for node in tree_of(source).find_all(nodes.Filter))
        assert isinstance(rounds.args[0], nodes.Const)
        return rounds.args[0].value

    assert weight("{% for x in input %}a{% endfor %}") == 1
    assert weight("{% for x in input %}" + "a" * 320 + "{% endfor %}") == 11
    assert weight("{% for x in input %}" + "{{ x }}" * 32 + "{% endfor %}") == 3


def test_a_single_expression_is_assigned() -> None:
    rewritten = rewrite(ENVIRONMENT.parse("{{ input.a }}"), NAMES, "result")
    assert rewritten.is_value
    assert isinstance(rewritten.tree.body[0], nodes.Assign)
    assert not rewrite(ENVIRONMENT.parse("{{ input.a }}!"), NAMES, "result").is_value


def test_loop_of_a_for_is_not_the_loop_of_the_workflow() -> None:
    inside = "{% for x in loop.items %}{{ loop.index }}{% else %}{{ loop.of }}{% endfor %}"
    reads = rewrite(ENVIRONMENT.parse(inside), NAMES, None).reads
    assert reads.of("loop") == {"items", "of"}


def test_names_of_a_loop_end_with_it() -> None:
    with pytest.raises(Misused, match="undefined name 'x'"):
        tree_of("{% for x in input %}{% endfor %}{{ x }}")


def test_size_is_limited() -> None:
    with pytest.raises(Misused, match="parts"):
        tree_of("{{ [" + "1," * MAX_NODES + "] }}")


def test_line_of_what_is_refused_is_named() -> None:
    with pytest.raises(Misused) as caught:
        tree_of("a\nb\n{% include 'x' %}")
    assert caught.value.line == 3
    assert str(caught.value) == "{% include %} is not allowed in a template"
