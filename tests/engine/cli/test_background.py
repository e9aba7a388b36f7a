"""Work in the background, in a terminal and over a kill -9 (U58, T84)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.engine.cli.program import END, START, Terminal, finished

Json = Any
ALLOW = ("--allow", "process")


def working(headgate: Terminal, code: str, **background: Json) -> Path:
    """A workflow whose node `b` runs a few lines of Python in the background."""
    node = {"type": "python.code", "params": {"code": code}, "background": background}
    return headgate.write("bg", {"start": START, "b": node, "end": END}, "start b", "b end")


def test_what_has_failed_is_listed_and_tried_again(headgate: Terminal, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    path = working(headgate, f"output = open({str(flag)!r}).read()")
    said = headgate("run", path, "--input", "1", *ALLOW, "--json")
    assert (said.code, said.lines[-1]["event"], said.lines[-1]["result"]) == (0, "RunFinished", 1)
    (work,) = headgate("background", said.lines[-1]["run"], "--json").lines
    assert (work["task"], work["status"], work["code"]) == ("b", "failed", "exception")
    assert work["run"] in headgate("background", "--failed").out
    flag.write_text("it is there")
    assert headgate("retry", work["run"]).code == 0
    (work,) = headgate("background", "--json").lines
    assert (work["status"], work["reason"]) == ("completed", "")
    assert headgate("show", work["run"], "--json").lines[0]["result"] == "it is there"
    assert headgate("retry", work["run"]).code == 2


def test_after_kill_9_it_goes_on_with_its_run(headgate: Terminal, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\noutput = 1"
    path = working(headgate, f"import os, time\n{code}")
    process = headgate.start("run", path, "--input", "1", *ALLOW, "--json")
    assert process.stdout is not None
    started = next(
        said for line in process.stdout if (said := json.loads(line))["event"] == "ChildStarted"
    )
    process.kill()
    finished(process)
    go.write_text("")
    assert headgate("resume", started["run"]).code == 0
    (work,) = headgate("background", started["run"], "--json").lines
    assert (work["run"], work["status"]) == (started["child"], "completed")


def test_a_run_whose_work_asks_says_where_it_is_asked(headgate: Terminal, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    params = {"command": ["sh", "-c", f"touch {begun}; sleep 60"]}
    node = {"type": "shell.command", "params": params, "effects": "once", "background": {}}
    path = headgate.write("bg", {"start": START, "b": node, "end": END}, "start b", "b end")
    process = headgate.start("run", path, *ALLOW, "--json")
    assert process.stdout is not None
    run = next(
        said["run"]
        for line in process.stdout
        if (said := json.loads(line))["event"] == "ChildStarted"
    )
    while not begun.exists():
        headgate("background", run)
    process.kill()
    finished(process)
    said = headgate("resume", run)
    assert said.code == 5
    assert "for 1 run that it has begun" in said.out
    assert "if anything: headgate inbox" in said.out


def test_work_that_nobody_drives_is_let_fail(headgate: Terminal) -> None:
    path = working(headgate, "import time\ntime.sleep(60)", at_end="detach", stale_s=0.001)
    process = headgate.start("run", path, "--input", "1", *ALLOW, "--json")
    assert process.stdout is not None
    run = next(
        said["run"]
        for line in process.stdout
        if (said := json.loads(line))["event"] == "RunFinished"
    )
    process.kill()
    finished(process)
    assert [each["status"] for each in headgate("background", run, "--json").lines] != ["failed"]
    (work,) = headgate("background", run, "--stale", "--json").lines
    assert (work["status"], work["code"]) == ("failed", "stale")
