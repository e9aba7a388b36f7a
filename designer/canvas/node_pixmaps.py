"""Nodes as pictures of the size in which they are on the screen now.

Painting a node takes a hundred times longer than copying its picture. A picture is made
when a node is first seen, when it changes and when the zoom rests: while the zoom changes
the old ones are stretched. Each frame has so much time for new pictures and no more; what
it could not make is shown as it was, or plainly, until the next frame.
"""

from __future__ import annotations

from collections import OrderedDict
from time import perf_counter

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QPainter, QPixmap

from designer.canvas.geometry import NODE_RADIUS, NODE_WIDTH
from designer.canvas.node_painter import NodePainter, NodeStyle, detail_at, extent
from designer.canvas.stamps import Stamps
from designer.canvas.visuals import NodeVisual
from designer.theme import STATE_STYLES

#: How long one frame may spend on new pictures, and how much memory they may take.
FRAME_BUDGET_S = 0.005
MEMORY_LIMIT = 96 * 1024 * 1024


class Picture:
    """A node as it looked at one zoom.

    Attributes:
        left, top: from the node's corner to the picture's, in pixels at that zoom.
    """

    __slots__ = ("bytes", "detail", "left", "pixmap", "ratio", "top", "visual", "zoom")

    def __init__(self, visual: NodeVisual, pixmap: QPixmap, zoom: float, ratio: float) -> None:
        box = extent(visual)
        self.visual = visual
        self.pixmap = pixmap
        self.zoom = zoom
        self.detail = detail_at(zoom)
        self.ratio = ratio
        self.left = box.left() * zoom
        self.top = box.top() * zoom
        self.bytes = 4 * pixmap.width() * pixmap.height()

    def draw_stretched(self, painter: QPainter, x: float, y: float, zoom: float) -> None:
        """Draw it for another zoom, with the node's corner at a place of the viewport."""
        scale = zoom / self.zoom
        size = QSizeF(self.pixmap.size()) / self.ratio * scale
        corner = QPointF(x + self.left * scale, y + self.top * scale)
        painter.drawPixmap(QRectF(corner, size), self.pixmap, QRectF(self.pixmap.rect()))


class NodePixmaps:
    """The pictures of the nodes that were seen lately, and the budget of the frame."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._bytes = 0
        self._stamps = Stamps()
        self._painter: NodePainter | None = None
        self._left_s = 0.0
        self._stretches = False
        #: Whether the frame showed something that should be painted once more.
        self.is_behind = False

    def begin_frame(
        self, style: NodeStyle, *, budget_s: float = FRAME_BUDGET_S, stretches: bool = False
    ) -> None:
        """Give the coming frame its time.

        Args:
            style: how nodes are drawn; another one makes all pictures invalid.
            budget_s: time for new pictures.
            stretches: the zoom is changing, pictures of another scale will do.
        """
        if self._painter is None or style is not self._painter.style:
            self.clear()
            self._stamps.clear()
            self._painter = NodePainter(style, self._stamps)
        self._left_s = budget_s
        self._stretches = stretches
        self.is_behind = False

    def __len__(self) -> int:
        """How many pictures are kept."""
        return len(self._pictures)

    def zooms(self) -> set[float]:
        """The zooms that the pictures were made for."""
        return {picture.zoom for picture in self._pictures.values()}

    def clear(self) -> None:
        """Forget all pictures."""
        self._pictures.clear()
        self._bytes = 0

    def forget(self, key: str) -> None:
        """Forget the picture of a node that is gone."""
        picture = self._pictures.pop(key, None)
        if picture is not None:
            self._bytes -= picture.bytes

    def picture(self, visual: NodeVisual, zoom: float, ratio: float) -> Picture | None:
        """The picture to show now: a new one while there is time, otherwise the last.

        Its zoom may be another one; None when the node has never been drawn.
        """
        picture = self._pictures.get(visual.key)
        if picture is not None and picture.visual is visual:
            if picture.zoom == zoom and picture.ratio == ratio:
                return picture
            if self._stretches and picture.detail is detail_at(zoom):
                return picture
        if self._left_s <= 0:
            self.is_behind = True
            return picture
        start = perf_counter()
        made = self._make(visual, zoom, ratio)
        self.forget(visual.key)
        self._pictures[visual.key] = made
        self._bytes += made.bytes
        while self._bytes > MEMORY_LIMIT and len(self._pictures) > 1:
            self.forget(next(iter(self._pictures)))
        self._left_s -= perf_counter() - start
        return made

    def _make(self, visual: NodeVisual, zoom: float, ratio: float) -> Picture:
        assert self._painter is not None
        box, scale = extent(visual), zoom * ratio
        size = QSize(int(box.width() * scale) + 2, int(box.height() * scale) + 2)
        pixmap = QPixmap(size)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.scale(zoom, zoom)
        painter.translate(-box.topLeft())
        self._painter.paint(painter, visual, detail_at(zoom), zoom)
        painter.end()
        return Picture(visual, pixmap, zoom, ratio)

    def draw_plainly(
        self, painter: QPainter, visual: NodeVisual, x: float, y: float, zoom: float
    ) -> None:
        """What stands in for a node that there was no time to draw yet."""
        assert self._painter is not None
        theme = self._painter.theme
        painter.setPen(theme.color(STATE_STYLES[visual.state].role))
        painter.setBrush(theme.color("node_body"))
        radius = NODE_RADIUS * zoom
        box = QRectF(x, y, NODE_WIDTH * zoom, visual.height * zoom)
        painter.drawRoundedRect(box, radius, radius)
