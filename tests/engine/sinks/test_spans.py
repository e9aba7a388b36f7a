"""Spans of a run, against golden traces: run → superstep → node → attempt (U114; T58, T91).

A golden file is a tree with times in seconds from the start. `UPDATE_GOLDEN=1` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.commands import Decide
from engine.model.node_types import Context, NodeFailure, Output
from engine.model.workflow import RetryPolicy
from engine.sinks.spans import Begin, End, Mark, Op, SpanTracker
from tests.engine.flows import Bench, FakeClock, flow, node_type, settle

GOLDEN = Path(__file__).parent / "golden"


def tree(news: Iterable[ev.News], start: float) -> str:
    """Return the spans as an indented text: name, from, to, what went wrong and what happened."""
    tracker = SpanTracker()
    ops: list[Op] = [op for each in news for op in tracker.take(each)]
    begins = [op for op in ops if isinstance(op, Begin)]
    ends = {op.key: op for op in ops if isinstance(op, End)}
    assert len(ends) == len(begins), "every span that begins ends, once"
    lines: list[str] = []

    def show(key: str, depth: int) -> None:
        for op in [op for op in begins if op.parent == key]:
            end = ends[op.key]
            marks = [
                f"{mark.name} {mark.at - start:g}"
                for mark in ops
                if isinstance(mark, Mark) and mark.key == op.key
            ]
            words = [op.name, f"{op.at - start:g}..{end.at - start:g}", *marks]
            if end.error:
                words.append(f"ERROR {end.error}")
            lines.append("  " * depth + " | ".join(words))
            show(op.key, depth + 1)

    show("", 0)
    return "\n".join(lines) + "\n"


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def slow(clock: FakeClock) -> Any:
    async def run(params: Any, ctx: Context) -> Output:
        clock.advance(params.seconds)
        return Output({"out": ctx.input})

    return node_type("slow", run)


def flaky(clock: FakeClock) -> Any:
    async def run(params: Any, ctx: Context) -> Output:
        clock.advance(1)
        if ctx.attempt < params.good:
            raise NodeFailure(f"attempt {ctx.attempt} broke")
        return Output({"out": ctx.input})

    return node_type("flaky", run)


async def test_a_chain() -> None:
    clock = FakeClock()
    workflow = flow(
        {
            "start": "trigger.manual",
            "a": ("slow", {"seconds": 2}),
            "b": ("slow", {"seconds": 3}),
            "end": "end",
        },
        "start > a, a > b, b > end",
    )
    start = clock.now()
    async with Bench(slow(clock), clock=clock) as bench:
        await bench.run(workflow, 1)
        assert_golden("chain", tree(bench.news, start))


async def test_a_retry_and_a_failure() -> None:
    clock = FakeClock()
    retry = RetryPolicy(attempts=2, delay_s=5, jitter=False)
    workflow = flow(
        {"start": "trigger.manual", "a": ("flaky", {"good": 9}, {"retry": retry})}, "start > a"
    )
    start = clock.now()
    async with Bench(flaky(clock), clock=clock) as bench:
        handle = await bench.start(workflow, 1)
        clock.advance(5)
        await handle.leg()
        assert_golden("retry", tree(bench.news, start))


async def test_a_barrier_over_two_legs() -> None:
    clock = FakeClock()
    workflow = flow(
        {"start": "trigger.manual", "ask": "ask", "end": "end"}, "start > ask, ask.approved > end"
    )
    start = clock.now()
    async with Bench(clock=clock) as bench:
        handle = await bench.engine.start(workflow, 1)
        await handle.leg()
        clock.advance(60)
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="me", through="api")
        )
        await (await bench.engine.resume(handle.run)).leg()
        assert_golden("barrier", tree(bench.news, start))


async def test_a_cancelled_attempt_ends_with_its_run() -> None:
    workflow = flow({"start": "trigger.manual", "a": "hang"}, "start > a")
    async with Bench() as bench:
        handle = await bench.start(workflow, 1)
        handle.cancel("enough")
        await handle.leg()
        text = tree(bench.news, bench.clock.now())
    assert "attempt 1 | 0..0 | ERROR cancelled: enough" in text


async def test_nothing_is_kept_of_a_run_that_is_over() -> None:
    tracker = SpanTracker()
    async with Bench() as bench:
        await bench.run(flow({"start": "trigger.manual", "end": "end"}, "start > end"))
        await settle()
        for news in bench.news:
            list(tracker.take(news))
    assert vars(tracker) == {"_runs": {}}


@pytest.mark.parametrize("seen", [0, 3])
async def test_a_tracker_that_came_late_says_nothing_wrong(seen: int) -> None:
    async with Bench() as bench:
        await bench.run(
            flow({"start": "trigger.manual", "a": "asleep", "end": "end"}, "start > a, a > end")
        )
        news = bench.news[seen:]
    tracker = SpanTracker()
    ops = [op for each in news for op in tracker.take(each)]
    begun = {op.key for op in ops if isinstance(op, Begin)}
    assert {op.key for op in ops if isinstance(op, End)} >= begun
