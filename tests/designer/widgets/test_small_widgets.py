"""Sections, empty states, search fields, docks' titles, chips: the small rules of each."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow, QTableView, QToolButton, QTreeView
from pytestqt.qtbot import QtBot

from designer.theme import DARK, NodeState, current_theme
from designer.widgets.buttons import ButtonSpec, IconButton, TextButton
from designer.widgets.dock_title import DockTitle
from designer.widgets.empty_state import EmptyState
from designer.widgets.kinds import Kind
from designer.widgets.search_field import SearchField
from designer.widgets.section import CollapsibleSection
from designer.widgets.speech import announce
from designer.widgets.state_chip import (
    STATE_ROLE,
    StateChip,
    StateChipDelegate,
    chip_font,
    paint_state_chip,
)
from designer.widgets.tables import polish_table, polish_tree


def test_a_section_hides_and_shows_its_content(qtbot: QtBot) -> None:
    section = CollapsibleSection("Retry", expanded=False)
    qtbot.addWidget(section)
    content = QLabel("three times")
    section.set_content(content)
    assert content.isHidden()
    header = section.findChildren(QToolButton)[0]
    with qtbot.waitSignal(section.toggled):
        QTest.keyClick(header, Qt.Key.Key_Space)
    assert not content.isHidden()
    assert section.is_expanded
    assert header.accessibleName() == "Retry, expanded"


def test_an_empty_state_speaks_and_acts(qtbot: QtBot) -> None:
    done: list[int] = []
    spec = ButtonSpec(text="Run", on_click=lambda: done.append(1))
    empty = EmptyState("Run the workflow (F5) to see events.", title="No events", actions=(spec,))
    qtbot.addWidget(empty)
    assert empty.accessibleName() == "No events. Run the workflow (F5) to see events."
    empty.findChildren(TextButton)[0].click()
    assert done == [1]
    empty.set_text("Nothing is waiting for you.")
    assert empty.accessibleName() == "Nothing is waiting for you."


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


def test_a_dock_title_follows_its_dock(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    dock = QDockWidget("Barriers", window)
    title = DockTitle(dock)
    dock.setTitleBarWidget(title)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    dock.setWindowTitle("Barriers (2)")
    assert [label.text() for label in title.findChildren(QLabel)] == ["Barriers (2)"]
    dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetMovable)
    assert all(button.isHidden() for button in title.findChildren(IconButton))


def test_the_buttons_of_a_dock_title_float_and_close(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    dock = QDockWidget("State", window)
    title = DockTitle(dock)
    dock.setTitleBarWidget(title)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    detach, close = title.findChildren(IconButton)
    detach.click()
    assert dock.isFloating()
    detach.click()
    close.click()
    assert dock.isHidden()


@pytest.mark.parametrize("state", list(NodeState))
def test_every_state_is_drawn_in_its_own_colour(qtbot: QtBot, state: NodeState) -> None:
    image = QImage(160, 24, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(DARK.color("node_body"))
    painter = QPainter(image)
    paint_state_chip(painter, QRectF(1, 1, 158, 22), DARK, state, "", chip_font())
    painter.end()
    colors = {image.pixelColor(x, y).name() for x in range(160) for y in range(24)}
    assert len(colors) > 10
    from designer.theme import STATE_STYLES

    style = STATE_STYLES[state]
    middle = image.pixelColor(150, 12)
    if style.is_filled:
        assert middle == DARK.color(style.role)
    else:
        assert middle == DARK.color("node_body")


def test_a_chip_says_its_state_and_needs_room_for_it(qtbot: QtBot) -> None:
    chip = StateChip()
    qtbot.addWidget(chip)
    narrow = chip.sizeHint().width()
    chip.set_state(NodeState.NEEDS_DECISION, "Needs approval 09:58")
    assert chip.accessibleName() == "Needs approval 09:58"
    assert chip.sizeHint().width() > narrow
    chip.set_state(NodeState.DONE)
    assert chip.words == "Done"
    assert not chip.grab().isNull()


def test_the_delegate_draws_chips_only_where_there_is_a_state(qtbot: QtBot) -> None:
    model = QStandardItemModel(2, 1)
    with_state = QStandardItem("Done 1.24 s")
    with_state.setData(NodeState.DONE.value, STATE_ROLE)
    model.setItem(0, 0, with_state)
    model.setItem(1, 0, QStandardItem("plain"))
    view = QTableView()
    qtbot.addWidget(view)
    view.setModel(model)
    view.setItemDelegate(StateChipDelegate(view))
    view.resize(300, 120)
    view.show()
    image = view.viewport().grab().toImage()
    inside = [image.pixelColor(12, y).name() for y in range(image.height())]
    ok = current_theme().color("ok").name()
    top = view.rowViewportPosition(1)
    assert ok in inside[:top]
    assert ok not in inside[top:]


def test_tables_let_tab_through(qtbot: QtBot) -> None:
    table, tree = QTableView(), QTreeView()
    qtbot.addWidget(table)
    qtbot.addWidget(tree)
    polish_table(table)
    polish_tree(tree)
    assert not table.tabKeyNavigation()
    assert not table.verticalHeader().isVisible()
    assert tree.uniformRowHeights()


def test_kinds_differ_in_words_and_announcing_needs_no_reader(qtbot: QtBot) -> None:
    assert Kind.WAITING.spoken == "Decision needed: "
    assert Kind.WAITING.icon == "barrier"
    label = QLabel("status")
    qtbot.addWidget(label)
    announce(label, "Done", assertive=True)
