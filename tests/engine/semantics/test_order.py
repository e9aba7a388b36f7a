"""Supersteps, limits and what a task is given (U28, U42-U44, U116, U125; T6, T7, T11, T43, T62)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel, CommitPolicy, Limits
from tests.engine.flows import Bench, FakeClock, flow, node_type, outcome

Json = Any
FORK = "s > a, s > b, s > c"


class Watcher:
    """Async nodes that say how many of them run at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.order: list[str] = []

    async def run(self, params: Any, ctx: Context) -> Output:
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(ctx.node)
        for _ in range(params.model_extra.get("rounds", 3)):
            await asyncio.sleep(0)
        self.now -= 1
        return Output({"out": ctx.input})


async def test_with_a_limit_of_one_the_frontier_runs_one_after_the_other_in_its_order() -> None:
    """T7."""
    watcher = Watcher()
    nodes = {"s": "same", "a": ("w", {"rounds": 9}), "b": ("w", {"rounds": 1}), "c": "w"}
    workflow = flow(nodes, FORK, limits=Limits(concurrency=1))
    async with Bench(node_type("w", watcher.run)) as bench:
        await bench.run(workflow, 1)
    assert (watcher.most, watcher.order) == (1, ["a", "b", "c"])


@pytest.mark.parametrize("limit", [2, 3, 32])
async def test_no_more_run_at_once_than_the_limit_says(limit: int) -> None:
    """U43."""
    watcher = Watcher()
    keys = [f"n{number}" for number in range(10)]
    wires = ",".join(f"s > {key}" for key in keys)
    workflow = flow(
        {"s": "same", **dict.fromkeys(keys, "w")}, wires, limits=Limits(concurrency=limit)
    )
    async with Bench(node_type("w", watcher.run)) as bench:
        await bench.run(workflow, 1)
    assert watcher.most == min(limit, 10)


async def commits(commit: CommitPolicy) -> list[list[str]]:
    """Return what each commit admitted, of three tasks that end one after the other."""
    nodes = {"s": "same"} | {
        key: ("w", {"rounds": rounds}) for key, rounds in {"a": 30, "b": 20, "c": 10}.items()
    }
    async with Bench(node_type("w", Watcher().run)) as bench:
        await bench.run(flow(nodes, FORK, commit=commit), 1)
        facts = [fact for fact in bench.facts if isinstance(fact, ev.SuperstepCommitted)]
    return [list(fact.admitted) for fact in facts if fact.admitted and fact.admitted != ("s",)]


async def test_an_eager_run_commits_what_has_ended() -> None:
    """U42."""
    assert await commits("eager") == [["c"], ["b"], ["a"]]


async def test_a_strict_run_commits_a_superstep_as_a_whole_in_the_order_of_the_plan() -> None:
    """U42, T6."""
    assert await commits("strict") == [["a", "b", "c"]]


async def test_a_task_reads_the_commit_that_made_it_ready() -> None:
    """U28, T62: a branch does not see what its sibling wrote in the same superstep."""
    total = Channel(name="total", type="number", reducer="sum", default=0)
    add = {"writes": {"total": "output"}}
    nodes = {
        "s": ("same", {}, add),
        "a": ("reads", {"v": {"expr": "state.total"}}, add),
        "b": ("reads", {"v": {"expr": "state.total"}}, add),
        "j": "join",
        "z": "end",
    }

    def reads(params: Any, ctx: Context) -> Output:
        return Output({"out": params.v})

    async with Bench(node_type("reads", reads)) as bench:
        workflow = flow(nodes, "s > a, s > b, a > j, b > j, j > z", channels=[total])
        assert outcome(await bench.run(workflow, 5)) == {"a": 5, "b": 5}


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_task_that_starts_late_reads_the_commit_that_made_it_ready_too(
    policy: CommitPolicy,
) -> None:
    """U28, T62: others have written, and have been committed, before it had its turn."""
    total = Channel(name="total", type="number", reducer="sum", default=0)
    reads = {"v": {"expr": "state.total"}}
    nodes = {
        "s": "same",
        "a": ("asleep", {}, {"writes": {"total": "output"}}),
        "b": ("reads", reads),
        "c": ("reads", reads),
        "j": "join",
        "z": "end",
    }

    async def read(params: Any, ctx: Context) -> Output:
        await asyncio.sleep(0)
        return Output({"out": params.v})

    async with Bench(node_type("reads", read)) as bench:
        wires = "s > a, s > b, a > c, b > j, c > j, j > z"
        limits = Limits(concurrency=1)
        work = flow(nodes, wires, channels=[total], commit=policy, limits=limits)
        assert outcome(await bench.run(work, 5)) == {"b": 0, "c": 5}


async def test_a_result_carries_its_writes_in_order_each_with_its_writer() -> None:
    """U29: as the store has them, and with the scope that they were made in."""
    log = Channel(name="log", type="array", reducer="append", default=[])
    total = Channel(name="total", type="number", reducer="sum", default=0)
    writes = {"writes": {"log": "output", "total": "output + 1"}}
    nodes = {"f": ("for_each", {"limit": 2}), "w": ("plus", {}, writes), "c": "collect"}
    work = flow(nodes, "f.item > w, w > c", channels=[log, total], commit="strict")
    async with Bench() as bench:
        handle = await bench.engine.start(work, [5, 6])
        await handle.leg()
        deltas = [bench.store.delta(handle.run, n) for n in range(1, handle.state.commit + 1)]
        assert handle.state.channels == {"log": [6, 7], "total": 15}
    found = [(op.channel, op.value, op.op, op.writer) for delta in deltas for op in delta.ops]
    assert found == [
        ("log", 6, "reduce", "w@f.0"), ("total", 7, "reduce", "w@f.0"),
        ("log", 7, "reduce", "w@f.1"), ("total", 8, "reduce", "w@f.1"),
    ]  # fmt: skip


async def test_a_node_is_given_its_clock_its_ids_and_its_chance() -> None:
    """T11, U125."""
    seen: dict[str, Any] = {}

    def look(params: Any, ctx: Context) -> Output:
        seen.update(
            run=ctx.run,
            task=ctx.task,
            visit=ctx.visit,
            attempt=ctx.attempt,
            now=ctx.now,
            key=ctx.idempotency_key,
            chance=[ctx.random(), ctx.random()],
        )
        return Output({"out": ctx.input})

    async def once() -> dict[str, Any]:
        async with Bench(node_type("look", look), clock=FakeClock(1_000.0)) as bench:
            await bench.run(flow({"s": "same", "a": "look"}, "s > a"), 1)
        return dict(seen)

    first = await once()
    assert (first["run"], first["task"], first["visit"], first["attempt"], first["now"]) == (
        "run1",
        "a",
        0,
        1,
        1_000.0,
    )
    assert first["chance"][0] != first["chance"][1]
    assert await once() == first  # the same ids and seed give the same chance and the same key


async def test_an_endless_loop_stops_at_a_limit_with_its_number() -> None:
    """T43, U53."""
    workflow = flow(
        {"s": "same", "a": "plus", "b": "same"},
        "s > a, a > b, b > a [input > 0]",
        limits=Limits(visits=25),
    )
    async with Bench() as bench:
        ended = await bench.run(workflow, 1)
    assert isinstance(ended, ev.RunFailed)
    assert "25" in ended.error.message and ended.error.code == "limit"


async def test_two_gates_are_two_questions() -> None:
    """T49: one after the other, each with its own decision."""
    nodes = {"g": "ask", "h": "ask", "z": "end"}
    async with Bench(early={"g": "approve", "h": "approve"}) as bench:
        assert outcome(await bench.run(flow(nodes, "g.approved > h, h.approved > z"), 3)) == 3
        decided = [fact for fact in bench.facts if isinstance(fact, ev.BarrierDecided)]
    assert [fact.node for fact in decided] == ["g", "h"]
    assert len({fact.request for fact in decided}) == 2


async def test_a_gate_in_a_loop_asks_anew_in_every_round() -> None:
    """T49: occurrences are separate."""
    nodes = {"s": "same", "a": "plus", "g": "ask", "b": ("below", {"n": 4}), "z": "end"}
    wires = "s > a, a > g, g.approved > b, b.again > a, b.done > z"
    async with Bench(early={"g": "approve"}) as bench:
        assert outcome(await bench.run(flow(nodes, wires), 1)) == 4
        decided = [fact for fact in bench.facts if isinstance(fact, ev.BarrierDecided)]
    assert [fact.task for fact in decided] == ["g", "g#1", "g#2"]


async def test_a_gate_for_each_item_is_a_question_each_and_their_answers_are_collected() -> None:
    """T80."""
    nodes = {"s": "same", "f": "for_each", "g": "ask", "c": "collect", "z": "end"}
    workflow = flow(nodes, "s > f, f.item > g, g.approved > c, c > z")
    async with Bench(early={"g": "approve"}) as bench:
        assert outcome(await bench.run(workflow, [10, 20, 30])) == [10, 20, 30]
        decided = [fact for fact in bench.facts if isinstance(fact, ev.BarrierDecided)]
    assert sorted(fact.task for fact in decided) == ["g@f.0", "g@f.1", "g@f.2"]


ARMS = {"s": "same", "a": "same", "a2": "same", "a3": "same", "b": "same", "b2": "same"}
WAYS = "s > a, s > b, a > a2, a2 > a3, b > b2"


async def test_depth_first_a_branch_goes_to_its_end_before_the_next_begins() -> None:
    """T94, U44."""
    async with Bench() as bench:
        await bench.run(flow(ARMS, WAYS, order="depth_first"), 1)
        assert bench.order() == ["s", "a", "a2", "a3", "b", "b2"]


async def test_depth_first_one_at_a_time_holds_for_what_must_be_awaited_too() -> None:
    """T94."""
    watcher = Watcher()
    nodes = dict.fromkeys(ARMS, "w")
    workflow = flow(nodes, WAYS, order="depth_first", limits=Limits(concurrency=1))
    async with Bench(node_type("w", watcher.run)) as bench:
        await bench.run(workflow, 1)
    assert watcher.order == ["s", "a", "a2", "a3", "b", "b2"]


async def test_a_strict_superstep_is_never_split_by_the_order() -> None:
    async with Bench() as bench:
        await bench.run(flow(ARMS, WAYS, order="depth_first", commit="strict"), 1)
        assert bench.order() == ["s", "a", "b", "a2", "b2", "a3"]


async def test_a_depth_first_run_goes_on_where_it_was_after_a_stop() -> None:
    gate = {**ARMS, "a": "ask"}
    ways = WAYS.replace("a > a2", "a.approved > a2")
    async with Bench(early={"a": "approve"}) as bench:
        await bench.run(flow(gate, ways, order="depth_first"), 1)
        assert sorted(bench.order()) == sorted(ARMS)
        assert bench.order()[0] == "s"
        assert bench.order()[-1] in ("a3", "b2")


async def test_another_order_ends_with_the_same_state() -> None:
    total = Channel(name="total", type="number", reducer="sum", default=0)
    add: Any = ("plus", {}, {"writes": {"total": "output"}})
    nodes = dict.fromkeys(ARMS, add)
    found = []
    for order in ("breadth_first", "depth_first"):
        async with Bench() as bench:
            handle = await bench.engine.start(flow(nodes, WAYS, order=order, channels=[total]), 1)
            await handle.leg()
            found.append(handle.state.channels["total"])
            assert (await bench.engine.replay(handle.run)).equal
    assert found[0] == found[1] == 2 + 3 + 4 + 5 + 3 + 4
