"""Replay with recorded outputs: U117, and what makes it possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.commands import Decide
from engine.model.node_types import Abort, Answer, Context, Output, Skip, Wait
from engine.model.workflow import Workflow
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle


async def test_a_document_in_another_order_runs_like_the_stored_one() -> None:
    work = flow({"a": "same", "b": "plus", "c": "plus", "j": "join", "z": "end"},
                "a > c, a > b, c > j, b > j, j > z")  # fmt: skip
    work = replace(work, nodes=dict(reversed(list(work.nodes.items()))))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == {"b": 2, "c": 2}
        assert bench.order() == ["a", "b", "c", "j", "z"]
        assert (await bench.engine.replay("run1")).equal


async def equal(bench: Bench, work: Workflow, value: Any = None) -> Any:
    """Run, replay, and return the outcome of the run."""
    handle = await bench.engine.start(work, value)
    event = (await handle.leg()).event
    report = await bench.engine.replay(handle.run)
    assert report.equal, (report.commit, report.difference)
    return outcome(event)


async def test_items_that_pass_for_different_reasons_in_one_commit_replay() -> None:
    def sort(params: Any, ctx: Context) -> Skip:
        return Skip(f"{ctx.input} is too much")

    work = flow({"each": "for_each", "a": "sort", "gather": "collect", "z": "end"},
                "each.item > a, a > gather, gather > z")  # fmt: skip
    async with Bench(node_type("sort", sort)) as bench:
        assert await equal(bench, work, [1, 2]) == []


async def test_memories_of_several_items_in_one_commit_replay() -> None:
    def keep(params: Any, ctx: Context) -> Output:
        return Output({"out": ctx.input}, memory=ctx.input)

    work = flow({"each": "for_each", "a": "keep", "gather": "collect", "z": "end"},
                "each.item > a, a > gather, gather > z")  # fmt: skip
    async with Bench(node_type("keep", keep)) as bench:
        assert await equal(bench, work, [1, 2, 3]) == [1, 2, 3]


async def test_a_run_that_a_node_has_ended_replays() -> None:
    def stop(params: Any, ctx: Context) -> Abort:
        return Abort("enough")

    work = flow({"s": "same", "a": "stop", "b": "plus", "z": "end"}, "s > a, s > b, a > z, b > z")
    async with Bench(node_type("stop", stop)) as bench:
        assert await equal(bench, work, 1) == "RunCancelled"


async def test_a_barrier_that_asks_again_after_an_answer_replays() -> None:
    def twice(params: Any, ctx: Context, wait: Wait, answer: Answer) -> Output | Wait:
        return wait if answer.choice == "reject" else Output({"out": answer.values})

    def ask(params: Any, ctx: Context) -> Wait:
        from engine.model.node_types import Request

        return Wait(kind="approval", request=Request(title="Sure?", payload=ctx.input))

    work = flow({"a": "twice", "z": "end"}, "a > z")
    async with Bench(node_type("twice", ask, resume=twice), stay=True) as bench:
        handle = await bench.start(work, 1)
        for choice in ("reject", "approve"):
            [request] = bench.engine.inbox()
            await bench.engine.decide(Decide(request=request.request, choice=choice, by="t",
                                             through="api", digest=request.digest))  # fmt: skip
            await settle()
        assert outcome((await handle.leg()).event) == 1
        assert (await bench.engine.replay(handle.run)).equal


async def test_an_equal_large_value_is_not_taken_for_one_that_passed_through(
    tmp_path: Path,
) -> None:
    def copy(params: Any, ctx: Context) -> Output:
        return Output({"out": list(ctx.input)})

    work = flow({"a": "same", "b": "copy", "z": "end"}, "a > b, b > z")
    store = SqliteStore(tmp_path / "runs.db")
    async with Bench(node_type("copy", copy), store=store) as bench:
        assert len(await equal(bench, work, ["x" * 1000] * 100)) == 100


@pytest.mark.parametrize("what", ["output", "write", "choice"])
async def test_the_first_difference_of_a_tampered_run_is_reported(what: str) -> None:
    from engine.model.workflow import Channel

    work = flow(
        {"a": ("plus", {}, {"writes": {"n": "output"}}), "b": "same", "c": "plus", "z": "end"},
        "a > b [input > 1], a > c [else], b > z [state.n > 1], c > z",
        channels=[Channel(name="n", type="number", reducer="sum", default=0)],
    )
    async with Bench() as bench:
        handle = await bench.engine.start(work, 1)
        await handle.leg()
        delta = bench.store.delta(handle.run, 1)
        if what == "write":
            delta.ops = [replace_op(delta.ops[0], -5), *delta.ops[1:]]
        else:
            value = 0 if what == "output" else "2"
            delta.put_values = {**delta.put_values, "a.out": value}
        report = await bench.engine.replay(handle.run)
        assert not report.equal and report.commit is not None and report.difference


def replace_op(op: Any, value: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(op, value=value)
