from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from designer.panels import barriers
from designer.panels.barriers import BarriersPanel
from engine.model.node_types import Request
from tests.designer.panels.barrier_stories import NOTES, PAY, answer_elsewhere, decisions, waiting
from tests.designer.runs.fake_engine import FakeEngine
from tests.designer.runs.window import Heard, open_panel, until

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@asynccontextmanager
async def _inbox(engine: FakeEngine, folder: Path) -> AsyncGenerator[BarriersPanel]:
    """Three requests of two runs, the list in focus."""
    waiting(engine, "run1", q1=PAY, q2=NOTES)
    waiting(engine, "run2", q3=Request(title="Third?", payload=1))
    async with open_panel(BarriersPanel, engine, folder) as panel:
        assert panel.count == 3
        panel.focus_list()
        await until(panel.detail.approve.isEnabled)
        yield panel


def _shown(panel: BarriersPanel) -> str:
    record = panel.detail.record
    return str(record.request) if record is not None else ""


def _key(panel: BarriersPanel, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    target = panel.window().focusWidget()
    assert isinstance(target, QWidget)
    QTest.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)


async def test_an_empty_inbox_says_so(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_panel(BarriersPanel, FakeEngine(), tmp_path, None) as panel:
        assert panel.empty.isVisible()
        assert panel.empty.accessibleName() == "Nothing is waiting for you."


async def test_requests_of_all_runs_are_listed_by_deadline(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _inbox(FakeEngine(), tmp_path) as panel:
        rows = [panel.rows.index(row, 0) for row in range(3)]
        assert [row.data() for row in rows] == ["Pay 20 invoices?", "Third?", "Publish the notes?"]
        spoken = rows[0].data(Qt.ItemDataRole.AccessibleTextRole)
        assert spoken == "Pay 20 invoices?, Ask, Invoice approval #run1, 05:00, then: reject"


async def test_j_and_shift_j_walk_and_stop_at_the_ends(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _inbox(FakeEngine(), tmp_path) as panel:
        seen: list[str] = []
        for modifier in (None, None, None, SHIFT, SHIFT, SHIFT):
            _key(panel, Qt.Key.Key_J, modifier)
            seen.append(_shown(panel))
    assert seen == ["q3", "q2", "q2", "q3", "q1", "q1"]


async def test_a_approves_and_the_next_request_is_shown(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        counts = Heard(panel.count_changed)
        _key(panel, Qt.Key.Key_A)
        await until(lambda: _shown(panel) == "q3")
        await until(lambda: counts.calls)
        assert [command.choice for command in decisions(engine)] == ["approve"]
        assert counts.calls[-1] == (2,)
        assert panel.list.hasFocus()


async def test_r_needs_ctrl_enter(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        _key(panel, Qt.Key.Key_R)
        assert decisions(engine) == []
        assert panel.detail.comment.hasFocus()
        QTest.keyClicks(panel.detail.comment, "a rare case")
        _key(panel, Qt.Key.Key_Return, CONTROL)
        await until(lambda: decisions(engine))
        command = decisions(engine)[0]
        assert (command.choice, command.comment) == ("reject", "a rare case")


async def test_c_writes_and_escape_returns_to_the_list(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        _key(panel, Qt.Key.Key_C)
        QTest.keyClicks(panel.detail.comment, "jar")
        assert panel.detail.comment.toPlainText() == "jar"
        _key(panel, Qt.Key.Key_Escape)
        assert panel.list.hasFocus()
        _key(panel, Qt.Key.Key_A)
        await until(lambda: decisions(engine))
        assert decisions(engine)[0].comment == "jar"


async def test_e_edits_and_ctrl_enter_approves_the_changes(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        panel.show_request("q2")
        await until(panel.detail.approve.isEnabled)
        panel.focus_list()
        _key(panel, Qt.Key.Key_E)
        title = panel.detail.payload.form.editor_of("title")
        assert title.hasFocus()
        QTest.keyClicks(title, "A")
        _key(panel, Qt.Key.Key_Return, CONTROL)
        await until(lambda: decisions(engine))
        assert decisions(engine)[0].values == {"title": "ANotes", "copies": 3}


async def test_keys_elsewhere_in_the_window_decide_nothing(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        panel.detail.approve.setFocus()
        _key(panel, Qt.Key.Key_R)
        assert not panel.detail.confirm_bar.isVisible()
        other = QWidget(panel.window())
        other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        other.show()
        other.setFocus()
        _key(panel, Qt.Key.Key_A)
        await asyncio.sleep(0.02)
    assert decisions(engine) == []


async def test_an_answer_from_elsewhere_stays_a_moment_and_then_moves_on(
    qloop: asyncio.AbstractEventLoop,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert barriers.ANSWERED_MS == 3000
    monkeypatch.setattr(barriers, "ANSWERED_MS", 120)
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        answer_elsewhere(engine, "q1", "approve")
        await until(panel.detail.head.banners.keys)
        assert panel.count == 2
        assert _shown(panel) == "q1"
        await until(lambda: _shown(panel) == "q3")


async def test_decisions_of_the_past_say_who_when_through_what_and_why(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _inbox(engine, tmp_path) as panel:
        answer_elsewhere(engine, "q1", "reject")
        await until(lambda: panel.past.rowCount() == 1)
        QTest.mouseClick(panel.past_chip, Qt.MouseButton.LeftButton)
        assert panel.history.isVisible()
        spoken = panel.past.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert spoken.startswith(
            "Bob rejected: Pay 20 invoices?, through cli, run #run1: “seen it”"
        )


async def test_the_last_decision_empties_the_inbox(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    waiting(engine, q1=PAY)
    async with open_panel(BarriersPanel, engine, tmp_path) as panel:
        panel.focus_list()
        await until(panel.detail.approve.isEnabled)
        _key(panel, Qt.Key.Key_A)
        await until(panel.empty.isVisible)
        assert panel.count == 0


async def test_narrow_docks_put_the_request_below_the_list(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _inbox(FakeEngine(), tmp_path) as panel:
        assert panel.detail.x() >= panel.list.width()
        panel.window().resize(420, 640)
        await until(lambda: panel.detail.x() < 50)
        assert panel.width() <= 420
