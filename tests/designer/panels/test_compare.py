"""Compare with…: what differs between runs, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.panels.compare import CompareDialog, other_side
from designer.runs.comparison import Comparison, Side, compare
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from engine.app import Engine
from tests.designer.runs.real_engine import invoice_workflow, open_real
from tests.designer.runs.window import Heard, until


async def _run(client: EngineClient, amounts: list[int], choice: str) -> Side:
    """Run and decide; the run at its last commit."""
    run = await client.start(invoice_workflow(), {"amounts": amounts})
    await until(lambda: [r for r in client.inbox if str(r.run) == run])
    await client.decide(next(r for r in client.inbox if str(r.run) == run), choice)
    engine: Engine = client.engine
    await until(lambda: engine.run(run).status in ("completed", "failed"))
    await until(lambda: client.is_settled)
    return Side(run, engine.run(run).commit)


def _rows(found: Comparison) -> dict[str, tuple[str, str]]:
    return {row.title: (row.left, row.right) for row in found.nodes}


async def test_runs_that_did_the_same_do_not_differ(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, _):
        one, two = [await _run(client, [100, 20], "approve") for _ in range(2)]
        found = compare(engine, one, two)
        assert found.nodes == found.events == ()
        assert found.left_state == found.right_state


async def test_another_decision_is_where_two_runs_part(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, _):
        one = await _run(client, [100, 20], "approve")
        two = await _run(client, [100, 20], "reject")
        found = compare(engine, one, two)
        assert _rows(found)["Pay"] == ("done", "not run")
        first = found.events[0]
        assert first.title == "Approve"
        assert "approved" in first.left and "rejected" in first.right


async def test_a_fork_is_compared_from_where_it_begins(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, _):
        old = await _run(client, [100, 20], "approve")
        at = next(s.number for s in engine.history(old.run) if "total" in s.tasks)
        handle = await engine.fork(old.run, at=at, channels={"total": 7})
        young = str(handle.run)
        await until(lambda: [r for r in client.inbox if str(r.run) == young])
        await client.decide(next(r for r in client.inbox if str(r.run) == young), "approve")
        await until(lambda: engine.run(young).status == "completed")
        await until(lambda: client.is_settled)
        found = compare(engine, old, Side(young, engine.run(young).commit))
        assert found.nodes == ()
        assert found.left_state["channels"] == {"total": 120}
        assert found.right_state["channels"] == {"total": 7}
        assert "is a fork of" in found.notes[0]
        assert other_side(client.runs, Side(young, 1)).run == old.run


async def test_the_dialog_shows_differences_and_leads_to_the_node(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_engine, client, model):
        assert isinstance(model, RunModel)
        one = await _run(client, [100, 20], "approve")
        two = await _run(client, [100, 5], "approve")
        await until(lambda: len(client.runs) == 2)
        dialog = CompareDialog(client, one, two)
        dialog.show()
        await until(lambda: dialog.found is not None)
        assert dialog.pages.currentWidget() is dialog.same  # every node ended alike
        dialog.show_page("State")
        rows = dialog.state.model()
        texts = [[rows.index(row, column).data() for column in range(3)] for row in range(9)]
        assert ["channels.total", "120", "105"] in texts
        dialog.left.choose(two.run, 1)
        await until(lambda: dialog.found is not None and dialog.found.left == Side(two.run, 1))
        dialog.show_page("Nodes")
        heard = Heard(dialog.node_activated)
        index = dialog.nodes.model().index(0, 0)
        spot = dialog.nodes.visualRect(index).center()
        QTest.mouseClick(dialog.nodes.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        QTest.mouseDClick(dialog.nodes.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        assert heard.calls
        dialog.close()
        await until(lambda: client.is_settled)
