"""What each kind of change does to a document, and what leads back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from engine.model.change_types import (
    AddEdge,
    AddNode,
    Change,
    ChangeRefused,
    Compound,
    MoveNodes,
    RemoveEdge,
    RemoveFrame,
    RemoveNode,
    RemoveNote,
    RenameNode,
    ReplaceEdge,
    SetDocument,
    SetFrame,
    SetFrameBehaviour,
    SetNode,
    SetNote,
    SetSettings,
)
from engine.model.keys import MAX_KEY, is_key
from engine.model.references import rename_in_edge, rename_in_node, rename_in_settings
from engine.model.shape import edge_order
from engine.model.workflow import (
    Channel,
    Edge,
    Frame,
    FrameBehaviour,
    Node,
    Note,
    PortRef,
    Position,
    View,
    Workflow,
)

# --- nodes --------------------------------------------------------------------------------

_Item = TypeVar("_Item")


def require_node(workflow: Workflow, key: str) -> Node:
    """Return the node of that key, or refuse."""
    node = workflow.nodes.get(key)
    if node is None:
        raise ChangeRefused(f"There is no node {key}: it may have been removed.")
    return node


def _inserted(
    items: Mapping[str, _Item], key: str, item: _Item, index: int | None = None
) -> dict[str, _Item]:
    """Return the mapping with one more item, in its sorted place or at `index`."""
    keys = list(items)
    at = bisect_right(keys, key) if index is None else index
    if at >= len(keys):
        return {**items, key: item}
    pairs = list(items.items())
    pairs.insert(at, (key, item))
    return dict(pairs)


def _check_new_key(workflow: Workflow, key: str) -> None:
    if key in workflow.nodes:
        raise ChangeRefused(f"There is a node {key} already: choose another key.")
    if not is_key(key):
        raise ChangeRefused(
            f'"{key}" cannot be a key: use 1 to {MAX_KEY} letters, digits, _ or -, '
            "beginning with a letter or digit."
        )


def add_node(workflow: Workflow, change: AddNode) -> Workflow:
    """Return the document with one more node."""
    node = change.node
    if change.index is None:
        _check_new_key(workflow, node.key)
    elif node.key in workflow.nodes:
        raise ChangeRefused(f"There is a node {node.key} already: choose another key.")
    nodes = _inserted(workflow.nodes, node.key, node, change.index)
    if change.position is None:
        return replace(workflow, nodes=nodes)
    positions = {**workflow.view.positions, node.key: change.position}
    return replace(workflow, nodes=nodes, view=replace(workflow.view, positions=positions))


def _touches(edge: Edge, key: str) -> bool:
    return key in {edge.source.node, edge.target.node}


def remove_node(workflow: Workflow, key: str) -> Workflow:
    """Return the document without a node and its edges."""
    require_node(workflow, key)
    nodes = {name: node for name, node in workflow.nodes.items() if name != key}
    edges = tuple(edge for edge in workflow.edges if not _touches(edge, key))
    view = workflow.view
    if key in view.positions:
        positions = {name: place for name, place in view.positions.items() if name != key}
        view = replace(view, positions=positions)
    frames = _frames_with(workflow.frames, key, None)
    return replace(workflow, nodes=nodes, edges=edges, frames=frames, view=view)


def _frames_with(
    frames: Mapping[str, FrameBehaviour], old: str, new: str | None
) -> Mapping[str, FrameBehaviour]:
    """Return the frames with a member under another key, or without it."""
    if not any(old in each.nodes for each in frames.values()):
        return frames
    return {
        name: replace(each, nodes=_members_with(each.nodes, old, new))
        for name, each in frames.items()
    }


def _members_with(nodes: tuple[str, ...], old: str, new: str | None) -> tuple[str, ...]:
    if old not in nodes:
        return nodes
    kept = [key for key in nodes if key != old]
    return tuple(sorted(kept if new is None else {*kept, new}))


def _restored_frames(before: Workflow, *keys: str) -> list[Change]:
    """Return what gives the frames that have one of these members all of them again."""
    return [
        SetFrameBehaviour(name, each)
        for name, each in before.frames.items()
        if not set(keys).isdisjoint(each.nodes)
    ]


def invert_add_node(before: Workflow, change: AddNode) -> Change:
    """Return what takes an added node away again."""
    key = change.node.key
    left_over = key in before.view.positions or any(_touches(edge, key) for edge in before.edges)
    return SetDocument(before) if left_over else RemoveNode(key)


def invert_remove_node(before: Workflow, key: str) -> Change:
    """Return what puts a removed node back with its edges."""
    node = require_node(before, key)
    index = list(before.nodes).index(key)
    edges = [
        AddEdge(edge, number) for number, edge in enumerate(before.edges) if _touches(edge, key)
    ]
    added = AddNode(node, before.view.positions.get(key), index)
    return Compound((added, *edges, *_restored_frames(before, key)))


def rename_node(workflow: Workflow, change: RenameNode) -> Workflow:
    """Return the document with a node under another key."""
    old, new = change.old, change.new
    node = require_node(workflow, old)
    if old == new:
        return workflow
    _check_new_key(workflow, new)
    nodes = {key: each for key, each in workflow.nodes.items() if key != old}
    nodes = _inserted(nodes, new, replace(node, key=new))
    edges = [_with_end(edge, old, new) for edge in workflow.edges]
    settings = workflow.settings
    if change.references:
        names = {old: new}
        nodes = {key: rename_in_node(each, names) for key, each in nodes.items()}
        edges = [rename_in_edge(edge, names) for edge in edges]
        settings = rename_in_settings(settings, names)
    edges.sort(key=edge_order)
    view = workflow.view
    if old in view.positions:
        positions = {key: place for key, place in view.positions.items() if key != old}
        positions[new] = view.positions[old]
        view = replace(view, positions=positions)
    return replace(
        workflow,
        nodes=nodes,
        edges=tuple(edges),
        settings=settings,
        frames=_frames_with(workflow.frames, old, new),
        view=view,
    )


def _with_end(edge: Edge, old: str, new: str) -> Edge:
    if not _touches(edge, old):
        return edge
    source = PortRef(new, edge.source.port) if edge.source.node == old else edge.source
    target = PortRef(new, edge.target.port) if edge.target.node == old else edge.target
    return replace(edge, source=source, target=target)


def invert_rename(before: Workflow, change: RenameNode) -> Change:
    """Rename back, and restore the texts: some may have named the new key before.

    Where the document is not sorted, has left-overs of the new key, or the old one was
    no valid key, the way back is the document itself.
    """
    old, new = change.old, change.new
    after = rename_node(before, change)
    left_over = new in before.view.positions or any(_touches(edge, new) for edge in before.edges)
    if left_over or not is_key(old) or not _is_sorted(before):
        return SetDocument(before)
    steps: list[Change] = [RenameNode(new, old, references=False)]
    plain = rename_node(before, replace(change, references=False))
    for key, node in plain.nodes.items():
        if after.nodes[key] is not node and after.nodes[key] != node:
            steps.append(SetNode(before.nodes[old if key == new else key]))
    ids = {edge.id: edge for edge in after.edges}
    steps += [
        ReplaceEdge(edge.id, edge)
        for edge in before.edges
        if ids[_with_end(edge, old, new).id].when != edge.when
    ]
    if after.settings is not before.settings:
        steps.append(SetSettings(before.settings))
    steps += _restored_frames(before, old, new)
    return Compound(tuple(steps))


def _is_sorted(workflow: Workflow) -> bool:
    keys, ends = list(workflow.nodes), [edge_order(edge) for edge in workflow.edges]
    unique = len(set(ends)) == len(ends)
    return unique and keys == sorted(keys) and ends == sorted(ends)


def move_nodes(workflow: Workflow, change: MoveNodes) -> Workflow:
    """Return the document with other positions; nothing else is copied."""
    positions = dict(workflow.view.positions)
    for key, place in change.positions.items():
        if key not in workflow.nodes:
            raise ChangeRefused(f"There is no node {key} to move: it may have been removed.")
        known = positions.pop(key, None) if place is None else positions.get(key)
        if place is not None:
            keep = known is not None and known.extra and not place.extra
            positions[key] = Position(place.x, place.y, known.extra) if keep and known else place
    view = workflow.view
    moved = View(positions=positions, frames=view.frames, notes=view.notes, extra=view.extra)
    return replace(workflow, view=moved)


# --- edges --------------------------------------------------------------------------------


def edge_index(workflow: Workflow, edge_id: str) -> int:
    """Return where the first edge of that id is, or refuse."""
    for index, edge in enumerate(workflow.edges):
        if edge.id == edge_id:
            return index
    raise ChangeRefused(f"There is no wire {edge_id}: it may have been removed.")


def with_edges(workflow: Workflow, change: AddEdge | RemoveEdge | ReplaceEdge) -> tuple[Edge, ...]:
    """Return the edges after a change to them."""
    edges = list(workflow.edges)
    match change:
        case RemoveEdge():
            del edges[edge_index(workflow, change.edge_id)]
            return tuple(edges)
        case ReplaceEdge():
            at = edge_index(workflow, change.edge_id)
            if change.edge.id == change.edge_id:
                edges[at] = change.edge
                return tuple(edges)
            del edges[at]
        case AddEdge():
            pass
    edge = change.edge
    if change.index is None:
        for end in (edge.source, edge.target):
            require_node(workflow, end.node)
        if any(each.id == edge.id for each in edges):
            raise ChangeRefused(
                f"{edge.source} and {edge.target} are connected already: change that wire."
            )
    at = bisect_right(edges, edge_order(edge), key=edge_order)
    edges.insert(at if change.index is None else change.index, edge)
    return tuple(edges)


def invert_replace_edge(before: Workflow, change: ReplaceEdge) -> Change:
    """Return what restores a replaced edge."""
    index = edge_index(before, change.edge_id)
    old = before.edges[index]
    if old.id == change.edge.id:
        return ReplaceEdge(old.id, old)
    if any(edge.id == change.edge.id for edge in before.edges):
        return SetDocument(before)
    return ReplaceEdge(change.edge.id, old, index)


# --- channels -----------------------------------------------------------------------------


def require_channel(workflow: Workflow, name: str) -> Channel:
    """Return the channel of that name, or refuse."""
    channel = workflow.channels.get(name)
    if channel is None:
        raise ChangeRefused(f"There is no channel {name}: it may have been removed.")
    return channel


def set_channel(workflow: Workflow, channel: Channel) -> Workflow:
    """Return the document with a channel declared."""
    if channel.name in workflow.channels:
        channels = {**workflow.channels, channel.name: channel}
    else:
        channels = _inserted(workflow.channels, channel.name, channel)
    return replace(workflow, channels=channels)


def set_behaviour(workflow: Workflow, change: SetFrameBehaviour) -> Workflow:
    """Return the document with what a frame does."""
    name, behaviour = change.frame_id, change.behaviour
    if behaviour is None:
        frames = {key: each for key, each in workflow.frames.items() if key != name}
    elif name in workflow.frames:
        frames = {**workflow.frames, name: behaviour}
    else:
        frames = _inserted(workflow.frames, name, behaviour)
    return replace(workflow, frames=frames)


# --- frames and notes -----------------------------------------------------------------------

_Box = TypeVar("_Box", Frame, Note)


def with_boxes(view: View, change: SetFrame | RemoveFrame | SetNote | RemoveNote) -> View:
    """Return the view after a change to its frames or notes."""
    match change:
        case SetFrame():
            return replace(view, frames=_set_box(view.frames, change.frame, change.index))
        case SetNote():
            return replace(view, notes=_set_box(view.notes, change.note, change.index))
        case RemoveFrame():
            at = _box_index(view.frames, change.frame_id, "frame")
            return replace(view, frames=(*view.frames[:at], *view.frames[at + 1 :]))
        case RemoveNote():
            at = _box_index(view.notes, change.note_id, "note")
            return replace(view, notes=(*view.notes[:at], *view.notes[at + 1 :]))


def _set_box(boxes: tuple[_Box, ...], box: _Box, index: int | None) -> tuple[_Box, ...]:
    found = list(boxes)
    at = next((n for n, each in enumerate(found) if each.id == box.id), len(found))
    if index is not None:
        found.insert(index, box)
    else:
        found[at : at + 1] = [box]
    return tuple(found)


def _box_index(boxes: Sequence[Frame | Note], box_id: str, kind: str) -> int:
    for index, box in enumerate(boxes):
        if box.id == box_id:
            return index
    raise ChangeRefused(f"There is no {kind} {box_id}: it may have been removed.")


def invert_box(before: Workflow, change: SetFrame | RemoveFrame | SetNote | RemoveNote) -> Change:
    """Return what restores a frame or note."""
    view = before.view
    match change:
        case SetFrame(frame=frame, index=index):
            known = next((each for each in view.frames if each.id == frame.id), None)
            if known is None:
                return RemoveFrame(frame.id)
            return SetDocument(before) if index is not None else SetFrame(known)
        case SetNote(note=note, index=index):
            old = next((each for each in view.notes if each.id == note.id), None)
            if old is None:
                return RemoveNote(note.id)
            return SetDocument(before) if index is not None else SetNote(old)
        case RemoveFrame():
            at = _box_index(view.frames, change.frame_id, "frame")
            return SetFrame(view.frames[at], at)
        case RemoveNote():
            at = _box_index(view.notes, change.note_id, "note")
            return SetNote(view.notes[at], at)
