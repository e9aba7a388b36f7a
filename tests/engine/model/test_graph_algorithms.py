"""The two graph algorithms give what networkx gives, on every graph."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from engine.model.graph_algorithms import immediate_dominators, strong_groups

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(PAIRS)
def test_strong_groups_are_those_of_networkx(pairs: list[tuple[int, int]]) -> None:
    graph: nx.DiGraph[int] = nx.DiGraph(pairs)
    groups = [sorted(group) for group in nx.strongly_connected_components(graph)]
    cycles = [group for group in groups if len(group) > 1 or graph.has_edge(group[0], group[0])]
    assert strong_groups(pairs) == sorted(cycles)


@given(PAIRS, st.integers(0, 9))
def test_dominators_are_those_of_networkx(pairs: list[tuple[int, int]], start: int) -> None:
    graph: nx.DiGraph[int] = nx.DiGraph(pairs)
    graph.add_node(start)
    found = nx.immediate_dominators(graph, start)
    # Whether the start is listed, and as its own parent, differs between releases.
    wanted = {node: parent for node, parent in found.items() if node != start}
    assert immediate_dominators(pairs, start) == wanted


def test_a_chain_of_any_length_needs_no_recursion() -> None:
    chain = [(number, number + 1) for number in range(20_000)]
    assert immediate_dominators(chain, 0)[20_000] == 19_999
    assert strong_groups([*chain, (20_000, 0)]) == [list(range(20_001))]
