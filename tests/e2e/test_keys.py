"""Keys of the person's own: chosen in the window, at work at once, and kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.dialogs import SettingsDialog
from designer.main_window.key_editor import KeyEditor
from designer.widgets.buttons import TextButton
from tests.designer.runs.window import until
from tests.e2e.desk import Desk, open_desk
from tests.e2e.flows import counting


async def _editor(desk: Desk) -> KeyEditor:
    desk.window.actions_.trigger(ActionId.APP_CHANGE_KEYS)
    await until(lambda: desk.window.findChildren(KeyEditor))
    editor = desk.window.findChildren(KeyEditor)[-1]
    await until(editor.isVisible)
    return editor


async def test_a_taken_key_is_said_and_taken_away_only_when_wanted(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        registry = desk.window.actions_
        editor = await _editor(desk)
        editor.choose(ActionId.APP_SETTINGS)
        editor.keys.setKeySequence(QKeySequence("F5"))
        assert editor.note.text() == "F5 means Run now. Assign takes it away there."
        assert registry.keys[ActionId.RUN_START] == ("F5",)
        desk.click(editor.assign)
        assert registry.keys[ActionId.APP_SETTINGS] == ("F5",)
        assert registry.keys[ActionId.RUN_START] == ()
        editor.choose(ActionId.RUN_START)
        desk.click(editor.reset)
        assert registry.keys[ActionId.RUN_START] == ("F5",)
        assert registry.keys[ActionId.APP_SETTINGS] == ("Ctrl+,",)
        editor.keys.setKeySequence(QKeySequence("R"))
        assert "lost to typing" in editor.note.text() and not editor.assign.isEnabled()
        editor.close()


async def test_a_preset_is_at_work_at_once(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        editor = await _editor(desk)
        index = editor.preset.findData("blender")
        editor.preset.setCurrentIndex(index)
        editor.preset.activated.emit(index)
        editor.close()
        desk.window.activateWindow()
        desk.canvas.setFocus()
        await until(desk.canvas.hasFocus)
        desk.click_node("count")
        desk.key(Qt.Key.Key_M)
        assert desk.tab.document.workflow.nodes["count"].disabled


async def test_the_settings_lead_to_the_keys(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.actions_.trigger(ActionId.APP_SETTINGS)
        await until(lambda: desk.window.findChildren(SettingsDialog))
        dialog = desk.window.findChildren(SettingsDialog)[0]
        button = next(b for b in dialog.findChildren(TextButton) if "keys" in b.text())
        desk.click(button)
        await until(lambda: desk.window.findChildren(KeyEditor))
        desk.window.findChildren(KeyEditor)[0].close()
        dialog.close()
