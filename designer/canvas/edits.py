"""The edits that gestures and verbs of the canvas make, as changes of the document.

Pure functions from a workflow to a change, or to None when there is nothing to do. The
caller pushes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from PySide6.QtCore import QPointF, QRectF

from designer.canvas.geometry import NODE_HEIGHT, NODE_WIDTH
from designer.canvas.matches import fresh_ports, input_for, output_for, port_type
from designer.canvas.resolve import is_locked
from engine.model.changes import (
    AddEdge,
    AddNode,
    Change,
    Compound,
    MoveNodes,
    RemoveEdge,
    RemoveFrame,
    RemoveNode,
    RemoveNote,
    ReplaceEdge,
    SetFrame,
    SetFrameBehaviour,
    SetNode,
    SetNote,
)
from engine.model.graph import analyse
from engine.model.keys import free_key, slug
from engine.model.layout import layered
from engine.model.membership import follow
from engine.model.node_types import NodeType, Ports, Registry
from engine.model.wiring import explain_refusal
from engine.model.workflow import Edge, Frame, Node, Note, PortRef, Position, Workflow

T = TypeVar("T", Frame, Note)

#: Room between a node and one that is added to its right.
GAP = 70.0
#: Room between a frame and what it frames, and for its title.
FRAME_PADDING = 24.0
FRAME_HEAD = 32.0


def together(*changes: Change | None) -> Compound:
    """Several changes as one step."""
    return Compound(tuple(change for change in changes if change is not None))


# --- adding -------------------------------------------------------------------------------


def new_node(workflow: Workflow, node_type: NodeType) -> Node:
    """A node of that type with a free key and a title that no other node has."""
    titles = {node.title for node in workflow.nodes.values()}
    title, number = node_type.title, 2
    while title in titles:
        title = f"{node_type.title} {number}"
        number += 1
    key = free_key(workflow.nodes, slug(title))
    return Node(
        key=key,
        type=node_type.id,
        version=node_type.version,
        title=title,
        **node_type.begins_with,
    )


def wire_to_new(
    workflow: Workflow,
    registry: Registry,
    source: PortRef,
    node: Node,
    node_type: NodeType,
    *,
    output: bool,
) -> Edge | None:
    """The edge between an existing port and the best port of a new node."""
    kind = port_type(registry, workflow, source, output=output)
    ports = fresh_ports(node_type)
    if output:
        name = None if node_type.role == "trigger" else input_for(ports, kind)
        return Edge(source=source, target=PortRef(node.key, name)) if name else None
    name = output_for(ports, kind)
    return Edge(source=PortRef(node.key, name), target=source) if name else None


def free_output(workflow: Workflow, registry: Registry, key: str) -> PortRef | None:
    """The output that a new node after `key` is wired to: the first without a wire."""
    node = workflow.nodes.get(key)
    if node is None:
        return None
    names = [port.name for port in registry.ports_of(node).outputs if port.type != "error"]
    used = {edge.source.port for edge in workflow.edges if edge.source.node == key}
    free = [name for name in names if name not in used]
    name = next(iter(free or names), None)
    return PortRef(key, name) if name is not None else None


def free_place(
    taken: Collection[QRectF],
    wanted: QPointF,
    height: float = NODE_HEIGHT,
    width: float = NODE_WIDTH,
) -> QPointF:
    """The place nearest below `wanted` where a box of that size covers no other."""
    place = QPointF(wanted)
    for _ in range(200):
        box = QRectF(place.x() - 12, place.y() - 12, width + 24, height + 24)
        hit = [other for other in taken if other.intersects(box)]
        if not hit:
            break
        place.setY(max(other.bottom() for other in hit) + 24)
    return place


def add_between(
    workflow: Workflow, registry: Registry, node: Node, node_type: NodeType, edge: Edge
) -> tuple[Change, ...] | None:
    """The edges that put a new node into an edge; None when it does not fit there."""
    return _through(workflow, registry, node.key, fresh_ports(node_type), node_type, edge)


def as_added(change: Change) -> Change:
    """The first half of `add_between` for an edge that is not in the document yet."""
    return AddEdge(change.edge) if isinstance(change, ReplaceEdge) else change


def splice(workflow: Workflow, registry: Registry, key: str, edge_id: str) -> Compound | None:
    """Put an existing node into an edge; None when it does not fit there."""
    edge = next((each for each in workflow.edges if each.id == edge_id), None)
    node = workflow.nodes.get(key)
    if edge is None or node is None or key in {edge.source.node, edge.target.node}:
        return None
    node_type = registry.get(node.type)
    if node_type is None:
        return None
    ports = registry.ports_of(node)
    changes = _through(workflow, registry, key, ports, node_type, edge)
    return Compound(changes) if changes is not None else None


def _through(
    workflow: Workflow,
    registry: Registry,
    key: str,
    ports: Ports,
    node_type: NodeType,
    edge: Edge,
) -> tuple[Change, ...] | None:
    """The condition of the edge stays where the value is made: on its first half."""
    if node_type.role == "trigger":
        return None
    into = input_for(ports, port_type(registry, workflow, edge.source, output=True))
    out = output_for(ports, port_type(registry, workflow, edge.target, output=False))
    if into is None or out is None:
        return None
    return (
        ReplaceEdge(edge.id, replace(edge, target=PortRef(key, into))),
        AddEdge(Edge(source=PortRef(key, out), target=edge.target)),
    )


# --- taking away --------------------------------------------------------------------------


def delete(
    workflow: Workflow,
    nodes: Collection[str],
    edges: Collection[str],
    frames: Collection[str] = (),
    notes: Collection[str] = (),
) -> Compound | None:
    """Take out nodes with their wires, wires, frames and notes."""
    gone = set(nodes) & workflow.nodes.keys()
    changes: list[Change] = [
        RemoveEdge(edge.id)
        for edge in workflow.edges
        if edge.id in edges and not gone & {edge.source.node, edge.target.node}
    ]
    changes += [RemoveNode(key) for key in sorted(gone)]
    changes += [RemoveFrame(frame.id) for frame in workflow.view.frames if frame.id in frames]
    changes += [SetFrameBehaviour(key, None) for key in workflow.frames if key in frames]
    changes += [RemoveNote(note.id) for note in workflow.view.notes if note.id in notes]
    return Compound(tuple(changes)) if changes else None


def delete_and_reconnect(
    workflow: Workflow, registry: Registry, nodes: Collection[str]
) -> Compound | None:
    """Take nodes out and join what led into them to what they led to, where types allow."""
    gone = set(nodes) & workflow.nodes.keys()
    if not gone:
        return None
    removed: list[Change] = [RemoveNode(key) for key in sorted(gone)]
    rest = _without(workflow, gone)
    joined: list[Change] = []
    seen = {edge.id for edge in rest.edges}
    for entering in workflow.edges:
        if entering.source.node in gone or entering.target.node not in gone:
            continue
        for target in _beyond(workflow, gone, entering.target.node):
            edge = replace(entering, target=target)
            refusal = explain_refusal(rest, registry, edge.source, edge.target)
            if edge.id not in seen and refusal is None:
                seen.add(edge.id)
                joined.append(AddEdge(edge))
    return Compound((*removed, *joined))


def _without(workflow: Workflow, gone: Collection[str]) -> Workflow:
    return replace(
        workflow,
        nodes={key: node for key, node in workflow.nodes.items() if key not in gone},
        edges=tuple(
            edge
            for edge in workflow.edges
            if edge.source.node not in gone and edge.target.node not in gone
        ),
    )


def _beyond(workflow: Workflow, gone: Collection[str], start: str) -> list[PortRef]:
    """The inputs outside of `gone` that are reached from `start` through nodes in it."""
    found: list[PortRef] = []
    seen = {start}
    queue = [start]
    while queue:
        key = queue.pop(0)
        for edge in workflow.edges:
            if edge.source.node != key or _is_error_way(edge):
                continue
            if edge.target.node not in gone:
                found.append(edge.target)
            elif edge.target.node not in seen:
                seen.add(edge.target.node)
                queue.append(edge.target.node)
    return found


def _is_error_way(edge: Edge) -> bool:
    return edge.source.port == "error" or edge.kind == "fallback"


# --- moving -------------------------------------------------------------------------------


def move(
    workflow: Workflow,
    places: Mapping[str, Position],
    nodes: Collection[str],
    frames: Collection[str],
    notes: Collection[str],
    offset: QPointF,
) -> Compound:
    """Move nodes, frames and notes by `offset` from where they are shown."""
    dx, dy = offset.x(), offset.y()
    changes: list[Change] = []
    moved = {
        key: Position(places[key].x + dx, places[key].y + dy)
        for key in sorted(nodes)
        if key in workflow.nodes and key in places
    }
    if nodes:
        changes.append(MoveNodes(moved))
    boxes = [_shifted(f, dx, dy) for f in workflow.view.frames if f.id in frames]
    changes += [SetFrame(box) for box in boxes]
    if workflow.frames:
        changes += follow(workflow, moved, boxes)
    changes += [SetNote(_shifted(n, dx, dy)) for n in workflow.view.notes if n.id in notes]
    return Compound(tuple(changes))


def resize_frame(workflow: Workflow, frame: Frame) -> Compound:
    """Give a frame another box; who stands on it is a member where it does something."""
    return Compound((SetFrame(frame), *follow(workflow, frames=(frame,))))


def _shifted(box: T, dx: float, dy: float) -> T:
    return replace(box, x=box.x + dx, y=box.y + dy)


def tidy(
    workflow: Workflow,
    registry: Registry,
    nodes: Collection[str],
    bodies: Mapping[str, QRectF],
) -> MoveNodes | None:
    """Lay out some nodes, or all; their upper left corner stays where it is.

    Args:
        workflow: the document.
        registry: tells which nodes are the ends of a zone.
        nodes: which to lay out; empty for all.
        bodies: where the nodes are now and how large they are; those that are not there
            (locked ones) stay.
    """
    chosen = [key for key in workflow.nodes if key in bodies and (not nodes or key in nodes)]
    sizes = {key: (bodies[key].width(), bodies[key].height()) for key in chosen}
    zones = analyse(workflow, registry).zones
    found = layered(workflow, sizes, only=chosen, zones=zones)
    if not found:
        return None
    # The layout knows the corner from the document, which may have no place for some.
    dx = min(bodies[key].left() for key in found) - min(place.x for place in found.values())
    dy = min(bodies[key].top() for key in found) - min(place.y for place in found.values())
    moved = {key: Position(place.x + dx, place.y + dy) for key, place in found.items()}
    if all(bodies[key].topLeft() == QPointF(place.x, place.y) for key, place in moved.items()):
        return None
    return MoveNodes(moved)


def align(bodies: Mapping[str, QRectF], edge: str) -> MoveNodes | None:
    """Put nodes on one line: ``left``, ``top`` or ``row`` (their first ports)."""
    if len(bodies) < 2:
        return None
    if edge == "left":
        x = min(body.left() for body in bodies.values())
        return MoveNodes({key: Position(x, body.top()) for key, body in bodies.items()})
    y = min(body.top() for body in bodies.values())
    if edge == "row":
        middle = sorted(body.top() for body in bodies.values())[len(bodies) // 2]
        y = middle
    return MoveNodes({key: Position(body.left(), y) for key, body in bodies.items()})


def distribute(bodies: Mapping[str, QRectF], *, across: bool) -> MoveNodes | None:
    """Put the same room between nodes, the outermost staying where they are."""
    if len(bodies) < 3:
        return None

    def low(body: QRectF) -> float:
        return body.left() if across else body.top()

    def size(body: QRectF) -> float:
        return body.width() if across else body.height()

    order = sorted(bodies, key=lambda key: low(bodies[key]))
    first, last = bodies[order[0]], bodies[order[-1]]
    whole = low(last) + size(last) - low(first)
    room = (whole - sum(size(body) for body in bodies.values())) / (len(order) - 1)
    at = low(first)
    places: dict[str, Position] = {}
    for key in order:
        body = bodies[key]
        places[key] = Position(at, body.top()) if across else Position(body.left(), at)
        at += size(body) + room
    return MoveNodes(places)


# --- looks and marks ----------------------------------------------------------------------


def set_disabled(workflow: Workflow, nodes: Iterable[str]) -> Compound | None:
    """Switch nodes off, or on again when all of them are off."""
    chosen = [workflow.nodes[key] for key in sorted(nodes) if key in workflow.nodes]
    if not chosen:
        return None
    off = not all(node.disabled for node in chosen)
    return Compound(tuple(SetNode(replace(node, disabled=off)) for node in chosen))


def retitle(workflow: Workflow, key: str, title: str) -> SetNode | None:
    """Give a node another title; its key stays."""
    node = workflow.nodes.get(key)
    if node is None or node.title == title:
        return None
    return SetNode(replace(node, title=title))


def set_locked(
    workflow: Workflow, nodes: Iterable[str], places: Mapping[str, Position]
) -> Compound | None:
    """Lock nodes in their places, or unlock them when all of them are locked."""
    keys = [key for key in sorted(nodes) if key in workflow.nodes and key in places]
    if not keys:
        return None
    lock = not all(is_locked(places[key]) for key in keys)
    fresh: dict[str, Position | None] = {}
    for key in keys:
        extra = {name: value for name, value in places[key].extra.items() if name != "locked"}
        if lock:
            extra["locked"] = True
        fresh[key] = Position(places[key].x, places[key].y, extra)
    # Out and in again: a place without extras would keep those it had.
    return Compound((MoveNodes(dict.fromkeys(keys)), MoveNodes(fresh)))


def frame_around(workflow: Workflow, boxes: Iterable[QRectF], title: str) -> SetFrame | None:
    """A new frame around `boxes`."""
    whole = QRectF()
    for box in boxes:
        whole = whole.united(box)
    if whole.isEmpty():
        return None
    whole.adjust(-FRAME_PADDING, -FRAME_PADDING - FRAME_HEAD, FRAME_PADDING, FRAME_PADDING)
    used = {frame.id for frame in workflow.view.frames}
    return SetFrame(
        Frame(
            id=free_key(used, "frame"),
            title=title,
            x=whole.x(),
            y=whole.y(),
            width=whole.width(),
            height=whole.height(),
            colour=len(used) % 8,
        )
    )


def new_note(workflow: Workflow, at: QPointF, bodies: Collection[QRectF] = ()) -> Note:
    """An empty note at `at`, or below it where it covers no node and no other note."""
    used = {note.id for note in workflow.view.notes}
    note = Note(id=free_key(used, "note"), x=at.x(), y=at.y())
    others = [QRectF(n.x, n.y, n.width, n.height) for n in workflow.view.notes]
    place = free_place([*bodies, *others], at, note.height, note.width)
    return replace(note, x=place.x(), y=place.y())


def add_node(node: Node, at: QPointF, edges: Iterable[Change]) -> Compound:
    """Add a node at a place, with its wires."""
    return Compound((AddNode(node, Position(at.x(), at.y())), *edges))
