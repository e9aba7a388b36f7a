"""Draw a wire from a port, or lead the end of one elsewhere.

While it is drawn, ports that fit grow, everything else fades, and a port that does not fit
says why. Let go on nothing, it offers nodes that fit.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from designer.canvas.geometry import edge_path
from designer.canvas.hits import HitKind
from designer.canvas.interactions.gesture import Gesture, Host, Pointer, is_drag
from designer.canvas.matches import Matches, find_matches, first_match
from designer.canvas.node_painter import NodePainter, port_color
from designer.canvas.visuals import PortVisual
from designer.widgets.kinds import Kind
from engine.model.changes import AddEdge, RemoveEdge, ReplaceEdge
from engine.model.wiring import explain_refusal
from engine.model.workflow import Edge, PortRef

#: How much ports that fit grow.
GROW = 1.4
_PAD = 8.0


class DrawEdge(Gesture):
    """From the port `source` to wherever the pointer goes.

    Args:
        host: the canvas.
        source: the end that stays.
        output: whether that end is an output.
        edge: the edge that is led elsewhere; None draws a new one.
    """

    cursor = Qt.CursorShape.CrossCursor
    scrolls = True

    def __init__(
        self, host: Host, source: PortRef, *, output: bool, edge: Edge | None = None
    ) -> None:
        super().__init__(host)
        self._source = source
        self._output = output
        self._edge = edge
        self._target: PortRef | None = None
        self._reason = ""
        self._is_drag = False
        self._at = QPointF()

    def start(self, pointer: Pointer) -> None:
        """Find the ports that fit."""
        self._from = pointer
        self._at = pointer.scene
        self._matches = Matches()

    def _begin(self) -> None:
        self._is_drag = True
        scene = self.host.board
        self._matches = find_matches(
            self.host.document.workflow,
            self.host.registry,
            scene.state.nodes,
            self._source,
            output=self._output,
        )
        scene.raise_over_veil({self._source.node, *self._matches.by_node})
        if self._edge is not None:
            scene.hide_edge(self._edge.id, hidden=True)

    def move(self, pointer: Pointer) -> None:
        """Follow the pointer; stick to a port under it."""
        if not self._is_drag:
            if not is_drag(self._from, pointer):
                return
            self._begin()
        self._at = pointer.scene
        self._target, self._reason = self._under(pointer)
        self.host.repaint_overlay()

    def _under(self, pointer: Pointer) -> tuple[PortRef | None, str]:
        """The port that the wire would go to, or why it may not."""
        hit = self.host.hit(pointer.scene)
        if hit.kind is HitKind.PORT and hit.port is not None:
            if hit.port == self._source:
                return None, ""
            if hit.output == self._output:
                side = "an input" if self._output else "an output"
                return None, f"A wire from here ends at {side}."
            reason = self._refusal(hit.port)
            return (None, reason) if reason else (hit.port, "")
        if hit.kind in (HitKind.NODE, HitKind.CHIP) and hit.key != self._source.node:
            ref = first_match(self._matches, hit.key)
            if ref is not None:
                return ref, ""
            node = self.host.board.state.nodes[hit.key]
            ports = node.inputs if self._output else node.outputs
            if ports:
                return None, self._refusal(PortRef(hit.key, ports[0].name))
            side = "inputs" if self._output else "outputs"
            return None, f"{node.title} has no {side}."
        return None, ""

    def _refusal(self, other: PortRef) -> str:
        source, target = (self._source, other) if self._output else (other, self._source)
        if self._edge is not None and (source, target) == (self._edge.source, self._edge.target):
            return ""
        workflow = self.host.document.workflow
        return explain_refusal(workflow, self.host.registry, source, target) or ""

    def finish(self, pointer: Pointer) -> None:
        """Connect, offer nodes that fit, or say why not."""
        dragged, target, reason = self._is_drag, self._target, self._reason
        hit = self.host.hit(pointer.scene)
        self._end()
        if not dragged:
            self.host.document.selection.set(nodes=(self._source.node,))
        elif target is not None:
            self._connect(target)
        elif reason:
            self._refused(hit.port, reason)
        elif hit.kind in (HitKind.NOTHING, HitKind.FRAME, HitKind.EDGE, HitKind.NOTE):
            if self._edge is not None:
                self.host.edit(RemoveEdge(self._edge.id), "Disconnect")
            else:
                self.host.offer_nodes(pointer.scene, self._source, output=self._output)

    def _connect(self, other: PortRef) -> None:
        source, target = (self._source, other) if self._output else (other, self._source)
        if self._edge is None:
            self.host.edit(AddEdge(Edge(source=source, target=target)), "Connect")
        elif (source, target) != (self._edge.source, self._edge.target):
            moved = replace(self._edge, source=source, target=target)
            self.host.edit(ReplaceEdge(self._edge.id, moved), "Lead wire elsewhere")

    def _refused(self, port: PortRef | None, reason: str) -> None:
        self.host.say(reason, Kind.WARNING)
        if port is None or port in self._matches.ports or self._edge is not None:
            return
        source, target = (self._source, port) if self._output else (port, self._source)
        self.host.offer_between(source, target)

    def cancel(self) -> None:
        """Draw nothing."""
        self._end()

    def _end(self) -> None:
        scene = self.host.board
        scene.lift_veil()
        self._is_drag = False
        if self._edge is not None:
            scene.hide_edge(self._edge.id, hidden=False)

    # --- drawing ------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """Draw the wire, the ports that fit, and the reason."""
        if not self._is_drag:
            return
        scene = self.host.board
        theme = scene.ink.theme
        fixed = scene.port_position(self._source, output=self._output)
        if fixed is None:
            return
        free = self._at
        if self._target is not None:
            free = scene.port_position(self._target, output=not self._output) or free
        start, end = (fixed, free) if self._output else (free, fixed)
        color = theme.color("failed") if self._reason else self._color()
        pen = QPen(color, 2.5)
        if self._reason:
            pen.setDashPattern([3.0, 3.0])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(edge_path(start, end))
        self._paint_ports(painter)
        if self._reason:
            self._paint_reason(painter)

    def _color(self) -> QColor:
        visual = self._visual(self._source, output=self._output)
        theme = self.host.board.ink.theme
        return port_color(theme, visual.type if visual is not None else "any")

    def _visual(self, ref: PortRef, *, output: bool) -> PortVisual | None:
        node = self.host.board.state.nodes.get(ref.node)
        if node is None:
            return None
        ports = node.outputs if output else node.inputs
        return next((port for port in ports if port.name == ref.port), None)

    def _paint_ports(self, painter: QPainter) -> None:
        scene = self.host.board
        ports = NodePainter(scene.ink.style)
        sight = self.host.camera.sight
        for ref in self._matches.ports:
            at = scene.port_position(ref, output=not self._output)
            visual = self._visual(ref, output=not self._output)
            if at is None or visual is None or not sight.contains(at):
                continue
            grow = GROW * 1.25 if ref == self._target else GROW
            ports.port(painter, at, replace(visual, ring=False), grow)

    def _paint_reason(self, painter: QPainter) -> None:
        """A label beside the pointer, in letters of the screen's size."""
        ink = self.host.board.ink
        face = ink.style.small
        painter.save()
        view = painter.worldTransform().map(self._at)
        painter.resetTransform()
        width = min(440.0, face.width_of(self._reason)) + 2 * _PAD
        box = QRectF(view.x() + 16, view.y() + 14, width, face.metrics.height() + 10)
        room = QRectF(painter.viewport())
        if box.right() > room.right() - 8:
            box.moveRight(room.right() - 8)
        if box.bottom() > room.bottom() - 8:
            box.moveBottom(view.y() - 14)
        painter.setPen(QPen(ink.theme.color("failed"), 1.0))
        painter.setBrush(ink.theme.color("raised"))
        painter.drawRoundedRect(box, 5, 5)
        inner = box.adjusted(_PAD, 0, -_PAD, 0)
        face.draw(painter, inner, self._reason, ink.theme.color("text"))
        painter.restore()
