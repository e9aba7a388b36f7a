"""Saving on request, and over a kill -9: nothing that was reported is lost (U94, T64, T76)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.program import END, START, Terminal, finished

SET = {"type": "set", "params": {"fields": {"n": {"expr": "input.n + 1"}}}}


def commits(headgate: Terminal, run: str) -> list[str | None]:
    return [line["name"] for line in headgate("history", run, "--json").lines]


def test_what_was_reported_is_there_after_kill_9(headgate: Terminal, tmp_path: Path) -> None:
    """The process holds its commits, is asked once to save from outside, and is killed."""
    marker = tmp_path / "started"
    hang = f"echo once >> {marker}; exec sleep 60"
    long = {
        "type": "shell.command",
        "params": {"command": ["sh", "-c", hang]},
        "effects": "idempotent",
    }
    path = headgate.write(
        "hold",
        {"start": START, "a": SET, "b": SET, "long": long, "end": END},
        "start a", "a b", "b long", "long end",
    )  # fmt: skip
    process = headgate.start(
        "run", path, "--input", '{"n": 1}', "--save", "at_end", "--allow", "process", "--json"
    )
    while not marker.exists():
        assert process.poll() is None
    run = headgate.newest()
    assert len(commits(headgate, run)) == 1  # a and b have run, and nothing of it is stored
    said = headgate("checkpoint", run, "--name", "before long", "--json")
    assert said.lines == [{"run": run, "commit": None, "name": "before long"}]
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline())]
    while told[-1]["event"] != "CheckpointMade":
        told.append(json.loads(process.stdout.readline()))
    process.kill()
    finished(process)
    stored = headgate("history", run, "--json").lines
    assert [line["name"] for line in stored] == [*[None] * (len(stored) - 1), "before long"]
    assert [each["seq"] for each in told] == list(range(1, len(told) + 1))
    assert {"a", "b"} <= {each.get("node") for each in told}
    (shown,) = headgate("show", run, "--json").lines
    assert [entry["node"] for entry in shown["frontier"]] == ["long"]
    assert headgate("cancel", run).code in {0, 6}
    ran = headgate("history", run, "--node", "a", "--json").lines
    assert len(ran) == 1  # it did not run again


def test_a_run_at_rest_is_stored_already(headgate: Terminal) -> None:
    path = headgate.write("done", {"start": START, "end": END}, "start end")
    headgate("run", path, "--input", '{"n": 1}')
    run = headgate.newest()
    last = len(commits(headgate, run)) - 1
    (said,) = headgate("checkpoint", run, "--name", "kept", "--json").lines
    assert said == {"run": run, "commit": last, "name": "kept"}
    assert commits(headgate, run)[-1] == "kept"


@pytest.mark.parametrize("save", ["sometimes", "interval:0", "interval:x", "at_end:3"])
def test_a_setting_that_is_none_is_refused(headgate: Terminal, save: str) -> None:
    path = headgate.write("no", {"start": START, "end": END}, "start end")
    said = headgate("run", path, "--save", save)
    assert (said.code, said.err.count("\n")) == (2, 1)
