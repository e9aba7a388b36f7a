from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.panels.state import StatePanel
from designer.panels.state_reading import CHANNELS, MEMORY, OUTPUTS, parts_of, read_state
from designer.widgets.json_value import ChangeKind
from engine.state.run_state import RunState
from tests.designer.runs.fake_engine import FakeEngine, Story
from tests.designer.runs.window import open_panel, until

LEFT = Qt.MouseButton.LeftButton


def _story(engine: FakeEngine, run: str = "run1") -> Story:
    story = engine.tell(run).start("read")
    story.finish("read", "ask", channels={"total": 1, "names": ["a"]})
    return story.finish("ask", "pay", channels={"total": 2, "names": ["a", "b"], "big": {"x": 1}})


async def _shows(panel: StatePanel, commit: int) -> None:
    await until(lambda: panel.reading is not None and panel.reading.commit == commit)


def test_outputs_are_shown_as_values_and_not_as_names() -> None:
    state = RunState(
        values={"read.out": [1, 2], "x.out": 5},
        outputs={"read": "read.out", "each@z.1": "read.out[1]", "gone": "old.out"},
        memory={"ask": {"n": 1}},
    )
    parts = parts_of(state)
    assert parts[OUTPUTS] == {"read": [1, 2], "each@z.1": 2}
    assert parts[MEMORY] == {"ask": {"n": 1}}


def test_a_reading_compares_with_the_commit_before() -> None:
    engine = FakeEngine()
    _story(engine)
    part = read_state(engine, "run1", 2, None).parts[CHANNELS]
    assert {path: change.kind for path, change in part.changes.items()} == {
        ("total",): ChangeKind.CHANGED,
        ("names", 1): ChangeKind.ADDED,
        ("big",): ChangeKind.ADDED,
    }
    assert read_state(engine, "run1", 0, None).parts[CHANNELS].changes == {}


async def test_the_live_state_is_shown_with_marks(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _story(engine)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 2)
        assert panel.view.value == {"total": 2, "names": ["a", "b"], "big": {"x": 1}}
        assert panel.marks.text() == "+2 ~1 since checkpoint 1"
        assert panel.chips[MEMORY].isHidden()


async def test_the_past_shows_the_values_of_then(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _story(engine)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 2)
        panel.model.show_commit(1)
        await _shows(panel, 1)
        assert panel.view.value == {"total": 1, "names": ["a"]}
        assert panel.past_strip.isVisible()
        panel.model.show_commit(0)
        await _shows(panel, 0)
        assert panel.marks.text() == "the first checkpoint"


async def test_a_run_that_goes_on_is_read_again(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _story(engine)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 2)
        story.finish("pay", channels={"total": 9})
        await _shows(panel, 3)
        assert panel.view.value["total"] == 9


async def test_a_store_that_lags_behind_the_run_is_read_until_it_has_caught_up(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _story(engine)
    late = story.states.pop(2)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 1)
        story.states[2] = late
        await _shows(panel, 2)


async def test_the_search_walks_over_paths_and_values(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _story(engine)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 2)
        panel.search.setFocus()
        QTest.keyClicks(panel.search, "b")
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        assert panel.view.tree.current_path() == ("names", 1)
        await asyncio.sleep(0.01)
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        assert panel.view.tree.current_path() == ("big",)
        QTest.keyClicks(panel.search, "zzz")
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        assert panel.search.property("invalid") is True


async def test_the_arrow_walks_over_the_changes(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _story(engine)
    async with open_panel(StatePanel, engine, tmp_path) as panel:
        await _shows(panel, 2)
        seen = []
        for _ in range(4):
            QTest.mouseClick(panel.next_change, LEFT)
            seen.append(panel.view.tree.current_path())
    assert seen == [("big",), ("names", 1), ("total",), ("big",)]


async def test_without_a_run_it_says_how_to_get_one(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_panel(StatePanel, FakeEngine(), tmp_path, None) as panel:
        assert panel.empty.isVisible()
