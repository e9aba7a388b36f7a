"""For each over a stream: items one by one, admitted by commits, as there is room (U51)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.errors import StoreError
from engine.model.node_types import (
    Context,
    Element,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Start,
    Stream,
)
from engine.model.workflow import Limits, RetryPolicy, Workflow
from engine.nodes.listen_stream import LISTEN_STREAM
from tests.engine.flows import Bench, flow, node_type, outcome, settle
from tests.engine.properties.driving import leftovers
from tests.engine.properties.test_crash import FragileStore

Json = Any
#: What was asked of each source: (the count that it began after, or the item).
ASKED: list[Json] = []
#: How many items a source has, where it is not as many as the node says.
SHORTER: dict[str, int] = {}


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    ASKED.clear()


async def _numbers(given: Json, ctx: Context, start: Start) -> AsyncGenerator[Element, None]:
    del ctx
    first = start.position or 0 if given.get("seek") else 0
    ASKED.append(f"open {start.count} {start.position}")
    for number in range(first, SHORTER.get("n") or given["n"]):
        if number == given.get("fails_at") and ASKED.count("failed") < given.get("failures", 9):
            ASKED.append("failed")
            raise NodeFailure("the line is dead", code="dead")
        await asyncio.sleep(0)
        ASKED.append(number)
        yield Element(number, number + 1)


def source(id: str, again: Any) -> NodeType:
    ports = Ports((Port(name="in"),), (Port(name="out", type="stream"),))

    def run(params: Any, ctx: Context) -> Output:
        return Output({"out": {"seek": again == "seek", **(params.model_extra or {})}})

    return node_type(id, run, ports=lambda params: ports, stream=Stream(open=_numbers, again=again))


SOURCES = [source("numbers", "repeat"), source("seeking", "seek"), source("once_only", "never")]


def bench(**options: Any) -> Bench:
    return Bench(*SOURCES, LISTEN_STREAM, **options)


def stream(
    n: int = 5, body: Json = "plus", type: str = "numbers", collect: Json = None, **params: Any
) -> Workflow:
    each = {key: params.pop(key) for key in ("limit", "batch", "on_item_failure") if key in params}
    fields = params.pop("fields", {})
    settings = params.pop("settings", {})
    return flow(
        {"s": (type, {"n": n, **params}), "e": ("for_each", each, fields), "a": body,
         "c": ("collect", collect or {}), "z": "end"},
        "s > e, e.item > a, a > c, c > z",
        **settings,
    )  # fmt: skip


async def finished(test: Bench, work: Workflow, value: Json = None) -> tuple[Json, RunHandle]:
    """Run; check that nothing is left, and that a replay makes the same commits."""
    handle = await test.start(work, value)
    result = outcome((await handle.leg()).event)
    assert not leftovers(handle.state)
    report = await test.engine.replay(handle.run)
    assert report.equal, report
    return result, handle


@pytest.mark.parametrize("commit", ["eager", "strict"])
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_the_items_of_a_stream_are_worked_on_as_they_come(limit: int, commit: Any) -> None:
    work = stream(20, "asleep", limit=limit, settings={"commit": commit})
    async with bench() as test:
        result, _ = await finished(test, work)
        assert result == list(range(20))


async def test_a_stream_without_items_is_done_at_once() -> None:
    async with bench() as test:
        assert (await finished(test, stream(0)))[0] == []


async def test_no_more_is_asked_of_a_stream_than_there_is_room_for() -> None:
    """Back pressure: `limit` items at work, and one that has been asked for ahead."""
    async with bench(stay=True) as test:
        handle = await test.start(stream(100, "hang", limit=3))
        await settle(300)
        assert [each for each in ASKED if isinstance(each, int)] == [0, 1, 2, 3]
        assert len([task for task in handle.state.tasks if task.startswith("a@")]) == 3
        await test.engine.cancel(handle.run, "enough")
        assert outcome((await handle.leg()).event) == "RunCancelled"


async def test_a_stream_holds_no_slot_of_the_concurrency() -> None:
    work = stream(4, "asleep", settings={"limits": Limits(concurrency=1)})
    async with bench() as test:
        assert (await finished(test, work))[0] == [0, 1, 2, 3]


async def test_batches_of_a_stream_are_lists_of_so_many() -> None:
    async with bench() as test:
        result, _ = await finished(test, stream(5, "same", batch=2))
        assert result == [[0, 1], [2, 3], [4]]


async def test_enough_ends_the_stream() -> None:
    async with bench() as test:
        work = stream(1000, "asleep", limit=2, collect={"enough": 3})
        result, _ = await finished(test, work)
        assert len(result) == 3 and "e" in test.order(ev.TaskCancelled)
        assert len(ASKED) < 12


@pytest.mark.parametrize(("type", "opened"), [("numbers", 5), ("seeking", 2)])
async def test_a_retry_goes_on_after_the_last_item(type: str, opened: int) -> None:
    """What was taken is passed over, or is not asked for again by a source that can seek."""
    retry = RetryPolicy(attempts=3, delay_s=5, jitter=False)
    work = stream(4, type=type, fails_at=2, failures=1, limit=1, fields={"retry": retry})
    async with bench(stay=True) as test:
        handle = await test.start(work)
        await settle(300)
        test.clock.advance(5)
        assert outcome((await handle.leg()).event) == [1, 2, 3, 4]
        assert len([each for each in ASKED if isinstance(each, int)]) == opened - 2 + 4 - (
            type == "numbers"
        )
        assert (await test.engine.replay(handle.run)).equal


@pytest.mark.parametrize(
    ("handling", "expected"),
    [("fail", "dead"), ("ignore", None), ("error_port", "dead"), ("continue", [1, 2, "dead"])],
)
async def test_a_stream_that_fails_does_what_the_node_says(handling: str, expected: Json) -> None:
    work = flow(
        {"s": ("numbers", {"n": 5, "fails_at": 2}), "e": ("for_each", {}, {"on_error": handling}),
         "a": "code", "c": "collect", "z": "end"},
        "s > e, e.item > a, a > c, c > z"
        + (", e.error > z" if handling == "error_port" else ""),
    )  # fmt: skip

    def code(params: Any, ctx: Context) -> Output:
        value = ctx.input
        if isinstance(value, dict):
            return Output({"out": value.get("error", value)["code"]})
        return Output({"out": value + 1})

    async with Bench(*SOURCES, node_type("code", code)) as test:
        handle = await test.start(work)
        result = outcome((await handle.leg()).event)
        assert (result["code"] if handling == "error_port" else result) == expected
        assert (await test.engine.replay(handle.run)).equal


async def test_an_item_that_fails_ends_the_stream_with_the_run() -> None:
    async with bench() as test:
        work = stream(100, "odd_fails", limit=1)
        assert outcome(await test.run(work)) == "failed"
        assert len(ASKED) < 10


@pytest.mark.parametrize("on_failure", ["finish", "collect"])
async def test_a_stream_whose_items_have_failed_does_not_hold_the_run(on_failure: Any) -> None:
    async with bench() as test:
        work = stream(100, "odd_fails", limit=2, settings={"on_failure": on_failure})
        assert isinstance(await test.run(work), ev.RunFailed)


async def test_a_pause_holds_the_stream_too() -> None:
    async with bench(stay=True) as test:
        handle = await test.start(stream(100, ("nap", {"seconds": 5}), limit=2))
        await settle(100)
        handle.pause()
        await settle(100)
        test.clock.advance(5)
        await settle(200)
        asked = len(ASKED)
        test.clock.advance(5)
        await settle(200)
        assert len(ASKED) == asked
        await test.engine.cancel(handle.run, "enough")
        await handle.leg()


async def test_two_streams_of_one_for_each_take_turns() -> None:
    work = flow(
        {"q": "same", "h": "plus", "b": ("below", {"n": 2}), "s": ("numbers", {"n": 3}),
         "e": ("for_each", {"limit": 2}), "a": "asleep", "c": "collect", "z": "end"},
        "q > h, h > b, b.again > h, h > s, s > e, e.item > a, a > c, c > z",
    )  # fmt: skip
    async with bench() as test:
        handle = await test.start(work, 0)
        assert outcome((await handle.leg()).event) == [0, 1, 2]
        assert [each for each in test.order() if each.startswith("c")] == ["c", "c#1"]


async def test_streams_nest_in_zones() -> None:
    work = flow(
        {"o": "for_each", "s": ("numbers", {"n": {"expr": "input"}}), "e": "for_each", "a": "plus",
         "c": "collect", "d": "collect", "z": "end"},
        "o.item > s, s > e, e.item > a, a > c, c > d, d > z",
    )  # fmt: skip
    async with bench() as test:
        assert (await finished(test, work, [2, 0, 1]))[0] == [[1, 2], [], [1]]


# --- after a crash ------------------------------------------------------------------------------


async def crash_at(count: int, work: Workflow) -> tuple[Json, list[Json], int]:
    """Run until so many writes were made; resume; return (result, what was asked then, left)."""
    store = FragileStore()
    store.left = count
    async with bench(store=store) as test:
        try:
            handle = await test.engine.start(work, None)
            event = (await handle.leg()).event
            return outcome(event), [], store.left
        except StoreError:
            pass
    store.left = 10_000
    ASKED.clear()
    async with bench(store=store) as test:
        runs = test.engine.runs()
        if not runs:
            return "never began", [], 0
        handle = await test.engine.resume(runs[0].run)
        event = (await handle.leg()).event
        assert not leftovers(handle.state) or isinstance(event, ev.RunFailed)
        assert (await test.engine.replay(handle.run)).equal
        return outcome(event), list(ASKED), 0


@pytest.mark.parametrize("type", ["numbers", "seeking"])
async def test_after_a_crash_a_stream_goes_on_after_the_last_item(type: str) -> None:
    work = stream(6, "asleep", type, limit=2)
    seen: set[str] = set()
    for count in range(100):
        result, asked, left = await crash_at(count, work)
        if result == "never began":
            continue
        assert result == list(range(6)), count
        if left:
            break
        seen |= {each for each in asked if isinstance(each, str)}
        if type == "seeking" and asked:
            first = int(asked[0].split()[1])
            assert [each for each in asked if isinstance(each, int)] == list(range(first, 6))
    assert len(seen) > 3


async def test_a_stream_that_can_be_read_once_only_says_so_after_a_crash() -> None:
    work = stream(6, "asleep", "once_only", limit=1)
    found = [(await crash_at(count, work))[0] for count in range(4, 12)]
    assert "cannot_repeat" in found


async def test_a_source_that_has_fewer_items_than_it_had_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = stream(6, "asleep", limit=1)
    store = FragileStore()
    store.left = 9
    async with bench(store=store) as test:
        handle = await test.engine.start(work, None)
        with pytest.raises(StoreError):
            await handle.leg()
    store.left = 1000
    monkeypatch.setitem(SHORTER, "n", 1)
    async with bench(store=store) as test:
        again = await test.engine.resume(handle.run)
        event = (await again.leg()).event
    assert isinstance(event, ev.RunFailed) and event.error.code == "stream_changed"
    assert "less than it had given" in event.error.message


# --- events -------------------------------------------------------------------------------------


def events(body: Json = "plus", collect: Json = None, **params: Any) -> Workflow:
    each = {key: params.pop(key) for key in ("limit",) if key in params}
    return flow(
        {"s": ("listen.stream", {"event": "new", **params}), "e": ("for_each", each), "a": body,
         "c": ("collect", collect or {}), "z": "end"},
        "s > e, e.item > a, a > c, c > z",
    )  # fmt: skip


async def test_events_are_items_until_one_says_that_it_is_the_last() -> None:
    work = events(until={"expr": "event == 'over'"}, match={"expr": "event != 7"})
    async with bench(stay=True) as test:
        handle = await test.start(work)
        for payload in (1, 7, 2, "over", 3):
            await test.engine.signal("new", payload)
            await settle()
        assert outcome((await handle.leg()).event) == [2, 3]
        assert test.order(ev.SignalTaken) == ["e", "e", "e"]
        assert not leftovers(handle.state) and (await test.engine.replay(handle.run)).equal


@pytest.mark.parametrize(("count", "expected"), [(2, [5, 5]), (0, [])])
async def test_so_many_events_are_taken(count: int, expected: Json) -> None:
    async with bench(stay=True) as test:
        handle = await test.start(events(count=count))
        for _ in range(3):
            await test.engine.signal("new", 4, run=handle.run if count else None)
        assert outcome((await handle.leg()).event) == expected
        assert (await test.engine.replay(handle.run)).equal


async def test_a_stream_of_events_ends_when_none_has_come_for_so_long() -> None:
    async with bench(stay=True) as test:
        handle = await test.start(events(timeout_s=60))
        for _ in range(3):
            test.clock.advance(50)
            await test.engine.signal("new", 1)
            await settle()
        test.clock.advance(60)
        assert outcome((await handle.leg()).event) == [2, 2, 2]


async def test_events_that_there_is_no_room_for_are_kept() -> None:
    async with bench(stay=True) as test:
        handle = await test.start(events(("nap", {"seconds": 9}), limit=1, count=3))
        for payload in (1, 2, 3):
            await test.engine.signal("new", payload)
        await settle()
        assert test.order(ev.SignalTaken) == ["e"]
        for _ in range(3):
            test.clock.advance(9)
            await settle()
        assert outcome((await handle.leg()).event) == [1, 2, 3]


async def test_a_run_that_waits_for_events_rests_and_goes_on_in_another_process() -> None:
    store = FragileStore()
    async with bench(store=store) as test:
        handle = await test.engine.start(events(count=2), None)
        assert outcome((await handle.leg()).event) == "RunWaiting"
        await test.engine.signal("new", 1)
    async with bench(store=store) as test:
        again = await test.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == "RunWaiting"
        await test.engine.signal("new", 5)
    async with bench(store=store) as test:
        again = await test.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == [2, 6]
        assert (await test.engine.replay(handle.run)).equal


async def test_enough_ends_the_listening() -> None:
    async with bench(stay=True) as test:
        handle = await test.start(events(collect={"enough": 1}))
        await test.engine.signal("new", 1)
        await settle()
        assert outcome((await handle.leg()).event) == [2]
        assert test.order(ev.TaskCancelled) == ["e"] and not leftovers(handle.state)


# --- where only people can go on ----------------------------------------------------------------


@pytest.mark.parametrize(("type", "rests"), [("numbers", True), ("once_only", False)])
async def test_a_leg_ends_while_a_stream_waits_for_people(type: str, rests: bool) -> None:
    """One that can be read only once is not let go of."""
    work = flow(
        {"s": (type, {"n": 3}), "e": ("for_each", {"limit": 1}), "a": "ask", "c": "collect",
         "z": "end"},
        "s > e, e.item > a, a.approved > c, a.rejected > c, c > z",
    )  # fmt: skip
    async with bench() as test:
        handle = await test.start(work)
        await settle(100)
        assert (handle._loop.terminal is not None) == rests
        assert len(test.engine.inbox()) == 1
        if not rests:
            await test.engine.cancel(handle.run, "enough")
            await handle.leg()


@pytest.mark.parametrize(("body", "expected"), [("same", "timeout"), ("long", [0])])
async def test_a_stream_may_be_silent_only_so_long(body: str, expected: Json) -> None:
    """Waiting for room is no silence (U80)."""

    async def two(given: Json, ctx: Context, start: Start) -> AsyncGenerator[Element, None]:
        del given, ctx, start
        yield Element(0)
        if body == "same":
            await asyncio.Event().wait()
        yield Element(1)

    async def long(params: Any, ctx: Context) -> Output:
        del params
        await asyncio.sleep(0.3)
        return Output({"out": ctx.input})

    ports = Ports((Port(name="in"),), (Port(name="out", type="stream"),))
    silent = node_type("silent", SOURCES[0].run, ports=lambda params: ports,
                       stream=Stream(open=two))  # fmt: skip
    work = stream(2, body, "silent", {"enough": 1 if body == "long" else 2}, limit=1,
                  fields={"idle_timeout_s": 0.08})  # fmt: skip
    async with Bench(silent, node_type("long", long)) as test:
        assert outcome(await test.run(work)) == expected
