"""For each and Collect: U51, T88, T102, and what happens to items that fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from tests.engine.flows import Bench, flow, outcome
from tests.engine.properties.driving import leftovers

LOSES = {"on_item_failure": "continue", "at_least": 0}


def each(body: dict[str, Any], wires: str, **params: Any) -> Any:
    nodes = {"each": ("for_each", params), "gather": "collect", "z": "end", **body}
    return flow(nodes, f"{wires}, gather > z")


async def test_results_come_in_the_order_of_the_items() -> None:
    work = each({"a": "asleep", "b": "plus"}, "each.item > a, a > b, b > gather", limit=3)
    async with Bench() as bench:
        assert outcome(await bench.run(work, list(range(20)))) == list(range(1, 21))


@pytest.mark.parametrize(("order", "end"), [("input", [3, 2, 1, 0]), ("arrival", [0, 1, 2, 3])])
async def test_results_come_in_the_order_of_the_items_or_as_they_are_done(
    order: str, end: list[int]
) -> None:
    """U51, T102: the first item takes longest."""
    slow = ("asleep", {"rounds": {"expr": "input * 5"}})
    nodes = {"each": ("for_each", {"limit": 4}), "a": slow, "z": "end",
             "gather": ("collect", {"order": order})}  # fmt: skip
    async with Bench() as bench:
        work = flow(nodes, "each.item > a, a > gather, gather > z")
        assert outcome(await bench.run(work, [3, 2, 1, 0])) == end
        assert bench.order()[1:5] == ["a@each.3", "a@each.2", "a@each.1", "a@each.0"]


async def test_never_more_items_at_once_than_the_limit() -> None:
    work = each({"a": "asleep"}, "each.item > a, a > gather", limit=3)
    async with Bench() as bench:
        handle = await bench.engine.start(work, list(range(10)))
        await handle.leg()
        states = [bench.engine.state_at(handle.run, n) for n in range(handle.state.commit + 1)]
        at_once = [sum(task.node == "a" for task in state.tasks.values()) for state in states]
        assert max(at_once) == 3


async def test_an_empty_list_is_done_at_once() -> None:
    work = each({"a": "plus"}, "each.item > a, a > gather")
    async with Bench() as bench:
        assert outcome(await bench.run(work, [])) == []


async def test_what_is_no_list_fails() -> None:
    work = each({"a": "plus"}, "each.item > a, a > gather")
    async with Bench() as bench:
        assert outcome(await bench.run(work, 7)) == "not_a_list"


async def test_zones_nest() -> None:
    work = flow(
        {
            "f": "for_each", "g": "for_each", "a": "plus",
            "c": "collect", "d": "collect", "z": "end",
        },
        "f.item > g, g.item > a, a > c, c > d, d > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, [[1, 2], [], [3]])) == [[2, 3], [], [4]]


async def test_items_that_take_no_way_to_collect_are_left_out() -> None:
    work = each(
        {"a": "same", "b": "plus", "c": "plus"},
        "each.item > a, a > b [input > 1], a > c [input > 2], b > gather, c > gather",
    )
    work = flow(
        {"each": "for_each", "a": "same", "b": "plus", "gather": "collect", "z": "end"},
        "each.item > a, a > b [input > 1], a > gather [input > 2], b > gather, gather > z",
    )
    async with Bench() as bench:
        event = await bench.run(work, [2, 3])
        assert outcome(event) == [3, {"a": 3, "b": 4}]


@pytest.mark.parametrize(
    ("policy", "expected"), [("stop", "failed"), ("continue", [0, 2]), ("collect", [0, 2])]
)
async def test_policy_for_items_decides_whether_the_run_fails(policy: str, expected: Any) -> None:
    work = each({"a": "odd_fails"}, "each.item > a, a > gather", on_item_failure=policy, limit=2)
    async with Bench() as bench:
        assert outcome(await bench.run(work, [0, 1, 2])) == expected


async def test_collected_failures_name_item_and_error() -> None:
    work = flow(
        {
            "each": ("for_each", {"on_item_failure": "collect"}),
            "a": "odd_fails",
            "gather": "collect",
            "z": "end",
            "y": "end",
        },
        "each.item > a, a > gather, gather > z, gather.failed > y",
    )
    async with Bench() as bench:
        event = await bench.run(work, [4, 5])
        assert isinstance(event, ev.RunFinished)
        [failure] = event.result["y"]
        assert (failure["index"], failure["item"]) == (1, 5)
        assert "odd" in failure["error"]["message"]


async def test_a_failed_item_ends_its_other_tasks() -> None:
    work = flow(
        {
            "each": ("for_each", LOSES),
            "a": "odd_fails",
            "h": ("asleep", {"rounds": 10_000}),
            "gather": "collect",
            "z": "end",
        },
        "each.item > a, each.item > h, a > gather, h > gather, gather > z",
    )
    async with Bench() as bench:
        event = await bench.run(work, [1])
        assert outcome(event) == []
        assert bench.order(ev.TaskCancelled) == ["h@each.0"]


async def test_a_for_each_that_does_not_run_skips_its_collect() -> None:
    work = flow(
        {
            "s": "same", "each": "for_each", "a": "plus",
            "gather": "collect", "other": "same", "j": "join", "z": "end",
        },
        "s > each [input == 1], s > other [else], each.item > a, a > gather, gather > j,"
        "other > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 2)) == {"other": 2}


async def test_what_a_failed_item_had_made_ready_in_the_same_commit_ends_with_it() -> None:
    work = flow(
        {
            "each": ("for_each", LOSES),
            "a": "plus", "b": "plus", "g": "ask", "n": "odd_fails", "j": "join",
            "gather": "collect", "z": "end",
        },
        "each.item > a, each.item > n, each.item > g, a > b, b > j, n > j, g.approved > j,"
        "j > gather, gather > z",
        commit="strict",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, [1])
        assert outcome((await handle.leg()).event) == []
        assert bench.order() == ["each", "a@each.0", "gather", "z"]
        assert bench.order(ev.BarrierWithdrawn) == ["g@each.0"] and bench.engine.inbox() == []
        assert not handle.state.joins and not handle.state.arrivals


async def test_a_loop_around_a_zone_ends_though_items_failed_at_a_join() -> None:
    work = flow(
        {
            "s": "same", "h": "same", "each": ("for_each", {"on_item_failure": "continue",
            "items": {"expr": "[1, 2]"}}), "a": "same", "n": "odd_fails", "b": "asleep",
            "j": "biggest", "gather": "collect", "k": "plus", "x": "same", "y": "same",
            "w": "join", "z": "end",
        },
        "s > h, h > each, each.item > a, each.item > b, b > n, a > j, n > j, j > gather,"
        "gather > k [len(input) == 8], gather > x [len(input) == 9], gather > y [else], k > h,"
        "x > w, y > w, w > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == {"y": [2]}


async def test_an_item_that_is_done_and_fails_at_once_has_failed() -> None:
    work = flow(
        {"each": ("for_each", {"on_item_failure": "continue", "limit": 1}), "a": "same",
         "n": "odd_fails", "gather": ("collect", {}, {"join": {"mode": "any"}}), "z": "end"},
        "each.item > a, each.item > n, a > gather, n > gather, gather > z",
        commit="strict",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2, 3])) == [2]


async def test_conditions_on_the_wires_of_a_for_each_send_items_their_ways() -> None:
    work = flow(
        {"each": "for_each", "a": "plus", "b": "same", "gather": "collect", "z": "end"},
        "each.item > a [input > 1], each.item > b [else], a > gather, b > gather, gather > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, [0, 1, 2, 3])) == [0, 1, 3, 4]
        assert sum(task.startswith("a@") for task in bench.order()) == 2


@pytest.mark.parametrize(
    ("policy", "expected"), [("stop", "unrouted"), ("continue", [3]), ("collect", [3])]
)
async def test_an_item_that_no_wire_takes_fails_by_the_policy(policy: str, expected: Any) -> None:
    work = flow(
        {"each": ("for_each", {"on_item_failure": policy}), "a": "plus", "gather": "collect",
         "z": "end"},
        "each.item > a [input > 1], a > gather, gather > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2])) == expected
        assert bench.order(ev.TaskFailed) == ["each" if policy == "stop" else "each@each.0"]


async def test_a_for_each_that_goes_on_after_an_error_has_the_error_as_its_item() -> None:
    work = flow(
        {"each": ("for_each", {}, {"on_error": "continue"}), "a": "same", "gather": "collect",
         "z": "end"},
        "each.item > a, a > gather, gather > z",
    )  # fmt: skip
    async with Bench() as bench:
        [item] = outcome(await bench.run(work, 7))
        assert item["error"]["code"] == "not_a_list"
        assert bench.order() == ["a@each.0", "gather", "z"]


@pytest.mark.parametrize(("handling", "expected"), [("error_port", "not_a_list"), ("ignore", None)])
async def test_a_for_each_that_fails_skips_its_collect(handling: str, expected: Any) -> None:
    work = flow(
        {"each": ("for_each", {}, {"on_error": handling}), "a": "same", "gather": "collect",
         "y": "same", "z": "end"},
        "each.item > a, a > gather, gather > z"
        + (", each.error > y, y > z" if handling == "error_port" else ""),
    )  # fmt: skip
    async with Bench() as bench:
        result = outcome(await bench.run(work, 7))
        assert (result and result["code"]) == expected


async def test_a_for_each_that_runs_again_before_it_has_ended_takes_its_turn() -> None:
    """Each round of the loop sends a list on; the first one is slow."""
    work = flow(
        {"s": "same", "h": "plus", "b": ("below", {"n": 3}), "each": ("for_each",
         {"items": {"expr": "[input, input * 10]"}, "limit": 1}), "a": ("asleep", {"rounds": 9}),
         "gather": "collect", "z": "end"},
        "s > h, h > b, b.again > h, h > each, each.item > a, a > gather, gather > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 0)) == [3, 30]
        ends = [v for v in bench.order() if v.startswith("gather")]
        assert ends == ["gather", "gather#1", "gather#2"]
        assert [v for v in bench.order() if v[0] == "a"] == [
            "a@each.0", "a@each.1", "a@each.0#1", "a@each.1#1", "a@each.0#2", "a@each.1#2",
        ]  # fmt: skip


async def test_a_wire_condition_inside_a_zone_sees_the_item() -> None:
    work = flow(
        {"each": "for_each", "a": "plus", "b": "plus", "gather": "collect", "z": "end"},
        "each.item > a, a > b [loop.item > 1], a > gather [else], b > gather, gather > z",
    )
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2])) == [2, 4]


async def test_of_two_tasks_that_fail_an_item_at_once_the_second_is_cancelled() -> None:
    work = flow(
        {"each": ("for_each", LOSES), "a": "odd_fails",
         "b": "odd_fails", "c": "plus", "gather": "collect", "z": "end"},
        "each.item > a, each.item > b, each.item > c, a > gather, b > gather, c > gather,"
        "gather > z",
        commit="strict",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1])
        assert bench.order(ev.TaskFailed) == ["a@each.0"]
        assert bench.order(ev.TaskCancelled) == ["b@each.0"]
        assert (await bench.engine.replay(handle.run)).equal


async def test_batches_are_lists_of_so_many_items() -> None:
    work = each({"a": "same"}, "each.item > a, a > gather", batch=2)
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2, 3, 4, 5])) == [[1, 2], [3, 4], [5]]


def until_enough(enough: Any, body: Any = "same", **params: Any) -> Any:
    nodes = {"each": ("for_each", {"limit": 1, **params}), "a": body, "z": "end", "y": "end",
             "gather": ("collect", {"enough": enough})}  # fmt: skip
    return flow(nodes, "each.item > a, a > gather, gather > z, gather.failed > y")


@pytest.mark.parametrize(
    ("enough", "expected"),
    [(2, [4, 1]), ({"expr": "input[-1] == 7"}, [4, 1, 7]), ({"expr": "1 + 1"}, [4, 1]),
     ({"expr": "vars.k"}, [4, 1]), (9, [4, 1, 7, 3]), ({"expr": "False"}, [4, 1, 7, 3])],
)  # fmt: skip
async def test_a_for_each_ends_with_enough_results(enough: Any, expected: Any) -> None:
    """Patterns 34 to 36: k of the items, or a condition that is looked at as they come."""
    work = until_enough(enough)
    work = replace(work, settings=replace(work.settings, vars={"k": 2}))
    async with Bench() as bench:
        handle = await bench.start(work, [4, 1, 7, 3])
        assert outcome((await handle.leg()).event) == expected
        assert not leftovers(handle.state) and (await bench.engine.replay(handle.run)).equal


async def test_items_that_are_not_needed_are_cancelled_and_their_questions_withdrawn() -> None:
    work = flow(
        {"each": "for_each", "a": "same", "b": "asleep", "g": "ask", "z": "end",
         "gather": ("collect", {"enough": 1})},
        "each.item > a, a > g [input > 1], a > b [else], b > gather, g.approved > gather,"
        "g.rejected > gather, gather > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, [3, 2, 1])
        assert outcome((await handle.leg()).event) == [1]
        assert bench.order(ev.TaskCancelled) == ["g@each.0", "g@each.1"]
        assert bench.engine.inbox() == [] and not leftovers(handle.state)


async def test_failed_items_do_not_count_as_results() -> None:
    work = until_enough(1, "odd_fails", on_item_failure="collect")
    async with Bench() as bench:
        event = await bench.run(work, [1, 2, 3])
        assert outcome(event)["z"] == [2] and [f["index"] for f in outcome(event)["y"]] == [0]


async def test_a_condition_of_enough_that_fails_is_a_failure_of_collect() -> None:
    work = until_enough({"expr": "input[7]"})
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2])) == "expression"
        assert bench.order(ev.TaskFailed) == ["gather"]
