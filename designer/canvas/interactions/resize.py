"""Drag a handle of a frame or a note."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt

from designer.canvas import edits
from designer.canvas.geometry import GRID
from designer.canvas.hits import Hit
from designer.canvas.interactions.gesture import Gesture, Host, Pointer
from designer.canvas.items.handles import resized
from engine.model.changes import SetNote

SMALLEST_FRAME = (120.0, 80.0)
SMALLEST_NOTE = (80.0, 48.0)


class Resize(Gesture):
    """The side or corner follows the pointer."""

    scrolls = True

    def __init__(self, host: Host, hit: Hit) -> None:
        super().__init__(host)
        self._hit = hit
        self._frame = host.board.frames.get(hit.key)
        self._note = host.board.notes.get(hit.key)
        upright = hit.handle[0] == 0.5
        level = hit.handle[1] == 0.5
        diagonal = hit.handle[0] == hit.handle[1]
        self.cursor = (
            Qt.CursorShape.SizeVerCursor
            if upright
            else Qt.CursorShape.SizeHorCursor
            if level
            else Qt.CursorShape.SizeFDiagCursor
            if diagonal
            else Qt.CursorShape.SizeBDiagCursor
        )

    def start(self, pointer: Pointer) -> None:
        """Remember the box."""
        self._from = pointer.scene
        item = self._frame or self._note
        self._box = item.box if item is not None else QRectF()
        self._now = self._box

    def move(self, pointer: Pointer) -> None:
        """Show the new box."""
        offset = pointer.scene - self._from
        smallest = SMALLEST_FRAME if self._frame is not None else SMALLEST_NOTE
        box = resized(self._box, self._hit.handle, offset, smallest)
        if self.host.settings.snap_to_grid:
            box.setCoords(
                round(box.left() / GRID) * GRID,
                round(box.top() / GRID) * GRID,
                round(box.right() / GRID) * GRID,
                round(box.bottom() / GRID) * GRID,
            )
        self._now = box
        item = self._frame or self._note
        if item is not None:
            item.set_box(box)

    def finish(self, pointer: Pointer) -> None:
        """Make it an edit."""
        box = self._now
        x, y, width, height = box.x(), box.y(), box.width(), box.height()
        done = False
        if box != self._box and self._frame is not None:
            frame = replace(self._frame.frame, x=x, y=y, width=width, height=height)
            change = edits.resize_frame(self.host.document.workflow, frame)
            done = self.host.edit(change, "Resize frame")
        elif box != self._box and self._note is not None:
            note = replace(self._note.note, x=x, y=y, width=width, height=height)
            done = self.host.edit(SetNote(note), "Resize note")
        if not done:
            self.host.board.drop_preview()

    def cancel(self) -> None:
        """Leave the box as it was."""
        self.host.board.drop_preview()
