"""What a gesture is, and what it may ask of the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QGraphicsView

from designer.canvas.camera import Camera
from designer.canvas.hits import Hit
from designer.canvas.scene import CanvasScene
from designer.document.document import WorkflowDocument
from designer.settings import Settings
from designer.widgets.kinds import Kind
from engine.model.changes import Change
from engine.model.node_types import Registry
from engine.model.workflow import PortRef

#: How far the pointer moves before a press becomes a drag, in pixels.
DRAG_FROM_PX = 4.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the pointer is, in the scene and on the viewport, with the keys held down."""

    scene: QPointF
    view: QPointF
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier

    def has(self, modifier: Qt.KeyboardModifier) -> bool:
        """Whether a key such as Shift is held down."""
        return bool(self.modifiers & modifier)


class Host(Protocol):
    """The canvas, as gestures see it."""

    document: WorkflowDocument
    registry: Registry
    settings: Settings
    camera: Camera

    @property
    def board(self) -> CanvasScene:
        """The scene."""
        ...

    def hit(self, point: QPointF) -> Hit:
        """What is under a point of the scene."""
        ...

    def edit(self, change: Change, text: str, *, merge: str = "") -> bool:
        """Push an edit; a refusal is told to the person. Returns whether it was made."""
        ...

    def may_edit(self) -> bool:
        """Whether the document may be edited; tells the person when not."""
        ...

    def say(self, text: str, kind: Kind = Kind.INFO) -> None:
        """Tell the person."""
        ...

    def begin(self, gesture: Gesture, pointer: Pointer) -> None:
        """Let another gesture take over."""
        ...

    @property
    def widget(self) -> QGraphicsView:
        """The view itself."""
        ...

    @property
    def pointer_inside(self) -> bool:
        """Whether the pointer is over the canvas."""
        ...

    def pointer_or_middle(self) -> QPointF:
        """Where the pointer is in the scene, or the middle of what is shown."""
        ...

    def repaint_overlay(self) -> None:
        """What the gesture draws has changed."""
        ...

    def offer_nodes(self, at: QPointF, source: PortRef, *, output: bool) -> None:
        """Let the person choose a node to connect to `source`, to be put `at`."""
        ...

    def offer_between(self, source: PortRef, target: PortRef) -> None:
        """Let the person choose a node that fits between two ports."""
        ...


class Gesture:
    """From a press to its release. Ends with exactly one of `finish` and `cancel`."""

    #: The cursor while it lasts.
    cursor: Qt.CursorShape | None = None
    #: The view follows the pointer beyond its edge.
    scrolls = False

    def __init__(self, host: Host) -> None:
        self.host = host

    def start(self, pointer: Pointer) -> None:
        """The button went down."""

    def move(self, pointer: Pointer) -> None:
        """The pointer moved, or the view under it."""

    def finish(self, pointer: Pointer) -> None:
        """The button came up."""

    def cancel(self) -> None:
        """Escape, or the window lost the pointer: leave everything as it was."""

    def key(self, event: QKeyEvent) -> bool:
        """A key went down meanwhile; returns whether it was for the gesture."""
        del event
        return False

    def paint(self, painter: QPainter) -> None:
        """Draw over the scene, in its coordinates."""


def is_drag(start: Pointer, now: Pointer) -> bool:
    """Whether the pointer has moved far enough to mean it."""
    offset = now.view - start.view
    return abs(offset.x()) + abs(offset.y()) >= DRAG_FROM_PX
