"""Results are kept and used again for equal work (U89, T87)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine import events as ev
from engine.app import Alter, Interceptor, NodeCall
from engine.model.node_types import Context, NodeFailure, NodeType, Output, WriteOp
from engine.model.plan import compile_workflow
from engine.model.shortcuts import shortcuts_of
from engine.model.validation import validate
from engine.model.workflow import Cache, Channel, Draw, Meter, Workflow
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, node_type, outcome, registry, settle

CACHE = {"cache": Cache()}
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


class Work:
    """Node types that count how often they really run."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.fails = False
        self.go_on = asyncio.Event()
        self.types: tuple[NodeType, ...] = (
            node_type("work", self._work),
            node_type("slow", self._slow),
            node_type("nothing", self._nothing),
            node_type("writer", self._writer),
            node_type("rememberer", self._rememberer),
        )

    def _work(self, params: Any, ctx: Context) -> Output:
        self.calls.append(ctx.input)
        if self.fails:
            raise NodeFailure("it broke", retryable=False)
        return Output({"out": [ctx.input, params.model_extra]}, note="done well")

    async def _slow(self, params: Any, ctx: Context) -> Output:
        self.calls.append(ctx.input)
        await self.go_on.wait()
        if self.fails:
            self.fails = False
            raise NodeFailure("it broke", retryable=False)
        return Output({"out": ctx.input})

    def _nothing(self, params: Any, ctx: Context) -> Output:
        self.calls.append(ctx.input)
        return Output({"out": None})

    def _writer(self, params: Any, ctx: Context) -> Output:
        self.calls.append(ctx.input)
        return Output({"out": 1}, writes=(WriteOp("total", 10),))

    def _rememberer(self, params: Any, ctx: Context) -> Output:
        self.calls.append(ctx.input)
        return Output({"out": (ctx.memory or 0) + 1}, memory=(ctx.memory or 0) + 1)


def one(kind: str = "work", params: Any = None, **more: Any) -> Workflow:
    fields = {**CACHE, **more.pop("fields", {})}
    return flow({"a": (kind, params or {}, fields), "z": "end"}, "a > z", **more)


async def ran(work: Work, *flows: tuple[Workflow, Any], store: RunStore | None = None) -> list[Any]:
    """Run workflows one after another, each in an engine of its own, and return the calls."""
    store = store or MemoryStore()
    for number, (each, value) in enumerate(flows):
        async with Bench(*work.types, store=store) as bench:
            bench.ids.skip(100 * number)
            await bench.run(each, value)
    return work.calls


def hits(bench: Bench) -> list[str]:
    return [f.cached for f in bench.facts if isinstance(f, ev.TaskFinished) and f.cached]


async def test_equal_work_is_done_once_and_says_where_its_result_is_from() -> None:
    work, store = Work(), MemoryStore()
    async with Bench(*work.types, store=store) as bench:
        first = await bench.run(one(), 7)
        second = await bench.run(one(), 7)
        assert outcome(first) == outcome(second) == [7, {}]
        (run,) = hits(bench)
        assert run == bench.engine.runs()[1].run
        last = [f for f in bench.facts if isinstance(f, ev.TaskFinished) and f.node == "a"][-1]
        assert (last.note, last.duration_s) == ("done well", 0.0)
        assert bench.engine.view(bench.engine.runs()[0].run).nodes["a"].cached == run
    assert work.calls == [7]


@pytest.mark.parametrize(
    "other",
    [
        (one(), 8),
        (one(), 7.0),
        (one(params={"x": 1}), 7),
        (one(params={"x": {"expr": "vars.k"}}, vars={"k": 2}), 7),
        (one(vars={"k": 2}), 7),
        (one(fields={"reads": ("total",)}, channels=[TOTAL]), 7),
        (one("slow"), 7),
    ],
)
async def test_other_work_is_done(other: tuple[Workflow, Any]) -> None:
    """Input, its type, parameters, constants, channels and the node type are part of the key."""
    work = Work()
    work.go_on.set()
    assert await ran(work, (one(), 7), other) == [7, other[1]]


async def test_a_channel_that_the_node_reads_is_part_of_the_work() -> None:
    work, store = Work(), MemoryStore()
    reads = one(fields={"reads": ("total",)}, channels=[TOTAL])
    async with Bench(*work.types, store=store) as bench:
        for total in (1, 2, 1):
            await bench.run(reads, 7, channels={"total": total})
    assert len(work.calls) == 2


async def test_the_version_of_the_node_type_is_part_of_the_work() -> None:
    work, store = Work(), MemoryStore()
    async with Bench(*work.types, store=store) as bench:
        await bench.run(one(), 7)
    newer = node_type("work", work._work, version=2)
    async with Bench(newer, store=store) as bench:
        bench.ids.skip(100)
        await bench.run(one(), 7)
    assert work.calls == [7, 7]


async def test_a_result_is_used_no_longer_than_its_time() -> None:
    work, clock = Work(), FakeClock()
    async with Bench(*work.types, clock=clock) as bench:
        for seconds in (0, 59, 2, 59):
            clock.advance(seconds)
            await bench.run(one(fields={"cache": Cache(ttl_s=60)}), 7)
    assert len(work.calls) == 2


async def test_a_failure_is_not_kept_and_none_is() -> None:
    work = Work()
    async with Bench(*work.types) as bench:
        work.fails = True
        assert isinstance(await bench.run(one(), 7), ev.RunFailed)
        work.fails = False
        assert isinstance(await bench.run(one(), 7), ev.RunFinished)
        assert work.calls == [7, 7]
        for _ in range(2):
            assert outcome(await bench.run(one("nothing"), 1)) is None
    assert work.calls == [7, 7, 1]


async def test_equal_work_at_the_same_time_runs_once_in_all_runs_of_an_engine() -> None:
    work = Work()
    many = flow(
        {"f": "for_each", "a": ("slow", {}, CACHE), "c": "collect", "z": "end"},
        "f.item > a, a > c, c > z",
    )
    async with Bench(*work.types) as bench:
        first = await bench.start(many, [5, 5, 5, 6])
        second = await bench.start(one("slow"), 5)
        assert sorted(work.calls) == [5, 6]
        work.go_on.set()
        assert outcome((await first.leg()).event) == [5, 5, 5, 6]
        assert outcome((await second.leg()).event) == 5
        assert sorted(work.calls) == [5, 6]
        assert len(hits(bench)) == 3


async def test_plain_functions_started_together_run_once_too() -> None:
    work = Work()
    many = flow(
        {"f": "for_each", "a": ("work", {}, CACHE), "c": "collect", "z": "end"},
        "f.item > a, a > c, c > z",
    )
    async with Bench(*work.types) as bench:
        assert outcome(await bench.run(many, [5, 5, 5])) == [[5, {}]] * 3
    assert work.calls == [5]


@pytest.mark.parametrize("how", ["fails", "cancelled", "stopped"])
async def test_who_waits_for_equal_work_in_vain_does_it(how: str) -> None:
    work, store = Work(), MemoryStore()
    async with Bench(*work.types, store=store) as bench:
        first = await bench.start(one("slow"), 5)
        second = await bench.start(one("slow"), 5)
        assert work.calls == [5]
        if how == "fails":
            work.fails = True
            work.go_on.set()
        elif how == "cancelled":
            first.cancel()
        else:
            await first.stop()
        await settle()
        work.go_on.set()
        assert outcome((await second.leg()).event) == 5
        assert work.calls == [5, 5]


async def test_a_hit_writes_what_the_work_wrote_and_computes_what_the_document_says() -> None:
    work, store = Work(), MemoryStore()
    other = Channel(name="other", type="number", reducer="sum", default=0)
    writes = one("writer", channels=[TOTAL, other], result="[state.total, state.other]",
                 fields={"writes": {"other": "output + 1"}})  # fmt: skip
    async with Bench(*work.types, store=store) as bench:
        results = [outcome(await bench.run(writes, 7)) for _ in range(2)]
        assert (results, len(hits(bench))) == ([[10, 2], [10, 2]], 1)
    assert work.calls == [7]


async def test_what_remembers_is_not_kept() -> None:
    work = Work()
    assert await ran(work, *[(one("rememberer"), 7)] * 2) == [7, 7]


async def test_what_a_node_remembers_is_part_of_the_work() -> None:
    """It reads its memory, and changes it only once."""
    calls: list[Any] = []

    def recall(params: Any, ctx: Context) -> Output:
        calls.append(ctx.memory)
        if ctx.memory is None:
            return Output({"out": 0}, memory="known")
        return Output({"out": ctx.memory})

    ring = flow(
        {"a": ("recall", {}, CACHE | {"join": {"mode": "any"}}), "n": "plus", "z": "end",
         "b": ("below", {"n": 3}), "s": "same"},
        "s > a, a > n [input == 0], a > z [else], n > b, b.again > a, b.done > z",
    )  # fmt: skip
    async with Bench(node_type("recall", recall)) as bench:
        assert outcome(await bench.run(ring, 1)) == "known"
    assert calls == [None, "known"]


async def test_what_adds_items_is_not_kept() -> None:
    calls: list[Any] = []

    def grows(params: Any, ctx: Context) -> Output:
        calls.append(ctx.input)
        return Output({"out": ctx.input}, more=(2,) if ctx.input == 1 else ())

    many = flow(
        {"f": "for_each", "a": ("grows", {}, CACHE), "c": "collect", "z": "end"},
        "f.item > a, a > c, c > z",
    )
    async with Bench(node_type("grows", grows)) as bench:
        for _ in range(2):
            assert outcome(await bench.run(many, [1, 5])) == [1, 5, 2]
    assert sorted(calls) == [1, 1, 2, 5]


async def test_a_hit_uses_nothing_of_a_budget() -> None:
    work = Work()
    metered = one(
        fields={"meters": {"eur": Draw(estimate="3")}},
        meters={"eur": Meter(limit=10), "calls": Meter(limit=10, measure="calls")},
    )
    async with Bench(*work.types) as bench:
        for used in (3.0, 0.0):
            handle = await bench.engine.start(metered, 7)
            await handle.leg()
            assert handle.view.meters["eur"].used == used
            assert handle.view.meters["calls"].used == (1.0 if used else 0.0)
    assert work.calls == [7]


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_run_with_hits_replays_and_forks_like_any_other(
    policy: Any, threaded: bool
) -> None:
    work, store = Work(), MemoryStore()
    chain = flow(
        {"a": ("work", {}, CACHE), "b": ("work", {}, CACHE), "c": "plus", "j": "join", "z": "end"},
        "a > b, a > j, b > j, j > z",
        commit=policy,
    )
    async with Bench(*work.types, store=store, threaded=threaded) as bench:
        await bench.run(chain, 1)
        handle = await bench.engine.start(chain, 1)
        ended = (await handle.leg()).event
        assert len(hits(bench)) == 2
        report = await bench.engine.replay(handle.run)
        assert (report.equal, report.difference) == (True, None)
        store.forget_results()
        for commit in range(4):
            child = await bench.engine.fork(handle.run, commit)
            assert (await child.leg()).event == ended
    assert len(work.calls) > 2


async def test_a_store_that_refuses_keeps_nothing_and_hurts_nobody() -> None:
    class Refusing(MemoryStore):
        def keep_result(self, kept: Any, limit_bytes: int) -> None:
            from engine.errors import StoreError

            raise StoreError("The disk is full.")

    work = Work()
    assert await ran(work, *[(one(), 7)] * 2, store=Refusing()) == [7, 7]


async def test_interceptors_see_every_attempt_so_nothing_is_kept_beside_them() -> None:
    def same(call: NodeCall) -> Alter:
        return Alter(call.inputs)

    work = Work()
    async with Bench(
        *work.types, interceptors=[Interceptor(name="same", before_node=same)]
    ) as bench:
        for _ in range(2):
            await bench.run(one(), 7)
    assert work.calls == [7, 7]


async def test_results_make_room_and_a_limit_of_nothing_keeps_nothing() -> None:
    work = Work()
    async with Bench(*work.types, cache_bytes=0) as bench:
        for _ in range(2):
            await bench.run(one(), 7)
        assert bench.engine.kept_results() == []
    assert work.calls == [7, 7]


def test_a_workflow_without_kept_results_pays_nothing() -> None:
    plan = compile_workflow(flow({"a": "same", "z": "end"}, "a > z"), registry())
    assert {node.cached for node in plan.nodes.values()} == {None}
    both = flow({"a": ("same", {}, CACHE), "b": "same", "z": "end"}, "a > b, b > z")
    assert set(shortcuts_of(compile_workflow(both, registry()))) == {"b"}


@pytest.mark.parametrize(
    ("kind", "fields", "place"),
    [
        ("same", {"effects": "once"}, "cache"),
        ("same", {"effects": "idempotent"}, "cache"),
        ("same", {"cache": Cache(ttl_s=0)}, "cache.ttl_s"),
        ("ask", {}, "cache"),
        ("nap", {}, "cache"),
        ("for_each", {}, "cache"),
        ("end", {}, "cache"),
    ],
)
def test_what_would_not_be_equal_is_refused(kind: str, fields: Any, place: str) -> None:
    work = flow({"a": (kind, {}, {**CACHE, **fields})}, "")
    found = [p for p in validate(work, registry()) if p.rule == "E071-cache"]
    assert [(p.node, p.field) for p in found] == [("a", place)]
    assert found[0].fix


async def test_effects_are_kept_only_where_somebody_has_said_so() -> None:
    fields = {"effects": "once", "cache": Cache(despite_effects=True)}
    assert not [p for p in validate(one("same", fields=fields), registry()) if p.rule[0] == "E"]
    work = Work()
    assert await ran(work, *[(one(fields=fields), 7)] * 2) == [7]
