from __future__ import annotations

import sqlite3

from engine.nodes.builtin import BUILTIN
from tests.engine.cli.program import Terminal


def test_the_examples_are_listed(headgate: Terminal) -> None:
    lines = headgate("examples", "--json").lines
    names = [line["name"] for line in lines]
    assert names == ["invoice-approval", "scientific-workflow", "service-health"]
    assert all(line["path"].endswith(f"{line['name']}.flow.json") for line in lines)
    assert "Invoice approval" in headgate("examples").out


def test_every_node_type_is_listed_with_its_schema(headgate: Terminal) -> None:
    lines = headgate("node-types", "--json").lines
    assert [line["type"] for line in lines] == [each.id for each in BUILTIN]
    (shell,) = [line for line in lines if line["type"] == "shell.command"]
    assert (shell["effects"], shell["capabilities"]) == ("once", ["process"])
    assert "command" in shell["params"]["properties"]
    assert "shell.command" in headgate("node-types").out


def test_doctor_looks_at_the_store_without_making_it(headgate: Terminal) -> None:
    found = {line["name"]: line for line in headgate("doctor", "--json").lines}
    assert found["store"]["state"] == "ok"
    assert "not made yet" in found["store"]["text"]
    assert not (headgate.folder / "runs.sqlite").exists()
    assert {"python", "platform", "packages", "sqlite", "keychain", "window"} <= set(found)


def test_doctor_finds_a_damaged_store(headgate: Terminal) -> None:
    headgate("runs")
    file = headgate.folder / "runs.sqlite"
    assert "intact" in headgate("doctor").out
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA writable_schema = 1")
        database.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'runs'")
    database.close()
    said = headgate("doctor", "--json")
    assert said.code == 3
    assert [line["name"] for line in said.lines if line["state"] == "bad"] == ["store"]
