"""A dock's title follows its dock."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow
from pytestqt.qtbot import QtBot

from designer.widgets.buttons import IconButton
from designer.widgets.dock_title import DockTitle


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
