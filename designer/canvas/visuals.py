"""What the canvas shows, as values: made by `resolve`, compared and drawn by the scene.

Nothing here knows Qt's graphics; two equal visuals look the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from designer.theme import NodeState
from engine.model.workflow import Frame, Note, PortRef, Position


class PortShape(StrEnum):
    """The form of a port; tells its type without its colour."""

    CIRCLE = "circle"
    SQUARE = "square"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"


class Problem(StrEnum):
    """The worst diagnostic of a node or an edge."""

    NONE = ""
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EdgeState(StrEnum):
    """What an edge did in the run that is shown."""

    IDLE = "idle"
    LIVE = "live"
    TAKEN = "taken"
    NOT_TAKEN = "not_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortVisual:
    """One port. `ring`: it is required and nothing is connected to it."""

    name: str
    title: str
    type: str
    shape: PortShape
    ring: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVisual:
    """One node, without its place.

    Attributes:
        words: of the chip, as they read now. `ticks`: they change with time alone.
        count: how many tasks have ended here, shown when there is more than one.
        fraction: progress for the bar under the node.
        request: what its chip opens when it waits for a decision.
        problems: sentences for the tooltip.
        breakpoint: where and when a run stops here, in words; empty when it does not.
        stopped: the run shown is paused at this node.
    """

    key: str
    title: str
    type: str
    subline: str
    icon: str
    height: float
    inputs: tuple[PortVisual, ...] = ()
    outputs: tuple[PortVisual, ...] = ()
    state: NodeState = NodeState.NOT_RUN
    words: str = ""
    ticks: bool = False
    count: int = 0
    fraction: float | None = None
    request: str | None = None
    problem: Problem = Problem.NONE
    problems: tuple[str, ...] = ()
    breakpoint: str = ""
    stopped: bool = False
    pinned: bool = False
    disabled: bool = False
    note: bool = False
    locked: bool = False

    def input_index(self, port: str) -> int:
        """Which row the input is in; the first when there is none of that name."""
        if len(self.inputs) < 2:
            return 0
        return next((row for row, each in enumerate(self.inputs) if each.name == port), 0)

    def output_index(self, port: str) -> int:
        """Which row the output is in; the first when there is none of that name."""
        if len(self.outputs) < 2:
            return 0
        return next((row for row, each in enumerate(self.outputs) if each.name == port), 0)

    @property
    def names_inputs(self) -> bool:
        """Whether the inputs have to be told apart by their names."""
        return len(self.inputs) > 1

    @property
    def names_outputs(self) -> bool:
        """Whether the outputs have to be told apart by their names."""
        count = len(self.outputs)
        if count < 2:
            return False
        return count - any(port.type == "error" for port in self.outputs) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeVisual:
    """One edge, drawn as a wire. `label` says when it is taken, `count` how often it was."""

    id: str
    source: PortRef
    target: PortRef
    type: str = "any"
    state: EdgeState = EdgeState.IDLE
    count: int = 0
    label: str = ""
    is_error: bool = False
    problem: Problem = Problem.NONE
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneVisual:
    """The region from a For each to its Collect, and how far it is."""

    key: str
    title: str
    members: tuple[str, ...]
    depth: int = 0
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class FrameWords:
    """What stands in the title of a frame that does something.

    Attributes:
        badges: what it does, each in a word or two.
        live: how it stands in the run that is shown, or empty. `role`: the colour of that.
    """

    badges: tuple[str, ...] = ()
    live: str = ""
    role: str = "muted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasState:
    """The whole picture at one moment."""

    nodes: Mapping[str, NodeVisual] = field(default_factory=dict)
    edges: Mapping[str, EdgeVisual] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    zones: tuple[ZoneVisual, ...] = ()
    frames: tuple[Frame, ...] = ()
    frame_words: Mapping[str, FrameWords] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    animated: bool = False
