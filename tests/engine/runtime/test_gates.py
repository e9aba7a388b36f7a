"""A node with a version gate is passed over while nothing that it reads has changed (U35, U36)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.model.validation import validate
from engine.model.workflow import Channel, Workflow, Write
from engine.runtime.gates import REASON
from tests.engine.flows import Bench, flow, registry

TOTAL = Channel(name="total", type="number", reducer="sum", default=0)
OTHER = Channel(name="other", type="number", reducer="max", default=0)
GATED: dict[str, Any] = {"gated": True, "reads": ("total",)}


def arrivals(**writes: str) -> Workflow:
    """`a`, `b` and `c` run one after the other and each lead to `g`.

    The channel `total` is written by those that `writes` names.
    """
    fields = {name: {"writes": {"total": writes[name]}} for name in writes}
    return flow(
        {**{name: ("plus", {}, fields.get(name, {})) for name in "abc"},
         "g": ("biggest", {}, {**GATED, "join": {"mode": "each"}}),
         "h": ("biggest", {}, {"join": {"mode": "each"}})},
        "a > b, b > c, a > g, b > g, c > g, g > h",
        channels=[TOTAL, OTHER],
    )  # fmt: skip


def runs_of(bench: Bench, node: str = "g") -> list[tuple[bool, str]]:
    found = [e for e in bench.facts if isinstance(e, ev.TaskFinished) and e.node == node]
    return [(e.gated, e.note) for e in found]


RAN, PASSED = (False, ""), (True, REASON)


async def test_unseen_runs_and_the_same_version_is_passed_over() -> None:
    """T9; the event says so and why."""
    async with Bench() as bench:
        await bench.run(arrivals(), 0)
        assert runs_of(bench) == [RAN, PASSED, PASSED]


@pytest.mark.parametrize(
    ("writer", "expected"), [("b", [RAN, RAN, PASSED]), ("c", [RAN, PASSED, RAN])]
)
async def test_a_newer_version_runs(writer: str, expected: list[Any]) -> None:
    """T9."""
    async with Bench() as bench:
        await bench.run(arrivals(**{writer: "1"}), 0)
        assert runs_of(bench) == expected


async def test_a_write_of_the_same_value_opens_no_gate() -> None:
    async with Bench() as bench:
        await bench.run(arrivals(b="0", c="0"), 0)
        assert runs_of(bench) == [RAN, PASSED, PASSED]


async def test_tokens_pass_through_with_the_previous_output() -> None:
    """T10: what follows runs each time, with what the node put out before."""
    async with Bench() as bench:
        handle = await bench.start(arrivals(), 0)
        assert handle.status == "completed"
        tasks = ["g", "g#1", "g#2"]
        assert [bench.engine.values(handle.run, t).outputs for t in tasks] == [{"out": 1}] * 3
        assert runs_of(bench, "h") == [RAN, RAN, RAN]


async def test_what_it_writes_is_written_only_when_it_runs() -> None:
    work = arrivals()
    gate = replace(work.nodes["g"], writes={"other": Write(expr="output")})
    work = replace(work, nodes={**work.nodes, "g": gate})
    async with Bench() as bench:
        handle = await bench.start(work, 0)
        assert handle.state.versions == {"other": 1}


async def test_each_item_has_a_gate_of_its_own_that_ends_with_it() -> None:
    work = flow(
        {"f": ("for_each", {"limit": 1}), "g": ("plus", {}, GATED), "c": "collect", "z": "end"},
        "f.item > g, g > c, c > z", channels=[TOTAL],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3])
        assert await handle.result() == [2, 3, 4]
        assert handle.state.gates == {}


async def test_a_gate_is_part_of_the_state_and_of_a_replay() -> None:
    async with Bench() as bench:
        handle = await bench.start(arrivals(c="1"), 0)
        assert handle.state.gates["g@"].versions == {"total": 1}
        assert bench.engine.state_at(handle.run).gates == handle.state.gates
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_a_fork_remembers_what_the_gate_has_seen() -> None:
    async with Bench() as bench:
        handle = await bench.start(arrivals(), 0)
        before = len(runs_of(bench))
        child = await bench.engine.fork(handle.run, 2)
        await child.leg()
        assert before == 3
        assert runs_of(bench)[3:] == [PASSED, PASSED]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("same", {"gated": True}), ("for_each", GATED), ("ask", GATED), ("end", GATED)],
)
def test_a_gate_that_makes_no_sense_is_an_error(kind: str, fields: dict[str, Any]) -> None:
    work = flow({"a": "same", "g": (kind, {}, fields), "c": "collect"}, "a > g", channels=[TOTAL])
    assert ("E061-gate", "g", "gated") in {
        (p.rule, p.node, p.field) for p in validate(work, registry())
    }
