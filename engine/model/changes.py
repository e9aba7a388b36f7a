"""Every edit of a document as a value: applied, undone and repeated exactly (U1, U2).

`apply` makes a new document and shares with the old one what has not changed. `invert`
makes the change that leads back, from the document before it; after undoing, the
document is equal to what it was, in order and bytes too. Documents keep their nodes
sorted by key and their edges by their ends, so a new one has its place; the ``index``
of a change is set by `invert` alone, for documents that are not sorted.

Moves are the frequent case: they copy the positions and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from engine.model import change_steps as steps
from engine.model.change_types import (
    AddEdge,
    AddNode,
    Change,
    ChangeRefused,
    Compound,
    MoveNodes,
    RemoveChannel,
    RemoveEdge,
    RemoveFrame,
    RemoveNode,
    RemoveNote,
    RenameNode,
    ReplaceEdge,
    SetChannel,
    SetDocument,
    SetFrame,
    SetFrameBehaviour,
    SetNode,
    SetNote,
    SetSettings,
    SetWorkflowName,
)
from engine.model.fragments import added_keys, copy_fragment, duplicate, paste, unique_key
from engine.model.workflow import Workflow

__all__ = [
    "AddEdge",
    "AddNode",
    "Change",
    "ChangeRefused",
    "Compound",
    "MoveNodes",
    "RemoveChannel",
    "RemoveEdge",
    "RemoveFrame",
    "RemoveNode",
    "RemoveNote",
    "RenameNode",
    "ReplaceEdge",
    "SetChannel",
    "SetDocument",
    "SetFrame",
    "SetFrameBehaviour",
    "SetNode",
    "SetNote",
    "SetSettings",
    "SetWorkflowName",
    "added_keys",
    "apply",
    "copy_fragment",
    "duplicate",
    "invert",
    "paste",
    "unique_key",
]


def apply(workflow: Workflow, change: Change) -> Workflow:
    """Return the document after a change.

    Raises:
        ChangeRefused: the change does not fit this document.
    """
    match change:
        case MoveNodes():
            return steps.move_nodes(workflow, change)
        case AddNode() | RemoveNode() | SetNode() | RenameNode():
            return _apply_to_nodes(workflow, change)
        case AddEdge() | RemoveEdge() | ReplaceEdge():
            return replace(workflow, edges=steps.with_edges(workflow, change))
        case SetFrame() | RemoveFrame() | SetNote() | RemoveNote():
            return replace(workflow, view=steps.with_boxes(workflow.view, change))
        case SetChannel() | RemoveChannel() | SetSettings() | SetWorkflowName():
            return _apply_to_head(workflow, change)
        case SetFrameBehaviour():
            return steps.set_behaviour(workflow, change)
        case SetDocument():
            return change.workflow
        case Compound():
            for each in change.changes:
                workflow = apply(workflow, each)
            return workflow
        case _:
            assert_never(change)


def invert(workflow_before: Workflow, change: Change) -> Change:
    """Return the change that leads back to `workflow_before`.

    Raises:
        ChangeRefused: the change does not fit that document.
    """
    before = workflow_before
    match change:
        case MoveNodes():
            return MoveNodes({key: before.view.positions.get(key) for key in change.positions})
        case AddNode() | RemoveNode() | SetNode() | RenameNode():
            return _invert_of_nodes(before, change)
        case AddEdge():
            known = any(edge.id == change.edge.id for edge in before.edges)
            return SetDocument(before) if known else RemoveEdge(change.edge.id)
        case RemoveEdge():
            index = steps.edge_index(before, change.edge_id)
            return AddEdge(before.edges[index], index)
        case ReplaceEdge():
            return steps.invert_replace_edge(before, change)
        case SetFrame() | RemoveFrame() | SetNote() | RemoveNote():
            return steps.invert_box(before, change)
        case SetChannel() | RemoveChannel() | SetSettings() | SetWorkflowName():
            return _invert_of_head(before, change)
        case SetFrameBehaviour(frame_id=frame_id):
            return SetFrameBehaviour(frame_id, before.frames.get(frame_id))
        case SetDocument():
            return SetDocument(before)
        case Compound():
            return _invert_compound(before, change)
        case _:
            assert_never(change)


def _apply_to_nodes(
    workflow: Workflow, change: AddNode | RemoveNode | SetNode | RenameNode
) -> Workflow:
    match change:
        case AddNode():
            return steps.add_node(workflow, change)
        case RemoveNode():
            return steps.remove_node(workflow, change.key)
        case SetNode(node=node):
            steps.require_node(workflow, node.key)
            return replace(workflow, nodes={**workflow.nodes, node.key: node})
        case RenameNode():
            return steps.rename_node(workflow, change)


def _invert_of_nodes(
    before: Workflow, change: AddNode | RemoveNode | SetNode | RenameNode
) -> Change:
    match change:
        case AddNode():
            return steps.invert_add_node(before, change)
        case RemoveNode():
            return steps.invert_remove_node(before, change.key)
        case SetNode():
            return SetNode(steps.require_node(before, change.node.key))
        case RenameNode():
            return steps.invert_rename(before, change)


def _apply_to_head(
    workflow: Workflow, change: SetChannel | RemoveChannel | SetSettings | SetWorkflowName
) -> Workflow:
    match change:
        case SetChannel():
            return steps.set_channel(workflow, change.channel)
        case RemoveChannel():
            steps.require_channel(workflow, change.name)
            channels = {n: c for n, c in workflow.channels.items() if n != change.name}
            return replace(workflow, channels=channels)
        case SetSettings():
            return replace(workflow, settings=change.settings)
        case SetWorkflowName():
            return replace(workflow, name=change.name)


def _invert_of_head(
    before: Workflow, change: SetChannel | RemoveChannel | SetSettings | SetWorkflowName
) -> Change:
    match change:
        case SetChannel(channel=channel):
            old = before.channels.get(channel.name)
            return RemoveChannel(channel.name) if old is None else SetChannel(old)
        case RemoveChannel():
            return SetChannel(steps.require_channel(before, change.name))
        case SetSettings():
            return SetSettings(before.settings)
        case SetWorkflowName():
            return SetWorkflowName(before.name)


def _invert_compound(before: Workflow, change: Compound) -> Compound:
    inverses: list[Change] = []
    workflow = before
    for each in change.changes:
        inverses.append(invert(workflow, each))
        workflow = apply(workflow, each)
    return Compound(tuple(reversed(inverses)))
