"""A run goes on with an edited document: strict refuses, force records.

U99; T66, T83, T86, C5 no. 13.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import events as ev
from engine import run_view
from engine.app import EditedDocument, RunHandle
from engine.commands import Decide
from engine.errors import DecisionRefused, DocumentEdited, InvalidCommand
from engine.interchange.run_file import export_run, import_run
from engine.model.workflow import Channel, Workflow
from engine.run_view import RunView
from engine.runtime.moving_fates import Fate
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore
from engine.store.sqlite import SqliteStore
from tests.engine.flows import Bench, flow, outcome, settle
from tests.engine.properties.driving import check_refs

Json = Any
LOG = Channel(name="log", type="array", reducer="append", default=[])


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")


def work(wires: str = "a > g, g.approved > b, b > z", **nodes: Any) -> Workflow:
    made = {"a": "plus", "g": "ask", "b": ("plus", {}, {"writes": {"log": "output"}}), "z": "end"}
    return flow({**made, **nodes}, wires, channels=[LOG])


async def waiting(store: RunStore, first: Workflow, value: Json = 1) -> Bench:
    """Run a workflow until it waits, and stop driving it."""
    bench = Bench(store=store, stay=True)
    handle = await bench.start(first, value)
    await handle.stop()
    await settle()
    return bench


async def go_on(bench: Bench, second: Workflow, **choice: Any) -> RunHandle:
    choice.setdefault("force", True)
    handle = await bench.engine.resume("run1", edited=EditedDocument(workflow=second, **choice))
    await settle()
    assert check_refs(handle.state) == []
    assert set(handle.view.frontier) == set(handle.state.tasks)
    asked = {wait.request for wait in handle.state.waits.values() if wait.request}
    assert set(handle.view.requests) == asked
    return handle


async def approve(bench: Bench, handle: RunHandle) -> Json:
    for request in bench.engine.inbox():
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api",
                   digest=request.digest)
        )  # fmt: skip
        await settle()
    return outcome((await handle.leg()).event)


def choice_made(bench: Bench) -> ev.DocumentChanged:
    [found] = [fact for fact in bench.facts if isinstance(fact, ev.DocumentChanged)]
    return found


async def stored_equals_live(bench: Bench, handle: RunHandle) -> None:
    """What can be restored of every commit is what was live."""
    last = handle.state.commit
    live = msgspec.to_builtins(handle.state)
    assert msgspec.to_builtins(bench.store.state_at(handle.run, last)) == live
    folded = run_view.fold(bench.engine.events(handle.run), RunView(run=handle.run))
    assert folded.revision == handle.plan.revision
    report = await bench.engine.replay(handle.run)
    assert report.equal, (report.commit, report.difference)
    for number in range(last + 1):
        bench.engine.view(handle.run, number)


async def test_strict_refuses_with_both_revisions_and_the_report(store: RunStore) -> None:
    bench = await waiting(store, work())
    before = bench.engine.run("run1")
    with pytest.raises(DocumentEdited) as refused:
        await go_on(bench, work(g=("ask", {"body": "Really?"})), force=False)
    assert refused.value.old == before.revision
    assert refused.value.old in str(refused.value) and refused.value.new in str(refused.value)
    fates = {each.name: each.fate for each in refused.value.fates if isinstance(each, Fate)}
    assert fates == {"g": "asked again", "log": "unchanged"}
    assert bench.engine.run("run1") == before
    assert len(bench.engine.inbox()) == 1
    await bench.engine.close()


async def test_without_an_edited_document_a_run_keeps_the_one_it_began_with(
    store: RunStore,
) -> None:
    bench = await waiting(store, work())
    handle = await bench.engine.resume("run1")
    await settle()
    assert await approve(bench, handle) == 3
    assert not [fact for fact in bench.facts if isinstance(fact, ev.DocumentChanged)]
    await bench.engine.close()


async def test_a_new_layout_or_title_needs_no_choice(store: RunStore) -> None:
    bench = await waiting(store, work())
    titled = {key: replace(node, title="T") for key, node in work().nodes.items()}
    handle = await go_on(bench, replace(work(), nodes=titled), force=False)
    assert await approve(bench, handle) == 3
    await bench.engine.close()


async def test_force_goes_on_with_the_edited_document_and_records_the_choice(
    store: RunStore,
) -> None:
    bench = await waiting(store, work())
    edited = work("a > g, g.approved > b, b > c, c > z", c="plus")
    handle = await go_on(bench, edited)
    assert await approve(bench, handle) == 4
    found = choice_made(bench)
    assert (found.by, found.asked_again) == ("tester", ("g",))
    assert found.new == bench.engine.run("run1").revision != found.old
    await stored_equals_live(bench, handle)
    assert "c" not in bench.engine.workflow_of("run1", 1).nodes
    assert "c" in bench.engine.workflow_of("run1").nodes
    await bench.engine.close()


async def test_a_question_of_a_changed_node_is_asked_again_and_the_old_one_is_late(
    store: RunStore,
) -> None:
    bench = await waiting(store, work())
    [old] = bench.engine.inbox()
    handle = await go_on(bench, work(g=("ask", {"body": "Really?"})))
    [new] = bench.engine.inbox()
    assert new.request != old.request and new.content.body == "Really?"
    with pytest.raises(DecisionRefused) as refused:
        await bench.engine.decide(
            Decide(request=old.request, choice="approve", by="ada", through="api")
        )
    assert refused.value.reason == "late"
    assert await approve(bench, handle) == 3
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_question_whose_way_on_is_what_it_was_stays_open(store: RunStore) -> None:
    other = {"x": "plus", "y": "end"}
    wires = "a > g, g.approved > b, b > z, a > x, x > y"
    bench = await waiting(store, work(wires, **other))
    [old] = bench.engine.inbox()
    handle = await go_on(bench, work(wires, **{**other, "x": ("plus", {"note": "new"})}))
    assert [each.request for each in bench.engine.inbox()] == [old.request]
    assert await approve(bench, handle) == {"y": 3, "z": 3}
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_an_answer_that_was_not_taken_in_counts_for_the_old_plan_only(
    store: RunStore,
) -> None:
    other = {"x": "plus", "y": "end"}
    wires = "a > g, g.approved > b, b > z, a > x, x > y"
    bench = await waiting(store, work(wires, **other))
    [old] = bench.engine.inbox()
    await bench.engine.decide(
        Decide(request=old.request, choice="approve", by="ada", through="api", digest=old.digest)
    )
    handle = await go_on(bench, work(wires, **{**other, "x": ("plus", {"note": "new"})}))
    assert choice_made(bench).asked_again == ("g",)
    [new] = bench.engine.inbox()
    assert new.request != old.request
    assert await approve(bench, handle) == {"y": 3, "z": 3}
    await bench.engine.close()


async def test_a_renamed_node_takes_its_task_along(store: RunStore) -> None:
    bench = await waiting(store, work())
    nodes = {"a": "plus", "gate": "ask", "b": ("plus", {}, {"writes": {"log": "output"}}),
             "z": "end"}  # fmt: skip
    renamed = flow(nodes, "a > gate, gate.approved > b, b > z", channels=[LOG])
    handle = await go_on(bench, renamed, names={"g": "gate"})
    assert choice_made(bench).mapped == (("g", "gate"),)
    assert [each.node for each in bench.engine.inbox()] == ["gate"]
    assert await approve(bench, handle) == 3
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_what_has_no_place_any_more_is_lost_and_said_so(store: RunStore) -> None:
    bench = await waiting(
        store, work("a > g, g.approved > b, b > z, a > h, h.approved > z", h="ask")
    )
    handle = await go_on(bench, work())
    found = choice_made(bench)
    assert found.lost == ("h",)
    assert [each.node for each in bench.engine.inbox()] == ["g"]
    assert await approve(bench, handle) == 3
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_join_no_longer_waits_for_a_wire_that_is_gone(store: RunStore) -> None:
    wires = "a > g, a > x, g.approved > j, x > j, j > z"
    both = flow({"a": "plus", "g": "ask", "x": "plus", "j": "join", "z": "end"}, wires)
    bench = await waiting(store, both, 1)
    alone = flow({"a": "plus", "x": "plus", "j": "join", "z": "end"}, "a > x, x > j, j > z")
    handle = await go_on(bench, alone)
    assert outcome((await handle.leg()).event) in (3, {"x": 3})
    assert "g" in choice_made(bench).lost
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_items_in_a_for_each_go_on_or_fail_one_by_one(store: RunStore) -> None:
    wires = "f.item > g, g.approved > b, b > c, c > z"
    items = flow({"f": ("for_each", {"limit": 9}), "g": "ask", "b": "plus", "c": "collect",
                  "z": "end"}, wires)  # fmt: skip
    bench = await waiting(store, items, [1, 2, 3])
    edited = flow({"f": ("for_each", {"limit": 9}), "g": ("ask", {"body": "?"}), "b": "plus",
                   "e": "plus", "c": "collect", "z": "end"},
                  "f.item > g, g.approved > b, b > e, e > c, c > z")  # fmt: skip
    handle = await go_on(bench, edited)
    assert len(choice_made(bench).asked_again) == 3
    assert await approve(bench, handle) == [3, 4, 5]
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_items_of_which_nothing_is_left_do_not_hold_the_run(store: RunStore) -> None:
    items = flow({"f": ("for_each", {"limit": 9}), "g": "ask", "c": "collect", "z": "end"},
                 "f.item > g, g.approved > c, c > z")  # fmt: skip
    bench = await waiting(store, items, [1, 2])
    edited = flow({"f": ("for_each", {"limit": 9, "on_item_failure": "collect"}), "b": "plus",
                   "c": "collect", "z": "end"}, "f.item > b, b > c, c > z")  # fmt: skip
    handle = await go_on(bench, edited)
    assert outcome((await handle.leg()).event) == []
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_loop_goes_on_with_its_rounds(store: RunStore) -> None:
    def loop(n: int) -> Workflow:
        return flow({"s": "same", "a": "plus", "g": "ask", "b": ("below", {"n": n}), "z": "end"},
                    "s > a, a > g, g.approved > b, b.again > a, b.done > z")  # fmt: skip

    bench = await waiting(store, loop(5), 0)
    handle = await go_on(bench, loop(2))
    assert choice_made(bench).asked_again == ("g",)
    for _ in range(2):
        for request in bench.engine.inbox():
            await bench.engine.decide(
                Decide(request=request.request, choice="approve", by="ada", through="api",
                       digest=request.digest)
            )  # fmt: skip
            await settle()
    assert outcome((await handle.leg()).event) == 2
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_timer_keeps_its_time(store: RunStore) -> None:
    nap = flow({"n": ("nap", {"seconds": 60}), "z": "end"}, "n > z")
    bench = await waiting(store, nap, 1)
    edited = flow({"n": ("nap", {"seconds": 60}), "b": "plus", "z": "end"}, "n > b, b > z")
    handle = await go_on(bench, edited)
    bench.clock.advance(59)
    await settle()
    assert handle.state.waits
    bench.clock.advance(1)
    assert outcome((await handle.leg()).event) == 2
    await bench.engine.close()


async def test_channels_are_kept_reset_or_new(store: RunStore) -> None:
    first = flow({"a": ("plus", {}, {"writes": {"n": "output", "old": "output"}}), "g": "ask",
                  "z": "end"}, "a > g, g.approved > z",
                 channels=[Channel(name=name, type="number", reducer="sum", default=0)
                           for name in ("n", "old")])  # fmt: skip
    bench = await waiting(store, first, 1)
    second = replace(first, channels={
        "n": Channel(name="n", type="string", default="none"),
        "new": Channel(name="new", default="fresh"),
    }, nodes={**first.nodes, "a": replace(first.nodes["a"], writes={})})  # fmt: skip
    handle = await go_on(bench, second)
    assert handle.state.channels == {"n": "none", "new": "fresh"}
    assert {"n", "old"} <= set(choice_made(bench).lost)
    await approve(bench, handle)
    await stored_equals_live(bench, handle)
    assert bench.store.state_at(handle.run, 1).channels == {"n": 2, "old": 2}
    await bench.engine.close()


async def test_a_run_can_be_moved_twice_exported_and_pruned(
    store: RunStore, tmp_path: Path
) -> None:
    bench = await waiting(store, work())
    handle = await go_on(bench, work(g=("ask", {"body": "1"})))
    await handle.stop()
    await settle()
    bench.news.clear()
    handle = await go_on(bench, work("a > g, g.approved > b, b > c, c > z", c="plus"))
    assert await approve(bench, handle) == 4
    await stored_equals_live(bench, handle)
    export_run(store, store.run(handle.run), tmp_path / "moved", at=0.0)
    other = SqliteStore(tmp_path / "other.sqlite")
    import_run(other, tmp_path / "moved", at=0.0)
    for number in range(handle.state.commit + 1):
        assert other.state_at(handle.run, number) == store.state_at(handle.run, number)
    assert other.documents(handle.run) == store.documents(handle.run)
    other.close()
    store.prune(handle.run, 2)
    assert store.load(handle.run).state == handle.state
    await bench.engine.close()


async def test_a_named_commit_outlives_the_pruning_of_a_run_that_was_moved(
    store: RunStore, tmp_path: Path
) -> None:
    bench = await waiting(store, work())
    handle = await go_on(bench, work("a > g, g.approved > b, b > c, c > z", c="plus"))
    assert await approve(bench, handle) == 4
    before = store.state_at(handle.run, 1)
    store.name_commit(handle.run, 1, "before it was edited")
    store.prune(handle.run, 2)
    assert (await bench.engine.replay(handle.run)).equal
    export_run(store, store.run(handle.run), tmp_path / "moved", at=0.0)
    other = MemoryStore()
    import_run(other, tmp_path / "moved", at=0.0)
    assert store.state_at(handle.run, 1) == other.state_at(handle.run, 1) == before
    assert other.load(handle.run).state == handle.state
    await bench.engine.close()


async def test_a_fork_can_begin_on_an_edited_document(store: RunStore) -> None:
    bench = await waiting(store, work())
    edited = work("a > g, g.approved > b, b > c, c > z", c="plus")
    with pytest.raises(DocumentEdited):
        await bench.engine.fork("run1", 1, edited=EditedDocument(workflow=edited))
    assert len(bench.engine.runs()) == 1
    handle = await bench.engine.fork("run1", 1, edited=EditedDocument(workflow=edited, force=True))
    await settle()
    mine = [each for each in bench.engine.inbox() if each.run == handle.run]
    assert len(mine) == len(bench.engine.inbox()) - 1 == 1
    await bench.engine.decide(
        Decide(request=mine[0].request, choice="approve", by="ada", through="api")
    )
    assert outcome((await handle.leg()).event) == 4
    assert bench.engine.run(handle.run).revision == handle.plan.revision
    assert (await bench.engine.replay(handle.run)).equal
    await bench.engine.close()


@pytest.mark.parametrize("names", [{"x": "g"}, {"g": "x"}, {"g": "b"}])
async def test_a_renaming_that_makes_no_sense_is_refused(names: dict[str, str]) -> None:
    bench = await waiting(MemoryStore(), work())
    with pytest.raises(InvalidCommand):
        await go_on(bench, work(g=("ask", {"body": "?"})), names=names)
    await bench.engine.close()
