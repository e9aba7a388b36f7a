"""Alternatives of a node: tried in order after its attempts, before on_error. U81, T82."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine import events as ev
from engine.app import Breakpoint, InvalidWorkflow, NotAllowed
from engine.commands import Decide
from engine.model import codec
from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.revision import revision_hash
from engine.model.workflow import Alternative, Channel, RetryPolicy, Workflow
from engine.state.status import RunStatus
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, registry, settle


class Sides:
    """Outer sides, some of which are down."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.calls: list[str] = []

    @property
    def type(self) -> NodeType:
        def call(params: Any, ctx: Context) -> Output:
            side = params.side
            self.calls.append(f"{side} {ctx.attempt}")
            if side in self.down:
                raise NodeFailure(f"{side} is down", code="down")
            return Output({"out": f"{side}: {ctx.input}"})

        return node_type("call", call, capabilities=lambda params: ("network",))


def alternative(side: str, **more: Any) -> Alternative:
    return Alternative(type="call", params={"side": side}, **more)


def asking(*alternatives: Alternative, **fields: Any) -> Workflow:
    fields = {"alternatives": alternatives, **fields}
    return flow({"a": ("call", {"side": "main"}, fields), "z": "end"}, "a > z")


async def test_a_success_tries_no_alternative() -> None:
    sides = Sides()
    async with Bench(sides.type) as bench:
        assert outcome(await bench.run(asking(alternative("b")), 1)) == "main: 1"
        assert sides.calls == ["main 1"] and not bench.order(ev.AlternativeTaken)


async def test_they_are_tried_in_order_with_the_same_input_and_the_first_success_counts() -> None:
    sides = Sides("main", "b")
    async with Bench(sides.type) as bench:
        work = asking(alternative("b"), alternative("c"), alternative("d"))
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == "c: 1"
        assert sides.calls == ["main 1", "b 2", "c 3"]
        taken = [(e.number, e.of, e.error.message) for e in bench.facts
                 if isinstance(e, ev.AlternativeTaken)]  # fmt: skip
        assert taken == [(1, 3, "a failed: main is down"), (2, 3, "a failed: b is down")]
        assert not bench.order(ev.TaskFailed)
        report = await bench.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_retries_come_first_and_an_alternative_may_have_its_own() -> None:
    sides = Sides("main", "b")
    policy = RetryPolicy(attempts=2, delay_s=5.0, jitter=False)
    work = asking(alternative("b", retry=policy), alternative("c"), retry=policy)
    async with Bench(sides.type, stay=True) as bench:
        handle = await bench.start(work, 1)
        for _ in range(3):
            bench.clock.advance(5)
            await settle()
        assert outcome((await handle.leg()).event) == "c: 1"
        assert sides.calls == ["main 1", "main 2", "b 3", "b 4", "c 5"]
        assert (await bench.engine.replay(handle.run)).equal


async def test_when_all_have_failed_on_error_says_what_then() -> None:
    sides = Sides("main", "b")
    work = asking(alternative("b"), on_error="continue")
    async with Bench(sides.type) as bench:
        result = outcome(await bench.run(work, 1))
        assert result["error"]["message"] == "a failed: b is down"
        assert isinstance(await bench.run(asking(alternative("b")), 1), ev.RunFailed)


async def test_which_one_is_tried_survives_a_crash_and_a_failed_run_begins_anew() -> None:
    sides, store = Sides("main", "b"), MemoryStore()
    policy = RetryPolicy(attempts=2, delay_s=5.0, jitter=False)
    work = asking(alternative("b", retry=policy))
    bench = Bench(sides.type, store=store, stay=True)
    handle = await bench.start(work, 1)
    await handle.stop()
    async with Bench(sides.type, store=store, clock=bench.clock, stay=True) as later:
        again = await later.engine.resume(handle.run)
        bench.clock.advance(5)
        assert outcome((await again.leg()).event) == "down"
        assert sides.calls == ["main 1", "b 2", "b 3"]
        sides.down.clear()
        third = await later.engine.resume(handle.run)
        assert outcome((await third.leg()).event) == "main: 1"


async def test_what_may_not_happen_twice_asks_a_person_before_another_way_is_tried() -> None:
    sides = Sides("main")
    async with Bench(sides.type, stay=True) as bench:
        handle = await bench.start(asking(alternative("b"), effects="once"), 1)
        [request] = bench.engine.inbox()
        assert request.content.system and sides.calls == ["main 1"]
        await bench.engine.decide(Decide(request=request.request, choice="fail", by="t",
                                         through="api", digest=request.digest))  # fmt: skip
        assert outcome((await handle.leg()).event) == "b: 1"


async def test_what_the_node_writes_and_reads_holds_for_its_alternatives() -> None:
    total = Channel(name="total", type="string", reducer="last", default="none")
    other = Alternative(type="call", params={"side": {"expr": "'of ' + state.total"}})
    fields = {"alternatives": (other,), "writes": {"total": "output"}}
    work = flow({"a": ("call", {"side": "main"}, fields), "z": "end"}, "a > z", channels=[total])
    async with Bench(Sides("main").type) as bench:
        handle = await bench.start(work, 1)
        assert handle.state.channels == {"total": "of none: 1"}


async def test_a_fault_of_the_workflow_tries_no_alternative() -> None:
    sides = Sides()
    work = asking(alternative("b"))
    work = replace(work, edges=tuple(replace(e, when="input == 5") for e in work.edges))
    async with Bench(sides.type) as bench:
        assert outcome(await bench.run(work, 1)) == "unrouted" and sides.calls == ["main 1"]


async def test_an_alternative_needs_what_it_may_use_too() -> None:
    work = flow({"a": ("plus", {}, {"alternatives": (alternative("b"),)}), "z": "end"}, "a > z")
    async with Bench(Sides().type) as bench:
        with pytest.raises(NotAllowed, match="network"):
            await bench.engine.start(work, 1, allow=frozenset())


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"alternatives": tuple(alternative(f"s{n}") for n in range(11))}, "more than 10"),
     ({"alternatives": (Alternative(type="nobody"),)}, "Alternative 1:"),
     ({"alternatives": (Alternative(type="below"),)}, "no output out"),
     ({"alternatives": (Alternative(type="ask"),)}, "not possible")],
)  # fmt: skip
async def test_one_that_cannot_work_is_refused_when_compiled(
    fields: dict[str, Any], said: str
) -> None:
    work = flow({"a": ("call", {"side": "main"}, fields), "z": "end"}, "a > z")
    async with Bench(Sides().type) as bench:
        with pytest.raises(InvalidWorkflow) as refused:
            await bench.engine.start(work, 1)
        assert any(said in problem.message for problem in refused.value.problems)


def test_they_are_part_of_the_document_and_of_its_revision() -> None:
    work = asking(alternative("b", timeout_s=3.0))
    plain = asking()
    types = registry(Sides().type)
    assert codec.loads(codec.dumps(work)) == work
    assert "alternatives" not in codec.dumps(plain).decode()
    assert revision_hash(work, types) != revision_hash(plain, types)


async def test_an_alternative_that_sends_an_event_sends_it() -> None:
    """U74: also where the value of the node it stands in for goes straight on."""
    tell = Alternative(type="emit", params={"event": "down"})
    work = flow({"a": ("boom", {}, {"alternatives": (tell,)}), "b": "plus", "z": "end"},
                "a > b, b > z")  # fmt: skip
    async with Bench(stay=True) as bench:
        hears = await bench.start(flow({"h": ("listen", {"event": "down"}), "z": "end"}, "h > z"))
        handle = await bench.start(work, 1)
        assert outcome((await handle.leg()).event) == 2
        await settle()
        assert bench.order(ev.SignalSent) == ["a"] and hears.has_ended
        assert (await bench.engine.replay(handle.run)).equal


async def test_a_breakpoint_on_errors_stops_where_an_alternative_is_taken() -> None:
    sides = Sides("main")
    async with Bench(sides.type, stay=True) as bench:
        at = Breakpoint(node="a", at="error")
        handle = await bench.start(asking(alternative("b")), 1, breakpoints=[at])
        assert handle.status is RunStatus.PAUSED and sides.calls == ["main 1"]
        handle.unpause()
        assert outcome((await handle.leg()).event) == "b: 1"
