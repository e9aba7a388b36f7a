"""What all items of one canvas share while they paint: style, selection, pictures.

One object per scene, changed by the scene only. Items keep a reference to it and none to
each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from designer.canvas.geometry import NODE_RADIUS, NODE_WIDTH
from designer.canvas.node_painter import Detail, NodePainter, NodeStyle
from designer.canvas.node_pixmaps import NodePixmaps
from designer.canvas.stamps import Stamps
from designer.canvas.visuals import EdgeState, EdgeVisual, Problem
from designer.theme import Theme

#: How far outside a node its selection outline and the focus ring run.
OUTLINE_GAP = 4.5
RING_GAP = 8.0

EDGE_PX = 2.0
LIVE_PX = 3.0
HOVER_PX = 4.0


@dataclass(slots=True)
class Ink:
    """Style, selection and caches of one scene.

    Attributes:
        detail: the level of detail of the frame that is being painted.
        ratio: device pixels a pixel of the view.
        selected: keys of the selected nodes. `current`: the one with the keyboard's focus.
        ringed: whether the focus ring is shown, because the canvas has the focus.
        vector: paint lines and letters instead of pictures, for a file.
    """

    style: NodeStyle
    detail: Detail = Detail.FULL
    ratio: float = 1.0
    selected: frozenset[str] = frozenset()
    current: str | None = None
    ringed: bool = False
    vector: bool = False
    pixmaps: NodePixmaps = field(default_factory=NodePixmaps)
    outlines: Stamps = field(default_factory=Stamps)
    labels: Stamps = field(default_factory=Stamps)
    pens: dict[tuple[object, ...], tuple[QPen, QPen]] = field(default_factory=dict)

    @property
    def theme(self) -> Theme:
        """The theme of the style."""
        return self.style.theme

    def set_style(self, style: NodeStyle) -> None:
        """Paint in another theme or font size from now on."""
        self.style = style
        self.outlines.clear()
        self.labels.clear()
        self.pens.clear()

    def vector_painter(self) -> NodePainter:
        """Draws nodes without pictures."""
        return NodePainter(self.style)

    def outline(self, painter: QPainter, height: float, role: str, gap: float) -> None:
        """Draw the selection outline or the focus ring of a node of that height."""
        box = QRectF(-gap, -gap, NODE_WIDTH + 2 * gap, height + 2 * gap)
        color = self.theme.color(role)

        def paint(painter: QPainter) -> None:
            painter.setPen(QPen(color, 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, NODE_RADIUS + gap / 2, NODE_RADIUS + gap / 2)

        if self.vector:
            paint(painter)
        else:
            self.outlines.draw(painter, (role, gap, height), box.adjusted(-2, -2, 2, 2), paint)

    def edge_pens(
        self, edge: EdgeVisual, *, selected: bool = False, hovered: bool = False
    ) -> tuple[QPen, QPen]:
        """The pen of a wire and its thin form; the same objects for the same looks."""
        key = (edge.state, edge.is_error, edge.problem, selected, hovered)
        pens = self.pens.get(key)
        if pens is None:
            pen = self._edge_pen(edge, selected=selected, hovered=hovered)
            thin = QPen(pen)
            if not (selected or hovered or edge.state is EdgeState.LIVE):
                # One device pixel: five times faster to draw, and as wide as 2 px at 50 %.
                thin.setCosmetic(True)
                thin.setWidthF(1.0)
            pens = self.pens[key] = (pen, thin)
        return pens

    def _edge_pen(self, edge: EdgeVisual, *, selected: bool, hovered: bool) -> QPen:
        color = self.edge_color(edge)
        width = LIVE_PX if edge.state is EdgeState.LIVE else EDGE_PX
        if selected:
            color, width = self.theme.color("selection_outline"), LIVE_PX
        if hovered:
            width = HOVER_PX
        pen = QPen(color, max(width, float(self.theme.line_px)))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if edge.state is EdgeState.NOT_TAKEN or edge.is_error:
            pen.setDashPattern([5.0, 4.0] if edge.is_error else [3.0, 4.0])
        return pen

    def edge_color(self, edge: EdgeVisual) -> QColor:
        """The colour of a wire that is neither selected nor hovered."""
        return self.theme.color(edge_role(edge))


def edge_role(edge: EdgeVisual) -> str:
    """The colour role of a wire."""
    if edge.problem is Problem.ERROR:
        return "failed"
    match edge.state:
        case EdgeState.LIVE:
            return "running"
        case EdgeState.TAKEN:
            return "failed" if edge.is_error else "ok"
        case _:
            return "failed" if edge.is_error else "wire"
