"""Search fields tell when typing rests."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.widgets.search_field import SearchField


def test_search_waits_until_typing_rests(qtbot: QtBot) -> None:
    field = SearchField("Filter nodes")
    qtbot.addWidget(field)
    told: list[str] = []
    field.search_changed.connect(told.append)
    QTest.keyClicks(field, "fetch")
    assert told == []
    qtbot.waitUntil(lambda: told == ["fetch"])


def test_search_tells_at_once_on_enter_and_when_emptied(qtbot: QtBot) -> None:
    field = SearchField("Filter nodes")
    qtbot.addWidget(field)
    told: list[str] = []
    field.search_changed.connect(told.append)
    QTest.keyClicks(field, "a ")
    QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert told == ["a", ""]
    assert field.text() == ""


def test_down_leaves_the_search_field(qtbot: QtBot) -> None:
    field = SearchField("Filter nodes")
    qtbot.addWidget(field)
    with qtbot.waitSignal(field.left_downwards):
        QTest.keyClick(field, Qt.Key.Key_Down)
