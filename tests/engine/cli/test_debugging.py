"""Breakpoints and steps at the command line: U63, U64, exit code 5."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.cli.program import END, START, Terminal


def line(headgate: Terminal) -> Path:
    add = {"type": "set", "params": {"fields": {"n": {"expr": "input.n + 1"}}}}
    nodes = {"start": START, "one": add, "two": add, "end": END}
    return headgate.write("line", nodes, "start one", "one two", "two end")


def test_a_run_pauses_at_a_breakpoint_and_resume_goes_on_past_it(headgate: Terminal) -> None:
    said = headgate("run", line(headgate), "--input", '{"n": 1}', "--break", "two")
    assert said.code == 5 and "Paused" in said.out and "before two" in said.out
    assert headgate("runs", "--json").lines[0]["status"] == "paused"
    again = headgate("resume", headgate.newest(), "--json")
    assert again.code == 0 and again.lines[-1]["result"] == {"n": 3}


def test_step_makes_one_superstep_and_stays_paused(headgate: Terminal) -> None:
    headgate("run", line(headgate), "--input", '{"n": 1}', "--break", "one")
    said = headgate("resume", headgate.newest(), "--step", "--json")
    done = [each["task"] for each in said.lines if each["event"] == "TaskFinished"]
    assert (said.code, done) == (5, ["one"])
    assert said.lines[-1]["event"] == "RunWaiting"


def test_a_condition_decides_and_resume_may_change_the_breakpoints(headgate: Terminal) -> None:
    path = line(headgate)
    assert headgate("run", path, "--input", '{"n": 1}', "--break", "two if input.n > 5").code == 0
    assert headgate("run", path, "--input", '{"n": 9}', "--break", "two if input.n > 5").code == 5
    assert headgate("resume", headgate.newest(), "--break", "after:two").code == 5
    assert headgate("resume", headgate.newest(), "--break", "none").code == 0


@pytest.mark.parametrize(
    ("where", "code"),
    [("nobody", 2), ("two if input >", 2), ("after:", 2), ("sometimes:two", 2), ("error", 0)],
)
def test_a_breakpoint_that_cannot_work_is_a_usage_error(
    headgate: Terminal, where: str, code: int
) -> None:
    assert headgate("run", line(headgate), "--input", '{"n": 1}', "--break", where).code == code


def test_to_a_node_pauses_there(headgate: Terminal) -> None:
    said = headgate("run", line(headgate), "--input", '{"n": 1}', "--to", "one")
    assert said.code == 5 and "ran to one" in said.out
    assert headgate("resume", headgate.newest()).code == 0
    assert headgate("run", line(headgate), "--to", "nobody").code == 2


def test_from_a_node_uses_the_results_of_the_newest_run(headgate: Terminal) -> None:
    path = line(headgate)
    assert headgate("run", path, "--from", "two").code == 2  # there is no run yet
    headgate("run", path, "--input", '{"n": 5}')
    said = headgate("run", path, "--from", "two", "--json")
    finished = {e["task"]: e["recorded"] for e in said.lines if e["event"] == "TaskFinished"}
    assert finished == {"start": True, "one": True, "two": False, "end": False}
    assert said.lines[-1]["result"] == {"n": 7}


def test_one_node_alone_with_an_input_or_what_went_in_before(headgate: Terminal) -> None:
    path = line(headgate)
    (alone,) = headgate("run-node", path, "two", "--input", '{"n": 41}', "--json").lines
    assert alone["outputs"] == {"out": {"n": 42}}
    headgate("run", path, "--input", '{"n": 5}')
    (again,) = headgate("run-node", path, "two", "--run", headgate.newest(), "--json").lines
    assert again["inputs"] == {"in": {"n": 6}}
    assert headgate("run-node", path, "two").code == 2
    assert headgate("run-node", path, "two", "--input", "{}").code == 1
    assert len(headgate("runs", "--json").lines) == 1
