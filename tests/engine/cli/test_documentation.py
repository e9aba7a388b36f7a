"""What README.md and docs/cli.md say is what the program does."""

from __future__ import annotations

import json
import re

import pytest

from engine import events
from engine.cli.codes import ExitCode
from engine.cli.commands import COMMANDS
from tests.engine.cli.program import ASK, END, ROOT, START, Terminal

CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(command: str) -> str:
    return CLI.partition(f"### headgate {command}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section(name: str) -> None:
    assert section(name)
    assert f"`{name}`" in README


@pytest.mark.parametrize("code", [*ExitCode])
def test_every_exit_code_is_explained(code: ExitCode) -> None:
    # 141 is what a shell makes of a broken pipe; nobody gets to see it.
    assert re.search(rf"^\| {code.value} \||\b{code.value} when", CLI, re.MULTILINE) or code == 141


@pytest.mark.parametrize("name", [each.__name__ for each in events.AnyEvent.__args__])
def test_every_event_is_listed_with_its_fields(name: str) -> None:
    (row,) = [line for line in CLI.splitlines() if f"`{name}`" in line and line.startswith("| `")]
    listed = re.findall(r"`(\w+)`", row.split("|")[2])
    assert listed == list(getattr(events, name).__struct_fields__)


def test_every_field_of_the_json_is_in_the_section_of_its_command(headgate: Terminal) -> None:
    path = headgate.write(
        "all",
        {"start": START, "ask": ASK, "end": END, "lost": {"type": "set"}},
        "start ask",
        "ask.approved end",
    )
    headgate("run", path, "--input", '{"n": 1}')
    said = {"inbox": headgate("inbox", "--json"), "validate": headgate("validate", path, "--json")}
    said["decide"] = headgate("decide", headgate.request(), "approve", "--json")
    said["show"] = headgate("show", headgate.newest(), "--json")
    headgate("resume", headgate.newest())
    for name in ("runs", "examples", "node-types", "doctor"):
        said[name] = headgate(name, "--json")
    for name in ("history", "replay"):
        said[name] = headgate(name, headgate.newest(), "--json")
    executions = headgate("history", "--json")
    said["run-node"] = headgate("run-node", path, "end", "--input", "1", "--json")
    said["prune"] = headgate("prune", headgate.newest(), "--keep", "1", "--json")
    cached = {**END, "type": "set", "params": {}, "cache": {}}
    headgate("run", headgate.write("c", {"start": START, "a": cached}, "start a"))
    said["cache"] = headgate("cache", "--json")
    said["audit"] = headgate("audit", "verify", "--json")
    missing = {
        f"{name}: {field}"
        for name, printed in [*said.items(), ("history", executions)]
        for line in printed.lines
        for field in line
        if f"`{field}`" not in section(name)
    }
    assert all(printed.lines for printed in said.values())
    assert missing == set()


def test_the_readme_links_to_what_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link and not link.startswith("docs/images/")]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_the_shapes_that_scripts_rely_on_do_not_change(headgate: Terminal) -> None:
    path = headgate.write("two", {"start": START, "end": END}, "start end")
    said = headgate("run", path, "--input", "7", "--json")
    started = {"event", "run", "seq", "at", "input", "revision", "workflow"}
    assert started <= set(said.lines[0])
    finished = json.loads(said.out.splitlines()[-1])
    assert {key: finished[key] for key in ("event", "result")} == {
        "event": "RunFinished",
        "result": 7,
    }
