from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.panels.frontier import FrontierPanel
from designer.panels.frontier_model import Column
from designer.panels.frontier_rows import Gathering, Joins, why
from engine import events as ev
from engine.ids import RequestId, RunId, TaskId
from engine.model.node_types import Request
from engine.model.workflow import Workflow
from engine.run_view import FrontierEntry, OpenRequest, RunView
from tests.designer.runs.fake_engine import START, FakeEngine, workflow
from tests.designer.runs.window import Heard, open_panel, until

NOW = 1_763_700_000.0


def _entry(state: str, **more: Any) -> FrontierEntry:
    return FrontierEntry(TaskId("a"), "a", state=state, **more)


def _view(**more: Any) -> RunView:
    question = OpenRequest(RequestId("q"), TaskId("a"), "a", "?", "d", NOW, NOW + 598, "reject")
    return RunView(requests={RequestId("q"): question}, **more)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            _entry("waiting", due_at=NOW + 598, request=RequestId("q")),
            "waits for approval 09:58, then: reject",
        ),
        (_entry("waiting"), "waits for approval"),
        (_entry("retry", due_at=NOW + 8, attempt=2, text="503"), "attempt 2 in 8 s: 503"),
        (_entry("timer", text="until 14:05"), "until 14:05"),
        (_entry("running", attempt=2, text="page 3"), "attempt 2, page 3"),
        (_entry("ready"), "starts as soon as there is room"),
    ],
)
def test_a_task_says_why_it_is_in_the_frontier(entry: FrontierEntry, words: str) -> None:
    assert why(entry, _view(), NOW) == words


def test_a_join_says_what_it_has_and_what_it_needs() -> None:
    joins = Joins(workflow(a=["join"], b=["join"], c=["join"]))
    view = RunView(taken={"a.out->join.in": 1}, not_taken={"c.out->join.in": 1})
    assert joins.gathering(view) == [Gathering("join", ("A", "C"), ("B",))]
    view.taken["b.out->join.in"] = 1
    assert joins.gathering(view) == []


def test_a_wire_from_the_own_cycle_is_not_waited_for() -> None:
    joins = Joins(workflow(a=["check"], check=["fix"], fix=["check"]))
    assert joins.gathering(RunView(taken={"a.out->check.in": 1})) == []


def _with_collect(drawn: Workflow) -> Workflow:
    end = replace(drawn.nodes["end"], type="collect")
    return replace(drawn, nodes={**drawn.nodes, "end": end})


def test_items_of_a_zone_are_counted_at_its_end() -> None:
    joins = Joins(_with_collect(workflow(each=["work", "end"], work=["end"])))
    view = RunView(taken={"work.out->end.in": 2, "each.out->end.in": 1})
    view.node("work").total = 3
    assert joins.gathering(view) == [Gathering("end", ("Each",), ("1 of 3 from Work",))]


def test_a_collect_that_has_ended_waits_for_nothing() -> None:
    joins = Joins(_with_collect(workflow(each=["work"], work=["end"])))
    view = RunView(taken={"work.out->end.in": 2})
    view.node("work").total = 3
    assert joins.gathering(view) == [Gathering("end", (), ("1 of 3 from Work",))]
    view.taken["work.out->end.in"] = 3
    view.node("end").done = 1
    assert joins.gathering(view) == []


async def test_what_needs_a_person_stands_first(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1").start("read", "ask")
    story.update(
        ev.TaskStarted(run=RunId("run1"), task=TaskId("read"), node="read", attempt=1, at=START)
    )
    story.ask("q1", "ask", Request(title="Pay?", default="reject"), deadline=START + 400)
    async with open_panel(FrontierPanel, engine, tmp_path) as panel:
        model = panel.table.model()
        words = [[model.index(row, column).data() for column in Column] for row in range(2)]
    assert words[0][:3] == ["Needs approval", "Ask", "waits for approval 05:00, then: reject"]
    assert words[1][:2] == ["Running", "Read"]


async def test_a_double_click_and_enter_lead_to_node_and_question(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    engine.tell("run1").start("ask").ask("q1", "ask", Request(title="Pay?"))
    async with open_panel(FrontierPanel, engine, tmp_path) as panel:
        nodes, requests = Heard(panel.node_activated), Heard(panel.request_activated)
        spot = panel.table.visualRect(panel.table.model().index(0, 1)).center()
        QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        QTest.mouseDClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert nodes.calls == [("ask",)] * 2
    assert requests.calls == [("q1",)] * 2


async def test_the_selected_task_stays_selected_while_others_come_and_go(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1", workflow(a=[], b=[], c=[])).start("a", "b", "c")
    async with open_panel(FrontierPanel, engine, tmp_path) as panel:
        model = panel.table.model()
        panel.table.setCurrentIndex(model.index(2, 0))
        story.finish("a")
        await until(lambda: model.rowCount() == 2)
        assert panel.table.currentIndex().siblingAtColumn(Column.NODE).data() == "C"


async def test_the_past_is_marked_and_shows_the_tasks_of_then(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    engine.tell("run1").start("read").finish("read", "ask").finish("ask", "pay")
    async with open_panel(FrontierPanel, engine, tmp_path) as panel:
        assert panel.past_strip.isHidden()
        panel.model.show_commit(1)
        await until(lambda: panel.model.viewing == 1)
        assert panel.table.model().index(0, Column.NODE).data() == "Ask"
        assert panel.past_strip.text.startswith("The past: checkpoint 1 of 2, ")
        panel.model.show_live()
        assert panel.past_strip.isHidden()
        assert panel.table.model().index(0, Column.NODE).data() == "Pay"


async def test_five_thousand_tasks_are_shown_in_one_frame(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    ready = [
        ev.TaskReady(TaskId(f"work@each.{i}"), "work", (("each", i, 5000),)) for i in range(5000)
    ]
    story = engine.tell("run1", workflow(each=["work"])).start().commit(ready=ready)
    async with open_panel(FrontierPanel, engine, tmp_path) as panel:
        model = panel.table.model()
        assert model.rowCount() == 5000
        assert model.index(4999, Column.PLACE).data().startswith("item ")
        story.finish("work@each.7")
        await until(lambda: model.rowCount() == 4999)


async def test_without_a_run_it_says_how_to_get_one(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_panel(FrontierPanel, FakeEngine(), tmp_path, None) as panel:
        assert panel.empty.isVisible()
        assert "F5" in panel.empty.accessibleName()
