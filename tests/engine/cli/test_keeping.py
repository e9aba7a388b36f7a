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


def test_a_commit_gets_a_name_and_is_kept(headgate: Terminal, run: str) -> None:
    assert headgate("name", run, "--at", "1", "Before asking").code == 0
    assert "Before asking" in headgate("history", run).out
    assert headgate("prune", run, "--keep", "1").code == 0
    kept = headgate("history", run, "--json").lines
    assert [each["name"] for each in kept] == ["Before asking", None]
    assert headgate("show", run, "--at", "1").code == 0
    assert headgate("name", run, "--at", "1").code == 0
    assert headgate("name", run, "--at", "99", "Nowhere").code == 2


def test_what_stays_must_be_said(headgate: Terminal, run: str) -> None:
    for words in ((run,), ("--all",), (), (run, "--older-than", "soon"), (run, "--all")):
        assert headgate("prune", *words).code == 2
    assert headgate("prune", run, "--older-than", "1d", "--json").lines[0]["bytes"] == 0
    (said,) = headgate("prune", "--all", "--keep", "1", "--json").lines
    assert said["run"] == run
    assert len(headgate("history", run, "--json").lines) == 1


@pytest.mark.usefixtures("run")
def test_the_doctor_shows_how_full_the_history_is(
    headgate: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {each["name"]: each for each in headgate("doctor", "--json").lines}["store"]
    assert (said["state"], "% of the history quota" in said["text"]) == ("ok", True)
    monkeypatch.setenv("HEADGATE_HISTORY_BYTES", "100")
    said = {each["name"]: each for each in headgate("doctor", "--json").lines}["store"]
    assert (said["state"], "prune old commits" in said["text"]) == ("note", True)
    assert headgate("run", "invoice-approval").code == 2
