"""The Notes tab: Markdown that is kept in the node and changes nothing of what runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.model.revision import revision_hash
from tests.designer.panels.inspector_window import REGISTRY, Desk, document_of, node


def test_notes_are_kept_in_the_node_and_undone_as_one(qtbot: QtBot, tmp_path: Path) -> None:
    desk = Desk(qtbot, tmp_path, document_of(node("a", "set")))
    before = revision_hash(desk.document.workflow, REGISTRY)
    page = desk.panel.notes_page
    desk.panel.tabs.setCurrentWidget(page)
    desk.select("a")
    assert page.editor.isVisible()  # there is nothing to read
    QTest.keyClicks(page.editor, "See **rule 7**")
    assert desk.document.workflow.nodes["a"].notes == "See **rule 7**"
    assert revision_hash(desk.document.workflow, REGISTRY) == before
    assert desk.panel.tabs.tabText(desk.panel.tabs.indexOf(page)) == "Notes •"
    desk.document.undo()
    assert desk.document.workflow.nodes["a"].notes == ""
    assert page.editor.toPlainText() == ""


def test_notes_are_read_first_and_written_on_enter(qtbot: QtBot, tmp_path: Path) -> None:
    noted = replace(node("a", "set"), notes="See **rule 7**")
    desk = Desk(qtbot, tmp_path, document_of(noted, node("b", "set")))
    page = desk.panel.notes_page
    desk.panel.tabs.setCurrentWidget(page)
    desk.select("a")
    assert page.reader.isVisible()
    assert page.reader.toPlainText().strip() == "See rule 7"
    QTest.keyClick(page.reader, Qt.Key.Key_Return)
    assert page.editor.isVisible() and page.editor.toPlainText() == "See **rule 7**"
    desk.select("b")
    assert page.editor.isVisible() and page.editor.toPlainText() == ""
    desk.document.selection.clear()
    desk.panel.refresh()
    assert page.nothing.isVisible()


def test_notes_of_a_stranger_load_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    desk = Desk(qtbot, tmp_path, document_of(node("a", "set")))
    assert not desk.panel.notes_page.reader.loadResource(2, "file:///etc/passwd")
