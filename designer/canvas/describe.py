"""The canvas in words: tooltips, and what screen readers say. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from designer.canvas.hits import Hit, HitKind
from designer.canvas.visuals import CanvasState, EdgeState, EdgeVisual, NodeVisual, PortVisual
from designer.theme import NodeState
from designer.widgets.format import plural
from engine.model.workflow import Workflow

#: Only this many titles are named.
NAMED = 4

_COUNTED = {
    NodeState.FAILED: "failed",
    NodeState.NEEDS_DECISION: "waiting for a decision",
    NodeState.RUNNING: "running",
}
_TRAFFIC = {
    EdgeState.IDLE: "",
    EdgeState.LIVE: "carries a value now",
    EdgeState.TAKEN: "taken",
    EdgeState.NOT_TAKEN: "not taken in this run",
}


def describe_canvas(workflow: Workflow, state: CanvasState) -> str:
    """``Workflow invoice, 6 nodes, 1 failed``."""
    parts = [f"Workflow {workflow.name}", plural(len(state.nodes), "node")]
    counts: dict[NodeState, int] = {}
    for node in state.nodes.values():
        counts[node.state] = counts.get(node.state, 0) + 1
    parts += [f"{counts[key]} {words}" for key, words in _COUNTED.items() if key in counts]
    return ", ".join(parts)


def describe_node(key: str, state: CanvasState) -> str:
    """``Fetch order, http.request, failed: HTTP 503, 2 inputs, 1 output, connected to Parse``."""
    node = state.nodes[key]
    parts = [node.title, node.type, node.words]
    if node.disabled:
        parts.append("off")
    if node.breakpoint:
        parts.append(f"breakpoint {node.breakpoint}")
    if node.stopped:
        parts.append("the run is paused here")
    parts += [plural(len(node.inputs), "input"), plural(len(node.outputs), "output")]
    after = [edge.target.node for edge in state.edges.values() if edge.source.node == key]
    before = [edge.source.node for edge in state.edges.values() if edge.target.node == key]
    if before:
        parts.append(f"after {_titles(before, state)}")
    if after:
        parts.append(f"connected to {_titles(after, state)}")
    parts.extend(node.problems)
    return ", ".join(part for part in parts if part)


def _titles(keys: Iterable[str], state: CanvasState) -> str:
    unique = list(dict.fromkeys(keys))
    names = [state.nodes[key].title for key in unique if key in state.nodes]
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def tooltip_of(hit: Hit, state: CanvasState) -> str:
    """What a tooltip says of what is under the pointer; empty for nothing."""
    match hit.kind:
        case HitKind.NODE | HitKind.CHIP:
            node = state.nodes.get(hit.key)
            return _node_tooltip(node) if node is not None else ""
        case HitKind.PORT:
            node = state.nodes.get(hit.key)
            if node is None or hit.port is None:
                return ""
            ports = node.outputs if hit.output else node.inputs
            port = next((each for each in ports if each.name == hit.port.port), None)
            return _port_tooltip(port, output=hit.output) if port is not None else ""
        case HitKind.EDGE | HitKind.EDGE_END:
            edge = state.edges.get(hit.key)
            return _edge_tooltip(edge, state) if edge is not None else ""
        case _:
            return ""


def _node_tooltip(node: NodeVisual) -> str:
    lines = [f"{node.title} ({node.key})", node.subline, node.words]
    if node.count:
        lines.append(f"{node.count:,} times in this run")
    if node.breakpoint:
        lines.append(f"Breakpoint {node.breakpoint}")
    if node.stopped:
        lines.append("The run is paused here: F5 goes on, F10 makes one step")
    lines.extend(node.problems)
    return "\n".join(line for line in lines if line)


def _port_tooltip(port: PortVisual, *, output: bool) -> str:
    side = "Output" if output else "Input"
    needed = ", connect it" if port.ring else ""
    name = "" if port.title in ("in", "out") else f" {port.title}"
    return f"{side}{name}: {port.type}{needed}"


def _edge_tooltip(edge: EdgeVisual, state: CanvasState) -> str:
    titles = [
        state.nodes[key].title if key in state.nodes else key
        for key in (edge.source.node, edge.target.node)
    ]
    lines = [f"{titles[0]} → {titles[1]}", f"Carries {edge.type}"]
    if edge.label:
        lines.append(f"When: {edge.label}")
    if edge.count:
        lines.append(f"Taken {plural(edge.count, 'time')} in this run")
    elif edge.state is not EdgeState.IDLE:
        lines.append(_TRAFFIC[edge.state].capitalize())
    lines.extend(edge.problems)
    return "\n".join(lines)
