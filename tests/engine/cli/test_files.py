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


def test_the_faults_of_a_drawing_are_found_in_one_go_each_with_node_reason_and_fix(
    headgate: Terminal,
) -> None:
    """U12; what can never fill, end, agree, run or happen twice is said before anything runs."""
    case = [{"name": "a", "when": "input > 1"}, {"name": "b", "when": "input > 2"}]
    step = {"type": "template", "params": {"text": "x"}}
    quiet = {"type": "join", "joins": {"in": {"mode": "no_more"}}}
    nodes: dict[str, object] = {
        "start": START,
        "end": END,
        "way": {"type": "switch", "params": {"cases": case}},
        "x": step,
        "y": step,
        "j": {"type": "join", "joins": {"in": {"mode": "all"}}},
        "l": step,
        "k": step,
        "bare": {"type": "switch", "params": {"cases": case[:1], "otherwise": False}},
        "n1": quiet,
        "n2": quiet,
        "back": {"type": "switch", "params": {"cases": case}},
        "p": {**step, "writes": {"c": {"expr": "1"}}},
        "q": {**step, "writes": {"c": {"expr": "2"}}},
        "alone": step,
        "pay": {"type": "shell.command", "params": {"command": ["true"]}, "retry": {"attempts": 3}},
    }
    wires = [
        "start way", "way.a x", "way.b y", "way.else end", "x j", "y j", "j end",
        "start l", "l k", "k l", "start bare", "bare.a end", "start n1", "start n2", "n1 n2",
        "n2 back", "back.a n1", "back.b end", "back.else end", "start p", "start q", "p end",
        "q end", "start pay", "pay end",
    ]  # fmt: skip
    channels = {"c": {"type": "number", "reducer": "replace"}}
    path = headgate.write("faulty", nodes, *wires, channels=channels)
    said = headgate("validate", path, "--json")
    assert said.code == 4
    found = {line["rule"][:4]: line for line in said.lines}
    faults = {"E017": "j", "E016": "k", "E042": "bare", "E040": "n1", "W103": "p",
              "W101": "alone", "W105": "pay"}  # fmt: skip
    assert {rule: found[rule]["node"] for rule in faults} == faults
    assert all(found[rule]["message"] and found[rule]["fix"] for rule in faults)


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
