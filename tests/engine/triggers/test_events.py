"""Triggers by events that runs and people send to all runs (U76)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.store.open import open_store
from tests.engine.flows import FakeClock, flow
from tests.engine.triggers.triggering import SOURCE, TriggerBench, triggered

Json = Any


async def test_an_event_starts_a_run_with_its_payload() -> None:
    async with TriggerBench() as bench:
        await bench.signal("paid", {"order": 0})
        await bench.triggers.arm(triggered("event", {"event": "paid"}), SOURCE)
        await bench.signal("paid", {"order": 1})
        await bench.signal("other", {"order": 2})
        await bench.look()
        await bench.look(1)
        assert bench.inputs == [{"order": 1}]


async def test_an_event_without_a_payload_starts_one_without_an_input() -> None:
    async with TriggerBench() as bench:
        workflow = triggered("event", {"event": "paid"})
        await bench.triggers.arm(workflow, SOURCE)
        await bench.signal("paid")
        await bench.look()
        assert bench.inputs == [None]


async def test_a_run_that_emits_one_starts_the_other_workflow() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("event", {"event": "paid", "read": "envelope"}), SOURCE)
        sends = flow({"say": ("emit", {"event": "paid"})}, "")
        await bench.run(sends, {"order": 7})
        sender = bench.engine.runs()[0].run
        await bench.look()
        given = bench.inputs[-1]
        assert (given["payload"], given["run"], given["name"]) == ({"order": 7}, sender, "paid")


async def test_only_events_that_fit_count_and_a_failed_condition_is_told() -> None:
    async with TriggerBench() as bench:
        params = {"event": "paid", "match": "event.amount > 100"}
        await bench.triggers.arm(triggered("event", params), SOURCE)
        for payload in ({"amount": 7}, {"amount": 700}, "nothing"):
            await bench.signal("paid", payload)
        await bench.look()
        assert bench.inputs == [{"amount": 700}]
        assert bench.statuses.count("skipped") == 1
        assert "cannot be computed" in bench.triggers.firings()[-1].reason


@pytest.mark.parametrize(("missed", "orders"), [("all", [1, 2]), ("once", [2]), ("skip", [])])
async def test_events_from_before_it_was_served_follow_the_policy(
    tmp_path: Path, missed: str, orders: list[int]
) -> None:
    clock, url = FakeClock(), str(tmp_path / "runs.sqlite")
    workflow = triggered("event", {"event": "paid", "missed": missed})
    async with TriggerBench(open_store(url), clock) as bench:
        await bench.triggers.arm(workflow, SOURCE)
        await bench.triggers.tick()
        await bench.triggers.stop()
        for order in (1, 2):
            clock.advance(1)
            await bench.signal("paid", order)
    clock.advance(1)
    async with TriggerBench(open_store(url), clock) as bench:
        bench.ids.skip(1000)
        await bench.triggers.arm(workflow, SOURCE)
        await bench.look()
        await bench.signal("paid", 3)
        await bench.look()
        assert bench.inputs == [*orders, 3]


async def test_an_event_for_one_run_starts_no_other() -> None:
    async with TriggerBench() as bench:
        await bench.triggers.arm(triggered("event", {"event": "paid"}), SOURCE)
        waits = await bench.start(flow({"wait": ("listen", {"event": "paid"})}, ""), 1)
        await bench.signal("paid", 2, run=waits.run)
        await bench.look()
        assert bench.inputs == [1]
