"""What must hold of every run of every workflow, on workflows drawn at random.

At each commit state and view agree and every value has a holder; afterwards nothing is left
over, the stored history is what was live, replay finds no difference (T104, U117), and a
crash at any commit changes nothing that a fork of time could tell (U98, test 3 of C5).
"""

from __future__ import annotations

import os
import random

import pytest

from engine import events as ev
from engine.model.workflow import CommitPolicy
from engine.state.status import RunStatus
from tests.engine.flows import outcome
from tests.engine.properties.driving import (
    NAMED,
    Crash,
    Driver,
    check_history,
    leftovers,
)
from tests.engine.properties.random_flows import Kinds, random_flow

SEEDS = range(int(os.environ.get("HEADGATE_FLOWS", "48")))


def drawn(seed: int) -> tuple[random.Random, Kinds, CommitPolicy]:
    chance = random.Random(f"flow-{seed}")
    policy: CommitPolicy = "strict" if seed % 2 else "eager"
    others = seed % 4 > 1
    return chance, Kinds(wild=seed % 5 == 4, uneven=seed % 3 == 2, others=others), policy


async def run_one(seed: int) -> None:
    chance, kinds, policy = drawn(seed)
    work = random_flow(chance, kinds, policy)
    if work is None:
        return
    driver = Driver(chance)
    event, handle = await driver.run(work)
    async with driver.bench() as bench:
        assert await check_history(bench, handle.run, driver.store) == []
    if isinstance(event, ev.RunFinished):
        assert handle.status is RunStatus.COMPLETED and not leftovers(handle.state)
    else:
        assert outcome(event) in NAMED, event


async def crash_one(seed: int) -> None:
    """Stop at a random commit, go on with another engine: the history still fits together."""
    chance, kinds, policy = drawn(seed)
    work = random_flow(chance, kinds, policy)
    if work is None:
        return
    driver = Driver(chance)
    driver.store.left = chance.randint(1, 25)
    try:
        event, handle = await driver.run(work)
    except Crash:
        driver.store.left = 1_000_000
        async with driver.bench() as bench:
            bench.ids.skip(1000)  # the second program does not give the names of the first
            [record] = [each for each in bench.engine.runs() if each.called_by is None]
            handle = await bench.engine.resume(record.run)
            event = await driver.finish(bench, handle)
    async with driver.bench() as bench:
        assert await check_history(bench, handle.run, driver.store) == []
    assert isinstance(event, ev.RunFinished) or outcome(event) in NAMED, event


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_run_fits_together_at_every_commit(seed: int) -> None:
    await run_one(seed)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_run_that_was_interrupted_fits_together_all_the_same(seed: int) -> None:
    await crash_one(seed)
