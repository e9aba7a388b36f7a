"""Budgets: reserved before, refused before anything is spent, reconciled after (U87, U88)."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from engine import events as ev
from engine.app import AbortRun, Interceptor, RequestRecord, RunHandle, Veto
from engine.commands import Decide
from engine.errors import DecisionRefused
from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.workflow import Channel, Draw, Limits, Meter, RetryPolicy, Workflow
from engine.run_view import MeterView
from engine.state.run_state import Account
from tests.engine.flows import Bench, flow, node_type, outcome, settle

Json = Any


def _use(params: Any, ctx: Context) -> Output:
    """Report `uses` tokens (its input if there is none), then perhaps fail."""
    asked = params.model_extra
    CALLS.append(ctx.task)
    if asked.get("uses", 0) is not None:
        ctx.spend("tokens", asked.get("uses", ctx.input or 0))
    if ctx.attempt <= asked.get("fails", 0):
        raise NodeFailure("it failed", nothing_happened=asked.get("harmless", False))
    return Output({"out": {"tokens": asked.get("uses", 0)}})


async def _use_later(params: Any, ctx: Context) -> Output:
    for _ in range(3):
        await asyncio.sleep(0)
    return _use(params, ctx)


CALLS: list[str] = []
USE: NodeType = node_type("use", _use)
LATER: NodeType = node_type("later", _use_later)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


def tokens(limit: float | None = 10, **fields: Any) -> dict[str, Meter]:
    return {"tokens": Meter(limit=limit, **fields)}


def draws(estimate: str, **fields: Any) -> dict[str, Any]:
    return {"meters": {"tokens": Draw(estimate=estimate, **fields)}}


def chain(*nodes: tuple[int | None, str], **meter: Any) -> Workflow:
    """Nodes `a`, `b`, … one after the other; each reserves its estimate and uses its uses."""
    names = "abcdef"[: len(nodes)]
    made: dict[str, Any] = {
        name: ("use", {"uses": uses}, draws(estimate))
        for name, (uses, estimate) in zip(names, nodes, strict=True)
    }
    wires = ", ".join(f"{a} > {b}" for a, b in itertools.pairwise(names))
    return flow(made, wires, meters=tokens(**meter))


def bench(**options: Any) -> Bench:
    return Bench(USE, LATER, **options)


def root(handle: RunHandle) -> Account:
    return handle.state.ledger["tokens"]


# --- reserve, execute, reconcile ----------------------------------------------------------


@pytest.mark.parametrize("verdict", [Veto("no"), AbortRun("no")])
async def test_an_attempt_that_was_stopped_before_it_began_costs_nothing(
    verdict: Veto | AbortRun,
) -> None:
    """U87, U111: its estimate is given back, whatever becomes of the task."""
    guard = Interceptor(
        name="policy", before_node=lambda call: verdict if call.node == "b" else None
    )
    async with bench(interceptors=[guard]) as b:
        handle = await b.start(chain((3, "5"), (3, "5")))
        assert (CALLS, root(handle)) == (["a"], Account(10.0, 3.0, 0.0))
        assert (await b.engine.replay(handle.run)).equal


async def test_what_was_used_replaces_what_was_reserved() -> None:
    async with bench() as b:
        handle = await b.start(chain((3, "5"), (1, "5")))
        assert handle.status == "completed"
        assert root(handle) == Account(10.0, 4.0, 0.0)
        assert handle.state.holds == {}
        spent = [(e.node, e.amounts) for e in b.facts if isinstance(e, ev.Spent)]
        assert spent == [("a", {"tokens": 3.0}), ("b", {"tokens": 1.0})]


async def test_an_attempt_that_reports_nothing_has_used_its_estimate() -> None:
    async with bench() as b:
        assert root(await b.start(chain((None, "5")))).used == 5


async def test_what_is_used_may_be_computed_from_the_output() -> None:
    work = flow({"a": ("same", {}, draws("1", actual="output.tokens * 2"))}, "", meters=tokens())
    async with bench() as b:
        assert root(await b.start(work, {"tokens": 3})).used == 6


async def test_an_estimate_may_be_computed_from_the_input() -> None:
    work = flow({"s": "same", "a": ("use", {}, draws("input * 2"))}, "s > a", meters=tokens())
    async with bench() as b:
        handle = await b.start(work, 4)
        assert outcome((await handle.leg()).event) is None
        estimated = [e.amounts for e in b.facts if isinstance(e, ev.Estimated)]
        assert estimated == [{"tokens": 8.0}]
    async with bench() as b:
        assert outcome(await b.run(work, 6)) == "budget"
    assert len(CALLS) == 1


async def test_an_estimate_that_is_no_number_fails_the_task() -> None:
    work = flow({"a": ("use", {}, draws("'x' if input else 1"))}, "", meters=tokens())
    async with bench() as b:
        assert outcome(await b.run(work, 1)) == "failed"


async def test_it_is_refused_before_anything_is_spent() -> None:
    """T68: the node is never called; the error names the meter and how it stands."""
    async with bench() as b:
        handle = await b.start(chain((6, "6"), (1, "5")))
        ended = (await handle.leg()).event
        assert CALLS == ["a"]
        assert isinstance(ended, ev.RunFailed)
        assert ended.error.code == "budget"
        assert ended.error.details == {
            "meter": "tokens", "account": "tokens", "used": 6.0, "limit": 10.0, "asked": 5.0,
        }  # fmt: skip
        assert "The budget tokens is used up: 6 of 10 used; b needs 5" in ended.error.message
        assert any(isinstance(e, ev.LimitReached) and e.limit == "tokens" for e in b.facts)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_concurrent_reservations_never_overspend(concurrency: int) -> None:
    """T67: eight at once for 3 each of 10: what is used and reserved is never more than 10."""
    names = [f"n{i}" for i in range(8)]
    work = flow(
        {"s": "same", **{name: ("later", {"uses": 1}, draws("3")) for name in names}},
        ", ".join(f"s > {name}" for name in names),
        meters=tokens(), limits=Limits(concurrency=concurrency),
    )  # fmt: skip
    async with bench() as b:
        handle = await b.engine.start(work, 0)
        await handle.leg()
        assert handle.status == "completed"
        assert root(handle) == Account(10.0, 8.0, 0.0)
        stands = [e.meters["tokens"] for e in b.facts if isinstance(e, ev.MetersChanged)]
        assert max(used + reserved for _, used, reserved in stands) <= 10
        assert len(CALLS) == 8


async def test_a_failed_attempt_costs_too() -> None:
    """T71: what it reported; else its estimate, unless nothing happened."""
    retry = RetryPolicy(attempts=3, delay_s=0.0, jitter=False)

    def failing(**params: Json) -> Workflow:
        params = {"fails": 2, **params}
        return flow({"a": ("use", params, draws("3") | {"retry": retry})}, "", meters=tokens())

    for params, used in (({"uses": 2}, 6), ({"uses": None}, 9), ({"uses": None, "harmless": 1}, 3)):
        async with bench() as b:
            handle = await b.start(failing(**params))
            for _ in range(3):
                b.clock.advance(1)
                await settle()
            assert (handle.status, root(handle).used) == ("completed", used)


async def test_a_failed_branch_costs_too() -> None:
    """T71, T72."""
    work = flow(
        {"s": "same", "a": ("use", {"uses": 4, "fails": 9}, draws("1") | {"on_error": "ignore"}),
         "b": ("use", {"uses": 2}, draws("1"))},
        "s > a, s > b", meters=tokens(),
    )  # fmt: skip
    async with bench() as b:
        assert root(await b.start(work)).used == 6


async def test_a_breach_wins_over_ignore() -> None:
    """T70: and the history holds the step that breached, with its total (T75)."""
    work = flow(
        {"a": ("use", {"uses": 11, "fails": 9}, draws("1") | {"on_error": "ignore"}),
         "z": "end"}, "a > z", meters=tokens(),
    )  # fmt: skip
    async with bench() as b:
        handle = await b.start(work)
        ended = (await handle.leg()).event
        assert outcome(ended) == "budget"
        stored = b.engine.state_at(handle.run)
        assert stored.ledger["tokens"].used == 11
        assert b.order(ev.TaskFailed) == ["a"]


async def test_the_step_that_breaches_is_in_the_history() -> None:
    """T75."""
    async with bench() as b:
        handle = await b.start(chain((11, "1"), (0, "0")))
        assert outcome((await handle.leg()).event) == "budget"
        assert b.order() == ["a"]
        assert b.engine.values(handle.run, "a").outputs == {"out": {"tokens": 11}}


async def test_without_a_limit_there_is_no_end() -> None:
    async with bench() as b:
        handle = await b.start(chain((1000, "1"), (1000, "1"), limit=None))
        assert (handle.status, root(handle).used) == ("completed", 2000)


async def test_sums_of_fractions_meet_their_limit() -> None:
    nodes = [(None, "0.1")] * 3
    async with bench() as b:
        assert (await b.start(chain(*nodes, limit=0.3))).status == "completed"


# --- what the engine measures -------------------------------------------------------------


async def test_calls_seconds_and_supersteps_are_measured() -> None:
    meters = {"calls": Meter(measure="calls"), "time": Meter(measure="seconds"),
              "steps": Meter(measure="supersteps")}  # fmt: skip
    work = flow({"a": "same", "b": "same", "z": "end"}, "a > b, b > z", meters=meters)
    async with bench() as b:
        ledger = (await b.start(work)).state.ledger
        assert {name: account.used for name, account in ledger.items()} == {
            "calls": 2.0, "time": 0.0, "steps": 3.0,
        }  # fmt: skip


@pytest.mark.parametrize("measure", ["calls", "supersteps"])
async def test_a_measured_meter_stops_a_loop(measure: str) -> None:
    work = flow(
        {"s": "same", "p": "plus", "q": ("below", {"n": 50}), "z": "end"},
        "s > p, p > q, q.again > p, q.done > z", meters={"m": Meter(limit=9, measure=measure)},  # type: ignore[arg-type] # one of them
    )  # fmt: skip
    async with bench() as b:
        handle = await b.start(work, 0)
        assert outcome((await handle.leg()).event) == "budget"
        assert 9 <= handle.state.ledger["m"].used <= 10


async def test_a_node_has_a_limit_of_its_own() -> None:
    work = flow(
        {"a": ("use", {"uses": 2}, draws("2", limit=3)), "b": ("use", {"uses": 2}, draws("2")),
         "c": ("use", {"uses": 2}, draws("2", limit=1))},
        "a > b, b > c", meters=tokens(),
    )  # fmt: skip
    async with bench() as b:
        handle = await b.start(work)
        ended = (await handle.leg()).event
        assert isinstance(ended, ev.RunFailed)
        assert ended.error.details["account"] == "tokens/c"
        assert CALLS == ["a", "b"]


# --- shares -------------------------------------------------------------------------------


def items(*uses: float, estimate: str = "1", limit: float | None = 10, **fields: Any) -> Workflow:
    return flow(
        {"f": ("for_each", {"limit": 9, **fields.pop("params", {})}, {"budget": "even"}),
         "a": ("later", {"uses": {"expr": "input"}}, draws(estimate)), "c": "collect", "z": "end"},
        "f.item > a, a > c, c > z", meters=tokens(limit, **fields), input=list(uses),
    )  # fmt: skip


async def test_shares_are_even_and_the_first_get_what_is_over() -> None:
    """T69: 10 for three items."""
    async with bench(stay=True) as b:
        handle = await b.engine.start(items(1, 1, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ledger = handle.state.ledger
        shares = {key: account.limit for key, account in ledger.items() if "@" in key}
        assert shares == {"tokens@f.0": 4.0, "tokens@f.1": 3.0, "tokens@f.2": 3.0}
        assert ledger["tokens"] == Account(10.0, 0.0, 10.0)


async def test_leftovers_return_when_an_item_is_over() -> None:
    async with bench() as b:
        handle = await b.start(items(1, 2, 3))
        await handle.leg()
        assert handle.state.ledger == {"tokens": Account(10.0, 6.0, 0.0)}


async def test_an_item_cannot_use_the_share_of_another() -> None:
    async with bench() as b:
        handle = await b.start(items(1, 9, 1))
        ended = (await handle.leg()).event
        assert isinstance(ended, ev.RunFailed)
        assert ended.error.details["account"] == "tokens@f.1"
        assert "in the share of item f.1" in ended.error.message


async def test_what_is_endless_stays_so() -> None:
    """T69."""
    async with bench() as b:
        handle = await b.start(items(100, 100, limit=None))
        await handle.leg()
        assert handle.state.ledger == {"tokens": Account(None, 200.0, 0.0)}


async def test_a_failed_item_gives_its_share_back() -> None:
    work = flow(
        {"f": ("for_each", {"limit": 9, "on_item_failure": "continue"}, {"budget": "even"}),
         "a": ("odd_fails", {}, draws("2")), "c": "collect", "z": "end"},
        "f.item > a, a > c, c > z", meters=tokens(),
    )  # fmt: skip
    async with bench() as b:
        handle = await b.start(work, [1, 2, 3])
        await handle.leg()
        assert handle.state.ledger == {"tokens": Account(10.0, 6.0, 0.0)}
        assert handle.state.holds == {}


# --- asking -------------------------------------------------------------------------------


async def asked(b: Bench, work: Workflow) -> tuple[RunHandle, RequestRecord]:
    handle = await b.start(work)
    (request,) = b.engine.inbox()
    assert request.content.about == "budget"
    return handle, request


async def decide(b: Bench, request: RequestRecord, choice: str, values: Json = None) -> None:
    await b.engine.decide(
        Decide(request=request.request, choice=choice, by="ada", through="api",
               digest=request.digest, values=values)
    )  # fmt: skip
    await settle()


ASKING = chain((6, "6"), (6, "6"), (6, "6"), on_breach="ask")


async def test_a_person_is_asked_before_anything_more_is_spent() -> None:
    async with bench(stay=True) as b:
        handle, request = await asked(b, ASKING)
        assert (request.task, CALLS) == ("b", ["a"])
        assert request.content.payload == {
            "meter": "tokens", "account": "tokens", "unit": "", "used": 6.0, "limit": 10.0,
            "asked": 6.0, "raise_to": 16.0,
        }  # fmt: skip
        assert handle.status == "waiting"


async def test_once_lets_one_task_go_on_and_the_next_asks_again() -> None:
    async with bench(stay=True) as b:
        handle, request = await asked(b, ASKING)
        await decide(b, request, "once")
        assert CALLS == ["a", "b"]
        (second,) = b.engine.inbox()
        assert second.task == "c"
        await decide(b, second, "once")
        assert (handle.status, root(handle)) == ("completed", Account(10.0, 18.0, 0.0))
        report = await b.engine.replay(handle.run)
        assert report.equal, report.difference


async def test_a_raised_limit_stays() -> None:
    async with bench(stay=True) as b:
        handle, request = await asked(b, ASKING)
        await decide(b, request, "raise", {"raise_to": 18})
        assert (handle.status, root(handle)) == ("completed", Account(18.0, 18.0, 0.0))
        assert handle.view.meters == {"tokens": MeterView(18.0, 18.0, 0.0)}
        assert (await b.engine.replay(handle.run)).equal


async def test_a_limit_that_is_raised_too_little_asks_again() -> None:
    async with bench(stay=True) as b:
        _, request = await asked(b, ASKING)
        await decide(b, request, "raise", 11)
        (second,) = b.engine.inbox()
        assert second.content.payload["limit"] == 11.0
        assert CALLS == ["a"]


@pytest.mark.parametrize("values", [{"raise_to": 10}, {"raise_to": "20"}, 3, {"limit": 20}])
async def test_a_limit_that_is_none_is_refused_and_the_question_stays(values: Json) -> None:
    async with bench(stay=True) as b:
        _, request = await asked(b, ASKING)
        with pytest.raises(DecisionRefused, match="above 10"):
            await decide(b, request, "raise", values)
        assert len(b.engine.inbox()) == 1


async def test_stop_ends_the_run() -> None:
    async with bench(stay=True) as b:
        handle, request = await asked(b, ASKING)
        await decide(b, request, "stop")
        assert outcome((await handle.leg()).event) == "budget"
        assert (await b.engine.replay(handle.run)).equal


async def test_after_too_much_was_used_the_next_task_asks() -> None:
    async with bench(stay=True) as b:
        handle, request = await asked(b, chain((12, "1"), (0, "0"), on_breach="ask"))
        assert (request.task, root(handle).used) == ("b", 12)


async def test_only_one_of_those_who_wait_asks() -> None:
    work = flow(
        {"s": ("use", {"uses": 9}, draws("9")), "a": ("use", {"uses": 5}, draws("5")),
         "b": ("use", {"uses": 5}, draws("5")), "c": "same"},
        "s > a, s > b, s > c", meters=tokens(on_breach="ask"),
    )  # fmt: skip
    async with bench(stay=True) as b:
        handle, request = await asked(b, work)
        assert request.task == "a"
        assert b.order()[-1] == "c"  # what needs nothing goes on
        assert {w.task: bool(w.request) for w in handle.state.waits.values()} == {
            "a": True, "b": False,
        }  # fmt: skip
        await decide(b, request, "raise", 19)
        assert (handle.status, root(handle).used) == ("completed", 19)


async def test_headless_the_question_survives_the_program() -> None:
    """Exit code 5, `headgate decide`, `headgate resume`."""
    async with bench() as b:
        handle, request = await asked(b, ASKING)
        assert isinstance((await handle.leg()).event, ev.RunWaiting)
        await decide(b, request, "raise", 18)
        again = await b.engine.resume(handle.run)
        await again.leg()
        assert (again.status, CALLS) == ("completed", ["a", "b", "c"])


async def test_a_cancelled_run_asks_again_when_it_is_resumed() -> None:
    async with bench() as b:
        handle, request = await asked(b, ASKING)
        await b.engine.cancel(handle.run)
        again = await b.engine.resume(handle.run)
        await again.leg()
        (second,) = b.engine.inbox()
        assert second.request != request.request
        assert CALLS == ["a"]
        assert (await b.engine.replay(handle.run)).equal


async def test_a_fork_has_the_ledger_of_its_moment() -> None:
    async with bench() as b:
        handle, _ = await asked(b, ASKING)
        child = await b.engine.fork(handle.run, 0)
        await child.leg()
        assert CALLS == ["a", "a"]
        assert root(child) == Account(10.0, 6.0, 0.0)


async def test_what_was_reserved_survives_a_crash() -> None:
    """The ledger is part of the state: a task that was running keeps its reservation."""
    hanging = flow({"a": ("hang", {}, draws("4"))}, "", meters=tokens())
    first = bench()
    handle = await first.start(hanging)
    await handle.stop()
    stored = first.engine.state_at(handle.run)
    assert (stored.ledger["tokens"], stored.holds) == (
        Account(10.0, 0.0, 4.0), {"a": {"tokens": 4.0}},
    )  # fmt: skip
    second = bench(store=first.store, clock=first.clock)
    again = await second.engine.resume(handle.run)
    await settle()
    assert root(again) == Account(10.0, 0.0, 4.0)
    await second.engine.close()


async def test_a_node_can_ask_what_is_left() -> None:
    seen: list[float | None] = []

    def look(params: Any, ctx: Context) -> Output:
        del params
        ctx.spend("tokens", 1)
        seen.append(ctx.remaining("tokens"))
        with pytest.raises(NodeFailure, match="no meter money"):
            ctx.spend("money", 1)
        with pytest.raises(NodeFailure, match="cannot be used"):
            ctx.spend("tokens", -1)
        return Output({"out": 1})

    work = flow({"a": ("use", {"uses": 3}, draws("3")), "b": ("look", {}, draws("2"))}, "a > b",
                meters=tokens())  # fmt: skip
    async with Bench(USE, node_type("look", look)) as b:
        assert (await b.start(work)).status == "completed"
        assert seen == [6.0]


async def test_what_a_task_has_used_is_used_although_its_write_fails() -> None:
    """T71: the attempt was paid for; only its write is refused."""
    total = Channel(name="total", type="number", default=0)
    fields = {**draws("1"), "writes": {"total": "'text'"}}
    work = flow({"a": ("use", {"uses": 7}, fields)}, "", meters=tokens(), channels=[total])
    async with bench() as b:
        handle = await b.start(work, 1)
        assert isinstance((await handle.leg()).event, ev.RunFailed)
        assert root(handle).used == 7
        assert (await b.engine.replay(handle.run)).equal


async def test_shares_of_items_that_never_start_go_back() -> None:
    """U88: where Collect has enough, what was reserved for the others is free again."""
    work = flow(
        {"e": ("for_each", {"limit": 1}, {"budget": "even"}), "a": "same",
         "l": ("collect", {"enough": 1}), "b": "same", "z": "end"},
        "e.item > a, a > l, l > b, b > z",
        meters={"calls": Meter(limit=4, measure="calls")},
    )  # fmt: skip
    async with Bench() as bench:
        handle = await bench.start(work, [1, 2, 3, 4])
        assert outcome((await handle.leg()).event) == [1]
        assert handle.state.ledger == {"calls": Account(4.0, 2.0, 0.0)}
        assert (await bench.engine.replay(handle.run)).equal
