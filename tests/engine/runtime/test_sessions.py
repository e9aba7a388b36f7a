"""A session groups runs that share durable channels (U38, U78; T20-T25)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle, SessionBusy
from engine.errors import InvalidCommand
from engine.model.workflow import Channel, Invariant, Migration, Workflow
from engine.state.migrating import CannotMigrate
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, outcome

Json = Any
TALK = Channel(name="talk", type="messages", lifecycle="durable")
COUNT = Channel(name="count", type="number", reducer="sum", default=0, lifecycle="durable")
OWN = Channel(name="own", type="number", reducer="sum", default=0)
WRITES = {"writes": {"count": "1", "own": "1"}}
HELLO = {"role": "user", "content": "hello"}


def chat(*channels: Channel, kind: str = "same", **settings: Any) -> Workflow:
    return flow(
        {"a": (kind, {}, WRITES), "z": "end"},
        "a > z",
        channels=channels or (TALK, COUNT, OWN),
        result="state",
        input_to="talk",
        **settings,
    )


async def turn(bench: Bench, work: Workflow, input: Json = None) -> RunHandle:
    return await bench.start(work, HELLO if input is None else input, session="s")


async def test_the_next_run_begins_with_the_durable_channels() -> None:
    async with Bench() as bench:
        await turn(bench, chat())
        handle = await turn(bench, chat())
        assert await handle.result() == {"talk": [HELLO, HELLO], "count": 2, "own": 1}


async def test_what_lives_for_a_run_does_not_go_to_the_next_one() -> None:
    """U38."""
    fleeting = Channel(name="log", type="array", reducer="append", default=[], lifecycle="run")
    work = flow({"a": ("plus", {}, {"writes": {"log": "output"}}), "z": "end"}, "a > z",
                channels=[fleeting], result="state.log")  # fmt: skip
    async with Bench() as bench:
        for _ in range(2):
            handle = await bench.engine.start(work, 1, session="s")
            assert outcome((await handle.leg()).event) == [2]


async def test_the_same_input_twice_runs_twice() -> None:
    """T20."""
    async with Bench() as bench:
        first, second = await turn(bench, chat()), await turn(bench, chat())
        assert bench.order() == ["a", "z", "a", "z"]
        assert [r.run for r in bench.engine.runs(session="s")] == [second.run, first.run]


async def test_the_input_goes_through_the_commit() -> None:
    """It is merged by the reducer in commit 0, with a version and a report."""
    async with Bench() as bench:
        handle = await turn(bench, chat())
        start = bench.engine.state_at(handle.run, 0)
        assert (start.channels["talk"], start.versions) == ([HELLO], {"talk": 1})
        committed = next(e for e in bench.facts if isinstance(e, ev.SuperstepCommitted))
        assert committed.changed == ("talk",)


async def test_a_rejected_input_leaves_everything_as_it_was() -> None:
    """T21: no run is made; the next one begins where the last one ended."""
    async with Bench() as bench:
        await turn(bench, chat())
        with pytest.raises(InvalidCommand, match=r"input is refused.*message"):
            await turn(bench, chat(), "no message")
        assert len(bench.engine.runs()) == 1
        handle = await turn(bench, chat())
        assert handle.state.channels["count"] == 2


async def test_an_input_that_breaks_an_invariant_is_rejected() -> None:
    rules = {"short": Invariant(expr="len(state.talk) <= 1")}
    async with Bench() as bench:
        await turn(bench, chat(invariants=rules))
        with pytest.raises(InvalidCommand, match="short does not hold"):
            await turn(bench, chat(invariants=rules))


async def test_versions_go_on_from_run_to_run() -> None:
    """T25."""
    async with Bench() as bench:
        seen = [(await turn(bench, chat())).state.versions for _ in range(3)]
        assert [versions["talk"] for versions in seen] == [1, 2, 3]
        assert [versions["own"] for versions in seen] == [1, 1, 1]


async def test_steps_go_on_after_a_restart(tmp_path: Path) -> None:
    """T23: in another process; the number of steps only rises."""
    steps: list[tuple[int, int]] = []
    for _ in range(3):
        async with Bench(store=SqliteStore(tmp_path / "runs.sqlite")) as bench:
            bench.engine._core.ids = _Ids(len(steps))
            handle = await turn(bench, chat())
            view = bench.engine.view(handle.run)
            steps.append((view.turn, view.step))
    assert steps == [(1, 0), (2, 3), (3, 6)]


class _Ids:
    """Ids that differ from process to process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def run_id(self, now: float) -> Any:
        return f"run{self._number}at{now:.0f}"

    def request_id(self) -> Any:
        return "r"

    def seed(self) -> int:
        return 1


async def test_the_news_of_a_session_go_on_after_a_run_and_after_an_error() -> None:
    """T22: the end of a run is not the end of the stream."""
    heard: list[str] = []
    async with Bench() as bench:

        def hear(news: ev.News) -> None:
            if isinstance(news, ev.Recorded):
                heard.append(type(news.event).__name__)

        stop = bench.engine.subscribe_session("s", hear)
        await turn(bench, chat())
        await turn(bench, chat(kind="boom"))
        await bench.start(chat(), HELLO, session="other")
        await turn(bench, chat())
        stop()
        await turn(bench, chat())
    ends = [name for name in heard if name in ("RunFinished", "RunFailed")]
    assert ends == ["RunFinished", "RunFailed", "RunFinished"]


async def test_a_failed_run_hands_on_what_it_had_committed() -> None:
    async with Bench() as bench:
        await turn(bench, chat(kind="boom"))
        handle = await turn(bench, chat())
        assert await handle.result() == {"talk": [HELLO, HELLO], "count": 1, "own": 1}


async def test_a_second_run_is_refused_while_one_is_open() -> None:
    async with Bench(stay=True) as bench:
        first = await turn(bench, chat(kind="hang"))
        with pytest.raises(SessionBusy, match=f"run {first.run} is running") as raised:
            await turn(bench, chat())
        assert raised.value.run == first.run
        await bench.engine.cancel(first.run)
        await first.leg()
        assert (await turn(bench, chat())).status == "completed"


async def test_only_the_last_run_of_a_session_is_resumed() -> None:
    async with Bench() as bench:
        failed = await turn(bench, chat(kind="boom"))
        again = await bench.engine.resume(failed.run)
        await again.leg()
        await turn(bench, chat())
        with pytest.raises(InvalidCommand, match="was followed by"):
            await bench.engine.resume(failed.run)
        fork = await bench.engine.fork(failed.run, 0)
        await fork.leg()
        assert bench.engine.run(fork.run).session == ""


async def test_a_channel_that_is_set_by_hand_wins() -> None:
    async with Bench() as bench:
        await turn(bench, chat())
        handle = await bench.start(chat(), HELLO, session="s", channels={"count": 10})
        assert (handle.state.channels["count"], handle.state.versions["count"]) == (11, 3)


async def test_values_of_an_older_version_are_migrated_or_refused() -> None:
    """T39: the run before keeps its own."""
    newer = replace(
        COUNT, version=2, type="object", reducer="merge", default={},
        migrations=(Migration(version=1, expr="{'n': value}"),),
    )  # fmt: skip
    work = flow({"a": "same"}, "", channels=[newer], result="state")
    gap = flow({"a": "same"}, "", channels=[replace(newer, migrations=())])
    async with Bench() as bench:
        first = await turn(bench, chat())
        with pytest.raises(CannotMigrate, match=r"version 1 .* to version 2"):
            await turn(bench, gap)
        handle = await turn(bench, work)
        assert await handle.result() == {"count": {"n": 1}}
        assert bench.engine.state_at(first.run).channels["count"] == 1
        with pytest.raises(CannotMigrate, match=r"version 2 .* to version 1"):
            await turn(bench, chat())


async def test_without_a_session_nothing_is_handed_on() -> None:
    async with Bench() as bench:
        await bench.run(chat(), HELLO)
        assert outcome(await bench.run(chat(), HELLO))["count"] == 1
        assert bench.engine.runs(session="") == []
