"""The contract of a node: prepare, cleanup, streams. U109, U124, U125."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from engine import events as ev
from engine.model.node_types import Context, NodeFailure, Output
from engine.model.workflow import RetryPolicy
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

EACH = flow({"f": ("for_each", {"limit": 3}), "a": "uses", "c": "collect", "z": "end"},
            "f.item > a, a > c, c > z")  # fmt: skip


class Door:
    """A resource that counts how often it is opened and closed."""

    def __init__(self, *, fails: int = 0) -> None:
        self.said: list[str] = []
        self.fails = fails

    async def open(self, params: Any, ctx: Context) -> str:
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise NodeFailure("the door is stuck", code="stuck")
        self.said.append("open")
        return f"key {self.said.count('open')}"

    async def close(self, resource: str) -> None:
        await asyncio.sleep(0)
        self.said.append(f"close {resource}")

    def types(self) -> list[Any]:
        async def uses(params: Any, ctx: Context) -> Output:
            await asyncio.sleep(0)
            return Output({"out": ctx.prepared})

        async def waits(params: Any, ctx: Context) -> Output:
            await asyncio.Event().wait()
            return Output({"out": None})

        both = {"prepare": self.open, "cleanup": self.close}
        return [node_type("uses", uses, **both), node_type("waits", waits, **both)]


async def test_prepare_is_called_once_for_all_attempts_and_cleanup_at_the_end() -> None:
    door = Door()
    async with Bench(*door.types()) as bench:
        assert outcome(await bench.run(EACH, [1, 2, 3])) == ["key 1"] * 3
        assert door.said == ["open", "close key 1"]


async def test_prepare_is_called_again_after_a_restore() -> None:
    door, store = Door(), MemoryStore()
    work = flow({"a": "uses", "w": "ask", "b": "waits", "z": "end"},
                "a > w, w.approved > b, b > z")  # fmt: skip
    bench = Bench(*door.types(), store=store, early={"w": "approve"})
    handle = await bench.start(work, 1)
    await handle.stop()
    assert door.said == ["open", "open", "close key 2", "close key 1"]
    async with Bench(*door.types(), store=store, clock=bench.clock) as later:
        again = await later.engine.resume(handle.run)
        await settle()
        assert door.said[4:] == ["open"]
        again.cancel()
        await again.leg()
        assert door.said[4:] == ["open", "close key 3"]


async def test_prepare_that_fails_is_a_failure_of_the_attempt_and_is_tried_again() -> None:
    door = Door(fails=1)
    work = flow({"a": ("uses", {}, {"retry": RetryPolicy(attempts=2, delay_s=1)}), "z": "end"},
                "a > z")  # fmt: skip
    async with Bench(*door.types(), stay=True) as bench:
        handle = await bench.start(work)
        assert bench.order(ev.TaskRetried) == ["a"]
        bench.clock.advance(2)
        assert outcome((await handle.leg()).event) == "key 1"


@pytest.mark.expected_logs("The cleanup of node a failed")
async def test_a_cleanup_that_fails_does_not_hurt_the_run_and_the_others_are_done() -> None:
    door = Door()

    def breaks(resource: object) -> None:
        raise OSError("the lock is gone")

    def plain(params: Any, ctx: Context) -> Output:
        return Output({"out": ctx.prepared})

    loud = node_type("loud", plain, prepare=lambda params, ctx: "plain", cleanup=breaks)
    work = flow({"a": "loud", "b": "uses", "z": "end"}, "a > b, b > z")
    async with Bench(loud, *door.types()) as bench:
        assert outcome(await bench.run(work)) == "key 1"
        assert door.said == ["open", "close key 1"]


# --- streams --------------------------------------------------------------------------------


async def test_an_async_generator_shows_what_it_yields_in_order_and_gives_its_result() -> None:
    async def stream(params: Any, ctx: Context) -> AsyncGenerator[Any, None]:
        for word in ("a", "a", "b"):
            await asyncio.sleep(0)
            yield word
        yield 0.5
        yield Output({"out": 7})

    async with Bench(node_type("stream", stream)) as bench:
        assert outcome(await bench.run(flow({"a": "stream", "z": "end"}, "a > z"))) == 7
        chunks = [n.text for n in bench.news if isinstance(n, ev.OutputChunk)]
        assert chunks == ["a", "a", "b"]
        assert [n.fraction for n in bench.news if isinstance(n, ev.Progress)] == [0.5]


async def test_a_stream_of_text_alone_gives_all_the_text_and_may_be_cancelled() -> None:
    closed: list[str] = []

    async def stream(params: Any, ctx: Context) -> AsyncGenerator[str, None]:
        try:
            yield "one "
            yield "two"
            if params.model_extra.get("hang"):
                await asyncio.Event().wait()
        finally:
            closed.append("closed")

    async with Bench(node_type("stream", stream)) as bench:
        assert outcome(await bench.run(flow({"a": "stream", "z": "end"}, "a > z"))) == "one two"
        handle = await bench.start(flow({"a": ("stream", {"hang": True}), "z": "end"}, "a > z"))
        handle.cancel()
        await handle.leg()
        assert closed == ["closed", "closed"]


async def test_the_idempotency_key_is_that_of_the_task_in_every_attempt_and_after_a_crash() -> None:
    """U86: another task, another visit and another run have another one."""
    seen: list[tuple[str, int, str]] = []

    async def send(params: Any, ctx: Context) -> Output:
        seen.append((ctx.task, ctx.attempt, ctx.idempotency_key))
        if len(seen) == 1:
            raise NodeFailure("not there", code="shaky")
        if len(seen) == 2:
            await asyncio.Event().wait()  # until the process ends
        return Output({"out": ctx.visit})

    kind = node_type("send", send)
    retry = {"retry": RetryPolicy(attempts=3, delay_s=0.0)}
    work = flow({"s": "same", "a": ("send", {}, retry), "z": "end"},
                "s > a, a > a [input == 0], a > z [else]")  # fmt: skip
    store = MemoryStore()
    async with Bench(kind, store=store) as bench:
        handle = await bench.start(work, 1)
        await handle.stop()
    async with Bench(kind, store=store) as bench:
        handle = await bench.engine.resume(handle.run)
        await handle.leg()
        bench.ids.skip(5)
        await bench.run(work, 1)
    keys = [key for _, _, key in seen]
    assert [(task, attempt) for task, attempt, _ in seen[:4]] == [
        ("a", 1), ("a", 2), ("a", 2), ("a#1", 1),
    ]  # fmt: skip
    assert len(set(keys[:3])) == 1 and len(set(keys[2:5])) == 3 and all(keys)
