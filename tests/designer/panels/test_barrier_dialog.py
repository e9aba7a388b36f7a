from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from designer.actions.registry import ActionRegistry
from designer.panels.barrier_dialog import BarrierDialog
from designer.panels.barriers import ANSWERED_MS
from designer.settings import BarrierView
from tests.designer.panels.barrier_stories import NOTES, PAY, answer_elsewhere, decisions, waiting
from tests.designer.runs.fake_engine import START, FakeEngine, Story
from tests.designer.runs.window import Heard, open_model, until

LEFT = Qt.MouseButton.LeftButton


class _Window(QWidget):
    """A main window with somewhere to type."""

    def __init__(self) -> None:
        super().__init__()
        self.field = QLineEdit(self)
        QVBoxLayout(self).addWidget(self.field)
        self.resize(900, 600)


@asynccontextmanager
async def _open(engine: FakeEngine, folder: Path) -> AsyncGenerator[tuple[_Window, BarrierDialog]]:
    """A window that shows run1, in which somebody types, with its dialog still hidden."""
    async with open_model(engine, folder, "run1") as model:
        window = _Window()
        dialog = BarrierDialog(
            model.client, model, model.client.settings, ActionRegistry(window), window
        )
        window.show()
        window.activateWindow()
        window.field.setFocus()
        await until(window.field.hasFocus)
        try:
            yield window, dialog
        finally:
            window.close()
            window.deleteLater()


def _running(engine: FakeEngine) -> Story:
    return engine.tell("run1").start("ask")


def _shown(dialog: BarrierDialog) -> str:
    record = dialog.detail.record
    return str(record.request) if record is not None else ""


async def test_it_comes_by_itself_and_leaves_the_focus_where_it_is(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (window, dialog):
        QTest.keyClicks(window.field, "in the mid")
        story.ask("q1", "ask", PAY, deadline=START + 400)
        await until(dialog.isVisible)
        await asyncio.sleep(0.05)
        assert QApplication.activeWindow() is window
        assert QApplication.focusWidget() is window.field
        QTest.keyClicks(window.field, "dle")
        assert window.field.text() == "in the middle"
        assert not dialog.isModal()
        assert dialog.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    assert decisions(engine) == []


async def test_a_screen_reader_hears_title_time_and_choices(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        story.ask("q1", "ask", PAY, deadline=START + 400)
        await until(dialog.isVisible)
        assert dialog.accessibleName() == (
            "Decision needed: Pay 20 invoices?, 5 minutes left, then: reject, "
            "choices: Approve, Reject, Later, Burn, Ask back"
        )


async def test_it_goes_where_the_window_says_so_that_no_node_is_covered(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        asked: list[QSize] = []

        def place(size: QSize) -> QPoint:
            asked.append(size)
            return QPoint(40, 50)

        dialog.set_placement(place)
        story.ask("q1", "ask", PAY)
        await until(dialog.isVisible)
        assert dialog.pos() == QPoint(40, 50)
        assert asked == [dialog.size()]


async def test_the_setting_leaves_it_to_the_dock(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        dialog._client.settings.barrier_view = BarrierView.DOCK
        story.ask("q1", "ask", PAY)
        await until(lambda: dialog._client.inbox)
        await asyncio.sleep(0.05)
        assert not dialog.isVisible()


async def test_requests_of_other_runs_do_not_open_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        waiting(engine, "run2", q9=PAY)
        await until(lambda: dialog._client.inbox)
        await asyncio.sleep(0.05)
        assert not dialog.isVisible()


async def test_several_requests_queue_in_one_dialog(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        story.ask("q1", "ask", PAY)
        await until(dialog.isVisible)
        assert not dialog.position.isVisible()
        story.ask("q2", "pay", NOTES)
        await until(lambda: len(dialog.queue) == 2)
        assert _shown(dialog) == "q1"
        assert dialog.position.text() == "1 of 2"
        QTest.mouseClick(dialog.following, LEFT)
        assert (_shown(dialog), dialog.position.text()) == ("q2", "2 of 2")
        assert not dialog.following.isEnabled()


async def test_after_a_decision_the_next_is_shown_and_the_last_one_closes_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        story.ask("q1", "ask", PAY)
        story.ask("q2", "pay", NOTES)
        await until(lambda: len(dialog.queue) == 2 and dialog.detail.approve.isEnabled())
        QTest.mouseClick(dialog.detail.approve, LEFT)
        await until(lambda: _shown(dialog) == "q2")
        assert dialog.queue == ("q2",)
        await until(dialog.detail.approve.isEnabled)
        QTest.mouseClick(dialog.detail.approve, LEFT)
        await until(lambda: not dialog.isVisible())
    assert [command.request for command in decisions(engine)] == ["q1", "q2"]


async def test_answered_elsewhere_it_says_by_whom_and_closes(
    qloop: asyncio.AbstractEventLoop,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ANSWERED_MS == 3000
    monkeypatch.setattr("designer.panels.barrier_dialog.ANSWERED_MS", 120)
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        story.ask("q1", "ask", PAY)
        await until(dialog.isVisible)
        answer_elsewhere(engine, "q1", "approve")
        await until(dialog.detail.head.banners.keys)
        banner = dialog.detail.head.banners.banner("status")
        assert banner is not None
        assert banner.text.startswith("Approved by Bob on the command line at ")
        assert dialog.isVisible()
        await until(lambda: not dialog.isVisible())


async def test_what_waits_in_the_queue_and_is_answered_elsewhere_disappears(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _running(engine)
    async with _open(engine, tmp_path) as (_, dialog):
        story.ask("q1", "ask", PAY)
        story.ask("q2", "pay", NOTES)
        await until(lambda: len(dialog.queue) == 2)
        answer_elsewhere(engine, "q2", "approve")
        await until(lambda: dialog.queue == ("q1",))
        assert not dialog.position.isVisible()


async def test_opened_by_the_person_it_takes_the_keys(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    waiting(engine, q1=PAY)
    async with _open(engine, tmp_path) as (_, dialog):
        dialog.open_request("q1")
        await until(dialog.isActiveWindow)
        await until(dialog.detail.approve.isEnabled)
        dialog.detail.approve.setFocus()
        QTest.keyClick(dialog.detail.approve, Qt.Key.Key_A)
        await until(lambda: decisions(engine))
        assert decisions(engine)[0].choice == "approve"


async def test_escape_means_not_now(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    waiting(engine, q1=PAY)
    async with _open(engine, tmp_path) as (_, dialog):
        dialog.open_request("q1")
        await until(dialog.isActiveWindow)
        dialog.detail.choose("reject")
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert dialog.isVisible()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()
        assert [record.request for record in dialog._client.inbox] == ["q1"]
    assert decisions(engine) == []


async def test_a_click_on_the_node_leads_to_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    waiting(engine, q1=PAY)
    async with _open(engine, tmp_path) as (_, dialog):
        dialog.open_request("q1")
        nodes = Heard(dialog.node_activated)
        dialog.detail.head.meta.linkActivated.emit("node")
        assert nodes.calls == [("run1", "ask")]
