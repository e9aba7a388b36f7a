"""Sections hide and show what is in them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QToolButton
from pytestqt.qtbot import QtBot

from designer.widgets.section import CollapsibleSection


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
