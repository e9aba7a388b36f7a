"""From the document and one run to what the canvas shows.

Pure: the same facts give an equal picture. `resolve` hands back the very objects of the
previous picture for everything whose facts have not changed, so that the scene finds the
differences by comparing identities and ten thousand nodes cost nothing when one changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar

from designer.canvas.frame_words import words_of_frames
from designer.canvas.geometry import NODE_HEIGHT, NODE_WIDTH, node_height
from designer.canvas.visuals import (
    CanvasState,
    EdgeState,
    EdgeVisual,
    NodeVisual,
    PortShape,
    PortVisual,
    Problem,
    ZoneVisual,
)
from designer.canvas.words import EDITED, NOT_RUN, OFF, PINNED, Chip, chip_of, way_not_taken
from designer.theme import NodeState
from designer.widgets.icons import has_icon, node_icon_name
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.node_types import NodeType, Port, Registry
from engine.model.workflow import Edge, Node, PortRef, Position, View, Workflow
from engine.run_view import NodeView, RunView

V = TypeVar("V")

_SHAPES = {
    "list": PortShape.SQUARE,
    "items": PortShape.SQUARE,
    "stream": PortShape.SQUARE,
    "object": PortShape.DIAMOND,
    "control": PortShape.TRIANGLE,
    "error": PortShape.TRIANGLE,
}
_SEVERITY = {
    Severity.ERROR: Problem.ERROR,
    Severity.WARNING: Problem.WARNING,
    Severity.INFO: Problem.INFO,
}
_WORST = (Problem.ERROR, Problem.WARNING, Problem.INFO)

#: States in which a node is at work, so that the wire into it is live.
_AT_WORK = frozenset({"ready", "running"})
#: Results that say nothing about a node that was edited after the run.
_FINISHED = frozenset({NodeState.DONE, NodeState.FROM_CHECKPOINT, NodeState.FAILED})
_ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the picture shows besides the document.

    Attributes:
        run: the run that is shown. Its owner folds facts into it, so it is told apart by
            `resolve`'s argument `touched`, not by comparing.
        pinned: the document that the run was started with.
        zones: the regions between a For each and its Collect, without their progress.
        breakpoints: nodes that the person's breakpoints stop at, with where and when in words.
        stopped: nodes at which the run is paused.
        armed: triggers that are armed, with when they fire next in words.
        is_past: the run is shown as it was: nothing moves.
    """

    run: RunView | None = None
    pinned: Workflow | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    zones: tuple[ZoneVisual, ...] = ()
    breakpoints: Mapping[str, str] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()
    armed: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A picture with what it was made of, for the next one to be compared with."""

    state: CanvasState
    workflow: Workflow
    facts: Facts
    problems: Mapping[str, tuple[Diagnostic, ...]] = field(default_factory=dict)
    edges: Mapping[str, Edge] = field(default_factory=dict)
    #: Edges that arrive at and leave each node.
    incident: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)


def resolve(
    workflow: Workflow,
    registry: Registry,
    facts: Facts,
    *,
    previous: Resolved | None = None,
    touched: Collection[str] | None = None,
) -> Resolved:
    """Return the picture of `workflow` with `facts`.

    Args:
        workflow: the document.
        registry: the node types that are installed.
        facts: what is shown besides.
        previous: the last picture of the same document, to be reused where nothing changed.
        touched: keys of the nodes that the run changed since `previous`; None when
            anything may have changed.
    """
    problems = _problems(facts, previous)
    edges, incident = _edges(workflow, previous)
    known = previous.state if previous is not None else CanvasState()
    dirty_nodes = _dirty_nodes(workflow, facts, previous, problems, edges, touched)
    dirty_edges = _dirty_edges(previous, problems, edges, incident, dirty_nodes)

    nodes = _updated(
        known.nodes,
        workflow.nodes,
        {key: _node(workflow, registry, facts, key, problems, incident) for key in dirty_nodes},
    )
    visuals = _updated(
        known.edges, edges, {id_: _edge(edges[id_], nodes, facts, problems) for id_ in dirty_edges}
    )
    state = CanvasState(
        nodes=nodes,
        edges=visuals,
        positions=_positions(workflow, nodes, known.positions, previous),
        zones=_zones(facts, previous),
        frames=workflow.view.frames,
        frame_words=words_of_frames(workflow, facts.run),
        notes=workflow.view.notes,
        animated=facts.run is not None and not facts.is_past and facts.run.status == "running",
    )
    return Resolved(state, workflow, facts, problems, edges, incident)


def _updated(old: Mapping[str, V], keys: Mapping[str, Any], made: dict[str, V]) -> Mapping[str, V]:
    """`old` with what was made anew, without what is gone; `old` itself when nothing changed."""
    if old.keys() == keys.keys():
        return {**old, **made} if made else old
    return {key: made[key] if key in made else old[key] for key in keys}


# --- what changed -------------------------------------------------------------------------


def _problems(facts: Facts, previous: Resolved | None) -> Mapping[str, tuple[Diagnostic, ...]]:
    """The diagnostics of each node key and each edge id."""
    if previous is not None and previous.facts.diagnostics is facts.diagnostics:
        return previous.problems
    found: dict[str, list[Diagnostic]] = {}
    for each in facts.diagnostics:
        for place in {each.node, each.edge} - {""}:
            found.setdefault(place, []).append(each)
    return {place: tuple(each) for place, each in found.items()}


def _edges(
    workflow: Workflow, previous: Resolved | None
) -> tuple[Mapping[str, Edge], Mapping[str, tuple[Edge, ...]]]:
    """The edges by id, and those that arrive at or leave each node."""
    if previous is not None and previous.workflow.edges is workflow.edges:
        return previous.edges, previous.incident
    incident: dict[str, list[Edge]] = {}
    for edge in workflow.edges:
        incident.setdefault(edge.source.node, []).append(edge)
        if edge.target.node != edge.source.node:
            incident.setdefault(edge.target.node, []).append(edge)
    return (
        {edge.id: edge for edge in workflow.edges},
        {key: tuple(edges) for key, edges in incident.items()},
    )


def _dirty_nodes(
    workflow: Workflow,
    facts: Facts,
    previous: Resolved | None,
    problems: Mapping[str, tuple[Diagnostic, ...]],
    edges: Mapping[str, Edge],
    touched: Collection[str] | None,
) -> set[str]:
    """Keys of the nodes that must be made anew."""
    if previous is None or not _same_run(facts, previous.facts, touched):
        return set(workflow.nodes)
    dirty = _changed(previous.workflow.nodes, workflow.nodes)
    for id_ in previous.edges.keys() ^ edges.keys() if previous.edges is not edges else ():
        edge = edges.get(id_) or previous.edges[id_]
        dirty.update((edge.source.node, edge.target.node))  # a port is empty, or gone
    dirty.update(touched or ())
    if facts.run is not None and facts.run.status in _ENDED:
        # That the run is over touches no node, and yet nothing works for it any more.
        dirty.update(key for key, ran in facts.run.nodes.items() if ran.works)
    dirty.update(_differing(previous.problems, problems))
    dirty.update(_differing(previous.facts.breakpoints, facts.breakpoints))
    dirty.update(_differing(previous.facts.armed, facts.armed))
    dirty.update(facts.stopped ^ previous.facts.stopped)
    before, after = previous.workflow.view.positions, workflow.view.positions
    for key in _changed(before, after):
        if is_locked(before.get(key)) != is_locked(after[key]):
            dirty.add(key)
    return dirty & workflow.nodes.keys()


def _dirty_edges(
    previous: Resolved | None,
    problems: Mapping[str, tuple[Diagnostic, ...]],
    edges: Mapping[str, Edge],
    incident: Mapping[str, tuple[Edge, ...]],
    dirty_nodes: set[str],
) -> set[str]:
    """Ids of the edges that must be made anew: their own facts or an end of theirs changed."""
    if previous is None:
        return set(edges)
    dirty = _changed(previous.edges, edges)
    for key in dirty_nodes:
        dirty.update(edge.id for edge in incident.get(key, ()))
    dirty.update(_differing(previous.problems, problems) & edges.keys())
    return dirty


def _same_run(facts: Facts, old: Facts, touched: Collection[str] | None) -> bool:
    if facts.run is None and old.run is None:
        return True
    same = facts.run is not None and old.run is not None
    return same and touched is not None and facts.pinned is old.pinned


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    if old is new:
        return set()
    return {key for key, value in new.items() if old.get(key) is not value}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    if old is new:
        return set()
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


# --- nodes --------------------------------------------------------------------------------


def _node(
    workflow: Workflow,
    registry: Registry,
    facts: Facts,
    key: str,
    problems: Mapping[str, tuple[Diagnostic, ...]],
    incident: Mapping[str, tuple[Edge, ...]],
) -> NodeVisual:
    node = workflow.nodes[key]
    node_type = registry.get(node.type)
    inputs, outputs = _ports(registry, node, incident.get(key, ()))
    chip, count = _chip(node, facts, incident.get(key, ()))
    found = problems.get(key, ())
    visual = NodeVisual(
        key=key,
        title=node.title or key,
        type=node.type,
        subline=facts.armed.get(key) or _subline(node, node_type),
        icon=_icon(node, node_type),
        height=NODE_HEIGHT,
        inputs=inputs,
        outputs=outputs,
        state=chip.state,
        words=chip.words,
        ticks=chip.ticks,
        fraction=chip.fraction,
        count=count,
        request=_request(node, facts),
        problem=_worst(found),
        problems=tuple(_sentence(each) for each in found),
        breakpoint=facts.breakpoints.get(key, ""),
        stopped=key in facts.stopped,
        pinned=is_pinned(node),
        disabled=node.disabled,
        note=bool(node.notes.strip()),
        locked=is_locked(workflow.view.positions.get(key)),
    )
    rows = len(inputs) if visual.names_inputs else 0, len(outputs) if visual.names_outputs else 0
    return replace(visual, height=node_height(*rows)) if any(rows) else visual


def is_locked(place: Position | None) -> bool:
    """Whether the person has locked the node at that place."""
    return place is not None and place.extra.get("locked") is True


def is_pinned(node: Node) -> bool:
    """Whether the document holds an output that stands in for running the node."""
    return node.extra.get("pin") is not None


def _chip(node: Node, facts: Facts, edges: tuple[Edge, ...]) -> tuple[Chip, int]:
    if facts.run is None:
        return _chip_without_run(node), 0
    ran = facts.run.nodes.get(node.key, NodeView())
    title = node.title or node.key
    chip = chip_of(ran, facts.now, ended=facts.run.status in _ENDED, title=title)
    if chip.state in _FINISHED and _was_edited(node, facts.pinned):
        chip = EDITED
    elif chip.state is NodeState.SKIPPED:
        left = facts.run.not_taken
        ports = [e.source.port for e in edges if e.target.node == node.key and left.get(e.id)]
        chip = way_not_taken(chip, ran.text, ports)
    ended = ran.done + ran.failed
    return chip, ended if ended > 1 else 0


def _chip_without_run(node: Node) -> Chip:
    if node.disabled:
        return OFF
    return PINNED if is_pinned(node) else NOT_RUN


def _was_edited(node: Node, pinned: Workflow | None) -> bool:
    if pinned is None:
        return False
    before = pinned.nodes.get(node.key)
    if before is None or before is node:
        return before is None
    return replace(before, title="", notes="") != replace(node, title="", notes="")


def _request(node: Node, facts: Facts) -> str | None:
    if facts.run is None:
        return None
    ran = facts.run.nodes.get(node.key)
    return ran.request if ran is not None else None


def _subline(node: Node, node_type: NodeType | None) -> str:
    if node_type is None:
        return f"Not installed: {node.type}"
    try:
        summary = node_type.summary(node.params)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        summary = ""  # parameters that are being typed may be of any shape
    words = " ".join(summary.split()) or node_type.title
    return words if node.background is None else f"{words}, in the background"


def _icon(node: Node, node_type: NodeType | None) -> str:
    if node_type is None:
        return "help" if has_icon("help") else node_icon_name(node.type)
    if has_icon(node_type.icon):
        return node_type.icon
    return node_icon_name(node.type, node_type.category)


def _worst(problems: Iterable[Diagnostic]) -> Problem:
    found = {_SEVERITY[each.severity] for each in problems}
    return next((problem for problem in _WORST if problem in found), Problem.NONE)


def _sentence(problem: Diagnostic) -> str:
    return f"{problem.message} {problem.fix}".strip()


# --- ports --------------------------------------------------------------------------------


def _ports(
    registry: Registry, node: Node, edges: tuple[Edge, ...]
) -> tuple[tuple[PortVisual, ...], tuple[PortVisual, ...]]:
    """The ports of a node's type, and those that only its edges know.

    The ports of a type that is not installed, or that a parameter has taken away, are
    still drawn while an edge holds on to them.
    """
    ports = registry.ports_of(node)
    into = {edge.target.port for edge in edges if edge.target.node == node.key}
    out = {edge.source.port for edge in edges if edge.source.node == node.key}
    begins = not into
    inputs = [
        _port(port, ring=port.required and port.name not in into and not begins)
        for port in ports.inputs
    ]
    outputs = [_port(port) for port in ports.outputs]
    known_in = {port.name for port in ports.inputs}
    known_out = {port.name for port in ports.outputs}
    inputs += [_stray(name) for name in sorted(into - known_in)]
    outputs += [_stray(name) for name in sorted(out - known_out)]
    return tuple(inputs), tuple(outputs)


@lru_cache(maxsize=4096)
def _port(port: Port, *, ring: bool = False) -> PortVisual:
    return PortVisual(
        name=port.name,
        title=port.title or port.name,
        type=port.type,
        shape=_SHAPES.get(port.type, PortShape.CIRCLE),
        ring=ring,
    )


def _stray(name: str) -> PortVisual:
    return PortVisual(name=name, title=name, type="any", shape=PortShape.CIRCLE)


# --- edges --------------------------------------------------------------------------------


def _edge(
    edge: Edge,
    nodes: Mapping[str, NodeVisual],
    facts: Facts,
    problems: Mapping[str, tuple[Diagnostic, ...]],
) -> EdgeVisual:
    kind = _type_of(edge.source, nodes)
    state, count = _traffic(edge, facts.run)
    found = problems.get(edge.id, ())
    return EdgeVisual(
        id=edge.id,
        source=edge.source,
        target=edge.target,
        type=kind,
        state=state,
        count=count,
        label=edge_label(edge),
        is_error=kind == "error" or edge.kind == "fallback",
        problem=_worst(found),
        problems=tuple(_sentence(each) for each in found),
    )


def edge_label(edge: Edge) -> str:
    """When the edge is taken, in words; empty for an edge without a condition."""
    if edge.when:
        return edge.when
    return edge.kind if edge.kind != "normal" else ""


def _type_of(source: PortRef, nodes: Mapping[str, NodeVisual]) -> str:
    node = nodes.get(source.node)
    if node is None:
        return "any"
    return next((port.type for port in node.outputs if port.name == source.port), "any")


def _traffic(edge: Edge, run: RunView | None) -> tuple[EdgeState, int]:
    if run is None:
        return EdgeState.IDLE, 0
    taken = run.taken.get(edge.id, 0)
    if taken:
        target = run.nodes.get(edge.target.node)
        if run.status == "running" and target is not None and target.state in _AT_WORK:
            return EdgeState.LIVE, taken
        return EdgeState.TAKEN, taken
    return (EdgeState.NOT_TAKEN if run.not_taken.get(edge.id) else EdgeState.IDLE), 0


# --- places and regions -------------------------------------------------------------------


def _positions(
    workflow: Workflow,
    nodes: Mapping[str, NodeVisual],
    known: Mapping[str, Position],
    previous: Resolved | None,
) -> Mapping[str, Position]:
    """Where each node is; nodes that the document has no place for get one below the rest."""
    view: View = workflow.view
    missing = [key for key in workflow.nodes if key not in view.positions]
    if previous is not None and not missing and previous.workflow.view is view:
        return known
    if not missing:
        return view.positions
    places = dict(view.positions)
    top = max(
        (places[key].y + nodes[key].height for key in nodes if key in places), default=-NODE_HEIGHT
    )
    left = min((place.x for place in places.values()), default=0.0)
    for row, key in enumerate(missing):
        across, down = row % 6, row // 6
        places[key] = Position(
            left + across * (NODE_WIDTH + 70), top + 60 + down * (NODE_HEIGHT + 56)
        )
    return places


def _zones(facts: Facts, previous: Resolved | None) -> tuple[ZoneVisual, ...]:
    zones = []
    for zone in facts.zones:
        done, total = _zone_progress(zone, facts.run)
        zones.append(replace(zone, done=done, total=total))
    made = tuple(zones)
    if previous is not None and previous.state.zones == made:
        return previous.state.zones
    return made


def _zone_progress(zone: ZoneVisual, run: RunView | None) -> tuple[int, int]:
    """How many items have left the body of a zone, by the node that has ended the fewest."""
    if run is None:
        return 0, 0
    body = [run.nodes[key] for key in zone.members[1:-1] if key in run.nodes]
    total = max((node.total for node in body), default=0)
    done = min((node.done + node.failed + node.skipped for node in body), default=0)
    return min(done, total), total
