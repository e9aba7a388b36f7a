from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider
from pytestqt.qtbot import QtBot

from designer.panels.log import LogPanel
from designer.panels.log_model import Column
from designer.runs import words
from designer.theme import current_theme
from engine import events as ev
from engine.ids import RunId, TaskId
from tests.designer.runs.fake_engine import FakeEngine, Story, workflow
from tests.designer.runs.window import Heard, open_panel, until

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


def _steps(engine: FakeEngine, run: str = "run1") -> Story:
    story = engine.tell(run).start("read").finish("read", "ask")
    error = ev.ErrorInfo(code="http_status", message="HTTP 503", node="ask")
    failed = ev.TaskFailed(
        task=TaskId("ask"), node="ask", error=error, duration_s=1, handled="ignore"
    )
    return story.commit(failed, ready=("pay",)).finish("pay")


def _texts(panel: LogPanel, column: Column = Column.TEXT) -> list[str]:
    model = panel.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def _chunk(run: str, text: str) -> ev.OutputChunk:
    return ev.OutputChunk(
        run=RunId(run), task=TaskId("read"), node="read", stream="stdout", text=text
    )


async def _loaded(panel: LogPanel, rows: int = 1) -> None:
    await until(lambda: panel.table.model().rowCount() >= rows)


async def test_stored_and_live_events_are_one_list_without_repeats(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        story.say(ev.RunFinished(result=3))
        await until(lambda: "The run is complete: 3" in _texts(panel))
        texts = _texts(panel)
    assert len(texts) == len(story.records) == len(set(texts))
    assert texts[0] == "Invoice approval was started"
    assert "Ask failed: HTTP 503; ignored, as set" in texts


async def test_chips_filter_by_what_happened(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        QTest.mouseClick(panel.chips["errors"], LEFT)
        assert _texts(panel) == ["Ask failed: HTTP 503; ignored, as set"]
        QTest.mouseClick(panel.chips["commits"], LEFT)
        assert len(_texts(panel)) == 5
        QTest.mouseClick(panel.chips["errors"], LEFT)
        QTest.mouseClick(panel.chips["commits"], LEFT)
        assert len(_texts(panel)) == len(engine.stories["run1"].records)


async def test_the_search_looks_into_the_words(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        panel.search.setFocus()
        QTest.keyClicks(panel.search, "503")
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        await until(lambda: len(_texts(panel)) == 1)
        QTest.keyClicks(panel.search, "nothing like it")
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        await until(lambda: panel.empty.accessibleName().startswith("No line matches"))
        assert panel.empty.isVisible()


async def test_a_click_shows_the_node_and_the_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        nodes = Heard(panel.node_activated)
        row = _texts(panel).index("Ask failed: HTTP 503; ignored, as set")
        panel.table.scrollTo(panel.table.model().index(row, 0))
        spot = panel.table.visualRect(panel.table.model().index(row, Column.TEXT)).center()
        QTest.mouseClick(panel.table.viewport(), LEFT, pos=spot)
        await until(lambda: panel.model.viewing == 2)
        assert nodes.calls == [("ask",)]
        later = panel.table.model().index(panel.table.model().rowCount() - 1, Column.TEXT)
        ink = later.data(Qt.ItemDataRole.ForegroundRole).color()
        assert ink == QColor(current_theme().disabled)


async def test_selected_lines_are_copied_as_jsonl(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        panel.table.selectRow(0)
        QTest.keyClick(panel.table, Qt.Key.Key_C, CONTROL)
        lines = QGuiApplication.clipboard().text().splitlines()
        assert [json.loads(line)["event"] for line in lines] == ["RunStarted"]
        panel.table.clearSelection()
        QTest.mouseClick(panel.copy, LEFT)
        assert len(QGuiApplication.clipboard().text().splitlines()) == len(_texts(panel))


async def test_a_paused_log_stands_still_and_counts_what_comes(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        before = len(_texts(panel))
        QTest.mouseClick(panel.pause, LEFT)
        story.commit().commit()
        await until(lambda: panel.note.text() == "2 new")
        assert len(_texts(panel)) == before
        QTest.mouseClick(panel.pause, LEFT)
        await until(lambda: len(_texts(panel)) == before + 2)


async def test_it_follows_until_somebody_scrolls_away(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1", workflow(a=[])).start("a")
    for _ in range(200):
        story.commit()
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel, 200)
        bar = panel.table.verticalScrollBar()
        await until(lambda: bar.value() == bar.maximum() > 0)
        bar.triggerAction(QAbstractSlider.SliderAction.SliderPageStepSub)
        await until(lambda: not panel.follow.isChecked())
        story.commit()
        await _loaded(panel, 204)
        assert bar.value() < bar.maximum()
        QTest.mouseClick(panel.follow, LEFT)
        assert bar.value() == bar.maximum()


async def test_all_runs_of_the_process_can_be_heard_together(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        engine.tell("run2").start("read")
        QTest.mouseClick(panel.all_runs, LEFT)
        await until(lambda: "#run2" in _texts(panel, Column.RUN))
        assert not panel.table.isColumnHidden(Column.RUN)


async def test_output_of_a_task_is_shown_while_it_runs(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        story.update(_chunk("run1", "42 rows\n"))
        await until(lambda: "42 rows" in _texts(panel))


async def test_without_a_run_it_says_how_to_get_events(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_panel(LogPanel, FakeEngine(), tmp_path, None) as panel:
        await until(panel.empty.isVisible)
        assert panel.empty.accessibleName() == "Run the workflow (F5) to see events."


async def test_a_flood_costs_words_only_for_what_is_seen(
    qloop: asyncio.AbstractEventLoop,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine()
    story = _steps(engine)
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel)
        made: list[object] = []
        monkeypatch.setattr("designer.runs.words.sentence", _counting(made))
        for number in range(120_000):
            story.update(_chunk("run1", f"line {number}"))
        await until(lambda: panel.note.text().endswith("not kept here"), 20)
        # Words are made for the lines that are seen, not for those that are kept.
        assert len(made) < 2_000
        model = panel.table.model()
        assert model.rowCount() <= 100_000
        assert model.index(model.rowCount() - 1, Column.TEXT).data() == "line 119999"


def _counting(made: list[object]) -> Callable[..., str]:
    original = words.sentence

    def sentence(*args: Any) -> str:
        made.append(args)
        return original(*args)

    return sentence


async def test_opened_in_the_past_it_begins_at_that_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1", workflow(a=[])).start("a")
    for _ in range(200):
        story.commit()
    async with open_panel(LogPanel, engine, tmp_path) as panel:
        await _loaded(panel, 200)
        panel.model.show_commit(100)
        row = _texts(panel).index("Checkpoint 100")
        bar = panel.table.verticalScrollBar()
        await until(lambda: 0 < row - bar.value() < 20)
