"""A run that crashes at any commit and is resumed ends like one that never did (U98, C5.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from engine.app import RunHandle
from engine.errors import StoreError
from engine.model.node_types import Output
from engine.model.workflow import Channel, CommitPolicy, Draw, Invariant, Meter, Workflow
from engine.runtime.ports import CommitRecord, Lease
from engine.state.run_state import RunState
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome

LOG = Channel(name="log", type="array", reducer="append", default=[])
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)
NOTE = {"writes": {"log": "output"}}
SUM = {"writes": {"total": "output"}}
FLASH = Channel(name="flash", type="number", reducer="sum", default=0, lifecycle="superstep")
MANY = node_type("many", lambda params, ctx: Output({"out": [ctx.input] * 4}))


class Crash(StoreError):
    """The power went off."""


class FragileStore(MemoryStore):
    """Stores so many commits, then fails; as after a crash the last one is whole or absent."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000_000

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        if not self.left:
            raise Crash("The power went off.")
        self.left -= 1
        super().commit(lease, record)


WORKFLOWS: dict[str, tuple[Workflow, Any]] = {
    "diamond": (
        flow(
            {"a": ("plus", {}, NOTE), "b": ("plus", {}, NOTE), "c": ("asleep", {}, NOTE),
             "j": ("biggest", {}, SUM), "z": "end"},
            "a > b, a > c, b > j, c > j, j > z",
            channels=[LOG, TOTAL],
        ),
        1,
    ),
    "loop": (
        flow(
            {"s": "same", "a": ("plus", {}, SUM), "p": ("same", {}, NOTE), "q": "asleep",
             "j": "biggest", "b": ("below", {"n": 4}), "z": "end"},
            "s > a, a > p, a > q, p > j, q > j, j > b, b.again > a, b.done > z",
            channels=[LOG, TOTAL],
        ),
        0,
    ),
    "zone": (
        flow(
            {"f": ("for_each", {"limit": 2, "on_item_failure": "collect"}), "a": "odd_fails",
             "w": ("asleep", {}, SUM), "c": "collect", "z": "end", "y": "end"},
            "f.item > a, a > w, w > c, c > z, c.failed > y",
            channels=[LOG, TOTAL],
        ),
        [0, 1, 2, 3, 4, 6, 8],
    ),
    "budget": (
        flow(
            {"a": ("plus", {}, SUM | {"meters": {"tokens": Draw(estimate="2")}}),
             "f": ("for_each", {"limit": 2}, {"budget": "even"}), "m": "many",
             "w": ("asleep", {}, {"meters": {"tokens": Draw(estimate="1 + loop.index % 2")},
                                  "writes": {"flash": "1"}}),
             "g": ("same", {}, {"gated": True, "reads": ("total",), "join": {"mode": "each"}}),
             "c": "collect", "z": "end"},
            "a > m, m > f, f.item > w, w > c, c > z, a > g, m > g, c > g",
            channels=[LOG, TOTAL, FLASH],
            meters={"tokens": Meter(limit=12), "calls": Meter(limit=40, measure="calls")},
            invariants={"cap": Invariant(expr="state.total < 9")},
        ),
        1,
    ),
    "gates": (
        flow(
            {"a": "plus", "g": "ask", "h": ("ask", {}, NOTE), "j": "join", "z": "end"},
            "a > g, a > h, g.approved > j, h.approved > j, j > z",
            channels=[LOG, TOTAL],
        ),
        1,
    ),
}  # fmt: skip


def lasting(state: RunState) -> dict[str, Any]:
    """Return what must not depend on where a run was interrupted."""
    whole: dict[str, Any] = msgspec.to_builtins(state)
    for name in ("commit", "values", "refs"):
        del whole[name]
    del whole["counters"]["order"]
    return whole


async def _to_the_end(store: MemoryStore, work: Workflow, value: Any, crash_after: int) -> Any:
    early = {"g": "approve", "h": "approve"}
    bench = Bench(MANY, store=store, early=early)
    assert isinstance(store, FragileStore)
    store.left = crash_after
    handle: RunHandle = await bench.engine.start(work, value)
    try:
        ended = await handle.leg()
    except Crash:
        await bench.engine.close()
        store.left = 1_000_000
        bench = Bench(MANY, store=store, early=early, clock=bench.clock)
        again = await bench.engine.resume(handle.run)
        ended = await again.leg()
        handle = again
    try:
        return outcome(ended.event), lasting(handle.state), handle.state.commit
    finally:
        await bench.engine.close()


@pytest.mark.parametrize("policy", ["eager", "strict"])
@pytest.mark.parametrize("name", list(WORKFLOWS))
async def test_crash_at_any_commit_and_resume_equals_never_having_stopped(
    name: str, policy: CommitPolicy
) -> None:
    work, value = WORKFLOWS[name]
    work = replace(work, settings=replace(work.settings, commit=policy))
    result, state, commits = await _to_the_end(FragileStore(), work, value, 1_000_000)
    for crash_after in range(1, commits + 1):
        store = FragileStore()
        again, after, _ = await _to_the_end(store, work, value, crash_after)
        assert (again, after) == (result, state), f"crashed after {crash_after} commits"
