"""States that are workflows, and the rules of their transitions (U54, T81)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.commands import Decide
from engine.model import codec
from engine.model.validation import validate
from engine.model.workflow import Workflow
from tests.engine.flows import Bench, flow, outcome, registry, settle

Json = Any
PLUS = flow({"p": "plus", "z": "end"}, "p > z")
BREAKS = flow({"b": "boom"}, "")
ASKS = flow({"g": "ask", "z": "end"}, "g.approved > z")


def machine(states: dict[str, Workflow], *rules: Json, **more: Json) -> Workflow:
    rows = [{"name": key, "document": codec.workflow_to_json(w)} for key, w in states.items()]
    params = {"states": rows, "transitions": list(rules), **more}
    return flow({"m": ("state_machine", params), "z": "end"}, "m > z")


def rule(source: str, to: str, on: str = "completed", when: str = "") -> Json:
    return {"source": source, "to": to, "on": on, "when": when}


async def test_a_completed_state_takes_the_first_transition_that_fits() -> None:
    work = machine({"a": PLUS, "b": PLUS}, rule("a", "end", when="output > 9"), rule("a", "b"))
    async with Bench() as bench:
        ended = outcome(await bench.run(work, 1))
        assert (ended["state"], ended["output"]) == ("b", 3)
        assert [each["state"] for each in ended["history"]] == ["a", "b"]


async def test_the_wildcard_takes_a_failure_of_any_state() -> None:
    work = machine({"a": BREAKS, "b": PLUS}, rule("*", "b", on="failed"))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1))["output"] == 2


async def test_a_failure_without_a_transition_fails() -> None:
    work = machine({"a": BREAKS, "b": PLUS}, rule("a", "b"))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == "child_failed"


async def test_a_state_that_should_be_left_and_is_not_fails() -> None:
    work = machine({"a": PLUS, "b": PLUS}, rule("a", "b", when="output > 9"))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1)) == "no_transition"


async def test_a_condition_that_cannot_be_computed_does_not_fit() -> None:
    work = machine({"a": PLUS, "b": PLUS}, rule("a", "b", when="output.no > 1"), rule("a", "end"))
    async with Bench() as bench:
        assert outcome(await bench.run(work, 1))["state"] == "a"


async def test_more_transitions_than_the_limit_fail_and_name_it() -> None:
    work = machine({"a": PLUS}, rule("a", "a"), max_transitions=3)
    async with Bench() as bench:
        ended: Any = await bench.run(work, 1)
        assert (ended.error.code, "max_transitions" in ended.error.message) == ("limit", True)
        assert len(bench.engine.children("run1")) == 4


async def test_a_pause_in_a_state_goes_on_in_that_state() -> None:
    work = machine({"a": PLUS, "b": ASKS, "c": PLUS}, rule("a", "b"), rule("b", "c"))
    async with Bench() as bench:
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == "RunWaiting"
        await bench.engine.settled()
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="ada", through="api")
        )
        again = await bench.engine.resume(handle.run)
        ended = outcome((await again.leg()).event)
        assert [each["state"] for each in ended["history"]] == ["a", "b", "c"]
        assert len(bench.engine.children(handle.run)) == 3


async def test_a_replay_enters_no_state() -> None:
    async with Bench() as bench:
        await bench.run(machine({"a": PLUS, "b": PLUS}, rule("a", "b")), 1)
        report = await bench.engine.replay("run1")
        assert report.equal, report.difference
        await settle()
        assert len(bench.engine.runs()) == 3


@pytest.mark.parametrize(
    "rules", [(rule("x", "a"),), (rule("a", "x"),)], ids=["no source", "no target"]
)
def test_transitions_name_states_that_are_there(rules: tuple[Json, ...]) -> None:
    found = [d.rule for d in validate(machine({"a": PLUS}, *rules), registry())]
    assert "E004-params" in found
