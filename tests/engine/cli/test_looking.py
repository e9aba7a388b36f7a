from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal


@pytest.fixture
def path(headgate: Terminal) -> Path:
    count = {
        "type": "set",
        "params": {"fields": {"n": {"expr": "input.n + 1"}}},
        "writes": {"seen": {"expr": "[output.n]"}},
    }
    return headgate.write(
        "look",
        {"start": START, "count": count, "ask": ASK, "end": END},
        "start count",
        "count ask",
        "ask.approved end",
        "ask.rejected end",
        channels={"seen": {"type": "array", "reducer": "extend", "default": []}},
    )


@pytest.fixture
def run(headgate: Terminal, path: Path) -> str:
    assert headgate("run", path, "--input", '{"n": 1}').code == 5
    return headgate.newest()


def test_runs_are_listed_newest_first(headgate: Terminal, path: Path, run: str) -> None:
    headgate("run", path, "--input", '{"n": 5}', "--decide", "ask=approve")
    newest, oldest = headgate("runs", "--json").lines
    assert (oldest["run"], oldest["status"], oldest["workflow"]) == (run, "waiting", "look")
    assert newest["status"] == "completed"
    assert newest["started_at"] >= oldest["started_at"]
    assert len(headgate("runs", "--json", "--limit", "1").lines) == 1
    assert run in headgate("runs").out


def test_a_run_is_shown_as_it_is(headgate: Terminal, run: str) -> None:
    (shown,) = headgate("show", run[:12], "--json").lines
    (wait,) = shown["waits"]
    (entry,) = shown["frontier"]
    assert (shown["run"], shown["status"], shown["result"]) == (run, "waiting", None)
    assert shown["state"] == {"seen": [2]}
    assert (wait["node"], wait["kind"], wait["request"]) == ("ask", "approval", headgate.request())
    assert (entry["task"], entry["state"]) == ("ask", "waiting")


def test_a_run_is_shown_as_it_was_at_a_commit(headgate: Terminal, run: str) -> None:
    (shown,) = headgate("show", run, "--at", "0", "--json").lines
    assert (shown["superstep"], shown["status"], shown["state"]) == (0, "running", {"seen": []})
    assert [entry["task"] for entry in shown["frontier"]] == ["start"]
    said = headgate("show", run, "--at", "99")
    assert said.code == 2
    assert "has no commit 99" in said.err


def test_history_has_a_line_for_each_commit(headgate: Terminal, run: str) -> None:
    lines = headgate("history", run, "--json").lines
    assert [line["commit"] for line in lines] == list(range(len(lines)))
    assert [line["superstep"] for line in lines] == [line["commit"] for line in lines]
    assert {line["run"] for line in lines} == {run}
    (counted,) = [line for line in lines if line["tasks"] == ["count"]]
    assert counted["changed"] == ["seen"]


def test_executions_of_all_runs_are_found_in_pages(headgate: Terminal, run: str) -> None:
    """U101."""
    whole = headgate("history", "--json").lines
    assert {line["node"] for line in whole} >= {"start", "count"}
    (counted,) = headgate("history", "--node", "count", "--since", "1h", "--json").lines
    assert (counted["run"], counted["status"], counted["task"]) == (run, "done", "count")
    assert headgate("history", run, "--status", "failed", "--json").lines == []
    first = headgate("history", "--limit", "1", "--json").lines
    rest = headgate("history", "--after", first[0]["place"], "--json").lines
    assert first + rest == whole
    assert "count" in headgate("history", "--node", "count").out


@pytest.mark.parametrize(
    "wrong",
    [("--since", "soon"), ("--status", "good"), ("--after", "here"), ("nope", "--node", "a")],
)
def test_what_is_no_question_about_executions_is_refused(
    headgate: Terminal, run: str, wrong: tuple[str, ...]
) -> None:
    del run
    said = headgate("history", *wrong)
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_people_read_state_frontier_and_result(headgate: Terminal, run: str) -> None:
    waiting = headgate("show", run).out
    assert "seen = [2]" in waiting
    assert f"headgate decide {headgate.request()} approve --resume" in waiting
    headgate("decide", headgate.request(), "approve", "--resume")
    assert 'result\n  {"n":2}' in headgate("show", run).out
    assert "count" in headgate("history", run).out


def test_what_a_workflow_writes_cannot_paint_over_the_terminal(headgate: Terminal) -> None:
    title = "red \x1b[31m\u202e\x07"
    ask = {"type": "barrier", "title": title, "params": {"title": title}}
    path = headgate.write("red", {"start": START, "ask": ask}, "start ask")
    said = (
        headgate("run", path).out + headgate("inbox").out + headgate("show", headgate.newest()).out
    )
    assert "red" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)
