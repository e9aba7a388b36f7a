"""When commits are stored (U94, T64), and what a crash may take: never what was reported stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.ids import TaskId
from engine.model.node_types import Context, Output
from engine.model.workflow import Draw, Meter, Save, SaveWhen, Workflow
from engine.runtime import saving
from engine.runtime.ports import CommitRecord, JournalRecord, Lease
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, node_type, outcome, settle

HOLDING: list[SaveWhen] = ["on_wait", "on_request", "at_end"]


class Watched(MemoryStore):
    """A store that remembers what it was given, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, list[int]]] = []

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        self.calls.append(("commit", [record.number]))
        super().commit(lease, record)

    def commit_all(self, lease: Lease, records: Sequence[CommitRecord]) -> None:
        self.calls.append(("commit_all", [record.number for record in records]))
        for record in records:
            super().commit(lease, record)

    def claim(self, lease: Lease, task: TaskId, attempt: int, at: float) -> None:
        self.calls.append(("claim", [self._held(lease).next_number - 1]))
        super().claim(lease, task, attempt, at)

    def journal(self, lease: Lease, record: JournalRecord) -> None:
        self.calls.append(("journal", []))
        super().journal(lease, record)

    @property
    def stored(self) -> int:
        """The newest commit that is stored, of the only run."""
        return self.runs()[0].commit


def chain(save: Save, length: int = 6, last: str = "plus", **settings: Any) -> Workflow:
    """a0 > a1 > ... > last > end."""
    names = [f"a{n}" for n in range(length)]
    wires = ", ".join(f"{a} > {b}" for a, b in zip(names, [*names[1:], "last"], strict=True))
    port = "last.approved" if last == "ask" else "last"
    nodes: dict[str, Any] = dict.fromkeys(names, "plus") | {"last": last, "z": "end"}
    return flow(nodes, f"{wires}, {port} > z", save=save, **settings)


async def test_a_workflow_that_says_nothing_stores_every_commit_by_itself() -> None:
    store = Watched()
    async with Bench(store=store) as bench:
        assert outcome(await bench.run(chain(Save()), 0)) == 7
    assert {name for name, _ in store.calls} == {"commit"}
    assert [news for news in bench.news if isinstance(news, ev.Unsaved)] == []


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("when", HOLDING)
async def test_what_is_held_is_stored_together_at_the_end(when: SaveWhen, threaded: bool) -> None:
    store = Watched()
    async with Bench(store=store, threaded=threaded) as bench:
        assert outcome(await bench.run(chain(Save(when=when)), 0)) == 7
    assert store.calls == [("commit_all", [0]), ("commit_all", [1, 2, 3, 4, 5, 6, 7, 8])]
    facts = [news.seq for news in bench.news if isinstance(news, ev.Recorded)]
    assert facts == list(range(1, len(facts) + 1))


async def test_nothing_is_told_as_a_fact_before_it_is_stored() -> None:
    """A viewer hears of it as `Unsaved`, and the view says since when."""
    store = Watched()
    async with Bench(store=store) as bench:
        handle = await bench.start(chain(Save(when="at_end"), last="hang"), 0)
        assert (store.stored, handle.view.commit, handle.view.unsaved_since) == (0, 6, 1)
        assert max(n.seq for n in bench.news if isinstance(n, ev.Recorded)) == 3
        heard = [fact for n in bench.news if isinstance(n, ev.Unsaved) for fact in n.facts]
        done = [f.event.node for f in heard if isinstance(f.event, ev.TaskFinished)]
        assert done == [f"a{n}" for n in range(6)]
        assert bench.engine.view(handle.run).unsaved_since is None
        handle.cancel()
        await handle.leg()
        assert handle.view.unsaved_since is None


async def test_after_a_crash_the_run_goes_on_from_what_was_saved() -> None:
    store = Watched()
    lost = Bench(store=store)
    handle = await lost.start(chain(Save(when="at_end"), last="hang"), 0)
    told = [n.seq for n in lost.news if isinstance(n, ev.Recorded)]
    handle._loop._saving = None  # the power goes off: nobody stores what is held
    await lost.engine._legs.stop()
    async with Bench(store=store) as bench:
        again = await bench.engine.resume(handle.run)
        await settle()
        assert [fact.seq for fact in store.events(handle.run)][: len(told)] == told
        assert again.view.commit == 7
        assert bench.order()[:1] == []  # nothing of it is stored yet, and nothing is told
        again.cancel()
        await again.leg()
        assert bench.order() == [f"a{n}" for n in range(6)]  # once more, from the last save


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("when", HOLDING)
async def test_a_question_is_stored_before_anybody_can_answer_it(
    when: SaveWhen, threaded: bool
) -> None:
    store = Watched()
    async with Bench(store=store, threaded=threaded) as bench:
        event = await bench.run(chain(Save(when=when), last="ask"), 0)
        assert isinstance(event, ev.RunWaiting)
        (asked,) = bench.engine.inbox()
        answer = Decide(request=asked.request, choice="approve", by="ann", through="api")
        await bench.engine.decide(answer)
        handle = await bench.engine.resume(asked.run)
        assert outcome((await handle.leg()).event) == 6
    numbers = [call for _, call in store.calls]
    assert numbers[1][-1] == 7  # the commit that asks, with everything before it
    decided = next(n for n in bench.news if isinstance(n, ev.Recorded)
                   and isinstance(n.event, ev.BarrierDecided))  # fmt: skip
    assert decided.seq > 0
    assert any(len(call) == 1 for call in numbers[2:])  # the decision's commit waited for nothing


async def test_what_must_not_run_twice_starts_only_from_what_is_stored() -> None:
    store = Watched()
    work = flow(
        {"a": "plus", "b": "plus", "pay": ("plus", {}, {"effects": "once"}), "z": "end"},
        "a > b, b > pay, pay > z",
        save=Save(when="at_end"),
    )
    async with Bench(store=store) as bench:
        assert outcome(await bench.run(work, 0)) == 3
    names = [name for name, _ in store.calls]
    claim = names.index("claim")
    assert store.calls[claim] == ("claim", [2])  # b's commit, which made it ready, is stored


async def test_a_timer_and_a_retry_are_waits() -> None:
    store = Watched()
    clock = FakeClock()
    async with Bench(store=store, clock=clock, stay=True) as bench:
        work = flow({"a": "plus", "nap": ("nap", {"seconds": 9}), "z": "end"},
                    "a > nap, nap > z", save=Save(when="at_end"))  # fmt: skip
        handle = await bench.start(work, 0)
        assert store.stored == handle.view.commit == 2
        clock.advance(9)
        await handle.leg()


async def test_after_so_many_seconds_what_is_held_is_stored_though_nothing_happens() -> None:
    store, clock = Watched(), FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.start(chain(Save(when="interval", seconds=10), last="hang"), 0)
        assert store.stored == 0
        clock.advance(9)
        await settle()
        assert store.stored == 0
        clock.advance(1)
        await settle()
        assert (store.stored, handle.view.unsaved_since) == (6, None)
        handle.cancel()
        await handle.leg()
    assert [call for _, call in store.calls][1] == [1, 2, 3, 4, 5, 6]


def slow(seconds: float, clock: FakeClock) -> Any:
    def work(params: Any, ctx: Context) -> Output:
        del params
        clock._now += seconds
        return Output({"out": ctx.input})

    return node_type("slow", work)


async def test_work_at_stake_is_stored_when_it_is_too_much() -> None:
    """Adaptive: the seconds that finished attempts took since the last save."""
    store, clock = Watched(), FakeClock()
    work = chain(Save(when="adaptive", seconds=5), length=7)
    work = flow({**dict.fromkeys(work.nodes, "slow"), "z": "end"},
                "a0 > a1, a1 > a2, a2 > a3, a3 > a4, a4 > a5, a5 > a6, a6 > last, last > z",
                save=work.settings.save)  # fmt: skip
    async with Bench(slow(2.0, clock), store=store, clock=clock) as bench:
        assert outcome(await bench.run(work, 0)) == 0
    assert [call for _, call in store.calls] == [[0], [1, 2, 3], [4, 5, 6], [7, 8, 9]]


async def test_money_at_stake_is_stored_when_it_is_too_much() -> None:
    store = Watched()
    paid: Any = ("plus", {}, {"meters": {"eur": Draw(estimate="3")}})
    work = flow(
        {"a": paid, "b": paid, "c": paid, "d": paid, "z": "end"},
        "a > b, b > c, c > d, d > z",
        meters={"eur": Meter(limit=100)},
        save=Save(when="adaptive", seconds=1e6, meters={"eur": 5}),
    )
    async with Bench(store=store) as bench:
        assert outcome(await bench.run(work, 0)) == 4
    last_of_each = [call[-1] for _, call in store.calls]
    spent = {
        summary.number
        for summary in store.history(store.runs()[0].run)
        for fact in store.events(summary.run)
        if summary.first_seq <= fact.seq <= summary.last_seq and isinstance(fact.event, ev.Spent)
    }
    paid_at = sorted(spent)
    assert len(paid_at) == 4
    assert paid_at[1] in last_of_each
    assert paid_at[0] not in last_of_each


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("when", ["every_commit", *HOLDING])
async def test_each_request_makes_exactly_one_checkpoint(when: SaveWhen, threaded: bool) -> None:
    """T64."""
    store = Watched()
    async with Bench(store=store, threaded=threaded) as bench:
        handle = await bench.start(chain(Save(when=when), last="hang"), 0)
        first = await bench.engine.checkpoint(handle.run, "before pay")
        assert (first, store.stored) == (7, 7)
        second = await bench.engine.checkpoint(handle.run)
        assert (second, store.stored) == (8, 8)
        handle.cancel()
        await handle.leg()
        names = {line.number: line.name for line in bench.engine.history(handle.run)}
        assert (names[7], names[8]) == ("before pay", "")
    assert len([fact for fact in bench.facts if isinstance(fact, ev.CheckpointMade)]) == 2


async def test_a_run_at_rest_is_saved_already_and_only_gets_the_name() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(chain(Save(when="at_end"), last="ask"), 0)
        await handle.leg()
        await settle()
        last = bench.engine.run(handle.run).commit
        assert await bench.engine.checkpoint(handle.run, "asked") == last
        assert bench.engine.history(handle.run)[-1].name == "asked"
    assert not [fact for fact in bench.facts if isinstance(fact, ev.CheckpointMade)]


async def test_what_is_held_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """In commits and in bytes, whatever the setting."""
    store = Watched()
    monkeypatch.setattr(saving, "HELD_COMMITS", 4)
    async with Bench(store=store) as bench:
        await bench.run(chain(Save(when="at_end"), length=9), 0)
    assert [len(call) for _, call in store.calls] == [1, 4, 4, 3]
    monkeypatch.setattr(saving, "HELD_COMMITS", 1_000)
    monkeypatch.setattr(saving, "HELD_BYTES", 5_000)
    large = node_type("large", lambda params, ctx: Output({"out": "x" * 4_000 + str(ctx.task)}))
    store = Watched()
    work = flow({"a": "large", "b": "large", "c": "large", "z": "end"}, "a > b, b > c, c > z",
                save=Save(when="at_end"))  # fmt: skip
    async with Bench(large, store=store) as bench:
        await bench.run(work, 0)
    assert [call for _, call in store.calls] == [[0], [1, 2], [3, 4]]


@pytest.mark.parametrize("threaded", [False, True])
async def test_an_orderly_end_of_the_program_stores_what_is_held(threaded: bool) -> None:
    store = Watched()
    async with Bench(store=store, threaded=threaded) as bench:
        await bench.start(chain(Save(when="at_end"), last="hang"), 0)
    assert store.stored == 6


@pytest.mark.parametrize("command", ["pause", "step", "breakpoint"])
async def test_what_a_person_has_asked_of_the_run_is_stored(command: str) -> None:
    """A crash must not let a run go on that somebody has paused."""
    store = Watched()
    async with Bench(store=store) as bench:
        handle = await bench.start(chain(Save(when="at_end"), last="hang"), 0)
        if command == "breakpoint":
            handle.set_breakpoints([])
        else:
            handle.pause()
            await settle()
            if command == "step":
                handle.step()
        await settle()
        assert store.stored == handle.view.commit > 6
        handle.cancel()
        await handle.leg()


async def test_a_result_is_not_stored_ahead_of_the_commit_that_led_to_it() -> None:
    """Strict: the journal of a task whose readiness is not stored would outlive it."""
    store = Watched()
    work = flow(
        {"s": "plus", "a": ("asleep", {"rounds": 2}), "b": ("asleep", {"rounds": 9}),
         "j": "biggest", "z": "end"},
        "s > a, s > b, a > j, b > j, j > z",
        commit="strict",
        save=Save(when="at_end"),
    )  # fmt: skip
    async with Bench(store=store) as bench:
        assert outcome(await bench.run(work, 0)) == 1
    assert "journal" not in {name for name, _ in store.calls}


async def test_a_run_may_be_started_with_another_setting_and_keeps_it() -> None:
    store = Watched()
    async with Bench(store=store) as bench:
        work = chain(Save(), last="ask")
        handle = await bench.engine.start(work, 0, save=Save(when="at_end"))
        await handle.leg()
        (asked,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=asked.request, choice="approve", by="ann", through="api")
        )
        store.calls.clear()
        await (await bench.engine.resume(handle.run)).leg()
    assert {name for name, _ in store.calls} == {"commit_all"}
