"""Drag on the background: select what the box touches; with Alt only what lies inside."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from designer.canvas.interactions.gesture import Gesture, Host, Pointer, is_drag


class RubberBand(Gesture):
    """A box over the nodes. With Shift they are added to what is selected."""

    scrolls = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._box: QRectF | None = None

    def start(self, pointer: Pointer) -> None:
        """Remember the corner."""
        self._from = pointer
        selection = self.host.document.selection
        self._before = (selection.nodes, selection.edges, selection.frames, selection.notes)

    def move(self, pointer: Pointer) -> None:
        """Select what the box holds now."""
        if self._box is None and not is_drag(self._from, pointer):
            return
        self._box = QRectF(self._from.scene, pointer.scene).normalized()
        inside = pointer.has(Qt.KeyboardModifier.AltModifier)
        scene = self.host.board
        nodes = set(scene.nodes_in(self._box, wholly=inside))
        frames = {id_ for id_, item in scene.frames.items() if self._box.contains(item.box)}
        notes = {
            id_
            for id_, item in scene.notes.items()
            if (self._box.contains(item.box) if inside else self._box.intersects(item.box))
        }
        edges: set[str] = set()
        if not nodes and not inside:
            edges = {id_ for id_ in scene.edges_in(self._box) if self._crosses(id_)}
        if self._adds(pointer):
            nodes, edges = nodes | self._before[0], edges | self._before[1]
            frames, notes = frames | self._before[2], notes | self._before[3]
        self.host.document.selection.set(nodes=nodes, edges=edges, frames=frames, notes=notes)
        self.host.repaint_overlay()

    def _crosses(self, edge_id: str) -> bool:
        line = self.host.board.edges[edge_id].line()
        box = self._box
        return box is not None and any(box.contains(x, y) for x, y in line)

    @staticmethod
    def _adds(pointer: Pointer) -> bool:
        return pointer.has(Qt.KeyboardModifier.ShiftModifier)

    def finish(self, pointer: Pointer) -> None:
        """A click without a drag selects nothing."""
        if self._box is None and not self._adds(pointer):
            self.host.document.selection.set()
        self._box = None

    def cancel(self) -> None:
        """Select what was selected before."""
        self._box = None
        nodes, edges, frames, notes = self._before
        self.host.document.selection.set(nodes=nodes, edges=edges, frames=frames, notes=notes)

    def paint(self, painter: QPainter) -> None:
        """Draw the box."""
        if self._box is None:
            return
        accent = self.host.board.ink.theme.color("accent")
        fill = QColor(accent)
        fill.setAlpha(36)
        pen = QPen(accent, 1.0)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setBrush(fill)
        painter.drawRect(self._box)
