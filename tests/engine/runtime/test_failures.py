"""What a failure does to its task and to its run. U49, U57, U79-U84; T4, T8, T19, T61."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, NodeFailure, Output
from engine.model.workflow import CommitPolicy, OnFailure, RetryPolicy, Workflow
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle


def shaky(fails: int, **more: Any) -> Any:
    """A node type that fails so many times in each test, then gives its input plus 1."""
    left = [fails]

    def run(params: Any, ctx: Context) -> Output:
        if left[0]:
            left[0] -= 1
            raise NodeFailure(f"attempt {ctx.attempt}", code="shaky", **more)
        return Output({"out": ctx.input + 1})

    return node_type("shaky", run)


# --- the run: fail_fast, finish, collect ------------------------------------------------------

#: One arm fails at once, one takes a while and has a successor, the join needs both.
ARMS = {"s": "same", "bad": "boom", "slow": "asleep", "next": "plus", "j": "join", "z": "end"}
WIRES = "s > bad, s > slow, slow > next, bad > j, next > j, j > z"


def arms(policy: OnFailure, commit: CommitPolicy = "eager", **nodes: Any) -> Workflow:
    return flow({**ARMS, **nodes}, WIRES, on_failure=policy, commit=commit)


async def test_fail_fast_ends_what_runs_and_commits_nothing_of_it() -> None:
    async with Bench() as bench:
        handle = await bench.start(arms("fail_fast"), 1)
        assert handle.status is RunStatus.FAILED and bench.order() == ["s"]
        assert not handle._loop.frontier.running


async def test_finish_lets_what_runs_end_and_starts_nothing_more() -> None:
    async with Bench() as bench:
        handle = await bench.start(arms("finish"), 1)
        assert handle.status is RunStatus.FAILED and bench.order() == ["s", "slow"]
        assert set(handle.state.tasks) == {"bad", "next"}


@pytest.mark.parametrize("commit", ["eager", "strict"])
async def test_collect_goes_on_with_everything_that_does_not_need_the_failed_task(
    commit: CommitPolicy,
) -> None:
    async with Bench() as bench:
        handle = await bench.start(arms("collect", commit), 1)
        assert handle.status is RunStatus.FAILED and bench.order() == ["s", "slow", "next"]
        assert set(handle.state.tasks) == {"bad"}
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_collect_tells_of_every_failure_at_the_end() -> None:
    async with Bench() as bench:
        event = await bench.run(arms("collect", next="boom"), 1)
        assert isinstance(event, ev.RunFailed) and event.error.code == "several"
        assert "2 tasks failed" in event.error.message
        assert [each["node"] for each in event.error.details] == ["bad", "next"]


@pytest.mark.parametrize("policy", ["finish", "collect"])
async def test_a_failed_run_that_is_resumed_runs_only_what_is_left_and_joins_as_ever(
    policy: OnFailure,
) -> None:
    async with Bench(shaky(1)) as bench:
        handle = await bench.start(arms(policy, bad="shaky"), 1)
        assert handle.status is RunStatus.FAILED
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == {"bad": 2, "next": 2}
        assert sorted(bench.order()) == ["bad", "j", "next", "s", "slow", "z"]
        assert again.state.failures == {}


async def test_collect_survives_a_crash_with_its_failures() -> None:
    store = MemoryStore()
    work = arms("collect", slow="hang")
    bench = Bench(store=store)
    handle = await bench.start(work, 1)
    assert list(handle.state.failures) == ["bad"]
    await handle.stop()
    async with Bench(store=store, clock=bench.clock) as later:
        again = await later.engine.resume(handle.run)
        await settle()
        assert list(again.state.failures) == ["bad"] and again.status is RunStatus.RUNNING


async def test_collect_waits_for_people_before_it_fails() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(
            flow({"s": "same", "bad": "boom", "g": "ask", "z": "end"},
                 "s > bad, s > g, bad > z, g.approved > z", on_failure="collect"), 1)  # fmt: skip
        assert handle.status is not RunStatus.FAILED and bench.engine.inbox()


# --- the error --------------------------------------------------------------------------------


async def test_an_error_says_where_which_attempt_and_what_caused_it() -> None:
    def fails(params: Any, ctx: Context) -> Output:
        try:
            raise ValueError("no such row")
        except ValueError as error:
            raise NodeFailure("lookup failed", code="lookup", tags=("db",)) from error

    work = flow({"f": "for_each", "a": ("bad", {}, {"retry": RetryPolicy(attempts=2, delay_s=1)}),
                 "c": "collect", "z": "end"}, "f.item > a, a > c, c > z")  # fmt: skip
    async with Bench(node_type("bad", fails), stay=True) as bench:
        handle = await bench.start(work, [7])
        bench.clock.advance(5)
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed)
        error = event.error
        assert (error.node, error.path, error.attempt) == ("a", (("f", 0, 1),), 2)
        assert error.causes == ("ValueError: no such row",) and error.tags == ("db",)


# --- retries ------------------------------------------------------------------------------------


def retrying(**policy: Any) -> Workflow:
    asked: dict[str, Any] = {"attempts": 3, "delay_s": 10.0, "jitter": False, **policy}
    fields = {"retry": RetryPolicy(**asked)}
    return flow({"a": ("shaky", {}, fields), "z": "end"}, "a > z")


async def test_the_count_of_attempts_survives_a_crash() -> None:
    store, kind = MemoryStore(), shaky(9)
    bench = Bench(kind, store=store, stay=True)
    handle = await bench.start(retrying(), 1)
    bench.clock.advance(10)
    await settle()
    await handle.stop()
    async with Bench(kind, store=store, clock=bench.clock, stay=True) as later:
        again = await later.engine.resume(handle.run)
        bench.clock.advance(20)
        event = (await again.leg()).event
        assert isinstance(event, ev.RunFailed) and event.error.attempt == 3


async def test_the_other_side_may_ask_for_a_longer_delay() -> None:
    async with Bench(shaky(1, retry_after_s=45.0), stay=True) as bench:
        handle = await bench.start(retrying(), 1)
        bench.clock.advance(44)
        await settle()
        assert bench.order() == []
        bench.clock.advance(1)
        assert outcome((await handle.leg()).event) == 2


@pytest.mark.parametrize(
    ("policy", "retries"),
    [({"on": ("shaky",)}, 1), ({"on": ("timeout",)}, 0), ({"give_up_on": ("shaky",)}, 0),
     ({"give_up_on": ("NodeFailure",)}, 0), ({}, 1)],
)  # fmt: skip
async def test_only_the_errors_that_the_policy_names_are_retried(
    policy: dict[str, Any], retries: int
) -> None:
    async with Bench(shaky(1), stay=True) as bench:
        await bench.start(retrying(**policy), 1)
        assert len(bench.order(ev.TaskRetried)) == retries


async def test_full_jitter_draws_below_the_ceiling_and_the_same_for_the_same_seed() -> None:
    async def delays() -> list[float]:
        async with Bench(shaky(9), stay=True) as bench:
            handle = await bench.start(retrying(attempts=6, jitter=True, max_delay_s=25.0), 1)
            for _ in range(6):
                bench.clock.advance(30)
                await settle()
            found = [e for e in bench.facts if isinstance(e, ev.TaskRetried)]
            waits = [w.due_at - 1_700_000_000 - 30 * n for n, w in enumerate(found)]
            assert handle.status is RunStatus.FAILED
            return waits

    first = await delays()
    assert first == await delays() and len(set(first)) == 5
    assert all(0 <= wait <= min(25, 10 * 2**n) for n, wait in enumerate(first))


# --- times --------------------------------------------------------------------------------------


async def test_an_attempt_without_a_sign_of_life_times_out() -> None:
    work = flow({"a": ("hang", {}, {"idle_timeout_s": 0.05}), "z": "end"}, "a > z")
    async with Bench() as bench:
        event = await bench.run(work)
        assert isinstance(event, ev.RunFailed) and event.error.code == "timeout"
        assert "neither output nor progress" in event.error.message


@pytest.mark.parametrize("sign", ["emit", "progress"])
async def test_an_attempt_that_shows_signs_of_life_may_take_longer(sign: str) -> None:
    async def lively(params: Any, ctx: Context) -> Output:
        for _ in range(12):
            await asyncio.sleep(0.01)
            ctx.emit("x") if sign == "emit" else ctx.progress(0.5)
        return Output({"out": 1})

    work = flow({"a": ("lively", {}, {"idle_timeout_s": 0.08}), "z": "end"}, "a > z")
    async with Bench(node_type("lively", lively)) as bench:
        assert outcome(await bench.run(work)) == 1


async def test_a_run_that_takes_too_long_fails_and_names_its_limit() -> None:
    from engine.model.workflow import Limits

    work = flow({"a": ("nap", {"seconds": 99}), "z": "end"}, "a > z",
                limits=Limits(run_seconds=30))  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        bench.clock.advance(31)
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed) and "run_seconds" in event.error.message


# --- the pace of a node -------------------------------------------------------------------------


@pytest.mark.parametrize("commit", ["eager", "strict"])
async def test_a_node_starts_no_more_often_than_it_may(commit: CommitPolicy) -> None:
    work = flow({"f": ("for_each", {"limit": 3}), "a": ("plus", {}, {"min_interval_s": 10.0}),
                 "c": "collect", "z": "end"},
                "f.item > a, a > c, c > z", commit=commit)  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3])
        for _ in range(2):
            bench.clock.advance(9.9)
            await settle()
            bench.clock.advance(0.1)
            await settle()
        assert outcome((await handle.leg()).event) == [2, 3, 4]
        begun = [n.at - 1_700_000_000 for n in bench.news
                 if isinstance(n, ev.Recorded) and isinstance(n.event, ev.TaskFinished)
                 and n.event.node == "a"]  # fmt: skip
        assert begun == [0.0, 10.0, 20.0]  # who waits for its turn holds no commit


async def test_cancel_ends_what_waits_for_its_pace() -> None:
    work = flow({"f": ("for_each", {"limit": 3}), "a": ("plus", {}, {"min_interval_s": 10.0}),
                 "c": "collect", "z": "end"}, "f.item > a, a > c, c > z")  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3])
        handle.cancel()
        async with asyncio.timeout(0.1):
            assert outcome((await handle.leg()).event) == "RunCancelled"


async def test_the_defaults_do_not_change_the_revision_of_a_document() -> None:
    from engine.model.revision import revision_hash
    from tests.engine.flows import registry

    work = flow({"a": "plus", "z": "end"}, "a > z")
    other = replace(work, settings=replace(work.settings, on_failure="collect"))
    assert revision_hash(work, registry()) != revision_hash(other, registry())
    from engine.model import codec

    text = codec.dumps(work).decode()
    assert "on_failure" not in text and "idle_timeout_s" not in text
    assert codec.loads(codec.dumps(other)) == other


async def test_a_task_has_a_time_for_all_its_attempts_together() -> None:
    """U80: what is left of it is the limit of a later attempt."""
    ran: list[int] = []

    async def slow(params: Any, ctx: Context) -> Output:
        ran.append(ctx.attempt)
        if ctx.attempt == 1:
            raise NodeFailure("not yet", code="shaky")
        await asyncio.Event().wait()
        return Output({"out": 1})

    fields = {
        "retry": RetryPolicy(attempts=2, delay_s=30.0, jitter=False),
        "total_timeout_s": 30.01,
    }
    work = flow({"a": ("slow", {}, fields), "z": "end"}, "a > z")
    async with Bench(node_type("slow", slow), stay=True) as bench:
        handle = await bench.start(work, 1)
        bench.clock.advance(30)
        ended = (await handle.leg()).event  # 10 ms are left
        assert isinstance(ended, ev.RunFailed) and ended.error.code == "timeout"
        assert ran == [1, 2]
