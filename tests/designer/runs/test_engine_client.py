from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from designer.runs.rows import DecisionRefused
from engine.events import RunFinished, RunPaused
from engine.model.node_types import Request
from tests.designer.runs.fake_engine import FakeEngine
from tests.designer.runs.window import Heard, open_client, until


async def test_a_burst_of_news_is_one_change_with_all_nodes_it_touched(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        changed, news = Heard(client.run_changed), Heard(client.news)
        story = engine.tell("run1").start("read").finish("read", "ask").say(RunPaused(reason="x"))
        await until(lambda: changed.calls)
    assert changed.calls == [("run1", frozenset({"read", "ask"}))]
    assert [item.seq for item in news.calls[0][0]] == [r.seq for r in story.records]


async def test_changes_come_at_most_once_a_frame(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        changed = Heard(client.run_changed)
        story = engine.tell("run1").start("read")
        started = qloop.time()
        while qloop.time() - started < 0.2:
            story.say(RunPaused(reason="x"))
            await asyncio.sleep(0.001)
        assert 3 <= len(changed) <= 0.2 / 0.033 + 2


async def test_ends_of_wires_are_touched(qloop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        changed = Heard(client.run_changed)
        engine.tell("run1").commit(taken=["a.out->b.in"])
        await until(lambda: changed.calls)
    assert changed.calls[0][1] == {"a", "b"}


async def test_an_end_is_told_with_its_status(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        ended = Heard(client.run_ended)
        engine.tell("run1").start("read").finish("read").say(RunFinished(result=3))
        await until(lambda: ended.calls)
        await until(lambda: client.runs)
    assert ended.calls == [("run1", "completed")]
    assert client.runs[0].status == "completed"


async def test_requests_open_at_the_start_are_listed_but_not_announced(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1").start("ask")
    story.ask("q1", "ask", Request(title="Pay?"))
    async with open_client(engine, tmp_path) as client:
        opened = Heard(client.request_opened)
        client.refresh()
        await until(lambda: client.inbox)
        assert not opened.calls
        story.ask("q2", "pay", Request(title="Really?"))
        await until(lambda: opened.calls)
    assert [call[0].request for call in opened.calls] == ["q2"]


async def test_a_decision_is_signed_and_names_the_content_that_was_shown(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    record = engine.tell("run1").start("ask").ask("q1", "ask", Request(title="Pay?"))
    async with open_client(engine, tmp_path) as client:
        await client.decide(record, "reject", comment="too much")
        command = engine.calls[0][1]
        await until(lambda: client.decisions)
    assert (command.by, command.through, command.digest) == ("Ada", "designer", "digest of q1")
    assert client.inbox == [] and client.decisions[0].comment == "too much"


async def test_a_run_that_nobody_drives_goes_on_after_a_decision(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    record = engine.tell("run1", driven=False).start("ask").ask("q1", "ask", Request(title="?"))
    async with open_client(engine, tmp_path) as client:
        started = Heard(client.run_started)
        await client.decide(record, "approve")
        await until(lambda: started.calls)
    assert ("resume", "run1") in engine.calls


async def test_it_stays_parked_where_the_person_wants_that(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    record = engine.tell("run1", driven=False).start("ask").ask("q1", "ask", Request(title="?"))
    async with open_client(engine, tmp_path) as client:
        client.settings.resume_after_decision = False
        await client.decide(record, "approve")
        await asyncio.sleep(0.02)
    assert ("resume", "run1") not in engine.calls


async def test_a_refusal_reaches_the_caller(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    record = engine.tell("run1").start("ask").ask("q1", "ask", Request(title="?"))
    engine.refuse = DecisionRefused("it was decided by Bob.", reason="late")
    async with open_client(engine, tmp_path) as client:
        with pytest.raises(DecisionRefused):
            await client.decide(record, "approve")


async def test_what_another_process_writes_refreshes_the_lists(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        inbox = Heard(client.inbox_changed)
        engine.tell("run1", driven=False).start("ask").ask("q1", "ask", Request(title="?"))
        await asyncio.sleep(0.02)
        assert not inbox.calls
        engine.touch()
        await until(lambda: client.runs and client.inbox)


async def test_a_closed_client_hears_nothing(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        changed = Heard(client.run_changed)
    engine.tell("run1").start("read")
    await asyncio.sleep(0.05)
    assert not changed.calls


async def test_a_run_that_stops_by_an_error_of_the_store_is_told(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with open_client(engine, tmp_path) as client:
        failed = Heard(client.failed)
        engine.problems[0]("run1", OSError("The disk is full."))
    assert failed.calls == [("Run #run1 stopped: The disk is full. It can be resumed.",)]
