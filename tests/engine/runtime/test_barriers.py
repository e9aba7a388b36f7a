"""Decisions and deadlines: U67-U73, T46-T50, C5."""

from __future__ import annotations

from typing import Any

import pytest

from engine import events as ev
from engine.app import RequestRecord
from engine.commands import Decide
from engine.errors import DecisionRefused
from tests.engine.flows import Bench, flow, outcome, settle


def gate(**params: Any) -> Any:
    return flow(
        {"a": "plus", "b": ("ask", params), "z": "end", "n": "end", "x": "end"},
        "a > b, b.approved > z, b.rejected > n, b.expired > x",
    )


def answer(request: RequestRecord, choice: str, **more: Any) -> Decide:
    more.setdefault("digest", request.digest)
    return Decide(request=request.request, choice=choice, by="ada", through="api", **more)


@pytest.mark.parametrize(
    ("choice", "values", "expected"),
    [("approve", None, 2), ("reject", None, 2), ("modify", 40, 40)],
)
async def test_a_decision_takes_its_port_with_its_values(
    choice: str, values: Any, expected: Any
) -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(), 1)
        [request] = bench.engine.inbox()
        await bench.engine.decide(answer(request, choice, values=values))
        assert outcome((await handle.leg()).event) == expected
        [decided] = [f for f in bench.facts if isinstance(f, ev.BarrierDecided)]
        assert (decided.by, decided.port) == (
            "ada", "rejected" if choice == "reject" else "approved",
        )  # fmt: skip


async def test_a_decided_gate_is_one_commit_that_admits_the_decision() -> None:
    """T63: neither the question nor the answer makes another one."""
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(), 1)
        before = handle.state.commit
        [request] = bench.engine.inbox()
        stored = await bench.engine.decide(answer(request, "approve"))
        await handle.leg()
        facts = [each.event for each in bench.engine.events(handle.run)]
        place = next(n for n, f in enumerate(facts) if isinstance(f, ev.BarrierDecided))
        commits = [f.commit for f in facts[place:] if isinstance(f, ev.SuperstepCommitted)]
        assert commits == [before + 1, before + 2]  # the gate, and the end behind it
        assert sum(isinstance(fact, ev.BarrierDecided) for fact in facts) == 1
        [decision] = bench.engine.decisions(handle.run)
        assert decision.id == stored.id and decision.admitted
        assert bench.store.unadmitted(handle.run) == []


async def test_an_invalid_edit_is_refused_and_the_question_stays_open() -> None:
    form = {"type": "integer", "maximum": 50}
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(form=form), 1)
        [request] = bench.engine.inbox()
        with pytest.raises(DecisionRefused) as refusal:
            await bench.engine.decide(answer(request, "modify", values=51))
        assert refusal.value.reason == "invalid" and refusal.value.problems
        assert len(bench.engine.inbox()) == 1
        await bench.engine.decide(answer(request, "modify", values=50))
        assert outcome((await handle.leg()).event) == 50


async def test_a_second_decision_is_refused_as_late_and_kept_with_the_reason() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(), 1)
        [request] = bench.engine.inbox()
        await bench.engine.decide(answer(request, "approve"))
        with pytest.raises(DecisionRefused):
            await bench.engine.decide(answer(request, "reject"))
        await handle.leg()
        log = [(d.choice, d.accepted) for d in bench.engine.decisions()]
        assert log == [("approve", True), ("reject", False)]


async def test_a_decision_on_other_content_than_was_shown_is_refused_as_stale() -> None:
    async with Bench(stay=True) as bench:
        await bench.start(gate(), 1)
        [request] = bench.engine.inbox()
        with pytest.raises(DecisionRefused) as refusal:
            await bench.engine.decide(answer(request, "approve", digest="0" * 64))
        assert refusal.value.reason == "stale"


async def test_the_deadline_applies_the_default_and_says_that_time_decided() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(timeout_s=60, default="reject"), 1)
        bench.clock.advance(59)
        await settle()
        assert bench.engine.inbox()
        bench.clock.advance(1)
        assert outcome((await handle.leg()).event) == 2
        [decided] = [f for f in bench.facts if isinstance(f, ev.BarrierDecided)]
        assert (decided.by, decided.port) == ("timeout", "rejected")
        assert decided.through == "timeout" and decided.delay_s == 60
        expired = [f.default for f in bench.facts if isinstance(f, ev.BarrierExpired)]
        assert expired == ["reject"]


async def test_a_deadline_without_a_way_out_fails_when_told_to() -> None:
    async with Bench(stay=True) as bench:
        handle = await bench.start(gate(timeout_s=60, default="fail"), 1)
        bench.clock.advance(61)
        assert outcome((await handle.leg()).event) == "deadline"


async def test_a_rejection_that_no_wire_takes_fails_with_the_comment() -> None:
    work = flow({"a": "ask", "z": "end"}, "a.approved > z")
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        [request] = bench.engine.inbox()
        await bench.engine.decide(answer(request, "reject", comment="too much"))
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFailed) and "too much" in event.error.message


async def test_reroute_goes_only_to_declared_targets() -> None:
    work = flow(
        {"a": ("ask", {"reroute_to": ["n"]}), "z": "end", "n": "end"},
        "a.approved > z, a.approved > n",
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        [request] = bench.engine.inbox()
        with pytest.raises(DecisionRefused):
            await bench.engine.decide(answer(request, "reroute", to="z"))
        await bench.engine.decide(answer(request, "reroute", to="n"))
        event = (await handle.leg()).event
        assert isinstance(event, ev.RunFinished) and bench.order()[-1] == "n"


async def test_an_answer_given_in_advance_decides_as_soon_as_the_question_opens() -> None:
    async with Bench(early={"b": "approve"}) as bench:
        assert outcome(await bench.run(gate(), 1)) == 2


async def test_other_branches_run_on_while_one_waits() -> None:
    work = flow(
        {"s": "same", "a": "ask", "b": "plus", "c": "plus", "z": "end", "y": "end"},
        "s > a, a.approved > z, s > b, b > c, c > y",
    )
    async with Bench(stay=True) as bench:
        handle = await bench.start(work, 1)
        assert {"b", "c", "y"} <= set(bench.order())
        assert handle.status.value == "waiting"


async def test_an_open_question_outlives_a_restart_with_the_time_that_is_left() -> None:
    first = Bench()
    handle = await first.engine.start(gate(timeout_s=100, default="approve"), 1)
    await handle.leg()
    [before] = first.engine.inbox()
    async with Bench(store=first.store, clock=first.clock, stay=True) as second:
        first.clock.advance(40)
        again = await second.engine.resume(handle.run)
        await settle()
        [after] = second.engine.inbox()
        assert (after.request, after.deadline) == (before.request, before.deadline)
        first.clock.advance(60)
        assert outcome((await again.leg()).event) == 2


async def test_a_timer_that_is_overdue_at_the_start_fires_once() -> None:
    work = flow({"a": ("nap", {"seconds": 1000}), "z": "end"}, "a > z")
    first = Bench()
    handle = await first.engine.start(work, 5)
    assert outcome((await handle.leg()).event) == "RunWaiting"
    first.clock.advance(5000)
    async with Bench(store=first.store, clock=first.clock) as second:
        [again] = await second.engine.fire_due()
        assert outcome((await again.leg()).event) == 5
        assert second.order(ev.WaitEnded) == ["a"]
        assert await second.engine.fire_due() == []
