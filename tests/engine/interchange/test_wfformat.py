from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import UnreadableFile, UnsupportedVersion
from engine.interchange.wfformat import load_wfformat, read_wfformat
from engine.model.diagnostics import Severity
from engine.model.validation import validate
from engine.model.workflow import Workflow
from engine.nodes.builtin import builtin_registry

Json = Any


def task(name: str, parents: str = "", children: str = "", **more: Json) -> dict[str, Json]:
    return {
        "id": name,
        "name": name,
        "parents": parents.split(),
        "children": children.split(),
        **more,
    }


def trace(*tasks: dict[str, Json], seconds: dict[str, float] | None = None, **more: Json) -> bytes:
    ran = [
        {"id": name, "runtimeInSeconds": took, "command": {"program": "cc", "arguments": ["-c"]}}
        for name, took in (seconds or {}).items()
    ]
    whole: dict[str, Json] = {
        "name": "Trace",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {"tasks": list(tasks), "files": [{"id": "f", "sizeInBytes": 9}]},
            "execution": {"makespanInSeconds": 7, "executedAt": "", "tasks": ran},
        },
        **more,
    }
    return json.dumps(whole).encode()


def edges(workflow: Workflow) -> set[tuple[str, str]]:
    return {(edge.source.node, edge.target.node) for edge in workflow.edges}


def test_every_task_is_a_node_that_runs_a_process_as_long_as_it_took() -> None:
    data = trace(task("a", "", "b"), task("b", "a"), seconds={"a": 0.5, "b": 2})
    workflow = read_wfformat(data)
    commands = {key: node.params["command"] for key, node in workflow.nodes.items()}
    assert commands == {"a": ["sleep", "0.500"], "b": ["sleep", "2.000"]}
    assert edges(workflow) == {("a", "b")}


def test_of_parents_and_children_either_one_makes_an_edge() -> None:
    data = trace(task("a", "", "b"), task("b"), task("c", "a b"))
    assert edges(read_wfformat(data)) == {("a", "b"), ("a", "c"), ("b", "c")}


def test_what_the_trace_says_of_a_task_is_kept() -> None:
    data = trace(task("a", inputFiles=["f"], outputFiles=["g", "h"]), seconds={"a": 1})
    (node,) = read_wfformat(data).nodes.values()
    assert node.title == "a (1 in, 2 out)"
    assert node.extra["wfformat"]["inputFiles"] == [{"id": "f", "sizeInBytes": 9}]
    assert node.extra["wfformat"]["program"] == "cc"


def test_without_a_scale_a_long_trace_becomes_a_short_run() -> None:
    chain = [task(f"t{n}", f"t{n - 1}" if n else "") for n in range(10)]
    workflow = read_wfformat(trace(*chain, seconds={f"t{n}": 100 for n in range(10)}))
    total = sum(float(node.params["command"][1]) for node in workflow.nodes.values())
    assert 19 <= total <= 21


def test_a_scale_is_taken_as_it_is() -> None:
    workflow = read_wfformat(trace(task("a"), seconds={"a": 100}), scale=0.01)
    assert workflow.nodes["a"].params["command"] == ["sleep", "1.000"]
    assert "times 0.01" in workflow.settings.description


def test_ids_that_are_no_keys_become_different_keys() -> None:
    ids = ["A.B.C", "A_B_C", "x" * 80 + ".1", "x" * 80 + ".2", "ü", "--"]
    workflow = read_wfformat(trace(*[task(name) for name in ids]))
    assert len(workflow.nodes) == len(ids)
    assert {node.extra["wfformat"]["id"] for node in workflow.nodes.values()} == set(ids)
    assert _errors(workflow) == []


def test_the_same_trace_makes_the_same_document() -> None:
    data = trace(task("a", "", "b"), task("b"))
    assert read_wfformat(data) == read_wfformat(data)


def test_a_thousand_tasks_can_run_and_are_laid_out() -> None:
    wide = [task(f"w{n}", "root", "last") for n in range(1000)]
    workflow = read_wfformat(trace(task("root"), *wide, task("last")))
    places = {(place.x, place.y) for place in workflow.view.positions.values()}
    assert _errors(workflow) == []
    assert len(places) == len(workflow.nodes) == 1002


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "it has no schemaVersion"),
        (b'{"schemaVersion": "1.5"}', "missing required field `name`"),
        (trace(), "has no tasks"),
        (trace(task("a"), task("a")), "the task a is there twice"),
        (trace(task("a", "b")), "a names a task b that is not there"),
        (trace(task("a", "", "b")), "a names a task b that is not there"),
        (trace(task("a", "b"), task("b", "a")), "is a circle"),
        (trace(task("a", "a")), "is a circle"),
        (trace(task("a"), seconds={"b": 1}), "a run time of b, but no such task"),
        (trace(task("a"), seconds={"a": -1}), "a took -1"),
        (trace({"id": 5}), "$.workflow.specification.tasks[0].id"),
    ],
)
def test_a_broken_trace_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_wfformat(data, source="trace.json")
    assert reason in str(caught.value)
    assert str(caught.value).startswith("trace.json ")


@pytest.mark.parametrize("version", ["1.4", "1.6", ""])
def test_another_version_is_refused_by_name(version: str) -> None:
    with pytest.raises(UnsupportedVersion, match=rf"WfFormat {version}.* only 1\.5"):
        read_wfformat(trace(task("a"), schemaVersion=version))


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UnreadableFile, match="There is no file none"):
        load_wfformat("none.json")


def _errors(workflow: Workflow) -> list[str]:
    found = validate(workflow, builtin_registry())
    return [each.message for each in found if each.severity is Severity.ERROR]
