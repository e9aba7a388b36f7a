"""Dragging nodes, frames and notes: one step, in line, cancelled by Escape."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPointF, Qt

from engine.model.workflow import Frame, FrameBehaviour, Note
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import MIDDLE
from tests.designer.canvas.kit import flow

ROW = flow(["a", "b", "c"], ["a->b", "b->c"])


def test_a_drag_moves_the_node_in_one_step(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    before = bench.workflow
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 203))
    assert bench.place("a") == (0, 200)  # on the grid of 8
    assert bench.document.undo_stack.count() == 1
    assert bench.document.undo_stack.undoText() == "Move 1 node"
    bench.document.undo()
    assert bench.workflow == before
    assert bench.canvas.board.nodes["a"].y == 0


def test_all_selected_nodes_move_together(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("a", "b"))
    bench.drag(bench.body("b"), bench.body("b") + QPointF(0, 160))
    assert (bench.place("a"), bench.place("b")) == ((0, 160), (320, 160))
    assert bench.place("c") == (640, 0)


def test_the_document_is_edited_at_the_end_only(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    start = bench.body("a")
    bench.press(start)
    bench.move(start + QPointF(0, 103))
    assert bench.canvas.board.nodes["a"].y > 0
    assert bench.place("a") == (0, 0)
    bench.release(start + QPointF(0, 103))
    assert bench.place("a") == (0, 104)


def test_escape_puts_everything_back(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    start = bench.body("a")
    bench.press(start)
    bench.move(start + QPointF(50, 130))
    bench.key(Qt.Key.Key_Escape)
    bench.release(start + QPointF(50, 130))
    assert bench.canvas.board.nodes["a"].place == QPointF(0, 0)
    assert bench.document.undo_stack.count() == 0


def test_a_tremor_is_a_click(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.drag(bench.body("a"), bench.body("a") + QPointF(2, 1))
    assert bench.document.undo_stack.count() == 0
    assert bench.document.selection.nodes == {"a"}


def test_a_node_snaps_to_the_row_of_a_neighbour(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"a": (0, 0), "b": (300, 131)}))
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 128))
    assert bench.place("a") == (0, 131)  # off the grid, in line with the neighbour


def test_edges_follow_the_node_while_it_is_dragged(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    start = bench.body("b")
    bench.press(start)
    bench.move(start + QPointF(0, 150))
    assert bench.canvas.board.edges["a.out->b.in"].end == bench.port("b.in", output=False)
    bench.release(start + QPointF(0, 150))
    assert bench.canvas.board.edges["b.out->c.in"].start == bench.port("b.out")


def test_a_wire_between_two_dragged_nodes_moves_with_them(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("a", "b"))
    middle = bench.canvas.board.edges["a.out->b.in"].middle()
    bench.press(bench.body("a"))
    bench.move(bench.body("a") + QPointF(0, 80))
    assert bench.canvas.board.edges["a.out->b.in"].middle() == middle + QPointF(0, 80)
    bench.release(bench.body("a"))


def test_a_frame_takes_along_what_lies_on_it(open_canvas: Open) -> None:
    frame = Frame(id="f", title="Fetch", x=-40, y=-60, width=300, height=200)
    note = Note(id="n", text="Hi", x=-20, y=90, width=100, height=40)
    bench = open_canvas(flow(["a", "b"], frames=(frame,), notes=(note,)))
    bench.drag(QPointF(200, -45), QPointF(200, 115))
    view = bench.workflow.view
    assert bench.place("a") == (0, 160)
    assert bench.place("b") == (320, 0)
    assert (view.frames[0].y, view.notes[0].y) == (100, 250)
    assert bench.document.undo_stack.count() == 1


def test_a_lonely_node_dropped_on_a_wire_goes_into_it(open_canvas: Open) -> None:
    workflow = flow(["a", "b", "x"], ["a->b"], {"a": (0, 0), "b": (600, 0), "x": (300, 300)})
    bench = open_canvas(workflow)
    bench.drag(bench.body("x"), bench.body("x") + QPointF(0, -300))
    assert bench.edges == {"a.out->x.in", "x.out->b.in"}
    assert bench.document.undo_stack.count() == 1
    bench.document.undo()
    assert bench.workflow == workflow


def test_a_wired_node_over_a_wire_is_only_moved(open_canvas: Open) -> None:
    places = {"a": (0, 0), "b": (600, 0), "x": (300, 300), "y": (600, 300)}
    bench = open_canvas(flow(["a", "b", "x", "y"], ["a->b", "x->y"], places))
    bench.drag(bench.body("x"), bench.body("x") + QPointF(0, -300))
    assert "a.out->b.in" in bench.edges


def test_a_locked_node_stays(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    bench.document.selection.set(nodes=("a",))
    bench.canvas.verbs.toggle_lock()
    assert bench.canvas.board.nodes["a"].visual.locked
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 80))
    assert bench.place("a") == (0, 0)
    bench.canvas.verbs.toggle_lock()
    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 80))
    assert bench.place("a") == (0, 80)


@pytest.mark.parametrize("what", ["frame", "note"])
def test_a_handle_resizes(open_canvas: Open, what: str) -> None:
    frame = Frame(id="f", x=0, y=200, width=200, height=120)
    note = Note(id="n", x=0, y=200, width=200, height=120)
    workflow = flow([], frames=(frame,)) if what == "frame" else flow([], notes=(note,))
    bench = open_canvas(workflow)
    bench.document.selection.only(**{what: what[0]})
    bench.drag(QPointF(200, 320), QPointF(281, 401))
    view = bench.workflow.view
    box = view.frames[0] if what == "frame" else view.notes[0]
    assert (box.x, box.y, box.width, box.height) == (0, 200, 280, 200)


def test_a_box_never_gets_smaller_than_can_be_taken(open_canvas: Open) -> None:
    bench = open_canvas(flow([], notes=(Note(id="n", x=0, y=0, width=200, height=120),)))
    bench.document.selection.set(notes=("n",))
    bench.drag(QPointF(0, 0), QPointF(500, 400))
    note = bench.workflow.view.notes[0]
    assert (note.width, note.height) == (80, 48)
    assert (note.x + note.width, note.y + note.height) == (200, 120)


def test_the_middle_button_pans(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    before = bench.canvas.camera.sight.topLeft()
    at = bench.body("a")
    bench.press(at, button=MIDDLE)
    bench.move(at + QPointF(40, 30))
    bench.canvas.router.release(
        bench.canvas.pointer_at(QPointF(0, 0), Qt.KeyboardModifier.NoModifier), MIDDLE
    )
    assert bench.canvas.camera.sight.topLeft() == before - QPointF(40, 30)
    assert bench.document.undo_stack.count() == 0


def test_the_view_follows_a_drag_beyond_its_edge(open_canvas: Open) -> None:
    bench = open_canvas(ROW)
    start = bench.body("a")
    before = bench.canvas.camera.sight.left()
    bench.press(start)
    edge = bench.canvas.to_scene(QPointF(4, 300))
    bench.move(edge)
    bench.qtbot.waitUntil(lambda: bench.canvas.camera.sight.left() < before - 60, timeout=2000)
    bench.key(Qt.Key.Key_Escape)


def test_a_node_dragged_onto_a_frame_that_does_something_becomes_its_member(
    open_canvas: Open,
) -> None:
    """In one step with the move, and undone with it; dragged off it is none any more."""
    frame = Frame(id="f", x=-20, y=300, width=900, height=300)
    drawn = flow(["a", "b"], ["a->b"], {"a": (0, 0), "b": (320, 360)}, frames=(frame,))
    bench = open_canvas(replace(drawn, frames={"f": FrameBehaviour(nodes=("b",))}))

    def members() -> tuple[str, ...]:
        return bench.workflow.frames["f"].nodes

    bench.drag(bench.body("a"), bench.body("a") + QPointF(0, 400))
    assert members() == ("a", "b")
    bench.document.undo()
    assert members() == ("b",) and bench.place("a") == (0, 0)
    bench.drag(bench.body("b"), bench.body("b") + QPointF(0, -360))
    assert members() == ()
