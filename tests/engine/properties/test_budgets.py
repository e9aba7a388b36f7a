"""Random workflows with budgets: nothing is overspent, nothing stays reserved (U87, U88, T67)."""

from __future__ import annotations

import random

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.model.workflow import CommitPolicy
from tests.engine.properties.driving import Driver, check_history, leftovers
from tests.engine.properties.random_flows import Kinds, random_flow


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("first", range(0, 120, 20))
async def test_the_ledger_adds_up_at_every_commit_and_in_a_replay(
    first: int, background: bool
) -> None:
    """`check_commit` compares what is reserved with what is held, at every commit."""
    seen = 0
    for seed in range(first, first + 20):
        chance = random.Random(seed)
        policy: CommitPolicy = "strict" if seed % 3 == 0 else "eager"
        kinds = Kinds(budgets=True, background=background)
        work = random_flow(chance, kinds, commit=policy, size=18)
        if work is None:
            continue
        driver = Driver(chance)
        async with driver.bench() as bench:
            handle = await bench.engine.start(work, 0)
            ended = await driver.finish(bench, handle)
            assert not await check_history(bench, handle.run, driver.store), seed
            if isinstance(ended, ev.RunFinished):
                assert not leftovers(handle.state), seed
            check_promises(driver, handle)
            seen += any(isinstance(n, ev.Recorded) and isinstance(n.event, ev.Spent)
                        for n in driver.news)  # fmt: skip
    assert seen > 3


def check_promises(driver: Driver, handle: RunHandle) -> None:
    """Estimates never promise more than there is, until one was too low or a person said so."""
    facts = [n.event for n in driver.news if isinstance(n, ev.Recorded)]
    if any(isinstance(event, ev.BudgetGranted | ev.LimitReached) for event in facts):
        return
    for event in facts:
        for limit, used, reserved in (
            event.meters.values() if isinstance(event, ev.MetersChanged) else ()
        ):
            assert limit is None or used > limit or used + reserved <= limit + 1e-6, handle.run
