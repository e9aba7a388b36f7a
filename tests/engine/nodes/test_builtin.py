"""What is true of every built-in node type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.model.node_types import NodeType
from engine.nodes.builtin import BUILTIN, builtin_registry
from engine.nodes.fields import in_words, seconds_of, shown

ROOT = Path(__file__).parents[3]
WIDGETS = {
    "code",
    "multiline",
    "expression",
    "path",
    "url",
    "secret",
    "table",
    "select",
    "duration",
    "frame",
}
EVERY = pytest.mark.parametrize("node_type", BUILTIN, ids=lambda each: each.id)
WRONG: tuple[Any, ...] = (None, 0, "", [], {}, {"expr": "input"}, [None], [{}], "x" * 500)


def test_all_types_are_registered() -> None:
    ids = {each.id for each in builtin_registry()}
    assert ids == {
        "trigger.manual", "trigger.schedule", "trigger.file", "trigger.webhook", "trigger.event",
        "set", "score", "template", "switch", "join", "for_each", "collect", "barrier",
        "loop", "until",
        "wait", "http.request", "shell.command", "python.code", "file.read", "file.write",
        "sql.query", "end", "listen", "emit",
        "workflow.call", "workflow.result", "state_machine",
        "add_items", "file.lines", "listen.stream", "frame.error", "frame.cancel",
    }  # fmt: skip


@EVERY
def test_every_field_is_explained_in_the_form(node_type: NodeType) -> None:
    schema = node_type.params.model_json_schema()
    for name, field in schema["properties"].items():
        assert field.get("title"), name
        assert field.get("widget", "select") in WIDGETS, name
        words = field["title"] + field.get("description", "")
        assert words[0].isupper() or words[0].isdigit() or words.startswith("HTTP"), name


@EVERY
def test_the_palette_finds_and_draws_it(node_type: NodeType) -> None:
    assert node_type.title and node_type.keywords
    assert node_type.description.endswith(".")
    assert (ROOT / "resources" / "icons" / f"{node_type.icon}.svg").is_file()
    assert (ROOT / "resources" / "icons" / f"category-{node_type.category}.svg").is_file()


@EVERY
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_incomplete_or_wrong_parameters_still_draw(node_type: NodeType, value: object) -> None:
    params = dict.fromkeys(node_type.params.model_fields, value)
    for each in ({}, params):
        assert isinstance(node_type.summary(each), str)
        node_type.ports(each)
        assert node_type.effects(each) in {"none", "idempotent", "once"}
        assert set(node_type.capabilities(each)) <= {"network", "files", "process", "secrets"}


@EVERY
def test_unknown_parameters_are_refused(node_type: NodeType) -> None:
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        node_type.params.model_validate({"no_such_field": 1})


@EVERY
def test_parameters_named_in_templates_and_raw_exist(node_type: NodeType) -> None:
    assert node_type.templates | node_type.raw <= set(node_type.params.model_fields)


def test_importing_the_types_imports_no_heavy_library() -> None:
    script = (
        "import sys, engine.nodes.builtin; "
        "print(*sorted({'httpx', 'jinja2', 'sqlalchemy', 'keyring'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("node", "params", "effects"),
    [
        ("http.request", {}, "idempotent"),
        ("http.request", {"method": "DELETE"}, "idempotent"),
        ("http.request", {"method": "POST"}, "once"),
        ("http.request", {"method": {"expr": "vars.method"}}, "once"),
        ("sql.query", {"query": "-- all\nSELECT 1"}, "idempotent"),
        ("sql.query", {"query": "with a as (select 1) select * from a"}, "idempotent"),
        ("sql.query", {"query": "WITH a AS (DELETE FROM t RETURNING 1) SELECT 1"}, "once"),
        ("sql.query", {"query": "select 'insert into'"}, "idempotent"),
        ("sql.query", {"query": "INSERT INTO t VALUES (1)"}, "once"),
        ("sql.query", {"query": "SELECT * INTO copy FROM t"}, "once"),
        ("file.write", {}, "idempotent"),
        ("file.write", {"mode": "append"}, "once"),
        ("file.read", {}, "none"),
        ("shell.command", {}, "once"),
        ("python.code", {}, "idempotent"),
        ("set", {}, "none"),
        ("barrier", {}, "none"),
    ],
)
def test_effects_follow_from_the_parameters(node: str, params: Any, effects: str) -> None:
    assert builtin_registry().require(node).effects(params) == effects


@pytest.mark.parametrize(
    ("node", "params", "summary"),
    [
        ("http.request", {"url": "https://api.example.com/x?key=1"}, "GET api.example.com/x"),
        ("http.request", {"method": "POST", "url": {"expr": "vars.url"}}, "POST vars.url"),
        ("shell.command", {"command": ["git", "log", "a b"]}, "git log 'a b'"),
        ("set", {"fields": {"a": 1, "b": 2}}, "a, b"),
        ("switch", {"cases": [{"name": "big", "when": "input > 1"}]}, "big, else"),
        ("wait", {"duration_s": "90 min"}, "1 h 30 min"),
        ("wait", {"until": {"expr": "state.due"}}, "until state.due"),
        ("barrier", {"title": "Pay?", "timeout_s": 3600}, "Pay? (1 h, then reject)"),
        ("python.code", {"code": "import os\n# Count the files\nx = 1"}, "Count the files"),
        ("sql.query", {"query": "SELECT  *\nFROM t -- all"}, "SELECT * FROM t"),
        ("file.write", {"path": "a.csv", "mode": "append"}, "a.csv (append)"),
        ("listen", {"event": "paid", "match": "event.id == input"}, "paid, if event.id == input"),
        ("listen", {"event": "paid", "timeout_s": "2 h"}, "paid (2 h)"),
        ("emit", {"event": "paid", "run_id": {"expr": "input.run"}}, "paid to input.run"),
        ("workflow.call", {"path": "parts/sum.flow.json"}, "sum.flow.json"),
        ("workflow.call", {"document": {"name": "Sum"}, "mode": "async"}, "Sum, goes on at once"),
        ("for_each", {}, "input, 8 at once"),
        ("trigger.schedule", {}, "Mon-Fri 09:00"),
        ("trigger.schedule", {"cron": "@daily", "timezone": "UTC"}, "daily 00:00 UTC"),
        ("trigger.schedule", {"cron": "*/5 * * * *"}, "*/5 * * * *"),
        ("trigger.schedule", {"every_s": "15 min"}, "every 15 min"),
        ("trigger.file", {"folder": "inbox/", "pattern": "*.csv"}, "inbox/*.csv"),
        ("trigger.webhook", {"path": "/orders"}, "POST /orders"),
        ("trigger.event", {"event": "paid", "match": "event.n > 1"}, "paid, if event.n > 1"),
        ("end", {"final": True}, "ends the run"),
    ],
)
def test_the_canvas_shows_what_matters(node: str, params: Any, summary: str) -> None:
    assert builtin_registry().require(node).summary(params) == summary


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5 h", 5400), ("1h 30m", 5400), ("2 days", 172_800), ("PT5M", 300),
     ("P1DT2H", 93_600), (7, 7), (None, None)],
)  # fmt: skip
def test_durations_are_read_as_people_write_them(text: object, seconds: object) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1 parsec", "h", "1h x", "P1M", "-5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|fixed length"):
        seconds_of(text)


def test_durations_are_told_in_two_units() -> None:
    assert [in_words(s) for s in (0.25, 59, 3600, 93_784)] == ["250 ms", "59 s", "1 h", "1 d 2 h"]


def test_long_parameters_are_shortened() -> None:
    assert shown("a\n  b") == "a b"
    assert shown("x" * 100) == "x" * 59 + "…"
