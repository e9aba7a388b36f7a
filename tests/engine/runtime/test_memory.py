"""A node's private memory: per key and loop scope, versioned, part of the state (U27, T105)."""

from __future__ import annotations

from typing import Any

from engine.model.node_types import Context, NodeType, Output
from engine.model.workflow import Workflow
from tests.engine.flows import Bench, flow, node_type

Json = Any


def _count(params: Any, ctx: Context) -> Output:
    """Put out how often it has run; parameter `same`: keep the memory as it is from then on."""
    known = ctx.memory or {"n": 0}
    n = known["n"] + (known["n"] < params.model_extra.get("upto", 99))
    return Output({"out": n}, memory={"n": n})


COUNT: NodeType = node_type("count", _count)


def chain_of_counts(**params: Json) -> Workflow:
    """`m` runs three times in one scope, because `a`, `b` and `c` each lead to it."""
    return flow(
        {"a": "same", "b": "same", "c": "same",
         "m": ("count", params, {"join": {"mode": "each"}}), "z": "end"},
        "a > b, b > c, a > m, b > m, c > m, c > z",
        result="nodes.m",
    )  # fmt: skip


async def test_memory_is_kept_from_round_to_round() -> None:
    async with Bench(COUNT) as bench:
        handle = await bench.start(chain_of_counts())
        assert await handle.result() == 3
        assert handle.state.memory == {"m@": {"n": 3}}


async def test_its_version_rises_only_when_it_changes() -> None:
    async with Bench(COUNT) as bench:
        handle = await bench.start(chain_of_counts(upto=2))
        assert handle.state.memory == {"m@": {"n": 2}}
        assert handle.state.memory_versions == {"m@": 2}


async def test_two_nodes_do_not_share_it() -> None:
    async with Bench(COUNT) as bench:
        handle = await bench.start(flow({"a": "count", "b": "count"}, "a > b"))
        assert handle.state.memory == {"a@": {"n": 1}, "b@": {"n": 1}}


async def test_each_item_has_its_own_and_it_ends_with_the_item() -> None:
    work = flow(
        {"f": ("for_each", {"limit": 2}), "m": "count", "c": "collect", "z": "end"},
        "f.item > m, m > c, c > z",
    )
    async with Bench(COUNT) as bench:
        handle = await bench.start(work, ["x", "y", "z"])
        assert await handle.result() == [1, 1, 1]
        assert (handle.state.memory, handle.state.memory_versions) == ({}, {})


async def test_it_survives_a_stop_and_a_resume() -> None:
    """T105."""
    work = flow(
        {"a": "count", "n": ("nap", {"seconds": 60}), "z": "end",
         "m": ("count", {}, {"join": {"mode": "each"}})},
        "a > n, a > m, n > m, n > z",
    )  # fmt: skip
    bench = Bench(COUNT)
    handle = await bench.start(work)
    assert handle.state.memory["m@"] == {"n": 1}
    await handle.stop()
    again = Bench(COUNT, store=bench.store, clock=bench.clock)
    bench.clock.advance(61)
    resumed = await again.engine.resume(handle.run)
    await resumed.leg()
    assert resumed.state.memory["m@"] == {"n": 2}
    assert resumed.state.memory_versions["m@"] == 2
    assert (await again.engine.replay(handle.run)).equal
    await again.engine.close()


async def test_a_fork_takes_the_memory_of_that_moment() -> None:
    async with Bench(COUNT) as bench:
        handle = await bench.start(chain_of_counts())
        then = bench.engine.state_at(handle.run, 2)
        assert then.memory == {"m@": {"n": 1}}
        child = await bench.engine.fork(handle.run, 2)
        await child.leg()
        assert child.state.memory == {"m@": {"n": 3}}
        assert bench.engine.state_at(handle.run).memory == {"m@": {"n": 3}}


async def test_the_rounds_of_a_loop_share_one() -> None:
    """Memory is of the loop, not of one of its rounds; each item has its own loop."""
    rounds = {"loop": ("loop", {"count": 3}), "m": "count", "until": "until"}
    alone = flow(
        {**rounds, "z": "end"}, "loop.round > m, m > until, until > z", result="nodes.until"
    )
    inside = flow(
        {**rounds, "f": ("for_each", {"limit": 1}), "c": "collect", "z": "end"},
        "f.item > loop, loop.round > m, m > until, until > c, c > z",
    )
    async with Bench(COUNT) as bench:
        handle = await bench.start(alone)
        assert await handle.result() == 3
        assert handle.state.memory == {"m@": {"n": 3}}
        assert (await bench.engine.replay(handle.run)).equal
        handle = await bench.start(inside, ["x", "y"])
        assert await handle.result() == [3, 3]
        assert handle.state.memory == {}
