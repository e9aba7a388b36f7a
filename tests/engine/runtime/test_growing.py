"""For eachs that get items while at work, need so many successes, or are left (U49, U51)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.model.node_types import Context, NodeFailure, Output
from engine.model.workflow import Channel, Limits, Workflow
from engine.nodes.add_items import ADD_ITEMS
from tests.engine.flows import Bench, flow, node_type, outcome, settle
from tests.engine.properties.driving import leftovers

Json = Any
SMALLER = {"items": {"expr": "[input - 1] * 2 if input > 1 else []"}}
HOLD = Channel(name="hold", type="boolean", default=False)


def growing(limit: int = 8, collect: Json = None, **settings: Any) -> Workflow:
    return flow(
        {"e": ("for_each", {"limit": limit}), "a": ("add_items", SMALLER), "b": "asleep",
         "c": ("collect", collect or {}), "z": "end"},
        "e.item > a, a > b, b > c, c > z",
        **settings,
    )  # fmt: skip


async def finished(work: Workflow, value: Json, *more: Any) -> Json:
    async with Bench(ADD_ITEMS, *more) as bench:
        handle = await bench.start(work, value)
        result = outcome((await handle.leg()).event)
        report = await bench.engine.replay(handle.run)
        assert report.equal, report
        assert not leftovers(handle.state) or isinstance(bench.facts[-1], ev.RunFailed)
        return result


@pytest.mark.parametrize("commit", ["eager", "strict"])
@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_node_inside_adds_items_until_all_are_done(limit: int, commit: Any) -> None:
    """Pattern 15: closed once all are done, for then nothing inside can add any more."""
    result = await finished(growing(limit, commit=commit), [3])
    assert sorted(result, reverse=True) == [3, 2, 2, 1, 1, 1, 1]


async def test_never_more_added_items_at_once_than_the_limit() -> None:
    async with Bench(ADD_ITEMS) as bench:
        handle = await bench.start(growing(2), [4])
        await handle.leg()
        states = [bench.engine.state_at(handle.run, n) for n in range(handle.state.commit + 1)]
        assert max(len({task.path for task in s.tasks.values() if task.path}) for s in states) == 2


async def test_the_limit_of_items_counts_those_that_were_added() -> None:
    work = growing(limits=Limits(items=5))
    assert await finished(work, [3]) == "limit"


async def test_items_are_added_to_the_innermost_for_each() -> None:
    work = flow(
        {"o": "for_each", "e": "for_each", "a": ("add_items", SMALLER), "c": "collect",
         "d": "collect", "z": "end"},
        "o.item > e, e.item > a, a > c, c > d, d > z",
    )  # fmt: skip
    assert await finished(work, [[2], [1]]) == [[2, 1, 1], [1]]


async def test_an_added_item_that_fails_is_named_with_its_value() -> None:
    work = flow(
        {"e": ("for_each", {"on_item_failure": "collect"}), "a": ("add_items", SMALLER),
         "b": "odd_fails", "c": "collect", "z": "end", "y": "end"},
        "e.item > a, a > b, b > c, c > z, c.failed > y",
    )  # fmt: skip
    result = await finished(work, [2])
    assert result["z"] == [2]
    assert [(each["index"], each["item"]) for each in result["y"]] == [(1, 1), (2, 1)]


async def test_code_outside_of_every_for_each_cannot_add_items() -> None:
    def adds(params: Any, ctx: Context) -> Output:
        return Output({"out": 1}, more=(1,))

    work = flow({"a": "adds", "z": "end"}, "a > z")
    assert await finished(work, 1, node_type("adds", adds)) == "no_for_each"


# --- so many successes --------------------------------------------------------------------------


def losing(collect: Json = None, **params: Any) -> Workflow:
    return flow(
        {"e": ("for_each", params), "a": "odd_fails", "c": ("collect", collect or {}), "z": "end"},
        "e.item > a, a > c, c > z",
    )


@pytest.mark.parametrize(
    ("policy", "least", "items", "expected"),
    [
        ("continue", None, [1, 2, 3], [2]),
        ("continue", None, [1, 3], "too_few"),
        ("continue", None, [], []),
        ("continue", 0, [1, 3], []),
        ("continue", 2, [1, 2, 3], "too_few"),
        ("continue", 2, [1, 2, 4], [2, 4]),
        ("continue", 5, [2, 4], [2, 4]),
        ("collect", None, [1, 3], []),
        ("collect", 1, [1, 3], "too_few"),
    ],
)
async def test_a_for_each_needs_so_many_successes_where_items_fail(
    policy: str, least: int | None, items: list[int], expected: Json
) -> None:
    """T72: good if enough succeed, by default one; all of them failed is a failure."""
    more = {} if least is None else {"at_least": least}
    assert await finished(losing(on_item_failure=policy, **more), items) == expected


async def test_too_few_successes_are_a_failure_of_collect_and_say_why() -> None:
    work = losing(on_item_failure="continue", at_least=2)
    async with Bench() as bench:
        event = await bench.run(work, [1, 2])
        assert isinstance(event, ev.RunFailed) and event.error.node == "c"
        assert "1 of 2 items of e have succeeded, and at least 2 must" in event.error.message
        assert "1 is odd" in event.error.message


# --- finish with what there is ------------------------------------------------------------------


def stopping(rest: str, **params: Any) -> Workflow:
    return flow(
        {"s": "same", "q": ("ask", {}, {"writes": {"hold": "True"}}), "e": ("for_each", params),
         "w": ("nap", {"seconds": {"expr": "input"}}), "k": ("same", {}, {}),
         "c": ("collect", {"enough": {"expr": "state.hold"}, "rest": rest}), "z": "end"},
        "s > q, s > e, e.item > w, w > k, k > c, c > z",
        channels=[HOLD],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rest", "cancelled", "ran"),
    [("cancel", ["w@e.1"], []), ("leave", [], ["w@e.1", "k@e.1"]),
     ("all", [], ["w@e.1", "k@e.1", "w@e.2", "k@e.2"])],
)  # fmt: skip
async def test_a_person_finishes_a_for_each_with_what_there_is(
    rest: str, cancelled: list[str], ran: list[str]
) -> None:
    """Pattern 27: looked at when the channel changes, not only when an item ends."""
    async with Bench(stay=True) as bench:
        handle = await bench.start(stopping(rest, limit=2), [1, 60, 70])
        bench.clock.advance(1)
        await settle()
        if rest != "all":
            assert [task for task in handle.state.tasks if task.startswith("w")] == [
                "w@e.1", "w@e.2",
            ]  # fmt: skip
        await approve(bench, "q")
        assert "c" in bench.order()
        after = bench.order().index("c")
        for _ in range(2):
            bench.clock.advance(70)
            await settle()
        assert outcome((await handle.leg()).event) == [1]
        late = [task for task in bench.order()[after:] if "@" in task]
        expected = {"cancel": [], "leave": ["w@e.1", "w@e.2", "k@e.1", "k@e.2"],
                    "all": ["w@e.1", "w@e.2", "k@e.1", "k@e.2"]}[rest]  # fmt: skip
        assert sorted(late) == sorted(expected)
        assert len(bench.order(ev.TaskCancelled)) == (2 if rest == "cancel" else 0)
        assert not leftovers(handle.state) and (await bench.engine.replay(handle.run)).equal


async def test_items_that_nobody_waits_for_all_begin() -> None:
    """The end of the item that was enough leaves a place to one that has not begun."""
    work = flow(
        {"e": ("for_each", {"limit": 1}), "a": "asleep",
         "c": ("collect", {"enough": 2, "rest": "all"}), "z": "end"},
        "e.item > a, a > c, c > z",
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3, 4])
        assert outcome((await handle.leg()).event) == [1, 2]
        assert [task for task in bench.order() if task[0] == "a"] == [f"a@e.{n}" for n in range(4)]
        assert not leftovers(handle.state) and (await bench.engine.replay(handle.run)).equal


async def approve(bench: Bench, node: str) -> None:
    [record] = [each for each in bench.engine.inbox() if each.node == node]
    await bench.engine.decide(
        Decide(request=record.request, choice="approve", by="ada", through="api",
               digest=record.digest)
    )  # fmt: skip
    await settle()


# --- the entries of an object ------------------------------------------------------------------


def keyed(collect: Json = None, body: Json = "same", **params: Any) -> Workflow:
    return flow(
        {"e": ("for_each", params), "a": body, "b": "code", "c": ("collect", collect or {}),
         "z": "end"},
        "e.item > a, a > b, b > c, c > z",
    )  # fmt: skip


def _value(params: Any, ctx: Context) -> Output:
    value = ctx.input["value"] if isinstance(ctx.input, dict) else ctx.input
    if value == 3:
        raise NodeFailure("three", retryable=False)
    return Output({"out": value})


@pytest.mark.parametrize(
    ("given", "collect", "params", "expected"),
    [
        ({"x": 1, "y": 2}, {}, {}, {"x": 1, "y": 2}),
        ({}, {}, {}, {}),
        ({"x": 1, "y": 2}, {"result": "list"}, {}, [1, 2]),
        ([7, 8], {"result": "object"}, {}, {"0": 7, "1": 8}),
        ({"x": 3, "y": 2}, {}, {"on_item_failure": "continue"}, {"y": 2}),
        ({"x": 3, "y": 2}, {"skipped": "null"}, {"on_item_failure": "continue"},
         {"x": None, "y": 2}),
    ],
)  # fmt: skip
async def test_over_an_object_the_results_are_an_object(
    given: Json, collect: Json, params: Json, expected: Json
) -> None:
    """U51: over a mapping."""
    assert await finished(keyed(collect, **params), given, CODE) == expected


CODE = node_type("code", _value)


async def test_objects_that_come_before_one_is_done_keep_their_keys() -> None:
    work = flow(
        {"s": "same", "h": "plus", "b": ("below", {"n": 3}), "e": ("for_each",
         {"items": {"expr": "{'n': input, 'm': input * 10}"}, "limit": 1}), "a": "asleep",
         "c": "collect", "z": "end"},
        "s > h, h > b, b.again > h, h > e, e.item > a, a > c, c > z",
    )  # fmt: skip
    result = await finished(work, 0)
    assert result == {"n": {"key": "n", "value": 3}, "m": {"key": "m", "value": 30}}


async def test_what_is_added_to_an_object_has_its_own_key_or_its_number() -> None:
    more = {"items": {"expr": "[{'key': 'new', 'value': 1}, 5] if loop.index == 0 else []"}}
    work = keyed(body=("add_items", more))
    assert await finished(work, {"x": 9}, CODE) == {"x": 9, "new": 1, "2": 5}


# --- by hand ------------------------------------------------------------------------------------


def slow_items(**collect: Any) -> Workflow:
    return flow(
        {"e": ("for_each", {"limit": 2}), "w": ("nap", {"seconds": {"expr": "input"}}),
         "c": ("collect", collect), "z": "end"},
        "e.item > w, w > c, c > z",
        limits=Limits(items=4),
    )  # fmt: skip


async def test_a_person_adds_items_and_finishes_a_for_each() -> None:
    """Patterns 15 and 27, from outside of the run."""
    async with Bench(stay=True) as bench:
        handle = await bench.start(slow_items(), [1, 60])
        await bench.engine.add_items(handle.run, "e", [2, 99])
        bench.clock.advance(3)
        await settle()
        bench.clock.advance(3)
        await settle()
        assert "w@e.2" in bench.order()
        await bench.engine.finish_items(handle.run, "e", reason="late")
        assert outcome((await handle.leg()).event) == [1, 2]
        assert bench.order(ev.TaskCancelled) == ["w@e.1", "w@e.3"]
        [finished] = [fact for fact in bench.facts if isinstance(fact, ev.ItemsFinished)]
        assert (finished.results, finished.reason) == (2, "late")
        assert not leftovers(handle.state) and (await bench.engine.replay(handle.run)).equal


async def test_what_cannot_be_added_or_finished_is_said_and_changes_nothing() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(slow_items(), [1, 60])
        await bench.engine.add_items(handle.run, "e", [2, 3, 4])
        await bench.engine.finish_items(handle.run, "w")
        await bench.engine.add_items(handle.run, "e", [5], within="x.1")
        await settle()
        said = [fact.message for fact in bench.facts if isinstance(fact, ev.Warned)]
        assert "the limit items is 4" in said[0]
        assert [text.partition(" at work")[0] for text in said[1:]] == [
            "There is no For each w", "There is no For each e",
        ]  # fmt: skip
        assert handle.state.zones["e@"].size == 2
        handle.cancel()
        await handle.leg()


async def test_attempts_of_a_for_each_that_is_finished_are_ended() -> None:
    work = flow(
        {"s": "same", "n": ("nap", {"seconds": 9}), "e": "for_each", "a": "hang", "c": "collect",
         "z": "end"},
        "s > n, s > e, e.item > a, a > c, c > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, [1, 2])
        assert len(handle._loop.frontier.running) == 2
        await bench.engine.finish_items(handle.run, "e")
        await settle()
        assert list(handle.state.waits) == ["n"] and not handle._loop.frontier.running
        bench.clock.advance(9)
        assert outcome((await handle.leg()).event) == []


async def test_one_of_several_for_eachs_is_chosen_by_the_item_around_it() -> None:
    work = flow(
        {"o": "for_each", "e": "for_each", "w": ("nap", {"seconds": {"expr": "input"}}),
         "c": "collect", "d": "collect", "z": "end"},
        "o.item > e, e.item > w, w > c, c > d, d > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, [[9], [9]])
        await bench.engine.add_items(handle.run, "e", [4], within="o.1")
        await settle()
        bench.clock.advance(9)
        await settle()
        assert outcome((await handle.leg()).event) == [[9], [9, 4]]
