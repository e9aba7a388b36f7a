"""Save failures are never silent (U97): what the writer's thread cannot store ends the leg."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import StoreError
from engine.ids import TaskId
from engine.runtime.ports import CommitRecord, JournalRecord, Lease
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow

ASKS = flow(
    {"start": "trigger.manual", "ask": "ask", "end": "end"}, "start > ask, ask.approved > end"
)


class FullStore(MemoryStore):
    """A store whose disk is full from commit `full_at` on."""

    full_at = 10**9

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        if record.number >= self.full_at:
            raise StoreError("The disk is full")
        super().commit(lease, record)


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_commit_that_cannot_be_stored_ends_the_leg_and_is_told(threaded: bool) -> None:
    store = FullStore()
    store.full_at = 1
    async with Bench(store=store, threaded=threaded, stay=True) as bench:
        told: list[str] = []
        bench.engine.on_problem(lambda run, error: told.append(str(error)))
        handle = await bench.engine.start(ASKS)
        with pytest.raises(StoreError, match="full"):
            async with asyncio.timeout(5):
                await handle.leg()
        await asyncio.sleep(0)
        assert told == ["The disk is full"]
        assert [line.number for line in store.history(handle.run)] == [0]


async def test_a_run_goes_on_in_a_new_leg_when_there_is_room_again() -> None:
    store = FullStore()
    store.full_at = 1
    async with Bench(store=store, threaded=True) as bench:
        handle = await bench.engine.start(ASKS)
        with pytest.raises(StoreError):
            await handle.leg()
        store.full_at = 10**9
        again = await bench.engine.resume(handle.run)
        ended = await again.leg()
        assert type(ended.event).__name__ == "RunWaiting"
        assert len(bench.engine.inbox()) == 1


async def test_a_leg_that_has_just_failed_is_not_gone_on_with() -> None:
    """A new leg begins also in the moment in which nobody was told yet that the old is over."""
    store = FullStore()
    store.full_at = 1
    async with Bench(store=store, threaded=True) as bench:
        handle = await bench.engine.start(ASKS)
        async with asyncio.timeout(5):
            while not handle.has_ended:
                await asyncio.sleep(0)
        store.full_at = 10**9
        again = await bench.engine.resume(handle.run)
        assert type((await again.leg()).event).__name__ == "RunWaiting"


@pytest.mark.parametrize("broken", ["journal", "claim"])
async def test_a_result_or_claim_that_cannot_be_stored_ends_the_leg(broken: str) -> None:
    """U97: the run does not wait for ever for a result that nobody has stored."""

    class Full(MemoryStore):
        def journal(self, lease: Lease, record: JournalRecord) -> None:
            raise StoreError("The disk is full.")

        def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
            raise StoreError("The disk is full.")

    effects = {"effects": "once"} if broken == "claim" else {}
    work = flow(
        {"a": "same", "b": ("asleep", {}, effects), "c": ("asleep", {"rounds": 9}), "z": "end"},
        "a > b, a > c, b > z, c > z",
        commit="strict",
    )
    async with Bench(store=Full()) as bench:
        handle = await bench.engine.start(work, 1)
        with pytest.raises(StoreError, match="full"):
            await handle.leg()
