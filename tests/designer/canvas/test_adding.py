"""Adding nodes: by list, by drop, by double click, by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from designer.canvas.mime import NODE_TYPE_MIME
from designer.canvas.quick_add import NodePick
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import LEFT, NONE, SHIFT, Bench
from tests.designer.canvas.kit import flow, node


def pick(bench: Bench) -> NodePick:
    found = bench.canvas.verbs.adding.list
    assert found is not None
    assert found.isVisible()
    return found


def drop(bench: Bench, data: QMimeData, at: QPointF) -> bool:
    """Drag `data` over the viewport and let it go; returns whether it was taken."""
    spot = bench.on_view(at)
    actions = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(spot, actions, data, LEFT, NONE)
    QApplication.sendEvent(bench.canvas.viewport(), enter)
    if not enter.isAccepted():
        return False
    move = QDragMoveEvent(spot, actions, data, LEFT, NONE)
    QApplication.sendEvent(bench.canvas.viewport(), move)
    end = QDropEvent(QPointF(spot), actions, data, LEFT, NONE)
    QApplication.sendEvent(bench.canvas.viewport(), end)
    return end.isAccepted()


def of_type(type_id: str) -> QMimeData:
    data = QMimeData()
    data.setData(NODE_TYPE_MIME, type_id.encode())
    return data


def test_a_double_click_on_nothing_adds_where_it_was(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    bench.double_click(QPointF(200, 240))
    QTest.keyClicks(pick(bench)._field, "ask")
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return)
    assert set(bench.workflow.nodes) == {"ask"}
    assert bench.place("ask") == (200, 240)
    assert bench.document.selection.nodes == {"ask"}
    assert bench.canvas.hasFocus()


def test_a_tap_on_space_adds_and_a_hold_does_not(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    QTest.keyPress(bench.canvas, Qt.Key.Key_Space)
    bench.drag(QPointF(100, 100), QPointF(160, 100))  # pans
    QTest.keyRelease(bench.canvas, Qt.Key.Key_Space)
    assert bench.canvas.verbs.adding.list is None
    bench.key(Qt.Key.Key_Space)
    assert pick(bench).isVisible()


def test_the_new_node_is_wired_to_the_selected_one(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a"]))
    bench.document.selection.set(nodes=("a",))
    bench.canvas.open_quick_add()
    QTest.keyClicks(pick(bench)._field, "read")
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return)
    assert bench.edges == {"a.out->read.in"}
    assert bench.document.undo_stack.count() == 1


def test_by_keyboard_the_new_node_stands_beside_the_selected_one(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], places={"a": (0, 0), "b": (280, 0)}))
    assert bench.canvas.insert_node("step", None, "a") == "step"
    x, y = bench.place("step")
    assert x == 280
    assert y > 84  # not over the node that stands there


def test_shift_enter_adds_and_stays(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    bench.canvas.open_quick_add(QPointF(0, 0))
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return, SHIFT)
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return, SHIFT)
    assert len(bench.workflow.nodes) == 2
    assert pick(bench).isVisible()
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Escape)
    assert bench.canvas.hasFocus()


def test_titles_and_keys_are_unique(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    for _ in range(3):
        bench.canvas.insert_node("to_number")
    titles = [each.title for each in bench.workflow.nodes.values()]
    assert titles == ["To number", "To number 2", "To number 3"]
    assert list(bench.workflow.nodes) == ["to_number", "to_number_2", "to_number_3"]


def test_what_was_added_lately_is_listed_first(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    bench.canvas.insert_node("sum")
    bench.canvas.open_quick_add(QPointF(0, 0))
    assert pick(bench).shown[0].key == "sum"


def test_a_type_that_is_not_installed_is_refused_in_words(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    assert bench.canvas.insert_node("nowhere") is None
    assert "not installed" in bench.said[-1][0]


def test_a_type_dropped_on_nothing_is_added_under_the_pointer(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    assert drop(bench, of_type("step"), QPointF(305, 242))
    assert bench.place("step") == (200, 200)


def test_a_type_dropped_on_a_wire_goes_into_it(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"], {"b": (600, 0)}))
    middle = (bench.port("a.out") + bench.port("b.in", output=False)) / 2
    assert drop(bench, of_type("read"), middle)
    assert bench.edges == {"a.out->read.in", "read.out->b.in"}
    assert bench.document.undo_stack.count() == 1


def test_a_type_that_does_not_fit_the_wire_is_added_without(open_canvas: Open) -> None:
    workflow = flow([node("r", "read"), "b"], ["r->b"], {"b": (600, 0)})
    bench = open_canvas(workflow)
    middle = (bench.port("r.out") + bench.port("b.in", output=False)) / 2
    assert drop(bench, of_type("sum"), middle)
    assert bench.edges == {"r.out->b.in"}
    assert "sum" in bench.workflow.nodes


def test_a_workflow_file_that_is_dropped_is_told(open_canvas: Open, tmp_path: Path) -> None:
    bench = open_canvas(flow([]))
    told: list[Path] = []
    bench.canvas.file_dropped.connect(told.append)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "x.flow.json"))])
    assert drop(bench, data, QPointF(0, 0))
    assert told == [tmp_path / "x.flow.json"]


@pytest.mark.parametrize("data", ["text", "unknown"])
def test_anything_else_is_not_taken(open_canvas: Open, data: str) -> None:
    bench = open_canvas(flow([]))
    mime = QMimeData()
    if data == "text":
        mime.setText("hello")
    else:
        mime.setData(NODE_TYPE_MIME, b"nowhere")
    assert not drop(bench, mime, QPointF(0, 0))
    assert bench.workflow.nodes == {}


def test_a_double_click_on_a_wire_offers_what_fits_into_it(open_canvas: Open) -> None:
    workflow = flow([node("r", "read"), node("n", "to_number")], ["r->n"], {"n": (600, 0)})
    bench = open_canvas(workflow)
    bench.double_click((bench.port("r.out") + bench.port("n.in", output=False)) / 2)
    keys = {entry.key for entry in pick(bench).shown}
    assert "step" in keys
    assert "sum" not in keys
    assert "end" not in keys


def test_wiring_by_keyboard_lists_the_targets(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b", node("s", "start"), node("m", "sum")]))
    bench.document.selection.set(nodes=("a",))
    bench.canvas.verbs.adding.wire_from_selection()
    keys = {entry.key for entry in pick(bench).shown}
    assert keys == {"a.in", "b.in", "m.numbers"}
    QTest.keyClicks(pick(bench)._field, "b")
    QTest.keyClick(pick(bench)._field, Qt.Key.Key_Return)
    assert bench.edges == {"a.out->b.in"}


def test_in_the_past_nothing_is_added(open_canvas: Open) -> None:
    bench = open_canvas(flow([]))
    bench.canvas.set_run_view(None, read_only=True, label="Viewing commit 3")
    bench.double_click(QPointF(0, 0))
    assert bench.canvas.insert_node("step") is None
    drop(bench, of_type("step"), QPointF(0, 0))
    assert bench.workflow.nodes == {}
    assert {text for text, _ in bench.said} == {"Viewing commit 3: go back to the present to edit."}


def test_a_note_covers_no_node_and_no_other_note(open_canvas: Open) -> None:
    bench = open_canvas(flow(["a", "b"], ["a->b"]))
    for _ in range(2):
        bench.canvas.verbs.add_note()
    notes = [QRectF(n.x, n.y, n.width, n.height) for n in bench.workflow.view.notes]
    bodies = [shape.body for shape in bench.canvas.board.nodes.values()]
    assert len(notes) == 2 and not notes[0].intersects(notes[1])
    assert not any(note.intersects(body) for note in notes for body in bodies)
