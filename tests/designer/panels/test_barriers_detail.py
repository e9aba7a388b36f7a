from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QTableView
from pytestqt.qtbot import QtBot

from designer.panels.barriers_detail import RequestDetail
from designer.panels.barriers_payload import Page
from designer.runs.rows import DecisionRefused
from engine.model.node_types import Request
from tests.designer.panels.barrier_stories import (
    NOTES,
    PAY,
    ROWS,
    UNKNOWN,
    USED_UP,
    answer_elsewhere,
    decisions,
    waiting,
)
from tests.designer.runs.fake_engine import FakeEngine
from tests.designer.runs.window import Heard, open_client, until

LEFT = Qt.MouseButton.LeftButton


@asynccontextmanager
async def _open(
    engine: FakeEngine, folder: Path, request: Request
) -> AsyncGenerator[RequestDetail]:
    """A detail that shows `request` and has been painted."""
    record = waiting(engine, q=request)["q"]
    async with open_client(engine, folder) as client:
        client.refresh()
        await until(lambda: client.inbox)
        detail = RequestDetail(client)
        detail.resize(700, 600)
        detail.show_record(record)
        detail.show()
        detail.activateWindow()
        await until(detail.isActiveWindow)
        await until(lambda: client.is_settled)
        try:
            yield detail
        finally:
            detail.close()
            detail.deleteLater()


def _table(detail: RequestDetail) -> QTableView:
    table = detail.payload.values.findChild(QTableView)
    assert table is not None
    return table


def _banner(detail: RequestDetail) -> str:
    banner = detail.head.banners.banner("status")
    return banner.text if banner is not None else ""


async def _sent(detail: RequestDetail, engine: FakeEngine) -> Any:
    await until(lambda: decisions(engine))
    await until(lambda: detail._client.is_settled)
    return decisions(engine)[-1]


async def test_it_says_what_is_asked_by_whom_until_when_and_what_follows(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open(FakeEngine(), tmp_path, PAY) as detail:
        assert detail.head.title.text() == "Pay 20 invoices?"
        assert ">Ask</a> in Invoice approval, run #run1" in detail.head.meta.text()
        assert detail.head.countdown.text == "05:00, then: reject"
        assert "<b>Approve</b>: runs Pay, then up to 1 more node" in detail.consequences.text()
        assert "<b>Reject</b>: the run fails" in detail.consequences.text()


async def test_approving_needs_the_payload_to_have_been_on_the_screen(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    record = waiting(engine, q=PAY)["q"]
    async with open_client(engine, tmp_path) as client:
        detail = RequestDetail(client)
        detail.show_record(record)
        detail.choose("approve")
        assert not detail.approve.isEnabled()
        assert not detail.approve.isDefault()
        assert "has not been on the screen yet" in detail.note.text()
        detail.show()
        await until(detail.approve.isEnabled)
        assert detail.approve.isDefault()
        detail.close()
        detail.deleteLater()
    assert decisions(engine) == []


async def test_a_click_on_approve_sends_the_content_that_was_shown(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        decided = Heard(detail.decided)
        detail.comment.setPlainText("fine")
        QTest.mouseClick(detail.approve, LEFT)
        command = await _sent(detail, engine)
        assert (command.choice, command.digest, command.comment) == (
            "approve",
            "digest of q",
            "fine",
        )
        assert command.values is None
        assert decided.calls[0][0] == "q"
        assert _banner(detail) == "Approved by you."


async def test_rejecting_takes_two_steps(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        QTest.mouseClick(detail.reject, LEFT)
        assert decisions(engine) == []
        assert detail.confirm_bar.text.startswith("Reject: the run fails")
        assert detail.comment.hasFocus()
        QTest.mouseClick(detail.confirm_bar.cancel, LEFT)
        assert detail.buttons.isVisible()
        QTest.mouseClick(detail.reject, LEFT)
        QTest.mouseClick(detail.confirm_bar.confirm, LEFT)
        assert (await _sent(detail, engine)).choice == "reject"


async def test_dangerous_answers_ask_again_and_others_do_not(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        detail.choose("burn")
        assert detail.confirm_bar.isVisible()
        assert decisions(engine) == []
        detail.disarm()
        detail.choose("later")
        assert (await _sent(detail, engine)).choice == "later"


async def test_an_answer_that_needs_a_comment_waits_for_one(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        detail.choose("ask")
        detail.confirm()
        assert detail.note.text() == "Ask back needs a comment."
        QTest.keyClicks(detail.comment, "why 20?")
        detail.confirm()
        assert (await _sent(detail, engine)).comment == "why 20?"


async def test_rerouting_names_its_target(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        action = detail.more_menu.actions()[0]
        assert action.text() == "Send to Audit…"
        action.trigger()
        detail.confirm()
        command = await _sent(detail, engine)
        assert (command.choice, command.to) == ("reroute", "audit")


async def test_modify_opens_the_allowed_cells_and_sends_the_whole_payload(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        table = _table(detail)
        editable = Qt.ItemFlag.ItemIsEditable
        assert not table.model().index(3, 1).flags() & editable
        QTest.mouseClick(detail.modify, LEFT)
        assert not table.model().index(3, 0).flags() & editable
        assert table.hasFocus()
        assert table.currentIndex() == table.model().index(0, 1)
        table.setCurrentIndex(table.model().index(3, 1))
        QTest.keyClick(table, Qt.Key.Key_F2)
        editor = table.viewport().findChild(QLineEdit)
        assert editor is not None
        QTest.keyClicks(editor, "95")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        await until(lambda: detail.payload.is_edited)
        assert detail.payload.summary == "1 change: [3].amount: 103.0 → 95.0"
        assert detail.approve.text() == "Approve with changes"
        QTest.mouseClick(detail.approve, LEFT)
        command = await _sent(detail, engine)
        assert command.choice == "modify"
        assert command.values == [*ROWS[:3], {**ROWS[3], "amount": 95.0}, *ROWS[4:]]


async def test_letters_typed_into_the_payload_are_no_shortcuts(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    from designer.actions.registry import ActionRegistry
    from designer.actions.spec import ActionContext
    from designer.panels.barriers_verbs import verbs_of

    engine = FakeEngine()
    async with _open(engine, tmp_path, NOTES) as detail:
        registry = ActionRegistry(detail)
        registry.attach(ActionContext.BARRIERS, detail)
        verbs_of(registry)
        detail.edit()
        title = detail.payload.form.editor_of("title")
        assert isinstance(title, QLineEdit)
        title.clear()
        QTest.keyClicks(title, "Rare")
        assert title.text() == "Rare"
        assert not detail.confirm_bar.isVisible()
    assert decisions(engine) == []


async def test_edit_twice_still_edits(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open(FakeEngine(), tmp_path, NOTES) as detail:
        detail.edit()
        detail.comment.setFocus()
        detail.edit()
        assert detail.payload.is_editing
        focus = QApplication.focusWidget()
        assert focus is not None and detail.payload.isAncestorOf(focus)


async def test_a_form_says_at_once_what_the_engine_would_refuse(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open(FakeEngine(), tmp_path, NOTES) as detail:
        assert detail.payload.page is Page.FORM
        detail.edit()
        copies = detail.payload.form.editor_of("copies")
        assert isinstance(copies, QLineEdit)
        copies.selectAll()
        QTest.keyClicks(copies, "12")
        await until(lambda: detail.payload.form.error_of("copies"))
        assert "12 is greater than the maximum of 9" in detail.payload.form.error_of("copies")


async def test_refused_values_stay_on_the_screen_with_the_reason(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, NOTES) as detail:
        engine.refuse = DecisionRefused(
            "The edited values do not fit.", reason="invalid", problems=[("copies", "too many")]
        )
        QTest.mouseClick(detail.approve, LEFT)
        await _sent(detail, engine)
        assert _banner(detail) == "The edited values do not fit."
        assert detail.payload.form.error_of("copies") == "too many"
        assert detail.is_open
        assert detail.payload.is_editing


async def test_a_late_answer_says_who_was_faster(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        answered = Heard(detail.answered)
        engine.settle(engine.requests["q"], "reject", "Bob", "cli", "no budget")
        QTest.mouseClick(detail.approve, LEFT)
        await until(lambda: answered.calls)
        assert _banner(detail).startswith("Rejected by Bob on the command line at ")
        assert _banner(detail).endswith(": “no budget”.")
        assert not detail.approve.isEnabled()


async def test_an_answer_from_elsewhere_is_told_without_being_asked(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        answered = Heard(detail.answered)
        answer_elsewhere(engine, "q", "approve")
        await until(lambda: answered.calls)
        assert _banner(detail).startswith("Approved by Bob on the command line")
        assert not detail.head.countdown.isVisible()
        assert not detail.comment.isEnabled()


async def test_the_end_of_time_is_told_as_such(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        answer_elsewhere(engine, "q", "reject", by="timeout", through="timeout")
        await until(lambda: _banner(detail))
        assert _banner(detail) == "Time is up: rejected, as set."


async def test_what_was_typed_survives_a_look_at_another_request(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, NOTES) as detail:
        record = detail.record
        detail.edit()
        title = detail.payload.form.editor_of("title")
        QTest.keyClicks(title, "!")
        QTest.keyClicks(detail.comment, "half a sen")
        detail.show_record(None)
        detail.show_record(record)
        assert detail.comment.toPlainText() == "half a sen"
        assert detail.payload.value == {"title": "!Notes", "copies": 3}
        assert detail.payload.is_editing


async def test_the_engines_own_question_takes_an_output(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, UNKNOWN) as detail:
        assert detail.payload.isHidden()
        assert detail.approve.isHidden()
        detail.output.setPlainText("{broken")
        detail.choose("happened")
        detail.confirm()
        assert detail.note.text().startswith("The output is not JSON, line 1")
        detail.output.setPlainText('{"sent": 3}')
        detail.confirm()
        command = await _sent(detail, engine)
        assert (command.choice, command.values) == ("happened", {"sent": 3})


async def test_the_limit_of_a_budget_is_raised_to_what_is_entered(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, USED_UP) as detail:
        assert detail.output_label.text() == "New limit, if it is raised"
        assert detail.output.toPlainText() == "16"
        detail.output.setPlainText("ten")
        detail.choose("raise")
        detail.confirm()
        assert detail.note.text().startswith("The limit is not JSON, line 1")
        detail.output.setPlainText("20")
        detail.confirm()
        command = await _sent(detail, engine)
        assert (command.choice, command.values) == ("raise", 20)


async def test_ctrl_enter_without_a_choice_decides_nothing(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open(engine, tmp_path, PAY) as detail:
        detail.confirm()
        assert detail.note.text() == "Choose first: A approves, R rejects."
    assert decisions(engine) == []


async def test_a_payload_with_two_sides_is_shown_as_a_difference(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    request = Request(title="?", payload={"before": {"a": 1}, "after": {"a": 2}})
    async with _open(FakeEngine(), tmp_path, request) as detail:
        assert detail.payload.page is Page.CHANGES
        assert detail.payload.changes_view.value == {"a": 2}


async def test_the_explanation_loads_nothing(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    picture = tmp_path / "x.png"
    request = Request(title="?", body=f"![x]({picture.as_uri()})")
    async with _open(FakeEngine(), tmp_path, request) as detail:
        assert bytes(detail.head.body.loadResource(2, picture.as_uri())) == b""
