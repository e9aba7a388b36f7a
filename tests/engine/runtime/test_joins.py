"""When a port fires: U45-U47, T95, T96, and the fourth test of C5."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.workflow import CommitPolicy
from tests.engine.flows import Bench, flow, outcome
from tests.engine.properties.driving import leftovers


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_join_behind_a_diamond_runs_once_with_both_outputs(policy: str) -> None:
    work = flow(
        {"a": "plus", "b": "plus", "c": "asleep", "j": "join", "z": "end"},
        "a > b, a > c, b > j, c > j, j > z",
        commit=policy,
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"b": 3, "c": 2}
        assert bench.order().count("j") == 1


async def test_branches_that_exclude_each_other_converge_without_deadlock() -> None:
    work = flow(
        {"a": "plus", "b": "plus", "c": "plus", "j": "join", "z": "end"},
        "a > b [input > 5], a > c [else], b > j, c > j, j > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"c": 3}


async def test_skip_travels_through_every_node_of_a_branch_not_taken() -> None:
    work = flow(
        {"a": "plus", "b": "plus", "b2": "plus", "c": "plus", "j": "join", "z": "end"},
        "a > b [input > 5], b > b2, b2 > j, a > c [input < 6], c > j, j > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"c": 3}


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_a_join_knows_at_once_what_is_ruled_out_though_others_are_still_under_way(
    policy: CommitPolicy,
) -> None:
    """U46, T96: it does not have to wait until nothing else lives."""
    nodes = {"a": "plus", "b": "plus", "b2": "plus", "c": "plus", "j": "join", "w": "ask",
             "y": "end"}  # fmt: skip
    wires = "a > b [input > 5], b > b2, b2 > j, a > c [input < 6], c > j, a > w, w.approved > y"
    async with Bench(stay=True) as bench:
        handle = await bench.start(flow(nodes, wires, commit=policy), 1)
        assert "j" in bench.order() and "w" in handle.state.waits
        skipped = [(f.node, f.reason) for f in bench.facts if isinstance(f, ev.TaskSkipped)]
        assert skipped == [("b", "a did not lead here"), ("b2", "b did not lead here")]
        assert not [f for f in bench.facts if isinstance(f, ev.Warned)]
        committed = next(f for f in bench.facts if isinstance(f, ev.SuperstepCommitted) and f.taken)
        assert committed.not_taken == ("a.out->b.in", "b.out->b2.in", "b2.out->j.in")


async def test_fork_and_join_inside_a_loop_join_once_per_round() -> None:
    work = flow(
        {
            "s": "same",
            "a": "plus",
            "p": "same",
            "q": "asleep",
            "j": "join",
            "k": "biggest",
            "b": ("below", {"n": 4}),
            "z": "end",
        },
        "s > a, a > p, a > q, p > j, q > j, j > k, k > b, b.again > a, b.done > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == 4
        assert [task for task in bench.order() if task.startswith("j")] == [
            "j", "j#1", "j#2", "j#3",
        ]  # fmt: skip


async def test_exit_of_a_loop_is_ruled_out_only_when_the_loop_has_died() -> None:
    work = flow(
        {
            "s": "same",
            "a": "plus",
            "b": ("below", {"n": 3}),
            "x": "asleep",
            "j": "join",
            "z": "end",
        },
        "s > a, s > x, a > b, b.again > a, b.done > j, x > j, j > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == {"b": 3, "x": 0}


async def test_inner_loop_goes_round_again_in_every_round_of_the_outer_one() -> None:
    work = flow(
        {
            "s": "same",
            "outer": "same",
            "inner": "plus",
            "b": "same",
            "c": "same",
            "z": "end",
        },
        "s > outer, outer > inner, inner > b, b > inner [input % 3 != 0], b > c [input % 3 == 0],"
        "c > outer [input < 9], c > z [input >= 9]",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == 9
        assert sum(task.startswith("c") for task in bench.order()) == 3


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ({"mode": "any"}, [{"b": 2}]),
        ({"mode": "n_of_m", "n": 2}, [{"b": 2, "c": 2}]),
        ({"mode": "all_active"}, [{"b": 2, "c": 2, "d": 2}]),
        ({"mode": "each"}, [{"b": 2}, {"c": 2}, {"d": 2}]),
    ],
)
async def test_join_policy_decides_how_many_arrivals_are_needed(
    join: dict[str, Any], expected: list[dict[str, int]]
) -> None:
    work = flow(
        {
            "a": "same",
            "b": "plus",
            "c": ("asleep", {"rounds": 5}),
            "c1": "plus",
            "d": ("asleep", {"rounds": 20}),
            "j": ("join", {}, {"join": join}),
            "z": "end",
        },
        "a > b, a > c, a > d, b > j, c > j, d > j, j > z",
    )
    seen: list[Any] = []
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        await handle.leg()
        seen = [
            {source: 2 for source, _ in pairs}
            for commit in range(handle.state.commit)
            for task in bench.engine.state_at(handle.run, commit).tasks.values()
            if task.node == "j" and task.ready_at == commit
            for pairs in task.inputs.values()
        ]
    assert seen == expected


async def test_join_that_needs_all_is_skipped_when_one_is_ruled_out() -> None:
    work = flow(
        {"a": "same", "b": "plus", "c": "plus", "j": ("join", {}, {"join": {"mode": "all"}}),
         "d": "same", "z": "end"},
        "a > b [input > 5], a > c [input <= 5], b > j, c > j, c > d, d > z, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == 2
        assert "j" not in bench.order()


def looped(mode: str, body: str, **nodes: Any) -> Any:
    """A loop of three rounds around a join of that mode."""
    return flow(
        {"s": "same", "h": "plus", "p": "same", "q": "same",
         "j": ("join", {"output": "first"}, {"join": {"mode": mode}}),
         "b": ("below", {"n": 3}), "z": "end", **nodes},
        f"s > h, {body}, j > b, b.again > h, b.done > z",
    )  # fmt: skip


async def test_each_runs_once_per_value_in_every_round_of_a_loop() -> None:
    work = looped("each", "h > p [input == 2], h > q [input != 2], p > j, q > j")
    async with Bench() as bench:
        handle = await bench.start(work, 0)
        assert outcome((await handle.leg()).event) == 3
        assert [task for task in bench.order() if task[0] in "jpq"] == [
            "q", "j", "p", "j#1", "q#1", "j#2",
        ]  # fmt: skip
        skipped = [fact.node for fact in bench.facts if isinstance(fact, ev.TaskSkipped)]
        assert "j" not in skipped and not handle.state.arrivals


async def test_each_is_skipped_in_a_round_that_brings_no_value() -> None:
    work = flow({"a": "same", "b": "plus", "c": "plus", "d": "plus",
                 "j": ("join", {}, {"join": {"mode": "each"}}), "k": "join", "z": "end"},
                "a > b [input > 5], a > c [input > 6], a > d, b > j, c > j, j > k, d > k,"
                "k > z")  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"d": 2}


@pytest.mark.parametrize("mode", ["any", "n_of_m", "all_active"])
async def test_nothing_is_left_of_a_join_in_a_loop_when_the_run_has_finished(mode: str) -> None:
    body = "h > p, h > q [input == 2], p > j, q > j"
    async with Bench() as bench:
        handle = await bench.start(looped(mode, body, p=("asleep", {"rounds": 9})), 0)
        await handle.leg()
        assert not leftovers(handle.state)


@pytest.mark.parametrize("mode", ["any", "each", "all_active"])
async def test_nothing_is_left_of_a_join_behind_a_loop_that_sends_in_every_round(mode: str) -> None:
    work = flow({"s": "same", "h": "plus", "b": ("below", {"n": 3}), "p": "same", "q": "same",
                 "j": ("join", {}, {"join": {"mode": mode}}), "z": "end"},
                "s > h, h > b, b.again > h, h > p, h > q [input == 2], p > j, q > j,"
                "j > z")  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 0)
        await handle.leg()
        assert handle.status.value == "completed" and not leftovers(handle.state)


async def test_what_a_join_waits_for_in_vain_is_ruled_out_when_nothing_else_is_alive() -> None:
    """The loop sends one value in each round, the other branch one in all."""
    work = flow(
        {"s": "same", "h": "plus", "b": ("below", {"n": 3}), "o": "same",
         "j": ("join", {}, {"join": {"mode": "all_active"}}), "z": "end"},
        "s > h, h > b, b.again > h, h > j, s > o, o > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == {"h": 3}
        warned = [fact for fact in bench.facts if isinstance(fact, ev.Warned)]
        assert [fact.node for fact in warned] == ["j", "j"] and "o" in warned[0].message


async def test_a_loop_that_is_entered_at_two_nodes_goes_on() -> None:
    work = flow(
        {"s": "same", "a": "plus", "b": "plus", "t": ("below", {"n": 6}), "z": "end"},
        "s > a [input == 0], s > b [else], a > b, b > t, t.again > a, t.done > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == 6
        assert outcome(await bench.run(work, 1)) == 6


async def test_a_join_does_not_wait_for_a_node_that_no_run_gets_to() -> None:
    work = flow({"t": "trigger.manual", "a": "plus", "lost": "plus", "j": "join", "z": "end"},
                "t > a, a > j, lost > j, j > z")  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"a": 2}
