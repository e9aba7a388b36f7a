"""What was open comes back as it was looked at; layouts are chosen by key."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.docks import PERSPECTIVES
from tests.designer.runs.window import own_settings, until
from tests.e2e.desk import CTRL, open_desk
from tests.e2e.flows import asking, counting


async def test_what_was_open_comes_back_as_it_was_looked_at(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    settings = own_settings(tmp_path)
    async with open_desk(tmp_path, settings=settings) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        run = desk.tab.run
        assert run is not None
        desk.canvas.camera.look_at(QPointF(300, 40), 1.25)
        desk.tab.document.selection.set(nodes=("more",))
        desk.window.filing.open_path(asking(tmp_path))
        desk.window.tabs.setCurrentIndex(0)
        desk.window.close()
        await until(lambda: not desk.window.isVisible())
    async with open_desk(tmp_path, settings=settings) as desk:
        desk.window.restore_session()
        names = [tab.document.path.name for tab in desk.window.tabs if tab.document.path]
        assert names == ["counting.flow.json", "asking.flow.json"]
        assert desk.tab.document.workflow.id == "counting"
        assert desk.tab.document.selection.nodes == {"more"}
        assert desk.canvas.zoom == pytest.approx(1.25)
        centre = desk.canvas.camera.sight.center()
        assert (centre.x(), centre.y()) == pytest.approx((300, 40), abs=2)
        await until(lambda: desk.window.run_model.run == run)
        await until(lambda: desk.status == "completed")


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"tabs": [1, {"path": 7}]}'])
async def test_a_session_that_cannot_be_read_is_passed_over(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path, text: str
) -> None:
    settings = own_settings(tmp_path)
    settings.session = text
    async with open_desk(tmp_path, settings=settings) as desk:
        desk.window.restore_session()
        assert desk.window.tab is None


async def test_layouts_are_chosen_by_key_and_marked(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        window = desk.window
        for key, verb, name in (
            (Qt.Key.Key_2, ActionId.WINDOW_RUN, "run"),
            (Qt.Key.Key_3, ActionId.WINDOW_DEBUG, "debug"),
            (Qt.Key.Key_1, ActionId.WINDOW_DESIGN, "design"),
        ):
            desk.key(key, CTRL | Qt.KeyboardModifier.AltModifier)
            opened, front = PERSPECTIVES[name]
            assert window.actions_.action(verb).isChecked()
            assert (
                sum(
                    window.actions_.action(each).isChecked()
                    for each in (ActionId.WINDOW_RUN, ActionId.WINDOW_DEBUG, ActionId.WINDOW_DESIGN)
                )
                == 1
            )
            shown = {
                each for each in ("palette", "outline") if not window.docks.dock(each).isHidden()
            }
            assert shown == opened & {"palette", "outline"}
            await until(partial(window.docks.is_in_front, front))
