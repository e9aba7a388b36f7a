"""Which gesture a press begins, and its way until it ends.

There is at most one gesture. The canvas hands all pointer events here.
"""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QPainter

from designer.canvas.hits import Hit, HitKind
from designer.canvas.interactions.cut_edges import CutEdges
from designer.canvas.interactions.drag import Drag
from designer.canvas.interactions.draw_edge import DrawEdge
from designer.canvas.interactions.gesture import Gesture, Host, Pointer
from designer.canvas.interactions.pan import Pan
from designer.canvas.interactions.press import Press
from designer.canvas.interactions.resize import Resize
from designer.canvas.interactions.rubber_band import RubberBand
from engine.model.workflow import Edge, PortRef

#: The view follows a gesture when the pointer is this near its edge, this often.
EDGE_PX = 28.0
SCROLL_MS = 16
SCROLL_PX = 14.0

_CURSORS = {
    HitKind.PORT: Qt.CursorShape.CrossCursor,
    HitKind.EDGE_END: Qt.CursorShape.PointingHandCursor,
    HitKind.EDGE: Qt.CursorShape.PointingHandCursor,
    HitKind.CHIP: Qt.CursorShape.ArrowCursor,
    HitKind.FRAME: Qt.CursorShape.SizeAllCursor,
}


class RouterHost(Host, Protocol):
    """The canvas, as the router sees it."""

    def show_cursor(self, shape: Qt.CursorShape | None) -> None:
        """Show a cursor, or the usual one."""
        ...

    def viewport_rect(self) -> QRectF:
        """The viewport in its own pixels."""
        ...

    def pointer_at(self, view: QPointF, modifiers: Qt.KeyboardModifier) -> Pointer:
        """The pointer at a place of the viewport."""
        ...

    def chip_clicked(self, key: str) -> None:
        """The chip of a node was clicked."""
        ...

    def gesture_changed(self) -> None:
        """A gesture began or ended."""
        ...


class Router(QObject):
    """Begins, feeds and ends gestures."""

    def __init__(self, host: RouterHost, parent: QObject) -> None:
        super().__init__(parent)
        self._host = host
        self._gesture: Gesture | None = None
        self._button = Qt.MouseButton.NoButton
        self._last: Pointer | None = None
        #: The space bar is held down: a left drag pans.
        self.space_held = False
        self._space_used = False
        self._scroll = QTimer(self)
        self._scroll.setInterval(SCROLL_MS)
        self._scroll.timeout.connect(self._scroll_on)

    @property
    def is_busy(self) -> bool:
        """Whether a gesture is going on."""
        return self._gesture is not None

    # --- pointer ------------------------------------------------------------------------

    def press(self, pointer: Pointer, button: Qt.MouseButton) -> None:
        """A button went down."""
        if self._gesture is not None:
            if button == Qt.MouseButton.RightButton:
                self.cancel()
            return
        self._button = button
        gesture = self._gesture_for(pointer, button)
        if gesture is not None:
            self.begin(gesture, pointer)

    def begin(self, gesture: Gesture, pointer: Pointer) -> None:
        """Let `gesture` go on from `pointer`; one that goes on already is left as it is."""
        self._gesture = gesture
        self._last = pointer
        gesture.start(pointer)
        self._host.show_cursor(gesture.cursor)
        self._host.gesture_changed()

    def move(self, pointer: Pointer) -> None:
        """The pointer moved with a button down."""
        if self._gesture is None:
            return
        self._gesture.move(pointer)
        self._last = pointer  # now: it may have become another gesture, from where it began
        pulled = not self._pull(pointer).isNull()
        if self._gesture is not None and self._gesture.scrolls and pulled:
            if not self._scroll.isActive():
                self._scroll.start()
        else:
            self._scroll.stop()

    def release(self, pointer: Pointer, button: Qt.MouseButton) -> None:
        """A button came up."""
        if self._gesture is None or button != self._button:
            return
        gesture, self._gesture = self._gesture, None
        self._stop()
        gesture.finish(pointer)
        self._end()

    def cancel(self) -> bool:
        """End the gesture without an effect; returns whether there was one."""
        gesture, self._gesture = self._gesture, None
        if gesture is None:
            return False
        self._stop()
        gesture.cancel()
        self._end()
        return True

    def _stop(self) -> None:
        self._scroll.stop()
        self._button = Qt.MouseButton.NoButton

    def _end(self) -> None:
        self._host.show_cursor(Qt.CursorShape.OpenHandCursor if self.space_held else None)
        self._host.gesture_changed()

    def key(self, event: QKeyEvent) -> bool:
        """A key went down; returns whether a gesture took it."""
        if self._gesture is None:
            return False
        if event.key() == Qt.Key.Key_Escape:
            return self.cancel()
        return self._gesture.key(event)

    def paint(self, painter: QPainter) -> None:
        """Draw what the gesture shows."""
        if self._gesture is not None:
            self._gesture.paint(painter)

    def hover(self, pointer: Pointer, hit: Hit) -> None:
        """The pointer moved without a button."""
        self._last = pointer
        if self.space_held:
            self._host.show_cursor(Qt.CursorShape.OpenHandCursor)
        elif hit.kind is HitKind.HANDLE:
            self._host.show_cursor(Resize(self._host, hit).cursor)
        else:
            self._host.show_cursor(_CURSORS.get(hit.kind))

    # --- space --------------------------------------------------------------------------

    def hold_space(self) -> None:
        """Space went down."""
        self.space_held, self._space_used = True, False
        if self._gesture is None:
            self._host.show_cursor(Qt.CursorShape.OpenHandCursor)

    def let_space_go(self) -> bool:
        """Space came up; returns whether it was tapped, not used for panning."""
        tapped = self.space_held and not self._space_used and self._gesture is None
        self.space_held = False
        if self._gesture is None:
            self._host.show_cursor(None)
        return tapped

    # --- which gesture ------------------------------------------------------------------

    def _gesture_for(self, pointer: Pointer, button: Qt.MouseButton) -> Gesture | None:
        if button == Qt.MouseButton.MiddleButton:
            return Pan(self._host)
        if button != Qt.MouseButton.LeftButton:
            return None
        if self.space_held:
            self._space_used = True
            return Pan(self._host)
        control = pointer.has(Qt.KeyboardModifier.ControlModifier)
        if control and pointer.has(Qt.KeyboardModifier.ShiftModifier):
            return CutEdges(self._host) if self._host.may_edit() else None
        return self._gesture_on(self._host.hit(pointer.scene), control=control)

    def _gesture_on(self, hit: Hit, *, control: bool) -> Gesture | None:
        match hit.kind:
            case HitKind.NOTHING:
                return RubberBand(self._host)
            case HitKind.PORT:
                return self._wiring(hit, control=control)
            case HitKind.HANDLE:
                return Resize(self._host, hit) if self._host.may_edit() else None
            case HitKind.EDGE:
                return Press(self._host, hit, _nothing)
            case HitKind.EDGE_END:
                return Press(self._host, hit, lambda: self._led_elsewhere(hit))
            case HitKind.CHIP:
                return Press(self._host, hit, self._drag, self._chip_clicked)
            case _:
                return Press(self._host, hit, self._drag)

    def _drag(self) -> Gesture | None:
        return Drag(self._host) if self._host.may_edit() else None

    def _chip_clicked(self, hit: Hit) -> None:
        self._host.chip_clicked(hit.key)

    def _wiring(self, hit: Hit, *, control: bool) -> Gesture | None:
        if hit.port is None or not self._host.may_edit():
            return None
        if control:
            edge = self._edge_at(hit.port, output=hit.output)
            if edge is not None:
                stays = edge.target if hit.output else edge.source
                return DrawEdge(self._host, stays, output=not hit.output, edge=edge)
        return DrawEdge(self._host, hit.port, output=hit.output)

    def _led_elsewhere(self, hit: Hit) -> Gesture | None:
        """Take the end of an edge that is under the pointer."""
        workflow = self._host.document.workflow
        edge = next((each for each in workflow.edges if each.id == hit.key), None)
        if edge is None or not self._host.may_edit():
            return None
        stays = edge.target if hit.output else edge.source
        return DrawEdge(self._host, stays, output=not hit.output, edge=edge)

    def _edge_at(self, port: PortRef, *, output: bool) -> Edge | None:
        """An edge that ends at the port: the selected one, or the last."""
        workflow = self._host.document.workflow
        found = [
            edge for edge in workflow.edges if (edge.source if output else edge.target) == port
        ]
        selected = self._host.document.selection.edges
        return next((edge for edge in found if edge.id in selected), found[-1] if found else None)

    # --- beyond the edge ----------------------------------------------------------------

    def _pull(self, pointer: Pointer) -> QPointF:
        """How far the view should move, in pixels; null inside."""
        room = self._host.viewport_rect()
        at = pointer.view
        x = _beyond(at.x(), room.left(), room.right())
        y = _beyond(at.y(), room.top(), room.bottom())
        return QPointF(-x, -y) * SCROLL_PX

    def _scroll_on(self) -> None:
        last = self._last
        if self._gesture is None or last is None:
            self._scroll.stop()
            return
        pull = self._pull(last)
        if pull.isNull():
            self._scroll.stop()
            return
        self._host.camera.pan_by(pull)
        self.move(self._host.pointer_at(last.view, last.modifiers))


def _beyond(at: float, low: float, high: float) -> float:
    """How far into the margin: from -1 at the low edge to 1 at the high one."""
    if at < low + EDGE_PX:
        return max(-1.0, (at - low - EDGE_PX) / EDGE_PX)
    if at > high - EDGE_PX:
        return min(1.0, (at - high + EDGE_PX) / EDGE_PX)
    return 0.0


def _nothing() -> Gesture | None:
    """What a press becomes that cannot be dragged."""
    return None
