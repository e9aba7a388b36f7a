"""What a run leaves behind when it fails: no open question, no child that works for nobody.

U49 (failures of a run), U58 (end policy of children).
"""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.commands import Decide
from engine.ids import TaskId
from engine.model.node_types import NodeFailure, Output
from engine.model.workflow import Background, Limits, Workflow
from tests.engine.flows import Bench, flow, node_type, outcome, settle
from tests.engine.runtime.test_children import ASKS, embedded, only_child

Json = Any
FAILED: list[str] = []


async def once_only(params: object, ctx: object) -> Output:
    """Fail, but not a second time."""
    if not FAILED:
        FAILED.append("once")
        raise NodeFailure("it broke", code="broken", retryable=False)
    return Output({"out": 1})


def bench(**options: Any) -> Bench:
    FAILED.clear()
    return Bench(node_type("once_only", once_only), stay=True, **options)


def asking(**settings: Any) -> Workflow:
    """One arm asks, one calls a run that asks, one fails after 10 seconds."""
    return flow(
        {"s": "same", "g": "ask", "c": ("workflow.call", {"document": embedded(ASKS)}),
         "n": ("nap", {"seconds": 10}), "x": "once_only", "j": "join", "z": "end"},
        "s > g, s > c, s > n, n > x, g.approved > j, c > j, x > j, j > z", **settings,
    )  # fmt: skip


#: How a run fails while it asks, and why as those who were asked read it.
WAYS = {
    "fail_fast": (asking(), "it broke"),
    "finish": (asking(on_failure="finish"), "it broke"),
    "run_seconds": (asking(limits=Limits(run_seconds=5)), "run_seconds"),
    "supersteps": (asking(limits=Limits(supersteps=3)), "supersteps"),
}


async def approve_all(b: Bench) -> None:
    for request in b.engine.inbox():
        await b.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api")
        )
    await settle()


async def failing(b: Bench, work: Workflow) -> RunHandle:
    handle = await b.start(work, 1)
    assert len(b.engine.inbox()) == 2
    b.clock.advance(10)
    await settle()
    assert handle.status == "failed"
    return handle


@pytest.mark.parametrize("way", WAYS)
async def test_its_questions_are_withdrawn_with_the_reason_and_its_call_is_cancelled(
    way: str,
) -> None:
    work, reason = WAYS[way]
    async with bench() as b:
        handle = await failing(b, work)
        assert b.engine.inbox() == []
        child = b.engine.run(only_child(b, handle.run))
        assert child.status == "cancelled"
        [mine] = [f.reason for f in b.facts if isinstance(f, ev.BarrierWithdrawn) and f.node == "g"
                  and f.reason.startswith("the run failed: ")]  # fmt: skip
        assert reason in mine
        assert handle.view.frontier[TaskId("g")].request is None
        assert (await b.engine.replay(handle.run)).equal


@pytest.mark.parametrize("way", ["fail_fast", "finish"])
async def test_a_resume_asks_again_and_goes_on_with_the_same_child(way: str) -> None:
    async with bench() as b:
        handle = await failing(b, WAYS[way][0])
        child = only_child(b, handle.run)
        again = await b.engine.resume(handle.run)
        await settle()
        assert {each.run for each in b.engine.inbox()} == {handle.run, child}
        await approve_all(b)
        assert outcome((await again.leg()).event) is not None
        assert (again.status, only_child(b, handle.run)) == ("completed", child)


def calling(policy: Background) -> Workflow:
    return flow(
        {"c": ("workflow.call", {"document": embedded(ASKS), "mode": "async"}),
         "n": ("nap", {"seconds": 10}), "x": "once_only", "z": "end"},
        "c > n, n > x, x > z", background=policy,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "status"), [("wait", "cancelled"), ("cancel", "cancelled"), ("detach", "waiting")]
)
async def test_a_tracked_child_follows_its_end_policy(policy: Background, status: str) -> None:
    """Nobody can wait for it any more, so that `wait` cancels it."""
    async with bench() as b:
        handle = await b.start(calling(policy), 1)
        b.clock.advance(10)
        await settle()
        child = only_child(b, handle.run)
        assert (handle.status, b.engine.run(child).status) == ("failed", status)


async def test_a_resume_waits_for_a_child_that_was_left_alone() -> None:
    async with bench() as b:
        handle = await b.start(calling("detach"), 1)
        b.clock.advance(10)
        await settle()
        again = await b.engine.resume(handle.run)
        assert list(again.state.children) == [only_child(b, handle.run)]
        assert outcome((await again.leg()).event) == 1
