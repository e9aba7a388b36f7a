"""The shape of a workflow as a graph: entries, loops, zones, what comes before what.

Pure functions of the document, used by `plan` and by `validation`. They accept every
document, broken ones too: edges without a node at one end are passed over. Disabled
nodes let their input through, so they count as wires here, never as trigger, For each
or Collect.

Dominators: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (in
networkx). A question is answered from the tree's intervals; no sets are built.

networkx is imported by the first analysis of something that branches and comes together again,
or goes round: that takes 0.1 s, which who only lists runs or goes on with a run should not wait
for. Where nothing comes together there is nothing to find out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.model.node_types import Registry
from engine.model.workflow import Edge, Workflow

#: Marks the arrows from a frame to the node that takes its failures; no wire has such a port.
CAUGHT = "!"
#: The virtual node that feeds all entries. Nodes are numbered from 0 in document order.
_START = -1
#: What opens a zone, and what closes it.
_CLOSED_BY = {"split": "collect", "loop": "until"}
_OPENED_BY = {end: start for start, end in _CLOSED_BY.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A For each and its Collect, or a Loop and its Until, and `body`: every node between."""

    split: str
    collect: str
    body: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFacts:
    """What is known of a workflow's shape.

    Attributes:
        order: node keys in document order. `topological`: an order in which every
            edge that is no back edge points forward.
        sources: where a run may begin: the triggers, or without any every node that
            has no incoming edge.
        back_edges: ids of the edges that close a loop; without them there is no cycle.
        cycle_of: number of the cycle (strongly connected component) of each node that
            is in one. `exits`: per cycle the edges that leave it.
        zones: For each key to its zone; only those that could be paired.
        zone_of: the zones around each node that is in one, outermost first. The For
            each and the Collect of a zone are not in it, nor are the Loop and the Until.
        zone_problems: (node key, sentence) for every zone that is not closed or crossed.
        unreachable: nodes that no run can get to.
    """

    order: tuple[str, ...]
    topological: tuple[str, ...]
    sources: tuple[str, ...]
    back_edges: frozenset[str]
    cycle_of: Mapping[str, int]
    exits: Mapping[int, tuple[str, ...]]
    zones: Mapping[str, Zone]
    zone_of: Mapping[str, tuple[str, ...]]
    zone_problems: tuple[tuple[str, str], ...]
    unreachable: frozenset[str]
    _spans: Mapping[str, tuple[int, int]] = field(repr=False)
    _parents: Mapping[str, str] = field(repr=False)
    _sight: Mapping[str, tuple[str, ...]] = field(repr=False)

    def dominates(self, first: str, then: str) -> bool:
        """Return whether every path from the start to `then` goes through `first`.

        Strict: no node dominates itself. A node inside a zone dominates only what is in
        the same zone, because the list may be empty; of a loop its Until too, which runs in
        every round. Unreachable nodes are not ordered.
        """
        outer, inner = self._spans.get(first), self._spans.get(then)
        if outer is None or inner is None or first == then:
            return False
        if not (outer[0] <= inner[0] and inner[1] <= outer[1]):
            return False
        zones = self.zone_of.get(first, ())
        return self._sight.get(then, ())[: len(zones)] == zones

    def fork_of(self, first: str, second: str) -> str | None:
        """Return the last node that every path to both leads through, or None.

        It is where the ways to the two part; it may be one of the two.
        """
        spans = self._spans
        if first not in spans or second not in spans:
            return None
        node: str | None = first
        while node is not None and not _contains(spans[node], spans[second]):
            node = self._parents.get(node)
        return node


@dataclass(frozen=True, slots=True)
class _Arrow:
    """An edge between numbered nodes."""

    id: str
    tail: int
    head: int
    port: str


@dataclass(frozen=True, slots=True)
class _Graph:
    """The document as numbers: `out` and `into` list the arrows of each node."""

    keys: tuple[str, ...]
    arrows: tuple[_Arrow, ...]
    out: tuple[list[_Arrow], ...]
    into: tuple[list[_Arrow], ...]
    roles: tuple[str, ...]
    titles: tuple[str, ...]


def analyse(workflow: Workflow, registry: Registry) -> GraphFacts:
    """Return the facts. Never raises, whatever the document holds."""
    graph = _number(workflow, registry)
    sources = _sources(graph)
    immediate = _immediate_dominators(graph, _starts(graph, sources))
    spans = _intervals(immediate, len(graph.keys))
    natural = {
        arrow.id
        for arrow in graph.arrows
        if spans[arrow.head] is not None and _contains(spans[arrow.head], spans[arrow.tail])
    }
    entering = natural | _entering(graph, sources, natural)
    retreating, order = _walk(graph, sources, entering)
    back = entering | retreating
    cycle_of, exits = _cycles(graph)
    zones, problems = _pair_zones(graph, order, back)
    keys = graph.keys
    zone_of = _zone_of(zones)
    sight = dict(zone_of)
    for zone in zones.values():
        if graph.roles[keys.index(zone.split)] == "loop":
            sight[zone.collect] = (*zone_of.get(zone.collect, ()), zone.split)
    return GraphFacts(
        order=keys,
        topological=tuple(keys[node] for node in order),
        sources=tuple(keys[node] for node in sources),
        back_edges=frozenset(back),
        cycle_of={keys[node]: number for node, number in cycle_of.items()},
        exits=exits,
        zones=zones,
        zone_of=zone_of,
        zone_problems=tuple(problems),
        unreachable=frozenset(key for node, key in enumerate(keys) if spans[node] is None),
        _spans={keys[node]: span for node, span in enumerate(spans) if span is not None},
        _parents={keys[node]: keys[up] for node, up in immediate.items() if up != _START},
        _sight=sight,
    )


def unguarded_cycles(nodes: Iterable[str], edges: Iterable[Edge]) -> list[tuple[str, ...]]:
    """Return the groups of nodes that still form a cycle with these edges alone."""
    order = {key: number for number, key in enumerate(nodes)}
    pairs: list[tuple[int, int]] = []
    for edge in edges:
        tail, head = edge.source.node, edge.target.node
        if tail in order and head in order:
            pairs.append((order[tail], order[head]))
    keys = list(order)
    return [tuple(keys[node] for node in group) for group in _strong_groups(pairs)]


def _strong_groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of nodes that lead to one another, sorted; no node by itself
    unless it leads to itself.
    """
    wires = list(pairs)
    if not _goes_round(wires):
        return []
    import networkx as nx  # noqa: PLC0415 - see the docstring of the module

    directed: nx.DiGraph[int] = nx.DiGraph(wires)
    return sorted(
        sorted(group)
        for group in nx.strongly_connected_components(directed)
        if len(group) > 1 or any(directed.has_edge(node, node) for node in group)
    )


def _goes_round(pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether there is any cycle: taking away what nothing leads to leaves something."""
    after: dict[int, list[int]] = {}
    before: dict[int, int] = {}
    for tail, head in pairs:
        after.setdefault(tail, []).append(head)
        before[head] = before.get(head, 0) + 1
    free = [node for node in after if node not in before]
    while free:
        for head in after.get(free.pop(), ()):
            before[head] -= 1
            if not before[head]:
                free.append(head)
                del before[head]
    return bool(before)


def _number(workflow: Workflow, registry: Registry) -> _Graph:
    keys = tuple(workflow.nodes)
    numbers = {key: number for number, key in enumerate(keys)}
    out: tuple[list[_Arrow], ...] = tuple([] for _ in keys)
    into: tuple[list[_Arrow], ...] = tuple([] for _ in keys)
    arrows: list[_Arrow] = []
    for edge in workflow.edges:
        tail, head = numbers.get(edge.source.node), numbers.get(edge.target.node)
        if tail is None or head is None:
            continue
        arrow = _Arrow(edge.id, tail, head, edge.source.port)
        arrows.append(arrow)
        out[tail].append(arrow)
        into[head].append(arrow)
    roles: list[str] = []
    for node in workflow.nodes.values():
        node_type = registry.get(node.type)
        roles.append("" if node_type is None or node.disabled else node_type.role)
    for arrow in _catching(workflow, numbers, arrows, roles):
        arrows.append(arrow)
        out[arrow.tail].append(arrow)
        into[arrow.head].append(arrow)
    titles = tuple(node.title or key for key, node in workflow.nodes.items())
    return _Graph(keys, tuple(arrows), out, into, tuple(roles), titles)


def _catching(
    workflow: Workflow, numbers: Mapping[str, int], arrows: list[_Arrow], roles: list[str]
) -> list[_Arrow]:
    """Return what leads to the nodes that take the failures of frames.

    One is reached from everything in its frame, and from what leads into the frame: so it comes
    after what the frame comes after, and after nothing in it.
    """
    found: list[_Arrow] = []
    for node, (key, role) in enumerate(zip(workflow.nodes, roles, strict=True)):
        if role != "caught":
            continue
        frame = workflow.frames.get(str(workflow.nodes[key].params.get("frame", "")))
        members = {numbers[each] for each in frame.nodes if each in numbers} if frame else set()
        members.discard(node)
        found += [
            _Arrow(f"{CAUGHT}{arrow.id}", arrow.tail, node, arrow.port)
            for arrow in arrows
            if arrow.head in members and arrow.tail not in members and arrow.tail != node
        ]
        found += [_Arrow(f"{CAUGHT}{each}", each, node, CAUGHT) for each in sorted(members)]
    return found


def _starts(graph: _Graph, sources: Sequence[int]) -> tuple[int, ...]:
    """Return the sources, and what takes the failure of a frame that a source is in."""
    beside = {arrow.head for node in sources for arrow in graph.out[node] if arrow.port == CAUGHT}
    return (*sources, *sorted(beside))


def _sources(graph: _Graph) -> tuple[int, ...]:
    triggers = tuple(node for node, role in enumerate(graph.roles) if role == "trigger")
    return triggers or tuple(node for node, arrows in enumerate(graph.into) if not arrows)


# --- dominators ---------------------------------------------------------------------------


def _immediate_dominators(graph: _Graph, sources: Sequence[int]) -> dict[int, int]:
    """Return the parent of every reachable node in the dominator tree."""
    pairs = [(_START, node) for node in sources]
    pairs += [(arrow.tail, arrow.head) for arrow in graph.arrows]
    tree = _as_tree(pairs)
    if tree is not None:
        return tree
    import networkx as nx  # noqa: PLC0415 - see the docstring of the module

    directed: nx.DiGraph[int] = nx.DiGraph()
    directed.add_node(_START)
    directed.add_edges_from(pairs)
    found = nx.immediate_dominators(directed, _START)
    # Whether the start is listed, and as its own parent, differs between releases.
    return {node: parent for node, parent in found.items() if node != _START}


def _as_tree(pairs: Sequence[tuple[int, int]]) -> dict[int, int] | None:
    """Return the parent of every node that the start leads to, or None if one has several."""
    parents: dict[int, int] = {}
    after: dict[int, list[int]] = {}
    for tail, head in pairs:
        if parents.setdefault(head, tail) != tail:
            return None
        after.setdefault(tail, []).append(head)
    found: dict[int, int] = {}
    stack = [_START]
    while stack:
        node = stack.pop()
        for head in after.get(node, ()):
            if head not in found:
                found[head] = node
                stack.append(head)
    return found


def _intervals(parents: Mapping[int, int], count: int) -> list[tuple[int, int] | None]:
    """Return when a walk over the tree enters and leaves each node; None: unreachable."""
    children: dict[int, list[int]] = {}
    for node in sorted(parents):
        children.setdefault(parents[node], []).append(node)
    spans: list[tuple[int, int] | None] = [None] * count
    entered: dict[int, int] = {}
    clock = 0
    stack = [(_START, False)]
    while stack:
        node, leaving = stack.pop()
        clock += 1
        if leaving:
            spans[node] = (entered[node], clock)
            continue
        if node != _START:
            entered[node] = clock
            stack.append((node, True))
        stack.extend((child, False) for child in reversed(children.get(node, ())))
    return spans


def _contains(outer: tuple[int, int] | None, inner: tuple[int, int] | None) -> bool:
    if outer is None or inner is None:
        return False
    return outer[0] <= inner[0] and inner[1] <= outer[1]


# --- loops --------------------------------------------------------------------------------


def _entering(graph: _Graph, sources: Sequence[int], natural: set[str]) -> set[str]:
    """Return the edges inside cycles with several ways in that lead to one of those ways.

    Each node at which such a cycle can be entered is a header of it: it waits for what comes
    from outside, and what comes round runs it by itself.
    """
    found: set[str] = set()
    while True:
        left = [arrow for arrow in graph.arrows if arrow.id not in natural | found]
        groups = _strong_groups((arrow.tail, arrow.head) for arrow in left)
        group_of = {node: number for number, group in enumerate(groups) for node in group}
        entries = {node for node in sources if node in group_of}
        entries |= {
            arrow.head
            for arrow in left
            if arrow.head in group_of and group_of.get(arrow.tail) != group_of[arrow.head]
        }
        new = {
            arrow.id
            for arrow in left
            if arrow.head in entries and group_of.get(arrow.tail) == group_of[arrow.head]
        }
        if not new:
            return found
        found |= new


def _walk(
    graph: _Graph, sources: Sequence[int], skipped: set[str]
) -> tuple[set[str], tuple[int, ...]]:
    """Walk depth first from the entries, then from what is left.

    Returns:
        The edges that point back to a node on the way (they exist only in cycles that
        nothing leads to), and a topological order of the rest.
    """
    white, grey, black = 0, 1, 2
    colour = [white] * len(graph.keys)
    retreating: set[str] = set()
    finished: list[int] = []
    # Roots and successors are taken backwards, so that the reverse of the finishing
    # order puts earlier nodes of the document first.
    roots = [*sorted(sources, reverse=True), *range(len(graph.keys) - 1, -1, -1)]
    for root in roots:
        if colour[root] != white:
            continue
        colour[root] = grey
        stack = [(root, iter(reversed(graph.out[root])))]
        while stack:
            node, arrows = stack[-1]
            for arrow in arrows:
                if arrow.id in skipped:
                    continue
                if colour[arrow.head] == grey:
                    retreating.add(arrow.id)
                elif colour[arrow.head] == white:
                    colour[arrow.head] = grey
                    stack.append((arrow.head, iter(reversed(graph.out[arrow.head]))))
                    break
            else:
                colour[node] = black
                finished.append(node)
                stack.pop()
    finished.reverse()
    return retreating, tuple(finished)


def _cycles(graph: _Graph) -> tuple[dict[int, int], dict[int, tuple[str, ...]]]:
    """Return the cycle of each node in one, and the edges that leave each cycle."""
    groups = _strong_groups((arrow.tail, arrow.head) for arrow in graph.arrows)
    cycle_of = {node: number for number, group in enumerate(groups) for node in group}
    exits: dict[int, tuple[str, ...]] = {}
    for number, group in enumerate(groups):
        exits[number] = tuple(
            arrow.id
            for node in group
            for arrow in graph.out[node]
            if cycle_of.get(arrow.head) != number
        )
    return cycle_of, exits


# --- zones --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Nest:
    """The For each and Loop nodes around a place, innermost first."""

    split: int
    around: _Nest | None
    depth: int


def _pair_zones(
    graph: _Graph, order: Sequence[int], back: set[str]
) -> tuple[dict[str, Zone], list[tuple[str, str]]]:
    """Find the Collect of every For each, the nodes between, and what crosses the border."""
    splits = [node for node, role in enumerate(graph.roles) if role in _CLOSED_BY]
    if not splits and not any(role in _OPENED_BY for role in graph.roles):
        return {}, []
    closers, problems = _closers(graph, order, back)
    zones: dict[str, Zone] = {}
    for split in splits:
        name = graph.titles[split]
        found = closers.get(split, [])
        if not found:
            sentence = (
                f"{name} has no Collect: add one where its items come together."
                if graph.roles[split] == "split"
                else f"{name} has no Until: add one where a round ends."
            )
            problems.append((graph.keys[split], sentence))
            continue
        if len(found) > 1:
            others = " and ".join(graph.titles[node] for node in found)
            end = "Collect" if graph.roles[split] == "split" else "Until"
            sentence = f"{name} has several {end}s, {others}: join the branches before one."
            problems.append((graph.keys[split], sentence))
        body = _body(graph, split, found[0])
        problems.extend(_crossings(graph, split, found[0], body))
        zones[graph.keys[split]] = Zone(
            split=graph.keys[split],
            collect=graph.keys[found[0]],
            body=frozenset(graph.keys[node] for node in body),
        )
    return zones, problems


def _closers(
    graph: _Graph, order: Sequence[int], back: set[str]
) -> tuple[dict[int, list[int]], list[tuple[str, str]]]:
    """Carry the nest of zones along the edges; a Collect or Until closes the innermost."""
    nests: dict[int, _Nest] = {}
    closers: dict[int, list[int]] = {}
    problems: list[tuple[str, str]] = []
    for node in order:
        nest = nests.get(node)
        role = graph.roles[node]
        if role in _OPENED_BY:
            if nest is None or graph.roles[nest.split] != _OPENED_BY[role]:
                sentence = (
                    f"{graph.titles[node]} collects nothing: connect it behind a For each."
                    if role == "collect"
                    else f"{graph.titles[node]} ends no round: connect it behind a Loop."
                )
                problems.append((graph.keys[node], sentence))
            else:
                closers.setdefault(nest.split, []).append(node)
                nest = nest.around
        depth = nest.depth if nest else 0
        inside = _Nest(node, nest, depth + 1) if role in _CLOSED_BY else nest
        for arrow in graph.out[node]:
            if arrow.id in back or arrow.port == CAUGHT:
                continue
            carried = nest if arrow.port == "error" else inside
            known = nests.get(arrow.head)
            # Where nests differ an edge crosses a border, which is reported once the
            # bodies are known; the deeper one is the better guess.
            if carried is not None and (known is None or carried.depth > known.depth):
                nests[arrow.head] = carried
    return closers, problems


def _body(graph: _Graph, split: int, collect: int) -> set[int]:
    """Return the nodes that lie on a way from the For each to its Collect."""
    ends = {split, collect}
    ahead = _spread(
        [a.head for a in graph.out[split] if a.port not in ("error", CAUGHT)],
        ends,
        graph,
        ahead=True,
    )
    behind = _spread([a.tail for a in graph.into[collect]], ends, graph, ahead=False)
    return ahead & behind


def _spread(first: list[int], ends: set[int], graph: _Graph, *, ahead: bool) -> set[int]:
    seen: set[int] = set()
    stack = [node for node in first if node not in ends]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        arrows = graph.out[node] if ahead else graph.into[node]
        for arrow in arrows:
            if arrow.port == CAUGHT:
                continue  # what leads into the frame leads to it too
            following = arrow.head if ahead else arrow.tail
            if following not in ends and following not in seen:
                stack.append(following)
    return seen


def _crossings(
    graph: _Graph, split: int, collect: int, body: set[int]
) -> Iterable[tuple[str, str]]:
    """Yield a problem for every edge that crosses the border elsewhere than at the pair."""
    titles = graph.titles
    for arrow in graph.out[split]:
        if arrow.port not in ("error", CAUGHT) and arrow.head not in body and arrow.head != collect:
            yield graph.keys[arrow.head], _leaves(titles, arrow, split, collect)
    for node in sorted(body):
        for arrow in graph.out[node]:
            if arrow.port != CAUGHT and arrow.head not in body and arrow.head != collect:
                yield graph.keys[node], _leaves(titles, arrow, split, collect)
    for node in (*sorted(body), collect):
        for arrow in graph.into[node]:
            if arrow.tail in body or (arrow.tail == split and arrow.port != "error"):
                continue
            if arrow.port == CAUGHT:
                continue
            sentence = (
                f"The wire from {titles[arrow.tail]} to {titles[arrow.head]} enters the zone of "
                f"{titles[split]} from outside: connect it before {titles[split]}."
            )
            yield graph.keys[node], sentence


def _leaves(titles: Sequence[str], arrow: _Arrow, split: int, collect: int) -> str:
    return (
        f"The wire from {titles[arrow.tail]} to {titles[arrow.head]} leaves the zone of "
        f"{titles[split]} without its end: lead {titles[arrow.head]} to {titles[collect]}, "
        f"or connect it behind {titles[collect]}."
    )


def _zone_of(zones: Mapping[str, Zone]) -> dict[str, tuple[str, ...]]:
    """Return the zones around each node, outermost first: an outer body is the larger."""
    around: dict[str, list[str]] = {}
    for zone in sorted(zones.values(), key=lambda zone: (-len(zone.body), zone.split)):
        for node in zone.body:
            around.setdefault(node, []).append(zone.split)
    return {node: tuple(found) for node, found in around.items()}
