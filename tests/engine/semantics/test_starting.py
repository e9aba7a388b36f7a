"""How a run begins, and what is kept of it.

U5, U6, U16-U18, U55, U127; T33, T37, T55, T86, T88, T109.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import engine
from engine import events as ev
from engine.commands import Decide
from engine.errors import InvalidCommand, InvalidWorkflow
from engine.model.revision import revision_hash
from engine.model.validation import validate
from tests.engine.flows import Bench, flow, outcome, registry

Json = Any
NODES = {"morning": "trigger.manual", "evening": "trigger.manual", "a": "same", "z": "end"}
TWO = flow(NODES, "morning > a, evening > a, a > z")


async def test_of_several_triggers_one_must_be_chosen() -> None:
    """U6, T109."""
    async with Bench() as bench:
        with pytest.raises(InvalidCommand, match="one of evening, morning"):
            await bench.engine.start(TWO, 1)
        assert outcome(await bench.run(TWO, 1, trigger="morning")) == 1
        assert bench.order() == ["morning", "a", "z"]


async def test_what_is_no_trigger_is_refused_by_name() -> None:
    """T109."""
    async with Bench() as bench:
        with pytest.raises(InvalidCommand, match="a is not a trigger; choose evening, morning"):
            await bench.engine.start(TWO, 1, trigger="a")


async def test_without_a_trigger_a_run_begins_where_nothing_leads_to() -> None:
    """U5."""
    async with Bench() as bench:
        assert outcome(await bench.run(flow({"a": "plus", "z": "end"}, "a > z"), 1)) == 2


async def test_a_workflow_that_cannot_begin_is_refused() -> None:
    """T109."""
    async with Bench() as bench:
        with pytest.raises(InvalidWorkflow):
            await bench.engine.start(flow({"a": "same", "b": "same"}, "a > b, b > a"), 1)


async def test_a_run_keeps_what_it_was_made_of() -> None:
    """U17."""
    async with Bench() as bench:
        handle = await bench.engine.start(TWO, 1, trigger="morning", title="Today")
        await handle.leg()
        child = await bench.engine.fork(handle.run, 1)
        await child.leg()
        record, started = bench.engine.run(handle.run), bench.facts[0]
        forked = bench.engine.run(child.run)
    assert isinstance(started, ev.RunStarted)
    assert record.revision == started.revision == revision_hash(TWO, registry())
    assert (started.engine, started.seed) == (engine.__version__, record.seed)
    assert (record.title, record.workflow_id) == ("Today", "test")
    assert (forked.parent, forked.parent_commit) == (handle.run, 1)


async def test_a_waiting_run_goes_on_with_the_version_that_it_began_with() -> None:
    """U18, T86: whatever was saved or run under the same id meanwhile."""
    old = flow({"g": "ask", "a": "plus", "z": "end"}, "g.approved > a, a > z")
    new = flow({"g": "ask", "z": "end"}, "g.approved > z")
    async with Bench() as bench:
        waiting = await bench.engine.start(old, 1)
        await waiting.leg()
        assert isinstance(await bench.run(new, 1), ev.RunWaiting)
        request = next(each for each in bench.engine.inbox() if each.run == waiting.run)
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="me", through="api")
        )
        again = await bench.engine.resume(waiting.run)
        assert await again.result() == 2


async def test_sixty_runs_at_once_share_nothing() -> None:
    """T37, T88, U127."""
    workflow = flow(
        {"s": "same", "f": "for_each", "a": "asleep", "c": "collect", "z": "end"},
        "s > f, f.item > a, a > c, c > z",
    )
    async with Bench() as bench:
        handles = [await bench.engine.start(workflow, list(range(n))) for n in range(60)]
        results = await asyncio.gather(*(handle.result() for handle in reversed(handles)))
    assert results == [list(range(n)) for n in reversed(range(60))]


async def test_validation_never_changes_how_a_run_goes() -> None:
    """T55: the same document, with and without what is told of it, runs the same."""
    wires = "morning > a, evening > a, a > z [input > 0]"
    told = flow({**NODES, "alone": "same"}, wires)
    found = [problem.rule for problem in validate(told, registry())]
    assert found == ["W102-no-else", "W101-unreachable"]
    quiet = replace(told, settings=replace(told.settings, extra={"suppress": found}))
    assert validate(quiet, registry()) == ()
    facts: list[list[ev.AnyEvent]] = []
    for work in (told, quiet):
        async with Bench() as bench:
            await bench.run(work, 1, trigger="evening")
            facts.append([f for f in bench.facts if not isinstance(f, ev.RunStarted)])
    assert facts[0] == facts[1] and isinstance(facts[0][-1], ev.RunFinished)


async def test_a_switch_takes_its_cases_and_its_rest() -> None:
    """U55."""
    from engine.nodes.switch import SWITCH

    cases = [{"name": "big", "when": "input > 10"}, {"name": "small", "when": "input > 0"}]
    workflow = flow(
        {"s": "same", "w": ("switch", {"cases": cases}), "a": "end", "b": "end", "c": "end"},
        "s > w, w.big > a, w.small > b, w.else > c",
    )
    async with Bench(SWITCH) as bench:
        for value, end in ((20, "a"), (5, "b"), (-1, "c")):
            await bench.run(workflow, value)
            assert bench.order()[-1] == end
