"""The painted part of the canvas: scene, camera, background, and what floats over them.

Knows no document and no gestures; `CanvasView` adds those.
"""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from designer.canvas.background import Background
from designer.canvas.camera import Camera
from designer.canvas.ink import Ink
from designer.canvas.minimap import SMALLEST_ROOM, Minimap
from designer.canvas.node_painter import Detail, detail_at, node_style
from designer.canvas.node_pixmaps import FRAME_BUDGET_S
from designer.canvas.notices import EmptyNotice, MomentNotice
from designer.canvas.scene import CanvasScene
from designer.settings import Settings
from designer.theme import current_theme, reduced_motion

#: Frames of the moving marks.
ANIMATION_MS = 50
#: The zoom rests when it has not changed for this long; then nodes are drawn sharply.
REST_MS = 90
#: With so few nodes in sight, all are drawn sharply in each frame, whatever it takes.
FEW_NODES = 40
FEW_BUDGET_S = 0.5
_CORNER_PX = 12

Rect = QRectF | QRect


class Surface(QGraphicsView):
    """Paints the scene: items at work zoom, boxes below, and something over them."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self._is_past = False
        self.ink = Ink(node_style(current_theme()))
        self.board = CanvasScene(self.ink, self)
        self._background = Background()
        self._set_up()
        self.camera = Camera(self)
        self.minimap = Minimap(self.board, self.camera, self)
        self._empty = EmptyNotice(self)
        self._moment = MomentNotice(self)
        self._animation = QTimer(self)
        self._animation.setInterval(ANIMATION_MS)
        self._animation.timeout.connect(self._animate)
        self._running = QElapsedTimer()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.viewport().update)
        self.camera.zoom_changed.connect(self._rest.start)
        self.camera.moved.connect(self._show_minimap)
        settings.changed.connect(self._on_setting)
        self._on_setting("")

    def _set_up(self) -> None:
        self.setScene(self.board)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setOptimizationFlags(
            QGraphicsView.OptimizationFlag.DontSavePainterState
            | QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing
        )
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.AnchorViewCenter)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(160, 120)

    # --- past and present ---------------------------------------------------------------

    @property
    def is_read_only(self) -> bool:
        """Whether the past is shown, in which nothing can be edited."""
        return bool(self._moment.text)

    @property
    def moment(self) -> str:
        """Which moment of the past is shown, in words; empty for the present."""
        return self._moment.text

    @property
    def invitation(self) -> str:
        """What an empty canvas says; empty when there is something on it."""
        return "" if self._empty.isHidden() else self._empty.text()

    @property
    def is_animating(self) -> bool:
        """Whether something moves."""
        return self._animation.isActive()

    def _set_moment(self, label: str) -> None:
        if label != self._moment.text:
            self._moment.say(label)
            self.viewport().update()

    # --- what follows the scene ---------------------------------------------------------

    def _scene_changed(self) -> None:
        """The scene shows something else: see to what depends on it."""
        self.camera.set_content(self.board.content_rect())
        empty = not (self.board.nodes or self.board.notes or self.board.frames)
        self._empty.setVisible(empty)
        self._show_minimap()
        self.minimap.refresh()
        self._choose_update_mode()
        if self.ink.detail is Detail.OVERVIEW:
            self.viewport().update()
        moving = self.board.live.is_moving and self.isVisible()
        if moving and not self._animation.isActive():
            self._running.start()
            self._animation.start()
        elif not moving:
            self._animation.stop()

    def _show_minimap(self) -> None:
        """Show it while it helps: there is more than can be seen, and room for it."""
        content = self.board.content_rect()
        room = self.viewport().size()
        self.minimap.setVisible(
            self.settings.minimap_visible
            and bool(self.board.nodes)
            and room.width() >= SMALLEST_ROOM.width()
            and room.height() >= SMALLEST_ROOM.height()
            and not self.camera.sight.contains(content)
        )

    def _on_setting(self, key: str) -> None:
        del key
        motion = not reduced_motion(self.settings)
        self.camera.is_gliding_allowed = motion
        self.board.live.set_still(still=not motion or self._is_past)
        self._show_minimap()
        self.viewport().update()

    def _hold_still(self, *, is_past: bool) -> None:
        """Let nothing move while a moment of the past is shown."""
        if is_past != self._is_past:
            self._is_past = is_past
            self._on_setting("")

    def _animate(self) -> None:
        self.board.live.advance_to(self._running.elapsed() / 1000)

    def _needs_whole_frames(self) -> bool:
        """Whether so much changes in each frame that finding out what is not worth it."""
        return self.board.live.is_moving or detail_at(self.camera.zoom) is Detail.OVERVIEW

    def _choose_update_mode(self) -> None:
        modes = QGraphicsView.ViewportUpdateMode
        whole = self._needs_whole_frames()
        mode = modes.FullViewportUpdate if whole else modes.SmartViewportUpdate
        if mode != self.viewportUpdateMode():
            self.setViewportUpdateMode(mode)

    def _ring(self, *, shown: bool) -> None:
        """Show or hide the ring around the node that has the keyboard's focus."""
        self.ink.ringed = shown
        if self.ink.current is not None:
            self.board.touch_nodes((self.ink.current,))

    # --- places -------------------------------------------------------------------------

    def viewport_rect(self) -> QRectF:
        """The viewport in its own pixels."""
        return QRectF(self.viewport().rect())

    def to_scene(self, point: QPointF) -> QPointF:
        """A point of the viewport in the scene, to the fraction of a pixel."""
        return self.viewportTransform().inverted()[0].map(point)

    def place_of(self, key: str) -> QPoint:
        """Where the middle of a node is on the viewport."""
        item = self.board.nodes.get(key)
        return self.mapFromScene(item.body.center()) if item is not None else QPoint()

    # --- painting -----------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the items, or the overview in their place."""
        ink = self.ink
        ink.detail = detail_at(self.camera.zoom)
        ink.ratio = self.viewport().devicePixelRatioF()
        few = len(self.board.nodes_in(self.camera.sight)) <= FEW_NODES
        ink.pixmaps.begin_frame(
            ink.style,
            budget_s=FEW_BUDGET_S if few else FRAME_BUDGET_S,
            stretches=self._rest.isActive() and not few,
        )
        if ink.detail is Detail.OVERVIEW:
            painter = QPainter(self.viewport())
            painter.setWorldTransform(self.viewportTransform())
            sight = self.camera.sight
            self.drawBackground(painter, sight)
            self.board.paint_overview(painter, sight)
            self.drawForeground(painter, sight)
            painter.end()
        else:
            super().paintEvent(event)
        if ink.pixmaps.is_behind:
            QTimer.singleShot(0, self.viewport(), self.viewport().update)

    def drawBackground(self, painter: QPainter, rect: Rect) -> None:
        """Cover the viewport."""
        self._background.paint(
            painter,
            self.ink.theme,
            self.viewport().size(),
            past=self.is_read_only,
            dots=self.settings.grid_visible,
        )

    def drawForeground(self, painter: QPainter, rect: Rect) -> None:
        """Draw over everything, in scene coordinates."""

    # --- events -------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        # Qt sends some before the constructor has come to the last line.
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_rest"):
            self.ink.set_style(node_style(current_theme()))
            self.board.restyle()
            self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what floats in its corner."""
        super().resizeEvent(event)
        self.minimap.fit_into(self.size())
        corner = self.rect().bottomRight() - QPoint(_CORNER_PX, _CORNER_PX)
        self.minimap.move(corner - self.minimap.rect().bottomRight())
        self._empty.place()
        self.camera.set_content(self.board.content_rect())
        self._show_minimap()
