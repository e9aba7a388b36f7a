"""Loop … Until: U13, U47, U52, U53, T43, T79, and zones inside one another."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.model.validation import validate
from engine.model.workflow import Channel, Limits
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, outcome, registry
from tests.engine.properties.driving import leftovers


def loop(body: dict[str, Any], wires: str, until: Any = None, **params: Any) -> Any:
    """A loop with its body, an end behind it."""
    ending = {} if until is None else {"condition": {"expr": until}}
    nodes = {"loop": ("loop", params), "until": ("until", ending), "z": "end", **body}
    return flow(nodes, f"{wires}, until > z")


async def result(work: Any, value: Any) -> Any:
    async with Bench() as bench:
        handle = await bench.engine.start(work, value)
        event = (await handle.leg()).event
        if isinstance(event, ev.RunFinished):
            assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal
        return outcome(event)


ONE = "loop.round > a, a > until"


@pytest.mark.parametrize(("count", "expected"), [(0, 5), (1, 6), (3, 8)])
async def test_a_loop_makes_its_number_of_rounds(count: int, expected: int) -> None:
    assert await result(loop({"a": "plus"}, ONE, count=count), 5) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 4), (9, 9)])
async def test_while_is_looked_at_before_every_round(value: int, expected: int) -> None:
    work = loop({"a": "plus"}, ONE, condition={"expr": "input < 4"})
    assert await result(work, value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 4), (9, 10)])
async def test_until_is_looked_at_after_every_round(value: int, expected: int) -> None:
    assert await result(loop({"a": "plus"}, ONE, until="input >= 4"), value) == expected


async def test_whichever_ends_the_loop_first_ends_it() -> None:
    work = loop({"a": "plus"}, ONE, until="input == 7", count=9, condition={"expr": "input < 8"})
    assert await result(work, 0) == 7
    assert await result(work, 7) == 8


async def test_rounds_see_their_number_and_what_they_began_with() -> None:
    log = Channel(name="log", type="array", reducer="append", default=[])
    work = flow(
        {"loop": ("loop", {"count": 2}), "a": ("plus", {}, {"writes": {"log":
         "[loop.index, loop.of, loop.item, output]"}}),
         "until": ("until", {}, {"writes": {"log": "[loop.index, loop.item]"}}), "z": "end"},
        "loop.round > a, a > until, until > z",
        channels=[log],
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.engine.start(work, 5)
        await handle.leg()
        assert handle.state.channels["log"] == [
            [0, 2, 5, 6], [0, 5], [1, 2, 6, 7], [1, 6],
        ]  # fmt: skip
        assert bench.order() == [
            "loop", "a@loop.0", "until@loop.0", "a@loop.1", "until@loop.1", "z",
        ]  # fmt: skip


async def test_until_reads_what_ran_in_its_round() -> None:
    work = loop(
        {"a": "plus", "b": "same"}, "loop.round > a, a > b, b > until", until="nodes.a >= 3"
    )
    assert await result(work, 0) == 3


async def test_a_fork_and_a_join_inside_a_round() -> None:
    work = loop(
        {"p": "plus", "q": "asleep", "j": "join", "k": "biggest"},
        "loop.round > p, loop.round > q, p > j, q > j, j > k, k > until",
        count=3,
    )
    assert await result(work, 0) == 3


async def test_a_round_without_a_result_leaves_the_value_as_it_was() -> None:
    work = loop(
        {"a": "same", "b": "plus", "n": "pass_over"},
        "loop.round > a, a > b [loop.index != 1], a > n [else], b > until, n > until",
        count=3,
    )
    assert await result(work, 0) == 2


async def test_what_still_runs_when_its_round_ends_is_cancelled() -> None:
    work = flow(
        {"loop": ("loop", {"count": 2}), "a": "plus", "h": "hang",
         "until": ("until", {}, {"join": {"mode": "any"}}), "z": "end"},
        "loop.round > a, loop.round > h, a > until, h > until, until > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.engine.start(work, 0)
        assert outcome((await handle.leg()).event) == 2
        assert bench.order(ev.TaskCancelled) == ["h@loop.0", "h@loop.1"]


async def test_loops_nest_in_loops_and_in_for_each_and_around_it() -> None:
    inner = {"loop": ("loop", {"count": 2}), "a": "plus", "until": "until"}
    twice = flow(
        {"o": ("loop", {"count": 3}), "u": "until", "z": "end", **inner},
        "o.round > loop, loop.round > a, a > until, until > u, u > z",
    )
    assert await result(twice, 0) == 6
    inside = flow(
        {"e": "for_each", "c": "collect", "z": "end", **inner},
        "e.item > loop, loop.round > a, a > until, until > c, c > z",
    )
    assert await result(inside, [0, 10]) == [2, 12]
    around = flow(
        {"o": ("loop", {"count": 2}), "u": "until", "e": "for_each", "c": "collect", "a": "plus",
         "z": "end"},
        "o.round > e, e.item > a, a > c, c > u, u > z",
    )  # fmt: skip
    assert await result(around, [1, 2]) == [3, 4]


async def test_a_loop_that_does_not_run_skips_its_until() -> None:
    work = flow(
        {"s": "same", "loop": ("loop", {"count": 1}), "a": "plus", "until": "until", "o": "same",
         "j": "join", "z": "end"},
        "s > loop [input > 5], s > o, loop.round > a, a > until, until > j, o > j, j > z",
    )  # fmt: skip
    assert await result(work, 1) == {"o": 1}


async def test_a_loop_has_a_cap_that_names_itself() -> None:
    work = flow(
        {"loop": ("loop", {"condition": {"expr": "True"}}), "a": "plus", "until": "until",
         "z": "end"},
        "loop.round > a, a > until, until > z",
        limits=Limits(visits=5),
    )  # fmt: skip
    async with Bench() as bench:
        event = await bench.run(work, 0)
        assert isinstance(event, ev.RunFailed) and "made 5 rounds" in event.error.message
        assert [fact.limit for fact in bench.facts if isinstance(fact, ev.LimitReached)] == [
            "visits"
        ]


LOSES = {"on_item_failure": "continue", "at_least": 0}


async def test_an_item_may_fail_in_the_middle_of_a_loop() -> None:
    work = flow(
        {"e": ("for_each", LOSES), "loop": ("loop", {"count": 3}),
         "a": "plus", "b": "odd_fails", "until": "until", "c": "collect", "z": "end"},
        "e.item > loop, loop.round > a, a > b, b > until, until > c, c > z",
    )  # fmt: skip
    assert await result(work, [1, 2]) == []


@pytest.mark.parametrize(
    ("key", "on_error", "expected"),
    [
        ("loop", "continue", "error"), ("loop", "ignore", None), ("until", "continue", "error"),
        ("until", "ignore", None), ("until", "fail", "failed"), ("loop", "fail", "failed"),
    ],
)  # fmt: skip
async def test_a_condition_that_fails_is_a_failure_of_its_node(
    key: str, on_error: str, expected: Any
) -> None:
    bad = {"condition": {"expr": "input.missing"}}
    work = flow(
        {"loop": ("loop", bad if key == "loop" else {"count": 2}, {"on_error": on_error}),
         "until": ("until", bad if key == "until" else {}, {"on_error": on_error}),
         "a": "plus", "z": "end"},
        "loop.round > a, a > until, until > z",
    )  # fmt: skip
    value = await result(work, 1)
    if expected == "error":
        assert value["error"]["code"] == "expression"
    else:
        assert value == ("expression" if expected == "failed" else None)


async def test_a_condition_on_the_way_out_sees_the_result() -> None:
    work = flow(
        {"loop": ("loop", {"count": 2}), "a": "plus", "until": "until", "y": "end", "z": "end"},
        "loop.round > a, a > until, until > y [input == 2], until > z [else]",
    )
    assert await result(work, 0) == 2
    async with Bench() as bench:
        await bench.run(work, 5)
        assert "z" in bench.order() and "y" not in bench.order()


async def test_a_fork_in_the_middle_of_a_round_goes_on_there() -> None:
    """T79: what ran before the wait does not run again, and no loop is inside itself."""
    work = loop({"a": "plus", "g": "ask"}, "loop.round > a, a > g, g.approved > until", count=2)
    store, clock = MemoryStore(), FakeClock()
    async with Bench(store=store, clock=clock, early={"g": "approve"}) as bench:
        whole = await bench.engine.start(work, 0)
        assert outcome((await whole.leg()).event) == 2
    async with Bench(store=store, clock=clock) as bench:
        bench.ids.skip(100)
        handle = await bench.engine.start(work, 0)
        await handle.leg()
        run = handle.run
        assert bench.order() == ["loop", "a@loop.0"]
    async with Bench(store=store, clock=clock, early={"g": "approve"}) as second:
        second.ids.skip(200)
        fork = await second.engine.fork(run, handle.state.commit)
        assert outcome((await fork.leg()).event) == 2
        assert second.order().count("a@loop.0") == 0 and "a@loop.1" in second.order()


@pytest.mark.parametrize("given", [0, 5])
async def test_a_cycle_may_be_entered_at_either_of_two_nodes(given: int) -> None:
    """U52: what comes round runs a node by itself; no check takes it for a second source."""
    wires = "s > a [input > 3], s > b [else], a > b, b > a [input < 9], b > z [else]"
    strict = {"join": {"mode": "all"}}
    work = flow({"s": "same", "a": ("same", {}, strict), "b": ("same", {}, strict), "z": "end"},
                wires)  # fmt: skip
    assert validate(work, registry()) == ()
    async with Bench() as bench:
        work = flow({"s": "same", "a": "plus", "b": "plus", "z": "end"}, wires)
        handle = await bench.start(work, given)
        assert outcome((await handle.leg()).event) == 9
        assert not leftovers(handle.state)
        assert (await bench.engine.replay(handle.run)).equal
