"""The command palette lists what can be done and remembers what was."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.actions.palette import CommandPalette
from designer.actions.registry import ActionRegistry


@pytest.fixture
def palette(qtbot: QtBot) -> CommandPalette:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return CommandPalette(ActionRegistry(window), window)


def test_only_what_somebody_can_do_is_listed(palette: CommandPalette) -> None:
    assert palette.entries() == []
    palette.registry.bind(ActionId.RUN_START, lambda: None)
    palette.registry.bind(ActionId.RUN_STOP, lambda: None, enabled_when=lambda: False)
    palette.registry.bind(ActionId.APP_COMMAND_PALETTE, lambda: None)
    found = {entry.key: entry.enabled for entry in palette.entries()}
    assert found == {"run.start": True, "run.stop": False}


def test_a_verb_is_done_after_the_palette_has_closed(palette: CommandPalette) -> None:
    seen: list[bool] = []
    palette.registry.bind(ActionId.NODE_TIDY, lambda: seen.append(palette.isHidden()))
    palette.open_palette()
    field = palette.findChildren(QLineEdit)[0]
    QTest.keyClicks(field, "tid")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert seen == [True]


def test_what_was_done_last_comes_first(palette: CommandPalette) -> None:
    for verb in (ActionId.FILE_NEW, ActionId.FILE_OPEN, ActionId.RUN_START):
        palette.registry.bind(verb, lambda: None)
    palette.picked.emit("run.start")
    palette.picked.emit("file.open")
    palette.picked.emit("run.start")
    assert [entry.key for entry in palette.entries()] == ["run.start", "file.open", "file.new"]


def test_entries_show_title_group_and_key(palette: CommandPalette) -> None:
    palette.registry.bind(ActionId.FILE_OPEN, lambda: None)
    (entry,) = palette.entries()
    assert (entry.title, entry.subtitle, entry.keys) == ("Open", "File", "Ctrl+O")
