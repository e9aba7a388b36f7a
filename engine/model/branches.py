"""Which ways out of a node exclude one another, and what follows from it further on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from engine.model.check_nodes import NodeFacts
from engine.model.graph import GraphFacts
from engine.model.workflow import Edge, Workflow

#: Combinations of ways that are looked at; more are taken together as one.
_MOST_WAYS = 64
#: The built-in type whose cases exclude one another, and its port for all the rest.
_SWITCH, _ELSE = "switch", "else"


class Branches:
    """Answers about the choices of one workflow; what was asked once is kept."""

    def __init__(
        self, workflow: Workflow, nodes: Mapping[str, NodeFacts], graph: GraphFacts
    ) -> None:
        self._nodes = nodes
        self._graph = graph
        self._out: dict[str, list[Edge]] = {key: [] for key in nodes}
        self._before: dict[str, list[str]] = {key: [] for key in nodes}
        self._after: dict[str, list[str]] = {key: [] for key in nodes}
        for edge in workflow.edges:
            if edge.source.node in nodes and edge.target.node in nodes:
                self._out[edge.source.node].append(edge)
                if edge.id not in graph.back_edges:
                    self._before[edge.target.node].append(edge.source.node)
                    self._after[edge.source.node].append(edge.target.node)
        self._rank = {key: rank for rank, key in enumerate(graph.topological)}
        self._ways: dict[str, list[list[Edge]]] = {}

    def chooses(self, key: str) -> bool:
        """Return whether a node may leave out some of its wires."""
        facts = self._nodes[key]
        if facts.type is not None and facts.type.role in {
            "trigger", "split", "collect", "loop", "until",
        }:  # fmt: skip
            return False
        ports = [port for port in facts.ports.outputs if port.name != "error"]
        return len(ports) > 1 or len(self.ways(key)) > 1

    def may_stop(self, key: str) -> bool:
        """Return whether a node has an output that leads nowhere, and so may end the run."""
        connected = {edge.source.port for edge in self._out[key]}
        return any(port.name not in connected for port in self._nodes[key].ports.outputs)

    def is_else(self, key: str, port: str) -> bool:
        """Return whether a port is the one that a Switch takes when no case holds."""
        return self._is_switch(key) and port == _ELSE

    def has_no_else(self, key: str) -> bool:
        """Return whether a node is a Switch that fails when no case holds."""
        facts = self._nodes[key]
        return self._is_switch(key) and facts.ports.output(_ELSE) is None

    def _is_switch(self, key: str) -> bool:
        facts = self._nodes[key]
        return facts.type is not None and facts.type.id == _SWITCH

    def ways(self, key: str) -> list[list[Edge]]:
        """Return the sets of wires of which exactly one is taken, in part or as a whole."""
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = list(self._find_ways(key))
        return found

    def chooser_before(self, edges: Sequence[Edge]) -> str | None:
        """Return the node with several ways where the ways to all these edges part."""
        fork: str | None = edges[0].source.node
        for edge in edges[1:]:
            fork = fork and self._graph.fork_of(fork, edge.source.node)
        return fork if fork and len(self.ways(fork)) > 1 else None

    def most_at_once(self, chooser: str, edges: Sequence[Edge]) -> int:
        """Return how many of these edges can carry a value whichever way is taken."""
        up_to = {edge.id: self._between(chooser, edge.source.node) for edge in edges}
        return max(
            sum(_gets_to(way, edge, up_to[edge.id]) for edge in edges) for way in self.ways(chooser)
        )

    def exclude(self, first: str, second: str) -> bool:
        """Return whether two nodes cannot both run because of the choice before them."""
        fork = self._graph.fork_of(first, second)
        if fork is None or fork in {first, second} or len(self.ways(fork)) < 2:
            return False
        before_first, before_second = self._between(fork, first), self._between(fork, second)
        return not any(
            any(edge.target.node in before_first for edge in way)
            and any(edge.target.node in before_second for edge in way)
            for way in self.ways(fork)
        )

    def leads_to(self, first: str, then: str) -> bool:
        """Return whether a way that closes no loop leads from one node to the other."""
        end = self._rank[then]
        seen: set[str] = set()
        stack = [first]
        while stack:
            for following in self._after[stack.pop()]:
                if following == then:
                    return True
                # What comes later in a topological order does not lead back.
                if self._rank[following] < end and following not in seen:
                    seen.add(following)
                    stack.append(following)
        return False

    def _between(self, fork: str, key: str) -> set[str]:
        """Return the nodes on the ways from a fork to a node, with the node itself."""
        if key == fork:
            return set()
        seen = {key}
        stack = [key]
        while stack:
            for before in self._before[stack.pop()]:
                if before != fork and before not in seen:
                    seen.add(before)
                    stack.append(before)
        return seen

    def _find_ways(self, key: str) -> Iterator[list[Edge]]:
        facts = self._nodes[key]
        by_port: dict[str, list[Edge]] = {}
        for edge in self._out[key]:
            by_port.setdefault(edge.source.port, []).append(edge)
        failed = by_port.pop("error", None)
        if failed:
            yield failed
        ports = [list(self._ways_of_port(facts, edges)) for edges in by_port.values()]
        if _takes_one_port(facts):
            for ways in ports:
                yield from ways
            return
        count = 1
        for ways in ports:
            count *= len(ways)
        if count > _MOST_WAYS:
            yield [edge for edges in by_port.values() for edge in edges]
            return
        for parts in product(*ports):
            yield [edge for part in parts for edge in part]

    def _ways_of_port(self, facts: NodeFacts, edges: list[Edge]) -> Iterator[list[Edge]]:
        usual = [edge for edge in edges if edge.kind == "normal"]
        rest = [edge for edge in edges if edge.kind == "otherwise"]
        degraded = [edge for edge in edges if edge.kind == "fallback"]
        if facts.node.route == "first":
            yield from ([edge] for edge in edges)
            return
        if usual:
            yield usual
        if rest:
            yield [*(edge for edge in usual if edge.when is None), *rest]
        if degraded:
            yield degraded


def _gets_to(way: Iterable[Edge], edge: Edge, before: set[str]) -> bool:
    return any(each.id == edge.id or each.target.node in before for each in way)


def _takes_one_port(facts: NodeFacts) -> bool:
    """Return whether a node sends a value on one of its ports only.

    A barrier does; a Switch does unless it follows every case that holds.
    """
    if facts.type is None:
        return False
    if facts.type.role == "barrier":
        return True
    params = facts.node.params
    first = params.get("mode", "first") == "first" and params.get("names") is None
    return facts.type.id == _SWITCH and first
