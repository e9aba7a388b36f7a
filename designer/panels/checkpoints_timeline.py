"""The timeline: one lane for each run or fork, one tick for each commit, and a scrubber."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from designer.panels.checkpoints_layout import LanePlaces, TimelineLayout
from designer.runs.run_model import RunModel
from designer.runs.timeline import Lane, Tick
from designer.runs.words import clock_text, local_time, short_run, status_words
from designer.theme import Theme, current_theme, scaled_px, tabular, ui_font
from designer.widgets.format import format_exact, plural, shorten

_ROW_PX = 26
_NAME_PX = 118
_MARGIN_PX = 14.0
_TICK_PX = 4.5
#: Ticks nearer to each other than this are drawn as bars.
_DENSE_PX = 8.0
_MOST_ZOOM = 2000.0

_ROLES = {
    "running": "running",
    "created": "running",
    "waiting": "waiting",
    "paused": "idle",
    "cancelling": "idle",
    "cancelled": "idle",
    "interrupted": "idle",
    "failed": "failed",
    "completed": "ok",
}

#: Later ones are drawn over earlier ones where ticks lie close.
_LOUDNESS = ("idle", "running", "ok", "waiting", "failed")


def role_of(status: str) -> str:
    """The colour of a run with that status."""
    return _ROLES.get(status, "idle")


class TimelineView(QWidget):
    """Lanes of the model's family; pressing and dragging shows the checkpoint under the mouse."""

    #: Another run's lane was clicked: its id, and the commit or -1.
    lane_chosen = Signal(str, int)

    def __init__(self, run_model: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = run_model
        self._layout = TimelineLayout()
        self._scrubbing = False
        #: How many times as wide as the widget the timeline is, and what is at its left end.
        self._zoom = 1.0
        self._origin = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._take_theme()
        run_model.lanes_changed.connect(self.refresh)
        run_model.viewing_changed.connect(self.refresh)
        run_model.run_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the lanes as they are now."""
        before = len(self._layout.lanes)
        self._layout.update(self._model.lanes)
        if len(self._layout.lanes) != before:
            self.updateGeometry()
        here, last = self._model.shown_commit, max(self._model.last_commit, 0)
        self._keep_shown()
        live = "live" if self._model.is_live else "the past"
        self.setAccessibleName(f"Timeline, checkpoint {max(here, 0):,} of {last:,}, {live}")
        self.update()

    # --- places -------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """A row for each lane."""
        return QSize(400, self._row_px * max(1, len(self._layout.lanes)) + 8)

    def minimumSizeHint(self) -> QSize:
        """As high as the lanes; narrower at will."""
        return QSize(self._name_px + 80, self.sizeHint().height())

    def x_of(self, place: float) -> float:
        """Where a place lies, in pixels."""
        return self._name_px + _MARGIN_PX + (place - self._origin) * self._px_per_unit()

    def _px_per_unit(self) -> float:
        return self._zoom * self._track_px() / self._layout.span

    def _track_px(self) -> float:
        return max(1.0, self.width() - self._name_px - 2 * _MARGIN_PX)

    def _place_at(self, x: float) -> float:
        return self._origin + (x - self._name_px - _MARGIN_PX) / self._px_per_unit()

    def _set_origin(self, origin: float) -> None:
        most = self._layout.span * (1 - 1 / self._zoom)
        self._origin = max(0.0, min(origin, most))
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer with Ctrl; move along a zoomed timeline without."""
        turns = (event.angleDelta().y() or event.angleDelta().x()) / 120
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            x = event.position().x()
            place = self._place_at(x)
            self._zoom = max(1.0, min(_MOST_ZOOM, self._zoom * 1.25**turns))
            self._set_origin(place - (x - self._name_px - _MARGIN_PX) / self._px_per_unit())
        elif self._zoom > 1.0:
            self._set_origin(self._origin - turns * 60 / self._px_per_unit())
        else:
            event.ignore()

    def _keep_shown(self) -> None:
        """Bring the moment that is shown into a zoomed timeline."""
        point = self._shown_point()
        if self._zoom == 1.0:
            self._origin = 0.0
        elif point is not None and not self._scrubbing:
            left, right = self._name_px + _MARGIN_PX, self.width() - _MARGIN_PX
            if not left <= point.x() <= right:
                middle = self._place_at(point.x()) - self._track_px() / 2 / self._px_per_unit()
                self._set_origin(middle)

    def _y_of(self, places: LanePlaces) -> float:
        return 4 + (places.row + 0.5) * self._row_px

    def _lane_at(self, y: float) -> LanePlaces | None:
        row = int((y - 4) // self._row_px)
        return self._layout.lanes[row] if 0 <= row < len(self._layout.lanes) else None

    def places_of(self, run: str) -> LanePlaces | None:
        """Where the ticks of a run lie."""
        return self._layout.lane(run)

    def point_of(self, run: str, commit: int) -> QPointF | None:
        """The middle of a commit's tick; None when it is not drawn."""
        places = self._layout.lane(run)
        index = places.lane.index(commit) if places is not None else -1
        if places is None or not 0 <= index < len(places.places):
            return None
        return QPointF(self.x_of(places.places[index]), self._y_of(places))

    # --- painting -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw connections, lanes, ticks and the moment that is shown."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_playhead(painter, theme)
        for places in self._layout.lanes:
            self._paint_name(painter, theme, places)
        painter.save()
        painter.setClipRect(QRectF(self._name_px, 0, self.width(), self.height()))
        for places in self._layout.lanes:
            self._paint_fork(painter, theme, places)
        for places in self._layout.lanes:
            self._paint_lane(painter, theme, places)
        self._paint_shown(painter, theme)
        painter.restore()
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    def _paint_name(self, painter: QPainter, theme: Theme, places: LanePlaces) -> None:
        lane = places.lane
        y = self._y_of(places)
        indent = min(lane.depth, 4) * 8.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(role_of(lane.status)))
        painter.drawEllipse(QPointF(12 + indent, y), 3.5, 3.5)
        shown = lane.run == self._model.run
        painter.setPen(theme.color("text" if shown else "muted"))
        painter.setFont(self._bold if shown else self._font)
        space = QRectF(22 + indent, y - 10, self._name_px - 24 - indent, 20)
        name = short_run(lane.run) if not lane.title else lane.title
        text = QFontMetricsF(painter.font()).elidedText(
            name, Qt.TextElideMode.ElideRight, space.width()
        )
        painter.drawText(space, Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_fork(self, painter: QPainter, theme: Theme, places: LanePlaces) -> None:
        parent = self._layout.lane(places.lane.parent or "")
        if not places.joined or parent is None:
            return
        x, top, y = self.x_of(places.start), self._y_of(parent), self._y_of(places)
        end = self.x_of(places.places[0]) if places.places else x + 10
        path = QPainterPath(QPointF(x, top))
        path.lineTo(x, y - 8)
        path.quadTo(x, y, min(x + 8, end), y)
        path.lineTo(end, y)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("wire"), 1.5))
        painter.drawPath(path)

    def _paint_lane(self, painter: QPainter, theme: Theme, places: LanePlaces) -> None:
        if not places.places:
            return
        y = self._y_of(places)
        painter.setPen(QPen(theme.color("wire"), 1.5))
        painter.drawLine(QPointF(self.x_of(places.places[0]), y), QPointF(self.x_of(places.end), y))
        length_px = self.x_of(places.end) - self.x_of(places.places[0])
        if length_px / max(1, len(places.places)) < _DENSE_PX:
            self._paint_bars(painter, theme, places, y)
            return
        painter.setPen(QPen(theme.color("canvas"), 1.5))
        seen = places.between(
            self._place_at(self._name_px), self._place_at(self.width() + _MARGIN_PX)
        )
        for index in seen:
            painter.setBrush(theme.color(role_of(places.lane.ticks[index].status)))
            x = self.x_of(places.places[index])
            painter.drawEllipse(QPointF(x, y), _TICK_PX, _TICK_PX)

    def _paint_bars(self, painter: QPainter, theme: Theme, places: LanePlaces, y: float) -> None:
        """Neighbours of one status as one bar; what a person must not miss is drawn last."""
        painter.setPen(Qt.PenStyle.NoPen)
        drawn: dict[str, list[tuple[float, float]]] = {}
        for first, last, status in places.bands:
            left, right = self.x_of(places.places[first]), self.x_of(places.places[last])
            spans = drawn.setdefault(role_of(status), [])
            if spans and left - spans[-1][1] < 1.0:
                spans[-1] = (spans[-1][0], max(right, spans[-1][1]))
            else:
                spans.append((left, right))
        for role in _LOUDNESS:
            painter.setBrush(theme.color(role))
            for left, right in drawn.get(role, ()):
                painter.drawRect(QRectF(left - 0.75, y - 5, right - left + 1.5, 10))

    def _paint_playhead(self, painter: QPainter, theme: Theme) -> None:
        point = self._shown_point()
        if point is None or self._model.is_live:
            return
        tint = QColor(theme.color("waiting"))
        tint.setAlpha(40)
        painter.fillRect(QRectF(point.x(), 0, self.width() - point.x(), self.height()), tint)
        painter.setPen(QPen(theme.color("waiting"), 1.5))
        painter.drawLine(QPointF(point.x(), 0), QPointF(point.x(), self.height()))

    def _shown_point(self) -> QPointF | None:
        return self.point_of(self._model.run or "", self._model.shown_commit)

    def _paint_shown(self, painter: QPainter, theme: Theme) -> None:
        point = self._shown_point()
        if point is None:
            return
        color = "accent" if self._model.is_live else "waiting"
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color(color), 2))
        painter.drawEllipse(point, _TICK_PX + 3, _TICK_PX + 3)

    # --- mouse, keys, tooltips ------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Show the checkpoint under the mouse, of whichever lane it is."""
        places = self._lane_at(event.position().y())
        if event.button() != Qt.MouseButton.LeftButton or places is None:
            return
        tick = places.nearest(self._place_at(event.position().x()))
        on_name = event.position().x() < self._name_px
        if places.lane.run != self._model.run:
            commit = -1 if on_name or tick is None else tick.number
            self.lane_chosen.emit(places.lane.run, commit)
        elif not on_name:
            self._scrubbing = True
            self._scrub(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub; without a button, say in the tooltip what lies under the mouse."""
        if self._scrubbing:
            self._scrub(event.position().x())
        else:
            self.setToolTip(self._tip(event.position().x(), event.position().y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stay at the checkpoint where the mouse was let go."""
        self._scrubbing = False

    def _scrub(self, x: float) -> None:
        places = self._layout.lane(self._model.run or "")
        tick = places.nearest(self._place_at(x)) if places is not None else None
        if tick is not None:
            self._model.show_commit(tick.number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk over the checkpoints with the arrows, over the lanes with up and down."""
        match event.key():
            case Qt.Key.Key_Left:
                self._model.step_commit(-1)
            case Qt.Key.Key_Right:
                self._model.step_commit(1)
            case Qt.Key.Key_PageUp:
                self._model.step_commit(-10)
            case Qt.Key.Key_PageDown:
                self._model.step_commit(10)
            case Qt.Key.Key_Home:
                self._model.show_first()
            case Qt.Key.Key_End:
                self._model.show_last()
            case Qt.Key.Key_Escape:
                self._model.show_live()
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                self._step_lane(-1 if event.key() == Qt.Key.Key_Up else 1)
            case _:
                super().keyPressEvent(event)

    def _step_lane(self, by: int) -> None:
        here = self._layout.lane(self._model.run or "")
        row = here.row + by if here is not None else 0
        if 0 <= row < len(self._layout.lanes):
            self.lane_chosen.emit(self._layout.lanes[row].lane.run, -1)

    def _tip(self, x: float, y: float) -> str:
        places = self._lane_at(y)
        if places is None:
            return ""
        if x < self._name_px:
            return lane_words(places.lane)
        tick = places.nearest(self._place_at(x))
        return tick_words(tick) if tick is not None else lane_words(places.lane)

    # --- looks --------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Take the fonts of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._take_theme()
            self.updateGeometry()

    def _take_theme(self) -> None:
        self._font = tabular(ui_font(scaled_px(12)))
        self._bold = tabular(ui_font(scaled_px(12), QFont.Weight.DemiBold))
        self._row_px = scaled_px(_ROW_PX)
        self._name_px = scaled_px(_NAME_PX)


def lane_words(lane: Lane) -> str:
    """A lane in words, for its tooltip."""
    words = [f"Run {short_run(lane.run)}: {status_words(lane.status)}"]
    if lane.parent is not None:
        words.append(f"forked from {short_run(lane.parent)} at checkpoint {lane.parent_commit}")
    words.append(plural(len(lane.ticks), "checkpoint"))
    return "\n".join(words)


def tick_words(tick: Tick) -> str:
    """A commit in words, for its tooltip."""
    lines = [
        f"Checkpoint {tick.number:,}, {clock_text(tick.at)}",
        format_exact(local_time(tick.at)),
    ]
    if tick.tasks:
        lines.append("finished: " + shorten(", ".join(tick.tasks[:20]), 120))
    if tick.changed:
        lines.append("changed: " + shorten(", ".join(tick.changed[:20]), 120))
    lines.append(status_words(tick.status))
    return "\n".join(lines)
