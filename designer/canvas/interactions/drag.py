"""Drag nodes, frames and notes: one undo step, in line with the neighbours."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from designer.canvas import edits
from designer.canvas.geometry import bounds
from designer.canvas.interactions.alignment import snap
from designer.canvas.interactions.gesture import Gesture, Host, Pointer
from designer.canvas.resolve import is_locked
from designer.widgets.format import plural

#: How near a line attracts, in pixels of the screen.
SNAP_PX = 6.0
#: More neighbours than these are not looked at: the nearest ones are what one aligns to.
NEIGHBOURS = 150


class Drag(Gesture):
    """What is selected follows the pointer; a frame takes along what lies on it.

    A single node without wires that is let go over a wire is put into that wire.
    """

    cursor = Qt.CursorShape.SizeAllCursor
    scrolls = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        selection = host.document.selection
        scene = host.board
        self._frames = set(selection.frames)
        nodes, notes = set(selection.nodes), set(selection.notes)
        for id_ in selection.frames:
            box = scene.frames[id_].box
            nodes.update(scene.nodes_in(box, wholly=True))
            notes.update(key for key, item in scene.notes.items() if box.contains(item.box))
            self._frames.update(key for key, item in scene.frames.items() if box.contains(item.box))
        places = scene.state.positions
        self._nodes = {key for key in nodes if not is_locked(places.get(key))}
        self._notes = notes
        self._offset = QPointF()
        self._guides: tuple[QLineF, ...] = ()
        self._edge = ""

    def start(self, pointer: Pointer) -> None:
        """Find what to align with."""
        self._from = pointer.scene
        scene = self.host.board
        keys = self._nodes | self._frames | self._notes
        self._box = scene.rect_of(keys)
        held = self.host.document.selection.current
        if held in self._nodes and len(self._nodes) < 2:
            self._box = scene.nodes[held].body
        # One node's corner on the grid keeps all others as far from it as they were.
        first = held if held in self._nodes else next(iter(sorted(self._nodes)), None)
        self._anchor = scene.nodes[first].place if first is not None else self._box.topLeft()
        self._others = self._neighbours()
        self._splices = self._may_splice()

    def _neighbours(self) -> list[QRectF]:
        scene = self.host.board
        sight = self.host.camera.sight
        others = [key for key in scene.nodes_in(sight) if key not in self._nodes]
        middle = self._box.center()

        def distance(key: str) -> float:
            offset = scene.nodes[key].body.center() - middle
            return abs(offset.x()) + abs(offset.y())

        return [scene.nodes[key].body for key in sorted(others, key=distance)[:NEIGHBOURS]]

    def _may_splice(self) -> bool:
        if len(self._nodes) != 1 or self._frames or self._notes:
            return False
        return not self.host.board.incident.get(next(iter(self._nodes)))

    def move(self, pointer: Pointer) -> None:
        """Follow, in line with what is near."""
        free = pointer.has(Qt.KeyboardModifier.ControlModifier)
        reach = 0.0 if free else SNAP_PX / self.host.camera.zoom
        grid = self.host.settings.snap_to_grid and not free
        found = snap(
            self._box,
            pointer.scene - self._from,
            self._others if reach else (),
            reach=reach,
            anchor=self._anchor if grid else None,
        )
        self._offset, self._guides = found.offset, found.guides
        scene = self.host.board
        scene.preview_shift(self._nodes | self._frames | self._notes, self._offset)
        if self._splices:
            self._edge = self._edge_below()
        self.host.repaint_overlay()

    def _edge_below(self) -> str:
        """The edge that the dragged node may be put into."""
        scene = self.host.board
        key = next(iter(self._nodes))
        middle = scene.nodes[key].body.center()
        reach = 24.0
        near = QRectF(middle.x() - reach, middle.y() - reach, 2 * reach, 2 * reach)
        for id_ in scene.edges_in(near):
            if scene.edges[id_].distance_to(middle) <= reach:
                change = edits.splice(self.host.document.workflow, self.host.registry, key, id_)
                if change is not None:
                    return id_
        return ""

    def finish(self, pointer: Pointer) -> None:
        """Make it an edit."""
        workflow = self.host.document.workflow
        offset, edge, self._edge = self._offset, self._edge, ""
        self._guides = ()
        if offset == QPointF() or not (self._nodes or self._frames or self._notes):
            self.host.board.drop_preview()
            return
        change = edits.move(
            workflow, self.host.board.state.positions, self._nodes, self._frames, self._notes,
            offset,
        )  # fmt: skip
        moved = len(self._nodes) + len(self._notes) + len(self._frames)
        what = plural(len(self._nodes), "node") if moved == len(self._nodes) else "selection"
        text = f"Move {what}"
        if edge:
            key = next(iter(self._nodes))
            spliced = edits.splice(workflow, self.host.registry, key, edge)
            if spliced is not None:
                change, text = edits.together(change, spliced), "Insert node into wire"
        if not self.host.edit(change, text):
            self.host.board.drop_preview()

    def cancel(self) -> None:
        """Put everything back."""
        self._guides, self._edge = (), ""
        self.host.board.drop_preview()

    def paint(self, painter: QPainter) -> None:
        """Draw the lines of alignment, and the wire that would take the node."""
        theme = self.host.board.ink.theme
        pen = QPen(theme.color("accent"), 1.0, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        painter.setPen(pen)
        for guide in self._guides:
            painter.drawLine(guide)
        item = self.host.board.edges.get(self._edge)
        if item is not None:
            painter.setPen(QPen(theme.color("accent"), 4.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(item.path)

    @property
    def box(self) -> QRectF:
        """What is dragged, where it is now."""
        return bounds([self._box.translated(self._offset)])
