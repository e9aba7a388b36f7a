"""The window itself: small screens, and what its tool bar says of runs."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.docks import DOCKS
from tests.designer.runs.window import until
from tests.e2e.desk import Desk, open_desk
from tests.e2e.flows import counting


def _is_whole(desk: Desk, name: str) -> bool:
    """Whether all of a dock lies inside the window, and no narrower than it needs."""
    dock = desk.window.docks.dock(name)
    place = QRect(dock.mapTo(desk.window, dock.rect().topLeft()), dock.size())
    window = desk.window.rect()
    return (
        window.left() <= place.left() <= place.right() <= window.right()
        and dock.widget().width() >= dock.widget().minimumSizeHint().width()
    )


@pytest.mark.parametrize("font_px", [13, 20])
async def test_every_dock_is_whole_in_a_small_window(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path, font_px: int
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.settings.font_size_px = font_px
        desk.window.resize(1024 * font_px // 13, 700)
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        for spec in DOCKS:
            desk.window.docks.show(spec.name)
            await until(partial(_is_whole, desk, spec.name))


async def test_a_run_that_is_over_cannot_be_stopped_in_its_past(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        model = desk.window.run_model
        model.show_commit(2)
        await until(lambda: model.viewing == 2)
        assert model.view is not None and model.view.status == "running"
        assert not desk.window.actions_.action(ActionId.RUN_STOP).isEnabled()


async def test_what_was_just_typed_can_be_undone_at_once(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        undo = desk.window.actions_.action(ActionId.EDIT_UNDO)
        desk.click_node("count")
        inspector = desk.window.inspector
        inspector.tabs.setCurrentWidget(inspector.notes_page)
        await until(inspector.notes_page.editor.isVisible)
        desk.click(inspector.notes_page.editor)
        assert not undo.isEnabled()
        desk.type("x")
        assert undo.isEnabled()
