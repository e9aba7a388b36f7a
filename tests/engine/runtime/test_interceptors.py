"""Interceptors: before and after a node, before a commit. U111, U112; T103."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from engine import events as ev
from engine.app import AbortRun, Alter, Interceptor, NodeCall, Veto
from engine.commands import Decide
from engine.ids import RunId, TaskId
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel
from tests.engine.flows import Bench, flow, node_type, outcome

LINE = flow({"a": "plus", "b": "asleep", "z": "end"}, "a > b, b > z")
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)
Writes = Mapping[TaskId, Sequence[tuple[str, str, Any]]]


async def replays(bench: Bench) -> bool:
    return (await bench.engine.replay(bench.engine.runs()[0].run)).equal


async def test_each_is_called_once_for_each_attempt_and_commit_in_order() -> None:
    calls: list[str] = []

    def before(name: str) -> Any:
        return lambda call: calls.append(f"{name} before {call.task}")

    def after(call: NodeCall, ports: Mapping[str, Any]) -> None:
        calls.append(f"after {call.task}: {ports['out']}")

    def commit(run: RunId, number: int, writes: Writes) -> None:
        calls.append(f"commit {number}: {', '.join(writes)}")

    both = [Interceptor(name="one", before_node=before("one"), after_node=after),
            Interceptor(name="two", before_node=before("two"), before_commit=commit)]  # fmt: skip
    async with Bench(interceptors=both) as bench:
        assert outcome(await bench.run(LINE, 1)) == 2
    assert calls == [
        "one before a", "two before a", "after a: 2", "commit 1: a",
        "one before b", "two before b", "after b: 2", "commit 2: b",
        "one before z", "two before z", "after z: 2", "commit 3: z",
    ]  # fmt: skip


async def test_it_may_alter_what_goes_in_and_what_comes_out_and_writes_follow() -> None:
    work = flow({"a": ("plus", {}, {"writes": {"total": "output"}}), "z": "end"}, "a > z",
                channels=[TOTAL])  # fmt: skip

    def before(call: NodeCall) -> Alter | None:
        return Alter({"in": call.inputs["in"] * 10}) if call.node == "a" else None

    def after(call: NodeCall, ports: Mapping[str, Any]) -> Alter | None:
        return Alter({"out": ports["out"] + 100}) if call.node == "a" else None

    guard = Interceptor(name="alters", before_node=before, after_node=after)
    async with Bench(interceptors=[guard]) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == 111
        assert handle.state.channels == {"total": 111} and await replays(bench)


@pytest.mark.parametrize("where", ["before_node", "after_node"])
async def test_a_veto_fails_the_task_without_running_or_counting_it(where: str) -> None:
    def veto(call: NodeCall, *more: Any) -> Veto | None:
        return Veto("not on Fridays") if call.node == "b" else None

    guard = Interceptor(name="policy", **cast("Any", {where: veto}))
    async with Bench(interceptors=[guard]) as bench:
        event = await bench.run(LINE, 1)
        assert isinstance(event, ev.RunFailed) and event.error.code == "vetoed"
        assert "policy: not on Fridays" in event.error.message and bench.order() == ["a"]
        assert await replays(bench)


async def test_before_a_commit_one_task_or_all_of_it_may_be_vetoed() -> None:
    work = flow({"s": "same", "a": ("plus", {}, {"writes": {"total": "output"},
                                                  "on_error": "ignore"}), "z": "end"},
                "s > a, a > z", channels=[TOTAL])  # fmt: skip

    def limit(run: RunId, number: int, writes: Writes) -> Veto | None:
        over = [task for task, ops in writes.items() if any(op[2] > 5 for op in ops)]
        return Veto("more than 5", task=over[0]) if over else None

    async with Bench(interceptors=[Interceptor(name="cap", before_commit=limit)]) as bench:
        handle = await bench.start(work, 7)
        assert handle.state.channels == {"total": 0} and bench.order(ev.TaskFailed) == ["a"]
        handle = await bench.start(work, 3)
        assert handle.state.channels == {"total": 4}


@pytest.mark.parametrize("where", ["before_node", "after_node", "before_commit"])
async def test_abort_ends_the_run_as_cancelled_with_the_reason(where: str) -> None:
    def abort(*args: Any) -> AbortRun | None:
        seen = args[0].node == "b" if isinstance(args[0], NodeCall) else "b" in args[2]
        return AbortRun("enough") if seen else None

    guard = Interceptor(name="stop", **cast("Any", {where: abort}))
    async with Bench(interceptors=[guard]) as bench:
        event = await bench.run(LINE, 1)
        assert isinstance(event, ev.RunCancelled) and event.reason == "stop: enough"
        assert await replays(bench)


@pytest.mark.parametrize("where", ["before_node", "after_node", "before_commit"])
async def test_one_that_fails_is_ignored_and_an_event_says_so(where: str) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("no such policy")

    guard = Interceptor(name="broken", **cast("Any", {where: broken}))
    async with Bench(interceptors=[guard]) as bench:
        assert outcome(await bench.run(LINE, 1)) == 2
        said = [e for e in bench.facts if isinstance(e, ev.InterceptorIgnored)]
        assert [e.task for e in said] == ["a", "b", "z"]
        assert "broken" in said[0].message and "no such policy" in said[0].message
        assert await replays(bench)


async def test_what_ends_while_a_failed_run_is_stopped_is_looked_at_too() -> None:
    """Results that come in while the others are being stopped are admitted: not unseen."""
    tried: list[str] = []

    async def boom(params: Any, ctx: Context) -> Output:
        await asyncio.sleep(0)
        raise ValueError("boom")

    async def late(params: Any, ctx: Context) -> Output:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            tried.append("late")
        return Output({"out": 7})

    def limit(run: RunId, number: int, writes: Writes) -> Veto | None:
        over = [task for task, ops in writes.items() if any(op[2] > 5 for op in ops)]
        return Veto("more than 5", task=over[0]) if over else None

    work = flow({"s": "same", "a": "fails", "b": ("late", {}, {"writes": {"total": "output"}}),
                 "z": "end"}, "s > a, s > b, a > z, b > z", channels=[TOTAL])  # fmt: skip
    types = node_type("fails", boom), node_type("late", late)
    guard = Interceptor(name="cap", before_commit=limit)
    async with Bench(*types, interceptors=[guard]) as bench:
        handle = await bench.engine.start(work, 1)
        assert outcome((await handle.leg()).event) == "ValueError" or tried
        assert tried == ["late"] and handle.state.channels == {"total": 0}
        assert "b" in bench.order(ev.TaskFailed)


async def test_a_decision_whose_result_is_vetoed_is_taken_in_all_the_same() -> None:
    """U71: else it is told again to every later leg, and no fact says that it was made."""
    guard = Interceptor(name="policy", before_commit=lambda run, number, writes: Veto("no", "a")
                        if "a" in writes else None)  # fmt: skip
    work = flow({"a": "ask", "z": "end"}, "a.approved > z")
    async with Bench(interceptors=[guard], stay=True) as bench:
        handle = await bench.start(work, 1)
        [request] = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api",
                   digest=request.digest)
        )  # fmt: skip
        assert outcome((await handle.leg()).event) == "vetoed"
        assert bench.order(ev.BarrierDecided) == ["a"]
        assert not bench.store.unadmitted(handle.run) and await replays(bench)
