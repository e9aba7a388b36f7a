"""A fork never does again what may not be done twice without asking (U84, U100)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.app import EditedDocument, RequestRecord, RunHandle
from engine.commands import Decide
from engine.model.node_types import NodeFailure, Output
from engine.model.workflow import Channel, Invariant, RetryPolicy, Workflow
from engine.runtime.ports import CommitRecord, Lease
from tests.engine.flows import Bench, flow, node_type, outcome, settle

CALLS: list[str] = []
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


async def pay(params: object, ctx: object) -> Output:
    """Fail, the first time, after something may have happened."""
    CALLS.append("pay")
    if len(CALLS) == 1:
        raise NodeFailure("the line went dead", code="lost")
    return Output({"out": 7})


def paying(key: str = "a") -> Workflow:
    return flow({key: ("pay", {}, {"retry": RetryPolicy()}), "z": "end"}, f"{key} > z")


@pytest.fixture
def bench() -> Bench:
    CALLS.clear()
    return Bench(node_type("pay", pay, effects=lambda params: "once"), stay=True)


def asked(bench: Bench, handle: RunHandle) -> list[RequestRecord]:
    return [each for each in bench.engine.inbox() if each.run == handle.run]


async def answer(bench: Bench, request: RequestRecord, choice: str, values: object = None) -> None:
    await bench.engine.decide(
        Decide(request=request.request, choice=choice, by="ada", through="api", values=values)
    )
    await settle()


async def test_a_fork_at_whether_it_happened_asks_the_same_and_runs_nothing(bench: Bench) -> None:
    parent = await bench.start(paying(), 1)
    [before] = asked(bench, parent)
    fork = await bench.engine.fork(parent.run, parent.state.commit)
    await settle()
    [question] = asked(bench, fork)
    assert (CALLS, question.content) == (["pay"], before.content)
    assert asked(bench, parent) == [before]
    await answer(bench, question, "happened", 5)
    assert outcome((await fork.leg()).event) == 5
    assert CALLS == ["pay"] and (await bench.engine.replay(fork.run)).equal
    await bench.engine.close()


async def test_so_does_one_that_was_killed_before_it_could_ask(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await bench.start(paying(), 1)
    commit = bench.store.commit

    def die(lease: Lease, record: CommitRecord) -> None:
        if record.number:
            raise RuntimeError("killed")
        commit(lease, record)

    monkeypatch.setattr(bench.store, "commit", die)
    fork = await bench.engine.fork(parent.run, parent.state.commit)
    with pytest.raises(RuntimeError, match="killed"):
        await fork.leg()
    monkeypatch.undo()
    await settle()
    again = await bench.engine.resume(fork.run)
    await settle()
    assert [each.content.about for each in asked(bench, again)] == ["outcome"]
    assert CALLS == ["pay"]
    await bench.engine.close()


@pytest.mark.parametrize("name", ["a", "b"])
async def test_so_does_one_on_an_edited_document(bench: Bench, name: str) -> None:
    parent = await bench.start(paying(), 1)
    edited = paying(name)
    edited = replace(edited, nodes={**edited.nodes, name: replace(edited.nodes[name], title="Pay")})
    names = {"a": name} if name != "a" else {}
    choice = EditedDocument(workflow=edited, force=True, names=names)
    fork = await bench.engine.fork(parent.run, parent.state.commit, edited=choice)
    await settle()
    assert [each.content.about for each in asked(bench, fork)] == ["outcome"]
    assert CALLS == ["pay"]
    await bench.engine.close()


async def test_work_that_is_held_for_an_invariant_is_not_done_again_by_a_fork(bench: Bench) -> None:
    CALLS.append("so that it succeeds")
    capped = flow(
        {"a": ("pay", {}, {"writes": {"total": "output"}}), "z": "end"}, "a > z", channels=[TOTAL],
        invariants={"cap": Invariant(expr="state.total < 5", on_breach="ask")},
    )  # fmt: skip
    parent = await bench.start(capped, 1)
    fork = await bench.engine.fork(parent.run, parent.state.commit)
    await settle()
    [question] = asked(bench, fork)
    assert question.content.about == "invariant" and CALLS[1:] == ["pay"]
    await answer(bench, question, "accept")
    assert (await fork.leg()).event and fork.state.channels["total"] == 7
    assert CALLS[1:] == ["pay"] and (await bench.engine.replay(fork.run)).equal
    await bench.engine.close()
