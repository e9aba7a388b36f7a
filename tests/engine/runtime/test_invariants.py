"""What must hold at every commit is checked before it is made (U90, order of operations C)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.app import RequestRecord
from engine.commands import Decide
from engine.errors import InvalidCommand
from engine.model.workflow import Channel, Invariant, Workflow
from tests.engine.flows import Bench, flow, outcome, settle

Json = Any
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)
ERRORS = Channel(name="errors", type="errors")


def spending(*amounts: int, rule: str = "state.total <= 10", **invariant: Any) -> Workflow:
    """Nodes `a`, `b`, … at the same time, each of which adds its amount to the total."""
    names = "abcdef"[: len(amounts)]
    nodes: dict[str, Any] = {
        name: ("same", {}, {"writes": {"total": str(amount)}})
        for name, amount in zip(names, amounts, strict=True)
    }
    wires = ", ".join(f"s > {name}, {name} > j" for name in names)
    return flow(
        {"s": "same", "j": "join", "z": "end", **nodes},
        f"{wires}, j > z",
        channels=[TOTAL, ERRORS],
        result="state.total",
        invariants={"cap": Invariant(expr=rule, **invariant)},
    )


async def test_a_commit_that_keeps_the_invariant_is_made() -> None:
    async with Bench() as bench:
        assert outcome(await bench.run(spending(4, 6))) == 10


async def test_a_breach_keeps_nothing_of_the_commit_and_names_everything() -> None:
    async with Bench() as bench:
        handle = await bench.start(spending(4, 7, message="the budget is 10"))
        ended = (await handle.leg()).event
        assert isinstance(ended, ev.RunFailed)
        assert ended.error.code == "invariant"
        assert ended.error.details == {"invariant": "cap", "writers": ["a", "b"]}
        assert "cap does not hold: the budget is 10. Written by a, b." in ended.error.message
        stored = bench.engine.state_at(handle.run)
        assert (stored.channels["total"], set(stored.tasks)) == (0, {"a", "b"})
        assert bench.order() == ["s"]
        broken = [e for e in bench.facts if isinstance(e, ev.InvariantBroken)]
        assert [(e.invariant, e.writers, e.handled) for e in broken] == [
            ("cap", ("a", "b"), "fail")
        ]


async def test_an_invariant_is_looked_at_only_when_its_channels_change() -> None:
    """It may be as costly as it likes: here it would fail if it were evaluated."""
    work = flow(
        {"a": ("same", {}, {"writes": {"other": "1"}})}, "",
        channels=[TOTAL, Channel(name="other")],
        invariants={"cap": Invariant(expr="state.total > 0 or state.other == None")},
    )  # fmt: skip
    quiet = flow({"a": "same"}, "", channels=[TOTAL],
                 invariants={"cap": Invariant(expr="state.total == 0")})  # fmt: skip
    async with Bench() as bench:
        assert outcome(await bench.run(work)) == "invariant"
        assert outcome(await bench.run(quiet)) is None


async def test_an_invariant_that_cannot_be_evaluated_does_not_hold() -> None:
    async with Bench() as bench:
        ended = await bench.run(spending(1, rule="state.total / 0 > 1 if state.total else True"))
        assert isinstance(ended, ev.RunFailed)
        assert "cap cannot be checked" in ended.error.message


async def test_a_run_does_not_start_on_values_that_break_one() -> None:
    async with Bench() as bench:
        with pytest.raises(InvalidCommand, match="cap does not hold"):
            await bench.engine.start(spending(1), channels={"total": 11})
        assert bench.engine.runs() == []


# --- asking -------------------------------------------------------------------------------


async def asked(bench: Bench, *amounts: int) -> tuple[Any, RequestRecord]:
    handle = await bench.start(spending(*amounts, on_breach="ask"))
    (request,) = bench.engine.inbox()
    return handle, request


async def decide(bench: Bench, request: RequestRecord, choice: str) -> None:
    await bench.engine.decide(
        Decide(request=request.request, choice=choice, by="ada", through="api",
               digest=request.digest)
    )  # fmt: skip
    await settle()


async def test_the_last_writer_is_held_and_the_others_are_admitted() -> None:
    async with Bench(stay=True) as bench:
        handle, request = await asked(bench, 4, 7)
        assert (request.task, request.content.about) == ("b", "invariant")
        assert request.content.payload["writes"] == [["total", "reduce", 7]]
        assert handle.state.channels["total"] == 4
        assert bench.order() == ["s", "a"]


async def test_let_it_write_all_the_same() -> None:
    async with Bench(stay=True) as bench:
        handle, request = await asked(bench, 4, 7)
        await decide(bench, request, "accept")
        assert (await handle.result()) == 11
        handled = [e.handled for e in bench.facts if isinstance(e, ev.InvariantBroken)]
        assert handled == ["ask", "accepted"]
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_fail_the_task() -> None:
    async with Bench(stay=True) as bench:
        handle, request = await asked(bench, 4, 7)
        await decide(bench, request, "fail")
        ended = (await handle.leg()).event
        assert outcome(ended) == "invariant"
        assert handle.state.channels["total"] == 4
        assert (await bench.engine.replay(handle.run)).equal


async def test_run_it_again_asks_again() -> None:
    async with Bench(stay=True) as bench:
        handle, request = await asked(bench, 4, 7)
        await decide(bench, request, "again")
        (second,) = bench.engine.inbox()
        assert second.request != request.request
        await decide(bench, second, "accept")
        assert (await handle.result()) == 11
        assert (await bench.engine.replay(handle.run)).equal


async def test_the_question_survives_the_end_of_the_program() -> None:
    async with Bench() as bench:
        handle, request = await asked(bench, 4, 7)
        assert handle.status == "waiting"  # headless: the leg ends, exit code 5
        await bench.engine.decide(
            Decide(request=request.request, choice="accept", by="a", through="cli",
                   digest=request.digest)
        )  # fmt: skip
        again = await bench.engine.resume(handle.run)
        assert (await again.result()) == 11


async def test_each_breach_asks_by_itself() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(spending(4, 7, 8, on_breach="ask"))
        assert sorted(r.task for r in bench.engine.inbox()) == ["b", "c"]
        for request in bench.engine.inbox():
            await decide(bench, request, "accept")
        assert (await handle.result()) == 19
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_failure_may_break_one_too() -> None:
    work = flow(
        {"a": ("boom", {}, {"on_error": "ignore"})}, "", channels=[ERRORS],
        invariants={"clean": Invariant(expr="not state.errors", on_breach="ask")},
    )  # fmt: skip
    async with Bench(stay=True) as bench:
        handle = await bench.start(work)
        (request,) = bench.engine.inbox()
        await decide(bench, request, "accept")
        assert (await handle.leg()).event == ev.RunFinished(result=None)
        assert len(handle.state.channels["errors"]) == 1
        assert (await bench.engine.replay(handle.run)).equal
