"""In trouble with saving or sinks, a badge says so and opens the panel that tells (U97, U115)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from designer.widgets.buttons import TextButton
from engine import events as ev
from engine.errors import StoreError
from tests.designer.runs.window import until
from tests.e2e.desk import Desk, open_desk
from tests.e2e.flows import counting


class Deaf:
    """A sink that takes nothing."""

    name = "audit file"

    def write(self, news: ev.News) -> None:
        raise OSError("No space left on device")

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def badge(desk: Desk) -> TextButton:
    return desk.window.status._health


async def test_all_is_well_and_nothing_is_said(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        panel = desk.window.health_panel
        assert panel.words.text().startswith("Looking") and panel.store.isHidden()
        desk.window.docks.show("health")
        await until(lambda: bool(panel.store.facts))
        assert badge(desk).isHidden()
        assert "All is well" in panel.words.text()
        facts = {name: value for name, value, _ in panel.store.facts}
        assert facts["File"] == str(tmp_path / "runs.sqlite")
        assert facts["Last refusal"] == "none"
        assert panel.sinks.facts == [("Sinks", "none", False)]


async def test_a_sink_that_loses_news_shows_a_badge_that_opens_the_panel(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.engine.add_sink(Deaf())
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        await until(badge(desk).isVisible)
        assert badge(desk).text() == "1 trouble"
        desk.click(badge(desk))
        panel = desk.window.health_panel
        await until(lambda: panel.isVisible() and bool(panel.sinks.facts))
        ((name, words, is_wrong),) = panel.sinks.facts
        assert (name, is_wrong) == ("audit file", True)
        assert "No space left on device" in words
        assert "The sink audit file failed" in panel.words.text()


async def test_a_store_that_refuses_shows_a_badge_until_something_is_saved(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        model = desk.window.health
        vitals = desk.engine._core.vitals
        vitals.failed(str(StoreError("The disk is full.")), 9e12)
        model.read()
        await until(badge(desk).isVisible)
        assert "disk is full" in badge(desk).toolTip()
        vitals.failed("The disk is full.", 0.0)
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        await until(badge(desk).isHidden)
