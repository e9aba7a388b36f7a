"""Random runs that stop at random breakpoints end as they would have ended. U63-U65, U98, U117."""

from __future__ import annotations

import random

import msgspec
import pytest

from engine.model.workflow import CommitPolicy
from engine.state.run_state import RunState
from tests.engine.flows import outcome
from tests.engine.properties.driving import Driver, check_history
from tests.engine.properties.random_flows import Kinds, random_breakpoints, random_flow

EVEN = Kinds(external=False, races=False, ordered=False)
SEEDS = range(60)


def told(state: RunState) -> object:
    """Return what must not depend on where a run was held."""
    return {name: msgspec.to_builtins(getattr(state, name)) for name in ("channels", "results")}


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_run_that_is_stopped_at_breakpoints_ends_like_one_that_is_not(
    policy: CommitPolicy,
) -> None:
    stopped = 0
    for seed in SEEDS:
        work = random_flow(random.Random(seed), EVEN, policy)
        if work is None:
            continue
        points = random_breakpoints(random.Random(seed), work)
        free, held = Driver(random.Random(seed)), Driver(random.Random(seed), breakpoints=points)
        plain, first = await free.run(work)
        ended, second = await held.run(work)
        assert outcome(ended) == outcome(plain), f"seed {seed}"
        if outcome(plain) not in ("broken", "shaky"):  # where it fails, others may be under way
            assert told(second.state) == told(first.state), f"seed {seed}"
        stopped += second.state.commit > first.state.commit
    assert stopped > len(SEEDS) // 4


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_run_with_breakpoints_is_stored_folded_and_replayed_as_it_was(
    policy: CommitPolicy,
) -> None:
    for seed in SEEDS:
        work = random_flow(random.Random(1000 + seed), Kinds(), policy)
        if work is None:
            continue
        driver = Driver(
            random.Random(seed), breakpoints=random_breakpoints(random.Random(seed), work)
        )
        _, handle = await driver.run(work)
        async with driver.bench() as bench:
            problems = await check_history(bench, handle.run, driver.store)
        assert not problems, f"seed {1000 + seed}: {problems[:3]}"
