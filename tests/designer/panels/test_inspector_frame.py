"""A frame in the inspector: its title and one of eight colours."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from designer.panels.inspector_frame import COLOUR_NAMES
from designer.theme import ALL_THEMES
from engine.model.changes import SetFrameBehaviour
from engine.model.workflow import Frame, FrameBehaviour, FrameLock, Position, RetryPolicy, View
from tests.designer.panels.inspector_window import Desk, document_of, node, wire


def _desk(qtbot: QtBot, folder: Path) -> Desk:
    view = View(frames=(Frame(id="f", title="Checks"),))
    desk = Desk(qtbot, folder, document_of(node("a", "set"), view=view))
    desk.document.selection.set(frames=("f",))
    desk.panel.refresh()
    return desk


def _frame(desk: Desk) -> Frame:
    return desk.document.workflow.view.frames[0]


def test_a_frame_is_renamed_and_coloured_and_both_are_undone(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _desk(qtbot, tmp_path)
    page = desk.panel.frame_page
    assert desk.panel.page is page and page.title.text() == "Checks"
    QTest.keyClicks(page.title, "!")
    QTest.mouseClick(page.swatches.buttons[3], Qt.MouseButton.LeftButton)
    assert (_frame(desk).title, _frame(desk).colour) == ("Checks!", 3)
    assert page.swatches.buttons[3].isChecked()
    desk.document.undo()
    assert _frame(desk).colour == 0 and page.swatches.buttons[0].isChecked()
    desk.document.undo()
    assert _frame(desk).title == "Checks" and page.title.text() == "Checks"


def test_colours_are_chosen_by_keys(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _desk(qtbot, tmp_path)
    buttons = desk.panel.frame_page.swatches.buttons
    buttons[0].setFocus()
    QTest.keyClick(buttons[0], Qt.Key.Key_Left)
    assert buttons[-1].hasFocus()
    QTest.keyClick(buttons[-1], Qt.Key.Key_Space)
    assert _frame(desk).colour == len(buttons) - 1


def test_every_theme_has_the_colours() -> None:
    assert {len(theme.frame_colors) for theme in ALL_THEMES} == {len(COLOUR_NAMES)}


def test_a_locked_frame_cannot_be_coloured(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _desk(qtbot, tmp_path)
    desk.document.set_read_only("The past.")
    page = desk.panel.frame_page
    assert page.title.isReadOnly() and not page.swatches.isEnabled()


# --- what it does ---------------------------------------------------------------------------


def _doing(qtbot: QtBot, folder: Path) -> Desk:
    view = View(
        positions={"a": Position(20, 60), "b": Position(20, 160), "c": Position(900, 60)},
        frames=(Frame(id="f", title="Pay", width=400, height=300),),
    )
    document = document_of(
        node("a", "set"), node("b", "set"), node("c", "set"),
        edges=(wire("c.out", "a.in"), wire("a.out", "b.in")), view=view,
    )  # fmt: skip
    desk = Desk(qtbot, folder, document)
    desk.document.selection.set(frames=("f",))
    desk.panel.refresh()
    return desk


def _does(desk: Desk) -> FrameBehaviour | None:
    return desk.document.workflow.frames.get("f")


def test_a_frame_that_is_to_do_something_begins_with_the_nodes_on_it(
    qtbot: QtBot, tmp_path: Path
) -> None:
    desk = _doing(qtbot, tmp_path)
    rows = desk.panel.frame_page.behaviour.rows
    assert not rows["retry"].isVisibleTo(desk.panel)
    rows["does"].edited.emit(True, False)
    assert _does(desk) == FrameBehaviour(nodes=("a", "b"))
    assert rows["retry"].isVisibleTo(desk.panel)
    rows["retry"].edited.emit(True, False)
    rows["retry.attempts"].edited.emit(5, False)
    rows["timeout_s"].edited.emit("1m", False)
    rows["lock.name"].edited.emit("gpu", False)
    rows["lock.permits"].edited.emit(2, False)
    rows["one_at_a_time"].edited.emit(True, False)
    rows["meters"].edited.emit({"tokens": 3}, False)
    assert _does(desk) == FrameBehaviour(
        nodes=("a", "b"), retry=RetryPolicy(attempts=5), timeout_s=60.0,
        lock=FrameLock(name="gpu", permits=2), one_at_a_time=True, meters={"tokens": 3.0},
    )  # fmt: skip
    for _ in range(8):
        desk.document.undo()
    assert desk.document.workflow.frames == {}
    assert not rows["retry"].isVisibleTo(desk.panel)


def test_a_frame_without_nodes_says_what_to_do(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _desk(qtbot, tmp_path)
    desk.panel.frame_page.behaviour.rows["does"].edited.emit(True, False)
    assert desk.document.workflow.frames == {}


def test_what_is_wrong_with_a_frame_stands_at_its_field(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _doing(qtbot, tmp_path)
    does = FrameBehaviour(nodes=("a", "nobody"))
    desk.document.push(SetFrameBehaviour("f", does), "x")
    desk.document.validate_now()
    desk.panel.refresh()
    row = desk.panel.frame_page.behaviour.rows["nodes"]
    assert [problem.sentence for problem in row._problems] == [
        "The frame Pay has the member nobody, which is no node."
    ]


def test_a_problem_of_a_frame_leads_to_its_field(qtbot: QtBot, tmp_path: Path) -> None:
    desk = _doing(qtbot, tmp_path)
    desk.document.selection.clear()
    does = FrameBehaviour(nodes=("a",), timeout_s=-1.0)
    desk.document.push(SetFrameBehaviour("f", does), "x")
    desk.document.validate_now()
    [problem] = [p for p in desk.document.diagnostics if p.rule == "E078-frame-setting"]
    desk.panel.show_problem(problem)
    assert desk.panel.page is desk.panel.frame_page
    assert desk.document.selection.frames == {"f"}


def test_a_node_about_a_frame_offers_the_frames_by_title(qtbot: QtBot, tmp_path: Path) -> None:
    view = View(frames=(Frame(id="f", title="Pay"), Frame(id="g", title="Ship")))
    document = document_of(node("x", "frame.cancel", frame="g"), view=view)
    desk = Desk(qtbot, tmp_path, document)
    desk.select("x")
    box = desk.row("frame").field.findChild(QComboBox)
    assert isinstance(box, QComboBox)
    assert [box.itemText(n) for n in range(box.count())] == ["Pay", "Ship"]
    assert box.currentData() == "g"
