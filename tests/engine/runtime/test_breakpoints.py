"""Breakpoints: where they stop a run, what they see, and how it goes on. U63, T17, WX7."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import events as ev
from engine.app import Breakpoint, InvalidCommand, RunHandle
from engine.commands import Step, Unpause
from engine.model.workflow import Channel, CommitPolicy, RetryPolicy, Settings, Workflow
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, outcome, settle

LINE = flow({"a": "plus", "b": "plus", "c": "plus", "z": "end"}, "a > b, b > c, c > z")
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


async def stopped(bench: Bench, work: Workflow, *points: Breakpoint, value: int = 1) -> RunHandle:
    """Start a run, and let it come to its first breakpoint."""
    handle = await bench.start(work, value, breakpoints=points)
    assert handle.status is RunStatus.PAUSED, handle.status
    return handle


def hits(bench: Bench) -> list[str]:
    return [f"{e.at}:{e.task}" for e in bench.facts if isinstance(e, ev.BreakpointHit)]


async def test_before_a_node_runs_nothing_of_it_and_continue_passes_it_once() -> None:
    async with Bench() as bench:
        handle = await stopped(bench, LINE, Breakpoint(node="b"))
        assert bench.order() == ["a"] and hits(bench) == ["before:b"]
        assert handle.view.stopped_at == ("b",) and "before b" in handle.view.reason
        handle.unpause()
        assert outcome((await handle.leg()).event) == 4
        assert hits(bench) == ["before:b"]


async def test_before_the_first_node_stops_at_the_start() -> None:
    async with Bench() as bench:
        await stopped(bench, LINE, Breakpoint(node="a"))
        assert bench.order() == []


async def test_after_a_node_has_committed_it_and_started_nothing_more() -> None:
    async with Bench() as bench:
        handle = await stopped(bench, LINE, Breakpoint(node="b", at="after"))
        assert bench.order() == ["a", "b"] and list(handle.state.tasks) == ["c"]
        handle.unpause()
        assert outcome((await handle.leg()).event) == 4


async def test_each_superstep_stops_after_every_commit() -> None:
    async with Bench() as bench:
        handle = await stopped(bench, LINE, Breakpoint(at="commit"))
        seen = [len(bench.order())]
        while handle.status is RunStatus.PAUSED:
            handle.unpause()
            await settle()
            seen.append(len(bench.order()))
        assert seen == [1, 2, 3, 4] and handle.status is RunStatus.COMPLETED


async def test_on_error_stops_at_a_failure_that_the_run_survives() -> None:
    work = flow({"a": ("boom", {}, {"on_error": "error_port"}), "z": "end", "y": "end"},
                "a > z, a.error > y")  # fmt: skip
    async with Bench() as bench:
        handle = await stopped(bench, work, Breakpoint(at="error"))
        assert hits(bench) == ["error:a"] and list(handle.state.tasks) == ["y"]
        handle.unpause()
        assert outcome((await handle.leg()).event)["code"] == "broken"


async def test_on_error_stops_before_a_retry_is_made() -> None:
    work = flow({"a": ("boom", {}, {"retry": RetryPolicy(attempts=2, delay_s=5.0)}), "z": "end"},
                "a > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        await stopped(bench, work, Breakpoint(node="a", at="error"))
        bench.clock.advance(60)
        await settle()
        assert bench.order(ev.TaskFailed) == []


async def test_a_failure_that_ends_the_run_ends_it_and_says_that_it_was_at_a_breakpoint() -> None:
    work = flow({"a": "boom", "z": "end"}, "a > z")
    async with Bench() as bench:
        handle = await bench.start(work, breakpoints=[Breakpoint(at="error")])
        assert handle.status is RunStatus.FAILED and hits(bench) == ["error:a"]


@pytest.mark.parametrize(
    ("point", "stops"),
    [
        (Breakpoint(node="b", condition="input == 2"), True),
        (Breakpoint(node="b", condition="input == 3"), False),
        (Breakpoint(node="b", at="after", condition="output == 3"), True),
        (Breakpoint(node="b", at="after", condition="output == input"), False),
        (Breakpoint(at="commit", condition="state.total == 5"), True),
        (Breakpoint(at="commit", condition="state.total > 9"), False),
    ],
    ids=str,
)
async def test_a_condition_sees_the_task_and_the_state_after_the_commit(
    point: Breakpoint, stops: bool
) -> None:
    fields = {"writes": {"total": "output"}}
    work = flow({"a": ("plus", {}, fields), "b": ("plus", {}, fields), "z": "end"},
                "a > b, b > z", channels=[TOTAL])  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1, breakpoints=[point])
        assert (handle.status is RunStatus.PAUSED) is stops


async def test_a_condition_that_cannot_be_evaluated_stops_and_says_why() -> None:
    async with Bench() as bench:
        handle = await stopped(bench, LINE, Breakpoint(node="b", condition="input.amount > 3"))
        [hit] = [e for e in bench.facts if isinstance(e, ev.BreakpointHit)]
        assert "amount" in hit.problem and hit.problem in handle.view.reason


@pytest.mark.parametrize(
    "point",
    [Breakpoint(node="nobody"), Breakpoint(node="a", condition="input >"), Breakpoint()],
    ids=str,
)
async def test_one_that_cannot_work_is_refused_before_anything_is_stored(point: Breakpoint) -> None:
    async with Bench() as bench:
        with pytest.raises(InvalidCommand):
            await bench.engine.start(LINE, 1, breakpoints=[point])
        assert bench.engine.runs() == []


async def test_a_stop_survives_the_end_of_the_process_and_is_passed_once_after_it() -> None:
    store = MemoryStore()
    bench = Bench(store=store)
    handle = await stopped(bench, LINE, Breakpoint(node="b"), Breakpoint(node="c"))
    await handle.stop()
    later = Bench(store=store, clock=bench.clock)
    again = await later.engine.resume(handle.run)
    await settle()
    assert again.status is RunStatus.PAUSED and again.view.stopped_at == ("b",)
    again.unpause()
    await settle()
    assert hits(later) == ["before:c"] and later.order() == ["b"]
    await later.engine.close()


async def test_resume_may_go_on_at_once() -> None:
    store = MemoryStore()
    bench = Bench(store=store)
    handle = await stopped(bench, LINE, Breakpoint(node="b"))
    await handle.stop()
    async with Bench(store=store, clock=bench.clock) as later:
        again = await later.engine.resume(handle.run, commands=[Unpause()])
        assert outcome((await again.leg()).event) == 4


async def test_a_failed_task_that_is_started_again_comes_to_its_breakpoint_again() -> None:
    work = flow({"a": "plus", "b": "boom", "z": "end"}, "a > b, b > z")
    async with Bench() as bench:
        handle = await stopped(bench, work, Breakpoint(node="b"))
        handle.unpause()
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await settle()
        assert again.status is RunStatus.PAUSED and hits(bench) == ["before:b"] * 2


async def test_they_can_be_set_while_the_run_goes_on() -> None:
    work = flow({"a": "plus", "n": ("nap", {"seconds": 10}), "b": "plus", "z": "end"},
                "a > n, n > b, b > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        await bench.engine.set_breakpoints(handle.run, [Breakpoint(node="b")])
        await settle()
        assert handle.view.breakpoints == (Breakpoint(node="b"),)
        bench.clock.advance(10)
        await settle()
        assert handle.status is RunStatus.PAUSED
        await bench.engine.set_breakpoints(handle.run, [])
        handle.unpause()
        await handle.leg()
        assert handle.state.breaks == {}


async def test_one_that_is_set_on_a_task_which_waits_for_its_turn_stops_before_it() -> None:
    work = flow({"s": "same", "a": "asleep", "b": "asleep", "j": "biggest", "z": "end"},
                "s > a, s > b, a > j, b > j, j > z")  # fmt: skip
    limits = replace(Settings().limits, concurrency=1)
    work = replace(work, settings=replace(work.settings, limits=limits))
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        while "a" not in handle._loop.frontier.running:
            await settle(1)
        handle.set_breakpoints([Breakpoint(node="b")])
        await settle()
        assert bench.order() == ["s", "a"] and hits(bench) == ["before:b"]


async def test_a_fork_has_the_breakpoints_of_its_parent_unless_it_is_given_its_own() -> None:
    async with Bench() as bench:
        handle = await stopped(bench, LINE, Breakpoint(node="c"))
        child = await bench.engine.fork(handle.run, 0)
        other = await bench.engine.fork(handle.run, 0, breakpoints=[])
        await settle()
        assert child.status is RunStatus.PAUSED and child.view.breakpoints == (
            Breakpoint(node="c"),
        )
        assert other.status is RunStatus.COMPLETED


async def test_what_runs_beside_a_stopped_task_may_finish() -> None:
    work = flow({"s": "same", "a": "asleep", "b": "plus", "c": "plus", "j": "biggest", "z": "end"},
                "s > a, s > b, b > c, a > j, c > j, j > z")  # fmt: skip
    async with Bench() as bench:
        handle = await stopped(bench, work, Breakpoint(node="c"))
        await settle()
        assert sorted(bench.order()) == ["a", "b", "s"] and hits(bench) == ["before:c"]
        handle.unpause()
        assert outcome((await handle.leg()).event) == 3


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_run_with_stops_is_replayed_and_folded_as_it_was(policy: CommitPolicy) -> None:
    work = replace(LINE, settings=replace(LINE.settings, commit=policy))
    points = [Breakpoint(node="b"), Breakpoint(node="c", at="after", condition="output > 3")]
    async with Bench() as bench:
        handle = await stopped(bench, work, *points)
        while handle.status is RunStatus.PAUSED:
            handle.send(Step())
            await settle()
            handle.unpause()
            await settle()
        assert hits(bench) == ["before:b", "after:c"]
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference
        assert bench.engine.view(handle.run).breakpoints == tuple(points)


async def test_a_fork_that_is_refused_leaves_no_run_behind() -> None:
    async with Bench() as bench:
        handle = await bench.start(flow({"a": "plus", "z": "end"}, "a > z"), 1)
        with pytest.raises(InvalidCommand):
            await bench.engine.fork(
                handle.run, 0, breakpoints=[Breakpoint(node="nobody", at="before")]
            )
        assert [each.run for each in bench.engine.runs()] == [handle.run]
