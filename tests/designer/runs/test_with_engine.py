"""Client and model with the real engine on a real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from designer.runs.rows import DecisionRefused
from designer.runs.words import sentence
from engine.app import Engine
from engine.commands import Decide
from tests.designer.runs.real_engine import open_real, start_and_wait, store_url
from tests.designer.runs.window import Heard, until


async def test_a_run_comes_to_its_barrier_and_goes_on_after_the_decision(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        ended, opened = Heard(client.run_ended), Heard(client.request_opened)
        client.refresh()
        await until(lambda: client.is_settled)
        run = await start_and_wait(client, model)
        assert model.status_text == f"run #{run[-6:]}: Waiting for 1 decision"
        assert opened.calls[0][0].content.title == "Pay 120?"
        await client.decide(client.inbox[0], "approve", comment="fine")
        await until(lambda: ended.calls)
        assert ended.calls == [(run, "completed")]
        await until(lambda: client.inbox == [] and client.runs[0].status == "completed")
        assert client.decisions[-1].by == "Ada"


async def test_commits_seen_live_are_those_that_are_stored(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, model):
        run = await start_and_wait(client, model)
        await client.decide(client.inbox[0], "approve")
        await until(lambda: model.live is not None and model.live.status == "completed")
        await until(lambda: not client.is_driven(run) and client.is_settled)
        stored = [(line.number, line.tasks, str(line.status)) for line in engine.history(run)]
        seen = [(tick.number, tick.tasks, tick.status) for tick in model.commits]
        assert seen == stored


async def test_any_commit_can_be_viewed_while_the_run_waits(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        model.show_first()
        await until(lambda: model.viewing == 0)
        assert model.view is not None
        assert list(model.view.frontier) == ["start"]
        model.show_live()
        assert model.view is not None
        assert [entry.state for entry in model.view.frontier.values()] == ["waiting"]


async def test_a_fork_with_an_edited_channel_runs_on_its_own_lane(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, model):
        parent = await start_and_wait(client, model)
        at = model.last_commit
        child = await client.fork(parent, at, channels={"total": 7})
        await until(lambda: model.run == child and model.record is not None)
        await until(lambda: len(client.inbox) == 2)
        mine = next(record for record in client.inbox if record.run == child)
        await client.decide(mine, "approve")
        await until(lambda: model.live is not None and model.live.status == "completed")
        await until(lambda: [lane.run for lane in model.lanes] == [parent, child])
        assert model.lanes[1].parent_commit == at
        await until(lambda: not client.is_driven(child))
        assert engine.state_at(child).channels == {"total": 7}
        assert engine.state_at(parent).channels == {"total": 120}


async def test_a_replay_of_the_recording_is_equal(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        run = await start_and_wait(client, model)
        await client.decide(client.inbox[0], "approve")
        await until(lambda: not client.is_driven(run))
        report = await client.replay(run)
        assert (report.equal, report.difference) == (True, None)


async def test_another_process_may_decide_what_this_one_runs(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        await start_and_wait(client, model)
        record = client.inbox[0]
        other = Engine.open(store_url(tmp_path))
        try:
            await other.decide(
                Decide(request=record.request, choice="reject", by="Bob", through="cli")
            )
        finally:
            await other.close()
        await until(lambda: model.live is not None and model.live.status == "failed")
        await until(lambda: client.inbox == [])
        with pytest.raises(DecisionRefused, match="answered already"):
            await client.decide(record, "approve")


async def test_every_stored_event_has_words(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (engine, client, model):
        run = await start_and_wait(client, model)
        await client.decide(client.inbox[0], "modify", values={"sum": 95, "rows": [100, 20]})
        await until(lambda: not client.is_driven(run))
        said = [sentence(record, model.title_of) for record in engine.events(run)]
        assert "Approve asks: Pay 120?" in said
        assert "Ada (designer) approved with changes Approve, sum edited" in said
        assert said[-1].startswith("The run is complete")


async def test_a_run_of_yesterday_is_resumed_by_deciding_it(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        run = await start_and_wait(client, model)
    async with open_real(tmp_path) as (_, client, model):
        client.refresh()
        await until(lambda: client.inbox)
        model.show_run(run)
        await until(lambda: model.record is not None)
        assert not client.is_driven(run)
        await client.decide(client.inbox[0], "approve")
        await until(lambda: model.live is not None and model.live.status == "completed")


async def test_one_voice_of_two_does_not_wake_the_run(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async with open_real(tmp_path) as (_, client, model):
        run = await start_and_wait(client, model, quorum=2)
    async with open_real(tmp_path) as (engine, client, model):
        client.refresh()
        await until(lambda: client.inbox)
        record = client.inbox[0]
        await client.decide(record, "approve")
        await until(lambda: client.is_settled)
        assert not client.is_driven(run)
        assert client.inbox == [record]
        client.settings.user_name = "Bob"
        await client.decide(record, "approve")
        await until(lambda: engine.run(run).status == "completed")
