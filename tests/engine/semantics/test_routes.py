"""Where a value goes (U7-U11; T12-T16, T44, T45, T53, T94-T96, T101)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine import events as ev
from engine.errors import InvalidWorkflow
from engine.model.node_types import Context, Output
from engine.model.workflow import Channel, CommitPolicy
from tests.engine.flows import Bench, flow, node_type, outcome

Json = Any
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


def _chooses(params: Any, ctx: Context) -> Output:
    return Output({"out": ctx.input}, route=tuple(params.to))


CHOOSES = node_type("chooses", _chooses)


async def ran(nodes: dict[str, Any], wires: str, input: Json = 1, **settings: Any) -> list[str]:
    """Return the tasks that ran, in order."""
    async with Bench(CHOOSES) as bench:
        await bench.run(flow(nodes, wires, **settings), input)
        return bench.order()


async def ended(nodes: dict[str, Any], wires: str, input: Json = 1, **settings: Any) -> Json:
    async with Bench(CHOOSES) as bench:
        return outcome(await bench.run(flow(nodes, wires, **settings), input))


async def test_all_wires_of_a_port_are_taken() -> None:
    """U7."""
    nodes = {"s": "same", "a": "same", "b": "same", "c": "same"}
    assert await ran(nodes, "s > a, s > b, s > c") == ["s", "a", "b", "c"]


async def test_a_condition_sees_the_state_after_the_commit() -> None:
    """T12."""
    nodes = {"s": ("plus", {}, {"writes": {"total": "output"}}), "yes": "same", "no": "same"}
    wires = "s > yes [state.total == 2], s > no [else]"
    assert await ran(nodes, wires, channels=[TOTAL]) == ["s", "yes"]


async def test_conditions_that_hold_together_are_all_taken_in_one_superstep() -> None:
    """T13, U8."""
    nodes = {"s": "same", "a": "same", "b": "same", "c": "same", "d": "same"}
    wires = "s > a [input > 0], s > b [input > 0], s > c [input < 2], s > d [input > 1]"
    async with Bench() as bench:
        await bench.run(flow(nodes, wires), 1)
        commits = [fact for fact in bench.facts if isinstance(fact, ev.SuperstepCommitted)]
    assert [[ready.node for ready in commit.ready] for commit in commits[1:2]] == [["a", "b", "c"]]


async def test_the_first_by_priority_is_taken_alone_where_the_node_says_so() -> None:
    """U8, U9."""
    nodes = {"s": ("same", {}, {"route": "first"}), "a": "same", "b": "same"}
    assert await ran(nodes, "s > a [input > 5], s > b [input > 0]") == ["s", "b"]
    assert await ran(nodes, "s > a [input > 0], s > b [input > 0]") == ["s", "a"]


async def test_otherwise_is_taken_only_when_no_condition_held() -> None:
    """U9."""
    nodes = {"s": "same", "a": "same", "b": "same", "rest": "same"}
    wires = "s > a [input > 5], s > b [input > 3], s > rest [else]"
    assert await ran(nodes, wires, 1) == ["s", "rest"]
    assert await ran(nodes, wires, 4) == ["s", "b"]


def test_a_wire_to_a_node_that_is_not_there_cannot_be_run() -> None:
    """T14: refused before the run; nothing is dropped in silence."""
    workflow = flow({"s": "same"}, "s > nowhere")
    with pytest.raises(InvalidWorkflow, match="nowhere"):
        Bench().engine.prepare(workflow)


async def test_a_route_that_a_node_chooses_replaces_its_wires() -> None:
    """T15, U10."""
    nodes = {"s": ("chooses", {"to": ["b"]}), "a": "same", "b": "same"}
    assert await ran(nodes, "s > a, s > b") == ["s", "b"]


async def test_a_route_that_a_node_chooses_suppresses_conditions() -> None:
    """T16: only what was chosen, and all of it."""
    nodes = {"s": ("chooses", {"to": ["b", "c"]}), "a": "same", "b": "same", "c": "same"}
    wires = "s > a [input > 0], s > b [input > 9], s > c [else]"
    assert await ran(nodes, wires) == ["s", "b", "c"]


async def test_a_route_to_a_target_without_a_wire_fails_the_node() -> None:
    """T45, U10."""
    nodes = {"s": ("chooses", {"to": ["b"]}), "a": "same", "b": "same"}
    assert await ended(nodes, "s > a, a > b") == "undeclared_target"


async def test_a_conditional_wire_leads_out_of_a_loop() -> None:
    """T44, T101: the count rises only where a wire leads back."""
    nodes = {"s": "same", "a": "plus", "b": "same", "z": "end"}
    wires = "s > a, a > b, b > a [input < 4], b > z [else]"
    assert await ran(nodes, wires, 1) == ["s", "a", "b", "a#1", "b#1", "a#2", "b#2", "z"]


async def test_without_a_way_back_every_visit_is_the_first() -> None:
    """T101."""
    keys = [f"n{number:03}" for number in range(100)]
    wires = ",".join(f"{one} > {other}" for one, other in itertools.pairwise(keys))
    assert await ran(dict.fromkeys(keys, "plus"), wires) == keys


async def test_nothing_runs_behind_an_end() -> None:
    """T53."""
    nodes = {"s": "same", "z": "end"}
    assert await ran(nodes, "s > z") == ["s", "z"]


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_final_end_ends_the_run_whatever_others_still_do(policy: CommitPolicy) -> None:
    """U5, T53: what is asked is withdrawn, what was about to start never does."""
    nodes = {"s": "same", "q": "ask", "a": "plus", "b": "plus", "z": ("end", {"final": True}),
             "y": "end"}  # fmt: skip
    wires = "s > a, s > q, s > z, a > b, b > y, q.approved > y"
    async with Bench(stay=True) as bench:
        ended = await bench.run(flow(nodes, wires, commit=policy), 1)
        assert isinstance(ended, ev.RunFinished) and ended.result == 1
        assert "b" not in bench.order() and bench.engine.inbox() == []


async def test_each_arm_goes_on_as_soon_as_it_can() -> None:
    """T94: without a depth-first policy, the arms take turns, in the order of the plan."""
    nodes = {"s": "same", "a": "same", "a2": "same", "b": "same", "b2": "same"}
    assert await ran(nodes, "s > a, s > b, a > a2, b > b2") == ["s", "a", "b", "a2", "b2"]


async def test_a_join_gets_what_each_arm_sent() -> None:
    """T95."""
    nodes: dict[str, Any] = {"s": "same", "a": "plus", "b": "same", "j": ("join", {}), "z": "end"}
    result = await ended(nodes, "s > a, s > b, a > j, b > j, j > z", 1)
    assert result == {"a": 2, "b": 1}


async def test_a_join_does_not_run_when_an_arm_has_failed() -> None:
    """T95."""
    nodes = {"s": "same", "a": "plus", "b": "boom", "j": "join"}
    async with Bench() as bench:
        assert outcome(await bench.run(flow(nodes, "s > a, s > b, a > j, b > j"))) == "broken"
        assert "j" not in bench.order()


async def test_only_the_branch_that_was_chosen_runs() -> None:
    """T96."""
    nodes = {"s": "same", "a": "same", "b": "same", "j": "join", "z": "end"}
    wires = "s > a [input > 0], s > b [else], a > j, b > j, j > z"
    assert await ran(nodes, wires, 1) == ["s", "a", "j", "z"]


@pytest.mark.parametrize("value", [None, [], {}, 0, "", False])
async def test_an_empty_value_is_a_value(value: Json) -> None:
    """T89: None, an empty list and the like are sent on like any other."""
    nodes = {"s": "same", "a": "same", "z": "end"}
    assert await ended(nodes, "s > a, a > z", {"v": value}) == {"v": value}
    assert await ended({**nodes, "s": ("chooses", {"to": ["a"]})}, "s > a, a > z", [value]) == [
        value
    ]
