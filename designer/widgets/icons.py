"""Our icons: SVG files of 24 by 24 strokes, drawn in the colours of the theme.

The files are parsed once into painter paths. Chips and nodes on the canvas fill such a path
(a glyph of a font may be missing, a path is not); buttons and menus get icons rendered from
the same path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from PySide6.QtCore import QRectF, QSize, Qt, QXmlStreamReader
from PySide6.QtGui import (
    QColor,
    QIcon,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPixmap,
    QTransform,
)
from PySide6.QtSvg import QSvgRenderer

from designer.theme import Theme, current_theme
from designer.widgets.svg_path import parse_path
from resources import resource

#: The side of the square that every icon is drawn in.
GRID_PX = 24.0
STROKE_PX = 1.75

#: Sizes a QIcon holds; between them Qt scales down from the next larger one, and on a dense
#: screen it takes the one that has twice the pixels.
_ICON_SIZES_PX = (16, 18, 24, 32, 48)

#: Icons of node types whose key does not name its icon by itself.
_NODE_ICONS = {
    "barrier": "node-barrier",
    "trigger.manual": "node-manual",
    "manual": "node-manual",
    "start": "node-manual",
    "for": "node-for-each",
    "for_each": "node-for-each",
    "foreach": "node-for-each",
    "collect": "node-collect",
    "until": "node-loop",
    "loop": "node-loop",
    "http.request": "node-http",
    "call.http": "node-http",
    "run.shell": "node-shell",
    "run.python": "node-python",
    "run.script": "node-python",
    "code": "node-python",
    "file.read": "node-file-read",
    "file.write": "node-file-write",
    "subflow": "node-workflow",
    "run.workflow": "node-workflow",
    "raise": "node-fail",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """One element of an icon in grid units: its outline, and whether it is filled or stroked."""

    path: QPainterPath
    filled: bool
    stroked: bool


@cache
def icon_names() -> frozenset[str]:
    """The names of all icons that ship with the program."""
    return frozenset(file.stem for file in resource("icons").glob("*.svg")) - {"headgate"}


def has_icon(name: str) -> bool:
    """Whether an icon of that name ships with the program."""
    return name in icon_names()


def node_icon_name(type_key: str, category: str = "") -> str:
    """The icon of a node type such as ``"http.request"``; a general one when it has none."""
    key = type_key.lower()
    candidates = (
        _NODE_ICONS.get(key, ""),
        "node-" + key.replace(".", "-").replace("_", "-"),
        "node-" + key.rsplit(".", 1)[-1].replace("_", "-"),
        "node-" + key.split(".", 1)[0].replace("_", "-"),
        "category-" + category.lower(),
    )
    return next((name for name in candidates if has_icon(name)), "node-generic")


def _number(reader: QXmlStreamReader, name: str) -> float:
    return float(reader.attributes().value(name) or 0)


def _outline(reader: QXmlStreamReader) -> QPainterPath | None:
    """The outline of the element at which `reader` stands; None when it draws nothing."""
    match reader.name():
        case "path":
            return parse_path(reader.attributes().value("d"))
        case "circle":
            radius = _number(reader, "r")
            box = QRectF(0, 0, 2 * radius, 2 * radius)
            box.moveCenter(QRectF(_number(reader, "cx"), _number(reader, "cy"), 0, 0).topLeft())
            path = QPainterPath()
            path.addEllipse(box)
            return path
        case "rect":
            x, y = _number(reader, "x"), _number(reader, "y")
            radius = _number(reader, "rx")
            path = QPainterPath()
            path.addRoundedRect(
                QRectF(x, y, _number(reader, "width"), _number(reader, "height")), radius, radius
            )
            return path
        case _:
            return None


@cache
def _shapes(name: str) -> tuple[_Shape, ...]:
    reader = QXmlStreamReader(resource(f"icons/{name}.svg").read_text(encoding="utf-8"))
    shapes: list[_Shape] = []
    while not reader.atEnd():
        if reader.readNext() == QXmlStreamReader.TokenType.StartElement:
            outline = _outline(reader)
            if outline is not None:
                attributes = reader.attributes()
                filled = attributes.value("fill") == "currentColor"
                stroked = attributes.value("stroke") != "none"
                shapes.append(_Shape(outline, filled, stroked))
    if reader.hasError():
        raise ValueError(f"The icon {name!r} is not well-formed SVG: {reader.errorString()}")
    return tuple(shapes)


def _signed_area(path: QPainterPath) -> float:
    """Twice the area inside `path`, positive or negative by the turn of its edges."""
    total = 0.0
    for polygon in path.toSubpathPolygons():
        points = polygon.toList()
        for here, there in zip(points, points[1:] + points[:1], strict=True):
            total += here.x() * there.y() - there.x() * here.y()
    return total


@lru_cache(maxsize=512)
def painter_path(name: str, size_px: float = GRID_PX) -> QPainterPath:
    """The icon as one path to fill, in a square of `size_px` at the origin.

    Small icons get a relatively thicker stroke, so that a chip's icon stays readable. The path
    is shared: translate the painter or take `translated`, never change it.
    """
    stroker = QPainterPathStroker()
    stroker.setWidth(max(STROKE_PX, 1.35 * GRID_PX / size_px))
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    stroker.setCurveThreshold(0.05)
    whole = QPainterPath()
    whole.setFillRule(Qt.FillRule.WindingFill)
    for shape in _shapes(name):
        stroke = stroker.createStroke(shape.path)
        if shape.stroked:
            whole.addPath(stroke)
        if shape.filled:
            # Strokes always turn the same way; a fill that turns the other way would cancel
            # them where both lie. (United paths are no way out: the operation drops parts.)
            same_turn = _signed_area(shape.path) * _signed_area(stroke) > 0
            whole.addPath(shape.path if same_turn else shape.path.toReversed())
    scale = size_px / GRID_PX
    return QTransform.fromScale(scale, scale).map(whole)


def paint_icon(painter: QPainter, name: str, rect: QRectF, color: QColor) -> None:
    """Fill the icon in the middle of `rect` with `color`; the painter is left as it was."""
    size = min(rect.width(), rect.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center().x() - size / 2, rect.center().y() - size / 2)
    painter.fillPath(painter_path(name, round(size, 2)), color)
    painter.restore()


@lru_cache(maxsize=1024)
def _rendered(name: str, size_px: int, rgba: int, ratio: float) -> QPixmap:
    _shapes(name)  # a missing icon is found before a painter is open
    image = QPixmap(round(size_px * ratio), round(size_px * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    paint_icon(painter, name, QRectF(0, 0, size_px, size_px), QColor.fromRgba(rgba))
    painter.end()
    return image


def pixmap(name: str, size_px: int, role: str = "text", ratio: float = 1.0) -> QPixmap:
    """The icon in the colour `role` of the current theme, `ratio` device pixels a pixel."""
    return _rendered(name, size_px, current_theme().color(role).rgba(), ratio)


@lru_cache(maxsize=512)
def _icon(name: str, role: str, theme: Theme) -> QIcon:
    made = QIcon()
    for mode, token in (
        (QIcon.Mode.Normal, role),
        (QIcon.Mode.Disabled, "disabled"),
        (QIcon.Mode.Selected, role),
    ):
        color = theme.color(token).rgba()
        for size in _ICON_SIZES_PX:
            made.addPixmap(_rendered(name, size, color, 1.0), mode)
    return made


def icon(name: str, role: str = "text") -> QIcon:
    """The icon in the colour `role` of the current theme; ask again when the theme changes.

    Raises:
        FileNotFoundError: No icon has that name.
    """
    return _icon(name, role, current_theme())


@cache
def app_icon() -> QIcon:
    """The program's own mark, in every size a window manager asks for."""
    renderer = QSvgRenderer(str(resource("icons/headgate.svg")))
    made = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        image = QPixmap(QSize(size, size))
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        made.addPixmap(image)
    return made
