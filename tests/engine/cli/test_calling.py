"""Runs that call runs, in a terminal and over a kill -9 (U20, T99)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal, finished

CALL = {"type": "workflow.call", "params": {"path": "ask.flow.json"}}


@pytest.fixture
def calling(headgate: Terminal) -> Path:
    """A workflow that calls one that asks."""
    asking = headgate.write(
        "ask", {"start": START, "ask": ASK, "end": END}, "start ask", "ask.approved end"
    )
    assert asking.name == "ask.flow.json"
    return headgate.write("main", {"start": START, "c": CALL, "end": END}, "start c", "c end")


def test_a_decision_in_the_child_goes_on_with_both(headgate: Terminal, calling: Path) -> None:
    assert headgate("run", calling, "--input", '{"n": 1}').code == 5
    said = headgate("decide", headgate.request(), "approve", "--resume", "--json")
    assert said.code == 0
    assert said.lines[-1]["result"] == {"n": 1}
    assert {each["status"] for each in headgate("runs", "--json").lines} == {"completed"}


def test_runs_and_show_say_who_called_whom(headgate: Terminal, calling: Path) -> None:
    headgate("run", calling, "--input", '{"n": 1}')
    child, parent = sorted(headgate("runs", "--json").lines, key=lambda each: not each["called_by"])
    assert (child["called_by"], child["caller_task"], child["mode"]) == (parent["run"], "c", "call")
    (shown,) = headgate("show", parent["run"], "--json").lines
    assert [each["run"] for each in shown["children"]] == [child["run"]]
    assert [wait["child"] for wait in shown["waits"]] == [child["run"]]
    assert child["run"] in headgate("show", parent["run"]).out
    assert f"called by run {parent['run']}" in headgate("show", child["run"]).out


def test_after_kill_9_the_same_child_goes_on(headgate: Terminal, calling: Path) -> None:
    process = headgate.start("run", calling, "--input", '{"n": 1}', "--wait", "--json")
    assert process.stdout is not None
    started = next(
        said for line in process.stdout if (said := json.loads(line))["event"] == "ChildStarted"
    )
    process.kill()
    finished(process)
    assert headgate("resume", started["run"]).code == 5
    said = headgate("decide", headgate.request(), "approve", "--resume", "--json")
    assert (said.code, said.lines[-1]["run"]) == (0, started["run"])
    runs = {each["run"]: each["status"] for each in headgate("runs", "--json").lines}
    assert runs == {started["run"]: "completed", started["child"]: "completed"}
