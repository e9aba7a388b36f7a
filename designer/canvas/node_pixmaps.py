"""Nodes as pictures of the size in which they are on the screen now.

Painting a node takes a hundred times longer than copying its picture. A picture is made
when a node is first seen, when it changes and when the zoom rests: while the zoom changes
the old ones are stretched. Each frame has so much time for new pictures and no more; what
it could not make is shown as it was, or plainly, until the next frame.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from time import perf_counter

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QPainter, QPixmap, QTransform

from designer.canvas.geometry import NODE_RADIUS, NODE_WIDTH
from designer.canvas.node_painter import NodePainter, NodeStyle, detail_at, extent
from designer.canvas.stamps import Stamps
from designer.canvas.visuals import NodeVisual
from designer.theme import STATE_STYLES

#: How long one frame may spend on new pictures, and how much memory they may take.
FRAME_BUDGET_S = 0.005
MEMORY_LIMIT = 96 * 1024 * 1024


@dataclass(slots=True)
class _Picture:
    visual: NodeVisual
    pixmap: QPixmap
    scale: float
    bytes: int


class NodePixmaps:
    """The pictures of the nodes that were seen lately, and the budget of the frame."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, _Picture] = OrderedDict()
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

    @property
    def is_empty(self) -> bool:
        """Whether no node has been drawn yet."""
        return not self._pictures

    def clear(self) -> None:
        """Forget all pictures."""
        self._pictures.clear()
        self._bytes = 0

    def forget(self, key: str) -> None:
        """Forget the picture of a node that is gone."""
        picture = self._pictures.pop(key, None)
        if picture is not None:
            self._bytes -= picture.bytes

    def draw(self, painter: QPainter, visual: NodeVisual, ratio: float) -> None:
        """Draw the node at the painter's origin.

        Args:
            painter: scaled and moved, not turned.
            visual: the node.
            ratio: device pixels a pixel.
        """
        transform = painter.worldTransform()
        zoom = transform.m11()
        scale = zoom * ratio
        picture = self._pictures.get(visual.key)
        fits = picture is not None and (picture.scale == scale or self._stretches)
        if not fits or picture is None or picture.visual is not visual:
            picture = self._renewed(picture, visual, zoom, ratio)
        if picture is None:
            self._draw_plainly(painter, visual)
        elif picture.scale == scale:
            box = extent(picture.visual)
            # On whole device pixels, so that text stays sharp.
            x = round((transform.dx() + box.left() * zoom) * ratio) / ratio
            y = round((transform.dy() + box.top() * zoom) * ratio) / ratio
            painter.setWorldTransform(_IDENTITY)
            painter.drawPixmap(QPointF(x, y), picture.pixmap)
            painter.setWorldTransform(transform)
        else:
            size = QSizeF(picture.pixmap.size()) / picture.scale
            box = QRectF(extent(picture.visual).topLeft(), size)
            painter.drawPixmap(box, picture.pixmap, QRectF(picture.pixmap.rect()))

    def _renewed(
        self, old: _Picture | None, visual: NodeVisual, zoom: float, ratio: float
    ) -> _Picture | None:
        """A new picture when there is time for it, otherwise the old one."""
        if self._left_s <= 0:
            self.is_behind = True
            return old
        start = perf_counter()
        picture = self._make(visual, zoom, ratio)
        self.forget(visual.key)
        self._pictures[visual.key] = picture
        self._bytes += picture.bytes
        while self._bytes > MEMORY_LIMIT and len(self._pictures) > 1:
            self.forget(next(iter(self._pictures)))
        self._left_s -= perf_counter() - start
        return picture

    def _make(self, visual: NodeVisual, zoom: float, ratio: float) -> _Picture:
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
        return _Picture(visual, pixmap, scale, 4 * size.width() * size.height())

    def _draw_plainly(self, painter: QPainter, visual: NodeVisual) -> None:
        """What stands in for a node that there was no time to draw yet."""
        assert self._painter is not None
        theme = self._painter.theme
        painter.setPen(theme.color(STATE_STYLES[visual.state].role))
        painter.setBrush(theme.color("node_body"))
        painter.drawRoundedRect(QRectF(0, 0, NODE_WIDTH, visual.height), NODE_RADIUS, NODE_RADIUS)


_IDENTITY = QTransform()
