"""Which ways out of a node exclude one another, and what follows from it further on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

from engine.model.check_nodes import NodeFacts
from engine.model.expressions import ExpressionError, compile_expression
from engine.model.graph import GraphFacts
from engine.model.shape import edge_order
from engine.model.workflow import Edge, Workflow

#: Combinations of ways that are looked at; more are taken together as one.
_MOST_WAYS = 64
#: The built-in type whose cases exclude one another, and its port for all the rest.
_SWITCH, _ELSE = "switch", "else"
#: Other built-in types that send a value on one of their ports only.
_ONE_PORT = frozenset({"listen", "workflow.result"})
#: Why a wire is never taken that a person may want to be taken again.
DISABLED = "its node is disabled"
#: What a barrier may send besides its answer.
_RECORD = "decision"


@lru_cache(maxsize=2048)
def decided(when: str | None) -> bool | None:
    """Return what a condition comes to whatever it is asked about; None: it depends.

    No condition always holds. One that is broken is reported elsewhere.
    """
    if when is None:
        return True
    try:
        expression = compile_expression(when)
        return None if expression.reads.names else bool(expression.evaluate({}))
    except ExpressionError:
        return None


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
        #: Ids of the edges that nothing can ever take, to the sentence that says why.
        self.dead: dict[str, str] = {}
        for key in nodes:
            self.dead |= self._find_dead(key)
        self._early = [key for key, facts in nodes.items() if _goes_on_early(facts)]
        self._uneven = self._find_uneven()
        #: Nodes that no run gets to along wires that can be taken; those of disabled nodes too.
        self.cut_off = self.without(self.dead)

    def chooses(self, key: str) -> bool:
        """Return whether a node may leave out some of its wires."""
        facts = self._nodes[key]
        if facts.type is not None and facts.type.role in {
            "trigger", "split", "collect", "loop", "until",
        }:  # fmt: skip
            return False
        ports = [port for port in facts.ports.outputs if port.name != "error"]
        return (len(ports) > 1 and not facts.node.disabled) or len(self.ways(key)) > 1

    def without(self, never: Collection[str]) -> frozenset[str]:
        """Return the nodes that no run gets to if it never takes these wires."""
        if not never:
            return self._graph.unreachable
        seen = set(self._graph.sources)
        stack = list(seen)
        while stack:
            for edge in self._out[stack.pop()]:
                if edge.target.node not in seen and edge.id not in never:
                    seen.add(edge.target.node)
                    stack.append(edge.target.node)
        return frozenset(self._nodes).difference(seen)

    def goes_round(self, key: str, without: str) -> bool:
        """Return whether a node may run again and again while another one does not."""
        seen: set[str] = set()
        stack = [key]
        while stack:
            for edge in self._out[stack.pop()]:
                then = edge.target.node
                if then == key:
                    return True
                if then != without and then not in seen and edge.id not in self.dead:
                    seen.add(then)
                    stack.append(then)
        return False

    def may_stop(self, key: str) -> bool:
        """Return whether a node has an output that leads nowhere, and so may end the run."""
        connected = {edge.source.port for edge in self._out[key]}
        return any(port.name not in connected for port in self._nodes[key].ports.outputs)

    def is_else(self, key: str, port: str) -> bool:
        """Return whether a port is the one that a Switch takes when no case holds."""
        return self._is_switch(key) and port == _ELSE

    def has_no_else(self, key: str) -> bool:
        """Return whether a node is a Switch that fails when no case holds, and ends the run."""
        facts = self._nodes[key]
        handled = facts.node.disabled or facts.node.on_error != "fail"
        return self._is_switch(key) and facts.ports.output(_ELSE) is None and not handled

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

    def waits_for(self, first: str, then: str) -> bool:
        """Return whether a node that another one leads to cannot run before it has ended.

        A join may go on early, and a way out of a cycle be taken while the cycle goes on.
        """
        cycle = self._graph.cycle_of.get(first)
        if cycle in self._uneven and self._graph.cycle_of.get(then) != cycle:
            return False
        if not self._early:
            return True
        before = self._between("", then)
        return not any(
            key in before
            and self.leads_to(first, key)
            and any(
                each != first and not self._graph.dominates(first, each)
                for each in self._before[key]
            )
            for key in self._early
        )

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

    def _find_dead(self, key: str) -> dict[str, str]:
        """Return the wires of a node that it never takes."""
        facts, found = self._nodes[key], dict[str, str]()
        first = next((port.name for port in facts.ports.outputs if port.name != "error"), None)
        by_port = _by_port(self._out[key])
        for port, edges in by_port.items():
            usual = _in_order(edge for edge in edges if edge.kind == "normal")
            sure = next((n for n, edge in enumerate(usual) if decided(edge.when)), None)
            behind = usual[sure + 1 :] if sure is not None and facts.node.route == "first" else []
            rest = [edge for edge in edges if edge.kind == "otherwise"]
            held = sure is not None and (facts.node.route == "first" or usual[sure].when)
            for edge in (*behind, *(rest if held else ())):
                then = usual[sure or 0].target.node
                found[edge.id] = f"the one to {self._title(then)} comes first and always holds"
            for edge in usual:
                if decided(edge.when) is False:
                    found.setdefault(edge.id, "its condition never holds")
            if facts.node.disabled and port != first:
                found |= {edge.id: DISABLED for edge in edges}
        return found

    def _find_uneven(self) -> frozenset[int]:
        """Return the cycles that a value may leave while they go on."""
        cycle_of = self._graph.cycle_of
        return frozenset(
            number
            for key, number in cycle_of.items()
            for way in self.ways(key)
            if any(cycle_of.get(edge.target.node) == number for edge in way)
            and any(cycle_of.get(edge.target.node) != number for edge in way)
        )

    def _title(self, key: str) -> str:
        return self._nodes[key].node.title or key

    def _find_ways(self, key: str) -> Iterator[list[Edge]]:
        facts = self._nodes[key]
        by_port = _by_port(edge for edge in self._out[key] if edge.id not in self.dead)
        failed = by_port.pop("error", None)
        if failed:
            yield failed
        if _takes_one_port(facts):
            yield from self._ways_of_one(facts, by_port)
            return
        rest = by_port.pop(_ELSE, None) if _takes_all_cases(facts) else None
        if rest:
            yield from self._ways_of_port(facts, rest)
        ports = [list(self._ways_of_port(facts, edges)) for edges in by_port.values()]
        count = 1
        for ways in ports:
            count *= len(ways)
        if count > _MOST_WAYS:
            yield [edge for edges in by_port.values() for edge in edges]
            return
        for parts in product(*ports) if ports else ():
            yield [edge for part in parts for edge in part]

    def _ways_of_one(
        self, facts: NodeFacts, by_port: dict[str, list[Edge]]
    ) -> Iterator[list[Edge]]:
        """The ways of a node that sends a value on one of its ports, and perhaps a record."""
        is_barrier = facts.type is not None and facts.type.role == "barrier"
        beside = by_port.pop(_RECORD, []) if is_barrier else []
        for edges in by_port.values():
            for way in self._ways_of_port(facts, edges):
                yield [*way, *beside]
        if beside:  # the answer may be one that leads nowhere
            yield beside

    def _ways_of_port(self, facts: NodeFacts, edges: list[Edge]) -> Iterator[list[Edge]]:
        usual = [edge for edge in edges if edge.kind == "normal"]
        rest = [edge for edge in edges if edge.kind == "otherwise"]
        degraded = [edge for edge in edges if edge.kind == "fallback"]
        if facts.node.route == "first":
            yield from ([edge] for edge in usual)
            yield from (others for others in (rest, degraded) if others)
            return
        always = [edge for edge in usual if edge.when is None]
        if usual and not (rest and len(always) == len(usual)):
            yield usual
        if rest:
            yield [*always, *rest]
        if degraded:
            yield degraded


def _goes_on_early(facts: NodeFacts) -> bool:
    """Return whether a join of a node may fire before everything has come that can."""
    return any(
        policy.mode in {"any", "n_of_m", "each"} or policy.timeout_s is not None
        for policy in facts.node.joins.values()
    )


def _by_port(edges: Iterable[Edge]) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.source.port, []).append(edge)
    return found


def _in_order(edges: Iterable[Edge]) -> list[Edge]:
    """Return edges in the order in which a run looks at them, whatever that of the document."""
    return sorted(edges, key=lambda edge: (edge.priority, edge_order(edge)))


def _gets_to(way: Iterable[Edge], edge: Edge, before: set[str]) -> bool:
    return any(each.id == edge.id or each.target.node in before for each in way)


def _takes_one_port(facts: NodeFacts) -> bool:
    """Return whether a node sends a value on one of its ports only.

    A barrier does; a Switch does unless it follows every case that holds.
    """
    if facts.type is None or facts.node.disabled:
        return False
    if facts.type.role == "barrier" or facts.type.id in _ONE_PORT:
        return True
    params = facts.node.params
    first = params.get("mode", "first") == "first" and params.get("names") is None
    return facts.type.id == _SWITCH and first


def _takes_all_cases(facts: NodeFacts) -> bool:
    """Return whether a node is a Switch that takes every case that holds, or else its Else."""
    if facts.type is None or facts.node.disabled or facts.type.id != _SWITCH:
        return False
    return facts.node.params.get("mode") == "all" and facts.node.params.get("names") is None
