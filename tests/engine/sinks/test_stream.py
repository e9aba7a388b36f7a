"""A stream tells every fact once, in order, however slow or late its reader (U106, U110).

T24, T26, T28, T52, C5 no. 6.
"""

from __future__ import annotations

import asyncio
from typing import Any

from engine import events as ev
from engine.commands import Decide
from engine.events import Recorded
from engine.ids import RunId, TaskId
from engine.model.node_types import Context, Output
from engine.model.workflow import Workflow
from engine.sinks.stream import Stream
from tests.engine.flows import Bench, flow, node_type, settle

CHAIN = flow(
    {"start": "trigger.manual", "a": "asleep", "b": "asleep", "end": "end"},
    "start > a, a > b, b > end",
)
GATE = flow(
    {"start": "trigger.manual", "ask": "ask", "end": "end"}, "start > ask, ask.approved > end"
)


GATES = flow({"a": "plus", "b": "plus", "c": "asleep", "z": "end"}, "a > b, b > c, c > z")


async def chatty(params: Any, ctx: Context) -> Output:
    for number in range(200):
        ctx.emit(f"{number}")
        await asyncio.sleep(0)
    return Output({"out": ctx.input})


TALK = node_type("talk", chatty)
TALKS = flow({"start": "trigger.manual", "a": "talk", "end": "end"}, "start > a, a > end")


async def facts_of(stream: Stream) -> list[Recorded]:
    return [news async for news in stream if isinstance(news, Recorded)]


async def whole(bench: Bench, workflow: Workflow) -> list[Recorded]:
    handle = await bench.engine.start(workflow, 1)
    return await facts_of(handle.news())


async def test_every_fact_comes_once_and_the_terminal_one_is_last() -> None:
    async with Bench() as bench:
        facts = await whole(bench, CHAIN)
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    assert [isinstance(fact.event, ev.TERMINAL) for fact in facts].index(True) == len(facts) - 1


async def test_many_may_listen_and_all_hear_the_same() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(CHAIN, 1)
        first, second = await asyncio.gather(facts_of(handle.news()), facts_of(handle.news()))
    assert first == second


async def test_a_late_listener_catches_up_from_a_number() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(CHAIN, 1)
        await handle.leg()
        everything = await facts_of(handle.news())
        assert [fact.seq for fact in await facts_of(handle.news(after=3))] == [
            fact.seq for fact in everything[3:]
        ]


async def test_a_slow_listener_loses_no_fact_and_its_lost_updates_are_counted() -> None:
    async with Bench(TALK) as bench:
        handle = await bench.engine.start(TALKS, 1)
        stream = handle.news(size=10)
        await handle.leg()  # the reader sleeps until the run is over
        news = [each async for each in stream]
        stored = bench.engine.events(handle.run)
    chunks = [each for each in news if isinstance(each, ev.OutputChunk)]
    assert [each for each in news if isinstance(each, Recorded)] == stored
    told = sum(isinstance(each, ev.OutputChunk | ev.TaskStarted) for each in bench.news)
    assert stream.dropped == told - len(chunks) - sum(isinstance(x, ev.TaskStarted) for x in news)
    assert stream.dropped > 150


async def test_a_listener_that_falls_behind_while_it_reads_loses_no_fact_either() -> None:
    """What was dropped before it had its turn again is in the store."""
    async with Bench() as bench:
        handle = await bench.engine.start(GATES, 1)
        stream = handle.news(size=3)
        first = [await anext(stream) for _ in range(2)]  # it is up to date, and then it sleeps
        await handle.leg()
        news = [*first, *[each async for each in stream]]
        stored = bench.engine.events(handle.run)
    assert [each for each in news if isinstance(each, Recorded)] == stored
    assert len(stored) > 8


async def test_nothing_comes_after_the_terminal_event_whatever_else_is_told() -> None:
    """U107, T26: it ends the stream by itself; nobody has to say that the run is over."""

    async def read(after: int, upto: int | None) -> list[Recorded]:
        return []

    stream = Stream(read)
    run = RunId("run1")
    stream.hear(Recorded(run, 1, 0.0, ev.RunFinished(result=1)))
    stream.hear(ev.OutputChunk(run=run, task=TaskId("a"), node="a", stream="stdout", text="late"))
    async with asyncio.timeout(5):
        news = [each async for each in stream]
    assert [type(each) for each in news] == [ev.OutputChunk, Recorded]


async def test_a_listener_that_never_reads_does_not_hold_the_run() -> None:
    async with Bench(TALK) as bench:
        handle = await bench.engine.start(TALKS, 1)
        stream = handle.news(size=1)
        assert await handle.result() == 1
        await stream.close()


async def test_a_listener_that_leaves_may_come_back() -> None:
    """T52: the run goes on without it."""
    async with Bench() as bench:
        handle = await bench.engine.start(CHAIN, 1)
        async with handle.news() as stream:
            first = await anext(stream)
        rest = await facts_of(handle.news(after=1))
    assert isinstance(first, Recorded)
    assert first.seq == 1
    assert isinstance(rest[-1].event, ev.RunFinished)


async def test_the_stream_of_a_leg_goes_through_the_ends_of_older_legs() -> None:
    async with Bench() as bench:
        handle = await bench.engine.start(GATE, 1)
        assert isinstance((await facts_of(handle.news()))[-1].event, ev.RunWaiting)
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="me", through="api")
        )
        again = await bench.engine.resume(handle.run)
        facts = await facts_of(again.news())
    ends = [type(fact.event).__name__ for fact in facts if isinstance(fact.event, ev.TERMINAL)]
    assert ends == ["RunWaiting", "RunFinished"]
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))


async def test_a_stream_ends_when_nobody_drives_the_run_any_more() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(GATE, 1)
        stream = handle.news()
        reader = asyncio.get_running_loop().create_task(facts_of(stream))
        await settle()
        assert not reader.done()
        await handle.stop()
        facts = await reader
    assert isinstance(facts[-1].event, ev.SuperstepCommitted)
