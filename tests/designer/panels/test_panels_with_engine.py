"""The panels with the real engine on a real store: the first minute of a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QTableView, QTreeView, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from designer.actions.registry import ActionRegistry
from designer.panels.barrier_dialog import BarrierDialog
from designer.panels.barriers import BarriersPanel
from designer.panels.checkpoints import CheckpointsPanel
from designer.panels.frontier import FrontierPanel
from designer.panels.frontier_model import Column
from designer.panels.log import LogPanel
from designer.panels.state import StatePanel
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from designer.widgets.json_tree import JsonTreeView
from engine.events import RunStarted
from tests.designer.runs.real_engine import open_real, start_and_wait
from tests.designer.runs.window import Heard, until

P = TypeVar("P", bound=QWidget)
LEFT = Qt.MouseButton.LeftButton


@asynccontextmanager
async def _window(model: RunModel, kind: Callable[..., P]) -> AsyncGenerator[P]:
    window = QWidget()
    layout = QVBoxLayout(window)
    panel = kind(model.client, model, model.client.settings, ActionRegistry(window), window)
    if not panel.isWindow():
        layout.addWidget(panel)
    window.resize(900, 560)
    window.show()
    window.activateWindow()
    await until(window.isActiveWindow)
    try:
        yield panel
    finally:
        window.close()
        window.deleteLater()


async def _completed(model: RunModel, client: EngineClient) -> None:
    await until(lambda: model.live is not None and model.live.status == "completed")
    await until(lambda: client.is_settled)


async def test_the_inbox_approves_an_edited_amount_by_keyboard(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, model):
        run = await start_and_wait(client, model)
        async with _window(model, BarriersPanel) as panel:
            await until(panel.detail.approve.isEnabled)
            panel.focus_list()
            QTest.keyClick(panel.list, Qt.Key.Key_E)
            tree = panel.detail.payload.values.findChild(QTreeView)
            assert isinstance(tree, JsonTreeView)
            assert tree.hasFocus()
            assert tree.reveal(("sum",))
            tree.setCurrentIndex(tree.currentIndex().siblingAtColumn(1))
            QTest.keyClick(tree, Qt.Key.Key_F2)
            editor = tree.viewport().findChild(QLineEdit)
            assert editor is not None
            QTest.keyClicks(editor, "95")
            QTest.keyClick(editor, Qt.Key.Key_Return)
            await until(lambda: panel.detail.payload.is_edited)
            panel.focus_list()
            QTest.keyClick(panel.list, Qt.Key.Key_A)
            await _completed(model, client)
            await until(panel.empty.isVisible)
        assert model.live is not None
        assert model.live.result == {"paid": 95, "of": 120}
        decision = engine.decisions(run)[0]
        assert (decision.choice, decision.through) == ("modify", "designer")


async def test_the_dialog_comes_when_the_run_asks_and_goes_when_it_is_answered(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        client.refresh()
        await until(lambda: client.is_settled)
        async with _window(model, BarrierDialog) as dialog:
            await start_and_wait(client, model)
            await until(lambda: dialog.isVisible() and dialog.detail.approve.isEnabled())
            assert not dialog.isActiveWindow()
            QTest.mouseClick(dialog.detail.approve, LEFT)
            await until(lambda: not dialog.isVisible())
            await _completed(model, client)


async def test_an_edit_that_is_not_allowed_is_refused_on_the_spot(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        async with _window(model, BarriersPanel) as panel:
            await until(panel.detail.approve.isEnabled)
            panel.detail.edit()
            panel.detail.payload._take({"sum": "much", "rows": [1]}, panel.detail.payload.page)
            await until(lambda: "rows" in panel.detail.payload.summary)
            panel.detail.choose("approve")
            await until(panel.detail.head.banners.keys)
            banner = panel.detail.head.banners.banner("status")
            assert banner is not None
            assert "do not fit" in banner.text
            assert panel.detail.is_open
        assert len(client.inbox) == 1


async def test_the_frontier_says_that_the_run_waits_for_a_person(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        async with _window(model, FrontierPanel) as panel:
            requests = Heard(panel.request_activated)
            table = panel.table.model()
            await until(lambda: table.rowCount() == 1)
            assert table.index(0, Column.NODE).data() == "Approve"
            assert table.index(0, Column.WHY).data() == "waits for approval"
            panel.table.chosen.emit(table.index(0, 0))
            assert requests.calls == [(client.inbox[0].request,)]


async def test_an_old_checkpoint_is_shown_and_run_again_with_another_value(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, model):
        parent = await start_and_wait(client, model)
        await client.decide(client.inbox[0], "approve")
        await _completed(model, client)
        async with _window(model, CheckpointsPanel) as panel:
            at = next(tick.number for tick in model.commits if tick.tasks == ("total",))
            point = panel.timeline.point_of(parent, at)
            assert point is not None
            QTest.mouseClick(panel.timeline, LEFT, pos=point.toPoint())
            await until(lambda: model.viewing == at)
            QTest.mouseClick(panel.fork, LEFT)
            dialog = panel.fork_dialog
            assert dialog is not None
            await until(dialog.names.count)
            assert "Asks again" in dialog.effects.text()
            dialog.names.setCurrentRow(0)
            dialog.editor.selectAll()
            QTest.keyClicks(dialog.editor, "7")
            QTest.mouseClick(dialog.start, LEFT)
            await until(lambda: model.run != parent and client.inbox)
        assert engine.run(model.run or "").parent_commit == at
        started = engine.events(model.run or "")[0].event
        assert isinstance(started, RunStarted)
        assert started.edited == ("total",)


async def test_a_replay_of_what_was_recorded_is_reported_as_equal(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        await client.decide(client.inbox[0], "approve")
        await _completed(model, client)
        async with _window(model, CheckpointsPanel) as panel:
            panel.start_replay()
            await until(panel.banners.keys)
            banner = panel.banners.banner("replay")
            assert banner is not None
            assert "all the same. Nothing outside was touched." in banner.text


async def test_state_and_log_show_the_same_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        async with _window(model, StatePanel) as state, _window(model, LogPanel) as log:
            await until(lambda: state.reading is not None and state.view.value == {"total": 120})
            table = log.table.model()
            await until(lambda: table.rowCount() > 5)
            texts = [table.index(row, 4).data() for row in range(table.rowCount())]
            row = next(i for i, text in enumerate(texts) if text.startswith("Add up finished"))
            assert isinstance(log.table, QTableView)
            log.table.clicked.emit(table.index(row, 4))
            await until(lambda: model.viewing is not None)
            await until(lambda: state.reading is not None and state.reading.commit == model.viewing)
            assert state.marks.text().startswith("~1 since checkpoint")
