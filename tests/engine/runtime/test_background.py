"""Nodes that work in the background: child runs of their own (U58, T84)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine import events as ev
from engine.app import EditedDocument
from engine.errors import InvalidCommand
from engine.model.node_types import Context, NodeFailure, Output, WriteOp
from engine.model.workflow import Channel, Draw, InBackground, Meter, RetryPolicy, Workflow
from engine.nodes.set_fields import SET
from engine.nodes.template import TEMPLATE
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle
from tests.engine.runtime.test_children import Crash, FragileStore

Json = Any
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


class Gates:
    """A node type whose works end when a test says so."""

    def __init__(self) -> None:
        self.begun: list[Json] = []
        self.open = asyncio.Event()
        self.failures = 0

    async def work(self, params: Any, ctx: Context) -> Output:
        self.begun.append(ctx.input)
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise NodeFailure("it broke", code="broken", retryable=False)
        return Output({"out": (ctx.input or 0) * 10})

    @property
    def type(self) -> Any:
        return node_type("work", self.work)


def behind(type: str = "work", params: Json = None, **fields: Any) -> tuple[str, Json, Json]:
    """A node in the background, for `flow`."""
    given = {"background": fields.pop("background", InBackground()), **fields}
    return type, params or {}, given


def works(bench: Bench, run: str) -> list[Any]:
    return [each for each in bench.engine.children(run) if each.mode == "background"]


async def test_its_input_goes_on_at_once_and_the_run_waits_for_its_work_at_the_end() -> None:
    gates = Gates()
    async with Bench(gates.type) as bench:
        handle = await bench.start(
            flow({"b": behind(), "p": "plus", "z": "end"}, "b > p, p > z"), 4
        )
        assert bench.order() == ["b", "p", "z"]
        assert gates.begun == [4]
        assert handle.status == "waiting"
        gates.open.set()
        assert outcome((await handle.leg()).event) == 5
        (work,) = works(bench, handle.run)
        view = bench.engine.view(work.run)
        assert (work.called_by, view.status, view.result) == ((handle.run, "b"), "completed", 40)


async def test_its_result_is_written_when_it_is_there() -> None:
    gates = Gates()
    work = flow(
        {"b": behind(writes={"total": "output + input"}), "z": "end"}, "b > z", channels=[TOTAL]
    )
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, 4)
        assert handle.state.channels["total"] == 0
        gates.open.set()
        await handle.leg()
        assert handle.state.channels["total"] == 44
        assert (await bench.engine.replay(handle.run)).equal


async def test_its_context_is_its_own() -> None:
    """What code writes in the background stays there; what it reads is what was there before."""
    seen: list[Json] = []

    async def meddles(params: Any, ctx: Context) -> Output:
        seen.append(dict(ctx.scope["state"]))
        return Output({"out": 1}, writes=(WriteOp("total", 5),))

    work = flow(
        {"a": ("plus", {}, {"writes": {"total": "7"}}), "b": behind("meddles", reads=("total",)),
         "z": "end"},
        "a > b, b > z",
        channels=[TOTAL],
    )  # fmt: skip
    async with Bench(node_type("meddles", meddles)) as bench:
        handle = await bench.start(work, 1)
        await handle.leg()
        assert seen == [{"total": 7}]
        assert handle.state.channels["total"] == 7
        (child,) = works(bench, handle.run)
        assert bench.engine.state_at(child.run).channels["total"] == 12


async def test_its_parameters_are_computed_when_it_is_handed_over() -> None:
    """Also what reads other nodes, and never twice: a text that looks like a template stays."""
    work = flow(
        {"a": ("set", {"fields": {"name": "{{ 1 + 1 }}"}}),
         "t": behind("template", {"text": "Dear {{ nodes.a.name }} at {{ run.id }}"}),
         "z": "end"},
        "a > t, t > z",
    )  # fmt: skip
    async with Bench(SET, TEMPLATE) as bench:
        handle = await bench.start(work, {})
        await handle.leg()
        (child,) = works(bench, handle.run)
        assert bench.engine.view(child.run).result == f"Dear {{{{ 1 + 1 }}}} at {handle.run}"


async def test_a_work_tries_again_as_its_node_says() -> None:
    gates = Gates()
    gates.failures = 1
    retry = RetryPolicy(attempts=2, delay_s=1, jitter=False)

    async def flaky(params: Any, ctx: Context) -> Output:
        if ctx.attempt == 1:
            raise NodeFailure("not yet")
        return Output({"out": ctx.attempt})

    async with Bench(node_type("flaky", flaky), stay=True) as bench:
        handle = await bench.start(flow({"b": behind("flaky", retry=retry), "z": "end"}, "b > z"))
        assert bench.order(ev.TaskRetried) == ["b"]
        bench.clock.advance(1)
        await handle.leg()
        (child,) = works(bench, handle.run)
        assert bench.engine.view(child.run).result == 2


@pytest.mark.parametrize(("on_failure", "result"), [("note", 1), ("fail", "child_failed")])
async def test_a_failure_is_noted_or_fails_the_run(on_failure: Any, result: Json) -> None:
    given = InBackground(on_failure=on_failure)
    async with Bench() as bench:
        work = flow({"b": behind("boom", background=given), "z": "end"}, "b > z")
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == result
        (ended,) = [fact for fact in bench.facts if isinstance(fact, ev.ChildEnded)]
        assert (ended.status, "it broke" in ended.reason) == ("failed", True)
        assert handle.view.node("b").works_failed == 1
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_run_that_failed_with_its_work_goes_on_with_it() -> None:
    gates = Gates()
    gates.failures = 1
    gates.open.set()
    given = InBackground(on_failure="fail")
    work = flow({"b": behind(background=given, writes={"total": "output"}), "z": "end"}, "b > z",
                channels=[TOTAL])  # fmt: skip
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, 3)
        assert isinstance((await handle.leg()).event, ev.RunFailed)
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 3
        assert again.state.channels["total"] == 30
        assert len(works(bench, handle.run)) == 1


@pytest.mark.parametrize(
    ("policy", "run", "work"),
    [("wait", "waiting", "running"), ("detach", "completed", "running"),
     ("cancel", "completed", "cancelled")],
)  # fmt: skip
async def test_each_node_says_what_becomes_of_its_work_at_the_end(
    policy: Any, run: str, work: str
) -> None:
    gates = Gates()
    flow_ = flow({"b": behind(background=InBackground(at_end=policy)), "z": "end"}, "b > z")
    async with Bench(gates.type, stay=True) as bench:
        handle = await bench.start(flow_, 1)
        (child,) = works(bench, handle.run)
        assert (bench.engine.run(handle.run).status, child.status) == (run, work)
        gates.open.set()
        await settle()
        assert bench.engine.run(handle.run).status == "completed"


async def test_no_more_works_of_a_node_run_at_once_than_it_says() -> None:
    gates = Gates()
    work = flow(
        {"f": ("for_each", {"limit": 5}), "b": behind(background=InBackground(limit=2)),
         "k": "collect", "z": "end"},
        "f.item > b, b > k, k > z",
    )  # fmt: skip
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, [1, 2, 3, 4, 5])
        assert bench.order()[-1] == "z"
        assert gates.begun == [1, 2]
        assert handle.view.node("b").works == 5
        gates.open.set()
        assert outcome((await handle.leg()).event) == [1, 2, 3, 4, 5]
        assert gates.begun == [1, 2, 3, 4, 5]
        assert handle.view.node("b").works == 0
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_failed_work_is_tried_again_while_its_run_goes_on() -> None:
    gates = Gates()
    gates.failures = 1
    gates.open.set()
    work = flow({"b": behind(writes={"total": "output"}), "h": "hang", "z": "end"}, "b > z",
                channels=[TOTAL])  # fmt: skip
    async with Bench(gates.type, stay=True) as bench:
        handle = await bench.start(work, 3)
        (child,) = works(bench, handle.run)
        assert child.status == "failed"
        await bench.engine.retry_child(child.run)
        await settle()
        assert bench.engine.run(child.run).status == "completed"
        assert handle.state.channels["total"] == 30
        assert handle.view.node("b").works_failed == 0


async def test_a_failed_work_of_a_run_that_has_ended_is_tried_again_alone() -> None:
    gates = Gates()
    gates.failures = 1
    gates.open.set()
    async with Bench(gates.type) as bench:
        handle = await bench.start(flow({"b": behind(), "z": "end"}, "b > z"), 3)
        await handle.leg()
        (child,) = works(bench, handle.run)
        await bench.engine.retry_child(child.run)
        await bench.engine.settled()
        assert bench.engine.view(child.run).result == 30


def cost(limit: float | None = 10.0, **fields: Any) -> dict[str, Meter]:
    return {"cost": Meter(limit=limit, **fields)}


async def _spends(params: Any, ctx: Context) -> Output:
    await asyncio.sleep(0)
    ctx.spend("cost", ctx.input)
    return Output({"out": ctx.remaining("cost")})


async def test_a_share_of_a_budget_is_set_aside_and_what_is_left_comes_back() -> None:
    """U88: 4 is reserved while it works, 3 is used at the end."""
    given = InBackground(budget={"cost": 4.0})
    work = flow({"b": behind("spends", background=given, meters={"cost": Draw(estimate="1")}),
                 "z": "end"}, "b > z", meters=cost())  # fmt: skip
    async with Bench(node_type("spends", _spends)) as bench:
        handle = await bench.start(work, 3)
        await handle.leg()
        moved = [fact.meters["cost"] for fact in bench.facts if isinstance(fact, ev.MetersChanged)]
        moved = [each for each in moved if each[0] == 10.0]  # those of the run, not of the work
        assert (moved[-2], moved[-1]) == ((10.0, 0.0, 4.0), (10.0, 3.0, 0.0))
        (child,) = works(bench, handle.run)
        assert bench.engine.view(child.run).result == 1.0
        assert not handle.state.holds
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_work_cannot_use_more_than_its_share() -> None:
    given = InBackground(budget={"cost": 2.0})
    work = flow({"b": behind("spends", background=given, meters={"cost": Draw(estimate="1")}),
                 "z": "end"}, "b > z", meters=cost())  # fmt: skip
    async with Bench(node_type("spends", _spends)) as bench:
        handle = await bench.start(work, 3)
        assert outcome((await handle.leg()).event) == 3
        (child,) = works(bench, handle.run)
        error = bench.engine.view(child.run).error
        assert error is not None and error.code == "budget"
        assert handle.view.meters["cost"].used == 3.0


async def test_a_share_that_is_not_there_is_refused_before_the_work_begins() -> None:
    given = InBackground(budget={"cost": 20.0})
    work = flow({"b": behind("spends", background=given), "z": "end"}, "b > z", meters=cost())
    async with Bench(node_type("spends", _spends)) as bench:
        handle = await bench.start(work, 3)
        assert outcome((await handle.leg()).event) == "budget"
        assert not works(bench, handle.run)


async def test_a_budget_of_its_own_touches_nothing_of_the_run() -> None:
    given = InBackground(budget={"cost": 20.0}, own_budget=True)
    work = flow({"b": behind("spends", background=given), "z": "end"}, "b > z", meters=cost())
    async with Bench(node_type("spends", _spends)) as bench:
        handle = await bench.start(work, 13)
        assert outcome((await handle.leg()).event) == 13
        assert handle.view.meters.get("cost") is None or handle.view.meters["cost"].used == 0
        (child,) = works(bench, handle.run)
        assert bench.engine.view(child.run).meters["cost"].used == 13


async def test_a_work_that_nobody_drives_has_failed_after_its_time() -> None:
    """T84: the process died, and the run it belongs to is over; it can be tried again."""
    gates = Gates()
    given = InBackground(at_end="detach", stale_s=60.0)
    store = MemoryStore()
    async with Bench(gates.type, store=store, stay=True) as bench:
        handle = await bench.start(flow({"b": behind(background=given), "z": "end"}, "b > z"), 3)
        (child,) = works(bench, handle.run)
        await bench.engine.handle(child.run).stop()  # type: ignore[union-attr] # it runs here
        await settle()
        bench.clock.advance(59)
        assert await bench.engine.give_up_stale() == []
        bench.clock.advance(1)
        assert await bench.engine.fire_due() == []
        error = bench.engine.view(child.run).error
        assert error is not None and error.code == "stale"
        gates.open.set()
        await bench.engine.retry_child(child.run)
        await settle()
        assert bench.engine.view(child.run).result == 30


async def test_a_work_that_waits_for_its_turn_is_not_left() -> None:
    gates = Gates()
    given = InBackground(limit=1, stale_s=60.0)
    work = flow({"f": ("for_each", {"limit": 2}), "b": behind(background=given), "k": "collect"},
                "f.item > b, b > k")  # fmt: skip
    async with Bench(gates.type, stay=True) as bench:
        await bench.start(work, [1, 2])
        bench.clock.advance(600)
        assert await bench.engine.give_up_stale() == []


async def test_cancelling_a_run_cancels_its_works_and_resuming_goes_on_with_them() -> None:
    gates = Gates()
    work = flow({"b": behind(writes={"total": "output"}), "z": "end"}, "b > z", channels=[TOTAL])
    async with Bench(gates.type, stay=True) as bench:
        handle = await bench.start(work, 3)
        handle.cancel()
        await handle.leg()
        await settle()
        (child,) = works(bench, handle.run)
        assert child.status == "cancelled"
        gates.open.set()
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 3
        assert again.state.channels["total"] == 30


@pytest.mark.parametrize(
    ("writes", "why"),
    [({"total": "'text'"}, "cannot write total"), ({"total": "output.nothing"}, "nothing")],
)
async def test_a_result_that_cannot_be_written_is_a_failure(writes: Json, why: str) -> None:
    gates = Gates()
    gates.open.set()
    work = flow({"b": behind(writes=writes), "z": "end"}, "b > z", channels=[TOTAL])
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, 3)
        assert outcome((await handle.leg()).event) == 3
        (ended,) = [fact for fact in bench.facts if isinstance(fact, ev.ChildEnded)]
        assert ended.status == "failed" and why in ended.reason
        assert (await bench.engine.replay(handle.run)).equal


async def test_only_what_works_and_has_failed_is_tried_again() -> None:
    gates = Gates()
    async with Bench(gates.type, stay=True) as bench:
        handle = await bench.start(flow({"b": behind(), "z": "end"}, "b > z"), 3)
        (child,) = works(bench, handle.run)
        with pytest.raises(InvalidCommand, match="is no work of a node"):
            await bench.engine.retry_child(handle.run)
        with pytest.raises(InvalidCommand, match="needs no retry"):
            await bench.engine.retry_child(child.run)


async def test_a_fork_begins_the_works_again_that_were_not_done_at_its_commit() -> None:
    """Each run has its own, with its own share of the budget; what was done stays done."""
    gates = Gates()
    given = InBackground(budget={"cost": 4.0}, limit=1)
    work = flow({"f": ("for_each", {"limit": 2}),
                 "b": behind(background=given, writes={"total": "output"}), "k": "collect",
                 "z": "end"}, "f.item > b, b > k, k > z", channels=[TOTAL], meters=cost(),
                )  # fmt: skip
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, [1, 2])
        assert handle.view.meters["cost"].reserved == 8.0
        fork = await bench.engine.fork(handle.run, handle.state.commit)
        await settle()
        mine, others = works(bench, handle.run), works(bench, fork.run)
        assert len(mine) == len(others) == 2
        assert not {each.run for each in mine} & {each.run for each in others}
        assert sum(each.get("cost", 0) for each in fork.state.holds.values()) == 8.0
        gates.open.set()
        for each in (handle, fork):
            await each.leg()
            assert each.state.channels["total"] == 30
            assert each.view.meters["cost"].reserved == 0
            assert (await bench.engine.replay(each.run)).equal


async def test_a_fork_from_before_hands_over_anew() -> None:
    gates = Gates()
    gates.open.set()
    work = flow({"b": behind(writes={"total": "output"}), "z": "end"}, "b > z", channels=[TOTAL])
    async with Bench(gates.type) as bench:
        handle = await bench.start(work, 3)
        await handle.leg()
        fork = await bench.engine.fork(handle.run, 0)
        await fork.leg()
        assert fork.state.channels["total"] == 30
        assert works(bench, fork.run)[0].run != works(bench, handle.run)[0].run


async def test_its_starts_are_paced_where_they_are_handed_over() -> None:
    gates = Gates()
    gates.open.set()
    work = flow({"f": ("for_each", {"limit": 2}), "b": behind(min_interval_s=10.0),
                 "k": "collect", "z": "end"}, "f.item > b, b > k, k > z")  # fmt: skip
    async with Bench(gates.type, stay=True) as bench:
        handle = await bench.start(work, [1, 2])
        assert gates.begun == [1]
        bench.clock.advance(10)
        await handle.leg()
        assert gates.begun == [1, 2]


async def _crashing(left: int) -> tuple[Json, int, bool]:
    """Hand over two works, the power going off after so many writes of any run."""
    store = FragileStore(left)
    work = flow(
        {"f": ("for_each", {"limit": 2}),
         "b": behind("asleep", background=InBackground(limit=1), writes={"total": "output"}),
         "k": "collect", "z": "end"},
        "f.item > b, b > k, k > z",
        channels=[TOTAL],
    )  # fmt: skip
    bench = Bench(store=store)
    run, crashed, total = "", False, None
    try:
        handle = await bench.engine.start(work, [1, 2])
        run = handle.run
        await handle.leg()
        await bench.engine.settled()
        total = handle.state.channels["total"]
    except Crash:
        crashed = True
    crashed = crashed or not store.left
    await bench.engine.close()
    store.left = 1_000_000
    if run and crashed:
        async with Bench(store=store) as again:
            if again.engine.run(run).status != "completed":
                await (await again.engine.resume(run)).leg()
                await again.engine.settled()
            total = again.engine.state_at(run).channels["total"]
    return total, len(store.runs()), crashed


async def test_a_crash_at_any_write_leaves_one_work_for_each_task_and_one_write_of_each() -> None:
    left, crashed = 0, True
    while crashed:
        total, runs, crashed = await _crashing(left)
        if runs:
            assert (total, runs) == (3, 3), f"after {left} writes"
        left += 1
    assert left > 10


async def test_an_edited_workflow_goes_on_with_the_works_and_their_shares() -> None:
    """U99: what is set aside for a work moves with it, also where its node has another key."""
    gates = Gates()

    def drawn(key: str) -> Workflow:
        given = behind(background=InBackground(budget={"cost": 4.0}), writes={"total": "output"})
        nodes = {key: given, "g": "ask", "z": "end"}
        return flow(nodes, f"{key} > g, g.approved > z", channels=[TOTAL], meters=cost())

    async with Bench(gates.type) as bench:
        handle = await bench.start(drawn("b"), 3)
        handle.hurry()
        await handle.stop()
        await settle()
        edited = EditedDocument(workflow=drawn("c"), force=True, names={"b": "c"})
        again = await bench.engine.resume(handle.run, edited=edited)
        await settle()
        assert again.view.meters["cost"].reserved == 4.0
        assert [row.node for row in again.state.children.values()] == ["c"]
        gates.open.set()
        await settle()
        assert again.state.channels["total"] == 30
        assert again.view.meters["cost"].reserved == 0.0
        assert not again.state.holds
