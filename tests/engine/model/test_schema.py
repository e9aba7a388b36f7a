from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UnreadableFile
from engine.model import schema as described
from engine.model import shape
from engine.model.codec import workflow_from_json, workflow_to_json
from engine.model.schema import SCHEMA_FILE, schema, schema_text
from engine.model.workflow import Workflow
from tests.engine.model.documents import workflows

VALIDATOR = jsonschema.Draft202012Validator(schema())
PAIRS = {
    described.JoinSchema: shape.JOIN,
    described.RetrySchema: shape.RETRY,
    described.WriteSchema: shape.WRITE,
    described.CacheSchema: shape.CACHE,
    described.NodeSchema: shape.NODE,
    described.EdgeSchema: shape.EDGE,
    described.MigrationSchema: shape.MIGRATION,
    described.ChannelSchema: shape.CHANNEL,
    described.InvariantSchema: shape.INVARIANT,
    described.DrawSchema: shape.DRAW,
    described.MeterSchema: shape.METER,
    described.LimitsSchema: shape.LIMITS,
    described.SaveSchema: shape.SAVE,
    described.SettingsSchema: shape.SETTINGS,
    described.PositionSchema: shape.POSITION,
    described.FrameSchema: shape.FRAME,
    described.FrameLockSchema: shape.FRAME_LOCK,
    described.FrameBehaviourSchema: shape.FRAME_BEHAVIOUR,
    described.NoteSchema: shape.NOTE,
    described.ViewSchema: shape.VIEW,
    described.WorkflowSchema: shape.WORKFLOW,
}


def test_schema_file_is_current() -> None:
    """Otherwise: python -m engine.model.schema."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("model", PAIRS, ids=lambda model: str(model.__name__))
def test_description_names_the_fields_and_defaults_that_are_read(model: Any) -> None:
    table = PAIRS[model]
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert set(fields) - {"format"} == table.names
    required = {name for name, field in fields.items() if field.is_required()}
    assert required - {"format"} == table.required
    defaults = {field.name: field for field in dataclasses.fields(table.cls)}
    for each in table.fields:
        default = defaults[each.attribute].default
        if default is not dataclasses.MISSING and each.name not in required:
            written = list(default) if isinstance(default, tuple) else default
            assert fields[each.name].default == written, each.name


@settings(max_examples=40)
@given(workflows())
def test_every_document_satisfies_the_schema(workflow: Workflow) -> None:
    VALIDATOR.validate(workflow_to_json(workflow))


BAD = [
    ("version", "1"), ("version", 1.5), ("title", 1), ("params", []), ("route", "some"),
    ("retry", {"attempts": "3"}), ("retry", []), ("timeout_s", "1"), ("on_error", None),
    ("effects", "twice"), ("reads", "x"), ("disabled", 1), ("writes", {"c": {}}),
    ("joins", {"in": {"mode": "most"}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
def test_schema_refuses_what_is_refused_when_reading(name: str, value: object) -> None:
    document: Any = {"format": 1, "id": "1", "nodes": {"a": {"type": "t", name: value}}}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(UnreadableFile, match=rf"nodes\.a\.{name}"):
        workflow_from_json(document)


def test_whole_number_may_be_written_with_a_point() -> None:
    document: Any = {"format": 1, "id": "1", "nodes": {"a": {"type": "t", "version": 2.0}}}
    VALIDATOR.validate(document)
    assert workflow_from_json(document).nodes["a"].version == 2


@pytest.mark.parametrize("key", ["", "a.b", "a b", "x" * 51])
def test_schema_refuses_keys_that_validation_refuses(key: str) -> None:
    document: Any = {"format": 1, "id": "1", "nodes": {key: {"type": "t"}}}
    assert not VALIDATOR.is_valid(document)


@given(
    st.sampled_from(["nodes", "edges", "view", "settings"]), st.sampled_from([1, "x", None, True])
)
def test_schema_and_reader_agree_on_the_parts(part: str, value: object) -> None:
    document: Any = {"format": 1, "id": "1", part: value}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(UnreadableFile):
        workflow_from_json(document)
