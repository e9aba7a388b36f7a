"""The quick pick: type, choose with the keyboard, and the focus goes back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from designer.widgets.quick_pick import PickEntry, QuickPick

ENTRIES = [
    PickEntry(key="set", title="Set values", subtitle="data", icon="node-set"),
    PickEntry(key="http", title="HTTP request", subtitle="call", keywords="rest api web"),
    PickEntry(key="off", title="Shell", subtitle="call", enabled=False),
    PickEntry(key="sql", title="SQL query", subtitle="call", keys="Q"),
]


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.setCentralWidget(QLineEdit())
    made.show()
    made.activateWindow()
    work(made).setFocus()
    qtbot.waitUntil(work(made).hasFocus)
    return made


def work(window: QMainWindow) -> QWidget:
    """What the person was doing before."""
    widget = window.centralWidget()
    assert widget is not None
    return widget


@pytest.fixture
def pick(window: QMainWindow) -> QuickPick:
    made = QuickPick(window, "Add a node")
    made.open_with(ENTRIES)
    return made


def field(pick: QuickPick) -> QLineEdit:
    return pick.findChildren(QLineEdit)[0]


def titles(pick: QuickPick) -> list[str]:
    return [entry.key for entry in pick.shown]


def test_it_opens_over_the_window_with_everything(pick: QuickPick, window: QMainWindow) -> None:
    assert titles(pick) == ["set", "http", "off", "sql"]
    assert field(pick).hasFocus()
    assert window.rect().contains(pick.geometry())


def test_typing_filters_and_enter_picks_the_first(pick: QuickPick, qtbot: QtBot) -> None:
    QTest.keyClicks(field(pick), "ht")
    assert titles(pick)[0] == "http"
    with qtbot.waitSignal(pick.picked) as told:
        QTest.keyClick(field(pick), Qt.Key.Key_Return)
    assert told.args == ["http"]
    assert pick.isHidden()


def test_keywords_find_what_the_title_does_not_say(pick: QuickPick) -> None:
    QTest.keyClicks(field(pick), "rest")
    assert titles(pick) == ["http"]


def test_arrows_skip_what_cannot_be_picked_and_go_round(pick: QuickPick, qtbot: QtBot) -> None:
    for _ in range(2):
        QTest.keyClick(field(pick), Qt.Key.Key_Down)
    with qtbot.waitSignal(pick.picked) as told:
        QTest.keyClick(field(pick), Qt.Key.Key_Enter)
    assert told.args == ["sql"]
    pick.open_with(ENTRIES)
    QTest.keyClick(field(pick), Qt.Key.Key_Up)
    with qtbot.waitSignal(pick.picked) as again:
        QTest.keyClick(field(pick), Qt.Key.Key_Return)
    assert again.args == ["sql"]


def test_a_grey_entry_is_never_picked(pick: QuickPick, qtbot: QtBot) -> None:
    QTest.keyClicks(field(pick), "shell")
    with qtbot.assertNotEmitted(pick.picked):
        QTest.keyClick(field(pick), Qt.Key.Key_Return)
    assert pick.isVisible()


def test_escape_returns_the_focus(pick: QuickPick, window: QMainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(pick.closed), qtbot.assertNotEmitted(pick.picked):
        QTest.keyClick(field(pick), Qt.Key.Key_Escape)
    assert work(window).hasFocus()


def test_it_closes_when_the_focus_goes_elsewhere(pick: QuickPick, window: QMainWindow) -> None:
    work(window).setFocus()
    assert pick.isHidden()
    assert work(window).hasFocus()


def test_it_stays_inside_the_window(pick: QuickPick, window: QMainWindow) -> None:
    pick.open_with(ENTRIES, at=QPoint(5_000, 5_000))
    assert window.rect().contains(pick.geometry())


def test_nothing_found_is_said(pick: QuickPick) -> None:
    QTest.keyClicks(field(pick), "zzz")
    assert titles(pick) == []
    assert not pick.grab().isNull()


def test_opening_with_a_query_filters_at_once(pick: QuickPick) -> None:
    pick.open_with(ENTRIES, query="sql")
    assert titles(pick) == ["sql"]
    assert field(pick).selectedText() == "sql"
