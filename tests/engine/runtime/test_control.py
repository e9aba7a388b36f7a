"""Pause, step and commands of other processes, in both policies. U62, U64, U65."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.commands import Cancel, Decide, Pause
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel, CommitPolicy, Draw, Limits, Meter, Workflow
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

LOG = Channel(name="log", type="array", reducer="append", default=[])
NOTE = {"writes": {"log": "output"}}
FORK = flow(
    {"s": "same", "a": ("asleep", {"rounds": 9}), "b": ("plus", {}, NOTE),
     "c": ("asleep", {}, NOTE), "d": "plus", "j": "biggest", "z": "end"},
    "s > a, s > b, s > c, b > d, a > j, d > j, c > j, j > z",
    channels=[LOG],
)  # fmt: skip


def under(policy: CommitPolicy, work: Workflow = FORK, concurrency: int = 32) -> Workflow:
    limits = Limits(concurrency=concurrency)
    settings = replace(work.settings, commit=policy, limits=limits)
    return replace(work, settings=settings)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_step_starts_all_that_is_ready_and_nothing_that_becomes_ready(
    policy: CommitPolicy, concurrency: int
) -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(under(policy, concurrency=concurrency), 1)
        handle.pause()
        await settle()
        handle.step()
        await settle()
        assert bench.order() == ["s"] and handle.status is RunStatus.PAUSED
        handle.step()
        await settle()
        assert sorted(bench.order()) == ["a", "b", "c", "s"]
        stepped = [fact.tasks for fact in bench.facts if isinstance(fact, ev.RunStepped)]
        assert stepped == [("s",), ("a", "b", "c")]
        handle.unpause()
        assert outcome((await handle.leg()).event) == 3


async def test_a_step_with_nothing_ready_says_so_and_starts_nothing_later() -> None:
    work = flow({"n": ("nap", {"seconds": 5}), "a": "plus", "z": "end"}, "n > a, a > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        handle.pause()
        handle.step()
        await settle()
        bench.clock.advance(5)
        await settle()
        assert bench.order() == ["n"]
        assert [f.tasks for f in bench.facts if isinstance(f, ev.RunStepped)] == [()]


async def test_a_step_that_is_cut_off_by_going_on_loses_nothing() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(under("eager", concurrency=1), 1)
        handle.pause()
        await settle()
        handle.step()
        await settle()
        handle.step()
        handle.unpause()
        assert outcome((await handle.leg()).event) == 3


async def test_a_pause_does_not_split_a_superstep_of_a_strict_run() -> None:
    def merged(bench: Bench) -> list[tuple[str, ...]]:
        commits = [f for f in bench.facts if isinstance(f, ev.SuperstepCommitted)]
        return [commit.admitted for commit in commits if commit.admitted]

    work = under("strict", concurrency=1)
    async with Bench() as bench:
        await bench.run(work, 1)
        whole = merged(bench)
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        while "c" not in handle._loop.frontier.running:
            await settle(1)
        handle.pause()
        await settle()
        assert handle.status is RunStatus.PAUSED
        handle.unpause()
        await handle.leg()
        assert merged(bench) == whole


async def test_a_finished_attempt_of_a_strict_superstep_is_kept_while_others_wait_to_start() -> (
    None
):
    calls = flow({"s": "same", "a": "asleep", "b": "hang", "j": "biggest", "z": "end"},
                 "s > a, s > b, a > j, b > j, j > z")  # fmt: skip
    async with Bench() as bench:
        handle = await bench.engine.start(under("strict", calls, concurrency=1), 1)
        await settle()
        await handle.stop()
        loaded = bench.store.load(handle.run)
        assert [record.task for record in loaded.journal] == ["a"]


async def test_a_journalled_result_is_used_again_and_only_the_rest_runs() -> None:
    """U85, T76, T83: what had ended before the process did is not paid for twice."""
    ran: list[str] = []

    async def work(params: Any, ctx: Context) -> Output:
        ran.append(ctx.node)
        if ctx.node == "b" and ran.count("b") == 1:
            await asyncio.Event().wait()  # until the process ends
        await asyncio.sleep(0)
        return Output({"out": len(ran)}, memory=ctx.node)

    kinds = node_type("work", work)
    nodes = {"s": "same", "a": ("work", {}, NOTE), "b": ("work", {}, NOTE), "j": "join", "z": "end"}
    work_flow = flow(nodes, "s > a, s > b, a > j, b > j, j > z", channels=[LOG], commit="strict")
    store = MemoryStore()
    async with Bench(kinds, store=store) as bench:
        handle = await bench.start(work_flow, 1)
        await handle.stop()
    async with Bench(kinds, store=store) as bench:
        handle = await bench.engine.resume(handle.run)
        assert outcome((await handle.leg()).event) == {"a": 2, "b": 3}
        finished = [f for f in bench.facts if isinstance(f, ev.TaskFinished)]
        assert {f.task: f.recorded for f in finished if f.task in "ab"} == {"a": True, "b": False}
        assert handle.state.channels["log"] == [2, 3]
        assert handle.state.memory == {"a@": "a", "b@": "b"}
    assert ran == ["a", "b", "b"]


async def test_while_a_run_is_paused_a_person_may_still_decide() -> None:
    work = flow({"g": "ask", "a": "plus", "z": "end"}, "g.approved > a, a > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        handle.pause()
        await settle()
        [request] = bench.engine.inbox()
        await bench.engine.decide(Decide(request=request.request, choice="approve", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        await settle()
        assert handle.status is RunStatus.PAUSED and list(handle.state.tasks) == ["a"]
        handle.unpause()
        assert outcome((await handle.leg()).event) == 2


async def test_a_paused_run_ends_its_leg_where_nobody_can_go_on_with_it() -> None:
    async with Bench(leave_paused=True) as bench:
        handle = await bench.engine.start(under("eager"), 1)
        handle.pause()
        assert outcome((await handle.leg()).event) == "RunWaiting"
        assert bench.engine.run(handle.run).status is RunStatus.PAUSED
        assert bench.engine.view(handle.run).status == "paused"


async def test_a_command_of_another_process_is_obeyed_once_and_not_again_by_a_later_leg() -> None:
    work = flow({"a": "hang", "z": "end"}, "a > z")
    store = MemoryStore()
    async with Bench(store=store) as bench:
        handle = await bench.start(work)
        number = store.add_command(handle.run, Cancel(), bench.clock.now())
        handle.send(Cancel(), number)
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await bench.engine._legs.hear_others()
        await settle()
        assert "commands" in again.state.counters and again._loop.frontier.running
        later = store.add_command(handle.run, Pause(), bench.clock.now())
        await bench.engine._legs.hear_others()
        await settle()
        assert again.status is RunStatus.PAUSED
        assert again.state.counters["commands"] == later


async def test_a_command_that_came_too_late_for_a_leg_is_not_obeyed_by_the_next() -> None:
    """Two people cancel a run at once: whoever resumes it later is not cancelled by the second."""
    store = MemoryStore()
    async with Bench(store=store) as bench:
        handle = await bench.start(flow({"a": "hang", "z": "end"}, "a > z"))
        first = store.add_command(handle.run, Cancel(), bench.clock.now())
        second = store.add_command(handle.run, Cancel(), bench.clock.now())
        handle.send(Cancel(), first)
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await bench.engine._legs.hear_others()
        await settle()
        assert again.status is RunStatus.RUNNING and again._loop.frontier.running
        assert again.state.counters["commands"] == second


@pytest.mark.parametrize(
    "fields", [{"min_interval_s": 10.0}, {"meters": {"tokens": Draw(estimate="input")}}]
)
async def test_a_step_starts_what_has_to_ask_before_it_may(fields: dict[str, Any]) -> None:
    """U57, U65, U87: the same step, whether its turn or its room comes at once or later."""
    work = flow({"s": "same", "b": "asleep", "a": ("plus", {}, fields), "z": "end"},
                "s > b, b > a, a > z", meters={"tokens": Meter(limit=100)})  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.engine.start(work, 1)
        await settle(2)
        handle.pause()
        await settle()
        assert bench.order()[-1] == "b"
        handle.step()
        await settle()
        assert bench.order()[-1] == "a" and handle.status is RunStatus.PAUSED
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_step_starts_what_is_too_early_when_its_turn_has_come() -> None:
    work = flow({"f": "for_each", "w": "asleep", "a": ("plus", {}, {"min_interval_s": 10.0}),
                 "c": "collect", "z": "end"}, "f.item > w, w > a, a > c, c > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.engine.start(work, [1, 2])
        await settle(2)
        handle.pause()
        await settle()
        handle.step()
        for _ in range(2):
            await settle()
            bench.clock.advance(10)
        await settle()
        assert bench.order()[-2:] == ["a@f.0", "a@f.1"] and handle.status is RunStatus.PAUSED
