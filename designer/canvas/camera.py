"""What part of the scene the view shows, and how it gets there.

Zoom is a factor (1 is 100 %). Every change goes through here, so that limits, the level
of detail and the signal are in one place.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QEasingCurve,
    QObject,
    QPoint,
    QPointF,
    QRectF,
    QSizeF,
    QVariantAnimation,
    Signal,
)
from PySide6.QtGui import QTransform
from PySide6.QtWidgets import QGraphicsView

ZOOM_MIN = 0.1
ZOOM_MAX = 4.0
#: What one notch of a wheel (120 units) multiplies the zoom by is `WHEEL_BASE ** 120`.
WHEEL_BASE = 1.0015
#: Steps of the commands "zoom in" and "zoom out".
ZOOM_STEP = 1.25
#: Room around what is fitted, in pixels of the screen.
FIT_MARGIN = 56.0
GLIDE_MS = 180
#: How far the view may leave the content, in screens.
ROAM = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the view looks: its centre in the scene, and the zoom."""

    centre: QPointF
    zoom: float


class Camera(QObject):
    """Moves one view."""

    zoom_changed = Signal(float)
    #: The view shows another part of the scene.
    moved = Signal()

    def __init__(self, view: QGraphicsView) -> None:
        super().__init__(view)
        self._view = view
        #: Animations are wanted.
        self.is_gliding_allowed = True
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(GLIDE_MS)
        self._glide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.valueChanged.connect(self._on_glide)
        self._way: tuple[Place, Place] | None = None
        self._content = QRectF()

    @property
    def zoom(self) -> float:
        """The zoom, 1 for 100 %."""
        return float(self._view.transform().m11())

    @property
    def place(self) -> Place:
        """Where the view looks now, or is on its way to."""
        if self._way is not None:
            return self._way[1]
        return Place(self._centre(), self.zoom)

    @property
    def sight(self) -> QRectF:
        """The part of the scene that is shown."""
        return self._view.mapToScene(self._view.viewport().rect()).boundingRect()

    def middle(self) -> QPoint:
        """The middle of the viewport, in its pixels."""
        return self._view.viewport().rect().center()

    def set_content(self, content: QRectF) -> None:
        """Let the view roam around `content`."""
        self._content = content
        self._widen()

    def zoom_to(self, zoom: float, anchor: QPointF | None = None) -> None:
        """Zoom; the point of the scene under `anchor` (of the viewport) stays there."""
        self.stop()
        zoom = max(ZOOM_MIN, min(ZOOM_MAX, zoom))
        if abs(zoom - self.zoom) < 1e-6:
            return
        middle = QRectF(self._view.viewport().rect()).center()
        anchor = middle if anchor is None else anchor
        fixed = self._to_scene(anchor)
        centre = fixed + (middle - anchor) / zoom
        self._go(Place(centre, zoom))

    def zoom_by(self, factor: float, anchor: QPointF | None = None) -> None:
        """Multiply the zoom."""
        self.zoom_to(self.zoom * factor, anchor)

    def pan_by(self, offset: QPointF) -> None:
        """Move the picture by `offset` pixels of the screen."""
        self.stop()
        bars = self._view.horizontalScrollBar(), self._view.verticalScrollBar()
        bars[0].setValue(bars[0].value() - round(offset.x()))
        bars[1].setValue(bars[1].value() - round(offset.y()))
        self.moved.emit()

    def look_at(self, centre: QPointF, zoom: float | None = None, *, glide: bool = False) -> None:
        """Bring `centre` of the scene into the middle."""
        wanted = self.zoom if zoom is None else max(ZOOM_MIN, min(ZOOM_MAX, zoom))
        goal = Place(centre, wanted)
        self.stop()
        if not (glide and self.is_gliding_allowed and self._view.isVisible()):
            self._go(goal)
            return
        self._way = (Place(self._centre(), self.zoom), goal)
        self._glide.start()

    def fit(self, area: QRectF, *, limit: float = 1.0, glide: bool = False) -> None:
        """Show all of `area`, no larger than `limit`."""
        if area.isEmpty():
            self.look_at(QPointF(), 1.0, glide=glide)
            return
        room = QRectF(self._view.viewport().rect())
        margin = min(FIT_MARGIN, room.width() / 6, room.height() / 6)
        wide = (room.width() - 2 * margin) / area.width()
        high = (room.height() - 2 * margin) / area.height()
        self.look_at(area.center(), min(wide, high, limit), glide=glide)

    def reveal(self, area: QRectF, *, glide: bool = False) -> None:
        """Move only as far as `area` needs to be seen."""
        sight = self._sight_at(self.place)
        margin = 24.0 / self.zoom
        wanted = area.adjusted(-margin, -margin, margin, margin)
        if sight.contains(wanted):
            return
        centre = sight.center()
        dx = _shift(sight.left(), sight.right(), wanted.left(), wanted.right())
        dy = _shift(sight.top(), sight.bottom(), wanted.top(), wanted.bottom())
        self.look_at(centre + QPointF(dx, dy), glide=glide)

    def stop(self) -> None:
        """Stay where the view is, if it is on its way."""
        self._way = None
        self._glide.stop()

    def _on_glide(self, share: float) -> None:
        if self._way is None:
            return
        start, goal = self._way
        # Zooms are multiplied, so that each moment changes the picture alike.
        zoom = start.zoom * (goal.zoom / start.zoom) ** share
        if share >= 1.0:
            self._way = None
            self._go(goal)
        else:
            self._go(Place(start.centre + (goal.centre - start.centre) * share, zoom))

    def _go(self, place: Place) -> None:
        zoomed = abs(place.zoom - self.zoom) > 1e-9
        if zoomed:
            self._view.setTransform(QTransform.fromScale(place.zoom, place.zoom))
        self._widen(place.centre, anew=zoomed)
        self._view.centerOn(place.centre)
        if zoomed:
            self.zoom_changed.emit(place.zoom)
        self.moved.emit()

    def _widen(self, centre: QPointF | None = None, *, anew: bool = False) -> None:
        """Let the scroll bars reach around the content, and to `centre`."""
        size = QSizeF(self._view.viewport().size()) / self.zoom
        roam = self._content.adjusted(
            -ROAM * size.width(), -ROAM * size.height(), ROAM * size.width(), ROAM * size.height()
        )
        here = self._centre() if centre is None else centre
        around = QRectF(
            here.x() - size.width(), here.y() - size.height(), 2 * size.width(), 2 * size.height()
        )
        wanted = roam.united(around)
        if anew or centre is None or not self._view.sceneRect().contains(wanted):
            self._view.setSceneRect(wanted)

    def _centre(self) -> QPointF:
        return self._to_scene(QRectF(self._view.viewport().rect()).center())

    def _sight_at(self, place: Place) -> QRectF:
        size = QSizeF(self._view.viewport().size()) / place.zoom
        corner = place.centre - QPointF(size.width() / 2, size.height() / 2)
        return QRectF(corner, size)

    def _to_scene(self, point: QPointF) -> QPointF:
        return self._view.viewportTransform().inverted()[0].map(point)


def _shift(low: float, high: float, wanted_low: float, wanted_high: float) -> float:
    """How far a window must move to hold a span; to its middle when it is too long."""
    if wanted_high - wanted_low > high - low:
        return (wanted_low + wanted_high - low - high) / 2
    return min(0.0, wanted_low - low) + max(0.0, wanted_high - high)


def wheel_factor(delta: float) -> float:
    """What a turn of the wheel by `delta` units multiplies the zoom by."""
    return float(WHEEL_BASE**delta)
