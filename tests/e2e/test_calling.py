"""Runs that call runs, in the window: into one and back, events, ending a part (U20, U58, U66)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.event_dialog import EventDialog
from designer.panels.barriers_head import RequestHead
from engine.model import codec
from engine.model.workflow import InBackground, Node, Settings, Workflow
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, LEFT, NONE, Desk, open_desk
from tests.e2e.flows import START, wires, write

A = ActionId


def inner() -> Workflow:
    """Waits for the event *paid*."""
    nodes = {
        "hear": Node(key="hear", type="listen", title="Wait for payment", params={"event": "paid"}),
        "done": Node(key="done", type="end"),
    }
    return Workflow(id="inner", name="Payment", nodes=nodes, edges=wires("hear.out done.in"))


def calling(folder: Path, called: Workflow | None = None) -> Path:
    """Start, a workflow that is called, End."""
    call = {"document": codec.workflow_to_json(called or inner())}
    nodes = {
        "start": START,
        "pay": Node(key="pay", type="workflow.call", title="Payment", params=call),
        "done": Node(key="done", type="end"),
    }
    edges = wires("start.out pay.in", "pay.out done.in")
    work = Workflow(id="outer", name="Order", nodes=nodes, edges=edges, settings=Settings(input=7))
    return write(folder / "order.flow.json", work)


def listening_items(folder: Path) -> Path:
    """Three items that wait for an event each."""
    nodes = {
        "each": Node(key="each", type="for_each", params={"limit": 3}),
        "hear": Node(key="hear", type="listen", title="Hear", params={"event": "paid"}),
        "all": Node(key="all", type="collect"),
    }
    edges = wires("each.item hear.in", "hear.out all.in")
    settings = Settings(input=[1, 2, 3])
    work = Workflow(id="items", name="Items", nodes=nodes, edges=edges, settings=settings)
    return write(folder / "items.flow.json", work)


def double_click(desk: Desk, node: str) -> None:
    viewport = desk.canvas.viewport()
    desk.click_node(node)
    QTest.mouseDClick(viewport, LEFT, NONE, desk.place(node))


async def begun(desk: Desk, path: Path) -> None:
    desk.window.filing.open_path(path)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_F5)
    await until(lambda: desk.status == "waiting")
    await until(lambda: desk.client.is_settled)


async def test_a_double_click_leads_into_the_called_run_and_its_way_back(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await begun(desk, calling(tmp_path))
        outer, crumbs = desk.window.run_model.run, desk.window.crumbs
        await until(lambda: crumbs.isVisible() and crumbs.called.text() == "1 called run")
        double_click(desk, "pay")
        await until(lambda: desk.tab.document.workflow.id == "inner")
        await until(lambda: len(crumbs.links()) == 1 and desk.status == "waiting")
        assert desk.tab.pinned and desk.window.run_model.run != outer
        assert crumbs.words[0].startswith("Order") and crumbs.words[-1].startswith("Payment")
        desk.click(crumbs.links()[0])
        await until(lambda: desk.window.run_model.run == outer)
        assert desk.tab.document.workflow.id == "outer"
        assert desk.tab.document.selection.node == "pay"
        desk.canvas.setFocus()
        await desk.can(A.VIEW_INTO_SUBFLOW)
        desk.key(Qt.Key.Key_Return, CTRL)
        await until(lambda: desk.tab.document.workflow.id == "inner")
        assert sum(tab.document.workflow.id == "inner" for tab in desk.window.tabs) == 1
        desk.canvas.setFocus()
        await desk.can(A.VIEW_OUT_OF_SUBFLOW)
        desk.key(Qt.Key.Key_U)
        await until(lambda: desk.window.run_model.run == outer)
        await until(lambda: desk.client.is_settled)


async def test_a_question_of_a_called_run_says_who_called_it_and_its_answer_goes_on_with_both(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    nodes = {
        "ask": Node(key="ask", type="barrier", title="Sure?", params={"title": "Pay?"}),
        "done": Node(key="done", type="end"),
    }
    asks = Workflow(id="inner", name="Payment", nodes=nodes, edges=wires("ask.approved done.in"))
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(calling(tmp_path, asks))
        desk.canvas.setFocus()
        desk.key(Qt.Key.Key_F5)
        await until(lambda: len(desk.client.inbox) == 1)
        (record,) = desk.client.inbox
        assert desk.client.paths[record.run] == "Order › pay"
        desk.window.barrier_dialog.open_request(record.request)
        await desk.waits_for_decision()
        heads = desk.window.barrier_dialog.findChildren(RequestHead)
        assert "called by Order › pay" in heads[0].meta.text()
        desk.click(desk.asked.approve)
        await desk.ended()
        await until(lambda: all(r.status == "completed" for r in desk.client.runs))
        assert len(desk.client.runs) == 2


async def test_an_event_is_sent_by_the_name_that_is_listened_for(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await begun(desk, calling(tmp_path))
        double_click(desk, "pay")
        await until(lambda: desk.tab.document.workflow.id == "inner" and desk.status == "waiting")
        desk.window.actions_.trigger(A.RUN_SEND_EVENT)
        await until(lambda: desk.window.findChild(EventDialog) is not None)
        asked = desk.window.findChild(EventDialog)
        assert asked is not None
        await until(asked.isVisible)
        assert asked.name.currentText() == "paid" and "listens for it" in asked.heard.text()
        send = asked.buttons.button(asked.buttons.StandardButton.Ok)
        asked.payload.setPlainText("{")
        assert not send.isEnabled()
        await until(lambda: asked._problem.geometry().top() > asked.payload.geometry().bottom())
        asked.name.setEditText("")
        assert asked.heard.text() == "Type the name of the event."
        asked.name.setEditText("paid")
        asked.payload.setPlainText('{"amount": 5}')
        desk.click(send)
        await desk.ended()
        assert desk.result == {"amount": 5}
        await until(lambda: all(r.status == "completed" for r in desk.client.runs))


async def test_one_item_is_cancelled_and_the_others_go_on(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        await begun(desk, listening_items(tmp_path))
        desk.click_node("hear")
        await desk.can(A.NODE_CANCEL)
        desk.window.actions_.trigger(A.NODE_CANCEL)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        words = [action.text() for action in menu.actions()]
        assert words[:2] == ["All 3 of Hear", "Hear, item 1 of each"]
        menu.setActiveAction(menu.actions()[2])
        QTest.keyClick(menu, Qt.Key.Key_Return)
        await until(lambda: _active(desk) == 2)


def _active(desk: Desk) -> int:
    live = desk.window.run_model.live
    return live.nodes["hear"].active if live is not None else 0


async def test_work_in_the_background_is_seen_and_opened(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    nodes = {
        "start": START,
        "hear": Node(
            key="hear",
            type="listen",
            title="Hear",
            params={"event": "paid"},
            background=InBackground(),
        ),
        "done": Node(key="done", type="end"),
    }
    edges = wires("start.out hear.in", "hear.out done.in")
    work = Workflow(id="bg", name="Archive", nodes=nodes, edges=edges, settings=Settings(input=7))
    async with open_desk(tmp_path) as desk:
        await begun(desk, write(tmp_path / "bg.flow.json", work))
        await until(lambda: desk.canvas.board.state.nodes["hear"].words == "1 in the background")
        assert desk.canvas.board.state.nodes["hear"].subline.endswith("in the background")
        double_click(desk, "hear")
        await until(lambda: desk.tab.document.workflow.id == "bg.hear")
        assert desk.tab.document.workflow.nodes.keys() == {"hear"}
        await desk.client.signal("paid", 1)
        await desk.ended()


async def test_failed_work_in_the_background_is_shown_and_tried_again_by_resume(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    reads = {"path": "late.txt", "format": "text"}
    nodes = {
        "start": START,
        "read": Node(key="read", type="file.read", params=reads, background=InBackground()),
        "done": Node(key="done", type="end"),
    }
    edges = wires("start.out read.in", "read.out done.in")
    work = Workflow(id="late", name="Late", nodes=nodes, edges=edges)
    async with open_desk(tmp_path) as desk:
        source = str(tmp_path / "late.flow.json")
        run = await desk.client.start(work, 1, source_path=source)
        await desk.ended()
        live = desk.window.run_model.live
        assert live is not None and live.nodes["read"].works_failed == 1
        (child,) = desk.engine.works(run)
        desk.window.calling.open_run(child.run)
        await until(lambda: desk.status == "failed")
        (tmp_path / "late.txt").write_text("here at last")
        await desk.can(A.RUN_RESUME)
        desk.window.actions_.trigger(A.RUN_RESUME)
        await desk.ended()
        assert desk.result == "here at last"
