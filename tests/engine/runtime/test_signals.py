"""Events from outside: kept, matched, taken once, recorded with their commit (U74)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.app import InvalidCommand, UnknownRun
from engine.model.validation import validate
from engine.model.workflow import Channel
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, outcome, registry, settle

Json = Any
WAITS = flow({"a": ("listen", {"event": "paid"}), "z": "end"}, "a > z")
MATCHES = flow(
    {"a": ("listen", {"event": "paid", "match": "event.order == input.order"}), "z": "end"},
    "a > z",
)


async def test_an_event_ends_the_wait_and_is_the_result() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(WAITS)
        await bench.engine.signal("paid", {"sum": 3})
        assert outcome((await handle.leg()).event) == {"sum": 3}
        assert bench.order(ev.SignalTaken) == ["a"]


async def test_an_event_of_another_name_is_not_taken() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(WAITS)
        await bench.engine.signal("shipped", 1)
        await settle()
        assert list(handle.state.waits) == ["a"]


async def test_only_the_token_waits() -> None:
    work = flow({"s": "same", "a": ("listen", {"event": "paid"}), "b": "plus"}, "s > a, s > b")
    async with Bench(stay=True) as bench:
        await bench.start(work, 1)
        assert "b" in bench.order()


async def test_the_condition_decides_which_event_is_taken() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(MATCHES, {"order": 7})
        await bench.engine.signal("paid", {"order": 6})
        await bench.engine.signal("paid", {"order": 7, "sum": 3})
        assert outcome((await handle.leg()).event) == {"order": 7, "sum": 3}


async def test_a_condition_that_fails_takes_nothing_and_warns_once() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(MATCHES, {"order": 7})
        await bench.engine.signal("paid", "no object")
        await bench.engine.signal("paid", {"order": 7})
        await handle.leg()
        warned = [fact for fact in bench.facts if isinstance(fact, ev.Warned)]
        assert [fact.node for fact in warned] == ["a"]


async def test_an_early_event_is_kept_until_the_run_listens() -> None:
    work = flow(
        {"n": ("nap", {"seconds": 60}), "a": ("listen", {"event": "paid"}), "z": "end"},
        "n > a, a > z",
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        await bench.engine.signal("paid", "early", run=handle.run)
        bench.clock.advance(60)
        assert outcome((await handle.leg()).event) == "early"
        (taken,) = [fact for fact in bench.facts if isinstance(fact, ev.SignalTaken)]
        assert taken.delay_s == 60


async def test_an_expired_event_is_not_taken() -> None:
    work = flow({"n": ("nap", {"seconds": 60}), "a": ("listen", {"event": "paid"})}, "n > a")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        await bench.engine.signal("paid", keep_s=59)
        bench.clock.advance(60)
        await settle()
        assert list(handle.state.waits) == ["a"]


async def test_a_run_hears_only_what_was_sent_to_all_after_it_began() -> None:
    async with Bench(stay=True) as bench:
        await bench.engine.signal("paid", "before")
        handle = await bench.start(WAITS)
        assert list(handle.state.waits) == ["a"]
        await bench.engine.signal("paid", "after")
        assert outcome((await handle.leg()).event) == "after"


async def test_each_run_takes_an_event_for_all_once() -> None:
    work = flow(
        {"s": "same", "a": ("listen", {"event": "paid"}), "b": ("listen", {"event": "paid"})},
        "s > a, s > b",
    )
    async with Bench(stay=True) as bench:
        first, second = await bench.start(work), await bench.start(work)
        await bench.engine.signal("paid")
        await settle()
        assert [list(each.state.waits) for each in (first, second)] == [["b"], ["b"]]


async def test_an_event_for_one_run_reaches_no_other() -> None:
    async with Bench(stay=True) as bench:
        first, second = await bench.start(WAITS), await bench.start(WAITS)
        await bench.engine.signal("paid", run=second.run)
        await second.leg()
        assert list(first.state.waits) == ["a"]


async def test_the_same_id_is_stored_once() -> None:
    work = flow({"a": ("listen", {"event": "paid"}), "b": ("listen", {"event": "paid"})}, "a > b")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        stored = [await bench.engine.signal("paid", n, id="delivery-1") for n in (1, 2)]
        await settle()
        assert [each.payload for each in stored] == [1, 1]
        assert list(handle.state.waits) == ["b"]


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({"on_timeout": "fail"}, "timeout"),
        ({"on_timeout": "default", "default": "none"}, "none"),
        ({"on_timeout": "timeout"}, 5),
    ],
)
async def test_the_deadline_does_what_was_chosen(params: Json, result: Json) -> None:
    work = flow(
        {"a": ("listen", {"event": "paid", "timeout_s": 60, **params}), "z": "end"},
        "a > z" + (", a.timeout > z" if params["on_timeout"] == "timeout" else ""),
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 5)
        bench.clock.advance(60)
        assert outcome((await handle.leg()).event) == result


async def test_an_event_that_came_while_nobody_drove_is_taken_on_resume() -> None:
    async with Bench() as bench:
        handle = await bench.start(WAITS)
        assert outcome((await handle.leg()).event) == "RunWaiting"
        await bench.engine.signal("paid", 1)
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 1


async def test_a_waiting_run_whose_event_came_is_due() -> None:
    async with Bench() as bench:
        handle = await bench.start(WAITS)
        await handle.leg()
        assert await bench.engine.fire_due() == []
        await bench.engine.signal("paid", 1)
        (taken,) = await bench.engine.fire_due()
        assert outcome((await taken.leg()).event) == 1


async def test_listeners_are_rows_while_the_task_waits() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(WAITS)
        (row,) = bench.engine.listeners("paid")
        assert (row.run, row.task) == (handle.run, "a")
        await bench.engine.signal("paid")
        await handle.leg()
        assert bench.engine.listeners() == []


async def test_a_fork_listens_anew_and_does_not_inherit_events() -> None:
    async with Bench(stay=True) as bench:
        parent = await bench.start(WAITS)
        waiting = parent.state.commit
        await bench.engine.signal("paid", 1)
        await parent.leg()
        child = await bench.engine.fork(parent.run, waiting)
        await settle()
        assert list(child.state.waits) == ["a"]
        await bench.engine.signal("paid", 2)
        assert outcome((await child.leg()).event) == 2


async def test_a_replay_takes_and_sends_nothing() -> None:
    work = flow(
        {"s": ("emit", {"event": "paid"}), "a": ("listen", {"event": "paid"}), "z": "end"},
        "s > a, a > z",
    )
    async with Bench(stay=True) as bench:
        assert outcome(await bench.run(work, 4)) == 4
        report = await bench.engine.replay("run1")
        assert report.equal, report.difference
        assert len(bench.store.signals((await bench.start(WAITS)).run, bench.clock.now())) == 0


async def test_emit_reaches_another_run_by_its_id() -> None:
    sends = flow({"a": ("emit", {"event": "paid", "run_id": {"expr": "input"}})}, "")
    async with Bench(stay=True) as bench:
        other = await bench.start(WAITS)
        await bench.run(sends, other.run)
        assert outcome((await other.leg()).event) == other.run


@pytest.mark.parametrize("run", ["nope", "run1"])
async def test_emit_to_no_run_or_an_ended_one_fails(run: str) -> None:
    sends = flow({"a": ("emit", {"event": "paid", "run_id": run})}, "")
    async with Bench() as bench:
        await bench.run(flow({"a": "plus"}, ""), 1)
        assert outcome(await bench.run(sends)) == "unknown_run"


async def test_what_cannot_be_sent_is_refused() -> None:
    async with Bench() as bench:
        await bench.run(flow({"a": "plus"}, ""), 1)
        with pytest.raises(InvalidCommand, match="completed"):
            await bench.engine.signal("paid", run="run1")
        with pytest.raises(UnknownRun):
            await bench.engine.signal("paid", run="nope")
        with pytest.raises(InvalidCommand, match="characters"):
            await bench.engine.signal(" ")
        with pytest.raises(InvalidCommand, match="JSON"):
            await bench.engine.signal("paid", object())


async def test_a_cancelled_run_takes_nothing_until_it_is_resumed() -> None:
    store = MemoryStore()
    async with Bench(store=store, stay=True) as bench:
        handle = await bench.start(WAITS)
        handle.cancel()
        await handle.leg()
        await bench.engine.signal("paid", 1)
        await settle()
        assert bench.engine.run(handle.run).status == "cancelled"
        assert outcome((await (await bench.engine.resume(handle.run)).leg()).event) == 1


def test_event_is_named_only_where_a_node_listens() -> None:
    work = flow(
        {"a": ("listen", {"event": {"expr": "event"}, "match": "event.x"}), "b": "plus"},
        "a > b [event.x]",
    )
    found = [(d.rule, d.field) for d in validate(work, registry()) if d.rule.startswith("E")]
    assert found == [("E005-expression", "params.event"), ("E005-expression", "when")]


async def test_an_event_whose_write_fails_is_taken_all_the_same() -> None:
    total = Channel(name="total", type="number", default=0)
    work = flow({"a": ("listen", {"event": "paid"}, {"writes": {"total": "output"}}), "z": "end"},
                "a > z", channels=[total])  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        await bench.engine.signal("paid", "no number")
        assert isinstance((await handle.leg()).event, ev.RunFailed)
        assert bench.order(ev.SignalTaken) == ["a"]
        assert (await bench.engine.replay(handle.run)).equal
