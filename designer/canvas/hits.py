"""What is under a point of the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.model.workflow import PortRef


class HitKind(StrEnum):
    """What was hit."""

    NOTHING = "nothing"
    NODE = "node"
    CHIP = "chip"
    PORT = "port"
    EDGE = "edge"
    #: An end of an edge, near enough to be taken and led to another port.
    EDGE_END = "edge_end"
    FRAME = "frame"
    NOTE = "note"
    #: A handle by which the selected frame or note is resized.
    HANDLE = "handle"


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    Attributes:
        key: of the node, the edge, the frame or the note.
        port: for ports, and for the end of an edge the port at that end.
        output: whether that port is an output.
        handle: for handles, its place on the box.
    """

    kind: HitKind
    key: str = ""
    port: PortRef | None = None
    output: bool = False
    handle: tuple[float, float] = (0.0, 0.0)


NOTHING = Hit(HitKind.NOTHING)
