"""The run loop: cancel, failures, retries, limits, pause. U53, U60, U65, U66, U79-U82, C5."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.ids import TaskId
from engine.model.workflow import CommitPolicy, Limits, RetryPolicy
from engine.runtime import superstep
from engine.runtime.outcome import Outcome
from engine.state.run_state import JoinState
from engine.state.status import RunStatus
from tests.engine.flows import Bench, flow, outcome, settle

RETRY = {"retry": RetryPolicy(attempts=3, delay_s=10.0, jitter=False)}


async def test_cancel_while_a_gate_waits_applies_no_default_and_withdraws_the_question() -> None:
    work = flow({"a": ("ask", {"timeout_s": 60, "default": "approve"}), "z": "end"},
                "a.approved > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        handle.cancel("enough")
        async with asyncio.timeout(0.1):
            assert outcome((await handle.leg()).event) == "RunCancelled"
        bench.clock.advance(120)
        assert bench.order(ev.BarrierWithdrawn) == ["a"]
        assert not bench.order(ev.BarrierDecided)
        assert bench.engine.inbox() == []


async def test_cancel_during_a_retry_delay_ends_the_run() -> None:
    work = flow({"a": ("boom", {}, RETRY), "z": "end"}, "a > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        assert bench.order(ev.TaskRetried) == ["a"]
        handle.cancel()
        assert outcome((await handle.leg()).event) == "RunCancelled"


async def test_cancel_ends_what_is_running_and_commits_nothing_of_it() -> None:
    work = flow({"a": "hang", "z": "end"}, "a > z")
    async with Bench() as bench:
        handle = await bench.start(work)
        handle.cancel()
        await handle.leg()
        assert bench.order(ev.TaskCancelled) == ["a"] and not bench.order()
        assert handle.status is RunStatus.CANCELLED


async def test_a_cancelled_run_can_be_resumed_and_runs_only_what_is_left() -> None:
    work = flow({"a": "plus", "b": "ask", "z": "end"}, "a > b, b.approved > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        handle.cancel()
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await settle()
        [request] = bench.engine.inbox()
        await bench.engine.decide(Decide(request=request.request, choice="approve", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        assert outcome((await again.leg()).event) == 2
        assert bench.order().count("a") == 1


async def test_fail_fast_leaves_no_task_alive() -> None:
    work = flow({"s": "same", "a": "hang", "b": "asleep", "c": "boom", "z": "end"},
                "s > a, s > b, b > c, a > z")  # fmt: skip
    before = asyncio.all_tasks()
    async with Bench() as bench:
        assert outcome(await bench.run(work)) == "broken"
        alive = {task for task in asyncio.all_tasks() - before if "_collect" in repr(task)}
        assert alive == set()


async def test_retries_wait_by_the_policy_then_fail_with_the_last_error() -> None:
    work = flow({"a": ("boom", {}, RETRY), "z": "end"}, "a > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        bench.clock.advance(9.9)
        await settle()
        assert len(bench.order(ev.TaskRetried)) == 1
        bench.clock.advance(0.1)
        await settle()
        bench.clock.advance(20)
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed) and event.error.attempt == 3
        due = [f.due_at - 1_700_000_000 for f in bench.facts if isinstance(f, ev.TaskRetried)]
        assert due == [10.0, 30.0]


async def test_an_attempt_that_takes_too_long_fails_with_timeout() -> None:
    work = flow({"a": ("hang", {}, {"timeout_s": 0.01}), "z": "end"}, "a > z")
    async with Bench() as bench:
        assert outcome(await bench.run(work)) == "timeout"


async def test_error_port_carries_the_error_and_the_run_goes_on() -> None:
    work = flow({"a": ("boom", {}, {"on_error": "error_port"}), "z": "end", "y": "end"},
                "a > z, a.error > y")  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work))["code"] == "broken"


async def test_on_error_continue_sends_the_error_on_the_first_port() -> None:
    work = flow({"a": ("boom", {}, {"on_error": "continue"}), "z": "end"}, "a > z")
    async with Bench() as bench:
        assert outcome(await bench.run(work))["error"]["code"] == "broken"


async def test_a_failure_may_take_the_fallback_wire() -> None:
    """U82: with a degraded event, and nothing leaves by the usual ways."""
    nodes = {"a": ("boom", {}, {"on_error": "fallback_edge"}), "y": "end", "z": "end"}
    async with Bench() as bench:
        ended = await bench.run(flow(nodes, "a > z, a > y [fallback]"), 1)
        assert isinstance(ended, ev.RunFinished) and ended.result["error"]["code"] == "broken"
        assert [f.node for f in bench.facts if isinstance(f, ev.Degraded)] == ["a"]
        assert [f.node for f in bench.facts if isinstance(f, ev.TaskSkipped)] == ["z"]


async def test_fallback_wire_is_taken_with_a_degraded_event() -> None:
    work = flow({"a": "give_up", "y": "plus", "z": "end"}, "a > z, a > y [fallback], y > z")
    async with Bench() as bench:
        assert outcome(await bench.run(work, 4)) == 5
        assert bench.order(ev.Degraded) == ["a"]


async def test_a_value_that_no_wire_takes_fails_with_what_was_tried() -> None:
    work = flow({"a": "plus", "b": "same", "z": "end"}, "a > b [input > 9], b > z")
    async with Bench() as bench:
        event = await bench.run(work, 1)
        assert isinstance(event, ev.RunFailed)
        assert event.error.code == "unrouted" and "input > 9" in event.error.message


async def test_an_endless_loop_stops_at_the_limit_that_names_itself() -> None:
    work = flow({"s": "same", "a": "plus", "b": ("below", {"n": 10**9}), "z": "end"},
                "s > a, a > b, b.again > a, b.done > z", limits=Limits(visits=20))  # fmt: skip
    async with Bench() as bench:
        event = await bench.run(work, 0)
        assert outcome(event) == "limit"
        assert [f.limit for f in bench.facts if isinstance(f, ev.LimitReached)] == ["visits"]


async def test_pause_starts_nothing_new_and_step_makes_one_superstep() -> None:
    work = flow({"a": "asleep", "b": "plus", "c": "plus", "z": "end"}, "a > b, b > c, c > z")
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        handle.pause()
        await settle()
        assert handle.status is RunStatus.PAUSED
        done = len(bench.order())
        handle.step()
        await settle()
        assert len(bench.order()) == done + 1
        handle.unpause()
        assert outcome((await handle.leg()).event) == 3


async def test_every_leg_ends_with_exactly_one_terminal_event_and_numbers_have_no_gaps() -> None:
    work = flow({"a": "plus", "b": "ask", "z": "end"}, "a > b, b.approved > z")
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await again.leg()
        facts = bench.engine.events(handle.run)
        ends = [r.seq for r in facts if isinstance(r.event, ev.TERMINAL)]
        legs = [r.seq for r in facts if isinstance(r.event, ev.LegStarted)]
        assert [r.seq for r in facts] == list(range(1, len(facts) + 1))
        assert len(ends) == len(legs) == 2 and ends[0] < legs[1]


async def test_blocked_joins_are_named_when_nothing_can_run_any_more() -> None:
    """U60: a run never ends well while something waits that nobody can tell anything."""
    work = flow({"a": "plus", "b": "plus", "j": "join", "z": "end"}, "a > j, b > j, j > z")
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        await handle.leg()
        plan, facts = handle._loop.plan, handle._loop.facts
        state = bench.engine.state_at(handle.run, handle.state.commit - 1)
        assert list(state.tasks) == ["z"]
        state.joins["j@"] = JoinState(present=1, alive=1)  # as no commit would leave it
        ended = superstep.commit(
            plan, state, [Outcome(task=TaskId("z"), kind="output", ports={"out": 1})], facts,
            at=0.0, ids=bench.ids,
        ).events[-1]  # fmt: skip
    assert isinstance(ended, ev.RunFailed) and ended.error.code == "deadlock"
    assert "j.in waits for a and b" in ended.error.message


LIMITS: dict[str, tuple[Any, Limits, str]] = {
    "visits": ("a > b, b.again > a, b.done > z", Limits(visits=7), "7 times"),
    "supersteps": ("a > b, b.again > a, b.done > z", Limits(supersteps=9), "9 supersteps"),
    "executions": ("a > b, b.again > a, b.done > z", Limits(executions=11), "11 nodes"),
    "items": ("f.item > b, b.done > c, c > z", Limits(items=2), "3 items"),
}


@pytest.mark.parametrize("policy", ["eager", "strict"])
@pytest.mark.parametrize("name", list(LIMITS))
async def test_every_limit_stops_a_run_and_names_itself_with_its_number(
    name: str, policy: CommitPolicy
) -> None:
    """U53, T43."""
    wires, limits, words = LIMITS[name]
    nodes = {"a": ("plus", {}, {}), "b": ("below", {"n": 10**9}), "z": "end"}
    if name == "items":
        nodes = {"f": "for_each", "b": ("below", {"n": 0}), "c": "collect", "z": "end"}
    else:
        nodes["s"], wires = "same", f"s > a, {wires}"
    async with Bench() as bench:
        work = flow(nodes, wires, limits=limits, commit=policy)
        ended = await bench.run(work, [1, 2, 3] if name == "items" else 0)
        assert isinstance(ended, ev.RunFailed) and ended.error.code == "limit"
        assert words in ended.error.message
        hit = [f.limit for f in bench.facts if isinstance(f, ev.LimitReached)]
        assert hit == [name]
