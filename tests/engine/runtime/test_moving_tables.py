"""Everything that a run holds goes along to an edited document, or is reported (U99, C5 no. 13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from engine import events as ev
from engine.app import RunHandle
from engine.commands import Decide
from engine.model import codec
from engine.model.node_types import Context, NodeType, Output
from engine.model.plan import compile_workflow
from engine.model.workflow import Channel, Draw, Invariant, Meter, RetryPolicy, Workflow
from engine.runtime.moving import move
from engine.runtime.moving_fates import DECISIONS
from engine.state.run_state import Account, Ending, RunState
from engine.stops import Breakpoint
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, flow, node_type, outcome, registry, settle
from tests.engine.runtime.test_moving import (
    approve,
    choice_made,
    go_on,
    stored_equals_live,
    waiting,
    work,
)

Json = Any
CALLS: list[str] = []


def _use(params: Any, ctx: Context) -> Output:
    CALLS.append(ctx.task)
    ctx.spend("tokens", params.model_extra.get("uses", 0))
    return Output({"out": ctx.input})


USE: NodeType = node_type("use", _use)
TOTAL = Channel(name="total", type="number", reducer="sum", default=0)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


def spender(uses: int, **fields: Any) -> tuple[str, Json, Json]:
    return "use", {"uses": uses}, {"meters": {"tokens": Draw(estimate=str(uses), **fields)}}


def budget(limit: float, second: int = 6, **meter: Any) -> Workflow:
    """Two nodes use 6 and `second`."""
    return flow({"a": spender(6), "b": spender(second), "z": "end"}, "a > b, b > z",
                meters={"tokens": Meter(limit=limit, **meter)})  # fmt: skip


async def stopped(first: Workflow, value: Json = 1, **more: Any) -> Bench:
    bench = Bench(USE, store=MemoryStore(), stay=True)
    handle = await bench.start(first, value, **more)
    await handle.stop()
    await settle()
    return bench


async def decide(bench: Bench, choice: str) -> None:
    [request] = bench.engine.inbox()
    await bench.engine.decide(
        Decide(request=request.request, choice=choice, by="ada", through="api",
               digest=request.digest)
    )  # fmt: skip
    await settle()


def test_what_becomes_of_every_field_of_a_state_is_decided() -> None:
    assert set(DECISIONS) == set(RunState.__struct_fields__)


LOOP = {"l": ("loop", {"count": 3}), "g": "ask", "u": "until", "z": "end"}
ROUNDS = "l.round > g, g.approved > u, u > z"
SHARES = flow(
    {"f": ("for_each", {"limit": 2}, {"budget": "even"}), "a": spender(1), "g": "ask",
     "c": "collect", "z": "end"},
    "f.item > a, a > g, g.approved > c, c > z", meters={"tokens": Meter(limit=30)},
)  # fmt: skip
LATE = flow(
    {"a": "plus", "g": "ask", "j": ("join", {}, {"join": {"timeout_s": 60.0}}), "z": "end"},
    "a > g, a > j, g.approved > j, j > z",
)  # fmt: skip
ASKS = codec.workflow_to_json(flow({"g": "ask", "z": "end"}, "g.approved > z"))
ASIDE = flow({"c": ("workflow.call", {"document": ASKS, "mode": "async"}), "g": "ask",
              "z": "end"}, "c > g, g.approved > z")  # fmt: skip
GATED: dict[str, Any] = {"gated": True, "reads": ("total",), "join": {"mode": "each"}}


FRAMED = flow(
    {"s": "same", "a": "plus", "g": "ask", "z": "end"}, "s > a, s > g, a > z, g.approved > z",
    frames={"f": ("a g", {"retry": RetryPolicy(), "timeout_s": 60.0})},
)  # fmt: skip


def gated(**fields: Any) -> Workflow:
    """`g` comes after `a`, and again after the answer to `q`."""
    return flow({"a": "plus", "q": "ask", "g": ("biggest", {}, {**GATED, **fields}),
                 "h": ("biggest", {}, {"join": {"mode": "each"}})},
                "a > g, a > q, q.approved > g, g > h", channels=[TOTAL])  # fmt: skip


@pytest.mark.parametrize(
    ("first", "value", "table"),
    [
        (flow(LOOP, ROUNDS), 1, "zones"),
        (SHARES, [1, 2, 3], "ledger"),
        (LATE, 1, "timers"),
        (gated(), 1, "gates"),
        (FRAMED, 1, "frames"),
        (work(), 1, "waits"),
        (ASIDE, 1, "children"),
        (flow({"a": ("listen", {"event": "paid"}), "z": "end"}, "a > z"), 1, "waits"),
    ],
    ids=["loop", "shares", "timers", "gates", "frames", "question", "child", "event"],
)
async def test_a_run_that_is_moved_to_its_own_plan_is_what_it_was(
    first: Workflow, value: Json, table: str
) -> None:
    bench = Bench(USE, stay=True)
    handle = await bench.start(first, value)
    made = move(handle.plan, handle.plan, handle.state, {})
    assert getattr(handle.state, table)
    assert msgspec.to_builtins(made.state) == msgspec.to_builtins(handle.state)
    assert {each.fate for each in made.fates} <= {"unchanged"}
    await bench.engine.close()


async def test_what_is_being_cancelled_does_not_start_under_another_name() -> None:
    bench = Bench(USE, stay=True)
    handle = await bench.start(SHARES, [1, 2, 3])
    renamed = flow(
        {"f": "for_each", "a": spender(1), "q": "ask", "c": "collect", "z": "end"},
        "f.item > a, a > q, q.approved > c, c > z", meters={"tokens": Meter(limit=30)},
    )  # fmt: skip
    state = handle.state.copy()
    state.ending = {"g@f.0": Ending("no more", ("f@",))}
    made = move(handle.plan, compile_workflow(renamed, registry(USE)), state, {"g": "q"})
    assert made.state.ending == {"q@f.0": Ending("no more", ("f@",))}
    await bench.engine.close()


async def test_a_frame_goes_on_under_another_document() -> None:
    """What it holds back, the attempt and the time go along; a frame that is gone is reported."""
    bench = await waiting(MemoryStore(), FRAMED, 1)
    edited = flow(
        {"s": "same", "a": "plus", "q": "ask", "y": "plus", "z": "end"},
        "s > a, s > q, a > z, q.approved > y, y > z",
        frames={"f": ("a q", {"retry": RetryPolicy(), "timeout_s": 60.0})},
    )  # fmt: skip
    handle = await go_on(bench, edited, names={"g": "q"})
    assert handle.state.frames["f@"].held[0].edge == "a.out->z.in"
    assert handle.view.frames["f"].open == 1
    await decide(bench, "approve")
    assert outcome((await handle.leg()).event) == {"a": 2, "y": 2}
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_frame_that_is_gone_is_reported_with_what_it_held_back() -> None:
    bench = await waiting(MemoryStore(), FRAMED, 1)
    handle = await go_on(bench, replace(FRAMED, frames={}))
    assert choice_made(bench).lost == ("f@", "f@")
    await decide(bench, "approve")
    await handle.leg()
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_loop_until_goes_on_in_its_round() -> None:
    bench = await waiting(MemoryStore(), flow(LOOP, ROUNDS), 1)
    handle = await bench.engine.resume("run1")
    await settle()
    await decide(bench, "approve")  # the first round is over
    await handle.stop()
    await settle()
    edited = flow({**LOOP, "p": "plus"}, "l.round > g, g.approved > p, p > u, u > z")
    handle = await go_on(bench, edited)
    assert choice_made(bench).asked_again == ("g@l.1",)
    await decide(bench, "approve")
    await decide(bench, "approve")
    assert outcome((await handle.leg()).event) == 3
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_loop_that_is_none_any_more_is_lost_with_its_round() -> None:
    bench = await waiting(MemoryStore(), flow(LOOP, ROUNDS), 1)
    handle = await go_on(bench, flow({"a": "plus", "z": "end"}, "a > z"))
    assert set(choice_made(bench).lost) >= {"l@", "g@l.0"}
    await handle.leg()
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_raised_limit_lets_go_on_what_waited_and_what_is_used_stays_used() -> None:
    bench = await stopped(budget(10, on_breach="ask"))
    assert CALLS == ["a"] and len(bench.engine.inbox()) == 1
    handle = await go_on(bench, budget(12, on_breach="ask"))
    assert outcome((await handle.leg()).event) == 1
    assert handle.state.ledger == {"tokens": Account(12.0, 12.0, 0.0)}
    assert handle.view.meters["tokens"].used == 12
    assert choice_made(bench).asked_again == ("b",)
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_budget_that_is_still_too_small_asks_again() -> None:
    bench = await stopped(budget(10, on_breach="ask"))
    [old] = bench.engine.inbox()
    handle = await go_on(bench, budget(11, on_breach="ask"))
    [new] = bench.engine.inbox()
    assert new.request != old.request and new.content.payload["limit"] == 11
    await decide(bench, "once")
    assert (handle.status, CALLS) == ("completed", ["a", "b"])
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_meter_that_measures_something_else_is_reported_and_begins_anew() -> None:
    bench = await stopped(budget(10, on_breach="ask", unit="EUR"))
    handle = await go_on(bench, budget(10, on_breach="ask", unit="tokens"))
    assert choice_made(bench).lost == ("tokens",)
    assert handle.state.ledger == {"tokens": Account(10.0, 6.0, 0.0)}
    await bench.engine.close()


async def test_what_lost_items_have_used_is_charged_to_the_run() -> None:
    bench = await stopped(SHARES, [1, 2, 3])
    plain = flow({"a": "same", "z": "end"}, "a > z", meters={"tokens": Meter(limit=30)})
    handle = await go_on(bench, plain)
    assert handle.state.ledger == {"tokens": Account(30.0, 2.0, 0.0)}
    assert {"tokens@f.0", "tokens@f.2"} <= set(choice_made(bench).lost)
    await bench.engine.close()


@pytest.mark.parametrize(("fields", "passed"), [({}, [False, True]), ({"note": 1}, [False, False])])
async def test_a_gate_goes_along_with_a_node_that_is_what_it_was(
    fields: Json, passed: list[bool]
) -> None:
    bench = await waiting(MemoryStore(), gated())
    second = gated()
    changed = replace(second.nodes["g"], params=fields)
    ask = replace(second.nodes["q"], params={"body": "?"})
    handle = await go_on(bench, replace(second, nodes={**second.nodes, "g": changed, "q": ask}))
    await approve(bench, handle)
    ran = [e for e in bench.facts if isinstance(e, ev.TaskFinished) and e.node == "g"]
    assert [each.gated for each in ran] == passed
    await stored_equals_live(bench, handle)
    await bench.engine.close()


def listener(key: str, event: str = "paid") -> Workflow:
    return flow({key: ("listen", {"event": event}), "z": "end"}, f"{key} > z")


async def test_a_renamed_node_listens_under_its_new_name() -> None:
    bench = await waiting(MemoryStore(), listener("a"))
    handle = await go_on(bench, listener("b"), names={"a": "b"})
    await bench.engine.signal("paid", 7)
    assert outcome((await handle.leg()).event) == 7
    assert bench.order(ev.SignalTaken) == ["b"]
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_lost_listener_takes_no_event_any_more() -> None:
    bench = await waiting(MemoryStore(), listener("a"))
    handle = await go_on(bench, flow({"g": "ask", "z": "end"}, "g.approved > z"))
    assert choice_made(bench).lost == ("a",)
    await bench.engine.signal("paid", 7)
    await handle.leg()
    assert bench.order(ev.SignalTaken) == []
    await stored_equals_live(bench, handle)
    await bench.engine.close()


def caller(key: str = "c", **more: Any) -> Workflow:
    return flow({key: ("workflow.call", {"document": ASKS}), "z": "end", **more},
                f"{key} > z" if not more else f"{key} > p, p > z")  # fmt: skip


async def children_of(bench: Bench, handle: RunHandle) -> list[str]:
    await settle()
    return [str(bench.engine.run(child.run).status) for child in bench.engine.children(handle.run)]


async def test_a_called_run_is_waited_for_as_before() -> None:
    bench = await waiting(MemoryStore(), caller())
    handle = await go_on(bench, caller(p="plus"))
    await decide(bench, "approve")
    await settle()
    assert outcome((await handle.leg()).event) == 2
    assert await children_of(bench, handle) == ["completed"]
    await bench.engine.close()


async def test_a_tracked_run_is_tracked_by_a_workflow_that_calls_none() -> None:
    bench = await waiting(MemoryStore(), ASIDE)
    edited = flow({"g": "ask", "z": "end"}, "g.approved > z")
    handle = await go_on(bench, edited)
    assert len(handle.state.children) == 1
    [mine] = [each for each in bench.engine.inbox() if each.run == handle.run]
    await bench.engine.decide(
        Decide(request=mine.request, choice="approve", by="ada", through="api")
    )
    await settle()
    await decide(bench, "approve")
    await handle.leg()
    assert (handle.status, handle.state.children) == ("completed", {})
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_called_run_that_nobody_waits_for_any_more_is_cancelled() -> None:
    bench = await waiting(MemoryStore(), caller())
    handle = await go_on(bench, flow({"a": "same", "z": "end"}, "a > z"))
    assert choice_made(bench).lost == ("c",)
    assert await children_of(bench, handle) == ["cancelled"]
    await bench.engine.close()


async def test_whether_finished_once_work_is_done_again_is_asked() -> None:
    def capped(rule: str) -> Workflow:
        once = {"writes": {"total": "7"}, "effects": "once"}
        return flow({"a": ("use", {}, once), "z": "end"}, "a > z", channels=[TOTAL],
                    invariants={"cap": Invariant(expr=rule, on_breach="ask")},
                    meters={"tokens": Meter()})  # fmt: skip

    bench = await stopped(capped("state.total < 5"))
    assert CALLS == ["a"]
    held = bench.engine.inbox()
    assert [each.content.about for each in held] == ["invariant"]
    edited = capped("state.total < 9")
    changed = replace(edited.nodes["a"], params={"x": 1})
    edited = replace(edited, nodes={**edited.nodes, "a": changed})
    handle = await go_on(bench, edited)
    assert [each.content.about for each in bench.engine.inbox()] == ["outcome"]
    assert CALLS == ["a"]
    await decide(bench, "again")
    assert (handle.status, CALLS) == ("completed", ["a", "a"])
    await stored_equals_live(bench, handle)
    await bench.engine.close()


async def test_a_breakpoint_and_a_target_of_a_node_that_is_gone_are_reported() -> None:
    bench = Bench()
    first = work("a > g, g.approved > b, b > z, a > h, h.approved > z", h="ask")
    handle = await bench.start(first, 1, breakpoints=[Breakpoint(node="h", at="after")])
    made = move(handle.plan, compile_workflow(work(), registry()), handle.state, {})
    lost = {(each.kind, each.node) for each in made.fates if each.fate == "lost"}
    assert ("breakpoint", "h") in lost
    await bench.engine.close()
