"""Processors and checks around the attempts of a node (U92)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from engine import events as ev
from engine.model.codec import node_from_json, node_to_json
from engine.model.node_types import Context, Output
from engine.model.references import rename_in_node
from engine.model.revision import revision_hash
from engine.model.validation import validate
from engine.model.workflow import Check, Node, Processing, Processor, RetryPolicy, Workflow
from engine.store.memory import MemoryStore
from tests.engine.flows import Bench, FakeClock, flow, node_type, outcome, registry, settle

Json = Any
ONCE_MORE = RetryPolicy(attempts=3, delay_s=1.0, jitter=False)


def steps(*texts: str) -> tuple[Processor, ...]:
    return tuple(Processor(expr=text) for text in texts)


def around(
    type: str = "plus",
    *,
    before: tuple[Processor, ...] = (),
    after: tuple[Processor, ...] = (),
    checks: tuple[Check, ...] = (),
    **fields: Any,
) -> Workflow:
    """Return a workflow: a node with something around it, and an end."""
    processing = Processing(before=before, after=after, checks=checks)
    return flow({"a": (type, {}, {"processing": processing, **fields}), "z": "end"}, "a > z")


def checked(bench: Bench) -> list[tuple[tuple[str, str, str], ...]]:
    return [fact.results for fact in bench.facts if isinstance(fact, ev.Checked)]


def _answers(params: Any, ctx: Context) -> Output:
    """A node that does better once it is told what was wrong."""
    del params
    return Output({"out": {"told": list(ctx.feedback), "attempt": ctx.attempt}})


ANSWERS = node_type("answers", _answers)


async def test_processors_are_applied_in_order_before_and_after() -> None:
    async with Bench() as bench:
        work = around(
            before=steps("input * 10", "input + 3"), after=steps("output * 2", "[output]")
        )
        assert outcome(await bench.run(work, 1)) == [28]


async def test_in_a_template_the_value_is_the_input_and_keeps_its_kind() -> None:
    async with Bench() as bench:
        before = (Processor(template="{{ input * 10 }}"),)
        after = (
            Processor(template="{{ input }}"),
            Processor(template="{{ input }} of {{ vars.x }}"),
        )
        work = around(before=before, after=after)
        work = replace(work, settings=replace(work.settings, vars={"x": 100}))
        assert outcome(await bench.run(work, 1)) == "11 of 100"


async def test_registered_functions_process_and_check() -> None:
    async with Bench() as bench:
        bench.engine.registry.add_processor("double", lambda value, ctx: value * 2)
        bench.engine.registry.add_processor(
            "even", lambda value, ctx: value % 2 == 0 or "it is odd"
        )
        work = around(before=(Processor(use="double"),), checks=(Check(use="even", then="fail"),))
        assert outcome(await bench.run(work, 4)) == "refused"
        assert checked(bench) == [(("check 1", "refused", "check 1: it is odd"),)]
        with pytest.raises(ValueError, match="already"):
            bench.engine.registry.add_processor("even", lambda value, ctx: None)


async def test_writes_see_the_output_as_it_was_processed() -> None:
    from engine.model.workflow import Channel

    async with Bench() as bench:
        work = around(after=steps("output * 100"), writes={"total": "output"})
        work = replace(work, channels={"total": Channel(name="total", type="number")})
        handle = await bench.start(work, 1)
        await handle.leg()
        assert handle.state.channels["total"] == 200


async def test_the_next_attempt_reads_what_was_wrong() -> None:
    async with Bench(ANSWERS) as bench:
        checks = (
            Check(name="told", expr="output.told", message="say what you were told"),
            Check(name="shape", schema={"type": "object"}),
        )
        handle = await bench.start(around("answers", checks=checks, retry=ONCE_MORE))
        bench.clock.advance(1)
        await settle()
        assert outcome((await handle.leg()).event) == {
            "told": ["told: say what you were told"],
            "attempt": 2,
        }
        assert checked(bench) == [
            (("told", "refused", "told: say what you were told"), ("shape", "ok", "")),
            (("told", "ok", ""), ("shape", "ok", "")),
        ]
        retried = [fact for fact in bench.facts if isinstance(fact, ev.TaskRetried)]
        assert [each.error.code for each in retried] == ["refused"]


async def test_without_attempts_left_or_when_it_says_so_the_task_fails() -> None:
    cases: tuple[tuple[Literal["retry", "fail"], RetryPolicy | None], ...]
    cases = (("retry", None), ("fail", ONCE_MORE))
    for then, retry in cases:
        async with Bench() as bench:
            checks = (Check(name="small", expr="output < 2", then=then),)
            event = await bench.run(around(checks=checks, retry=retry), 1)
            assert isinstance(event, ev.RunFailed)
            assert event.error.message.endswith("refused: small: it does not hold")


async def test_a_warning_lets_it_pass_and_is_in_the_event() -> None:
    async with Bench() as bench:
        checks = (Check(name="small", expr="output < 2", message="too large", then="warn"),)
        assert outcome(await bench.run(around(checks=checks), 1)) == 2
        assert checked(bench) == [(("small", "warned", "small: too large"),)]


async def test_an_output_of_another_shape_is_refused_not_a_crash() -> None:
    async with Bench() as bench:
        checks = (Check(expr="output.name == 'x'", then="fail"),
                  Check(schema={"type": "string"}, message="a text", then="fail"))  # fmt: skip
        await bench.run(around(checks=checks), 1)
        [(first, second)] = checked(bench)
        assert first[1] == second[1] == "refused"
        assert second[2] == "check 2: a text (2 is not of type 'string')"


async def test_the_answer_of_a_wait_is_processed_too() -> None:
    async with Bench() as bench:
        work = around("nap", after=steps("output + 1"))
        work = replace(
            work, nodes={**work.nodes, "a": replace(work.nodes["a"], params={"seconds": 5})}
        )
        handle = await bench.start(work, 1)
        bench.clock.advance(5)
        assert outcome((await handle.leg()).event) == 2


async def test_what_was_told_outlives_a_restart_and_a_replay_needs_no_attempt() -> None:
    store, clock = MemoryStore(), FakeClock()
    calls: list[int] = []

    def count(params: Any, ctx: Context) -> Output:
        calls.append(ctx.attempt)
        return _answers(params, ctx)

    types = node_type("answers", count)
    work = around("answers", checks=(Check(name="told", expr="output.told"),), retry=ONCE_MORE)
    async with Bench(types, store=store, clock=clock) as bench:
        run = (await bench.start(work)).run
    clock.advance(1)
    bench = Bench(types, store=store, clock=clock)
    handle = await bench.engine.resume(run)
    await settle()
    assert outcome((await handle.leg()).event)["told"] == ["told: it does not hold"]
    assert calls == [1, 2]
    assert (await bench.engine.replay(run)).equal
    assert calls == [1, 2]


def test_the_document_keeps_it_and_defaults_are_not_written() -> None:
    data = {
        "type": "plus",
        "processing": {
            "before": [{"expr": "input", "later": 1}],
            "checks": [{"name": "x", "schema": {"type": "number"}, "then": "warn"}],
        },
    }
    read = node_from_json("a", data)
    assert node_to_json(read) == data
    plain = Node(key="a", type="plus")
    assert "processing" not in node_to_json(plain)
    types = registry()
    assert revision_hash(flow({"a": "plus"}, ""), types) != revision_hash(
        replace(flow({"a": "plus"}, ""), nodes={"a": read}), types
    )


def test_a_renamed_node_is_renamed_in_it() -> None:
    processing = Processing(before=steps("nodes.old"), checks=(Check(expr="output == nodes.old"),))
    node = rename_in_node(Node(key="a", type="plus", processing=processing), {"old": "new"})
    assert node.processing is not None
    assert node.processing.before[0].expr == "nodes.new"
    assert node.processing.checks[0].expr == "output == nodes.new"


@pytest.mark.parametrize(
    ("type", "processing", "rule"),
    [
        ("plus", Processing(before=(Processor(),)), "E081-processing"),
        ("plus", Processing(after=(Processor(expr="1", use="x"),)), "E081-processing"),
        ("plus", Processing(after=(Processor(use="nowhere"),)), "E081-processing"),
        ("plus", Processing(checks=(Check(),)), "E081-processing"),
        ("plus", Processing(checks=(Check(schema={"type": 7}),)), "E081-processing"),
        ("end", Processing(before=steps("input")), "E081-processing"),
        ("plus", Processing(before=steps("output")), "E005-expression"),
        ("plus", Processing(before=steps("input +")), "E005-expression"),
        ("plus", Processing(checks=(Check(expr="true"),)), "W181-check-retry"),
        ("plus", Processing(before=steps("state.nothing")), "E007-unknown-channel"),
    ],
)
def test_what_cannot_work_is_found(type: str, processing: Processing, rule: str) -> None:
    work = flow({"a": (type, {}, {"processing": processing})}, "")
    assert rule in [each.rule for each in validate(work, registry())]


async def test_a_kept_result_is_used_again_only_where_the_same_is_done_to_it() -> None:
    from engine.model.workflow import Cache

    async with Bench() as bench:
        results = [
            outcome(await bench.run(around(after=steps(text), cache=Cache()), 1))
            for text in ("output * 10", "output * 10", "output * 100")
        ]
        assert results == [20, 20, 200]
