"""The three examples, opened and run in the window by hand; results checked against the input."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from resources.examples import examples, working_copy
from tests.e2e.desk import Desk, open_desk
from tests.examples.test_invoice_approval import FOLDER, flagged, multiset, rows


async def _run(desk: Desk, name: str, folder: Path) -> Path:
    """Open a copy of an example and press F5; return its folder."""
    (example,) = [each for each in examples() if each.name == name]
    file = working_copy(example, folder / "examples")
    desk.window.filing.open_path(file)
    desk.key(Qt.Key.Key_F5)
    return file.parent


async def test_every_invoice_ends_in_the_list_that_was_decided(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        folder = await _run(desk, "invoice-approval", tmp_path)
        await desk.waits_for_decision()
        desk.click(desk.asked.approve)
        await desk.ended()
        assert desk.decisions == ["approve"]
    approved = multiset(rows(folder / "out" / "approved.csv"))
    rejected = multiset(rows(folder / "out" / "rejected.csv"))
    invoices = rows(FOLDER / "invoices.csv")
    assert approved + rejected == multiset(invoices)
    clean = multiset(row for line, row in enumerate(invoices) if line not in flagged())
    assert clean <= approved and rejected


async def test_the_ill_service_is_restarted_from_the_window(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        folder = await _run(desk, "service-health", tmp_path)
        await desk.waits_for_decision()
        desk.click(desk.asked.approve)
        await desk.ended()
        result = desk.result
    assert isinstance(result, dict) and len(result["healthy"]) == 4 and not result["ill"]
    assert "- billing: well again, 200 in " in (folder / "out" / "report.md").read_text()


async def test_the_scientific_workflow_runs_every_task_once(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _run(desk, "scientific-workflow", tmp_path)
        await desk.ended()
        live, nodes = desk.window.run_model.live, desk.tab.document.workflow.nodes
        assert live is not None
        assert {key: view.done for key, view in live.nodes.items()} == dict.fromkeys(nodes, 1)
