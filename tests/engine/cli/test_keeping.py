from __future__ import annotations

import sqlite3

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal


@pytest.fixture
def run(headgate: Terminal) -> str:
    wires = ("start ask", "ask.approved end", "ask.rejected end")
    path = headgate.write("keep", {"start": START, "ask": ASK, "end": END}, *wires)
    headgate("run", path, "--input", '{"n": 1}')
    assert headgate("decide", headgate.request(), "approve", "--resume").code == 0
    return headgate.newest()


def test_a_replay_makes_the_same_commits(headgate: Terminal, run: str) -> None:
    commits = len(headgate("history", run, "--json").lines) - 1
    expected = {"run": run, "equal": True, "commits": commits, "difference": None, "commit": None}
    assert headgate("replay", run[:10], "--json").lines == [expected]
    assert headgate("replay", run, "--at", "2", "--json").lines[0]["commits"] == 2
    assert "Equal" in headgate("replay", run).out


def test_a_pruned_run_keeps_its_last_commits(headgate: Terminal, run: str) -> None:
    before = headgate("history", run, "--json").lines
    (said,) = headgate("prune", run, "--keep", "2", "--json").lines
    assert (said["run"], said["keep"]) == (run, 2)
    assert headgate("history", run, "--json").lines == before[-2:]
    assert headgate("prune", run, "--keep", "0").code == 2


@pytest.mark.usefixtures("run")
def test_an_untouched_record_is_intact(headgate: Terminal) -> None:
    said = headgate("audit", "verify", "--json")
    assert said.code == 0
    assert said.lines == [{"intact": True, "decisions": 1, "problems": []}]


@pytest.mark.usefixtures("run")
def test_a_decision_that_was_changed_behind_our_back_is_found(headgate: Terminal) -> None:
    with sqlite3.connect(headgate.folder / "runs.sqlite") as database:
        database.execute("UPDATE decisions SET decided_by = 'somebody else'")
    database.close()
    said = headgate("audit", "verify", "--json")
    assert said.code == 1
    assert not said.lines[0]["intact"]
    assert headgate("audit", "verify").code == 1
