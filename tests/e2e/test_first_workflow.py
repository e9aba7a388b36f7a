"""A person draws their first workflow from nothing: by mouse and keyboard, and it works."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, SHIFT, Desk, open_desk

WIRES = {
    "read_file.out->switch.in",
    "switch.large->barrier.in",
    "barrier.approved->write_file.in",
}
ROWS = "item,amount\npaper,120\nchairs,2400\n"


async def _draw(desk: Desk, source: Path, target: Path) -> None:
    """Read file -> switch -> barrier -> write file, from an empty canvas."""
    desk.key(Qt.Key.Key_N, CTRL)
    desk.add("read")
    desk.click(await desk.field("File"))
    desk.type(str(source))
    desk.click_node("read_file")
    desk.add("switch")
    desk.click(await desk.field("Add a case to Cases"))
    desk.type("large")
    await desk.tab_leads_to("When, expression")
    desk.type("sum([row.amount for row in input]) > 1000")
    desk.click_node("switch")
    desk.add("barrier")
    desk.add("write")
    desk.click(await desk.field("File"))
    desk.type(str(target))
    desk.click_node("write_file")


async def test_a_first_workflow_is_drawn_run_approved_and_found(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(ROWS, encoding="utf-8")
    async with open_desk(tmp_path) as desk:
        await _draw(desk, source, target)
        assert {edge.id for edge in desk.tab.document.workflow.edges} == WIRES
        desk.key(Qt.Key.Key_F5)
        await desk.waits_for_decision()
        await until(desk.window.isActiveWindow)
        desk.click(desk.asked.approve)
        await desk.ended()
    assert desk.actions < 60
    assert target.read_text(encoding="utf-8").split() == ROWS.split()


async def test_everything_drawn_is_undone_and_redone(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await _draw(desk, tmp_path / "in.csv", tmp_path / "out.csv")
        document, drawn = desk.tab.document, desk.tab.document.workflow
        steps = document.undo_stack.count()
        for _ in range(steps):
            desk.key(Qt.Key.Key_Z, CTRL)
        assert not document.workflow.nodes and not document.workflow.edges
        assert not document.is_modified
        for _ in range(steps):
            desk.key(Qt.Key.Key_Z, CTRL | SHIFT)
        assert document.workflow == drawn
        await until(lambda: not document.problems_of("read_file"))
