"""What is kept of a history, and how much it may take (U96, U102, limits of DESIGN section 9)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import events as ev
from engine.errors import InvalidCommand
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, settle

LOOP = flow(
    {"s": "same", "a": "plus", "b": ("below", {"n": 40}), "z": "end"},
    "s > a, a > b, b.again > a, b.done > z",
)
ASKS = flow({"a": "same", "g": "ask", "z": "end"}, "a > g, g.approved > z")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")


async def test_what_a_fork_needs_is_its_own(tmp_path: Path) -> None:
    async with Bench(store=SqliteStore(tmp_path / "runs.sqlite")) as bench:
        await bench.run(LOOP, 0)
        child = await bench.engine.fork("run1", 30)
        await child.leg()
        before = [bench.engine.state_at(child.run, n) for n in range(child.state.commit + 1)]
        await bench.engine.prune("run1", 1)
        after = [bench.engine.state_at(child.run, n) for n in range(child.state.commit + 1)]
        assert after == before
        assert (await bench.engine.replay(child.run)).equal


async def test_a_named_commit_can_be_viewed_and_forked_after_pruning(tmp_path: Path) -> None:
    async with Bench(store=SqliteStore(tmp_path / "runs.sqlite")) as bench:
        await bench.run(LOOP, 0)
        view = bench.engine.view("run1", 11)
        await bench.engine.name_commit("run1", 11, "before the change")
        await bench.engine.prune("run1", 2)
        assert bench.engine.view("run1", 11) == view
        child = await bench.engine.fork("run1", 11)
        assert isinstance((await child.leg()).event, ev.RunFinished)
        assert (await bench.engine.replay("run1")).equal


async def test_pruning_by_age_counts_from_now(tmp_path: Path) -> None:
    async with Bench(store=SqliteStore(tmp_path / "runs.sqlite"), stay=True) as bench:
        handle = await bench.start(ASKS, 1)
        bench.clock.advance(3600)
        handle.pause()
        handle.unpause()
        await settle()
        numbers = [each.number for each in bench.engine.history("run1")]
        await bench.engine.prune("run1", 1, older_than_s=7200)
        assert [each.number for each in bench.engine.history("run1")] == numbers
        await bench.engine.prune("run1", 1, older_than_s=1800)
        assert len(bench.engine.history("run1")) == 2


async def test_the_file_shrinks_when_a_long_run_is_pruned(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with Bench(store=store) as bench:
        await bench.run(LOOP, 0)
        two = flow({"a": "same", "b": "same", "z": "end"}, "a > b, b > z")
        await bench.run(two, os.urandom(3_000_000).hex())
        large = store.size_bytes()
        store.delete_run(bench.engine.runs()[0].run)
        await bench.engine.prune("run1", 1)
        assert store.size_bytes() < large / 5


async def test_near_its_quota_a_store_warns_at_every_leg(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with Bench(store=store, history_bytes=int(store.size_bytes() * 1.1)) as bench:
        await bench.run(ASKS, 1)
        [warned] = [fact for fact in bench.facts if isinstance(fact, ev.Warned)]
        assert "its quota" in warned.message and "headgate prune" in warned.message
        await (await bench.engine.resume("run1")).leg()
        assert len([fact for fact in bench.facts if isinstance(fact, ev.Warned)]) == 2


async def test_a_full_store_starts_nothing_new_and_lets_runs_go_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with Bench(store=store) as bench:
        await bench.run(ASKS, 1)
        bench.engine.options.history_bytes = 1000
        with pytest.raises(InvalidCommand, match="its quota"):
            await bench.engine.start(ASKS, 1)
        with pytest.raises(InvalidCommand, match="HEADGATE_HISTORY_BYTES"):
            await bench.engine.fork("run1", 1)
        assert len(bench.engine.runs()) == 1
        assert isinstance(await leg_of(bench), ev.RunWaiting)


async def leg_of(bench: Bench) -> ev.Event:
    return (await (await bench.engine.resume("run1")).leg()).event


async def test_a_store_far_from_its_quota_says_nothing(tmp_path: Path) -> None:
    async with Bench(store=SqliteStore(tmp_path / "runs.sqlite")) as bench:
        await bench.run(ASKS, 1)
        assert not [fact for fact in bench.facts if isinstance(fact, ev.Warned)]
        assert not bench.engine.usage().is_near


async def test_a_pruned_run_says_that_its_results_cannot_be_used_again(store: RunStore) -> None:
    """U64: also where its first commit has a name and is there."""
    async with Bench(store=store) as bench:
        work = flow({"a": "plus", "b": "plus", "c": "plus", "z": "end"}, "a > b, b > c, c > z")
        await bench.run(work, 1)
        await bench.engine.name_commit("run1", 0, "start")
        await bench.engine.prune("run1", 2)
        with pytest.raises(InvalidCommand, match="Old commits of run run1 were pruned"):
            await bench.engine.start(work, 1, reuse=("run1", "c"))
        with pytest.raises(InvalidCommand, match="What went into c of run run1 was pruned"):
            await bench.engine.try_node(work, "c", run="run1")
        with pytest.raises(InvalidCommand, match="never came to b, as far as its history is kept"):
            await bench.engine.try_node(work, "b", run="run1")
        assert (await bench.engine.try_node(work, "z", run="run1")).outputs == {"out": 4}
        assert len(bench.engine.runs()) == 1
