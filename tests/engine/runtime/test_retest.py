"""Past runs as tests of a workflow (U117; T41, T85, T91): the first difference, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.commands import Decide
from engine.ids import RunId
from engine.interchange.run_file import export_run
from engine.interchange.saved_tests import read_recording
from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.plan import compile_workflow
from engine.model.workflow import Channel, RetryPolicy, Workflow
from engine.nodes.file_lines import FILE_LINES
from engine.runtime.differences import Profile
from engine.runtime.retest import Retested, retest
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, node_type, registry, settle

Json = Any
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


class Outside:
    """A node that touches the world: it must never be called in a test."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, params: Any, ctx: Context) -> Output:
        self.calls += 1
        return Output({"out": (ctx.input or 0) * 10})


class Lab:
    """Records a run on one document, and makes it again on others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outside = Outside()
        self.types: tuple[NodeType, ...] = (
            node_type("mail", self.outside, effects=lambda params: "once"),
            node_type("fetch", self.outside, capabilities=lambda params: ("network",)),
            node_type("add", lambda params, ctx: Output({"out": ctx.input + params.n})),
            node_type("flaky", _flaky, effects=lambda params: "idempotent"),
        )

    async def record(self, work: Workflow, value: Json = 1, *, choice: str = "approve") -> None:
        store = SqliteStore(self.folder / "one.sqlite")
        async with Bench(*self.types, store=store, stay=True) as bench:
            handle = await bench.start(work, value)
            for request in bench.engine.inbox():
                await bench.engine.decide(
                    Decide(request=request.request, choice=choice, by="ada", through="api",
                           digest=request.digest)
                )  # fmt: skip
                await settle()
            for _ in range(3):
                bench.clock.advance(10)
                await settle()
            await handle.leg()
            export_run(store, store.run(RunId("run1")), self.folder / "run", at=0.0)
        self.calls = self.outside.calls

    def again(self, work: Workflow, **profile: Any) -> Retested:
        plan = compile_workflow(work, registry(*self.types))
        found = retest(
            plan, read_recording(self.folder / "run", registry(*self.types)), Profile(**profile)
        )
        assert self.outside.calls == self.calls, "a node with effects was run"
        return found


def _flaky(params: Any, ctx: Context) -> Output:
    if ctx.attempt == 1:
        raise NodeFailure("not yet")
    return Output({"out": ctx.input})


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def work(n: int = 2, *, by: str = "input > 3", **more: Any) -> Workflow:
    return flow(
        {
            "a": ("add", {"n": n}, {"writes": {"total": "output"}}),
            "m": ("mail", {}, {"writes": {"total": "output"}}),
            "g": "ask",
            "b": "plus",
            "c": "plus",
            "z": "end",
            **more.pop("nodes", {}),
        },
        more.pop(
            "wires",
            f"a > m, m > g, g.approved > b [{by}], g.approved > c [else], b > z, c > z",
        ),
        channels=[TOTAL],
        **more,
    )  # fmt: skip


async def test_a_run_made_again_on_its_own_document_is_the_same(lab: Lab) -> None:
    await lab.record(work())
    for name in ("full", "path", "result"):
        found = lab.again(work(), name=name)
        assert (found.difference, found.unseen) == (None, ())
    assert lab.again(work()).commits > 4


async def test_a_changed_layout_or_title_is_no_difference(lab: Lab) -> None:
    await lab.record(work())
    titled = {key: replace(node, title=f"The {key}") for key, node in work().nodes.items()}
    assert lab.again(replace(work(), nodes=titled, name="Another")).difference is None


async def test_a_changed_expression_is_found_with_node_commit_and_both_values(lab: Lab) -> None:
    await lab.record(work())
    found = lab.again(work(n=3)).difference
    assert found is not None
    assert (found.commit, found.node, found.what) == (1, "a", "a.out")
    assert (found.then, found.now) == (3, 4)


async def test_with_recorded_results_only_the_document_around_a_node_is_tested(lab: Lab) -> None:
    await lab.record(work())
    found = lab.again(work(n=3), computes=False)
    assert found.difference is None
    assert found.unseen == ("a",)


async def test_a_changed_condition_takes_another_way(lab: Lab) -> None:
    await lab.record(work())
    found = lab.again(work(by="input > 300"), name="path").difference
    assert found is not None
    assert found.what == "SuperstepCommitted.ready"
    assert (found.then, found.now, found.node) == (["b"], ["c"], "c")


async def test_a_new_node_is_where_the_run_went_elsewhere(lab: Lab) -> None:
    await lab.record(work())
    wires = "a > n, n > m, m > g, g.approved > b [input > 3], g.approved > c [else], b > z, c > z"
    found = lab.again(work(nodes={"n": "same"}, wires=wires)).difference
    assert found is not None
    assert (found.commit, found.then, found.now) == (1, ["m"], ["n"])


async def test_a_node_that_touches_nothing_may_be_added_where_only_the_end_counts(
    lab: Lab,
) -> None:
    await lab.record(work())
    wires = "a > n, n > m, m > g, g.approved > b [input > 3], g.approved > c [else], b > z, c > z"
    assert lab.again(work(nodes={"n": "same"}, wires=wires), name="result").difference is None
    wrong = lab.again(work(nodes={"n": "same", "c": "same", "b": "same"}, wires=wires),
                      name="result").difference  # fmt: skip
    assert wrong is not None
    assert (wrong.what, wrong.then, wrong.now) == ("the result", 31, 30)
    sent = lab.again(work(nodes={"n": "fetch"}, wires=wires), name="result").difference
    assert sent is not None and sent.node == "n" and "effects" in sent.what


async def test_a_node_that_was_run_and_is_gone_is_named(lab: Lab) -> None:
    await lab.record(work())
    without = work(wires="a > g, g.approved > b [input > 3], g.approved > c [else], b > z, c > z")
    nodes = {key: node for key, node in without.nodes.items() if key != "m"}
    found = lab.again(replace(without, nodes=nodes), name="path").difference
    assert found is not None and (found.commit, found.then) == (1, ["m"])


async def test_a_changed_question_is_found(lab: Lab) -> None:
    await lab.record(work())
    asks = work(nodes={"g": ("ask", {"body": "Really?"})})
    found = lab.again(asks).difference
    assert found is not None
    assert (found.node, found.what, found.now) == ("g", "the body of the question", "Really?")
    assert lab.again(asks, name="path").difference is None


async def test_what_a_node_with_effects_writes_is_what_the_document_says_now(lab: Lab) -> None:
    await lab.record(work())
    twice = work(nodes={"m": ("mail", {}, {"writes": {"total": "output * 2"}})})
    found = lab.again(twice)
    assert found.difference is not None
    assert (found.difference.node, found.difference.what) == ("m", "a write")
    assert lab.again(twice, channels=frozenset({"total"})).difference is None
    assert lab.again(twice, channels=frozenset({"total"})).unseen == ("m",)


async def test_a_node_can_be_ignored(lab: Lab) -> None:
    await lab.record(work())
    found = lab.again(work(n=3), nodes=frozenset({"a"}), channels=frozenset({"total"}))
    assert found.difference is None


async def test_another_channel_default_is_seen_and_one_set_by_hand_is_kept(lab: Lab) -> None:
    await lab.record(work())
    other = replace(work(), channels={"total": replace(TOTAL, default=100)})
    found = lab.again(other).difference
    assert found is not None and found.what == "channel total"
    assert (found.then, found.now) == (3, 103)


async def test_items_loops_retries_and_timers_are_made_again(lab: Lab) -> None:
    await lab.record(
        flow({"f": "for_each", "a": "plus", "c": "collect", "n": ("nap", {"seconds": 5}),
              "r": ("flaky", {}, {"retry": RetryPolicy(attempts=3, delay_s=1.0)}), "z": "end"},
             "f.item > a, a > c, c > n, n > r, r > z"),
        [1, 2, 3],
    )  # fmt: skip
    same = flow({"f": "for_each", "a": "plus", "c": "collect", "n": ("nap", {"seconds": 5}),
                 "r": ("flaky", {}, {"retry": RetryPolicy(attempts=3, delay_s=1.0)}), "z": "end"},
                "f.item > a, a > c, c > n, n > r, r > z")  # fmt: skip
    assert lab.again(same).difference is None
    assert lab.again(same, name="result").difference is None
    nodes = {**same.nodes, "r": replace(same.nodes["r"], retry=None)}
    found = lab.again(replace(same, nodes=nodes)).difference
    assert found is not None and found.node == "r"


async def test_a_run_that_failed_is_a_test_too(lab: Lab) -> None:
    broken = flow({"a": "plus", "b": "boom", "z": "end"}, "a > b, b > z")
    await lab.record(broken)
    assert lab.again(broken).difference is None
    found = lab.again(flow({"a": "plus", "b": "plus", "z": "end"}, "a > b, b > z"),
                      name="result").difference  # fmt: skip
    assert found is not None
    assert (found.what, found.then, found.now) == ("how it ends", "RunFailed", "RunFinished")


async def test_a_stream_is_not_read_in_a_test(tmp_path: Path) -> None:
    """Its items are those that were recorded; what is done with them is computed anew (U51)."""
    file = tmp_path / "lines.txt"
    file.write_text("1\n2\n3\n")
    lab = Lab(tmp_path)
    lab.types = (*lab.types, FILE_LINES)

    def reading(sign: str) -> Workflow:
        return flow(
            {"s": ("file.lines", {"path": str(file)}), "e": ("for_each", {"limit": 1}),
             "i": ("mark", {"mark": sign}), "c": "collect", "z": "end"},
            "s > e, e.item > i, i > c, c > z",
        )  # fmt: skip

    mark = node_type("mark", lambda params, ctx: Output({"out": ctx.input + params.mark}))
    lab.types = (*lab.types, mark)
    await lab.record(reading("!"), None)
    file.unlink()
    assert lab.again(reading("!")).difference is None
    found = lab.again(reading("?")).difference
    assert found is not None and found.node == "i"
