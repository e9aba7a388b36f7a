"""Random workflows with frames: what is counted in them, what they take back, and crashes (U98).

At each commit every frame counts what is in it; afterwards nothing is left over, replay finds
no difference, and a crash at any commit changes nothing.

``python -m tests.engine.properties.test_random_frames 0 5000`` tries so many seeds by hand.
"""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from engine import events as ev
from engine.model.workflow import CommitPolicy, Workflow
from engine.state.status import RunStatus
from tests.engine.flows import outcome
from tests.engine.properties.driving import NAMED, Crash, Driver, check_history, leftovers
from tests.engine.properties.random_flows import Kinds, random_flow


def drawn(seed: int) -> tuple[random.Random, Workflow | None]:
    chance = random.Random(f"frames-{seed}")
    policy: CommitPolicy = "strict" if seed % 2 else "eager"
    kinds = Kinds(
        frames=True,
        uneven=seed % 3 == 2,
        external=seed % 4 != 1,
        wild=seed % 7 == 6,
        budgets=seed % 5 == 4,
    )
    return chance, random_flow(chance, kinds, policy, size=8 + seed % 12)


async def run_one(seed: int) -> int:
    """Run once; return how many times a frame did something, -1 when the case is not valid."""
    chance, work = drawn(seed)
    if work is None or not work.frames:
        return -1
    driver = Driver(chance)
    event, handle = await driver.run(work)
    async with driver.bench() as bench:
        found = await check_history(bench, handle.run, driver.store)
        assert not found, found[:2]
    if isinstance(event, ev.RunFinished):
        assert handle.status is RunStatus.COMPLETED
        assert not leftovers(handle.state), leftovers(handle.state)
    else:
        assert outcome(event) in NAMED, event
    busy = ev.FrameRetried | ev.FrameFailed | ev.FrameCancelled | ev.FrameTimedOut
    return sum(isinstance(n, ev.Recorded) and isinstance(n.event, busy) for n in driver.news)


async def crash_one(seed: int) -> None:
    chance, work = drawn(seed)
    if work is None:
        return
    driver = Driver(chance)
    driver.store.left = chance.randint(1, 25)
    try:
        event, handle = await driver.run(work)
    except Crash:
        driver.store.left = 1_000_000
        async with driver.bench() as bench:
            bench.ids.skip(1000)
            [record] = bench.engine.runs()
            handle = await bench.engine.resume(record.run)
            event = await driver.finish(bench, handle)
    async with driver.bench() as bench:
        found = await check_history(bench, handle.run, driver.store)
        assert not found, found[:2]
    assert isinstance(event, ev.RunFinished) or outcome(event) in NAMED, event


@pytest.mark.parametrize("first", range(0, 40, 20))
async def test_frames_count_what_is_in_them_and_leave_nothing_behind(first: int) -> None:
    busy = [await run_one(seed) for seed in range(first, first + 20)]
    assert sum(count for count in busy if count > 0) > 1


@pytest.mark.parametrize("first", range(0, 40, 20))
async def test_a_run_with_frames_that_was_interrupted_goes_on_as_if_nothing_was(
    first: int,
) -> None:
    for seed in range(first, first + 20):
        await crash_one(seed)


def main(first: int, count: int) -> None:
    """Try many seeds and print those that fail."""
    failed = valid = busy = 0
    for seed in range(first, first + count):
        try:
            found = asyncio.run(run_one(seed))
            valid += found >= 0
            busy += max(0, found)
            asyncio.run(crash_one(seed))
        except AssertionError as error:
            failed += 1
            print(f"FAILED {seed}: {str(error)[:300]}", flush=True)
    print(f"{valid} valid of {count} from {first}, {busy} frames did something, {failed} failed")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
