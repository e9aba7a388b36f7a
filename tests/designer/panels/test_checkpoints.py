from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.panels.checkpoints import CheckpointsPanel
from designer.panels.checkpoints_table import Column
from designer.widgets.kinds import Kind
from tests.designer.runs.fake_engine import FakeEngine, Story, workflow
from tests.designer.runs.window import Heard, open_panel, until


def _steps(engine: FakeEngine, run: str = "run1") -> Story:
    story = engine.tell(run).start("read").finish("read", "ask", changed=("total",))
    return story.finish("ask", "pay").finish("pay")


def _point(panel: CheckpointsPanel, commit: int) -> QPoint:
    point = panel.timeline.point_of(panel.model.run or "", commit)
    assert point is not None
    return point.toPoint()


async def _viewing(panel: CheckpointsPanel, commit: int | None) -> None:
    await until(lambda: panel.model.viewing == commit)


async def test_without_commits_it_says_what_will_be_here(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_panel(CheckpointsPanel, FakeEngine(), tmp_path, None) as panel:
        assert panel.empty.isVisible()
        assert panel.empty.accessibleName().startswith("Each finished step leaves a checkpoint")
        assert not panel.actions_registry.is_enabled(ActionId.HISTORY_FORK)


async def test_the_table_says_what_each_commit_holds(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        model = panel.table.model()
        words = [model.index(1, column).data() for column in Column]
    assert [words[Column.NUMBER], words[Column.TASKS], words[Column.CHANGED]] == [
        "1",
        "Read",
        "total",
    ]


async def test_a_click_on_a_row_shows_that_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        spot = panel.table.visualRect(panel.table.model().index(1, 1)).center()
        QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        await _viewing(panel, 1)
        assert not panel.follow.isChecked()
        assert panel.past_strip.isVisible()
        QTest.mouseClick(panel.follow, Qt.MouseButton.LeftButton)
        await _viewing(panel, None)
        assert panel.table.currentIndex().row() == 3


async def test_dragging_over_the_timeline_scrubs(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        view = panel.timeline
        QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=_point(panel, 3))
        await _viewing(panel, 3)
        QTest.mouseMove(view, _point(panel, 1))
        await _viewing(panel, 1)
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=_point(panel, 1))
        QTest.mouseMove(view, _point(panel, 0))
        await asyncio.sleep(0.02)
        assert panel.model.viewing == 1
        assert panel.timeline.accessibleName() == "Timeline, checkpoint 1 of 3, the past"


async def test_comma_and_point_walk_and_with_shift_jump(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        panel.focus_timeline()
        for key, shift, lands in (
            (Qt.Key.Key_Comma, False, 2),
            (Qt.Key.Key_Comma, False, 1),
            (Qt.Key.Key_Period, False, 2),
            (Qt.Key.Key_Comma, True, 0),
            (Qt.Key.Key_Period, True, 3),
        ):
            modifier = (
                Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
            )
            QTest.keyClick(panel.timeline, key, modifier)
            await _viewing(panel, lands)
        QTest.keyClick(panel.timeline, Qt.Key.Key_Escape)
        await _viewing(panel, None)


async def test_a_click_on_a_forks_lane_shows_the_fork_at_that_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    engine.tell("fork1", parent=("run1", 1)).start("ask").finish("ask").finish("pay")
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        activated = Heard(panel.run_activated)
        point = panel.timeline.point_of("fork1", 1)
        assert point is not None
        QTest.mouseClick(panel.timeline, Qt.MouseButton.LeftButton, pos=point.toPoint())
        await _viewing(panel, 1)
        assert panel.model.run == "fork1"
        assert activated.calls == [("fork1",)]


async def test_the_newest_commit_is_followed_until_the_past_is_shown(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        story.commit()
        await until(lambda: panel.table.model().rowCount() == 5)
        assert panel.table.currentIndex().row() == 4
        panel.model.show_commit(2)
        await _viewing(panel, 2)
        story.commit()
        await until(lambda: panel.table.model().rowCount() == 6)
        assert panel.table.currentIndex().row() == 2


async def test_a_replay_reports_and_runs_nothing(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        QTest.mouseClick(panel.replay, Qt.MouseButton.LeftButton)
        assert not panel.replay.isEnabled()
        await until(panel.banners.keys)
        banner = panel.banners.banner("replay")
        assert banner is not None
        assert "3 checkpoints made again from the recorded outputs, all the same" in banner.text
        assert engine.calls == [("replay", "run1", None)]


async def test_a_replay_that_differs_leads_to_the_place(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    engine.report.equal, engine.report.difference, engine.report.commit = False, "total is 4", 2
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        panel.start_replay()
        await until(panel.banners.keys)
        banner = panel.banners.banner("replay")
        assert banner is not None
        assert "differs at checkpoint 2: total is 4" in banner.text
        assert banner.property("banner") == Kind.ERROR.value


async def test_the_menu_of_a_row_copies_the_run(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        panel.table.customContextMenuRequested.emit(
            panel.table.visualRect(panel.table.model().index(2, 0)).center()
        )
        menu = panel.findChild(QMenu)
        assert menu is not None
        entries = {action.text(): action for action in menu.actions()}
        _entry(entries, "Copy the command").trigger()
        assert QGuiApplication.clipboard().text() == "headgate show run1 --at 2"
        menu.close()


def _entry(entries: dict[str, QAction], start: str) -> QAction:
    return next(action for text, action in entries.items() if text.startswith(start))


async def test_ten_thousand_commits_are_drawn_as_a_few_bars(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1", workflow(a=[])).start("a")
    for _ in range(10_000):
        story.commit()
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        assert panel.table.model().rowCount() == 10_001
        places = panel.timeline.places_of("run1")
        assert places is not None
        assert len(places.places) == 10_001
        assert len(places.bands) <= 2
        before = places.places[:]
        story.commit()
        await until(lambda: len(places.places) == 10_002)
        assert places.places[:10_001] == before


async def test_the_mouse_is_told_what_lies_under_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _steps(engine)
    async with open_panel(CheckpointsPanel, engine, tmp_path) as panel:
        QTest.mouseMove(panel.timeline, _point(panel, 1))
        await until(panel.timeline.toolTip)
        assert panel.timeline.toolTip().splitlines()[2:4] == ["finished: read", "changed: total"]
