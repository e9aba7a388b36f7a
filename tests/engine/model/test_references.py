from __future__ import annotations

import pytest

from engine.model.changes import RenameNode, apply
from engine.model.references import (
    Reference,
    find_references,
    rename_in_expression,
    rename_in_template,
)
from engine.model.workflow import Node, Settings, Workflow, Write
from tests.engine.model.kit import flow

NAMES = {"old": "new", "a-b": "c"}


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("nodes.old", "nodes.new"),
        ("nodes.old.x + nodes.older + nodes.x.old", "nodes.new.x + nodes.older + nodes.x.old"),
        ("nodes['old'].x", "nodes['new'].x"),
        ('nodes["a-b"]', 'nodes["c"]'),
        ("  nodes . old", "  nodes.new"),
        ("1 +\n nodes.old\n", "1 +\n nodes.new\n"),
        ("'ü' + nodes.old", "'ü' + nodes.new"),
        ("nodes.old + nodes.old", "nodes.new + nodes.new"),
        (
            "[x for x in nodes.old if x == 'nodes.old']",
            "[x for x in nodes.new if x == 'nodes.old']",
        ),
        ("input.nodes.old", "input.nodes.old"),
        ("[nodes.old for nodes in input]", "[nodes.old for nodes in input]"),
        ("nodes.old +", "nodes.old +"),
        ("old", "old"),
        ("'nodes.old'", "'nodes.old'"),
    ],
)
def test_expression_is_renamed_by_its_syntax(source: str, renamed: str) -> None:
    assert rename_in_expression(source, NAMES) == renamed


def test_key_that_is_no_name_is_put_in_brackets() -> None:
    assert rename_in_expression("nodes.old.x", {"old": "read-all"}) == 'nodes["read-all"].x'
    assert rename_in_expression("nodes.old.x", {"old": "if"}) == 'nodes["if"].x'
    assert rename_in_template("{{ nodes.old }}", {"old": "2nd"}) == '{{ nodes["2nd"] }}'


def test_names_are_exchanged_in_one_go() -> None:
    exchanged = {"a": "b", "b": "a"}
    assert rename_in_expression("nodes.a - nodes.b", exchanged) == "nodes.b - nodes.a"
    assert rename_in_template("{{ nodes.a - nodes.b }}", exchanged) == "{{ nodes.b - nodes.a }}"


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("nodes.old {{ nodes.old }}", "nodes.old {{ nodes.new }}"),
        ("{{- nodes['old'].x -}}\r\n", "{{- nodes['new'].x -}}\r\n"),
        ("{% if nodes.old %}{{ nodes.older }}", "{% if nodes.new %}{{ nodes.older }}"),
        ("{# nodes.old #}{{ 'nodes.old' }}{{ x.nodes.old }}",) * 2,
        (
            "{% raw %}{{ nodes.old }}{% endraw %}{{ nodes.old }}",
            "{% raw %}{{ nodes.old }}{% endraw %}{{ nodes.new }}",
        ),
        ('{{ "}}" ~ nodes.old }}', '{{ "}}" ~ nodes.new }}'),
        ("{% for nodes in x %}{{ nodes.old }}{% endfor %}",) * 2,
        ("{% set nodes = x %}{{ nodes.old }}",) * 2,
        ("{% for x in nodes.old %}{{ x }}", "{% for x in nodes.new %}{{ x }}"),
        ("{{ nodes.old", "{{ nodes.new"),
    ],
)  # fmt: skip
def test_template_is_renamed_in_its_tags(source: str, renamed: str) -> None:
    assert rename_in_template(source, NAMES) == renamed


def test_renaming_reaches_every_place_that_names_the_node() -> None:
    """U2."""
    workflow = flow(
        "old b:fetch c",
        "old -> b when nodes.old.n > 1",
        "b -> c",
        channels=None,
        settings=Settings(result="nodes.old"),
        b={
            "params": {
                "url": "{{ nodes.old }}",
                "x": [{"expr": "nodes.old"}],
                "reroute_to": ["old"],
            },
            "writes": {"c": Write(expr="output + nodes['old']")},
        },
        c={"params": {"cases": [{"when": "nodes.old > 1", "name": "nodes.old"}], "code": "old"}},
    )
    after = apply(workflow, RenameNode("old", "first"))
    assert after == flow(
        "first b:fetch c",
        "first -> b when nodes.first.n > 1",
        "b -> c",
        settings=Settings(result="nodes.first"),
        b={
            "params": {
                "url": "{{ nodes.first }}",
                "x": [{"expr": "nodes.first"}],
                "reroute_to": ["first"],
            },
            "writes": {"c": Write(expr="output + nodes['first']")},
        },
        c={"params": {"cases": [{"when": "nodes.first > 1", "name": "nodes.old"}], "code": "old"}},
    )
    assert find_references(after, "old") == (
        Reference(node="c", field="params.cases[0].name", text="nodes.old", certain=False),
    )


def test_references_say_what_renaming_would_rewrite() -> None:
    """U2: the rest is listed."""
    code = "total = nodes['old']['x']"
    hidden = "[nodes.old for nodes in input]"
    workflow = flow(
        "old b",
        "old -> b",
        b={"params": {"x": {"expr": "nodes.old"}, "code": code, "y": {"expr": hidden}}},
    )
    found = {each.field: each.certain for each in find_references(workflow, "old")}
    assert found == {"params.x.expr": True, "params.code": False, "params.y.expr": False}
    assert find_references(workflow, "ol") == ()


def test_a_workflow_inside_a_node_has_nodes_of_its_own() -> None:
    """Its `nodes.old` is not ours; one that an expression makes a value of is."""
    inner = {"format": 1, "id": "w", "name": "W", "edges": [],
             "nodes": {"x": {"type": "set", "params": {"v": {"expr": "nodes.old.n"}}}}}  # fmt: skip
    made = {"value": {"format": 1, "nodes": {"expr": "nodes.old"}}}
    workflow = Workflow(
        id="w",
        name="W",
        nodes={
            "old": Node(key="old", type="set"),
            "call": Node(key="call", type="workflow.call", params={"document": inner}),
            "make": Node(key="make", type="set", params={"fields": made}),
        },
    )
    after = apply(workflow, RenameNode("old", "new"))
    assert after.nodes["call"].params == {"document": inner}
    assert after.nodes["make"].params["fields"]["value"]["nodes"] == {"expr": "nodes.new"}
    assert [each.node for each in find_references(workflow, "old")] == ["make"]
