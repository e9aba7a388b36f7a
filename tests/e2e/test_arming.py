"""Triggers in the window: armed from the menu, shown on the node, served again later (U76)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.arming import words_of
from engine.model.workflow import Node, Workflow
from engine.runtime.trigger_ports import TriggerRecord
from tests.designer.runs.window import until
from tests.e2e.desk import Desk, open_desk
from tests.e2e.flows import wires, write

A = ActionId


def on_event(folder: Path, kind: str = "trigger.event") -> Path:
    """A trigger, and an end behind it."""
    params = {"event": "paid"} if kind == "trigger.event" else {"cron": "0 9 * * *"}
    nodes = {
        "begin": Node(key="begin", type=kind, title="Begin", params=params),
        "done": Node(key="done", type="end"),
    }
    edges = wires("begin.out done.in")
    workflow = Workflow(id="paid", name="Paid", nodes=nodes, edges=edges)
    return write(folder / "paid.flow.json", workflow)


def line(desk: Desk) -> str:
    return desk.canvas.board.state.nodes["begin"].subline


async def test_an_armed_trigger_says_so_and_starts_runs(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(on_event(tmp_path))
        assert line(desk) == "paid"
        desk.window.actions_.trigger(A.RUN_ARM)
        await until(lambda: line(desk) == "armed")
        assert desk.window.toasts.toasts[-1].text.startswith("Armed: Begin. It starts runs")
        await desk.client.engine.signal("paid", {"n": 1})
        await until(lambda: len(desk.client.runs) == 1)
        await until(lambda: desk.client.runs[0].status == "completed")
        assert desk.client.runs[0].input == {"n": 1}
        desk.window.actions_.trigger(A.RUN_DISARM)
        await until(lambda: line(desk) == "paid")


async def test_what_was_armed_is_served_by_the_next_window(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    path = on_event(tmp_path)
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(path)
        desk.window.actions_.trigger(A.RUN_ARM)
        await until(lambda: line(desk) == "armed")
    async with open_desk(tmp_path) as desk:
        await desk.client.engine.signal("paid", 7)
        await desk.window.arming.restore()
        await until(lambda: bool(desk.client.runs) and desk.client.runs[0].status == "completed")
        assert desk.client.runs[0].input == 7


async def test_a_schedule_says_when_it_is_due(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(on_event(tmp_path, "trigger.schedule"))
        assert line(desk) == "daily 09:00"
        desk.window.actions_.trigger(A.RUN_ARM)
        await until(lambda: line(desk).startswith("next: "))
        assert line(desk).endswith(" 09:00")


def test_times_that_are_far_away_are_told_with_their_day() -> None:
    monday = datetime(2025, 6, 9, 9, 0).astimezone().timestamp()
    record = TriggerRecord(
        source="", node="a", type="trigger.schedule", workflow_id="", workflow="", settings={},
        overlap="skip", armed_at=0.0, seen=0.0, next_due=monday,
    )  # fmt: skip
    assert words_of(record, monday - 3600) == "next: Mon 09:00"
    assert words_of(record, monday - 30 * 86_400) == "next: 2025-06-09 09:00"
