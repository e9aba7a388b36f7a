"""A frame in the inspector: its title and one of eight colours."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.panels.inspector_frame import COLOUR_NAMES
from designer.theme import ALL_THEMES
from engine.model.workflow import Frame, View
from tests.designer.panels.inspector_window import Desk, document_of, node


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
