"""The cheat sheet shows every key and finds it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.actions.cheat_sheet import CheatSheet, lines
from designer.actions.spec import ACTIONS, GESTURES
from designer.widgets.search_field import SearchField


def test_every_key_and_gesture_has_its_line() -> None:
    texts = {line.text for line in lines()}
    assert all(gesture.text in texts for gesture in GESTURES)
    assert len(lines()) >= len([spec for spec in ACTIONS.values() if spec.keys])
    breakpoint_line = next(line for line in lines() if line.text == "Breakpoint")
    assert breakpoint_line.keys == "F9, B"


def test_searching_leaves_what_matches(qtbot: QtBot) -> None:
    sheet = CheatSheet()
    qtbot.addWidget(sheet)
    everything = len(sheet.visible_lines())
    field = sheet.findChildren(SearchField)[0]
    QTest.keyClicks(field, "minimap")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [line.keys for line in sheet.visible_lines()] == ["M"]
    field.clear()
    assert len(sheet.visible_lines()) == everything
    field.setText("no such thing at all")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert sheet.visible_lines() == []


def test_it_is_not_modal(qtbot: QtBot) -> None:
    sheet = CheatSheet()
    qtbot.addWidget(sheet)
    assert not sheet.isModal()
