"""The whole workflow in a corner of the view; a click or a drag goes there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from designer.canvas.camera import Camera
from designer.canvas.scene import CanvasScene

#: Its size in a large view; in a small one it takes no more than a share of it.
SIZE = QSize(208, 136)
SHARE = 0.22
#: Views smaller than this have no room for it.
SMALLEST_ROOM = QSize(420, 300)
MARGIN = 8.0
RADIUS = 6.0
#: The picture is drawn anew at most this often.
REDRAW_MS = 200
#: Boxes never get smaller than this, so that they do not vanish.
_SMALLEST_SCALE = 0.004


class Minimap(QWidget):
    """Draws the overview of the scene and what part of it the view shows."""

    def __init__(self, scene: CanvasScene, camera: Camera, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene = scene
        self._camera = camera
        self._picture = QPixmap()
        self._area = QRectF()
        self.resize(SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Minimap")
        self.setToolTip("Minimap: click or drag to go there (M)")
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw_anew)
        camera.moved.connect(self.update)

    def fit_into(self, room: QSize) -> None:
        """Take the size that suits a view of that size."""
        scale = min(1.0, SHARE * room.width() / SIZE.width(), SHARE * room.height() / SIZE.height())
        wanted = QSize(round(SIZE.width() * scale), round(SIZE.height() * scale))
        if wanted != self.size():
            self.resize(wanted)
            self.refresh()

    def refresh(self) -> None:
        """The scene has changed; draw it soon."""
        if self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def showEvent(self, event: QEvent) -> None:
        """Draw what changed while it was hidden."""
        QTimer.singleShot(0, self, self._draw_anew)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.refresh()

    def _draw_anew(self) -> None:
        ratio = self.devicePixelRatioF()
        self._picture = QPixmap(self.size() * ratio)
        self._picture.setDevicePixelRatio(ratio)
        self._picture.fill(Qt.GlobalColor.transparent)
        content = self._scene.content_rect()
        self._area = content.adjusted(-200, -200, 200, 200)
        theme = self._scene.ink.theme
        painter = QPainter(self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line_strong"), 1.0))
        painter.setBrush(theme.color("panel"))
        box = QRectF(0.5, 0.5, self.width() - 1, self.height() - 1)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        if not content.isEmpty():
            scale, origin = self._frame()
            painter.translate(origin)
            painter.scale(scale, scale)
            painter.translate(-self._area.topLeft())
            for frame in self._scene.frames.values():
                colors = theme.frame_colors
                painter.fillRect(frame.box, QColor(colors[frame.frame.colour % len(colors)]))
            self._scene.overview.paint(painter, theme)
        painter.end()
        self.update()

    def _frame(self) -> tuple[float, QPointF]:
        """The scale of the picture, and where its corner is."""
        wide, high = self.width() - 2 * MARGIN, self.height() - 2 * MARGIN
        scale = min(wide / self._area.width(), high / self._area.height())
        scale = max(_SMALLEST_SCALE, min(scale, 0.2))
        left = (self.width() - self._area.width() * scale) / 2
        top = (self.height() - self._area.height() * scale) / 2
        return scale, QPointF(left, top)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture and the part that the view shows."""
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        if self._area.isEmpty():
            return
        scale, origin = self._frame()
        sight = self._camera.sight
        box = QRectF(
            origin + (sight.topLeft() - self._area.topLeft()) * scale, sight.size() * scale
        ).intersected(QRectF(self.rect()).adjusted(2, 2, -2, -2))
        theme = self._scene.ink.theme
        fill = QColor(theme.color("accent"))
        fill.setAlpha(28)
        painter.setPen(QPen(theme.color("accent"), 1.5))
        painter.setBrush(fill)
        painter.drawRect(box)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.position())

    def _go(self, point: QPointF) -> None:
        if not self._area.isEmpty():
            scale, origin = self._frame()
            self._camera.look_at(self._area.topLeft() + (point - origin) / scale)
