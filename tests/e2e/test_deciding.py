"""Decisions in the window: every answer, every refusal, and the moments around them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.runs.rows import DecisionRefused
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, Desk, open_desk
from tests.e2e.flows import asking
from tests.engine.cli.program import finished, start


async def _ask(desk: Desk, file: Path) -> str:
    """Open a workflow and run it until it asks."""
    desk.window.filing.open_path(file)
    desk.key(Qt.Key.Key_F5)
    await desk.waits_for_decision()
    return desk.client.inbox[0].request


async def test_approve_reject_and_cancel_in_one_sitting(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _ask(desk, asking(tmp_path))
        desk.click(desk.asked.approve)
        await desk.ended()
        assert desk.result == {"paid": 120, "of": 120}
        desk.key(Qt.Key.Key_F5)
        await desk.waits_for_decision()
        desk.click(desk.asked.reject)
        await until(lambda: desk.asked.confirm_bar.isVisible() and desk.asked.comment.hasFocus())
        desk.key(Qt.Key.Key_Return, CTRL)
        await desk.ended()
        assert desk.decisions == ["approve", "reject"]
        desk.key(Qt.Key.Key_F5)
        await desk.waits_for_decision()
        begun = time.monotonic()
        assert desk.window.actions_.trigger(ActionId.RUN_STOP)
        await desk.ended("cancelled")
        assert time.monotonic() - begun < 1
        assert desk.decisions == ["approve", "reject"]
        await until(lambda: not desk.client.inbox)


async def test_a_value_that_is_not_allowed_is_refused_and_stays_open(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _ask(desk, asking(tmp_path))
        payload = desk.asked.payload
        desk.asked.edit()
        payload._take({"sum": -1, "rows": [100, 20]}, payload.page)
        desk.asked.choose("approve")
        await until(desk.asked.head.banners.keys)
        assert desk.asked.is_open and desk.status == "waiting"
        payload._take({"sum": 95, "rows": [100, 20]}, payload.page)
        await until(desk.asked.approve.isEnabled)
        desk.click(desk.asked.approve)
        await desk.ended()
        assert desk.result == {"paid": 95, "of": 120}
        assert desk.decisions == ["modify"]


async def test_nobody_answers_and_the_default_does_and_who_comes_late_is_told(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _ask(desk, asking(tmp_path, timeout_s=1, default="approve"))
        record = desk.client.inbox[0]
        await desk.ended()
        assert desk.decisions == ["approve"]
        with pytest.raises(DecisionRefused, match=r"late|already|decided|expired"):
            await desk.client.decide(record, "reject")
        assert desk.decisions == ["approve"] and desk.status == "completed"


async def test_a_decision_from_another_process_is_taken_and_said(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        request = await _ask(desk, asking(tmp_path))
        store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
        other = start("decide", request, "approve", "--store", store)
        await until(lambda: other.poll() is not None, 20)
        seen = time.monotonic()
        await desk.ended()
        assert time.monotonic() - seen < 1
        assert finished(other).code == 0
        await until(lambda: not desk.window.barrier_dialog.isVisible())


async def test_a_run_of_another_process_asks_here_and_is_decided_here(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    file = asking(tmp_path)
    async with open_desk(tmp_path) as desk:
        store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
        other = start("run", file, "--store", store)
        await until(lambda: desk.client.inbox, 20)
        await until(lambda: other.poll() is not None, 20)
        assert finished(other).code == 5
        assert desk.window.docks.dock("barriers").windowTitle() == "Barriers (1)"
        desk.window.actions_.trigger(ActionId.BARRIER_LIST)
        panel = desk.window.barriers
        await until(panel.detail.approve.isEnabled)
        desk.key(Qt.Key.Key_A)
        run = desk.client.runs[0].run
        await until(lambda: desk.engine.run(run).status == "completed")


async def test_the_window_closes_while_a_run_waits_and_later_goes_on(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _ask(desk, asking(tmp_path, timeout_s=3600))
        deadline = desk.client.inbox[0].deadline
    async with open_desk(tmp_path) as desk:
        await until(lambda: desk.client.inbox)
        record = desk.client.inbox[0]
        assert record.deadline == deadline
        desk.window.barrier_dialog.open_request(str(record.request))
        await desk.waits_for_decision()
        desk.click(desk.asked.approve)
        await until(lambda: desk.engine.run(record.run).status == "completed")
