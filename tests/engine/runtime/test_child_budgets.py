"""What child runs use of budgets counts in the runs that called them (T69-T71, T78, T81, T83)."""

from __future__ import annotations

import asyncio
from typing import Any

from engine import events as ev
from engine.app import RunHandle
from engine.commands import Decide
from engine.model import codec
from engine.model.node_types import Context, NodeFailure, Output
from engine.model.workflow import Draw, Meter, Workflow
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

Json = Any


def _spends(params: Any, ctx: Context) -> Output:
    ctx.spend("cost", params.amount)
    if (params.model_extra or {}).get("breaks"):
        raise NodeFailure("it broke", code="broken", retryable=False)
    return Output({"out": ctx.input})


SPENDS = node_type("spends", _spends)


def meters(limit: float | None = None) -> dict[str, Meter]:
    return {"cost": Meter(limit=limit)}


def spending(amount: float, **more: Json) -> Workflow:
    """A workflow that spends so much."""
    nodes = {"s": ("spends", {"amount": amount, **more}), "z": "end"}
    return flow(nodes, "s > z", meters=meters())


def caller(work: Workflow, limit: float | None = None, fields: Json = None, **more: Json) -> Any:
    document = {"document": codec.workflow_to_json(work), **more}
    nodes = {"c": ("workflow.call", document, fields or {}), "z": "end"}
    return flow(nodes, "c > z", meters=meters(limit))


def used(handle: RunHandle) -> float:
    return handle.view.meters["cost"].used


async def test_what_a_called_run_uses_counts_in_the_run_that_called_it() -> None:
    async with Bench(SPENDS) as bench:
        handle = await bench.start(caller(caller(spending(3))), 1)
        assert outcome((await handle.leg()).event) == 1
        assert used(handle) == 3
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_called_run_that_failed_still_costs() -> None:
    """T71."""
    work = caller(spending(3, breaks=True), on_failure="default", default=0)
    async with Bench(SPENDS) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == 0
        assert used(handle) == 3


async def test_a_breach_by_a_called_run_wins_over_what_its_failure_would_do() -> None:
    """T70."""
    work = caller(spending(5, breaks=True), 4, on_failure="skip")
    async with Bench(SPENDS) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == "budget"


async def test_what_a_call_sets_aside_is_kept_while_it_waits_and_the_rest_comes_back() -> None:
    """T69: the estimate of the call is reserved, and refused, before the run is called."""
    fields = {"meters": {"cost": Draw(estimate="4")}}
    asks = flow({"s": ("spends", {"amount": 3}), "g": "ask", "z": "end"},
                "s > g, g.approved > z", meters=meters())  # fmt: skip
    async with Bench(SPENDS, stay=True) as bench:
        handle = await bench.start(caller(asks, 10, fields), 1)
        assert handle.view.meters["cost"].reserved == 4
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api")
        )
        await handle.leg()
        meter = handle.view.meters["cost"]
        assert (meter.used, meter.reserved) == (3, 0)
        assert (await bench.engine.replay(handle.run)).equal
    async with Bench(SPENDS) as bench:
        assert outcome(await bench.run(caller(asks, 3, fields), 1)) == "budget"
        assert len(bench.engine.runs()) == 1


async def test_a_called_run_that_is_tried_again_is_not_counted_twice() -> None:
    """It fails after 2, its caller fails with it; both go on, and it ends after 2 more."""
    broken = [True]

    def flaky(params: Any, ctx: Context) -> Output:
        ctx.spend("cost", 2)
        if broken:
            raise NodeFailure("it broke", code="broken", retryable=False)
        return Output({"out": ctx.input})

    work = flow({"s": "flaky", "z": "end"}, "s > z", meters=meters())
    async with Bench(node_type("flaky", flaky)) as bench:
        handle = await bench.start(caller(work), 1)
        assert outcome((await handle.leg()).event) == "child_failed"
        assert used(handle) == 2
        broken.clear()
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 1
        assert used(again) == 4
        assert [each.mode for each in bench.engine.children(handle.run)] == ["call"]


async def test_what_a_run_uses_that_is_not_waited_for_counts_when_it_ends() -> None:
    async with Bench(SPENDS) as bench:
        handle = await bench.start(caller(spending(3), mode="async"), 1)
        await handle.leg()
        assert used(handle) == 3


async def test_the_totals_of_the_states_of_a_machine_add_up() -> None:
    """T81."""
    document = {name: codec.workflow_to_json(spending(n)) for name, n in (("a", 2), ("b", 3))}
    params = {
        "states": [{"name": name, "document": each} for name, each in document.items()],
        "transitions": [{"source": "a", "to": "b"}, {"source": "b", "to": "end"}],
    }
    work = flow({"m": ("state_machine", params), "z": "end"}, "m > z", meters=meters())
    async with Bench(SPENDS) as bench:
        handle = await bench.start(work, 1)
        result = outcome((await handle.leg()).event)
        assert [each["status"] for each in result["history"]] == ["completed", "completed"]
        assert used(handle) == 5
        assert (await bench.engine.replay(handle.run)).equal


async def test_totals_add_up_over_pauses() -> None:
    """T78: two questions, each answered in a later leg, in another engine."""
    work = flow(
        {"a": ("spends", {"amount": 1}), "g": "ask", "b": ("spends", {"amount": 2}), "h": "ask",
         "c": ("spends", {"amount": 4}), "z": "end"},
        "a > g, g.approved > b, b > h, h.approved > c, c > z",
        meters=meters(),
    )  # fmt: skip
    store, seen = MemoryStore(), [0.0]
    bench = Bench(SPENDS, store=store)
    handle = await bench.start(work, 1)
    while not isinstance((await handle.leg()).event, ev.RunFinished):
        seen.append(used(handle))
        bench = Bench(SPENDS, store=store)
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api")
        )
        handle = await bench.engine.resume(handle.run)
    assert [*seen, used(handle)] == [0, 1, 3, 7]
    assert handle.view.executions == 6  # each once
    await bench.engine.close()


async def test_a_turn_that_is_done_is_skipped_without_spending() -> None:
    """T83: it ended before the crash, and its result was journalled with what it had used."""
    runs: list[str] = []
    is_first = [True]

    async def turn(params: Any, ctx: Context) -> Output:
        runs.append(ctx.node)
        if ctx.node == "slow" and is_first:
            await asyncio.Event().wait()
        ctx.spend("cost", 3)
        return Output({"out": 1})

    work = flow({"s": "same", "quick": "turn", "slow": "turn", "z": "end"},
                "s > quick, s > slow, quick > z, slow > z",
                meters=meters(6), commit="strict")  # fmt: skip
    store = MemoryStore()
    bench = Bench(node_type("turn", turn), store=store)
    handle = await bench.start(work, 1)
    await settle()
    assert sorted(runs) == ["quick", "slow"] and used(handle) == 0
    await bench.engine.close()
    is_first.clear()
    async with Bench(node_type("turn", turn), store=store) as bench:
        again = await bench.engine.resume(handle.run)
        assert isinstance((await again.leg()).event, ev.RunFinished)
        assert sorted(runs) == ["quick", "slow", "slow"]
        assert used(again) == 6
