"""What a run begins with outlives the process that was told of it (U98, U126).

A run is stored before its first commit. Whoever goes on with it then begins it as it was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.app import Breakpoint
from engine.model.workflow import Channel, Save
from engine.runtime.ports import Lease, RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, settle

Json = Any
TOTAL = Channel(name="total", type="number", reducer="sum", default=0, lifecycle="durable")
WORK = flow(
    {"a": ("plus", {}, {"writes": {"total": "1"}}), "b": "plus", "c": "plus", "z": "end"},
    "a > b, b > c, c > z", channels=[TOTAL],
)  # fmt: skip
Opens = Callable[[], RunStore]


@pytest.fixture(params=["memory", "sqlite"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "runs.sqlite")
    kept = MemoryStore()
    return lambda: kept


def killed(lease: Lease, records: Any) -> None:
    raise RuntimeError("killed")


async def begin_again(opens: Opens, monkeypatch: pytest.MonkeyPatch, **start: Json) -> Bench:
    """Start a run, be killed before its first commit, and resume it in another engine."""
    first = Bench(store=opens())
    await first.run(WORK, 1, session=start.get("session", ""))
    monkeypatch.setattr(first.store, "commit", killed)
    monkeypatch.setattr(first.store, "commit_all", killed)
    handle = await first.engine.start(WORK, 1, **start)
    with pytest.raises(RuntimeError, match="killed"):
        await handle.leg()
    monkeypatch.undo()
    await settle()
    await first.engine.close()
    again = Bench(store=opens(), stay=True)
    assert again.engine.run(handle.run).commit < 0
    await again.engine.resume(handle.run)
    await settle()
    assert again.engine.run(handle.run).begins == b""
    return again


async def test_channels_set_by_hand(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await begin_again(opens, monkeypatch, channels={"total": 40})
    assert bench.engine.state_at("run2").channels == {"total": 41}
    await bench.engine.close()


async def test_breakpoints_and_the_node_that_it_goes_to(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Breakpoint(node="b", at="before")
    bench = await begin_again(opens, monkeypatch, breakpoints=[stop], until="c")
    state = bench.engine.state_at("run2")
    assert (state.status, state.breaks, state.until) == ("paused", {stop.key: stop}, "c")
    assert ev.BreakpointsSet(breakpoints=(stop,)) in bench.facts
    await bench.engine.close()


async def test_results_that_are_used_again(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await begin_again(opens, monkeypatch, reuse=("run1", "c"))
    assert ev.ResultsReused(source=bench.engine.run("run1").run, node="c", tasks=2) in bench.facts
    finished = [f for f in bench.facts if isinstance(f, ev.TaskFinished)]
    assert [f.node for f in finished if not f.recorded] == ["c", "z"]
    await bench.engine.close()


async def test_its_place_in_a_session(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await begin_again(opens, monkeypatch, session="chat")
    [started] = [f for f in bench.facts if isinstance(f, ev.RunStarted)]
    assert (started.turn, started.step) == (2, bench.engine.run("run1").commit + 1)
    assert bench.engine.state_at("run2").channels == {"total": 2}
    await bench.engine.close()


async def test_when_it_is_saved(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    save = Save(when="on_wait")
    bench = await begin_again(opens, monkeypatch, save=save)
    assert bench.engine.state_at("run2", 0).save == save
    await bench.engine.close()
