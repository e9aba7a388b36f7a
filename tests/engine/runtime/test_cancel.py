"""Cancel: a run in every phase, a task, an item, nodes; what is told and what is kept.

U66, deciding rule 2, T51, C5 no. 1, 2 and 9.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.commands import CancelPart, Decide
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel, RetryPolicy, Workflow
from engine.runtime import frontier
from engine.runtime.ports import CommitRecord, Lease
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

RETRY = {"retry": RetryPolicy(attempts=3, delay_s=10.0, jitter=False)}


async def ends_at_once(handle: RunHandle) -> None:
    """Cancel, and see that the leg is over within the time that co-operative work has."""
    handle.cancel("enough")
    async with asyncio.timeout(0.1):
        assert outcome((await handle.leg()).event) == "RunCancelled"
    assert handle.status is RunStatus.CANCELLED


def cancelled(bench: Bench) -> dict[str, str]:
    return {str(e.task): e.how for e in bench.facts if isinstance(e, ev.TaskCancelled)}


# --- the phases of a run --------------------------------------------------------------------

PHASES: dict[str, Workflow] = {
    "running": flow({"a": "hang", "z": "end"}, "a > z"),
    "retry delay": flow({"a": ("boom", {}, RETRY), "z": "end"}, "a > z"),
    "barrier": flow({"a": ("ask", {"timeout_s": 5, "default": "approve"}), "z": "end"},
                    "a.approved > z"),
    "timer": flow({"a": ("nap", {"seconds": 9}), "z": "end"}, "a > z"),
    "items": flow({"f": ("for_each", {"limit": 2}), "a": "hang", "c": "collect", "z": "end"},
                  "f.item > a, a > c, c > z"),
    "once": flow({"a": ("hang", {}, {"effects": "once"}), "z": "end"}, "a > z"),
}  # fmt: skip


@pytest.mark.parametrize("phase", list(PHASES))
async def test_a_cancel_ends_a_run_within_100_ms_in_every_phase(phase: str) -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(PHASES[phase], [1, 2, 3])
        await ends_at_once(handle)
        bench.clock.advance(60)
        await settle()
        assert bench.order() in ([], ["f"]) and not bench.order(ev.BarrierDecided)
        asked = [e for e in bench.facts if isinstance(e, ev.CancelAsked)]
        assert [e.target for e in asked] == ["run"]
        assert set(cancelled(bench)) == set(asked[0].tasks)
        assert set(cancelled(bench).values()) <= {"acknowledged"}


async def test_a_cancel_during_a_commit_lets_the_commit_be_whole_and_nothing_follow() -> None:
    class Slow(MemoryStore):
        """Holds the writer thread in one commit until it is let go."""

        def __init__(self) -> None:
            super().__init__()
            self.entered, self.let_go = threading.Event(), threading.Event()

        def commit(self, lease: Lease, record: CommitRecord) -> None:
            if any(isinstance(r.event, ev.BarrierDecided) for r in record.events):
                self.entered.set()
                self.let_go.wait(5)
            super().commit(lease, record)

    store = Slow()
    work = flow({"g": "ask", "a": "hang", "z": "end"}, "g.approved > a, a > z")
    async with Bench(stay=True, threaded=True, store=store) as bench:
        handle = await bench.start(work, 1)
        while not (inbox := bench.engine.inbox()):
            await asyncio.sleep(0.001)
        await bench.engine.decide(Decide(request=inbox[0].request, choice="approve", by="t",
                                         through="api", digest=inbox[0].digest))  # fmt: skip
        while not store.entered.is_set():
            await asyncio.sleep(0.001)
        handle.cancel("enough")
        await settle()
        store.let_go.set()
        async with asyncio.timeout(0.5):
            await handle.leg()
        assert bench.order() == ["g"] and bench.order(ev.BarrierDecided) == ["g"]
        assert handle.status is RunStatus.CANCELLED and list(handle.state.tasks) == ["a"]


async def test_a_cancel_while_a_run_is_paused_ends_it() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(PHASES["running"], 1)
        handle.pause()
        await settle()
        await ends_at_once(handle)


async def test_cleaning_up_is_done_before_the_run_is_cancelled() -> None:
    told: list[str] = []

    async def careful(params: Any, ctx: Context) -> Output:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            told.append("closed")
        return Output({"out": 1})

    async with Bench(node_type("careful", careful)) as bench:
        handle = await bench.start(flow({"a": "careful", "z": "end"}, "a > z"))
        await ends_at_once(handle)
        assert told == ["closed"] and cancelled(bench) == {"a": "acknowledged"}


async def test_what_does_not_end_is_left_behind_and_nothing_of_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frontier, "GRACE_S", 0.02)
    over = asyncio.Event()

    async def stubborn(params: Any, ctx: Context) -> Output:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue
        return Output({"out": 1})

    async with Bench(node_type("stubborn", stubborn)) as bench:
        handle = await bench.start(flow({"a": "stubborn", "z": "end"}, "a > z"))
        handle.cancel()
        async with asyncio.timeout(0.5):
            await handle.leg()
        assert cancelled(bench) == {"a": "killed"}
        over.set()
        await settle()
        assert bench.order() == []


async def test_a_crash_while_a_run_is_being_cancelled_does_not_bring_it_back() -> None:
    class Stops(MemoryStore):
        def commit(self, lease: Lease, record: CommitRecord) -> None:
            if record.status is RunStatus.CANCELLED and not self.mended:
                raise RuntimeError("the power went off")
            super().commit(lease, record)

        mended = False

    store = Stops()
    bench = Bench(store=store)
    handle = await bench.start(PHASES["running"], 1)
    handle.cancel("enough")
    with pytest.raises(RuntimeError):
        await handle.leg()
    store.mended = True
    later = Bench(store=store, clock=bench.clock)
    again = await later.engine.resume(handle.run)
    ended = (await again.leg()).event
    assert isinstance(ended, ev.RunCancelled) and ended.reason == "enough"
    assert later.order() == []
    await later.engine.close()


# --- a part of a run ------------------------------------------------------------------------

BRANCHES = flow(
    {"s": "same", "a": "hang", "b": "plus", "x": "plus", "j": "join", "z": "end"},
    "s > a, s > b, a > x, x > j, b > j, j > z",
)


@pytest.mark.parametrize("commit", ["eager", "strict"])
async def test_a_task_is_ended_what_it_leads_to_is_skipped_and_the_rest_goes_on(
    commit: Any,
) -> None:
    work = replace(BRANCHES, settings=replace(BRANCHES.settings, commit=commit))
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        await bench.engine.cancel_part(handle.run, task="a", reason="too slow")
        assert outcome((await handle.leg()).event) == {"b": 2}
        assert cancelled(bench) == {"a": "acknowledged"} and bench.order(ev.TaskSkipped) == ["x"]
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


@pytest.mark.parametrize("effects", ["none", "once"])
async def test_a_crash_while_a_task_is_being_ended_does_not_start_it_again(
    effects: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5 no. 3: the command counts as obeyed with its first commit, so that one keeps it."""
    monkeypatch.setattr(frontier, "GRACE_S", 0.05)

    class Stops(MemoryStore):
        def commit(self, lease: Lease, record: CommitRecord) -> None:
            if any(isinstance(each.event, ev.TaskCancelled) for each in record.events):
                raise RuntimeError("the power went off")
            super().commit(lease, record)

    store = Stops()
    nodes = {**BRANCHES.nodes, "a": replace(BRANCHES.nodes["a"], effects=effects)}
    bench = Bench(store=store)
    handle = await bench.start(replace(BRANCHES, nodes=nodes), 1)
    number = store.add_command(handle.run, CancelPart(task="a", reason="slow"), bench.clock.now())
    handle.send(CancelPart(task="a", reason="slow"), number)
    with pytest.raises(RuntimeError):
        await handle.leg()
    monkeypatch.setattr(Stops, "commit", MemoryStore.commit)
    async with Bench(store=store, clock=bench.clock) as later:
        again = await later.engine.resume(handle.run)
        async with asyncio.timeout(1):
            assert outcome((await again.leg()).event) == {"b": 2}
        assert cancelled(later) == {"a": "killed"} and not again.state.ending
        assert (await later.engine.replay(handle.run)).equal


async def test_other_tasks_go_on_while_one_that_is_stubborn_is_being_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frontier, "GRACE_S", 0.05)
    over = asyncio.Event()

    async def stubborn(params: Any, ctx: Context) -> Output:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue
        return Output({"out": 1})

    work = flow({"s": "same", "a": "stubborn", "b": "asleep", "c": "plus", "j": "join", "z": "end"},
                "s > a, s > b, b > c, a > j, c > j, j > z")  # fmt: skip
    async with Bench(node_type("stubborn", stubborn)) as bench:
        handle = await bench.engine.start(work, 1)
        while "a" not in handle._loop.frontier.running:
            await settle(1)
        await bench.engine.cancel_part(handle.run, task="a")
        await settle()
        assert bench.order() == ["s", "b", "c"]  # before the grace is over
        assert outcome((await handle.leg()).event) == {"c": 2}
        assert cancelled(bench) == {"a": "killed"}
        over.set()
        await settle()


@pytest.mark.parametrize("phase", ["retry delay", "barrier", "timer"])
async def test_a_parked_task_is_ended_and_its_question_is_withdrawn(phase: str) -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(PHASES[phase], 1)
        await bench.engine.cancel_part(handle.run, task="a")
        assert outcome((await handle.leg()).event) is None
        assert bench.engine.inbox() == [] and handle.status is RunStatus.COMPLETED
        bench.clock.advance(60)
        assert (await bench.engine.replay(handle.run)).equal


async def test_an_item_is_ended_with_everything_in_it_and_the_others_go_on() -> None:
    work = flow({"f": ("for_each", {"limit": 3}), "p": "plus", "a": "ask", "q": "hang",
                 "j": "join", "c": ("collect", {"skipped": "null"}), "z": "end"},
                "f.item > p, p > a, p > q [input == 3], a.approved > j, q > j, j > c,"
                "c > z")  # fmt: skip
    async with Bench(stay=True, early={}) as bench:
        handle = await bench.start(work, [1, 2, 3])
        await bench.engine.cancel_part(handle.run, item="f.1")
        await settle()
        assert set(cancelled(bench)) == {"a@f.1", "q@f.1"}
        for request in bench.engine.inbox():
            await bench.engine.decide(Decide(request=request.request, choice="approve", by="t",
                                             through="api", digest=request.digest))  # fmt: skip
        result = outcome((await handle.leg()).event)
        assert [result[0], result[2]] == [{"a": 2}, {"a": 4}] and result[1] is None


async def test_a_for_each_is_ended_with_its_items_and_starts_no_more() -> None:
    work = flow({"f": ("for_each", {"limit": 2}), "a": "hang", "c": "collect", "z": "end"},
                "f.item > a, a > c, c > z")  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, list(range(9)))
        await bench.engine.cancel_part(handle.run, nodes=["f"])
        assert outcome((await handle.leg()).event) == []
        assert set(cancelled(bench)) == {"a@f.0", "a@f.1"}
        dropped = [e.count for e in bench.facts if isinstance(e, ev.ItemsDropped)]
        assert dropped == [7]
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_cancel_beats_a_decision_on_the_same_task() -> None:
    work = flow({"a": "ask", "b": "plus", "z": "end"}, "a.approved > b, b > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        [request] = bench.engine.inbox()
        await bench.engine.cancel_part(handle.run, task="a")
        await bench.engine.decide(Decide(request=request.request, choice="approve", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        await handle.leg()
        assert bench.order() == [] and not bench.order(ev.BarrierDecided)


async def test_a_part_that_is_not_there_changes_nothing_and_says_so() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(PHASES["timer"], 1)
        await bench.engine.cancel_part(handle.run, task="nobody")
        await settle()
        [warned] = [e for e in bench.facts if isinstance(e, ev.Warned)]
        assert "nobody" in warned.message and handle.status is not RunStatus.COMPLETED


async def test_a_decision_after_a_strict_cancel_of_its_task_does_not_count() -> None:
    """Deciding rule 2: also while the superstep still runs, with the end not yet admitted."""
    release = asyncio.Event()

    async def waits(params: Any, ctx: Context) -> Output:
        await release.wait()
        return Output({"out": 5})

    writes = {"writes": {"total": "output"}}
    work = flow({"s": "same", "g": ("ask", {}, writes), "n": ("nap", {"seconds": 5}),
                 "w": "waits"}, "s > g, s > n, n > w",
                channels=[Channel(name="total", type="number", default=0)],
                commit="strict")  # fmt: skip
    async with Bench(node_type("waits", waits), stay=True) as bench:
        handle = await bench.start(work, 1)
        bench.clock.advance(5)
        await settle()
        assert set(handle._loop.frontier.running) == {"w"}
        [request] = bench.engine.inbox()
        await bench.engine.cancel_part(handle.run, task="g")
        await settle()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api",
                   digest=request.digest)
        )  # fmt: skip
        await settle()
        release.set()
        await handle.leg()
        assert handle.state.channels == {"total": 0} and not bench.order(ev.BarrierDecided)
