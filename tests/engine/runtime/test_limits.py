"""How many at once and how often: node types, tokens by a key, over restarts (U43, U57)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, NodeType, Output
from engine.model.workflow import CommitPolicy, Limits, RateLimit, RetryPolicy, Workflow
from engine.runtime.places import Places
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, node_type, outcome, settle
from tests.engine.properties.driving import leftovers

Json = Any
START = 1_700_000_000.0


class Crowd:
    """A node type that counts how many of it run at once."""

    def __init__(self, id: str) -> None:
        import asyncio

        self.now = self.most = 0

        async def run(params: Any, ctx: Context) -> Output:
            self.now += 1
            self.most = max(self.most, self.now)
            for _ in range(4):
                await asyncio.sleep(0)
            self.now -= 1
            return Output({"out": ctx.input})

        self.type: NodeType = node_type(id, run)


# --- at once, by kind of node -------------------------------------------------------------------


def crowded(**limits: int) -> Workflow:
    return flow(
        {"f": ("for_each", {"limit": 20}), "a": "slow_call", "b": "other_call", "c": "collect",
         "z": "end"},
        "f.item > a, f.item > b, a > c, b > c, c > z",
        limits=Limits(by_type=limits),
    )  # fmt: skip


async def test_no_more_of_a_kind_run_at_once_than_its_limit() -> None:
    slow, other = Crowd("slow_call"), Crowd("other_call")
    async with Bench(slow.type, other.type) as bench:
        await bench.run(crowded(slow_call=2), list(range(9)))
        assert slow.most == 2 and other.most > 4


async def test_the_limit_of_an_engine_holds_for_all_its_runs() -> None:
    slow, other = Crowd("slow_call"), Crowd("other_call")
    async with Bench(slow.type, other.type, at_once={"slow_call": 3}) as bench:
        handles = [await bench.engine.start(crowded(), [1, 2, 3]) for _ in range(5)]
        for handle in handles:
            assert outcome((await handle.leg()).event) is not None
        assert slow.most == 3 and other.most > 3


async def test_a_cancelled_attempt_gives_its_place_back() -> None:
    slow, other = Crowd("slow_call"), Crowd("other_call")
    async with Bench(slow.type, other.type, at_once={"hang": 1}) as bench:
        first = await bench.start(flow({"a": "hang", "z": "end"}, "a > z"))
        second = await bench.start(flow({"a": "hang", "z": "end"}, "a > z"))
        assert (len(first._loop.frontier.running), len(second._loop.frontier.running)) == (1, 0)
        await bench.engine.cancel(first.run, "enough")
        await first.leg()
        await settle()
        assert len(second._loop.frontier.running) == 1
        await bench.engine.cancel(second.run, "enough")
        await second.leg()


def test_who_finds_no_place_is_told_of_the_next() -> None:
    told: list[str] = []
    places = Places({"call": 1})
    assert places.has("call", lambda: told.append("a")) and places.has("free", lambda: None)
    places.take("call")
    assert not places.has("call", lambda: told.append("b")) and not told
    places.give("call")
    assert told == ["b"] and places.has("call", lambda: None)


# --- so often -----------------------------------------------------------------------------------


def paced(commit: CommitPolicy = "eager", body: Json = "same", **rate: Any) -> Workflow:
    fields = {"rate": RateLimit(**rate)}
    kind, params, more = body if isinstance(body, tuple) else (body, {}, {})
    return flow(
        {"f": ("for_each", {"limit": 20}), "a": (kind, params, fields | more), "c": "collect",
         "z": "end"},
        "f.item > a, a > c, c > z",
        commit=commit,
    )  # fmt: skip


def begun(bench: Bench) -> dict[str, float]:
    return {
        n.event.task: n.at - START
        for n in bench.news
        if isinstance(n, ev.Recorded) and isinstance(n.event, ev.TaskFinished)
        and n.event.node == "a"
    }  # fmt: skip


async def pass_time(bench: Bench, seconds: int) -> None:
    for _ in range(seconds):
        bench.clock.advance(1)
        await settle(20)


@pytest.mark.parametrize("commit", ["eager", "strict"])
async def test_a_bucket_gives_so_many_at_once_and_then_one_by_one(commit: CommitPolicy) -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(paced(commit, count=2, per_s=10, burst=3), list(range(6)))
        await pass_time(bench, 16)
        assert outcome((await handle.leg()).event) == list(range(6))
        assert list(begun(bench).values()) == [0, 0, 0, 5, 10, 15]
        assert (await bench.engine.replay(handle.run)).equal and not leftovers(handle.state)


async def test_every_key_has_a_bucket_of_its_own() -> None:
    async with Bench(stay=True) as bench:
        work = paced(per_s=5, key="input.who")
        handle = await bench.start(work, [{"who": who} for who in ("ada", "bob", "ada", 7, "bob")])
        await pass_time(bench, 6)
        await handle.leg()
        assert list(begun(bench).values()) == [0, 0, 0, 5, 5]
        assert begun(bench)["a@f.3"] == 0
        keys = [fact.keys for fact in bench.facts if isinstance(fact, ev.TurnTaken)]
        assert keys == [("ada",), ("bob",), ("ada",), ("7",), ("bob",)]


async def test_a_restart_does_not_fill_the_bucket() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with Bench(store=store, clock=clock, max_idle_s=1) as bench:
        handle = await bench.engine.start(paced(per_s=100), [1, 2])
        assert outcome((await handle.leg()).event) == "RunWaiting"
    async with Bench(store=store, clock=clock, max_idle_s=1) as bench:
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == "RunWaiting"
        assert bench.order() == []
    clock.advance(100)
    async with Bench(store=store, clock=clock) as bench:
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == [1, 2]


async def test_every_attempt_takes_a_token() -> None:
    retry = {"retry": RetryPolicy(attempts=3, delay_s=1, jitter=False), "on_error": "ignore"}
    async with Bench(stay=True) as bench:
        handle = await bench.start(paced(per_s=10, body=("boom", {}, retry)), [1])
        await pass_time(bench, 21)
        await handle.leg()
        tried = [n.at - START for n in bench.news if isinstance(n, ev.Recorded)
                 and isinstance(n.event, (ev.TaskRetried, ev.TaskFailed))]  # fmt: skip
        assert tried == [0, 10, 20]


async def test_a_key_that_cannot_be_computed_fails_the_node() -> None:
    async with Bench() as bench:
        assert outcome(await bench.run(paced(key="input.who"), [1])) == "expression"


async def test_buckets_that_are_full_are_forgotten() -> None:
    work = flow(
        {"f": ("for_each", {"limit": 2000}), "n": ("nap", {"seconds": 60}),
         "a": ("same", {}, {"rate": RateLimit(per_s=5, key="input")}), "c": "collect", "z": "end"},
        "f.item > n [input == 1100], f.item > a [else], n > a, a > c, c > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, list(range(1101)))
        await settle(500)
        assert len(handle.state.buckets) == 1100
        bench.clock.advance(60)
        await handle.leg()
        assert len(handle.state.buckets) == 1
        assert (await bench.engine.replay(handle.run)).equal
