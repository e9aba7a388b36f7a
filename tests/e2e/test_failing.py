"""A run that fails says where, and leads there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from designer.widgets.buttons import TextButton
from engine.model import codec
from tests.designer.runs.window import until
from tests.e2e.desk import open_desk
from tests.e2e.flows import counting, write


async def test_the_message_of_a_failure_leads_to_its_node(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn = codec.load_file(counting(tmp_path, 2))
    bad = replace(drawn.nodes["count"], params={"fields": {"n": {"expr": "state.n / 0"}}})
    file = write(tmp_path / "bad.flow.json", replace(drawn, nodes={**drawn.nodes, "count": bad}))
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(file)
        desk.key(Qt.Key.Key_F5)
        await desk.ended("failed")
        await until(lambda: desk.window.toasts.toasts)
        toast = desk.window.toasts.toasts[-1]
        assert "Count" in toast.text or "count" in toast.text
        button = next(b for b in toast.findChildren(TextButton) if b.text() == "Show the node")
        desk.click(button)
        assert desk.tab.document.selection.nodes == {"count"}
        assert desk.window.docks.is_in_front("inspector")
