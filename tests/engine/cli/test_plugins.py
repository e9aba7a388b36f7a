"""A package that is installed brings its node types to every program (U21)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.engine.cli.program import END, ROOT, START, Terminal, finished, start

NODES = """
from engine.flow import node

@node("shout.loud", title="Shout")
def loud(input: str, marks: int = 1) -> str:
    \"\"\"Say it louder.\"\"\"
    return input.upper() + "!" * marks
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """A folder with two installed packages, of which one is broken; the environment to see it."""
    site = tmp_path / "site"
    for name, source in (("shouting", NODES), ("breaking", "import nothing_of_the_kind")):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[headgate.nodes]\n{name} = {name}\n", encoding="utf-8"
        )
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), str(ROOT), before]))}


def test_its_types_are_listed_and_a_broken_one_stops_nothing(installed: dict[str, str]) -> None:
    said = finished(start("node-types", "--json", env=installed))
    assert said.code == 0, said.err
    (found,) = [line for line in said.lines if line["type"] == "shout.loud"]
    assert (found["title"], found["description"]) == ("Shout", "Say it louder.")
    assert found["params"]["properties"]["marks"]["type"] == "integer"


def test_doctor_says_which_one_is_broken(installed: dict[str, str], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    said = finished(start("doctor", "--json", "--store", store, env=installed))
    (found,) = [line for line in said.lines if line["name"] == "plug-ins"]
    assert found["state"] == "bad"
    assert "breaking" in found["text"] and "nothing_of_the_kind" in found["text"]


def test_a_workflow_with_its_type_runs(headgate: Terminal, installed: dict[str, str]) -> None:
    nodes = {"start": START, "it": {"type": "shout.loud", "params": {"marks": 3}}, "end": END}
    path = headgate.write("shouting", nodes, "start it", "it end")
    words = ("run", path, "--input", '"hey"', "--json", "--store", headgate.store)
    said = finished(start(*words, env=installed))
    assert json.loads(said.out.splitlines()[-1])["result"] == "HEY!!!"
