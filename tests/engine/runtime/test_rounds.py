"""The rest of a round, its end in time, and when nothing more can arrive: U45, U53, U74, U75.

Patterns 9, 16, 28-32 and 38 of the workflow patterns are settings of one join policy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.model.workflow import Workflow
from engine.runtime.rounds import meet
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, outcome, settle
from tests.engine.properties.driving import leftovers

Json = Any


def arms(join: dict[str, Any], **nodes: Any) -> Any:
    """Arms b, c and d between a fork and a join."""
    parts: dict[str, Any] = {
        "a": "same", "b": "plus", "c": "hang", "d": "hang",
        "j": ("join", {}, {"join": join}), "z": "end", **nodes,
    }  # fmt: skip
    return flow(parts, "a > b, a > c, a > d, b > j, c > j, d > j, j > z")


def ended(bench: Bench) -> list[str]:
    return bench.order(ev.TaskCancelled)


@pytest.mark.parametrize("join", [{"mode": "first"}, {"mode": "any", "rest": "cancel"}])
async def test_first_cancels_the_other_arms_and_goes_on(join: dict[str, Any]) -> None:
    async with Bench() as bench:
        handle = await bench.start(arms(join), 1)
        assert outcome((await handle.leg()).event) == {"b": 2}
        assert ended(bench) == ["c", "d"] and not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_question_on_a_losing_arm_is_withdrawn() -> None:
    work = flow(
        {"a": "same", "b": ("nap", {"seconds": 5}), "c": "ask",
         "j": ("join", {}, {"join": {"mode": "first"}}), "z": "end"},
        "a > b, a > c, b > j, c.approved > j, c.rejected > j, j > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        assert len(bench.engine.inbox()) == 1
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == {"b": 1}
        assert bench.order(ev.BarrierWithdrawn) == ["c"] and bench.engine.inbox() == []


async def test_what_leads_elsewhere_too_is_not_cancelled() -> None:
    """Node c also feeds y: it goes on, and what it brings to the join is passed over."""
    work = flow(
        {"a": "same", "b": "plus", "c": ("asleep", {"rounds": 9}), "d": "plus",
         "j": ("join", {}, {"join": {"mode": "first"}}), "y": "end", "z": "end"},
        "a > b, a > c, c > d, c > y, b > j, d > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == {"y": 1, "z": {"b": 2}}
        assert not ended(bench) and "d" in bench.order() and not leftovers(handle.state)


async def test_a_zone_on_a_losing_arm_ends_with_all_its_items() -> None:
    work = flow(
        {"a": "same", "b": ("asleep", {"rounds": 9}), "each": "for_each", "h": "hang",
         "gather": "collect", "j": ("join", {}, {"join": {"mode": "first"}}), "z": "end"},
        "a > b, a > each, each.item > h, h > gather, b > j, gather > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2])
        assert outcome((await handle.leg()).event) == {"b": [1, 2]}
        assert ended(bench) == ["h@each.0", "h@each.1"] and not leftovers(handle.state)


async def test_a_race_in_a_loop_begins_anew_in_every_round() -> None:
    work = flow(
        {"s": "same", "h": "plus", "p": "same", "q": "hang",
         "j": ("join", {"output": "first"}, {"join": {"mode": "first"}}),
         "b": ("below", {"n": 3}), "z": "end"},
        "s > h, h > p, h > q, p > j, q > j, j > b, b.again > h, b.done > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 0)
        assert outcome((await handle.leg()).event) == 3
        assert ended(bench) == ["q", "q#1", "q#2"] and not leftovers(handle.state)


async def test_n_of_m_with_cancel_ends_what_is_not_needed() -> None:
    work = arms({"mode": "n_of_m", "n": 2, "rest": "cancel"}, c="plus")
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"b": 2, "c": 2}
        assert ended(bench) == ["d"]


async def test_queued_arrivals_fire_the_join_again() -> None:
    work = flow(
        {"a": "same", "b": "plus", "c": "plus", "d": ("asleep", {"rounds": 9}),
         "e": ("asleep", {"rounds": 9}),
         "j": ("join", {"output": "list"}, {"join": {"mode": "n_of_m", "n": 2, "rest": "queue"}}),
         "z": "end"},
        "a > b, a > c, a > d, a > e, b > j, c > j, d > j, e > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        await handle.leg()
        assert [name for name in bench.order() if name[0] == "j"] == ["j", "j#1"]
        assert not leftovers(handle.state)


@pytest.mark.parametrize(("on_error", "expected"), [("fail", "late_arrival"), ("ignore", {"b": 2})])
async def test_a_late_arrival_can_be_a_failure_of_the_join(on_error: str, expected: Any) -> None:
    join = {"mode": "any", "rest": "error"}
    work = flow(
        {"a": "same", "b": "plus", "c": ("asleep", {"rounds": 9}),
         "j": ("join", {}, {"join": join, "on_error": on_error}), "z": "end"},
        "a > b, a > c, b > j, c > j, j > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == expected
        assert bench.order(ev.TaskFailed) == ["j#1"]
        assert (await bench.engine.replay(handle.run)).equal


async def test_the_next_round_waits_for_the_stragglers_of_this_one() -> None:
    """A fast arm is a round ahead; with `all_arrived` the slow one is waited for."""
    orders: dict[str, list[str]] = {}
    for reset in ("at_once", "all_arrived"):
        work = flow(
            {"s": "same", "h": "plus", "b": ("below", {"n": 2}), "p": "same",
             "q": ("asleep", {"rounds": 9}), "q2": "same",
             "j": ("join", {}, {"join": {"mode": "any", "reset": reset}}), "z": "end"},
            "s > h, h > b, b.again > h, h > p, h > q, p > j, q > q2, q2 > j, j > z",
        )  # fmt: skip
        async with Bench() as bench:
            handle = await bench.start(work, 0)
            await handle.leg()
            orders[reset] = [name for name in bench.order() if name.startswith(("j", "q2"))]
            assert not leftovers(handle.state)
    assert orders["at_once"].index("j#1") < orders["at_once"].index("q2")
    assert orders["all_arrived"].index("j#1") > orders["all_arrived"].index("q2")


@pytest.mark.parametrize(
    ("then", "expected"),
    [("fire", {"b": 2}), ("fail", "join_timeout"), ("skip", None)],
)
async def test_a_join_waits_no_longer_than_its_timeout(then: str, expected: Any) -> None:
    join = {"timeout_s": 10.0, "on_timeout": then, "rest": "cancel"}
    async with Bench(stay=True) as bench:
        handle = await bench.start(arms(join), 1)
        bench.clock.advance(9)
        await settle()
        assert handle.state.timers and "j" not in bench.order()
        bench.clock.advance(1)
        assert outcome((await handle.leg()).event) == expected
        [event] = [fact for fact in bench.facts if isinstance(fact, ev.JoinTimedOut)]
        assert (event.node, event.then) == ("j", then)
        assert ended(bench) == ["c", "d"] and not handle.state.timers
        assert (await bench.engine.replay(handle.run)).equal


async def test_the_failure_of_a_timeout_is_handled_as_any_other() -> None:
    work = flow(
        {"a": "same", "b": "plus", "c": "hang", "y": "end", "z": "end",
         "j": ("join", {}, {"join": {"timeout_s": 3.0, "on_timeout": "fail", "rest": "cancel"},
                            "on_error": "error_port"})},
        "a > b, a > c, b > j, c > j, j > z, j.error > y",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        bench.clock.advance(3)
        event = (await handle.leg()).event
        assert outcome(event)["code"] == "join_timeout" and "for c" in outcome(event)["message"]


async def test_a_timer_of_a_join_survives_the_end_of_the_program() -> None:
    """U72, U75: it goes on with the time that is left, and an overdue one fires once."""
    work = flow(
        {"a": "same", "b": "plus", "c": "ask",
         "j": ("join", {}, {"join": {"timeout_s": 100.0, "rest": "cancel"}}), "z": "end"},
        "a > b, a > c, b > j, c.approved > j, c.rejected > j, j > z",
    )  # fmt: skip
    store, clock = MemoryStore(), FakeClock()
    async with Bench(store=store, clock=clock) as bench:
        handle = await bench.engine.start(work, 1)
        waiting = (await handle.leg()).event
        assert isinstance(waiting, ev.RunWaiting) and waiting.next_due == clock.now() + 100
        run = handle.run
    clock.advance(101)
    async with Bench(store=store, clock=clock) as second:
        handle = await second.engine.resume(run)
        assert outcome((await handle.leg()).event) == {"b": 2}
        assert second.order(ev.BarrierWithdrawn) == ["c"]
        assert (await second.engine.replay(run)).equal


async def test_no_timer_is_left_of_a_round_that_fired_in_time() -> None:
    work = arms({"timeout_s": 10.0}, c="plus", d="plus")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == {"b": 2, "c": 2, "d": 2}
        assert not handle.state.timers


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_no_more_fires_with_what_has_come_when_nothing_else_can(policy: str) -> None:
    """Pattern 38: the loop decides by itself how many of its ways lead to the join."""
    work = flow(
        {"a": "same", "h": "plus", "t": ("below", {"n": 3}), "c": ("asleep", {"rounds": 20}),
         "j": ("join", {}, {"join": {"mode": "no_more"}}), "z": "end"},
        "a > h, a > c, h > t, t.again > h, h > j [input == 2], c > j, j > z",
        commit=policy,
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, 0)
        assert outcome((await handle.leg()).event) == {"h": 2, "c": 0}
        assert bench.order().count("j") == 1 and not leftovers(handle.state)
        assert not [fact for fact in bench.facts if isinstance(fact, ev.Warned)]


async def test_no_more_that_nothing_came_to_is_skipped() -> None:
    work = flow(
        {"a": "same", "b": "plus", "c": "plus", "d": ("asleep", {"rounds": 9}),
         "j": ("join", {}, {"join": {"mode": "no_more"}}), "k": "join", "z": "end"},
        "a > b [input > 5], a > c [input > 6], a > d, b > j, c > j, j > k, d > k, k > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"d": 1}


@pytest.mark.parametrize("policy", ["eager", "strict"])
async def test_no_more_of_an_item_does_not_wait_for_what_is_outside_of_the_zone(
    policy: str,
) -> None:
    """A list that is still to come has items of its own."""
    quiet = ("join", {"output": "list"}, {"join": {"mode": "no_more"}})
    nodes = {
        "s": "same", "n": ("nap", {"seconds": 5}),
        "f": ("for_each", {"items": {"expr": "[1]"}}, {"join": {"mode": "each"}}),
        "a": "plus", "b": "plus", "j": quiet, "c": "collect", "z": "end",
    }  # fmt: skip
    wires = "s > n, s > f, n > f, f.item > a, f.item > b, a > j, b > j, j > c, c > z"
    async with Bench(stay=True) as bench:
        handle = await bench.start(flow(nodes, wires, commit=policy), 0)
        assert bench.order()[-2:] == ["c", "z"]
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == [[2, 2]]
        assert bench.order().count("j@f.0") + bench.order().count("j@f.0#1") == 2


async def test_no_more_of_one_item_does_not_wait_for_another_item() -> None:
    work = flow(
        {"each": "for_each", "a": "same", "b": "plus", "h": ("asleep", {"rounds": 30}),
         "j": ("join", {"output": "list"}, {"join": {"mode": "no_more"}}), "c": "collect",
         "z": "end"},
        "each.item > a, a > b, a > h [input > 1], b > j, h > j, j > c, c > z",
    )  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work, [1, 2])) == [[2], [3, 2]]
        done = [name for name in bench.order() if name[0] in "jh"]
        assert done == ["j@each.0", "h@each.1", "j@each.1"]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("", "each.1", True),
        ("each.1", "each.1", True),
        ("each.1,in.0", "each.1", True),
        ("each.1", "each.10", False),
        ("each.1,in.0", "each.10", False),
        ("each.1,in.0", "each.1,in.1", False),
    ],
)
def test_a_join_of_another_item_does_not_count_as_a_way_to_this_one(
    first: str, second: str, found: bool
) -> None:
    assert meet(first, second) is found and meet(second, first) is found


def items(join: Json, b: str, n: str, policy: str) -> Workflow:
    """Items with two arms, which take so many seconds."""
    return flow(
        {"f": ("for_each", {"on_item_failure": policy, "at_least": 0}),
         "b": ("nap", {"seconds": {"expr": b}}), "n": ("nap", {"seconds": {"expr": n}}),
         "k": ("collect", {}, {"join": join}), "z": "end"},
        "f.item > b, f.item > n, b > k, n > k, k > z",
    )  # fmt: skip


async def after(bench: Bench, work: Workflow, given: Json, *seconds: int) -> RunHandle:
    handle = await bench.start(work, given)
    for passed in seconds:
        bench.clock.advance(passed)
        await settle()
    return handle


@pytest.mark.parametrize(
    ("policy", "expected"), [("continue", [{"b": 1, "n": 1}]), ("stop", "join_timeout")]
)
async def test_an_item_that_collect_waits_too_long_for_has_failed(
    policy: str, expected: Json
) -> None:
    join = {"timeout_s": 15.0, "on_timeout": "fail"}
    async with Bench(stay=True) as bench:
        work = items(join, "0", "input * 10", policy)
        handle = await after(bench, work, [1, 2], 10, 5)
        assert outcome((await handle.leg()).event) == expected
        failed = [(f.task, f.handled) for f in bench.facts if isinstance(f, ev.TaskFailed)]
        assert failed == ([("k@f.1", "item")] if policy == "continue" else [])
        assert (await bench.engine.replay(handle.run)).equal


@pytest.mark.parametrize(("policy", "expected"), [("continue", [2]), ("stop", "late_arrival")])
async def test_an_item_of_which_something_comes_too_late_has_failed(
    policy: str, expected: Json
) -> None:
    join = {"mode": "any", "rest": "error"}
    async with Bench(stay=True) as bench:
        work = items(join, "30 if input == 2 else 0", "input * 10", policy)
        handle = await after(bench, work, [1, 2], 10, 10, 10)
        assert outcome((await handle.leg()).event) == expected
        told = [f.message for f in bench.facts if isinstance(f, ev.Warned)]
        late = ["A value from b came to k after it had gone on"]
        assert told == (late if policy == "continue" else [])
        assert (await bench.engine.replay(handle.run)).equal


async def test_the_item_outside_fails_where_the_inner_for_each_may_lose_none() -> None:
    inner = items({"timeout_s": 5.0, "on_timeout": "fail"}, "0", "input * 10", "stop")
    work = replace(
        flow({"e": ("for_each", {"on_item_failure": "collect"}),
              "o": ("collect", {}), "y": "end"}, "e.item > f, k > o, o.failed > y"),
        id=inner.id,
    )  # fmt: skip
    nodes = {**inner.nodes, **work.nodes}
    del nodes["z"]
    wires = [edge for edge in (*inner.edges, *work.edges) if edge.target.node != "z"]
    work = replace(work, nodes=nodes, edges=tuple(wires))
    async with Bench(stay=True) as bench:
        handle = await after(bench, work, [[1], [0]], 5, 5)
        result = outcome((await handle.leg()).event)
        assert [(each["index"], each["error"]["code"]) for each in result] == [(0, "join_timeout")]
