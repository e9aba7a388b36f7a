"""What is on the screen: colours of states, levels of detail, pictures kept sharp."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from designer.canvas.node_painter import Detail, detail_at
from designer.theme import DARK, LIGHT, apply_theme, current_theme
from engine.model.changes import MoveNodes, RemoveNode
from engine.model.workflow import Frame, Note, Position
from engine.run_view import NodeView, RunView
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import Bench
from tests.designer.canvas.kit import flow

ROW = flow(["a", "b", "c"], ["a->b", "b->c"])


def picture(bench: Bench) -> QImage:
    return bench.canvas.viewport().grab().toImage()


def color_at(bench: Bench, point: QPointF) -> str:
    return picture(bench).pixelColor(bench.on_view(point)).name()


def count(image: QImage, color: QColor) -> int:
    """How many pixels have exactly that colour."""
    pixels = image.convertToFormat(QImage.Format.Format_RGB32)
    return memoryview(pixels.constBits()).cast("I").tolist().count(color.rgb())


def test_the_chip_has_the_colour_of_the_state(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = RunView(status="running")
    view.nodes = {"a": NodeView(state="done"), "b": NodeView(state="failed")}
    bench.canvas.set_run_view(view)
    chip = QPointF(190, 64)  # right of the words
    assert color_at(bench, chip) == current_theme().ok.lower()
    assert color_at(bench, chip + QPointF(320, 0)) == current_theme().failed.lower()
    assert color_at(bench, chip + QPointF(640, 0)) == current_theme().node_body.lower()


def test_another_theme_repaints_everything(open_canvas: Open) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = current_theme()
    bench = open_canvas(ROW)
    try:
        for theme in (DARK, LIGHT):
            apply_theme(app, theme)
            assert color_at(bench, QPointF(100, 80)) == theme.node_body.lower()
            assert color_at(bench, QPointF(100, 250)) == theme.canvas.lower()
    finally:
        apply_theme(app, before)


@pytest.mark.parametrize(
    ("zoom", "detail"),
    [
        (1.0, Detail.FULL),
        (0.6, Detail.FULL),
        (0.59, Detail.COMPACT),
        (0.35, Detail.COMPACT),
        (0.34, Detail.OVERVIEW),
    ],
)
def test_the_zoom_chooses_the_detail(zoom: float, detail: Detail) -> None:
    assert detail_at(zoom) is detail


def test_the_overview_draws_boxes_in_the_colours_of_the_states(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    view = RunView(status="running")
    view.nodes = {"a": NodeView(state="done"), "b": NodeView(state="failed")}
    bench.canvas.set_run_view(view)
    bench.canvas.set_zoom(0.2)
    bench.canvas.minimap.hide()
    image = picture(bench)
    area = 42 * 17  # of one box on the screen
    for role in ("ok", "failed", "idle"):
        assert count(image, current_theme().color(role)) == pytest.approx(area, rel=0.15)


def test_the_overview_follows_edits(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.canvas.set_zoom(0.2)
    bench.canvas.minimap.hide()
    one = 42 * 17
    idle = current_theme().color("idle")
    assert count(picture(bench), idle) == pytest.approx(3 * one, rel=0.1)
    bench.document.push(RemoveNode("b"), "Delete")
    assert count(picture(bench), idle) == pytest.approx(2 * one, rel=0.1)
    bench.document.push(MoveNodes({"a": Position(640, 0)}), "Move")  # over the other
    assert count(picture(bench), idle) == pytest.approx(one, rel=0.1)
    bench.document.undo()
    bench.document.undo()
    assert count(picture(bench), idle) == pytest.approx(3 * one, rel=0.1)


def test_nodes_are_sharp_again_when_the_zoom_rests(open_canvas: Open) -> None:
    keys = [f"n{number:03}" for number in range(120)]
    places = {key: (at % 12 * 230.0, at // 12 * 100.0) for at, key in enumerate(keys)}
    bench = open_canvas(flow(keys, places=places))
    bench.canvas.camera.look_at(QPointF(1300, 500), 0.45)
    bench.qtbot.wait(50)
    bench.canvas.camera.zoom_to(0.4)

    def is_sharp() -> bool:
        bench.canvas.viewport().repaint()
        pixmaps = bench.canvas.ink.pixmaps
        return not pixmaps.is_behind and pixmaps.zooms() == {0.4}

    bench.qtbot.waitUntil(is_sharp, timeout=5000)


def test_a_frame_never_makes_more_pictures_than_it_has_time_for(open_canvas: Open) -> None:
    keys = [f"n{number:03}" for number in range(400)]
    places = {key: (at % 20 * 230.0, at // 20 * 100.0) for at, key in enumerate(keys)}
    bench = open_canvas(flow(keys, places=places))
    bench.canvas.ink.pixmaps.clear()
    bench.canvas.camera.look_at(QPointF(2300, 1000), 0.36)
    bench.canvas.viewport().repaint()
    assert bench.canvas.ink.pixmaps.is_behind  # and shows the others plainly
    bench.qtbot.waitUntil(lambda: not bench.canvas.ink.pixmaps.is_behind, timeout=10_000)


def test_a_node_that_is_gone_leaves_no_picture(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    picture(bench)
    assert len(bench.canvas.ink.pixmaps) == 3
    bench.document.push(RemoveNode("b"), "Delete")
    assert len(bench.canvas.ink.pixmaps) == 2


def test_the_empty_canvas_invites(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    assert bench.canvas.invitation == (
        "Press Tab to add a step, drop a file here, or open an example."
    )
    bench.canvas.insert_node("step")
    assert bench.canvas.invitation == ""
    bench.document.undo()
    assert bench.canvas.invitation


def test_a_note_shows_its_markdown(open_canvas: Open) -> None:
    note = Note(id="n", text="# Orders\n\n**All** of [them](https://x)", x=0, y=0)
    bench = open_canvas(flow([], notes=(note,)))
    image = picture(bench)
    assert count(image, current_theme().color("raised")) > 4000
    assert count(image, current_theme().color("waiting")) > 200  # its strip


def test_a_frame_lies_behind_its_nodes_and_under_smaller_frames(open_canvas: Open) -> None:
    outer = Frame(id="o", title="Outer", x=-60, y=-80, width=500, height=400, colour=0)
    inner = Frame(id="i", title="Inner", x=-40, y=-40, width=280, height=200, colour=3)
    bench = open_canvas(flow(["a"], frames=(inner, outer)))
    colors = current_theme().frame_colors
    assert color_at(bench, QPointF(100, 80)) == current_theme().node_body.lower()
    assert color_at(bench, QPointF(100, 130)) == colors[3].lower()
    assert color_at(bench, QPointF(100, 250)) == colors[0].lower()


def test_a_selected_node_has_an_outline(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    outline = QPointF(100, -5)
    assert color_at(bench, outline) == current_theme().canvas.lower()
    bench.document.selection.set(nodes=("a",))
    assert color_at(bench, outline) != current_theme().canvas.lower()
