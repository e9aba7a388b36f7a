"""Selecting with the mouse."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt

from engine.model.workflow import Frame
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import ALT, SHIFT
from tests.designer.canvas.kit import flow

ROW = flow(["a", "b", "c"], ["a->b", "b->c"])


def test_a_click_selects_one_node_and_gives_it_the_focus(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.click(bench.body("a"))
    assert bench.document.selection.nodes == {"a"}
    bench.click(bench.body("b"))
    assert bench.document.selection.nodes == {"b"}
    assert bench.document.selection.current == "b"


def test_shift_click_adds_and_takes_out(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.click(bench.body("a"))
    bench.click(bench.body("b"), SHIFT)
    assert bench.document.selection.nodes == {"a", "b"}
    bench.click(bench.body("a"), SHIFT)
    assert bench.document.selection.nodes == {"b"}


def test_a_click_on_one_of_several_leaves_only_it(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("a", "b"))
    bench.click(bench.body("a"))
    assert bench.document.selection.nodes == {"a"}


def test_a_click_on_nothing_selects_nothing(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("a",))
    bench.click(QPointF(300, 400))
    assert bench.document.selection.is_empty


def test_a_click_on_a_wire_selects_it(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.click((bench.port("a.out") + bench.port("b.in", output=False)) / 2)
    assert bench.document.selection.edges == {"a.out->b.in"}


def test_the_box_selects_what_it_touches(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.drag(QPointF(-60, -60), QPointF(350, 60))
    assert bench.document.selection.nodes == {"a", "b"}


def test_the_box_with_alt_selects_only_what_lies_inside(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    start, end = QPointF(-60, -60), QPointF(350, 200)
    bench.press(start, ALT)
    bench.move(QPointF(100, 100))
    # A move carries the keys of the keyboard, which is not pressed here: send them along.
    pointer = bench.canvas.pointer_at(QPointF(bench.on_view(end)), ALT)
    bench.canvas.router.move(pointer)
    bench.release(end, ALT)
    assert bench.document.selection.nodes == {"a"}


def test_the_box_with_shift_adds(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("c",))
    start, end = QPointF(-60, -60), QPointF(100, 60)
    bench.press(start, SHIFT)
    bench.canvas.router.move(bench.canvas.pointer_at(QPointF(bench.on_view(end)), SHIFT))
    bench.release(end, SHIFT)
    assert bench.document.selection.nodes == {"a", "c"}


def test_escape_gives_back_what_was_selected_before_the_box(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("c",))
    bench.press(QPointF(-60, -60))
    bench.move(QPointF(350, 60))
    assert bench.document.selection.nodes == {"a", "b"}
    bench.key(Qt.Key.Key_Escape)
    assert bench.document.selection.nodes == {"c"}
    assert not bench.canvas.router.is_busy


def test_a_frame_is_taken_by_its_title_and_its_inside_is_free(open_canvas: Open) -> None:
    frame = Frame(id="f", title="Fetch", x=-40, y=-60, width=320, height=260)
    bench = open_canvas(flow(["a"], frames=(frame,)))
    bench.click(QPointF(100, -45))
    assert bench.document.selection.frames == {"f"}
    bench.click(QPointF(100, 150))
    assert bench.document.selection.is_empty


def test_a_node_over_another_is_hit_first_and_its_ports_stay_its_own(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"a": (0, 0), "b": (20, 10)}))
    bench.click(QPointF(110, 30))
    chosen = bench.document.selection.nodes
    assert len(chosen) == 1
