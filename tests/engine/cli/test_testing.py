"""`test`: past runs as tests of a workflow, in a terminal and on a build server."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.engine.cli.program import ASK, END, START, Terminal

ADD = {"type": "set", "params": {"fields": {"n": {"expr": "input.n + 1"}}}}
WIRES = ("start add", "add ask", "ask.approved end")


@pytest.fixture
def kept(headgate: Terminal) -> Path:
    """A folder with one test, of a workflow beside it."""
    path = headgate.write("adds", {"start": START, "add": ADD, "ask": ASK, "end": END}, *WIRES)
    done = headgate("run", path, "--input", '{"n": 1}', "--decide", "ask=approve")
    assert done.code == 0, done.err
    folder = headgate.folder / "kept"
    run = headgate.newest()
    said = headgate("test", folder, "--save", run, "--name", "One more")
    assert said.code == 0, said.err
    assert sorted(each.name for each in folder.iterdir()) == [
        "one-more.run.jsonl",
        "one-more.test.json",
    ]
    return folder


def change(headgate: Terminal, expression: str) -> None:
    path = headgate.folder / "adds.flow.json"
    path.write_text(path.read_text().replace("input.n + 1", expression))


def test_a_kept_run_passes_until_the_workflow_does_something_else(
    headgate: Terminal, kept: Path
) -> None:
    (passed,) = headgate("test", kept, "--json").lines
    assert (passed["status"], passed["difference"]) == ("passed", None)
    change(headgate, "input.n + 2")
    said = headgate("test", kept, "--json")
    assert said.code == 1
    (failed,) = said.lines
    found = failed["difference"]
    assert (found["node"], found["then"], found["now"]) == ("add", {"n": 2}, {"n": 3})
    assert 'add.out was {"n": 2}, and is now {"n": 3}' in headgate("test", kept).out
    assert headgate("test", kept, "--profile", "path").code == 0
    assert headgate("test", kept, "--recorded").code == 0
    assert "changed, and not run here: add" in headgate("test", kept, "--recorded").out


def test_a_build_server_gets_its_report(headgate: Terminal, kept: Path) -> None:
    report = headgate.folder / "report.xml"
    assert headgate("test", kept, "--junit", report).code == 0
    assert ET.parse(report).getroot().attrib["failures"] == "0"
    change(headgate, "input.n + 2")
    assert headgate("test", kept, "--junit", report).code == 1
    suite = ET.parse(report).getroot()
    (failure,) = suite.iter("failure")
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "1")
    assert "add.out" in str(failure.text)


def test_what_cannot_be_tested_is_an_error_of_its_own(headgate: Terminal, kept: Path) -> None:
    change(headgate, "input.n +")
    said = headgate("test", kept, "--json")
    assert (said.code, said.lines[0]["status"]) == (4, "error")
    (headgate.folder / "adds.flow.json").unlink()
    assert headgate("test", kept).code == 3
    run_file = kept / "one-more.run.jsonl"
    run_file.write_text(run_file.read_text()[:-10])
    assert "was not imported: its end is missing" in headgate("test", kept).out


def test_a_folder_without_tests_is_no_success(headgate: Terminal, tmp_path: Path) -> None:
    assert headgate("test", tmp_path).code == 2
    assert headgate("test", tmp_path / "nowhere").code == 3
    assert headgate("test", tmp_path, "--profile", "some").code == 2


def test_a_run_without_its_file_is_kept_with_its_own_document(
    headgate: Terminal, kept: Path, tmp_path: Path
) -> None:
    del kept
    (headgate.folder / "adds.flow.json").unlink()
    folder = tmp_path / "alone"
    assert headgate("test", folder, "--save", headgate.newest(), "--name", "it").code == 0
    assert json.loads((folder / "it.test.json").read_text())["document"] == "it.flow.json"
    assert headgate("test", folder).code == 0


def test_what_a_test_ignores_is_kept_with_it(headgate: Terminal, kept: Path) -> None:
    ignored = ("--ignore", "node:add", "--ignore", "node:ask")
    run = headgate.newest()
    assert headgate("test", kept, "--save", run, "--name", "loose", *ignored).code == 0
    change(headgate, "input.n + 2")
    states = {each["test"]: each["status"] for each in headgate("test", kept, "--json").lines}
    assert states == {"one-more": "failed", "loose": "passed"}
