"""Workflows that call workflows: one child run for each task, whatever happens (U20, T99)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.commands import Decide
from engine.errors import InvalidCommand, InvalidWorkflow, StoreError
from engine.ids import RunId, TaskId
from engine.model import codec
from engine.model.node_types import Child, Context, Output
from engine.model.workflow import Channel, CommitPolicy, Limits, Workflow, Write
from engine.runtime.ports import CommitRecord, Lease
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, settle

Json = Any
PLUS = flow({"p": "plus", "z": "end"}, "p > z")
ASKS = flow({"g": "ask", "z": "end"}, "g.approved > z")
BREAKS = flow({"b": "boom"}, "")


def embedded(work: Workflow) -> Json:
    return codec.workflow_to_json(work)


def caller(work: Workflow, **params: Json) -> Workflow:
    """A workflow that calls `work` and ends with its result."""
    document = {"document": embedded(work), **params}
    return flow({"c": ("workflow.call", document), "z": "end"}, "c > z")


def only_child(bench: Bench, run: str) -> str:
    (child,) = bench.engine.children(run)
    return child.run


async def approve(bench: Bench, request: str) -> None:
    await bench.engine.decide(
        Decide(request=bench.engine.request(request).request, choice="approve", by="ada",
               through="api")
    )  # fmt: skip


async def test_the_result_of_the_child_is_the_result_of_the_node() -> None:
    async with Bench() as bench:
        handle = await bench.start(caller(PLUS), 4)
        assert outcome((await handle.leg()).event) == 5
        (child,) = bench.engine.children(handle.run)
        assert (child.called_by, child.mode, child.depth) == ((handle.run, "c"), "call", 1)


async def test_input_and_result_are_mapped() -> None:
    work = caller(PLUS, input={"expr": "input.n"}, output="{'sum': output, 'was': input.n}")
    async with Bench() as bench:
        assert outcome(await bench.run(work, {"n": 4})) == {"sum": 5, "was": 4}


@pytest.mark.parametrize(
    ("params", "result"),
    [({}, "child_failed"), ({"on_failure": "default", "default": 0}, 0),
     ({"on_failure": "skip"}, None)],
)  # fmt: skip
async def test_a_failed_child_does_what_was_chosen(params: Json, result: Json) -> None:
    async with Bench() as bench:
        assert outcome(await bench.run(caller(BREAKS, **params))) == result


async def test_a_barrier_of_the_child_is_in_the_inbox_and_only_the_calling_task_waits() -> None:
    work = flow(
        {
            "s": "same",
            "c": ("workflow.call", {"document": embedded(ASKS)}),
            "b": "plus",
            "z": "end",
        },
        "s > c, s > b, c > z",
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        assert "b" in bench.order()
        (request,) = bench.engine.inbox()
        assert request.run == only_child(bench, handle.run)
        await approve(bench, request.request)
        assert outcome((await handle.leg()).event) == 1


async def test_parent_and_child_rest_and_go_on_together() -> None:
    async with Bench() as bench:
        handle = await bench.start(caller(ASKS), 7)
        assert outcome((await handle.leg()).event) == "RunWaiting"
        await bench.engine.settled()
        (request,) = bench.engine.inbox()
        await approve(bench, request.request)
        assert bench.engine.root_of(request.run) == handle.run
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 7


async def test_a_question_three_runs_deep_says_who_called_it_and_its_answer_goes_on() -> None:
    """T99: nested waits; with all of them at rest, the answer goes on from the outermost."""
    async with Bench() as bench:
        handle = await bench.start(caller(caller(ASKS)), 7)
        assert outcome((await handle.leg()).event) == "RunWaiting"
        await bench.engine.settled()
        (request,) = bench.engine.inbox()
        callers = bench.engine.callers_of(request.run)
        assert [(each.run, task) for each, task in callers] == [
            (handle.run, "c"),
            (only_child(bench, handle.run), "c"),
        ]
        await approve(bench, request.request)
        assert bench.engine.root_of(request.run) == handle.run
        again = await bench.engine.resume(handle.run)
        assert outcome((await again.leg()).event) == 7
        assert {each.status for each in bench.engine.runs()} == {"completed"}


async def test_a_called_run_writes_only_what_its_node_declares() -> None:
    """U40: its channels are its own, also of the same name; `writes` maps what comes back."""
    total = Channel(name="total", type="number", reducer="sum", default=0)
    other = Channel(name="other", type="number", reducer="sum", default=0)
    writes = {"total": Write(expr="output"), "other": Write(expr="output")}
    inner = flow({"p": ("plus", {}, {"writes": {"total": "10", "other": "20"}})}, "",
                 channels=[total, other], result="state.total + state.other")  # fmt: skip
    work = caller(inner)
    node = replace(work.nodes["c"], writes={"total": writes["total"]}, may_write=("total",))
    work = replace(work, nodes={**work.nodes, "c": node}, channels={"total": total, "other": other})
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == 30
        assert handle.state.channels == {"total": 30, "other": 0}
        forbidden = replace(work, nodes={**work.nodes, "c": replace(node, writes=writes)})
        with pytest.raises(InvalidWorkflow, match="may not"):
            await bench.engine.start(forbidden, 1)


async def test_a_child_that_ends_alone_wakes_the_run_that_called_it() -> None:
    async with Bench() as bench:
        handle = await bench.start(caller(ASKS), 7)
        await handle.leg()
        await bench.engine.settled()
        (request,) = bench.engine.inbox()
        await approve(bench, request.request)
        await (await bench.engine.resume(request.run)).leg()
        await bench.engine.settled()
        assert bench.engine.run(handle.run).status == "completed"


async def test_cancelling_the_parent_cancels_its_child() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(caller(flow({"h": "hang"}, "")))
        child = only_child(bench, handle.run)
        handle.cancel()
        assert outcome((await handle.leg()).event) == "RunCancelled"
        await settle()
        assert bench.engine.run(child).status == "cancelled"


async def test_a_cancelled_parent_is_resumed_with_the_same_child() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(caller(ASKS), 7)
        child = only_child(bench, handle.run)
        handle.cancel()
        await handle.leg()
        await settle()
        again = await bench.engine.resume(handle.run)
        await settle()
        (request,) = bench.engine.inbox()
        assert request.run == child
        await approve(bench, request.request)
        assert outcome((await again.leg()).event) == 7
        assert len(bench.engine.runs()) == 2


@pytest.mark.parametrize("policy", ["eager", "strict"])
@pytest.mark.parametrize("later", [False, True])
async def test_a_run_that_fails_while_it_calls_shows_the_call_as_to_be_made_and_is_replayed(
    policy: CommitPolicy, later: bool
) -> None:
    """Also where the call begins in the very commit in which the run fails (U117)."""
    nodes = {"s": "same", "c": ("workflow.call", {"document": embedded(ASKS)}), "b": "boom",
             "w": ("asleep", {"rounds": 9}), "z": "end"}  # fmt: skip
    wires = "s > c, c > z, s > w, w > b" if later else "s > c, c > z, s > b"
    async with Bench() as bench:
        handle = await bench.engine.start(flow(nodes, wires, commit=policy), 1)
        assert outcome((await handle.leg()).event) == "broken"
        assert "c" in handle.state.tasks and not handle.state.waits
        assert handle.view.frontier[TaskId("c")].state == "ready"
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_recursion_ends_at_the_limit_depth(tmp_path: Path) -> None:
    file = tmp_path / "self.flow.json"
    work = flow({"c": ("workflow.call", {"path": "self.flow.json"})}, "", limits=Limits(depth=3))
    codec.save_file(file, work)
    async with Bench() as bench:
        ended = await bench.run(work, source_path=str(file))
        assert isinstance(ended, ev.RunFailed)
        await bench.engine.settled()
        assert max(each.depth for each in bench.engine.runs()) == 3
        deepest = min(bench.engine.runs(), key=lambda each: -each.depth)
        error = bench.engine.view(deepest.run).error
        assert error is not None
        assert (error.code, "limit depth" in error.message) == ("limit", True)


@pytest.mark.parametrize(
    "path",
    ["../out.flow.json", "/etc/passwd", "link/out.flow.json", "a\\b.json", "C:x", "~/x", "no"],
)
async def test_a_path_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    codec.save_file(tmp_path / "out.flow.json", PLUS)
    (inside / "link").symlink_to(tmp_path)
    work = flow({"c": ("workflow.call", {"path": path})}, "")
    async with Bench() as bench:
        ended = await bench.run(work, source_path=str(inside / "main.flow.json"))
        assert outcome(ended) == "child_invalid"


async def test_the_child_is_pinned_to_what_it_was_started_with(tmp_path: Path) -> None:
    file = tmp_path / "child.flow.json"
    codec.save_file(file, ASKS)
    work = flow({"c": ("workflow.call", {"path": file.name}), "z": "end"}, "c > z")
    async with Bench() as bench:
        handle = await bench.start(work, 1, source_path=str(tmp_path / "main.flow.json"))
        await handle.leg()
        await bench.engine.settled()
        codec.save_file(file, BREAKS)
        (request,) = bench.engine.inbox()
        await approve(bench, request.request)
        assert outcome((await (await bench.engine.resume(handle.run)).leg()).event) == 1


async def test_a_fork_starts_a_child_of_its_own() -> None:
    async with Bench(stay=True) as bench:
        parent = await bench.start(caller(ASKS), 1)
        waiting = parent.state.commit
        fork = await bench.engine.fork(parent.run, waiting)
        await settle()
        assert {each.run for each in bench.engine.inbox()} == {
            only_child(bench, parent.run),
            only_child(bench, fork.run),
        }


async def test_a_replay_uses_the_recorded_result_and_starts_nothing() -> None:
    async with Bench() as bench:
        await bench.run(caller(PLUS), 4)
        report = await bench.engine.replay("run1")
        assert report.equal, report.difference
        assert len(bench.engine.runs()) == 2


async def test_a_called_run_that_takes_too_long_is_cancelled() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(caller(ASKS, timeout_s=60), 1)
        child = only_child(bench, handle.run)
        bench.clock.advance(60)
        assert outcome((await handle.leg()).event) == "timeout"
        await settle()
        assert bench.engine.run(child).status == "cancelled"


async def test_async_goes_on_at_once_and_the_result_comes_later() -> None:
    work = flow(
        {"c": ("workflow.call", {"document": embedded(ASKS), "mode": "async"}),
         "r": "workflow.result",
         "z": "end"},
        "c > r, r > z",
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 7)
        assert bench.order() == ["c"]
        await approve(bench, bench.engine.inbox()[0].request)
        assert outcome((await handle.leg()).event) == 7


@pytest.mark.parametrize(
    ("policy", "status"), [("wait", "waiting"), ("detach", "waiting"), ("cancel", "cancelled")]
)
async def test_at_its_end_a_run_does_with_its_children_what_is_set(
    policy: Any, status: str
) -> None:
    work = caller(ASKS, mode="async")
    work = replace(work, settings=replace(work.settings, background=policy))
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 7)
        await settle()
        child = only_child(bench, handle.run)
        assert bench.engine.run(handle.run).status == (
            "waiting" if policy == "wait" else "completed"
        )
        assert bench.engine.run(child).status == status
        if policy != "cancel":
            await approve(bench, bench.engine.inbox()[0].request)
            assert outcome((await handle.leg()).event) == {"run": child}
            await settle()
            assert bench.engine.run(child).status == "completed"


async def test_forget_is_not_waited_for_and_not_cancelled() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(caller(ASKS, mode="forget"))
        await handle.leg()
        assert len(bench.engine.inbox()) == 1
        assert bench.engine.run(only_child(bench, handle.run)).mode == "detached"


async def test_a_retried_call_starts_another_child() -> None:
    from engine.model.workflow import RetryPolicy

    call = {"document": embedded(BREAKS)}
    retry = RetryPolicy(attempts=2, delay_s=1, jitter=False)
    work = flow({"c": ("workflow.call", call, {"retry": retry})}, "")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        bench.clock.advance(1)
        assert outcome((await handle.leg()).event) == "child_failed"
        assert len(bench.engine.children(handle.run)) == 2


async def test_what_the_called_workflow_needs_the_caller_needs(tmp_path: Path) -> None:
    file = tmp_path / "child.flow.json"
    document = {"format": 1, "id": "c", "name": "C", "nodes": {
        "r": {"type": "file.read", "version": 1, "params": {"path": "x"}}}}  # fmt: skip
    file.write_text(json.dumps(document))
    work = flow({"c": ("workflow.call", {"path": file.name})}, "")
    from engine.app import Engine, NotAllowed

    engine = Engine(MemoryStore())
    source = str(tmp_path / "main.flow.json")
    assert engine.capabilities(work, source) == {"files": ("c",)}
    before = engine.trust_revision(work, source)
    with pytest.raises(NotAllowed, match="files"):
        await engine.start(work, source_path=source, allow=frozenset())
    document["nodes"]["r"]["params"]["path"] = "y"  # type: ignore[index] # a test document
    file.write_text(json.dumps(document))
    assert engine.trust_revision(work, source) != before
    await engine.close()


async def test_a_child_that_needs_more_than_its_caller_was_granted_is_refused(
    tmp_path: Path,
) -> None:
    work = flow({"n": ("nap", {"seconds": 1}), "c": ("workflow.call", {"path": "c.json"})}, "n > c")
    reads = flow({"r": ("needy", {})}, "")
    from tests.engine.flows import node_type

    needy = node_type("needy", lambda params, ctx: None, capabilities=lambda params: ("files",))
    codec.save_file(tmp_path / "c.json", PLUS)
    async with Bench(needy, stay=True) as bench:
        source = str(tmp_path / "main.json")
        handle = await bench.start(work, source_path=source, allow=frozenset())
        codec.save_file(tmp_path / "c.json", reads)
        bench.clock.advance(1)
        assert outcome((await handle.leg()).event) == "not_allowed"


class Crash(StoreError):
    """The power went off."""


class FragileStore(MemoryStore):
    """Does so many things that change it, then fails until it is mended."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def _spend(self) -> None:
        if not self.left:
            raise Crash("The power went off.")
        self.left -= 1

    def commit(self, lease: Lease, record: CommitRecord) -> None:
        self._spend()
        super().commit(lease, record)

    def create_run(self, record: Any) -> None:
        self._spend()
        super().create_run(record)


async def _crashing(left: int) -> tuple[Json, int, bool]:
    """Run a parent with two children, the power going off after so many writes."""
    store = FragileStore(left)
    work = flow(
        {"f": ("for_each", {"limit": 2}), "c": ("workflow.call", {"document": embedded(PLUS)}),
         "k": "collect", "z": "end"},
        "f.item > c, c > k, k > z",
    )  # fmt: skip
    crashed = False
    bench = Bench(store=store)
    handle: RunHandle | None = None
    result: Json = None
    try:
        handle = await bench.engine.start(work, [1, 2])
        result = outcome((await handle.leg()).event)
        await bench.engine.settled()
    except Crash:
        crashed = True
    crashed = crashed or not store.left
    await bench.engine.close()
    store.left = 1_000_000
    if handle is None:
        return None, 0, crashed
    if crashed:
        async with Bench(store=store) as again:
            if again.engine.run(handle.run).status != "completed":
                resumed = await again.engine.resume(handle.run)
                result = outcome((await resumed.leg()).event)
    return result, len(store.runs()), crashed


async def test_a_crash_at_any_write_leaves_one_child_for_each_task() -> None:
    left, crashed = 0, True
    while crashed:
        result, runs, crashed = await _crashing(left)
        if runs:
            assert (result, runs) == ([2, 3], 3), f"after {left} writes"
        left += 1
    assert left > 8


async def test_a_child_asked_for_while_a_failed_run_is_stopped_is_made() -> None:
    """What comes in while others are being stopped is admitted whole, with what it asks for."""

    async def late(params: Any, ctx: Context) -> Output:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return Output({"out": 1}, child=Child(called=embedded(PLUS), input=1, mode="async"))

    async def fails(params: Any, ctx: Context) -> Output:
        await asyncio.sleep(0)
        raise ValueError("boom")

    types = node_type("late", late, calls=lambda params: ()), node_type("fails", fails)
    work = flow({"s": "same", "a": "fails", "b": "late", "z": "end"}, "s > a, s > b, a > z, b > z")
    async with Bench(*types) as bench:
        handle = await bench.engine.start(work, 1)
        assert isinstance((await handle.leg()).event, ev.RunFailed)
        assert bench.order()[:2] == ["s", "b"] and bench.order(ev.ChildStarted) == ["b"]
        assert only_child(bench, handle.run)


async def test_a_child_that_was_stored_and_never_driven_can_be_cancelled() -> None:
    """U66: its caller ended between storing it and driving it; a cancel does not start it."""
    store = FragileStore(1_000_000)
    async with Bench(store=store) as bench:
        await bench.run(PLUS, 4)
        record = replace(bench.engine.run("run1"), run=RunId("orphan"), status=RunStatus.CREATED,
                         ended_at=None, called_by=(RunId("run1"), TaskId("c")), mode="call",
                         commit=-1)  # fmt: skip
        store.create_run(record)
        before = len(bench.order())
        await bench.engine.cancel("orphan")
        assert bench.engine.run("orphan").status is RunStatus.CANCELLED
        assert len(bench.order()) == before


async def test_a_fork_that_never_began_is_not_begun_from_the_start() -> None:
    """The power went off between its row and its first commit: its channels are nowhere."""
    store = FragileStore(1_000_000)
    async with Bench(store=store) as bench:
        await bench.run(PLUS, 4)
        first = bench.engine.run("run1")
        store.fork(first.run, 1, replace(first, run=RunId("fork"), status=RunStatus.CREATED,
                                         ended_at=None, parent=first.run, parent_commit=1,
                                         commit=-1))  # fmt: skip
        with pytest.raises(InvalidCommand, match="fork run run1 again from commit 1"):
            await bench.engine.resume("fork")
