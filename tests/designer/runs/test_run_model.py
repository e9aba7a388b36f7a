from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from designer.runs.run_model import RunModel
from engine.events import RunFinished
from tests.designer.runs.fake_engine import FakeEngine, Story
from tests.designer.runs.window import Heard, open_client, open_model, until


def _three_steps(engine: FakeEngine, run: str = "run1", **more: Any) -> Story:
    story = engine.tell(run, **more).start("read")
    return story.finish("read", "ask").finish("ask", "pay").finish("pay")


async def test_a_chosen_run_is_shown_live_with_its_commits(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        assert model.is_live and model.last_commit == 3
        assert [tick.number for tick in model.commits] == [0, 1, 2, 3]
        assert model.title_of("read") == "Read" and model.title_of("unknown") == "unknown"
        assert model.status_text == "run #run1: Running, 3 of 3 nodes"


async def test_an_old_commit_shows_the_view_of_then(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        viewing = Heard(model.viewing_changed)
        model.show_commit(1)
        await until(lambda: model.viewing == 1)
        assert model.view is not None and list(model.view.frontier) == ["ask"]
        assert model.status_text == "Viewing checkpoint 1 of 3 of run #run1"
        model.show_live()
        assert model.viewing is None and model.view is model.live
        assert len(viewing) == 2


async def test_keys_that_come_faster_than_reads_are_all_counted(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        model.step_commit(-1)
        model.step_commit(-1)
        await until(lambda: model.viewing is not None)
        assert model.viewing == 1


async def test_the_past_stands_still_while_the_run_goes_on(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        model.show_commit(1)
        await until(lambda: model.viewing == 1)
        changed, lanes = Heard(model.changed), Heard(model.lanes_changed)
        story.commit().say(RunFinished(result=None))
        await until(lambda: lanes.calls)
        assert not changed.calls
        assert model.last_commit == 4 and model.viewing == 1


async def test_live_means_what_happens_now(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = engine.tell("run1").start("read")
    async with open_model(engine, tmp_path, "run1") as model:
        changed = Heard(model.changed)
        story.finish("read", "ask")
        await until(lambda: changed.calls)
        assert changed.calls == [(frozenset({"read", "ask"}),)]
        assert model.commits[-1].tasks == ("read",)


async def test_the_keys_walk_over_the_commits_and_stop_at_the_ends(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        seen: list[int | None] = []
        for step in (-1, -1, -5, -1, 1):
            model.step_commit(step)
            await until(lambda: not model.client.is_reading("model/view"))
            seen.append(model.viewing)
    assert seen == [2, 1, 0, 0, 1]


async def test_forks_are_lanes_of_their_own(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    engine.tell("fork1", parent=("run1", 1)).start("ask").finish("ask")
    async with open_model(engine, tmp_path, "fork1") as model:
        assert [(lane.run, lane.parent_commit) for lane in model.lanes] == [
            ("run1", None),
            ("fork1", 1),
        ]
        assert [tick.number for tick in model.commits] == [0, 1]


async def test_a_run_of_another_process_is_followed(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _three_steps(engine, driven=False)
    async with open_model(engine, tmp_path, "run1") as model:
        changed = Heard(model.changed)
        story.commit().say(RunFinished(result=1))
        engine.touch()
        await until(lambda: changed.calls)
        assert model.live is not None and model.live.status == "completed"
        assert model.commits[-1].number == 4


async def test_another_version_of_the_document_is_named(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine)
    async with open_model(engine, tmp_path, "run1") as model:
        model.set_document("w1", "rev1")
        assert model.banner == ""
        model.set_document("w1", "rev2")
        assert model.banner == "Run #run1 used another version of this workflow."
        model.set_document("w2", "rev1")
        assert "another workflow, Invoice approval" in model.banner


async def test_choosing_another_run_forgets_what_was_asked_of_the_first(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    _three_steps(engine, "run1")
    _three_steps(engine, "run2")
    async with open_client(engine, tmp_path) as client:
        model = RunModel(client, client)
        model.show_run("run1", at=1)
        model.show_run("run2")
        await until(lambda: model.record is not None)
        await asyncio.sleep(0.02)
        assert model.record is not None and model.record.run == "run2" and model.is_live


async def test_commits_that_only_the_store_knows_are_told(
    qloop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    engine = FakeEngine()
    story = _three_steps(engine, driven=False)
    async with open_model(engine, tmp_path, "run1") as model:
        lane = model.lane
        assert lane is not None
        del lane.ticks[2:]  # as when the news of the last frame has not been passed on
        lanes = Heard(model.lanes_changed)
        engine.touch()
        await until(lambda: lanes.calls)
        assert [tick.number for tick in model.commits] == [0, 1, 2, 3]
        assert story.view.seq == (model.live.seq if model.live is not None else -1)
