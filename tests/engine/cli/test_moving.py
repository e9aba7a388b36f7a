"""`export-run` and `import-run` in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal

SHELL = {"type": "shell.command", "params": {"command": ["echo", "hello"]}}


@pytest.fixture
def exported(headgate: Terminal) -> Path:
    """A run that waits at a barrier before a program, in a file."""
    wires = ("start ask", "ask.approved work", "work end")
    nodes = {"start": START, "ask": ASK, "work": SHELL, "end": END}
    path = headgate.write("moved", nodes, *wires)
    assert headgate("run", path, "--input", '{"n": 1}', "--allow", "process").code == 5
    file = headgate.folder / "a.run.jsonl"
    said = headgate("export-run", headgate.newest()[:10], file, "--json")
    assert said.lines[0]["bytes"] == file.stat().st_size
    return file


@pytest.fixture
def elsewhere(headgate: Terminal, tmp_path: Path) -> Terminal:
    """A terminal with another store."""
    (tmp_path / "other").mkdir()
    return Terminal(tmp_path / "other", headgate._capture)


def test_a_run_moves_to_another_store_and_goes_on_there(
    headgate: Terminal, elsewhere: Terminal, exported: Path
) -> None:
    (said,) = elsewhere("import-run", exported, "--json").lines
    run = headgate.newest()
    assert (said["run"], said["status"]) == (run, "waiting")
    assert elsewhere("show", run, "--json").lines == headgate("show", run, "--json").lines
    assert elsewhere("history", run).code == elsewhere("replay", run).code == 0
    assert elsewhere("decide", elsewhere.request(), "approve").code == 0
    refused = elsewhere("resume", run)
    assert (refused.code, refused.out) == (2, "")
    assert "--allow process" in refused.err
    assert elsewhere("resume", run, "--allow", "process").code == 0
    assert elsewhere("fork", run, "--at", "1", "--decide", "ask=approve").code == 0
    assert elsewhere("audit", "verify").code == 0


def test_a_run_that_is_here_already_is_refused(headgate: Terminal, exported: Path) -> None:
    said = headgate("import-run", exported)
    assert said.code == 3
    assert "already" in said.err


def test_a_damaged_file_is_refused_with_the_reason(elsewhere: Terminal, exported: Path) -> None:
    text = exported.read_text()
    exported.write_text(text.replace("hello", "jello", 1))
    said = elsewhere("import-run", exported)
    assert said.code == 3
    assert "was changed or damaged" in said.err
    exported.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    assert "its end is missing" in elsewhere("import-run", exported).err
    first, *others = text.splitlines()
    newer = json.dumps({**json.loads(first), "headgate_run": 99})
    exported.write_text("\n".join([newer, *others]) + "\n")
    assert "update the program" in elsewhere("import-run", exported).err
    assert elsewhere("runs", "--json").lines == []


def test_a_file_is_replaced_only_when_asked(headgate: Terminal, exported: Path) -> None:
    assert headgate("export-run", headgate.newest(), exported).code == 2
    assert headgate("export-run", headgate.newest(), exported, "--force").code == 0
