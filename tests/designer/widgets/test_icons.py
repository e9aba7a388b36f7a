"""Icons: all drawable, inside their square, in the colours of the theme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from designer.theme import DARK, LIGHT, STATE_STYLES, apply_theme, recoloured_svg
from designer.widgets.icons import (
    app_icon,
    has_icon,
    icon,
    icon_names,
    node_icon_name,
    paint_icon,
    painter_path,
    pixmap,
)
from designer.widgets.kinds import Kind


@pytest.fixture
def app(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QApplication]:
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    apply_theme(qapp, LIGHT)
    yield qapp
    qapp.setStyleSheet("")


def ink(image: QImage) -> list[int]:
    """The opacity of every pixel."""
    return [image.pixelColor(x, y).alpha() for y in range(image.height()) for x in range(48)]


def drawn(name: str) -> QImage:
    image = QImage(48, 48, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    paint_icon(painter, name, QRectF(0, 0, 48, 48), QColor("black"))
    painter.end()
    return image


@pytest.mark.parametrize("name", sorted(icon_names()))
def test_every_icon_draws_inside_its_square(qapp: QApplication, name: str) -> None:
    path = painter_path(name, 24)
    assert not path.isEmpty()
    assert QRectF(0, 0, 24, 24).adjusted(-0.2, -0.2, 0.2, 0.2).contains(path.boundingRect())


@pytest.mark.parametrize("name", sorted(icon_names()))
def test_our_drawing_agrees_with_the_svg_renderer(qapp: QApplication, name: str) -> None:
    theirs = QImage(48, 48, QImage.Format.Format_ARGB32_Premultiplied)
    theirs.fill(0)
    painter = QPainter(theirs)
    QSvgRenderer(recoloured_svg(name, QColor("black"))).render(painter, QRectF(0, 0, 48, 48))
    painter.end()
    pairs = list(zip(ink(drawn(name)), ink(theirs), strict=True))
    wrong = sum(abs(ours - other) > 128 for ours, other in pairs)
    assert wrong <= 12, f"{wrong} of {len(pairs)} pixels differ"


def test_every_state_and_kind_of_message_has_its_icon() -> None:
    for style in STATE_STYLES.values():
        assert has_icon(style.icon), style.icon
    for kind in Kind:
        assert has_icon(kind.icon), kind


@pytest.mark.parametrize(
    ("type_key", "name"),
    [
        ("barrier", "node-barrier"),
        ("http.request", "node-http"),
        ("file.read", "node-file-read"),
        ("for_each", "node-for-each"),
        ("python", "node-python"),
        ("sql.query", "node-sql"),
        ("set", "node-set"),
        ("acme.unheard_of", "node-generic"),
    ],
)
def test_node_types_find_their_icon(type_key: str, name: str) -> None:
    assert node_icon_name(type_key) == name


def test_an_unknown_type_falls_back_to_its_category() -> None:
    assert node_icon_name("acme.poll", "people") == "category-people"


def test_icons_follow_the_theme(app: QApplication) -> None:
    def darkest() -> int:
        image = pixmap("check", 24).toImage()
        colors = [image.pixelColor(x, y) for x in range(24) for y in range(24)]
        return min(color.lightness() for color in colors if color.alpha() > 250)

    assert darkest() < 60
    apply_theme(app, DARK)
    assert darkest() > 200


def test_disabled_icons_look_disabled(app: QApplication) -> None:
    made = icon("run")
    on = made.pixmap(QSize(24, 24), QIcon.Mode.Normal).toImage().pixelColor(11, 12)
    off = made.pixmap(QSize(24, 24), QIcon.Mode.Disabled).toImage().pixelColor(11, 12)
    assert on == LIGHT.color("text")
    assert off == LIGHT.color("disabled")


def test_dense_screens_get_twice_the_pixels(qapp: QApplication) -> None:
    dense = pixmap("check", 16, ratio=2.0)
    assert dense.size() == QSize(32, 32)
    assert dense.deviceIndependentSize().toSize() == QSize(16, 16)


def test_the_program_has_its_mark_in_small_and_large(qapp: QApplication) -> None:
    sizes = {size.width() for size in app_icon().availableSizes()}
    assert {16, 48, 256} <= sizes


def test_a_missing_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError, match="unicorn"):
        icon("unicorn")
