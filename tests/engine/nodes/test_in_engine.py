"""Built-in nodes in real runs: what they hand to the engine means what it should."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import events as ev
from engine.app import Engine
from engine.commands import Decide
from engine.model.workflow import RetryPolicy, Workflow
from engine.nodes.builtin import builtin_registry
from engine.store.memory import MemoryStore
from tests.engine.flows import flow, outcome
from tests.engine.nodes.http_server import Reply, serving

INPUT = {"expr": "input"}


@asynccontextmanager
async def an_engine() -> AsyncGenerator[Engine, None]:
    engine = Engine(MemoryStore(), registry=builtin_registry())
    try:
        yield engine
    finally:
        await engine.close()


async def result(engine: Engine, workflow: Workflow, value: Any = None) -> Any:
    handle = await engine.start(workflow, value)
    return outcome((await handle.leg()).event)


async def decided(engine: Engine, workflow: Workflow, value: Any, choice: str, **more: Any) -> Any:
    handle = await engine.start(workflow, value)
    await handle.leg()
    (request,) = engine.inbox()
    await engine.decide(
        Decide(
            request=request.request,
            choice=choice,
            by="ada",
            through="test",
            digest=request.digest,
            **more,
        )
    )
    handle = await engine.resume(handle.run)
    return outcome((await handle.leg()).event)


async def test_a_value_goes_through_file_database_program_and_code(tmp_path: Path) -> None:
    steps = {
        "start": "trigger.manual",
        "save": ("file.write", {"path": str(tmp_path / "{{ input.name }}.csv"),
                                "content": {"expr": "input.rows"}}),
        "load": ("file.read", {"path": "{{ input.path }}"}),
        "make": ("sql.query", {"url": f"sqlite:///{tmp_path}/x.db",
                               "query": "CREATE TABLE t AS SELECT :n AS n",
                               "parameters": {"n": {"expr": "len(input)"}}}),
        "ask": ("sql.query", {"url": f"sqlite:///{tmp_path}/x.db", "query": "SELECT n FROM t"}),
        "count": ("shell.command", {"command": ["expr", {"expr": "str(input[0].n)"}, "+", "1"]}),
        "code": ("python.code", {"code": "output = int(input['stdout']) * 10"}),
        "end": "end",
    }  # fmt: skip
    wires = (
        "start > save, save > load, load > make, make > ask, ask > count, count > code, code > end"
    )
    async with an_engine() as engine:
        rows = [{"id": 1}, {"id": 2}]
        assert await result(engine, flow(steps, wires), {"name": "a", "rows": rows}) == 30


async def test_items_that_fail_come_out_of_their_own_port() -> None:
    steps = {
        "start": "trigger.manual",
        "each": ("for_each", {"on_item_failure": "collect", "limit": 2}),
        "code": ("python.code", {"code": "output = 6 // input"}),
        "all": "collect",
        "good": "end",
        "bad": ("end", {"value": {"expr": "[one.index for one in input]"}}),
    }
    wires = "start > each, each.item > code, code > all, all > good, all.failed > bad"
    async with an_engine() as engine:
        assert await result(engine, flow(steps, wires), [1, 0, 3]) == {"good": [6, 2], "bad": [1]}


async def test_switch_join_and_set_work_together() -> None:
    steps = {
        "start": "trigger.manual",
        "way": ("switch", {"mode": "all", "cases": [{"name": "a", "when": "input > 1"},
                                                    {"name": "b", "when": "input > 2"},
                                                    {"name": "c", "when": "input > 9"}]}),
        "x": ("set", {"fields": {"x": {"expr": "input + 1"}}}),
        "y": ("set", {"fields": {"y": INPUT}}),
        "z": ("set", {"fields": {"z": INPUT}}),
        "both": ("join", {"output": "merge"}),
        "text": ("template", {"text": "{{ input.x }}-{{ input.y }}"}),
        "end": "end",
    }  # fmt: skip
    wires = (
        "start > way, way.a > x, way.b > y, way.c > z, x > both, y > both, z > both, "
        "both > text, text > end"
    )
    async with an_engine() as engine:
        assert await result(engine, flow(steps, wires), 5) == "6-5"


@pytest.mark.parametrize("port", ["rerouted", "approved"])
async def test_rerouting_takes_the_wire_that_leads_there(port: str) -> None:
    steps = {
        "start": "trigger.manual",
        "ask": ("barrier", {"reroute_to": ["fix"]}),
        "fix": ("set", {"fields": {"fixed": INPUT}}),
        "end": "end",
    }
    wires = f"start > ask, ask.approved > end, ask.{port} > fix, fix > end"
    async with an_engine() as engine:
        assert await decided(engine, flow(steps, wires), 5, "reroute", to="fix") == {"fixed": 5}


async def test_the_reason_of_a_rejection_reaches_the_next_node() -> None:
    steps = {
        "start": "trigger.manual",
        "ask": ("barrier", {"title": "Pay {{ input }}?"}),
        "paid": "end",
        "why": ("template", {"text": "{{ input.by }}: {{ input.comment }} ({{ input.payload }})"}),
        "refused": "end",
    }
    wires = "start > ask, ask.approved > paid, ask.rejected > why, why > refused"
    async with an_engine() as engine:
        answer = await decided(engine, flow(steps, wires), 5, "reject", comment="too much")
    assert answer == "ada: too much (5)"


@pytest.mark.parametrize(("choice", "to"), [("approve", ""), ("reroute", "fix")])
async def test_a_record_of_the_decision_needs_no_wire(choice: str, to: str) -> None:
    steps = {
        "start": "trigger.manual",
        "ask": ("barrier", {"record": True, "reroute_to": ["fix"]}),
        "fix": "end",
        "end": "end",
    }
    wires = "start > ask, ask.approved > end, ask.rerouted > fix"
    async with an_engine() as engine:
        assert await decided(engine, flow(steps, wires), 5, choice, to=to) == 5


async def test_a_request_is_repeated_until_the_server_is_back() -> None:
    replies = iter(
        [Reply(503), Reply(503), Reply(200, b'"back"', {"content-type": "application/json"})]
    )
    retry = RetryPolicy(attempts=3, delay_s=0.01, jitter=False)
    with serving(lambda _: next(replies)) as server:
        steps = {
            "start": "trigger.manual",
            "call": ("http.request", {"url": server.url}, {"retry": retry}),
            "end": ("end", {"value": {"expr": "input.body"}}),
        }
        async with an_engine() as engine:
            assert await result(engine, flow(steps, "start > call, call > end")) == "back"


async def test_code_is_repeated_for_the_errors_that_are_named(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
tries = Path({str(tmp_path / "tries")!r})
tries.open("a").write("x")
if len(tries.read_text()) < 3:
    raise ConnectionError("not yet")
output = {{}}["missing"]
"""
    retry = RetryPolicy(attempts=5, delay_s=0.01, on=("ConnectionError",))
    steps = {"start": "trigger.manual", "code": ("python.code", {"code": code}, {"retry": retry})}
    async with an_engine() as engine:
        handle = await engine.start(flow(steps, "start > code"), None)
        end = (await handle.leg()).event
    assert isinstance(end, ev.RunFailed)
    assert (end.error.kind, end.error.details["line"]) == ("KeyError", 7)
    assert (tmp_path / "tries").read_text(encoding="ascii") == "xxx"


async def test_after_a_wait_and_at_a_final_end_the_value_is_the_result() -> None:
    steps = {
        "start": "trigger.manual",
        "nap": ("wait", {"duration_s": 0.02}),
        "forever": ("shell.command", {"command": ["sleep", "600"]}),
        "end": ("end", {"final": True}),
    }
    async with an_engine() as engine:
        workflow = flow(steps, "start > nap, start > forever, nap > end")
        assert await result(engine, workflow, "value") == "value"
