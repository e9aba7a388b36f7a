"""Channels in a run: how long they live, those that come ready-made, who may write (U38-U40)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.errors import InvalidCommand
from engine.model.node_types import Context, NodeType, Output, WriteOp
from engine.model.validation import validate
from engine.model.workflow import Channel, RetryPolicy, Workflow
from tests.engine.flows import Bench, flow, node_type, outcome, registry

Json = Any
FLASH = Channel(name="flash", type="number", reducer="sum", default=0, lifecycle="superstep")
LOG = Channel(name="log", type="array", reducer="append", default=[])
SEEN = {"writes": {"log": "state.flash"}}


def seen(*, when: str = "") -> Workflow:
    """`a` writes the flash; `b`, `c` and `d` after it note what they see of it."""
    return flow(
        {"a": ("same", {}, {"writes": {"flash": "5"}}), "b": ("same", {}, SEEN),
         "c": ("same", {}, SEEN), "d": ("same", {}, SEEN), "z": "end"},
        f"a > b{when}, b > c, c > d, d > z",
        channels=[FLASH, LOG], result="state",
    )  # fmt: skip


async def test_a_superstep_channel_is_seen_by_what_its_commit_made_ready() -> None:
    """U38: the engine clears it at the next commit, and says that it changed."""
    async with Bench() as bench:
        assert outcome(await bench.run(seen())) == {"flash": 0, "log": [5, 0, 0]}
        changed = [e.changed for e in bench.facts if isinstance(e, ev.SuperstepCommitted)]
        assert changed == [(), ("flash",), ("flash", "log"), ("log",), ("log",), ()]


async def test_conditions_see_a_superstep_channel_of_their_own_commit() -> None:
    async with Bench() as bench:
        result = outcome(await bench.run(seen(when=" [state.flash == 5]")))
        assert result["log"] == [5, 0, 0]


async def test_a_task_that_starts_late_still_sees_it() -> None:
    """A task reads the state of the commit that made it ready (DESIGN 4.2)."""
    late = flow(
        {"a": ("same", {}, {"writes": {"flash": "5"}}), "b": ("same", {}, SEEN),
         "c": ("asleep", {}, SEEN), "z": "end"},
        "a > b, a > c, b > z, c > z", channels=[FLASH, LOG], result="state.log",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(late)) == [5, 5]


async def test_a_write_in_the_next_superstep_starts_from_nothing() -> None:
    work = flow(
        {"a": ("same", {}, {"writes": {"flash": "5"}}),
         "b": ("same", {}, {"writes": {"flash": "1"}}), "c": ("same", {}, SEEN)},
        "a > b, b > c", channels=[FLASH, LOG],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work)
        assert handle.state.channels["log"] == [1]
        for number in range(handle.state.commit + 1):
            assert (
                bench.engine.state_at(handle.run, number).channels["flash"] == (0, 5, 1, 0)[number]
            )
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_three_way_flash_is_compared_with_nothing() -> None:
    form = Channel(name="form", reducer="error_on_conflict", default={}, lifecycle="superstep")
    work = flow(
        {"a": ("same", {}, {"writes": {"form": "{'x': 1}"}}),
         "b": ("same", {}, {"writes": {"form": "{'x': 1, 'y': 2}"}}),
         "c": ("same", {}, {"writes": {"form": "{'x': 1, 'z': 3}"}})},
        "a > b, a > c", channels=[form],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work)
        assert handle.state.channels["form"] == {"x": 1, "y": 2, "z": 3}
        assert bench.engine.state_at(handle.run).channels == handle.state.channels


# --- ready-made ---------------------------------------------------------------------------

ERRORS = Channel(name="errors", type="errors")
TALK = Channel(name="talk", type="messages")


async def test_failures_are_in_the_channel_of_errors() -> None:
    """T19, T4, U83: with node, superstep and attempt, in canonical order, handled or not."""
    work = flow(
        {"s": "same", "b": ("boom", {}, {"on_error": "ignore"}),
         "a": ("boom", {}, {"on_error": "ignore"})},
        "s > b, s > a", channels=[ERRORS],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work)
        found = handle.state.channels["errors"]
        assert [(e["node"], e["commit"], e["attempt"], e["code"]) for e in found] == [
            ("a", 2, 1, "broken"), ("b", 2, 1, "broken"),
        ]  # fmt: skip
        assert (await bench.engine.replay(handle.run)).equal


async def test_only_the_last_attempt_is_an_error() -> None:
    retry = RetryPolicy(attempts=2, delay_s=0.0, jitter=False)
    work = flow({"a": ("boom", {}, {"retry": retry})}, "", channels=[ERRORS])
    async with Bench(max_idle_s=60) as bench:
        handle = await bench.start(work)
        bench.clock.advance(1)
        await handle.leg()
        assert [e["attempt"] for e in handle.state.channels["errors"]] == [2]


async def test_a_fatal_failure_is_in_the_channel_too() -> None:
    async with Bench() as bench:
        handle = await bench.start(flow({"a": "boom"}, "", channels=[ERRORS]))
        assert handle.status == "failed"
        assert [e["message"] for e in handle.state.channels["errors"]] == ["a failed: it broke"]


async def test_a_conversation_grows_and_a_known_message_is_replaced() -> None:
    def say(role: str, text: str, **more: Json) -> str:
        return repr({"role": role, "content": text, **more})

    more = f"[{say('tool', 'x')}, {say('user', 'ho', id='1')}]"
    work = flow(
        {"a": ("same", {}, {"writes": {"talk": say("user", "hi", id="1")}}),
         "b": ("same", {}, {"writes": {"talk": more}})},
        "a > b", channels=[TALK],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work)
        assert handle.state.channels["talk"] == [
            {"role": "user", "content": "ho", "id": "1"}, {"role": "tool", "content": "x"},
        ]  # fmt: skip


async def test_what_is_no_message_fails_its_writer() -> None:
    work = flow({"a": ("same", {}, {"writes": {"talk": "'hi'"}})}, "", channels=[TALK])
    async with Bench() as bench:
        assert outcome(await bench.run(work)) == "reducer"


# --- rights -------------------------------------------------------------------------------


def _write_both(params: Any, ctx: Context) -> Output:
    del params
    return Output({"out": ctx.input}, writes=(WriteOp("log", 1), WriteOp("other", 2)))


WRITER: NodeType = node_type("writer", _write_both)
OTHER = Channel(name="other")


def branch(kind: str, may_write: tuple[str, ...] | None, **fields: Any) -> Workflow:
    return flow(
        {"f": ("for_each", {}, {"may_write": may_write}), "w": (kind, {}, fields), "c": "collect"},
        "f.item > w, w > c", channels=[LOG, OTHER],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("may_write", "code"), [(None, None), (("log", "other"), None), (("log",), "forbidden_write")]
)
async def test_code_in_a_branch_writes_only_what_the_branch_may(may_write: Any, code: Any) -> None:
    """U40."""
    async with Bench(WRITER) as bench:
        assert outcome(await bench.run(branch("writer", may_write), [1])) == code


def rules_of(work: Workflow) -> set[tuple[str, str, str]]:
    return {(p.rule, p.node, p.field) for p in validate(work, registry(WRITER)) if p.rule[0] == "E"}


def test_a_declared_write_outside_the_rights_is_an_error_of_the_document() -> None:
    found = rules_of(branch("same", (), writes={"log": "output"}))
    assert found == {("E062-may-write", "w", "writes.log")}
    assert not rules_of(branch("same", ("log",), writes={"log": "output"}))


def test_rights_name_channels_that_are_there() -> None:
    assert rules_of(branch("same", ("nope",))) == {("E007-unknown-channel", "f", "may_write")}


async def test_a_channel_begins_with_its_default_and_what_is_not_declared_is_refused() -> None:
    """U26."""
    writes = {"writes": {"total": "output", "log": "output"}}
    declared = [
        Channel(name="total", type="number", reducer="sum", default=5),
        Channel(name="log", type="array", reducer="append"),
    ]
    work = flow({"a": ("plus", {}, writes), "z": "end"}, "a > z", channels=declared)
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        assert handle.state.channels == {"total": 5, "log": None}
        await handle.leg()
        assert handle.state.channels == {"total": 7, "log": [2]}
        with pytest.raises(InvalidCommand, match="ghost"):
            await bench.engine.start(work, 1, channels={"ghost": 1})
