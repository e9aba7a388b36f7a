from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.model import codec
from tests.engine.cli.program import END, START, Terminal

TRACE = {
    "name": "Two",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "a", "name": "a", "parents": [], "children": ["b"]},
                {"id": "b", "name": "b", "parents": ["a"], "children": []},
            ]
        }
    },
}


def test_all_problems_are_listed_at_once(headgate: Terminal) -> None:
    nodes: dict[str, object] = {"start": START, "x": {"type": "no.such"}}
    nodes["y"] = {"type": "set", "params": {"fields": {"a": {"expr": "1 +"}}}}
    path = headgate.write("bad", nodes, "start x", "x.out y")
    said = headgate("validate", path, "--json")
    assert said.code == 4
    assert {"rule", "severity", "node", "message", "fix"} <= set(said.lines[0])
    wrong = {(line["node"], line["rule"]) for line in said.lines if line["severity"] == "error"}
    assert {("x", "E002-unknown-type"), ("y", "E005-expression")} <= wrong


def test_what_is_no_document_is_told_place_by_place(headgate: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "x.flow.json"
    path.write_text('{"format": 1, "id": "x", "nodes": {"a": {"type": 5}}, "edges": {}}')
    said = headgate("validate", path, "--json")
    assert said.code == 4
    assert {line["rule"] for line in said.lines} == {"E000-document"}
    assert {(line["node"], line["field"]) for line in said.lines} == {("a", "type"), ("", "edges")}
    assert headgate("run", path).code == 4


def test_a_workflow_without_errors_is_exit_code_0(headgate: Terminal) -> None:
    path = headgate.write("good", {"start": START, "end": END}, "start end")
    said = headgate("validate", path)
    assert (said.code, said.out) == (0, "good (2 nodes, 1 edge): It can run.\n")
    assert headgate("validate", "invoice-approval").code == 0
    assert headgate("validate", path.with_name("none.flow.json")).code == 3


@pytest.mark.parametrize(("form", "begin"), [("mermaid", "---\ntitle:"), ("dot", "digraph")])
def test_a_workflow_is_exported(headgate: Terminal, form: str, begin: str) -> None:
    path = headgate.write("good", {"start": START, "end": END}, "start end")
    said = headgate("export", path, "--to", form)
    assert (said.code, said.out[: len(begin)]) == (0, begin)
    headgate("export", path, "--to", form, "-o", headgate.folder / "out")
    assert (headgate.folder / "out").read_text() == said.out


def test_a_trace_is_imported_beside_it_and_never_over_something(headgate: Terminal) -> None:
    trace = headgate.folder / "two.json"
    trace.write_text(json.dumps(TRACE))
    (said,) = headgate("import", trace, "--json").lines
    assert said == {
        "file": f"{trace.with_suffix('')}.flow.json",
        "name": "Two",
        "nodes": 2,
        "edges": 1,
    }
    assert list(codec.load_file(said["file"]).nodes) == ["a", "b"]
    assert headgate("import", trace).code == 2
    assert headgate("import", trace, "--force", "--scale", "0").code == 0


def test_what_is_no_trace_is_exit_code_3(headgate: Terminal, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schemaVersion": "1.4"}')
    said = headgate("import", tmp_path / "x.json")
    assert said.code == 3
    assert "only 1.5 can be imported" in said.err
    assert not (tmp_path / "x.flow.json").exists()


def test_the_engine_alone_draws_no_pictures(headgate: Terminal) -> None:
    said = headgate("export", "invoice-approval", "--to", "png")
    assert said.code == 2
    assert "drawn by the designer" in said.err
