"""Serving triggers: what is armed, what is refused, what a crash leaves behind (U6, U76)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.errors import InvalidCommand, NotAllowed, StoreError
from engine.runtime.trigger_ports import Firing
from engine.store.open import open_store
from tests.engine.flows import FakeClock, flow, settle
from tests.engine.store.runs import DEAD
from tests.engine.triggers.triggering import SOURCE, TriggerBench, triggered

Json = Any


async def test_a_workflow_with_several_triggers_starts_at_the_one_that_fired() -> None:
    workflow = flow(
        {
            "by_hand": "trigger.manual",
            "daily": ("trigger.schedule", {"every_s": 60}),
            "paid": ("trigger.event", {"event": "paid"}),
            "after": "same",
            "then": "same",
        },
        "by_hand > after, daily > after, paid > then",
    )
    async with TriggerBench() as bench:
        armed = await bench.triggers.arm(workflow, SOURCE)
        assert [each.node for each in armed] == ["daily", "paid"]
        await bench.signal("paid", 1)
        await bench.look()
        assert bench.order() == ["paid", "then"]
        await bench.look(60)
        assert [run.trigger for run in bench.engine.runs()] == ["daily", "paid"]


async def test_what_cannot_be_armed_is_refused_with_the_reason() -> None:
    async with TriggerBench() as bench:
        with pytest.raises(InvalidCommand, match="no trigger that fires by itself"):
            await bench.triggers.arm(flow({"a": "same"}, ""), SOURCE)
        with pytest.raises(NotAllowed, match="files"):
            await bench.triggers.arm(triggered("file", {}), SOURCE, allow=frozenset())
        twice = flow({"a": ("trigger.webhook", {"path": "/x"}),
                      "b": ("trigger.webhook", {"path": "/x", "method": "ANY"})}, "")  # fmt: skip
        with pytest.raises(InvalidCommand, match="Two webhooks take"):
            await bench.triggers.arm(twice, SOURCE)
        await bench.triggers.arm(triggered("webhook", {"path": "/x"}), SOURCE)
        with pytest.raises(InvalidCommand, match="Two webhooks take"):
            await bench.triggers.arm(triggered("webhook", {"path": "/x"}), "/flows/b.flow.json")
        assert [each.source for each in bench.triggers.armed()] == [SOURCE]


async def test_armed_again_without_a_trigger_that_one_is_disarmed() -> None:
    async with TriggerBench() as bench:
        two = flow({"a": ("trigger.event", {"event": "x"}),
                    "b": ("trigger.schedule", {"every_s": 60})}, "")  # fmt: skip
        await bench.triggers.arm(two, SOURCE)
        await bench.triggers.arm(replace(two, nodes={"a": two.nodes["a"]}), SOURCE)
        assert [each.node for each in bench.triggers.armed()] == ["a"]
        await bench.look(60)
        assert bench.inputs == []


async def test_what_another_process_disarms_is_served_no_more(tmp_path: Path) -> None:
    clock, url = FakeClock(), str(tmp_path / "runs.sqlite")
    async with TriggerBench(open_store(url), clock) as one, TriggerBench(open_store(url)) as two:
        await one.triggers.arm(triggered("schedule", {"every_s": 60}), SOURCE)
        await two.triggers.disarm(SOURCE)
        await one.look(60)
        await one.look(60)
        assert one.inputs == []


async def test_it_wakes_by_itself_when_something_is_due() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("schedule", {"every_s": 60}), SOURCE)
        bench.triggers.serve()
        await settle()
        assert bench.inputs == []
        bench.clock.advance(60)
        await settle()
        await bench.engine.settled()
        assert len(bench.inputs) == 1
        await bench.triggers.stop()
        bench.clock.advance(60)
        await settle()
        assert len(bench.inputs) == 1


async def test_an_event_that_is_sent_here_wakes_it_at_once() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("event", {"event": "paid"}), SOURCE)
        bench.triggers.serve()
        await settle()
        await bench.engine.signal("paid", 5)
        await settle()
        await bench.engine.settled()
        assert bench.inputs == [5]


async def test_a_run_that_cannot_be_started_is_refused_and_told() -> None:
    async with TriggerBench(history_bytes=0) as bench:
        await bench.triggers.arm(triggered("schedule", {"every_s": 60}), SOURCE)
        await bench.look(60)
        assert bench.kinds == ["armed", "refused"]
        (firing,) = bench.triggers.firings()
        assert firing.status == "refused"
        assert "Nothing new was started" in firing.reason


async def test_a_firing_whose_process_died_before_the_run_is_started_once_by_the_next(
    tmp_path: Path,
) -> None:
    store = open_store(str(tmp_path / "runs.sqlite"))
    async with TriggerBench(store) as bench:
        (armed,) = await bench.triggers.arm(triggered("event", {"event": "x"}), SOURCE)
        run = bench.ids.run_id(bench.clock.now())
        store.fire(armed.number, 0.0, [Firing(key="k", run=run, due_at=0.0, payload=4)])
        assert store.claim_firing(armed.number, DEAD, 0.0) is not None
        for _ in range(3):
            await bench.look(10)
        assert bench.inputs == [4]
        assert [each.run for each in bench.engine.runs()] == [run]


async def test_a_run_whose_process_died_goes_on_in_the_next(tmp_path: Path) -> None:
    clock, url = FakeClock(), str(tmp_path / "runs.sqlite")
    workflow = triggered("event", {"event": "x"}, then="hang")
    async with TriggerBench(open_store(url), clock) as bench:
        await bench.triggers.arm(workflow, SOURCE)
        await bench.signal("x", 1)
        await bench.triggers.tick()
        await settle()
        (run,) = bench.engine.runs()
    async with TriggerBench(open_store(url), clock) as bench:
        bench.ids.skip(1000)
        await bench.triggers.arm(workflow, SOURCE)
        await bench.triggers.tick()
        assert bench.engine.handle(run.run) is not None
        assert bench.kinds == ["armed", "resumed"]
        await settle()
        assert [each.leg for each in bench.facts if isinstance(each, ev.LegStarted)] == [2]


async def test_no_more_runs_go_on_at_once_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.triggers import starting

    monkeypatch.setattr(starting, "MOST_RUNS", 3)
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("event", {"event": "x"}, then="hang"), SOURCE)
        for number in range(5):
            await bench.signal("x", number)
        await bench.triggers.tick()
        assert bench.statuses == ["started"] * 3 + ["waiting"] * 2
        await bench.engine.cancel(bench.engine.runs()[0].run)
        await settle()
        await bench.triggers.tick()
        assert bench.statuses.count("waiting") == 1


async def test_a_store_that_refuses_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("schedule", {"every_s": 60}), SOURCE)
        fire = bench.store.fire
        refusals = iter([StoreError("the disk is full")])

        def full_once(*given: Any) -> Any:
            for refusal in refusals:
                raise refusal
            return fire(*given)

        monkeypatch.setattr(bench.store, "fire", full_once)
        bench.triggers.serve()
        await settle()
        bench.clock.advance(60)
        await settle()
        assert [(each.kind, each.text) for each in bench.told][1:] == [
            ("problem", "the disk is full")
        ]
        bench.clock.advance(5)
        await settle()
        await bench.engine.settled()
        assert len(bench.inputs) == 1
        await asyncio.sleep(0)
