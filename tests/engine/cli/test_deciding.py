from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal, finished

ROWS = [{"id": 1, "total": 5}, {"id": 2, "total": 7}]


@pytest.fixture
def waiting(headgate: Terminal) -> Path:
    """A run that waits at a barrier with a table."""
    params: dict[str, Any] = {
        "title": "Pay {{ input|length }}?",
        "editable": ["total"],
        "timeout_s": "2 h",
        "default": "reject",
        "reroute_to": ["other"],
        "options": [{"key": "later", "title": "Later", "needs_comment": True}],
    }
    path = headgate.write(
        "pay",
        {"start": START, "ask": {"type": "barrier", "params": params}, "yes": END, "other": END},
        "start ask",
        "ask.approved yes",
        "ask.rejected yes",
        "ask.later yes",
        "ask.rerouted other",
    )
    assert headgate("run", path, "--input", json.dumps(ROWS)).code == 5
    return path


@pytest.mark.usefixtures("waiting")
def test_the_inbox_says_what_is_asked(headgate: Terminal) -> None:
    (request,) = headgate("inbox", "--json").lines
    assert request["run"] == headgate.newest()
    assert (request["node"], request["title"]) == ("ask", "Pay 2?")
    assert request["payload"] == ROWS
    assert request["deadline"] > request["opened_at"]
    assert len(request["digest"]) == 64
    assert request["choices"] == ["approve", "reject", "modify", "reroute", "later"]


@pytest.mark.usefixtures("waiting")
def test_people_read_the_question_and_how_to_answer(headgate: Terminal) -> None:
    said = headgate("inbox").out
    assert "Pay 2?" in said
    assert f"headgate decide {headgate.request()} --store {headgate.store}" in said
    headgate("cancel", headgate.newest())
    assert headgate("inbox").out == "Nothing is waiting for you.\n"


@pytest.mark.usefixtures("waiting")
def test_a_decision_is_only_stored_until_the_run_is_resumed(headgate: Terminal) -> None:
    said = headgate("decide", headgate.request()[:6], "approve", "--comment", "ok", "--json")
    (decision,) = said.lines
    assert said.code == 0
    assert (decision["choice"], decision["comment"], decision["accepted"]) == (
        "approve",
        "ok",
        True,
    )
    assert headgate("runs", "--json").lines[0]["status"] == "waiting"
    assert headgate("resume", headgate.newest(), "--json").lines[-1]["result"] == ROWS


@pytest.mark.usefixtures("waiting")
def test_a_decision_may_resume_the_run(headgate: Terminal) -> None:
    edited = [ROWS[0], {"id": 2, "total": 9}]
    words = ("modify", "--values", json.dumps(edited), "--resume", "--json")
    said = headgate("decide", headgate.request(), *words)
    assert said.code == 0
    assert said.lines[-1]["event"] == "RunFinished"
    assert said.lines[-1]["result"] == edited


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["perhaps"], "does not offer perhaps; choose one of approve"),
        (["modify", "--values", '[{"id": 1, "total": 5}, {"id": 9, "total": 7}]'], "[1].id"),
        (["modify", "--values", "[]"], "rows may not be added or removed"),
        (["reroute", "--to", "yes"], "it may go to other"),
        (["later"], "Later needs a comment"),
        (["approve", "--digest", "0" * 64], "has changed since you saw it"),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_a_decision_that_does_not_fit_is_refused(
    headgate: Terminal, words: list[str], reason: str
) -> None:
    said = headgate("decide", headgate.request(), *words)
    assert (said.code, said.out) == (7, "")
    assert reason in said.err
    assert headgate("decide", headgate.request(), "approve").code == 0


@pytest.mark.usefixtures("waiting")
def test_the_second_decision_is_late(headgate: Terminal) -> None:
    request = headgate.request()
    headgate("decide", request, "reject")
    said = headgate("decide", request, "approve", "--resume")
    assert said.code == 7
    assert "answered already" in said.err
    result = headgate("resume", headgate.newest(), "--json").lines[-1]["result"]
    assert result["choice"] == "reject"


@pytest.mark.usefixtures("waiting")
def test_a_decision_may_send_the_payload_elsewhere(headgate: Terminal) -> None:
    words = ("reroute", "--to", "other", "--resume", "--json")
    said = headgate("decide", headgate.request(), *words)
    decision, *events = said.lines
    ended = [line["node"] for line in events if line["event"] == "TaskFinished"]
    assert decision["to"] == "other"
    assert ended[-1] == "other"


def test_an_unknown_request_is_no_refusal(headgate: Terminal) -> None:
    said = headgate("decide", "nobody", "approve")
    assert said.code == 2
    assert "headgate inbox lists the open ones" in said.err


@pytest.mark.parametrize("drives", [True, False])
def test_resuming_leaves_the_run_to_whoever_drives_it(headgate: Terminal, drives: bool) -> None:
    """The other process is busy beside the barrier, and takes the decision in."""
    seconds = "3" if drives else "0.3"
    beside = {"type": "shell.command", "params": {"command": ["sleep", seconds]}}
    ask = {"type": "barrier", "params": {"title": "Now?"}}
    nodes = {"start": START, "ask": ask, "beside": beside, "end": END}
    wires = ("start ask", "start beside", "ask.approved end", "ask.rejected end")
    path = headgate.write("busy", nodes, *wires)
    process = headgate.start("run", path, "--allow", "process", "--json")
    assert process.stdout is not None
    wanted = "BarrierOpened" if drives else "RunWaiting"
    assert any(wanted in line for line in process.stdout)
    said = headgate("decide", headgate.request(), "approve", "--resume")
    assert said.code == 0
    assert ("taken in by the process that drives it" in said.out) is drives
    assert finished(process).code == (0 if drives else 5)
    assert headgate("runs", "--json").lines[0]["status"] == "completed"


@pytest.mark.parametrize(("choice", "more"), [("happened", ["--values", '"paid"']), ("again", [])])
def test_what_must_not_run_twice_is_asked_about_after_a_crash(
    headgate: Terminal, choice: str, more: list[str]
) -> None:
    pay = {"type": "shell.command", "params": {"command": ["sleep", "1"]}}
    path = headgate.write("pay", {"start": START, "pay": pay, "end": END}, "start pay", "pay end")
    process = headgate.start("run", path, "--allow", "process", "--json")
    assert process.stdout is not None
    assert any('"ready":[["pay"' in line for line in process.stdout)
    while not claimed(headgate):
        assert process.poll() is None
    process.kill()
    finished(process)
    said = headgate("resume", headgate.newest())
    assert said.code == 5
    assert "CHOICE --resume" in said.out
    assert "(happened, again, fail)" in said.out
    words = [headgate.request(), choice, *more, "--resume", "--json"]
    result = headgate("decide", *words).lines[-1]["result"]
    assert (result if choice == "happened" else result["exit_code"]) in ("paid", 0)


def claimed(headgate: Terminal) -> bool:
    with contextlib.closing(sqlite3.connect(headgate.folder / "runs.sqlite")) as database:
        return bool(database.execute("SELECT 1 FROM claims").fetchall())


def test_a_part_of_a_run_that_nobody_drives_is_cancelled_and_the_run_goes_on(
    headgate: Terminal,
) -> None:
    nodes = {"start": START, "ask": ASK, "end": END, "other": END}
    path = headgate.write("parts", nodes, "start ask", "ask.approved end", "start other")
    assert headgate("run", path, "--input", '{"n": 1}').code == 5
    said = headgate("cancel", headgate.newest(), "--task", "ask", "--json")
    assert said.code == 0 and said.lines[-1]["event"] == "RunFinished"
    assert not headgate("inbox", "--json").lines


def test_a_budget_that_is_used_up_waits_for_a_person(headgate: Terminal) -> None:
    """U87: exit code 5, then the limit is raised and the run goes on."""
    draws = {"meters": {"tokens": {"estimate": "6"}}}
    path = headgate.write(
        "spend",
        {"start": START, "a": {"type": "set", **draws}, "b": {"type": "set", **draws}, "z": END},
        "start a", "a b", "b z",
        settings={"meters": {"tokens": {"limit": 10, "on_breach": "ask"}}},
    )  # fmt: skip
    assert headgate("run", path).code == 5
    assert "tokens: 6 of 10 used" in headgate("show", headgate.newest()).out
    request = headgate.request()
    refused = headgate("decide", request, "raise", "--values", "8")
    assert refused.code == 7
    assert "above 10" in refused.err
    raised = headgate("decide", request, "raise", "--values", '{"raise_to": 12}', "--resume")
    assert raised.code == 0
    (shown,) = headgate("show", headgate.newest(), "--json").lines
    assert shown["meters"] == {"tokens": {"limit": 12.0, "used": 12.0, "reserved": 0.0}}
