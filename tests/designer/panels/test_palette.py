"""The palette: every node type, found by words, inserted by keyboard and mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from designer.panels.palette import PalettePanel, found_by
from designer.settings import Settings
from tests.designer.panels.inspector_window import REGISTRY
from tests.designer.runs.window import Heard, own_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return own_settings(tmp_path)


@pytest.fixture
def panel(qtbot: QtBot, settings: Settings) -> PalettePanel:
    made = PalettePanel(REGISTRY, settings)
    qtbot.addWidget(made)
    made.resize(230, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def _rows(panel: PalettePanel, parent: QModelIndex | None = None) -> list[str]:
    model, root = panel.tree.model(), parent or QModelIndex()
    return [str(model.index(row, 0, root).data()) for row in range(model.rowCount(root))]


def _section(panel: PalettePanel, title: str) -> list[str]:
    return _rows(panel, panel.tree.model().index(_rows(panel).index(title), 0))


def _go_to(panel: PalettePanel, section: str, title: str) -> None:
    model = panel.tree.model()
    head = model.index(_rows(panel).index(section), 0)
    index = model.index(_rows(panel, head).index(title), 0, head)
    panel.tree.setFocus()
    panel.tree.setCurrentIndex(index)


def test_every_type_is_in_its_category(panel: PalettePanel) -> None:
    listed = [title for section in _rows(panel) for title in _section(panel, section)]
    assert sorted(listed) == sorted(kind.title for kind in REGISTRY)
    assert _rows(panel)[0] == "Trigger"


@pytest.mark.parametrize(
    ("query", "first"), [("web", "Webhook"), ("if", "Switch"), ("htt", "HTTP request"),
                         ("approve", "Barrier"), ("sq", "SQL")],
)  # fmt: skip
def test_a_word_finds_the_type_that_it_means(query: str, first: str) -> None:
    assert found_by(query, REGISTRY)[0].title == first


def test_a_word_that_means_nothing_finds_nothing(panel: PalettePanel, qtbot: QtBot) -> None:
    QTest.keyClicks(panel.search, "qqq")
    qtbot.waitUntil(panel.empty.isVisible)
    assert panel.tree.isHidden()


def test_enter_in_the_search_inserts_the_best(panel: PalettePanel) -> None:
    heard = Heard(panel.insert_requested)
    QTest.keyClicks(panel.search, "wait")
    QTest.keyClick(panel.search, Qt.Key.Key_Return)
    assert heard.calls == [("wait",)]


def test_down_leads_from_the_search_into_the_list(panel: PalettePanel) -> None:
    heard = Heard(panel.insert_requested)
    panel.search.setFocus()
    QTest.keyClick(panel.search, Qt.Key.Key_Down)
    assert panel.tree.hasFocus()
    QTest.keyClick(panel.tree, Qt.Key.Key_Return)
    assert heard.calls == [("trigger.event",)]


def test_enter_on_a_type_inserts_it_and_stays_there(panel: PalettePanel) -> None:
    heard = Heard(panel.insert_requested)
    _go_to(panel, "Data", "Template")
    QTest.keyClick(panel.tree, Qt.Key.Key_Return)
    assert heard.calls == [("template",)]
    assert _section(panel, "Recent") == ["Template"]
    assert panel.tree.currentIndex().data() == "Template"
    assert panel.tree.currentIndex().parent().data() == "Data"


def test_a_double_click_inserts(panel: PalettePanel) -> None:
    heard = Heard(panel.insert_requested)
    _go_to(panel, "Flow", "Join")
    place = panel.tree.visualRect(panel.tree.currentIndex()).center()
    view = panel.tree.viewport()
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=place)
    assert heard.calls == [("join",)]


def test_recent_types_are_few_and_newest_first(panel: PalettePanel) -> None:
    for query in ("switch", "join", "end", "wait", "sql", "template", "join"):
        panel.search.setText(query)
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
    panel.search.clear()
    panel.hide()
    panel.show()
    assert _section(panel, "Recent") == ["Join", "Template", "SQL", "Wait", "End"]


def test_a_favourite_is_starred_and_unstarred_in_the_menu(
    panel: PalettePanel, settings: Settings
) -> None:
    for wanted in (("end",), ()):
        _go_to(panel, "Flow", "End")
        panel.tree.customContextMenuRequested.emit(QPoint(5, 5))
        menu = panel.findChild(QMenu)
        assert menu is not None
        menu.actions()[1].trigger()
        menu.setParent(None)
        menu.deleteLater()
        assert settings.palette_favourites == wanted
    assert "Favourites" not in _rows(panel)


def test_rows_are_high_enough_at_the_first_showing(panel: PalettePanel) -> None:
    head = panel.tree.model().index(0, 0)
    assert (
        panel.tree.visualRect(head).height()
        == panel.tree.visualRect(panel.tree.model().index(0, 0, head)).height()
    )
    letters = QFontMetrics(head.data(Qt.ItemDataRole.FontRole))
    assert panel.tree.visualRect(head).height() >= letters.height()
