"""Move the view: middle button, or Space and drag."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt

from designer.canvas.interactions.gesture import Gesture, Pointer


class Pan(Gesture):
    """The picture follows the pointer."""

    cursor = Qt.CursorShape.ClosedHandCursor

    def start(self, pointer: Pointer) -> None:
        """Take hold of the picture."""
        self._last = pointer.view
        self.moved = False

    def move(self, pointer: Pointer) -> None:
        """Follow."""
        offset = pointer.view - self._last
        if offset != QPointF():
            self._last = pointer.view
            self.moved = True
            self.host.camera.pan_by(offset)
