"""The canvas as gestures and verbs see it: what they may ask, look up and tell.

`CanvasView` adds the events that begin them and what the rest of the program calls.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import QGraphicsView, QWidget

from designer.canvas.hit_test import hit_test
from designer.canvas.hits import Hit
from designer.canvas.interactions.gesture import Gesture, Pointer
from designer.canvas.interactions.router import Router
from designer.canvas.presenter import Clock, Presenter
from designer.canvas.surface import Surface
from designer.canvas.trail import Trail
from designer.canvas.verbs import Verbs
from designer.document.document import WorkflowDocument
from designer.settings import Settings
from designer.widgets.kinds import Kind
from engine.model.changes import Change, ChangeRefused
from engine.model.node_types import NodeType, Registry
from engine.model.workflow import PortRef


class Workbench(Surface):
    """A surface with a document, and everything that edits it."""

    #: The chip of a node that waits for a decision was clicked; carries the request.
    decision_requested = Signal(str)
    #: A workflow file, or a picture that may hold one, was dropped.
    file_dropped = Signal(Path)
    #: Something to tell the person: the text and its Kind.
    message = Signal(str, object)
    #: Pinning was asked for: keys of the nodes.
    pin_requested = Signal(object)

    def __init__(
        self,
        document: WorkflowDocument,
        registry: Registry,
        settings: Settings,
        parent: QWidget | None,
        clock: Clock,
    ) -> None:
        super().__init__(settings, parent)
        self.document = document
        self.registry = registry
        self._pointer = QPointF()
        self._has_pointer = False
        self.presenter = Presenter(self.board, registry, clock=clock, parent=self)
        self.router = Router(self, self)
        self.verbs = Verbs(self)
        self.trail = Trail(self.camera)

    @property
    def widget(self) -> QGraphicsView:
        """The view itself."""
        return self

    @property
    def pointer_inside(self) -> bool:
        """Whether the pointer is over the canvas."""
        return self._has_pointer and self.viewport_rect().contains(self._pointer)

    def pointer_or_middle(self) -> QPointF:
        """Where the pointer is in the scene, or the middle when it is elsewhere."""
        return self.to_scene(
            self._pointer if self.pointer_inside else self.viewport_rect().center()
        )

    def pointer_at(self, view: QPointF, modifiers: Qt.KeyboardModifier) -> Pointer:
        """The pointer at a place of the viewport."""
        return Pointer(self.to_scene(view), view, modifiers)

    def hit(self, point: QPointF) -> Hit:
        """What is under a point of the scene."""
        return hit_test(self.board, point, self.camera.zoom)

    def edit(self, change: Change, text: str, *, merge: str = "") -> bool:
        """Push an edit; a refusal is told. Returns whether it was made."""
        if not self.may_edit():
            return False
        try:
            self.document.push(change, text, merge=merge)
        except ChangeRefused as refusal:
            self.say(str(refusal), Kind.WARNING)
            return False
        return True

    def may_edit(self) -> bool:
        """Whether the document may be edited; says why when not."""
        reason = self.document.read_only_reason
        if self.is_read_only and not reason:
            reason = f"{self.moment}: go back to the present to edit."
        if reason:
            self.say(reason, Kind.WARNING)
        return not reason

    def say(self, text: str, kind: Kind = Kind.INFO) -> None:
        """Tell the person."""
        self.message.emit(text, kind)

    def begin(self, gesture: Gesture, pointer: Pointer) -> None:
        """Let another gesture take over."""
        self.router.begin(gesture, pointer)

    def repaint_overlay(self) -> None:
        """What a gesture draws has changed."""
        self.viewport().update()

    def offer_nodes(self, at: QPointF, source: PortRef, *, output: bool) -> None:
        """Let the person choose a node to connect to `source`."""
        self.verbs.adding.offer_nodes(at, source, output=output)

    def offer_between(self, source: PortRef, target: PortRef) -> None:
        """Let the person choose a node that fits between two ports."""
        self.verbs.adding.offer_between(source, target)

    def drop_node(self, node_type: NodeType, at: QPointF, edge_id: str) -> None:
        """Add a dropped node; into the edge when one is named and it fits."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.verbs.adding.drop_node(node_type, at, edge_id)

    def file_was_dropped(self, path: Path) -> None:
        """Tell of a dropped file."""
        self.file_dropped.emit(path)

    def request_pin(self) -> None:
        """Ask for the outputs of the selected nodes to be pinned."""
        self.pin_requested.emit(sorted(self.document.selection.nodes))

    def show_cursor(self, shape: Qt.CursorShape | None) -> None:
        """Show a cursor, or the usual one."""
        if shape is None:
            self.viewport().unsetCursor()
        else:
            self.viewport().setCursor(shape)

    def chip_clicked(self, key: str) -> None:
        """Open the request of a node that waits for a decision."""
        visual = self.board.state.nodes.get(key)
        if visual is not None and visual.request is not None:
            self.decision_requested.emit(visual.request)

    def gesture_changed(self) -> None:
        """A gesture began or ended: its drawing needs whole frames."""
        self._choose_update_mode()
        self.viewport().update()

    def _needs_whole_frames(self) -> bool:
        return self.router.is_busy or super()._needs_whole_frames()
