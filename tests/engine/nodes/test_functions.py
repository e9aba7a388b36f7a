"""A decorated function is a node type: form, ports, threads, streams, errors (U21, U22, U124)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from engine import events as ev
from engine.model.node_types import (
    Answer,
    Context,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Start,
    Wait,
)
from engine.model.workflow import RetryPolicy, Workflow
from engine.nodes.functions import node
from tests.engine.flows import Bench, flow, outcome
from tests.engine.nodes.contexts import FakeContext, context, run_now

Json = Any


class Row(BaseModel):
    name: str
    total: float = 0.0


@dataclass
class Sum:
    count: int
    total: float


def around(id: str, **params: Json) -> Workflow:
    nodes = {"start": "trigger.manual", "it": (id, params), "end": "end"}
    return flow(nodes, "start > it, it > end")


async def run(type: NodeType, input: Json = None, **params: Json) -> ev.Event:
    workflow = flow({"start": "trigger.manual", "it": (type.id, params)}, "start > it")
    async with Bench(type) as bench:
        return await bench.run(workflow, input)


async def value(type: NodeType, input: Json = None, **params: Json) -> Json:
    workflow = around(type.id, **params)
    async with Bench(type) as bench:
        return outcome(await bench.run(workflow, input))


@node("my.slug", keywords=("url",))
def slug(input: str, separator: str = "-", limit: Annotated[int, Field(ge=1)] = 40) -> str:
    """Make a name for an address.

    Args:
        input: what to name.
        separator: between the words.
        limit: characters at most,
            the separator included.
    """
    return separator.join(input.lower().split())[:limit]


def test_the_signature_is_the_form() -> None:
    schema = slug.params.model_json_schema()
    assert slug.description == "Make a name for an address."
    assert slug.title == "Slug"
    assert schema["properties"]["separator"]["description"] == "between the words."
    assert schema["properties"]["limit"]["minimum"] == 1
    assert schema["properties"]["limit"]["description"].endswith("the separator included.")
    assert "input" not in schema["properties"]


def test_the_annotations_are_the_types_of_the_ports() -> None:
    ports = slug.ports({})
    assert [(port.name, port.type) for port in ports.inputs + ports.outputs] == [
        ("in", "text"),
        ("out", "text"),
    ]


def test_the_function_is_still_a_function() -> None:
    assert slug("A b", separator="_") == "a_b"


async def test_a_function_is_run_with_its_parameters() -> None:
    assert await value(slug, "Ada Lovelace", separator={"expr": "'+'"}, limit=5) == "ada+l"


async def test_a_wrong_parameter_fails_before_the_function_runs() -> None:
    called: list[int] = []

    @node("my.count")
    def count(input: Any, n: int) -> int:
        called.append(n)
        return n

    ended = await run(count, 1, n={"expr": "'many'"})
    assert isinstance(ended, ev.RunFailed)
    assert (ended.error.code, called) == ("params", [])


async def test_what_arrives_is_validated() -> None:
    @node("my.total")
    def total(input: list[Row]) -> Sum:
        return Sum(len(input), sum(row.total for row in input))

    assert await value(total, [{"name": "a", "total": 2}]) == {"count": 1, "total": 2.0}
    ended = await run(total, [{"total": "x"}])
    assert isinstance(ended, ev.RunFailed)
    assert ended.error.code == "input"
    assert "in.0.name: Field required" in ended.error.message


async def test_a_plain_function_runs_in_a_thread_and_a_quick_one_does_not() -> None:
    @node("my.where")
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    @node("my.here", quick=True)
    def here() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await value(where) is False
    assert await value(here) is True


async def test_a_coroutine_function_is_awaited() -> None:
    @node("my.later")
    async def later(input: int) -> int:
        await asyncio.sleep(0)
        return input + 1

    assert await value(later, 1) == 2


async def test_a_generator_shows_what_it_yields_and_its_texts_are_one() -> None:
    @node("my.words")
    async def words(input: str) -> AsyncIterator[str]:
        for word in input.split():
            yield word

    workflow = flow(
        {"start": "trigger.manual", "it": "my.words", "end": "end"}, "start > it, it > end"
    )
    async with Bench(words) as bench:
        assert outcome(await bench.run(workflow, "a b c")) == "abc"
        chunks = [news.text for news in bench.news if isinstance(news, ev.OutputChunk)]
    assert chunks == ["a", "b", "c"]


async def test_a_plain_generator_runs_in_a_thread_and_gives_a_list() -> None:
    @node("my.numbers")
    def numbers(n: int) -> Iterator[int]:
        yield from range(n)

    workflow = flow(
        {"start": "trigger.manual", "it": ("my.numbers", {"n": 3}), "end": "end"},
        "start > it, it > end",
    )
    async with Bench(numbers) as bench:
        assert outcome(await bench.run(workflow)) == [0, 1, 2]
        assert [x.text for x in bench.news if isinstance(x, ev.OutputChunk)] == [
            "0\n",
            "1\n",
            "2\n",
        ]


async def test_the_context_works_from_a_thread() -> None:
    @node("my.talk")
    def talk(ctx: Context) -> str:
        ctx.emit("half", "log")
        ctx.progress(0.5)
        return ctx.idempotency_key

    workflow = flow(
        {"start": "trigger.manual", "it": "my.talk", "end": "end"}, "start > it, it > end"
    )
    async with Bench(talk) as bench:
        assert len(outcome(await bench.run(workflow))) == 32
        told = [type(x) for x in bench.news if isinstance(x, ev.OutputChunk | ev.Progress)]
    assert told == [ev.OutputChunk, ev.Progress]


async def test_several_ports_each_have_their_value() -> None:
    @node("my.compare", inputs=("left", "right"), outputs=("same", Port(name="other", type="list")))
    def compare(left: int, right: int) -> Output:
        return Output({"same": left}) if left == right else Output({"other": [left, right]})

    workflow = flow(
        {"start": "trigger.manual", "a": "plus", "it": "my.compare", "end": "end"},
        "start > a, start > it.left, a > it.right, it.other > end",
    )
    async with Bench(compare) as bench:
        assert outcome(await bench.run(workflow, 1)) == [1, 2]
    assert [port.type for port in compare.ports({}).inputs] == ["number", "number"]


async def test_a_value_for_several_ports_is_refused() -> None:
    @node("my.unclear", outputs=("a", "b"))
    def unclear() -> int:
        return 1

    ended = await run(unclear)
    assert isinstance(ended, ev.RunFailed)
    assert "return Output({'a': value})" in ended.error.message


async def test_a_result_that_is_no_json_is_refused() -> None:
    @node("my.odd")
    def odd() -> object:
        return object()

    ended = await run(odd)
    assert isinstance(ended, ev.RunFailed)
    assert ended.error.code == "result"


async def test_effects_retry_and_timeout_are_those_of_the_type() -> None:
    @node("my.flaky", effects="once", retry=RetryPolicy(attempts=3, delay_s=0), timeout_s=2)
    def flaky() -> int:
        return 1

    assert flaky.effects({}) == "once"
    assert flaky.begins_with == {"retry": RetryPolicy(attempts=3, delay_s=0), "timeout_s": 2}


async def test_a_function_may_wait_and_go_on() -> None:
    def resume(params: Any, ctx: Context, wait: Wait, answer: Answer) -> Output:
        return Output({"out": f"{ctx.input} after {answer.kind}"})

    @node("my.nap", quick=True, resume=resume)
    def nap(ctx: Context) -> Wait:
        return Wait(kind="timer", due_at=ctx.now + 5)

    workflow = flow(
        {"start": "trigger.manual", "it": "my.nap", "end": "end"}, "start > it, it > end"
    )
    async with Bench(nap) as bench:
        handle = await bench.start(workflow, "up")
        bench.clock.advance(5)
        assert await handle.result() == "up after due"


async def test_what_a_function_raises_is_the_failure() -> None:
    @node("my.bad")
    def bad() -> None:
        raise NodeFailure("no paper", code="printer", retryable=False)

    ended = await run(bad)
    assert isinstance(ended, ev.RunFailed)
    assert ended.error.code == "printer"


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("no fixed name", lambda: node("my.many")(lambda *args: None)),
        ("not of the form package.name", lambda: node("Slug")(lambda value: None)),
        ("templates names text", lambda: node("my.x", templates=["text"])(lambda value: None)),
    ],
)
def test_a_function_that_cannot_be_a_node_says_why_and_where(why: str, make: Any) -> None:
    with pytest.raises(TypeError, match=why) as caught:
        make()
    assert "test_functions.py:" in str(caught.value)


# --- streams ------------------------------------------------------------------------------


@node("test.evens", stream="seek")
def evens(below: int, after: int) -> Iterator[int]:
    yield from range(0, below, 2)[after:]


@node("test.words", stream="repeat")
async def words(input: str, ctx: Context) -> AsyncIterator[dict[str, str]]:
    for word in input.split():
        yield {"word": word, "task": ctx.task}


async def items_of(made: Any, params: Json, given: Json = None, count: int = 0) -> list[Json]:
    fake = FakeContext(input=given, inputs={"in": given})
    described = run_now(made, params, fake)
    assert isinstance(described, Output)
    elements = made.stream.open(described.ports["out"], context(fake), Start(count=count))
    return [element.value async for element in elements]


async def test_a_generator_is_a_stream_of_what_it_yields() -> None:
    """U51: it is described when its node runs, and read by the For each."""
    assert [port.type for port in words.ports({}).outputs] == ["stream"]
    assert await items_of(words, {}, "a b") == [
        {"word": "a", "task": "node"}, {"word": "b", "task": "node"},
    ]  # fmt: skip


async def test_a_stream_that_seeks_is_told_how_many_were_taken() -> None:
    assert await items_of(evens, {"below": 9}, count=2) == [4, 6, 8]


@pytest.mark.parametrize(
    ("function", "again", "why"),
    [
        (lambda: 1, "repeat", "made by a generator"),
        (words.function, "seek", "has the parameter after"),
        (evens.function, "repeat", "has the parameter after"),
    ],
)
def test_a_function_that_makes_no_stream_is_refused(function: Any, again: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        node("test.wrong", stream=again)(function)
