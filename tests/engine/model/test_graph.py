from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.graph import GraphFacts, Zone, analyse, unguarded_cycles
from engine.model.workflow import Edge, Node, PortRef, Workflow
from tests.engine.model.documents import workflows
from tests.engine.model.kit import KIT, flow


def facts(nodes: str, *wires: str, **more: Any) -> GraphFacts:
    return analyse(flow(nodes, *wires, **more), KIT)


DIAMOND = ("s -> a", "s -> b", "a -> z", "b -> z")


def test_run_begins_at_the_triggers_or_where_nothing_leads() -> None:
    assert facts("a:start b c", "a -> c").sources == ("a",)
    assert facts("a b c", "a -> c").sources == ("a", "b")


def test_disabled_trigger_starts_nothing() -> None:
    found = facts("a:start b:start c", "a -> c", "b -> c", a={"disabled": True})
    assert found.sources == ("b",)


def test_dominator_is_on_every_way() -> None:
    found = facts("s a b z", *DIAMOND)
    assert found.dominates("s", "z")
    assert found.dominates("s", "a")
    assert not found.dominates("a", "z")
    assert not found.dominates("z", "a")
    assert not found.dominates("s", "s")


def test_fork_is_where_the_ways_part() -> None:
    found = facts("s a b c z", *DIAMOND, "a -> c")
    assert found.fork_of("a", "b") == "s"
    assert found.fork_of("c", "a") == found.fork_of("a", "c") == "a"
    assert found.fork_of("c", "z") == "s"
    assert facts("a b").fork_of("a", "b") is None


def test_nothing_is_known_of_unreachable_nodes() -> None:
    found = facts("s:start a b c", "s -> a", "b -> c")
    assert found.unreachable == {"b", "c"}
    assert not found.dominates("b", "c")


def test_loop_is_closed_by_the_edge_to_its_dominator() -> None:
    """U15."""
    found = facts("s a b c", "s -> a", "a -> b", "b -> a", "b -> c")
    assert found.back_edges == {"b.out->a.in"}
    assert found.cycle_of == {"a": 0, "b": 0}
    assert found.exits == {0: ("b.out->c.in",)}


def test_node_that_leads_to_itself_is_a_loop() -> None:
    found = facts("s a", "s -> a", "a -> a")
    assert found.back_edges == {"a.out->a.in"}
    assert found.cycle_of == {"a": 0}


def test_every_way_into_a_cycle_with_several_is_a_header_of_it() -> None:
    found = facts("s a b", "s -> a", "s -> b", "a -> b", "b -> a")
    assert found.back_edges == {"a.out->b.in", "b.out->a.in"}
    assert found.topological[0] == "s"


def test_so_is_every_way_into_one_that_lies_in_another() -> None:
    found = facts("s h a m b", "s -> h", "h -> a", "h -> b", "a -> m", "m -> b", "b -> a", "b -> h")
    assert found.back_edges == {"m.out->b.in", "b.out->a.in", "b.out->h.in"}
    assert found.topological == ("s", "h", "a", "m", "b")


def test_zone_is_everything_between_the_pair() -> None:
    found = facts(
        "e:each a f:each b d:collect c:collect z",
        "e.item -> a", "a -> f", "f.item -> b", "b -> d", "d -> c", "c -> z",
    )  # fmt: skip
    assert found.zones == {
        "e": Zone(split="e", collect="c", body=frozenset("afbd")),
        "f": Zone(split="f", collect="d", body=frozenset("b")),
    }
    assert found.zone_of == {"a": ("e",), "f": ("e",), "d": ("e",), "b": ("e", "f")}
    assert found.zone_problems == ()


def test_zone_may_be_empty_or_hold_a_loop() -> None:
    assert facts("e:each c:collect", "e.item -> c").zones["e"].body == frozenset()
    looped = facts("e:each a b c:collect", "e.item -> a", "a -> b", "b -> a", "a -> c")
    assert looped.zones["e"].body == {"a", "b"}
    assert looped.zone_problems == ()


def test_body_dominates_nothing_outside_because_the_list_may_be_empty() -> None:
    found = facts("e:each a c:collect z", "e.item -> a", "a -> c", "c -> z")
    assert not found.dominates("a", "c")
    assert not found.dominates("a", "z")
    assert found.dominates("e", "a")
    assert found.dominates("c", "z")


def test_disabled_pair_is_no_zone() -> None:
    off = {"disabled": True}
    found = facts("e:each a c:collect", "e.item -> a", "a -> c", e=off, c=off)
    assert (found.zones, found.zone_problems) == ({}, ())


@pytest.mark.parametrize(
    ("wires", "nodes"),
    [
        (("e.item -> a",), ["e"]),
        (("e.item -> a", "a -> c", "a -> z"), ["a"]),
        (("e.item -> a", "a -> c", "e.item -> z"), ["z"]),
        (("e.item -> a", "a -> c", "y -> a"), ["a"]),
        (("e.item -> a", "a -> c", "y -> c"), ["c"]),
    ],
)
def test_wire_that_crosses_a_zone_is_reported_at_the_node_inside(
    wires: tuple[str, ...], nodes: list[str]
) -> None:
    found = facts("e:each a c:collect y z" if len(wires) > 1 else "e:each a", *wires)
    assert [node for node, _ in found.zone_problems] == nodes


def test_unguarded_cycles_are_groups_in_document_order() -> None:
    workflow = flow("a b c d", "a -> b", "b -> a", "c -> c", "c -> d")
    assert unguarded_cycles(workflow.nodes, workflow.edges) == [("a", "b"), ("c",)]
    assert unguarded_cycles(workflow.nodes, workflow.edges[1:2]) == []


@st.composite
def graphs(draw: st.DrawFn) -> Workflow:
    keys = [f"n{number}" for number in range(draw(st.integers(1, 9)))]
    ends = st.tuples(st.sampled_from(keys), st.sampled_from(keys))
    return Workflow(
        id="1",
        nodes={key: Node(key=key, type="step") for key in keys},
        edges=tuple(
            Edge(source=PortRef(a, "out"), target=PortRef(b, "in"))
            for a, b in draw(st.lists(ends, max_size=18, unique=True))
        ),
    )


@st.composite
def trees(draw: st.DrawFn) -> Workflow:
    """Return a workflow in which nothing comes together, with a wire back now and then."""
    keys = [f"n{number}" for number in range(draw(st.integers(2, 9)))]
    ends = [
        (keys[draw(st.integers(0, number - 1))], keys[number])
        for number in range(1, len(keys))
        if draw(st.integers(0, 4))
    ]
    if draw(st.integers(0, 4)) == 0:
        ends.append((draw(st.sampled_from(keys)), keys[0]))
    return Workflow(
        id="1",
        nodes={key: Node(key=key, type="step") for key in draw(st.permutations(keys))},
        edges=tuple(Edge(source=PortRef(a, "out"), target=PortRef(b, "in")) for a, b in ends),
    )


def reachable_without(workflow: Workflow, sources: tuple[str, ...], removed: str) -> set[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(workflow.nodes)
    graph.add_edges_from((edge.source.node, edge.target.node) for edge in workflow.edges)
    graph.remove_nodes_from([removed])
    found: set[str] = set()
    for source in sources:
        if source != removed:
            found |= {source, *nx.descendants(graph, source)}
    return found


@settings(max_examples=80)
@given(graphs() | trees())
def test_dominance_is_what_removing_the_node_shows(workflow: Workflow) -> None:
    found = analyse(workflow, KIT)
    everything = reachable_without(workflow, found.sources, "")
    assert found.unreachable == set(workflow.nodes) - everything
    for first in everything:
        rest = reachable_without(workflow, found.sources, first)
        for then in everything - {first}:
            assert found.dominates(first, then) == (then not in rest)


@settings(max_examples=80)
@given(graphs() | trees())
def test_cycles_are_the_strong_components(workflow: Workflow) -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((edge.source.node, edge.target.node) for edge in workflow.edges)
    groups = {
        frozenset(group)
        for group in nx.strongly_connected_components(graph)
        if len(group) > 1 or any(graph.has_edge(node, node) for node in group)
    }
    found: dict[int, set[str]] = {}
    for key, number in analyse(workflow, KIT).cycle_of.items():
        found.setdefault(number, set()).add(key)
    assert {frozenset(group) for group in found.values()} == groups


@settings(max_examples=60)
@given(graphs())
def test_without_back_edges_every_edge_points_forward(workflow: Workflow) -> None:
    found = analyse(workflow, KIT)
    rank = {key: place for place, key in enumerate(found.topological)}
    assert sorted(rank) == sorted(workflow.nodes)
    for edge in workflow.edges:
        if edge.id not in found.back_edges:
            assert rank[edge.source.node] < rank[edge.target.node]
        else:
            cycle = found.cycle_of[edge.source.node]
            assert found.cycle_of[edge.target.node] == cycle


@settings(max_examples=40)
@given(workflows())
def test_every_document_can_be_analysed(workflow: Workflow) -> None:
    """T34."""
    found = analyse(workflow, KIT)
    assert found.order == tuple(workflow.nodes)
    loose = replace(workflow, nodes={})
    assert analyse(loose, KIT).topological == ()


LOADED = """
import sys
from engine.model.graph import analyse
from engine.model.workflow import Edge, Node, PortRef, Workflow
from engine.model.node_types import Registry

nodes = {key: Node(key=key, type="step") for key in "abcd"}
for wires in sys.argv[1:]:
    edges = tuple(Edge(source=PortRef(a, "out"), target=PortRef(b, "in")) for a, b in wires.split())
    analyse(Workflow(id="1", nodes=nodes, edges=edges), Registry([]))
print("networkx" in sys.modules)
"""


@pytest.mark.parametrize(
    ("wires", "loaded"), [("ab bc bd", "False"), ("ab ac bd cd", "True"), ("ab ba", "True")]
)
def test_what_neither_joins_nor_goes_round_needs_no_networkx(wires: str, loaded: str) -> None:
    """Going on with such a run after a crash does not wait for it (DESIGN 7: W7)."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, wires], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == loaded
