"""One node alone, from a node, to a node. U64, T100."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.app import InvalidCommand, NotAllowed
from engine.commands import Decide, Step
from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.workflow import Channel, Node, Workflow
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


class Outside:
    """Something outside that side effects are seen in."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.broken: set[str] = set()

    @property
    def type(self) -> NodeType:
        def call(params: Any, ctx: Context) -> Output:
            self.calls.append(str(ctx.task))
            if ctx.task in self.broken:
                raise NodeFailure("it is down", code="down", retryable=False)
            ctx.emit("called")
            value = ctx.input if isinstance(ctx.input, int) else 0
            return Output({"out": value + (params.model_extra or {}).get("by", 1)})

        return node_type("call", call, effects=lambda params: "once",
                         capabilities=lambda params: ("network",))  # fmt: skip

    @contextmanager
    def again(self) -> Generator[list[str]]:
        self.calls.clear()
        yield self.calls


LINE = flow(
    {"a": ("call", {}, {"writes": {"total": "output"}}), "b": "call", "c": "call", "z": "end"},
    "a > b, b > c, c > z",
    channels=[TOTAL],
)


def edited(work: Workflow, key: str, **fields: Any) -> Workflow:
    nodes: dict[str, Node] = {**work.nodes, key: replace(work.nodes[key], **fields)}
    return replace(work, nodes=nodes)


# --- to a node ------------------------------------------------------------------------------


async def test_to_a_node_starts_only_what_leads_there_and_pauses_after_it() -> None:
    outside = Outside()
    work = flow({"s": "call", "a": "call", "b": "call", "side": "call", "z": "end"},
                "s > a, s > side, a > b, b > z, side > z")  # fmt: skip
    async with Bench(outside.type) as bench:
        handle = await bench.start(work, 1, until="a")
        assert outside.calls == ["s", "a"] and handle.status is RunStatus.PAUSED
        assert handle.view.reason == "ran to a"
        handle.unpause()
        await handle.leg()
        assert sorted(outside.calls) == ["a", "b", "s", "side"]
        assert (await bench.engine.replay(handle.run)).equal


async def test_to_a_node_that_is_not_on_the_way_pauses_and_says_so() -> None:
    work = flow({"s": "same", "a": "plus", "b": "plus", "z": "end"},
                "s > a [input > 5], s > b [else], a > z, b > z")  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1, until="a")
        assert handle.status is RunStatus.PAUSED and "a" in handle.view.reason
        handle.unpause()
        assert outcome((await handle.leg()).event) == 2


async def test_to_a_node_survives_a_restart_and_a_step_goes_on_from_it() -> None:
    outside, store = Outside(), MemoryStore()
    bench = Bench(outside.type, store=store)
    handle = await bench.start(LINE, 1, until="b")
    await handle.stop()
    async with Bench(outside.type, store=store, clock=bench.clock) as later:
        again = await later.engine.resume(handle.run)
        await settle()
        assert again.status is RunStatus.PAUSED and outside.calls == ["a", "b"]
        again.send(Step())
        await settle()
        assert outside.calls == ["a", "b", "c"] and again.status is RunStatus.PAUSED
        again.unpause()
        assert outcome((await again.leg()).event) == 4


async def test_to_a_node_behind_a_barrier_waits_for_the_person() -> None:
    work = flow({"g": "ask", "a": "plus", "z": "end"}, "g.approved > a, a > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1, until="a")
        assert handle.status is RunStatus.WAITING
        [request] = bench.engine.inbox()
        await bench.engine.decide(Decide(request=request.request, choice="approve", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        await settle()
        assert handle.view.reason == "ran to a"


# --- from a node ----------------------------------------------------------------------------


async def test_from_a_node_the_earlier_results_are_used_again_without_their_effects() -> None:
    outside = Outside()
    outside.broken.add("b")
    async with Bench(outside.type) as bench:
        first = await bench.start(LINE, 1)
        assert first.status is RunStatus.FAILED
        outside.broken.clear()
        better = edited(LINE, "c", params={"by": 10})
        with outside.again() as calls:
            second = await bench.engine.start(better, 1, reuse=(first.run, "b"))
            assert outcome((await second.leg()).event) == 13
            assert calls == ["b", "c"]
        recorded = [f.task for f in bench.facts if isinstance(f, ev.TaskFinished) and f.recorded]
        assert recorded == ["a"]
        assert second.state.channels == {"total": 2} and second.state.recordings == {}
        assert first.status is RunStatus.FAILED  # left as it is
        assert (await bench.engine.replay(second.run)).equal


async def test_from_a_node_neither_asks_nor_waits_again_before_it() -> None:
    work = flow({"g": "ask", "n": ("nap", {"seconds": 50}), "a": "plus", "z": "end"},
                "g.approved > n, n > a, a > z")  # fmt: skip
    async with Bench(early={"g": "approve"}) as bench:
        first = await bench.start(work, 1)
        bench.clock.advance(60)
        await first.leg()
        asked = len(bench.order(ev.BarrierOpened))
        second = await bench.engine.start(work, 1, reuse=(first.run, "a"))
        assert outcome((await second.leg()).event) == 2
        assert len(bench.order(ev.BarrierOpened)) == asked


async def test_from_a_node_uses_again_what_runs_beside_it_and_each_item_before_it() -> None:
    outside = Outside()
    work = flow({"s": "same", "side": "call", "f": ("for_each", {"limit": 2}), "x": "call",
                 "y": "call", "c": "collect", "j": "join", "z": "end"},
                "s > f, s > side, f.item > x, x > y, y > c, c > j, side > j,"
                "j > z")  # fmt: skip
    async with Bench(outside.type) as bench:
        first = await bench.start(work, [1, 2])
        assert first.status is RunStatus.COMPLETED
        with outside.again() as calls:
            second = await bench.engine.start(work, [1, 2], reuse=(first.run, "c"))
            assert outcome((await second.leg()).event) == outcome((await first.leg()).event)
            assert calls == []


async def test_a_run_that_begins_at_a_node_goes_on_after_a_crash_without_the_other_run() -> None:
    outside, store = Outside(), MemoryStore()
    work = edited(LINE, "c", type="asleep")
    bench = Bench(outside.type, store=store)
    first = await bench.start(work, 1)
    await first.leg()
    second = await bench.engine.start(work, 1, reuse=(first.run, "c"))
    await second.begun()
    assert second.status is RunStatus.RUNNING
    await second.stop()
    await settle()
    store.delete_run(first.run)
    async with Bench(outside.type, store=store, clock=bench.clock) as later:
        with outside.again() as calls:
            again = await later.engine.resume(second.run)
            assert outcome((await again.leg()).event) == 3
            assert "a" not in calls and "b" not in calls


async def test_from_a_node_that_the_other_run_never_came_to_is_refused() -> None:
    work = flow({"a": "boom", "b": "plus", "z": "end"}, "a > b, b > z")
    async with Bench() as bench:
        first = await bench.start(work, 1)
        with pytest.raises(InvalidCommand, match="never came to b"):
            await bench.engine.start(work, 1, reuse=(first.run, "b"))
        with pytest.raises(InvalidCommand, match="no node nobody"):
            await bench.engine.start(work, 1, reuse=(first.run, "nobody"))


# --- one node alone -------------------------------------------------------------------------


async def test_one_node_alone_gets_what_it_got_and_touches_no_run() -> None:
    outside = Outside()
    async with Bench(outside.type) as bench:
        first = await bench.start(LINE, 1)
        events = len(bench.engine.events(first.run))
        trial = await bench.engine.try_node(LINE, "b", run=first.run)
        assert (trial.inputs, trial.outputs) == ({"in": 2}, {"out": 3})
        assert trial.log == (("stdout", "called"),) and trial.error is None
        assert len(bench.engine.events(first.run)) == events
        assert len(bench.engine.runs()) == 1


async def test_one_node_alone_as_it_was_edited_with_an_edited_input() -> None:
    outside = Outside()
    async with Bench(outside.type) as bench:
        first = await bench.start(LINE, 1)
        work = edited(LINE, "b", params={"by": {"expr": "state.total * 100"}})
        trial = await bench.engine.try_node(work, "b", run=first.run, inputs={"in": 7})
        assert trial.outputs == {"out": 207}
        fresh = await bench.engine.try_node(LINE, "b", inputs={"in": 4})
        assert fresh.outputs == {"out": 5} and outside.calls[-1] == "b"


async def test_one_node_alone_tells_its_failure_and_what_it_would_write_and_ask() -> None:
    outside = Outside()
    outside.broken.add("b")
    async with Bench(outside.type) as bench:
        trial = await bench.engine.try_node(LINE, "b", inputs={"in": 4})
        assert trial.error is not None and trial.error.code == "down"
        writes = await bench.engine.try_node(LINE, "a", inputs={})
        assert writes.writes == (("total", "reduce", 1),)
        gate = flow({"g": "ask", "z": "end"}, "g.approved > z")
        asks = await bench.engine.try_node(gate, "g", inputs={"in": 5})
        assert asks.asks is not None and asks.asks.payload == 5 and bench.engine.inbox() == []


async def test_one_node_alone_is_refused_without_input_and_without_what_it_may_use() -> None:
    outside = Outside()
    async with Bench(outside.type) as bench:
        with pytest.raises(InvalidCommand, match="what goes into b"):
            await bench.engine.try_node(LINE, "b")
        with pytest.raises(InvalidCommand, match="no node nobody"):
            await bench.engine.try_node(LINE, "nobody")
        with pytest.raises(NotAllowed):
            await bench.engine.try_node(LINE, "b", inputs={}, allow=frozenset())
        assert outside.calls == []
