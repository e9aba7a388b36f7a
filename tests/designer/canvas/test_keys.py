"""The canvas by keyboard alone, with the keys of the registry."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtTest import QTest

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from engine.model.workflow import Frame
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import CONTROL, SHIFT, Bench
from tests.designer.canvas.kit import flow, node

K = Qt.Key
GRID = flow(
    list("abcd"), ["a->b", "a->c"], {"a": (0, 0), "b": (320, 0), "c": (320, 160), "d": (0, 160)}
)


def with_actions(bench: Bench) -> ActionRegistry:
    actions = ActionRegistry(bench.window)
    bench.canvas.bind_actions(actions)
    return actions


def test_arrows_walk_from_node_to_node(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.document.selection.set(nodes=("a",))
    for key, found in ((K.Key_Right, "b"), (K.Key_Down, "c"), (K.Key_Left, "d"), (K.Key_Up, "a")):
        bench.key(key)
        assert bench.document.selection.nodes == {found}


def test_the_first_arrow_goes_to_the_node_in_the_middle(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.key(K.Key_Right)
    assert bench.document.selection.current == "c"  # nearest to the middle of the view


def test_shift_and_an_arrow_add_to_the_selection(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_Right, SHIFT)
    assert bench.document.selection.nodes == {"a", "b"}
    assert bench.document.selection.current == "b"


def test_control_and_an_arrow_follow_the_only_wire(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.document.selection.set(nodes=("c",))
    bench.key(K.Key_Left, CONTROL)
    assert bench.document.selection.nodes == {"a"}


def test_where_several_wires_lead_away_a_list_asks(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_Right, CONTROL)
    pick = bench.canvas.verbs.adding.list
    assert pick is not None
    assert [entry.key for entry in pick.shown] == ["b", "c"]
    QTest.keyClick(pick._field, K.Key_Down)
    QTest.keyClick(pick._field, K.Key_Return)
    assert bench.document.selection.nodes == {"c"}


def test_the_view_follows_the_focus(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"b": (3000, 0)}))
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_Right)
    assert bench.canvas.camera.sight.contains(bench.canvas.board.nodes["b"].body)


def test_delete_and_backspace_take_nodes_out(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("b",))
    bench.key(K.Key_Delete)
    assert "b" not in bench.workflow.nodes
    bench.document.selection.set(nodes=("c",))
    bench.key(K.Key_Backspace)
    assert set(bench.workflow.nodes) == {"a", "d"}


def test_control_delete_reconnects(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b", "c"], ["a->b", "b->c"]))
    with_actions(bench)
    bench.document.selection.set(nodes=("b",))
    bench.key(K.Key_Delete, CONTROL)
    assert bench.edges == {"a.out->c.in"}


def test_the_focus_goes_on_to_a_neighbour_of_what_is_deleted(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"]))
    with_actions(bench)
    bench.document.selection.set(nodes=("b",))
    bench.key(K.Key_Delete)
    assert bench.document.selection.current == "a"


def test_copy_cut_paste_and_duplicate(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"]))
    with_actions(bench)
    bench.document.selection.set(nodes=("a", "b"))
    bench.key(K.Key_C, CONTROL)
    bench.key(K.Key_V, CONTROL)
    assert len(bench.workflow.nodes) == 4
    assert len(bench.workflow.edges) == 2
    assert len(bench.document.selection.nodes) == 2  # what was pasted
    bench.key(K.Key_X, CONTROL)
    assert set(bench.workflow.nodes) == {"a", "b"}
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_D, CONTROL)
    assert len(bench.workflow.nodes) == 3
    assert bench.document.undo_stack.undoText() == "Duplicate 1 node"


def test_d_switches_off_and_on(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a", "b"))
    bench.key(K.Key_D)
    assert bench.workflow.nodes["a"].disabled
    bench.key(K.Key_D)
    assert not bench.workflow.nodes["a"].disabled


def test_nudges_in_a_row_are_one_step(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a",))
    for _ in range(3):
        bench.key(K.Key_Right, CONTROL | SHIFT)
    assert bench.place("a") == (24, 0)
    assert bench.document.undo_stack.count() == 1


def test_f2_renames_in_place(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_F2)
    field = bench.canvas.verbs.writing.title
    assert field.isVisible()
    QTest.keyClicks(field, "Fetch d")  # letters are verbs of the canvas, but not here
    QTest.keyClick(field, K.Key_Return)
    assert bench.workflow.nodes["a"].title == "Fetch d"
    assert not bench.workflow.nodes["a"].disabled
    assert bench.canvas.hasFocus()


def test_escape_leaves_the_title_as_it_was(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.canvas.verbs.writing.rename_node("a")
    QTest.keyClicks(bench.canvas.verbs.writing.title, "Other")
    QTest.keyClick(bench.canvas.verbs.writing.title, K.Key_Escape)
    assert bench.workflow.nodes["a"].title == "a"


def test_a_click_elsewhere_takes_the_title(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    bench.canvas.verbs.writing.rename_node("a")
    QTest.keyClicks(bench.canvas.verbs.writing.title, "Other")
    bench.click(bench.body("b"))
    assert bench.workflow.nodes["a"].title == "Other"


def test_enter_opens_the_inspector(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    told: list[str] = []
    bench.canvas.node_activated.connect(told.append)
    bench.document.selection.set(nodes=("b",))
    bench.key(K.Key_Return)
    assert told == ["b"]


def test_tab_opens_the_list_and_typing_does_not_act_on_the_canvas(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_Tab)
    pick = bench.canvas.verbs.adding.list
    assert pick is not None
    assert pick.isVisible()
    QTest.keyClicks(pick._field, "dfwn")
    QTest.keyClick(pick._field, K.Key_Delete)
    assert not bench.workflow.nodes["a"].disabled
    assert "a" in bench.workflow.nodes


def test_g_frames_the_selection_and_asks_for_a_title(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a", "d"))
    bench.key(K.Key_G)
    QTest.keyClicks(bench.canvas.verbs.writing.title, "Left side")
    QTest.keyClick(bench.canvas.verbs.writing.title, K.Key_Return)
    frame = bench.workflow.view.frames[0]
    assert frame.title == "Left side"
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_G, SHIFT)
    assert bench.workflow.view.frames == ()


def test_n_puts_a_note_and_lets_it_be_written(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.key(K.Key_N)
    field = bench.canvas.verbs.writing.note
    QTest.keyClicks(field, "**Read** me")
    QTest.keyClick(field, K.Key_Return, CONTROL)
    assert [note.text for note in bench.workflow.view.notes] == ["**Read** me"]


def test_select_all_none_and_invert(open_canvas: Open) -> None:
    frame = Frame(id="f", x=0, y=0)
    bench = open_canvas(flow(["a", "b"], frames=(frame,)))
    with_actions(bench)
    bench.key(K.Key_A, CONTROL)
    assert bench.document.selection.nodes == {"a", "b"}
    assert bench.document.selection.frames == {"f"}
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_I, CONTROL)
    assert bench.document.selection.nodes == {"b"}
    bench.key(K.Key_A, CONTROL | SHIFT)
    assert bench.document.selection.is_empty


def test_l_selects_downstream_and_shift_l_upstream(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    with_actions(bench)
    bench.document.selection.set(nodes=("a",))
    bench.key(K.Key_L)
    assert bench.document.selection.nodes == {"a", "b", "c"}
    bench.document.selection.set(nodes=("c",))
    bench.key(K.Key_L, SHIFT)
    assert bench.document.selection.nodes == {"a", "c"}


def test_tidy_is_one_step_and_can_be_undone(open_canvas: Open) -> None:
    bench = open_canvas(flow(list("abc"), ["a->b", "b->c"], dict.fromkeys("abc", (0, 0))))
    actions = with_actions(bench)
    assert actions.trigger(ActionId.NODE_TIDY)
    xs = [bench.place(key)[0] for key in "abc"]
    assert xs == sorted(xs)
    assert len(set(xs)) == 3
    bench.document.undo()
    assert bench.place("c") == (0, 0)


def test_bookmarks_come_back(open_canvas: Open) -> None:
    bench = open_canvas(GRID)
    at = bench.canvas.camera.sight.center()
    bench.key(K.Key_1, CONTROL | SHIFT)
    bench.canvas.set_zoom(0.5)
    bench.key(K.Key_1, CONTROL)
    assert bench.canvas.zoom == 1.0
    assert bench.canvas.camera.sight.center() == at


@pytest.mark.parametrize("verb", [ActionId.EDIT_DELETE, ActionId.EDIT_PASTE, ActionId.NODE_TIDY])
def test_in_the_past_verbs_change_nothing(open_canvas: Open, verb: ActionId) -> None:
    bench = open_canvas(flow(["a", node("b")], places={"a": (50, 50)}))
    actions = with_actions(bench)
    bench.document.selection.set(nodes=("a",))
    bench.canvas.set_run_view(None, read_only=True, label="Viewing commit 1")
    actions.trigger(verb)
    assert bench.document.undo_stack.count() == 0


def test_a_frame_around_a_whole_zone_leaves_room_for_it(open_canvas: Open) -> None:
    nodes = [node("e", "for_each"), node("x"), node("k", "collect")]
    bench = open_canvas(flow(nodes, ["e.item->x.in", "x->k"]))
    (zone,) = bench.canvas.board.zones.values()
    bench.document.selection.set(nodes=("e", "x", "k"))
    bench.canvas.verbs.frame_selection()
    (frame,) = bench.workflow.view.frames
    around = QRectF(frame.x, frame.y, frame.width, frame.height)
    assert around.contains(zone.boundingRect())
