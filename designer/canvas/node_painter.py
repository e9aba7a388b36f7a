"""How a node is drawn, in its own coordinates: body, ports, chip and badges.

Two levels of detail; below both the overview draws plain boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPolygonF

from designer.canvas.faces import Face, face
from designer.canvas.geometry import (
    HEADER_HEIGHT,
    NODE_MARGIN,
    NODE_MARGIN_LEFT,
    NODE_RADIUS,
    NODE_WIDTH,
    PORT_PITCH,
    PORT_RADIUS,
    port_offset,
)
from designer.canvas.stamps import Stamps
from designer.canvas.visuals import NodeVisual, PortShape, PortVisual, Problem
from designer.theme import (
    STATE_STYLES,
    Border,
    NodeState,
    StateStyle,
    Theme,
    scaled_px,
    tabular,
    ui_font,
)
from designer.widgets.format import format_count_short
from designer.widgets.icons import painter_path

CHIP_LEFT = 8.0
CHIP_TOP = 52.0
CHIP_HEIGHT = 24.0
CHIP_RADIUS = 4.0
#: On the screen, texts of the compact form never get smaller than this.
COMPACT_TEXT_PX = 8.5
_OFF_OPACITY = 0.5
_DASHES = (5.0, 3.0)

#: Below these zooms the next coarser form is drawn.
FULL_FROM = 0.6
COMPACT_FROM = 0.35

_PROBLEM_BADGES = {
    Problem.ERROR: ("warning", "text_failed"),
    Problem.WARNING: ("warning", "text_waiting"),
    Problem.INFO: ("info", "muted"),
}


class Detail(StrEnum):
    """How much of a node is drawn; chosen by the zoom alone."""

    FULL = "full"
    COMPACT = "compact"
    OVERVIEW = "overview"


def detail_at(zoom: float) -> Detail:
    """The level of detail for `zoom` (1 is 100 %)."""
    if zoom >= FULL_FROM:
        return Detail.FULL
    return Detail.COMPACT if zoom >= COMPACT_FROM else Detail.OVERVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStyle:
    """Fonts and colours of one theme, shared by everything on the canvas."""

    theme: Theme
    title: Face
    small: Face
    chip: Face
    port: Face
    frame: Face
    overview: Face


@lru_cache(maxsize=8)
def _style(theme: Theme, title_px: int, small_px: int, port_px: int) -> NodeStyle:
    return NodeStyle(
        theme=theme,
        title=face(ui_font(title_px, QFont.Weight.DemiBold)),
        small=face(ui_font(small_px)),
        chip=face(tabular(ui_font(small_px, QFont.Weight.Medium))),
        port=face(tabular(ui_font(port_px))),
        frame=face(ui_font(title_px + 3, QFont.Weight.DemiBold)),
        overview=face(ui_font(14, QFont.Weight.DemiBold)),
    )


def node_style(theme: Theme) -> NodeStyle:
    """The style of nodes in `theme` and the font size that the user has chosen."""
    # The boxes are of fixed size: beyond these sizes text would touch its neighbours.
    return _style(
        theme, min(17, scaled_px(13)), min(15, scaled_px(11)), min(14, max(10, scaled_px(11)))
    )


def extent(visual: NodeVisual) -> QRectF:
    """Everything that a node draws, in its own coordinates; its outlines lie further out."""
    left = NODE_MARGIN_LEFT if visual.breakpoint or visual.stopped else NODE_MARGIN
    return QRectF(
        -left, -NODE_MARGIN, NODE_WIDTH + left + NODE_MARGIN, visual.height + 2 * NODE_MARGIN
    )


def chip_rect(visual: NodeVisual, style: NodeStyle) -> QRectF:
    """Where the chip of a node in full detail is; the count stands to its right."""
    width = NODE_WIDTH - 2 * CHIP_LEFT
    if visual.count:
        width -= style.chip.width_of(count_text(visual)) + 13
    return QRectF(CHIP_LEFT, CHIP_TOP, width, CHIP_HEIGHT)


def count_text(visual: NodeVisual) -> str:
    """How often the node has run, as ``× 128``."""
    return f"× {format_count_short(visual.count)}"


def state_pen(theme: Theme, state: StateStyle, width: float | None = None) -> QPen:
    """The outline of a node or a chip in `state`."""
    pen = QPen(theme.color(state.role), max(width or state.width_px, float(theme.line_px)))
    if state.border is Border.DASHED:
        pen.setDashPattern(_DASHES)
    return pen


def port_color(theme: Theme, port_type: str) -> QColor:
    """The colour of a port that carries `port_type`."""
    return theme.color("failed") if port_type == "error" else theme.port(port_type)


class NodePainter:
    """Draws nodes in one style.

    Args:
        style: fonts and colours.
        stamps: where parts that nodes share are kept as pictures; without them everything
            is drawn as lines and letters, as a picture file wants it.
    """

    def __init__(self, style: NodeStyle, stamps: Stamps | None = None) -> None:
        self.style = style
        self.theme = style.theme
        self._stamps = stamps

    def paint(self, painter: QPainter, visual: NodeVisual, detail: Detail, zoom: float) -> None:
        """Draw the node with its top left corner at the origin."""
        state = STATE_STYLES[visual.state]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        full = painter.opacity()
        if visual.disabled:
            painter.setOpacity(full * _OFF_OPACITY)
        self._body(painter, visual, state, detail)
        if detail is Detail.FULL:
            self._header(painter, visual)
            self._subline(painter, visual)
            self._chip(painter, visual, state)
            self._port_names(painter, visual)
            if visual.note:
                self._note_corner(painter, visual)
        else:
            self._compact(painter, visual, state, zoom)
        self._progress(painter, visual)
        named = visual.names_inputs
        for row, port in enumerate(visual.inputs):
            self.port(painter, port_offset(row, output=False, named=named), port)
        named = visual.names_outputs
        for row, port in enumerate(visual.outputs):
            self.port(painter, port_offset(row, output=True, named=named), port)
        painter.setOpacity(full)
        if visual.breakpoint or visual.stopped:
            self._breakpoint(painter, visual)

    def _part(
        self, painter: QPainter, key: Hashable, box: QRectF, paint: Callable[[QPainter], None]
    ) -> None:
        if self._stamps is None:
            paint(painter)
        else:
            self._stamps.draw(painter, key, box, paint)

    # --- body ---------------------------------------------------------------------------

    def _body(
        self, painter: QPainter, visual: NodeVisual, state: StateStyle, detail: Detail
    ) -> None:
        box = QRectF(0, 0, NODE_WIDTH, visual.height)

        def paint(painter: QPainter) -> None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.theme.color("node_body"))
            painter.drawRoundedRect(box, NODE_RADIUS, NODE_RADIUS)
            if detail is Detail.FULL:
                painter.fillPath(_header_path(HEADER_HEIGHT), self.theme.color("node_header"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(state_pen(self.theme, state))
            painter.drawRoundedRect(box, NODE_RADIUS, NODE_RADIUS)

        key = ("body", state.role, state.border, visual.height, detail)
        self._part(painter, key, box.adjusted(-2, -2, 2, 2), paint)

    def _icon(
        self, painter: QPainter, name: str, left: float, middle: float, size: float, color: QColor
    ) -> None:
        box = QRectF(left, middle - size / 2, size, size)

        def paint(painter: QPainter) -> None:
            painter.fillPath(painter_path(name, size).translated(box.topLeft()), color)

        self._part(painter, (name, size, color.rgba()), box.adjusted(-0.5, -0.5, 0.5, 0.5), paint)

    def _header(self, painter: QPainter, visual: NodeVisual) -> None:
        middle = HEADER_HEIGHT / 2 + 0.5
        self._icon(painter, visual.icon, 10, middle, 16, self.theme.color("muted"))
        right = NODE_WIDTH - 10.0
        for icon, role in _title_badges(visual):
            self._icon(painter, icon, right - 15, middle, 15, self.theme.color(role))
            right -= 19
        if visual.pinned:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.theme.color("pin"))
            painter.drawEllipse(QPointF(right - 6, middle), 5.5, 5.5)
            right -= 18
        box = QRectF(32, 0, right - 32 - 4, HEADER_HEIGHT + 1)
        self.style.title.draw(painter, box, visual.title, self.theme.color("text"))

    def _subline(self, painter: QPainter, visual: NodeVisual) -> None:
        box = QRectF(12, HEADER_HEIGHT, NODE_WIDTH - 24, CHIP_TOP - HEADER_HEIGHT)
        self.style.small.draw(painter, box, visual.subline, self.theme.color("muted"))

    # --- chip ---------------------------------------------------------------------------

    def _chip(self, painter: QPainter, visual: NodeVisual, state: StateStyle) -> None:
        box = chip_rect(visual, self.style)
        color = self._chip_box(painter, box, state)
        self._icon(painter, state.icon, box.left() + 7, box.center().y(), 13, color)
        self.style.chip.draw(painter, box.adjusted(25, 0, -6, 0), visual.words, color)
        if visual.count:
            badge = QRectF(box)
            badge.setRight(NODE_WIDTH - CHIP_LEFT - 5)
            text, right = count_text(visual), Qt.AlignmentFlag.AlignRight
            self.style.chip.draw(painter, badge, text, self.theme.color("text"), right)

    def _chip_box(self, painter: QPainter, box: QRectF, state: StateStyle) -> QColor:
        """Draw the box of a chip; returns the colour of what is written on it."""
        if state.is_filled:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.theme.color(state.role))
            painter.drawRoundedRect(box, CHIP_RADIUS, CHIP_RADIUS)
            return self.theme.on(state.role)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(state_pen(self.theme, state, 1.2))
        painter.drawRoundedRect(box.adjusted(0.6, 0.6, -0.6, -0.6), CHIP_RADIUS, CHIP_RADIUS)
        return self.theme.color("text")

    def _progress(self, painter: QPainter, visual: NodeVisual) -> None:
        """The bar along the lower edge of a running node."""
        if visual.state is not NodeState.RUNNING or visual.fraction is None:
            return
        whole = QRectF(NODE_RADIUS, visual.height - 3.5, NODE_WIDTH - 2 * NODE_RADIUS, 3.0)
        painter.fillRect(whole, self.theme.color("node_header"))
        whole.setWidth(whole.width() * visual.fraction)
        painter.fillRect(whole, self.theme.color("running"))

    # --- ports --------------------------------------------------------------------------

    def port(self, painter: QPainter, at: QPointF, port: PortVisual, grow: float = 1.0) -> None:
        """Draw a port in the shape and colour of its type, around `at`."""
        color = port_color(self.theme, port.type)
        reach = grow * (PORT_RADIUS * 1.3 + 2)
        box = QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach)

        def paint(painter: QPainter) -> None:
            if port.ring:
                painter.setPen(QPen(color, 3.0))
                painter.setBrush(self.theme.color("canvas"))
                path = _port_path(port.shape, grow * (PORT_RADIUS - 1.0))
            else:
                painter.setPen(QPen(self.theme.color("node_body"), 1.5))
                painter.setBrush(color)
                path = _port_path(port.shape, grow * PORT_RADIUS)
            painter.drawPath(path.translated(at))

        self._part(painter, (port.shape, port.type, port.ring, grow), box, paint)

    def _port_names(self, painter: QPainter, visual: NodeVisual) -> None:
        """The names of ports beside them, in rows below the chip."""
        names, color = self.style.port, self.theme.color("text")
        half = NODE_WIDTH / 2
        if visual.names_inputs:
            for row, port in enumerate(visual.inputs):
                at = port_offset(row, output=False, named=True)
                width = half if visual.names_outputs else NODE_WIDTH
                box = QRectF(12, at.y() - PORT_PITCH / 2, width - 18, PORT_PITCH)
                names.draw(painter, box, port.title, color)
        if visual.names_outputs:
            for row, port in enumerate(visual.outputs):
                at = port_offset(row, output=True, named=True)
                left = half if visual.names_inputs else 0.0
                box = QRectF(left + 6, at.y() - PORT_PITCH / 2, NODE_WIDTH - left - 18, PORT_PITCH)
                names.draw(painter, box, port.title, color, Qt.AlignmentFlag.AlignRight)

    # --- marks --------------------------------------------------------------------------

    def _note_corner(self, painter: QPainter, visual: NodeVisual) -> None:
        right, bottom, fold = NODE_WIDTH - 1.0, visual.height - 1.0, 12.0
        inner = QPointF(right - fold, bottom - fold)
        corner = [QPointF(right - fold, bottom), QPointF(right, bottom - fold), inner]
        painter.setPen(QPen(self.theme.color("border"), 1.0))
        painter.setBrush(self.theme.color("node_header"))
        painter.drawPolygon(QPolygonF(corner))

    def _breakpoint(self, painter: QPainter, visual: NodeVisual) -> None:
        """A dot, with two bars for a condition; an arrow in it where the run is paused."""
        centre = QPointF(-15, HEADER_HEIGHT / 2 + 1)
        if visual.breakpoint:
            painter.setPen(QPen(self.theme.color("canvas"), 1.5))
            painter.setBrush(self.theme.color("failed"))
            painter.drawEllipse(centre, 6.5, 6.5)
        if visual.stopped:
            x, y = centre.x(), centre.y()
            size = 4.0 if visual.breakpoint else 6.0
            arrow = [QPointF(x - size * 0.6, y - size), QPointF(x + size, y),
                     QPointF(x - size * 0.6, y + size)]  # fmt: skip
            painter.setPen(QPen(self.theme.color("canvas"), 1.0))
            painter.setBrush(self.theme.color("waiting"))
            painter.drawPolygon(QPolygonF(arrow))
        elif ", if " in visual.breakpoint:
            painter.setPen(QPen(self.theme.color("canvas"), 1.6))
            for down in (-1.8, 1.8):
                start = centre + QPointF(-3, down)
                painter.drawLine(start, start + QPointF(6, 0))

    # --- compact ------------------------------------------------------------------------

    def _compact(
        self, painter: QPainter, visual: NodeVisual, state: StateStyle, zoom: float
    ) -> None:
        """Title and state only, in letters that keep their size on the screen."""
        scale = max(1.0, COMPACT_TEXT_PX / zoom / self.style.title.font.pixelSize())
        title, words = self.style.title.scaled(scale), self.style.chip.scaled(scale * 1.05)
        chip_height = min(visual.height / 2, words.metrics.height() + 8)
        upper = QRectF(12, 4, NODE_WIDTH - 24, visual.height - chip_height - 12)
        if visual.problem in (Problem.ERROR, Problem.WARNING):
            icon, role = _PROBLEM_BADGES[visual.problem]
            color = self.theme.color(role)
            self._icon(painter, icon, upper.right() - 22, upper.center().y(), 24, color)
            upper.setRight(upper.right() - 28)
        title.draw(painter, upper, visual.title, self.theme.color("text"))
        box = QRectF(8, visual.height - chip_height - 8, NODE_WIDTH - 16, chip_height)
        color = self._chip_box(painter, box, state)
        size = round(chip_height - 10)
        self._icon(painter, state.icon, box.left() + 7, box.center().y(), size, color)
        words.draw(painter, box.adjusted(14 + size, 0, -6, 0), visual.words, color)


def _title_badges(visual: NodeVisual) -> list[tuple[str, str]]:
    """Icons at the right end of the title bar, with their colour roles."""
    badges: list[tuple[str, str]] = []
    if visual.problem in _PROBLEM_BADGES:
        badges.append(_PROBLEM_BADGES[visual.problem])
    if visual.locked:
        badges.append(("lock", "muted"))
    if visual.disabled:
        badges.append(("power", "text"))
    return badges


@lru_cache(maxsize=4)
def _header_path(height: float) -> QPainterPath:
    path = QPainterPath(QPointF(0, height))
    path.lineTo(0, NODE_RADIUS)
    path.quadTo(0, 0, NODE_RADIUS, 0)
    path.lineTo(NODE_WIDTH - NODE_RADIUS, 0)
    path.quadTo(NODE_WIDTH, 0, NODE_WIDTH, NODE_RADIUS)
    path.lineTo(NODE_WIDTH, height)
    path.closeSubpath()
    return path


@lru_cache(maxsize=32)
def _port_path(shape: PortShape, radius: float) -> QPainterPath:
    path = QPainterPath()
    corners: list[QPointF] = []
    match shape:
        case PortShape.CIRCLE:
            path.addEllipse(QPointF(0, 0), radius, radius)
        case PortShape.SQUARE:
            side = radius * 0.9
            path.addRect(QRectF(-side, -side, 2 * side, 2 * side))
        case PortShape.DIAMOND:
            tip = radius * 1.2
            corners = [QPointF(0, -tip), QPointF(tip, 0), QPointF(0, tip), QPointF(-tip, 0)]
        case PortShape.TRIANGLE:
            tip = radius * 1.15
            corners = [QPointF(-tip * 0.7, -tip), QPointF(tip, 0), QPointF(-tip * 0.7, tip)]
    if corners:
        path.addPolygon(QPolygonF(corners))
        path.closeSubpath()
    return path
