"""The cheat sheet shows every key and finds it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from designer.actions.cheat_sheet import CheatSheet, lines
from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ACTIONS, GESTURES
from designer.widgets.search_field import SearchField


@pytest.fixture
def registry(qtbot: QtBot) -> ActionRegistry:
    window = QMainWindow()
    qtbot.addWidget(window)
    return ActionRegistry(window)


def test_every_key_and_gesture_has_its_line(registry: ActionRegistry) -> None:
    texts = {line.text for line in lines(registry)}
    assert all(gesture.text in texts for gesture in GESTURES)
    assert len(lines(registry)) >= len([spec for spec in ACTIONS.values() if spec.keys])
    breakpoint_line = next(line for line in lines(registry) if line.text == "Breakpoint")
    assert breakpoint_line.keys == "F9, B"


def test_searching_leaves_what_matches(qtbot: QtBot, registry: ActionRegistry) -> None:
    sheet = CheatSheet(registry)
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


def test_it_is_not_modal(qtbot: QtBot, registry: ActionRegistry) -> None:
    sheet = CheatSheet(registry)
    qtbot.addWidget(sheet)
    assert not sheet.isModal()


def test_other_keys_are_shown_at_once(qtbot: QtBot, registry: ActionRegistry) -> None:
    sheet = CheatSheet(registry)
    qtbot.addWidget(sheet)
    registry.set_keys({**registry.keys, ActionId.NODE_TIDY: ("Ctrl+Alt+T",)})
    tidy = next(line for line in sheet.visible_lines() if line.text == "Tidy up")
    assert tidy.keys == "Ctrl+Alt+T"


def test_what_nobody_does_has_no_line(registry: ActionRegistry) -> None:
    registry.bind(ActionId.FILE_NEW, lambda: None)
    texts = {line.text for line in lines(registry)}
    assert "New workflow" in texts
    assert "Open" not in texts  # of the window as well, and nobody does it
    assert "Tidy up" not in texts
    assert "Minimap" in texts  # no canvas is there yet
