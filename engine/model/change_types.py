"""The edits of a document: a closed union of frozen values (U1).

What they do is in `engine.model.changes`, which is where everybody imports them from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import EngineError
from engine.model.workflow import (
    Channel,
    Edge,
    Frame,
    FrameBehaviour,
    Node,
    Note,
    Position,
    Settings,
    Workflow,
)


class ChangeRefused(EngineError):
    """The change does not fit the document; the document is as it was."""


@dataclass(frozen=True, slots=True)
class AddNode:
    """Put a node into the document."""

    node: Node
    position: Position | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Take a node out, with its position and every edge that ends at it."""

    key: str


@dataclass(frozen=True, slots=True)
class SetNode:
    """Replace everything about the node of the same key."""

    node: Node


@dataclass(frozen=True, slots=True)
class RenameNode:
    """Give a node another key, in its edges, its position and in texts that name it.

    Attributes:
        references: rewrite expressions and templates too.
    """

    old: str
    new: str
    references: bool = True


@dataclass(frozen=True, slots=True)
class AddEdge:
    """Connect two nodes."""

    edge: Edge
    index: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveEdge:
    """Disconnect two nodes."""

    edge_id: str


@dataclass(frozen=True, slots=True)
class ReplaceEdge:
    """Lead an edge elsewhere, or change its condition, kind or priority."""

    edge_id: str
    edge: Edge
    index: int | None = None


@dataclass(frozen=True, slots=True)
class MoveNodes:
    """Set the positions of some nodes; None takes a position away."""

    positions: Mapping[str, Position | None]


@dataclass(frozen=True, slots=True)
class SetChannel:
    """Declare a channel, or replace the declaration of that name."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class RemoveChannel:
    """Take a channel's declaration away."""

    name: str


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Replace the settings of the workflow."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class SetWorkflowName:
    """Give the workflow another name."""

    name: str


@dataclass(frozen=True, slots=True)
class SetFrame:
    """Add a frame, or replace the one with that id."""

    frame: Frame
    index: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveFrame:
    """Take a frame away; what lies on it stays."""

    frame_id: str


@dataclass(frozen=True, slots=True)
class SetFrameBehaviour:
    """Say what a frame does for the nodes in it; None: nothing any more."""

    frame_id: str
    behaviour: FrameBehaviour | None


@dataclass(frozen=True, slots=True)
class SetNote:
    """Add a note, or replace the one with that id."""

    note: Note
    index: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveNote:
    """Take a note away."""

    note_id: str


@dataclass(frozen=True, slots=True)
class SetDocument:
    """Replace the whole document: go back to a saved state."""

    workflow: Workflow


@dataclass(frozen=True, slots=True)
class Compound:
    """Several changes as one, in order; all are made or none."""

    changes: tuple[Change, ...]


Change = (
    AddNode
    | RemoveNode
    | SetNode
    | RenameNode
    | AddEdge
    | RemoveEdge
    | ReplaceEdge
    | MoveNodes
    | SetChannel
    | RemoveChannel
    | SetSettings
    | SetWorkflowName
    | SetFrame
    | RemoveFrame
    | SetFrameBehaviour
    | SetNote
    | RemoveNote
    | SetDocument
    | Compound
)
