"""A disabled node lets its input through, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.workflow import Channel
from tests.engine.flows import Bench, flow, outcome

OFF: dict[str, Any] = {"disabled": True}


async def test_a_disabled_pair_hands_the_list_on_as_it_is() -> None:
    work = flow({"f": ("for_each", {}, OFF), "a": "same", "c": ("collect", {}, OFF), "z": "end"},
                "f.item > a, a > c, c > z")  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2])) == [1, 2]


async def test_a_disabled_barrier_asks_nobody() -> None:
    work = flow({"a": ("ask", {}, OFF), "z": "end"}, "a.approved > z")
    async with Bench() as bench:
        assert outcome(await bench.run(work, 5)) == 5
        assert not bench.order(ev.BarrierOpened)


async def test_a_disabled_end_gives_no_result() -> None:
    work = flow({"a": "same", "y": ("end", {}, OFF), "z": "end"}, "a > y, a > z")
    async with Bench() as bench:
        assert outcome(await bench.run(work, 5)) == 5


async def test_a_disabled_node_writes_nothing_and_claims_nothing() -> None:
    fields = {"writes": {"n": "output"}, "effects": "once", **OFF}
    work = flow({"a": ("plus", {}, fields), "z": "end"}, "a > z",
                channels=[Channel(name="n", default=0)])  # fmt: skip
    async with Bench() as bench:
        handle = await bench.engine.start(work, 5)
        assert outcome((await handle.leg()).event) == 5
        assert handle.state.channels == {"n": 0}
        assert not bench.store.load(handle.run).claims


@pytest.mark.parametrize("chosen", [None, "t"])
async def test_a_disabled_trigger_starts_nothing_and_keeps_nothing_waiting(
    chosen: str | None,
) -> None:
    work = flow(
        {"t": "trigger.manual", "u": ("trigger.manual", {}, OFF), "a": "plus", "j": "join",
         "z": "end"},
        "t > a, a > j, u > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1, trigger=chosen)) == {"a": 2}


async def test_with_every_trigger_disabled_the_workflow_begins_where_nothing_leads_to() -> None:
    work = flow({"t": ("trigger.manual", {}, OFF), "u": ("trigger.manual", {}, OFF), "z": "end"},
                "t > z, u > z")  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"t": 1, "u": 1}
