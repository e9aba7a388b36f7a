"""Pictures of workflows, and the workflow inside them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from designer.canvas.picture import Picture, workflow_in
from designer.theme import DARK, LIGHT
from engine.model.failures import UnreadableFile
from engine.model.workflow import Frame, Note
from engine.run_view import NodeView, RunView
from tests.designer.canvas.kit import KIT, flow

pytestmark = pytest.mark.usefixtures("qapp")

FLOW = flow(
    ["a", "b"],
    ["a->b"],
    frames=(Frame(id="f", title="Fetch", x=-40, y=-60, width=300, height=200),),
    notes=(Note(id="n", text="**Hi** & <bye>", x=0, y=160),),
)


def test_a_png_holds_its_workflow(tmp_path: Path) -> None:
    path = tmp_path / "invoice.png"
    path.write_bytes(Picture(FLOW, KIT, DARK).png(1.0))
    assert workflow_in(path) == FLOW


def test_an_svg_holds_its_workflow_and_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "invoice.svg"
    path.write_bytes(Picture(FLOW, KIT, LIGHT).svg())
    assert workflow_in(path) == FLOW
    root = ET.fromstring(path.read_bytes())
    assert root.tag.endswith("svg")


def test_a_stripped_picture_holds_none(tmp_path: Path) -> None:
    bare = Picture(FLOW, KIT, DARK, embed=False)
    for name, data in (("x.png", bare.png(1.0)), ("x.svg", bare.svg())):
        (tmp_path / name).write_bytes(data)
        assert workflow_in(tmp_path / name) is None


def test_the_picture_shows_nodes_in_the_colours_of_the_run() -> None:
    run = RunView(status="completed", nodes={"a": NodeView(state="done", duration_s=1)})
    image = Picture(FLOW, KIT, DARK, run=run).image(1.0)
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3)
              for y in range(0, image.height(), 3)}  # fmt: skip
    assert {DARK.ok.lower(), DARK.node_body.lower(), DARK.canvas.lower()} <= colors


def test_svg_and_png_show_the_same() -> None:
    picture = Picture(FLOW, KIT, DARK)
    png = picture.image(1.0)
    drawn = QImage(png.size(), QImage.Format.Format_RGB32)
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(picture.svg())).render(painter)
    painter.end()
    spots = [(60, 60), (150, 110), (350, 110), (480, 130), (100, 300)]
    same = [png.pixelColor(x, y).name() == drawn.pixelColor(x, y).name() for x, y in spots]
    assert same.count(True) >= 4  # letters may fall differently


def test_a_huge_workflow_is_drawn_smaller() -> None:
    wide = flow(["a", "b"], places={"b": (40_000, 0)})
    image = Picture(wide, KIT, DARK, embed=False).image(2.0)
    assert image.width() == 16_000


@pytest.mark.parametrize("name", ["gone.png", "gone.svg", "text.png"])
def test_what_is_no_picture_holds_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.png").write_text("hello")
    assert workflow_in(tmp_path / name) is None


def test_a_forged_picture_is_refused_like_a_forged_file(tmp_path: Path) -> None:
    path = tmp_path / "forged.svg"
    path.write_text('<svg><metadata id="headgate-workflow">eyJ4Ijo=</metadata></svg>')
    with pytest.raises(UnreadableFile, match=r"forged\.svg"):
        workflow_in(path)
