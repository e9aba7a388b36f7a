"""How the store, the queues and the sinks fare, as the facade tells it (U115)."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import events as ev
from engine.errors import StoreError
from engine.model.workflow import Save
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, FakeClock, flow
from tests.engine.runtime.test_save_failures import CONTINUE, LONG_S, Full, until
from tests.engine.runtime.test_saving import chain


class Deaf:
    """A sink that takes nothing."""

    name = "deaf"

    def write(self, news: ev.News) -> None:
        raise OSError("no route to host")

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


async def test_all_is_well_while_everything_is_stored(tmp_path: Path) -> None:
    async with Bench(store=SqliteStore(tmp_path / "r.sqlite")) as bench:
        assert bench.engine.health().last_commit_at is None
        await bench.run(flow({"a": "plus", "z": "end"}, "a > z"), 1)
        health = bench.engine.health()
        assert (health.troubles, health.unsaved, health.last_failure) == ((), (), "")
        assert health.last_commit_at == bench.clock.now()
        assert health.place == str(tmp_path / "r.sqlite")
        assert 0 < health.log_bytes <= health.usage.bytes


async def test_what_is_held_is_shown_and_no_trouble() -> None:
    async with Bench() as bench:
        handle = await bench.start(chain(Save(when="at_end"), last="hang"), 0)
        (held,) = bench.engine.health().unsaved
        assert (held.run, held.since, held.problem) == (handle.run, 1, "")
        assert bench.engine.health().troubles == ()
        handle.cancel()
        await handle.leg()
        assert bench.engine.health().unsaved == ()


async def test_a_store_that_refuses_is_a_trouble_until_it_takes_everything() -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.start(chain(CONTINUE, last="hang"), 0)
        health = bench.engine.health()
        assert health.troubles == (f"Run {handle.run} cannot be saved: The disk is full.",)
        assert (health.last_failure, health.failed_at) == ("The disk is full.", clock.now())
        store.full = False
        clock.advance(LONG_S)
        await until(handle, clock, lambda h: h.view.unsaved_since is None)
        health = bench.engine.health()
        assert (health.troubles, health.unsaved) == ((), ())
        assert health.last_failure == "The disk is full."  # it is remembered, and over
        handle.cancel()
        await handle.leg()


async def test_a_leg_that_ended_for_it_is_a_trouble_until_something_is_stored() -> None:
    store, clock = Full(full_at=3), FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.engine.start(chain(Save(when="at_end"), length=2), 0)
        with pytest.raises(StoreError):
            await handle.leg()
        clock.advance(1)
        assert bench.engine.health().troubles == ("The disk is full.",)
        store.full = False
        await bench.run(flow({"a": "plus", "z": "end"}, "a > z"), 1)
        assert bench.engine.health().troubles == ()


async def test_a_sink_that_loses_something_is_a_trouble() -> None:
    async with Bench() as bench:
        bench.engine.add_sink(Deaf())
        await bench.run(flow({"a": "plus", "z": "end"}, "a > z"), 1)
        bench.engine.sinks.flush()
        (trouble,) = bench.engine.health().troubles
        assert "deaf failed" in trouble
        assert "no route to host" in trouble
