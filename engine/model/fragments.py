"""Parts of a document as JSON: copied, pasted, duplicated.

A fragment is a document with some of the nodes, the edges between them and the channels
that they use, so that it can be kept as a file and a whole document can be pasted. The
edges that led to its nodes from outside stand in ``incoming``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from engine.errors import UnreadableFile
from engine.model.change_types import AddEdge, AddNode, Change, ChangeRefused, Compound, SetChannel
from engine.model.codec import (
    edge_from_json,
    edge_to_json,
    node_to_json,
    workflow_from_json,
    workflow_to_json,
)
from engine.model.keys import free_key
from engine.model.references import Names, rename_in_edge, rename_in_node
from engine.model.workflow import Edge, PortRef, Position, View, Workflow

Json = Any

#: Where duplicates stand, relative to what they were made of.
_BESIDE = Position(40.0, 40.0)
#: Between nodes of a fragment that has no positions.
_PITCH = 120.0
_CHANNEL = re.compile(r"\bstate\s*(?:\.\s*(\w+)|\[\s*\\?['\"]([\w-]+)\\?['\"]\s*\])")


def unique_key(workflow: Workflow, base: str) -> str:
    """Return a key that no node of the document has, made from `base`."""
    return free_key(workflow.nodes, base)


def copy_fragment(workflow: Workflow, keys: Iterable[str]) -> dict[str, Json]:
    """Return the fragment of some nodes; keys of nodes that are not there are left out."""
    chosen = set(keys)
    nodes = {key: node for key, node in workflow.nodes.items() if key in chosen}
    inside = tuple(e for e in workflow.edges if e.source.node in nodes and e.target.node in nodes)
    incoming = [
        edge_to_json(edge)
        for edge in workflow.edges
        if edge.target.node in nodes and edge.source.node not in nodes
    ]
    text = orjson.dumps([node_to_json(node) for node in nodes.values()]).decode()
    text += " ".join(edge.when or "" for edge in inside)
    used = {name for match in _CHANNEL.finditer(text) for name in match.groups() if name}
    for node in nodes.values():
        used |= {*node.writes, *node.reads}
    part = Workflow(
        id=workflow.id,
        name=workflow.name,
        nodes=nodes,
        edges=inside,
        channels={name: each for name, each in workflow.channels.items() if name in used},
        view=View(positions={key: p for key, p in workflow.view.positions.items() if key in nodes}),
    )
    result = workflow_to_json(part)
    if incoming:
        result["incoming"] = incoming
    return result


def paste(workflow: Workflow, fragment: Json, at: Position, *, incoming: bool = False) -> Compound:
    """Return the change that puts a fragment into a document.

    Nodes whose key is taken get a new one; what names them inside the fragment follows.
    Channels that the document does not declare come along.

    Args:
        workflow: where to paste.
        fragment: what `copy_fragment` gave, or a whole document.
        at: where the upper left corner of the pasted nodes goes.
        incoming: connect the copies to what led to the originals, where that is there.

    Raises:
        ChangeRefused: it is no fragment; the sentence says what is wrong with it.
    """
    try:
        part = workflow_from_json(fragment, source="The pasted text")
        entering = _entering(part) if incoming else []
    except UnreadableFile as error:
        raise ChangeRefused(str(error)) from error
    if not part.nodes:
        raise ChangeRefused("The pasted text holds no nodes: copy some nodes first.")
    names = _fresh_keys(workflow, part)
    renamed = {old: new for old, new in names.items() if old != new}
    places = _places(part, at)
    changes: list[Change] = [
        SetChannel(channel)
        for name, channel in part.channels.items()
        if name not in workflow.channels
    ]
    for key, node in part.nodes.items():
        copied = rename_in_node(replace(node, key=names[key]), renamed)
        changes.append(AddNode(copied, places[key]))
    # An edge of a foreign text may end at a node that the text does not hold.
    inside = [e for e in part.edges if e.source.node in names and e.target.node in names]
    added = {
        edge.id: edge for edge in (rename_in_edge(_moved(edge, names), renamed) for edge in inside)
    }
    for edge in entering:
        if edge.source.node in workflow.nodes and edge.target.node in names:
            copied_edge = replace(edge, target=PortRef(names[edge.target.node], edge.target.port))
            added.setdefault(copied_edge.id, copied_edge)
    changes += [AddEdge(edge) for edge in added.values()]
    return Compound(tuple(changes))


def duplicate(
    workflow: Workflow, keys: Iterable[str], *, offset: Position = _BESIDE, incoming: bool = False
) -> Compound:
    """Return the change that adds copies of some nodes beside them.

    Raises:
        ChangeRefused: none of the nodes is there.
    """
    chosen = [key for key in keys if key in workflow.nodes]
    if not chosen:
        raise ChangeRefused("There is nothing to duplicate: select some nodes first.")
    corner = _corner([p for key in chosen if (p := workflow.view.positions.get(key))])
    at = Position(corner.x + offset.x, corner.y + offset.y)
    return paste(workflow, copy_fragment(workflow, chosen), at, incoming=incoming)


def added_keys(change: Change) -> tuple[str, ...]:
    """Return the keys of the nodes that a change adds, to select them afterwards."""
    if isinstance(change, AddNode):
        return (change.node.key,)
    if isinstance(change, Compound):
        return tuple(key for each in change.changes for key in added_keys(each))
    return ()


def _entering(part: Workflow) -> list[Edge]:
    listed = part.extra.get("incoming", [])
    return [edge_from_json(each) for each in listed] if isinstance(listed, list) else []


def _fresh_keys(workflow: Workflow, part: Workflow) -> dict[str, str]:
    taken = set(workflow.nodes)
    names: dict[str, str] = {}
    for key in part.nodes:
        names[key] = free_key(taken, key)
        taken.add(names[key])
    return names


def _moved(edge: Edge, names: Names) -> Edge:
    source = PortRef(names[edge.source.node], edge.source.port)
    target = PortRef(names[edge.target.node], edge.target.port)
    return replace(edge, source=source, target=target)


def _corner(places: list[Position]) -> Position:
    if not places:
        return Position(0.0, 0.0)
    return Position(min(place.x for place in places), min(place.y for place in places))


def _places(part: Workflow, at: Position) -> dict[str, Position]:
    """Return where each node goes; those without a position stand below the others."""
    known = part.view.positions
    corner = _corner([known[key] for key in part.nodes if key in known])
    below = at.y
    places: dict[str, Position] = {}
    for key in part.nodes:
        if key in known:
            old = known[key]
            places[key] = Position(old.x - corner.x + at.x, old.y - corner.y + at.y, old.extra)
            below = max(below, places[key].y + _PITCH)
    for key in part.nodes:
        if key not in places:
            places[key] = Position(at.x, below)
            below += _PITCH
    return places
