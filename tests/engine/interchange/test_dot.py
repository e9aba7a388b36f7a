from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from engine.interchange.dot import to_dot
from engine.nodes.builtin import builtin_registry
from tests.engine.interchange.drawings import TITLES, awkward

STRING = r'"((?:[^"\\]|\\.)*)"'


def text() -> str:
    return to_dot(awkward(), builtin_registry())


def unquoted(string: str) -> str:
    return re.sub(r"\\(.)", lambda code: "\n" if code[1] == "n" else code[1], string)


def test_every_node_is_there_with_its_title() -> None:
    found = re.findall(rf"^ +{STRING} \[label={STRING}", text(), re.MULTILINE)
    labels = {unquoted(key): unquoted(label) for key, label in found}
    shown = {key: title.replace("&", "&amp;") for key, title in TITLES.items()}
    assert labels == {**shown, "ask": "ask", "each": "each", "body": "body", "all": "all"}


def test_edges_say_their_port_and_their_condition() -> None:
    assert '"end" -> "class" [label="if input.a == \\"b|c\\""];' in text()
    assert '"ask" -> "each" [label="rejected"];' in text()
    assert "nowhere" not in text()


def test_a_zone_is_a_cluster_around_its_nodes() -> None:
    block = text().partition('  subgraph "cluster_each" {\n')[2].partition("\n  }")[0]
    assert re.findall(rf"^ +{STRING} \[", block, re.MULTILINE) == ["each", "body", "all"]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it() -> None:
    command = ["dot", "-Tdot_json"]
    done = subprocess.run(command, input=text(), capture_output=True, text=True, check=True)
    drawn = json.loads(done.stdout)
    assert done.stderr == ""
    assert len([each for each in drawn["objects"] if "nodes" not in each]) == len(awkward().nodes)
