"""The quick way to a commit and the general one are the same commit (U93, order of operations)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest

from engine.model.plan import compile_workflow
from engine.model.shortcuts import shortcuts_of
from engine.model.workflow import Channel, Workflow
from engine.runtime import superstep
from engine.runtime.loop import RunLoop
from engine.runtime.outcome import Outcome
from engine.runtime.quick import quick_step
from tests.engine.flows import flow, registry
from tests.engine.properties.driving import Driver, check_history
from tests.engine.properties.random_flows import Kinds, random_flow


class Compared:
    """Makes every commit both ways, and goes on with the one that the loop would take."""

    def __init__(self) -> None:
        self.quick = 0

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def step(loop: RunLoop, outcomes: Sequence[Outcome], at: float) -> superstep.Step:
            return self.step(loop, outcomes, at)

        monkeypatch.setattr(RunLoop, "_step", step)

    def step(self, loop: RunLoop, outcomes: Sequence[Outcome], at: float) -> superstep.Step:
        whole = superstep.commit(
            loop.plan, loop.state, outcomes, loop.facts, at=at, ids=loop.env.ids
        )
        if len(outcomes) == 1:
            quick = quick_step(loop.plan, loop.state, outcomes[0], loop.facts.specs, at=at)
            if quick is not None:
                self.quick += 1
                assert msgspec.json.encode(quick) == msgspec.json.encode(whole)
                return quick
        return whole


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    both = Compared()
    both.replace(monkeypatch)
    return both


@pytest.mark.parametrize("first", range(0, 120, 20))
async def test_random_workflows_make_the_same_commits_both_ways(
    compared: Compared, first: int
) -> None:
    """Also their stored states equal the live ones, and their replay (made the general way)."""
    for seed in range(first, first + 20):
        chance = random.Random(seed)
        work = random_flow(chance, Kinds(wild=not seed % 3, uneven=not seed % 4), size=18)
        if work is None:
            continue
        driver = Driver(chance)
        async with driver.bench() as bench:
            handle = await bench.engine.start(work, 0)
            await driver.finish(bench, handle)
            assert not await check_history(bench, handle.run, driver.store)
    assert compared.quick > 20


def shortcut_ports(work: Workflow, key: str) -> set[str]:
    return set(shortcuts_of(compile_workflow(work, registry())).get(key, {}))


def test_a_port_is_no_shortcut_when_its_value_waits_or_is_judged() -> None:
    work = flow(
        {"a": "same", "b": "plus", "c": "plus", "j": "join", "k": ("below", {"n": 3}), "z": "end"},
        "a > b, a > c, b > j, c > j, j > k [input > 0], j > z [else], k.again > z, k.done > z",
    )
    found = {key: shortcut_ports(work, key) for key in work.nodes}
    assert found == {"a": {"out"}, "b": set(), "c": set(), "j": set(), "k": set(), "z": set()}


def test_the_way_round_a_loop_is_a_shortcut_and_the_way_out_is_none() -> None:
    work = flow(
        {"s": "same", "a": ("below", {"n": 3}), "z": "end"}, "s > a, a.again > a, a.done > z"
    )
    assert shortcut_ports(work, "a") == {"again"}
    assert shortcut_ports(work, "s") == set()  # it enters the loop


async def test_a_loop_takes_the_quick_way_from_its_second_round_on(compared: Compared) -> None:
    work = flow(
        {"s": "same", "p": "plus", "a": ("below", {"n": 9}), "z": "end"},
        "s > p, p > a, a.again > p, a.done > z",
    )
    driver = Driver(random.Random(1))
    async with driver.bench() as bench:
        await bench.run(work, 0)
    assert compared.quick == 16  # p nine times; a eight times round, the first of them noted


@pytest.mark.parametrize(("reads", "quick"), [((), 4), (("x",), 3)])
async def test_a_write_takes_the_quick_way_unless_somebody_sees_the_old_value(
    compared: Compared, reads: tuple[str, ...], quick: int
) -> None:
    work = flow(
        {
            "s": "same",
            "w": ("plus", {}, {"writes": {"x": "output"}}),
            "r": ("asleep", {}, {"reads": reads}),
            "b": "plus",
            "y": "end",
            "z": "end",
        },
        "s > w, s > r, w > b, b > y, r > z",
        channels=[Channel(name="x", default=0)],
    )
    driver = Driver(random.Random(1))
    async with driver.bench() as bench:
        handle = await bench.start(work, 0)
        await handle.leg()
    assert handle.state.channels == {"x": 1}
    assert compared.quick == quick
