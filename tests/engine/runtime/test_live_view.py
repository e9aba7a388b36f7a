"""What screens see agrees with the state at every commit."""

from __future__ import annotations

from engine.commands import Decide
from engine.model.node_types import NodeFailure, Output
from engine.model.workflow import RetryPolicy
from engine.run_view import RunView
from engine.state.status import RunStatus
from tests.engine.flows import Bench, flow, node_type, settle


def frontier(view: RunView) -> dict[str, str]:
    return {key: entry.state for key, entry in view.frontier.items()}


async def test_a_task_that_has_nothing_to_do_leaves_the_frontier() -> None:
    work = flow({"a": "pass_over", "b": "plus", "z": "end"}, "a > b, b > z")
    async with Bench() as bench:
        await bench.run(work, 1)
        view = bench.engine.view("run1")
        assert view.frontier == {} and view.nodes["a"].active == 0
        assert view.nodes["a"].state == "skipped"


async def test_a_task_that_is_to_run_again_is_no_longer_shown_as_waiting() -> None:
    async def shaky(params: object, ctx: object) -> Output:
        raise NodeFailure("who knows", code="shaky")

    once = node_type("shaky", shaky, effects=lambda params: "once")
    work = flow({"a": ("shaky", {}, {"retry": RetryPolicy()}), "z": "end"}, "a > z")
    async with Bench(once, stay=True) as bench:
        handle = await bench.start(work)
        [request] = bench.engine.inbox()
        await bench.engine.decide(Decide(request=request.request, choice="again", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        await settle()
        again = bench.engine.view(handle.run, 2)
        assert (again.status, frontier(again)) == ("running", {"a": "ready"})


async def test_after_a_cancel_and_a_resume_every_unfinished_task_is_in_the_frontier() -> None:
    work = flow({"s": "same", "a": "hang", "b": "ask", "z": "end"},
                "s > a, s > b, a > z, b.approved > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        handle.cancel()
        await handle.leg()
        again = await bench.engine.resume(handle.run)
        await settle()
        assert frontier(again.view) == {"a": "running", "b": "waiting"}
        assert again.view.nodes["a"].active == again.view.nodes["b"].active == 1


async def test_what_finishes_during_a_pause_does_not_end_it() -> None:
    work = flow({"s": "same", "a": "asleep", "b": "ask", "c": "plus", "z": "end"},
                "s > a, s > b, a > c, c > z, b.approved > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.engine.start(work, 1)
        await settle(2)
        handle.pause()
        await settle()
        assert bench.order()[-1] == "a" and handle.status is RunStatus.PAUSED
        assert bench.engine.run(handle.run).status is RunStatus.PAUSED
        assert handle.view.status == "paused"


async def test_a_paused_run_is_paused_after_a_restart_until_it_is_told_to_go_on() -> None:
    work = flow({"a": "asleep", "b": "plus", "z": "end"}, "a > b, b > z")
    first = Bench()
    handle = await first.engine.start(work, 1)
    handle.pause()
    await settle()
    await first.engine.close()
    async with Bench(store=first.store, clock=first.clock) as second:
        again = await second.engine.resume(handle.run)
        await settle()
        assert (again.status, again.view.status) == (RunStatus.PAUSED, "paused")
        again.unpause()
        await again.leg()
        assert (again.status, again.view.status) == (RunStatus.COMPLETED, "completed")
