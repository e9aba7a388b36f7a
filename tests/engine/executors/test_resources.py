"""What nodes open is opened once per run and always closed (U124, U125)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, NodeFailure
from engine.nodes.functions import node
from tests.engine.flows import Bench, flow, outcome, settle


class Log:
    """Says what was opened and closed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[str]:
        number = len(self.lines)
        self.lines.append("opened")
        await asyncio.sleep(0)
        yield f"client {number}"
        self.lines.append("closed")

    @contextmanager
    def plain(self) -> Generator[str]:
        self.lines.append("opened")
        yield "plain"
        self.lines.append("closed")

    @asynccontextmanager
    async def broken(self) -> AsyncGenerator[str]:
        self.lines.append("tried")
        raise OSError("nobody answers")
        yield ""

    @asynccontextmanager
    async def sticky(self) -> AsyncGenerator[str]:
        yield "sticky"
        raise OSError("does not close")


THREE = flow(
    {"s": "same", "a": "my.asks", "b": "my.asks", "c": "my.asks", "j": "join", "z": "end"},
    "s > a, s > b, s > c, a > j, b > j, c > j, j > z",
)
ONE = flow({"s": "same", "a": "my.asks", "z": "end"}, "s > a, a > z")


async def test_all_tasks_of_a_run_share_it_and_it_is_closed_at_the_end() -> None:
    log = Log()

    @node("my.asks", resource=log.client)
    async def asks(resource: str) -> str:
        return resource

    async with Bench(asks) as bench:
        assert set(outcome(await bench.run(THREE)).values()) == {"client 0"}
        await settle()
        assert log.lines == ["opened", "closed"]
        await bench.run(ONE)
    assert log.lines == ["opened", "closed", "opened", "closed"]


async def test_a_plain_function_and_a_plain_manager_have_it_too() -> None:
    log = Log()

    @node("my.asks", resource=log.plain)
    def asks(resource: str) -> str:
        return resource

    async with Bench(asks) as bench:
        assert outcome(await bench.run(ONE)) == "plain"
    assert log.lines == ["opened", "closed"]


@pytest.mark.parametrize("how", ["fails", "is cancelled", "is left"])
async def test_it_is_closed_when_the_run(how: str) -> None:
    log = Log()

    @node("my.asks", resource=log.client)
    async def asks(resource: str) -> str:
        if how == "fails":
            raise NodeFailure(resource)
        await asyncio.Event().wait()
        return resource

    async with Bench(asks) as bench:
        handle = await bench.start(ONE)
        if how == "is cancelled":
            handle.cancel()
        if how == "is left":
            await bench.engine.close()
        else:
            await handle.leg()
    assert log.lines == ["opened", "closed"]


async def test_what_cannot_be_opened_fails_the_task_and_is_tried_again() -> None:
    log = Log()

    @node("my.asks", resource=log.broken)
    async def asks(resource: str) -> str:
        return resource

    async with Bench(asks) as bench:
        ended = await bench.run(ONE)
        assert isinstance(ended, ev.RunFailed)
        assert "nobody answers" in ended.error.message
        again = await bench.engine.resume(bench.engine.runs()[0].run)
        await again.leg()
    assert log.lines == ["tried", "tried"]


@pytest.mark.expected_logs("my.asks could not be closed: does not close")
async def test_what_cannot_be_closed_is_said_and_hurts_nobody() -> None:
    @node("my.asks", resource=Log().sticky)
    async def asks(resource: str) -> str:
        return resource

    async with Bench(asks) as bench:
        assert outcome(await bench.run(ONE)) == "sticky"


async def test_any_node_may_open_something_by_name() -> None:
    log = Log()

    @node("my.asks")
    async def asks(ctx: Context) -> Any:
        return [await ctx.resource("db", log.client), await ctx.resource("db", log.client)]

    async with Bench(asks) as bench:
        assert outcome(await bench.run(ONE)) == ["client 0", "client 0"]
    assert log.lines == ["opened", "closed"]


def test_a_quick_function_has_no_time_for_it() -> None:
    with pytest.raises(TypeError, match="a quick function cannot wait for a resource"):
        node("my.asks", quick=True, resource=Log().client)(lambda resource: resource)
