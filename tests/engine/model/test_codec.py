from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import typing
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import StoreError, UnreadableFile, UnsupportedVersion
from engine.model import shape
from engine.model.codec import (
    BrokenDocument,
    dumps,
    edge_from_json,
    edge_to_json,
    load_file,
    loads,
    node_from_json,
    node_to_json,
    save_file,
    workflow_from_json,
    workflow_to_json,
)
from engine.model.migrations.chain import FORMAT, Step, upgrade
from engine.model.workflow import Channel, JoinPolicy, Node, Position, View, Workflow, Write
from tests.engine.model.documents import JSON, workflows

few = settings(max_examples=25)

SMALL = Workflow(id="1", name="Small", nodes={"a": Node(key="a", type="step")})


def problems_of(text: str) -> dict[str, str]:
    with pytest.raises(BrokenDocument) as caught:
        loads(text.encode())
    return dict(caught.value.problems)


def outcome(text: bytes) -> tuple[Workflow | None, str]:
    try:
        return loads(text), "Read."
    except UnreadableFile as error:
        return None, str(error)


# --- round trips --------------------------------------------------------------------------


@given(workflows())
def test_document_survives_a_round_trip_through_text(workflow: Workflow) -> None:
    text = dumps(workflow)
    again = loads(text)
    assert again == workflow
    assert list(again.nodes) == list(workflow.nodes)
    assert dumps(again) == text
    assert workflow_from_json(workflow_to_json(workflow)) == workflow


@few
@given(workflows(), st.randoms(use_true_random=False))
def test_text_does_not_depend_on_the_order_of_keys_and_edges(
    workflow: Workflow, random: Random
) -> None:
    """T33."""

    def shuffled(items: Iterable[Any]) -> list[Any]:
        found = list(items)
        random.shuffle(found)
        return found

    other = replace(
        workflow,
        nodes=dict(shuffled(workflow.nodes.items())),
        edges=tuple(shuffled(workflow.edges)),
        channels=dict(shuffled(workflow.channels.items())),
    )
    assert dumps(other) == dumps(workflow)


@few
@given(workflows())
def test_text_is_what_the_standard_library_writes_with_sorted_keys(workflow: Workflow) -> None:
    text = dumps(replace(workflow, extra={})).decode()
    standard = json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert json.loads(text) == json.loads(standard)
    assert text.count("\n") == standard.count("\n")


def test_view_is_last_behind_unknown_fields() -> None:
    workflow = replace(
        SMALL, view=View(positions={"a": Position(1.0, 2.5)}), extra={"zebra": 1, "aunt": 2}
    )
    assert list(json.loads(dumps(workflow))) == [
        "aunt", "edges", "format", "id", "name", "nodes", "zebra", "view",
    ]  # fmt: skip


def test_small_document_looks_as_documented() -> None:
    assert dumps(replace(SMALL, view=View(positions={"a": Position(8.0, 0.0)}))).decode() == (
        '{\n  "edges": [],\n  "format": 1,\n  "id": "1",\n  "name": "Small",\n  "nodes": {\n'
        '    "a": {\n      "type": "step"\n    }\n  },\n  "view": {\n    "nodes": {\n'
        '      "a": {\n        "x": 8,\n        "y": 0\n      }\n    }\n  }\n}\n'
    )


@given(st.text(st.characters(codec="utf-8")), JSON)
def test_unknown_fields_are_kept_at_every_level(name: str, value: object) -> None:
    extra = {f"x_{name}": value}
    node: dict[str, Any] = {
        "type": "t",
        "retry": extra,
        "joins": {"in": extra},
        "writes": {"c": {"expr": "1"}},
    }
    node["writes"]["c"] |= extra
    document: dict[str, Any] = {
        "format": 1,
        "id": "1",
        "name": "",
        "settings": {"limits": extra} | extra,
        "channels": {"c": extra},
        "nodes": {"a": node | extra},
        "edges": [{"from": "a.out", "to": "a.in"} | extra],
        "view": {"nodes": {"a": {"x": 1, "y": 2} | extra}, "notes": [{"id": "n"} | extra]},
    } | extra
    text = json.dumps(document)
    assert json.loads(dumps(loads(text.encode()))) == json.loads(text)


def test_fields_with_their_default_are_left_out() -> None:
    node = Node(key="a", type="step", joins={"in": JoinPolicy()}, writes={"c": Write(expr="1")})
    assert node_to_json(node) == {
        "type": "step",
        "joins": {"in": {}},
        "writes": {"c": {"expr": "1"}},
    }


@few
@given(workflows())
def test_nodes_and_edges_survive_alone(workflow: Workflow) -> None:
    for key, node in workflow.nodes.items():
        assert node_from_json(key, node_to_json(node)) == node
    for edge in workflow.edges:
        assert edge_from_json(edge_to_json(edge)) == edge


def test_tables_name_every_field_and_choice_of_the_model() -> None:
    for table in vars(shape).values():
        if isinstance(table, shape.Table):
            hints = typing.get_type_hints(table.cls)
            named = {field.attribute for field in table.fields}
            assert set(hints) - named <= {"extra", "key", "name"}
            for field in table.fields:
                choices = typing.get_args(hints[field.attribute])
                if choices and all(isinstance(choice, str) for choice in choices):
                    for choice in choices:
                        assert field.read(choice, "", []) == choice


# --- broken text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"format": 1,\n  "id" 1}', "line 2, column 8"),
        (b'{"format": 1, "nodes": {', "ends too early"),
        (b'{"format": 1, "name": "cut of', "ends too early"),
        (b'{"format": 1, "name": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"format": ' + b"1" * 5000 + b"}", "too many digits"),
        (b"{'format': 1}", "not valid JSON at line 1, column 2"),
    ],
)
def test_unreadable_text_is_explained_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said) as caught:
        loads(text, source="x.flow.json")
    assert str(caught.value).startswith("x.flow.json ")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[]", "", "must be an object, not a list"),
        ("{}", "format", "is missing"),
        ('{"format": "1"}', "format", "must be a number from 1 on"),
        ('{"format": 1, "id": "1", "nodes": {"a": {}}}', "nodes.a.type", "is missing"),
        ('{"format": 1, "id": "1", "nodes": []}', "nodes", "must be an object, not a list"),
        ('{"format": 1, "id": "1", "edges": [1]}', "edges[0]", "must be an object"),
        ('{"format": 1, "x": NaN}', "x", "is not a finite number"),
        ('{"format": 1, "x": [1, -Infinity]}', "x[1]", "is not a finite number"),
        ('{"format": 1, "x": 1e999}', "x", "is not a finite number"),
        ('{"format": 1, "x": 18446744073709551616}', "x", "is a number of more than 64 bits"),
        ('{"format": 1, "x": {"y": 1, "y": 1}}', "x", 'has the key "y" twice'),
        ('{"format": 1, "x": "\\ud800"}', "x", "has half a character"),
        ('{"format": 1, "x": ' + "[" * 101 + "]" * 101 + "}", "x" + "[0]" * 99, "is nested"),
    ],
)
def test_bad_value_is_refused_with_its_place(text: str, place: str, said: str) -> None:
    assert said in problems_of(text)[place]


def test_all_shape_problems_are_reported_at_once() -> None:
    """T56."""
    found = problems_of(
        '{"format": 1, "id": 7, "nodes": {"a": {"type": "t", "version": 1.5, "retry": {'
        '"attempts": true, "on": ["x", 1]}, "on_error": "explode", "timeout_s": "1"}},'
        '"edges": [{"from": "a.out", "to": "b"}, {}], "settings": {"commit": "late"}}'
    )
    assert found == {
        "id": "must be a text, not a number",
        "settings.commit": 'must be eager or strict, not "late"',
        "nodes.a.version": "must be a whole number, not 1.5",
        "nodes.a.retry.attempts": "must be a whole number, not true or false",
        "nodes.a.retry.on[1]": "must be a text, not a number",
        "nodes.a.timeout_s": "must be a number, not a text",
        "nodes.a.on_error": (
            'must be fail, continue, error_port, fallback_edge or ignore, not "explode"'
        ),
        "edges[0].to": 'must be of the form node.port, not "b"',
        "edges[1].from": "is missing",
        "edges[1].to": "is missing",
    }


def test_duplicate_node_key_is_refused() -> None:
    """T57: a second node of the same name is an error, never a silent replacement."""
    text = '{"format": 1, "id": "1", "nodes": {"a": {"type": "t"}, "a": {"type": "u"}}}'
    assert problems_of(text) == {"nodes": 'has the key "a" twice'}


@given(JSON)
def test_any_json_is_read_or_refused_in_a_sentence(value: object) -> None:
    """T108."""
    for candidate in (value, {"format": 1, "id": "1", "nodes": value, "view": value}):
        workflow, sentence = outcome(json.dumps(candidate).encode())
        assert sentence.endswith(".")
        assert workflow is None or loads(dumps(workflow)) == workflow


@few
@given(workflows(), st.data())
def test_damaged_text_never_gives_another_error(workflow: Workflow, data: st.DataObject) -> None:
    text = bytearray(dumps(workflow))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert outcome(bytes(text))[1].endswith(".")


def test_text_with_a_byte_order_mark_is_read() -> None:
    assert loads(b"\xef\xbb\xbf" + dumps(SMALL)) == SMALL


@pytest.mark.parametrize("value", [float("nan"), 2**64, {1: 2}, {"a": object()}, "\ud800", {1}])
def test_value_that_json_cannot_hold_is_not_written(value: object) -> None:
    workflow = replace(SMALL, channels={"c": Channel(name="c", default=value)})
    with pytest.raises(BrokenDocument, match=r"channels\.c\.default"):
        dumps(workflow)


# --- versions -----------------------------------------------------------------------------


def test_newer_format_is_refused() -> None:
    with pytest.raises(UnsupportedVersion, match="format 2, written by a newer release"):
        loads(b'{"format": 2, "nodes": "who knows"}')


def test_newer_file_is_never_saved_over(tmp_path: Path) -> None:
    file = tmp_path / "x.flow.json"
    file.write_text(newer := json.dumps({"format": FORMAT + 1, "id": "1"}))
    with pytest.raises(UnsupportedVersion, match="left as it is"):
        save_file(file, SMALL)
    assert [path.read_text() for path in tmp_path.iterdir()] == [newer]


def test_upgrade_takes_every_step_in_order() -> None:
    steps: dict[int, Step] = {
        1: lambda old: {**old, "tasks": old["nodes"], "seen": [old["format"]]},
        2: lambda old: {**old, "seen": [*old["seen"], old["format"]]},
    }
    old = {"format": 1, "nodes": {"a": 1}}
    assert upgrade(old, 1, steps=steps, to=3) == {
        "format": 3,
        "nodes": {"a": 1},
        "tasks": {"a": 1},
        "seen": [1, 2],
    }
    assert old == {"format": 1, "nodes": {"a": 1}}


# --- files --------------------------------------------------------------------------------


def test_saved_file_is_loaded_again_and_the_old_one_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.flow.json"
    save_file(file, SMALL)
    save_file(file, replace(SMALL, name="Changed"))
    assert load_file(file).name == "Changed"
    assert load_file(tmp_path / "x.flow.json.bak") == SMALL
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_the_same_again_keeps_the_backup(tmp_path: Path) -> None:
    file = tmp_path / "x.flow.json"
    for name in ("first", "second", "second"):
        save_file(file, replace(SMALL, name=name))
    assert load_file(tmp_path / "x.flow.json.bak").name == "first"


def test_saving_keeps_links_and_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.flow.json", tmp_path / "link.flow.json"
    save_file(real, SMALL)
    real.chmod(0o640)
    link.symlink_to(real)
    save_file(link, replace(SMALL, name="Changed"))
    assert link.is_symlink()
    assert load_file(real).name == "Changed"
    assert real.stat().st_mode & 0o777 == 0o640


def test_large_file_is_refused_by_its_size_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.flow.json"
    with file.open("wb") as stream:
        stream.truncate(300_000_000_000)  # sparse: reading it would take the memory
    with pytest.raises(UnreadableFile, match=r"300000\.0 MB, more than the 20 MB"):
        load_file(file)


def test_document_too_large_to_open_again_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Not saved"):
        save_file(tmp_path / "x.flow.json", SMALL, limit=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.flow.json", "There is no file"),
        ("", "is a folder"),
        ("bad\0name", "cannot be read"),
        ("file/below", "cannot be read: its folder does not exist"),
        ("pipe", "a device or a pipe"),
    ],
)
def test_unreadable_path_is_explained(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile, match=said):
        load_file(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/x.json", "its folder does not exist"),
        ("file/x.json", "its folder does not exist"),
        ("folder", "a folder of that name is there"),
        ("n" * 300, "its name is too long"),
        ("bad\0name", "choose another name"),
    ],
)
def test_refused_path_is_explained_when_saving(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=said):
        save_file(tmp_path / name, SMALL)


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("fsync", errno.ENOSPC, "the disk is full"),
        ("open", errno.EACCES, "you may not use it"),
        ("open", errno.EROFS, "the disk is read-only"),
        ("fsync", errno.EIO, "input/output error"),
    ],
)
def test_failed_save_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, said: str
) -> None:
    file = tmp_path / "x.flow.json"
    save_file(file, SMALL)

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StoreError, match=said):
        save_file(file, replace(SMALL, name="Changed"))
    monkeypatch.undo()
    assert load_file(file) == SMALL
    assert list(tmp_path.iterdir()) == [file]


def test_file_that_outgrows_its_place_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "x.flow.json"
    save_file(file, SMALL)
    code = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from engine.model.codec import load_file, save_file\n"
        "old = load_file(sys.argv[1])\n"
        "save_file(sys.argv[1], replace(old, name='long ' * 100))\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(file)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "would be larger than allowed" in done.stderr
    assert load_file(file) == SMALL
    assert list(tmp_path.iterdir()) == [file]


def test_documented_sample_is_canonical() -> None:
    page = (Path(__file__).parents[3] / "docs" / "document.md").read_text(encoding="utf-8")
    sample = page.split("```json\n")[1].split("```")[0].encode()
    assert dumps(loads(sample)) == sample
