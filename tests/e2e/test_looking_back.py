"""The past in the window: every commit of a long run as it was, and a fork from one of them."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.panels.state import StatePanel
from designer.runs.run_model import RunModel
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, Desk, open_desk
from tests.e2e.flows import counting

ROUNDS = 100


async def _run(desk: Desk, file: Path) -> str:
    desk.window.filing.open_path(file)
    desk.key(Qt.Key.Key_F5)
    await desk.ended()
    assert desk.window.run_model.run is not None
    return desk.window.run_model.run


async def test_every_commit_of_a_long_run_is_shown_as_it_was(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        run = await _run(desk, counting(tmp_path, ROUNDS))
        model, panel = desk.window.run_model, desk.window.state
        desk.window.docks.show("state")
        assert model.last_commit >= 2 * ROUNDS
        for k in range(model.last_commit + 1):
            model.show_commit(k)
            await until(partial(_shows, model, k))
            then = desk.engine.view(run, k)
            assert model.view is not None
            assert model.view.nodes == then.nodes
            assert model.view.status == then.status
            if k % 20 == 0:
                await until(partial(_has_read, panel, k))
                assert panel.view.value == {"n": desk.engine.state_at(run, k).channels["n"]}


def _shows(model: RunModel, commit: int) -> bool:
    return model.shown_commit == commit and model.view is not None


def _has_read(panel: StatePanel, commit: int) -> bool:
    return panel.reading is not None and panel.reading.commit == commit


async def test_the_past_cannot_be_edited_and_says_what_it_is(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _run(desk, counting(tmp_path, 3))
        model, document = desk.window.run_model, desk.tab.document
        await desk.can(ActionId.HISTORY_PREVIOUS)
        desk.window.actions_.trigger(ActionId.HISTORY_TIMELINE)
        desk.key(Qt.Key.Key_Comma)
        desk.key(Qt.Key.Key_Comma)
        await until(lambda: model.viewing == model.last_commit - 2)
        banners = desk.window.banners.keys()
        assert "past" in banners
        assert desk.canvas.is_read_only and document.read_only_reason
        desk.key(Qt.Key.Key_Period)
        await until(lambda: model.viewing == model.last_commit - 1)
        desk.key(Qt.Key.Key_Escape)
        await until(lambda: model.is_live)
        assert not desk.window.banners.keys()
        assert not desk.canvas.is_read_only and not document.read_only_reason


async def test_a_fork_with_one_value_changed_leaves_the_old_run_alone(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        parent = await _run(desk, counting(tmp_path, 5))
        before = desk.engine.history(parent)
        model = desk.window.run_model
        model.show_commit(4)
        await until(lambda: model.shown_commit == 4)
        desk.window.docks.show("checkpoints")
        await desk.can(ActionId.HISTORY_FORK)
        desk.key(Qt.Key.Key_K, CTRL)
        dialog = desk.window.checkpoints.fork_dialog
        assert dialog is not None
        await until(dialog.names.count)
        dialog.names.setCurrentRow(0)
        dialog.editor.selectAll()
        QTest.keyClicks(dialog.editor, "4")
        desk.click(dialog.start)
        await until(lambda: model.run not in (None, parent))
        await desk.ended()
        child = desk.engine.run(model.run or "")
        assert (child.parent, child.parent_commit) == (parent, 4)
        assert desk.engine.state_at(child.run).channels["n"] == 5
        assert desk.engine.history(parent) == before
        assert len(desk.engine.history(child.run)) < len(before)
