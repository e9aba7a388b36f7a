from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from designer.panels.barriers_form import SchemaForm
from designer.widgets.code_edit import CodeEdit
from tests.designer.runs.window import Heard

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "title": "Headline"},
        "copies": {"type": "integer"},
        "urgent": {"type": "boolean"},
        "lane": {"enum": ["slow", "fast"]},
        "tags": {"type": "array"},
        "reason": {"type": "string"},
    },
    "required": ["title"],
}
VALUE = {
    "title": "Hello",
    "copies": 3,
    "urgent": False,
    "lane": "slow",
    "tags": ["a"],
    "extra": 1.5,
}


@pytest.fixture
def form(qtbot: QtBot) -> SchemaForm:
    form = SchemaForm()
    qtbot.addWidget(form)
    form.set_value(VALUE, SCHEMA, None)
    form.set_editing(True)
    form.show()
    return form


def _type(form: SchemaForm, name: str, text: str) -> None:
    editor = form.editor_of(name)
    assert isinstance(editor, QLineEdit | QPlainTextEdit)
    editor.selectAll()
    QTest.keyClicks(editor, text)


def test_each_property_gets_the_field_of_its_type(form: SchemaForm) -> None:
    kinds = {name: type(form.editor_of(name)) for name in ("title", "urgent", "tags", "extra")}
    assert kinds == {"title": QLineEdit, "urgent": QCheckBox, "tags": CodeEdit, "extra": QLineEdit}
    assert isinstance(form.editor_of("lane"), QComboBox)
    assert form.editor_of("title").accessibleName() == "Headline"


def test_edits_keep_the_type(form: SchemaForm) -> None:
    _type(form, "copies", "95")
    _type(form, "extra", "2")
    QTest.keyClick(form.editor_of("urgent"), Qt.Key.Key_Space)
    _type(form, "tags", '["a", "b"]')
    assert form.value == {**VALUE, "copies": 95, "extra": 2.0, "urgent": True, "tags": ["a", "b"]}


def test_what_is_not_a_number_is_said_below_the_field(form: SchemaForm) -> None:
    heard = Heard(form.broken_changed)
    _type(form, "copies", "many")
    assert form.error_of("copies") == "Type a number, not 'many'."
    assert form.value["copies"] == 3
    _type(form, "copies", "4")
    assert form.broken == {}
    assert len(heard) == 2


def test_a_field_that_was_empty_stays_missing_until_it_is_typed(form: SchemaForm) -> None:
    assert "reason" not in form.value
    _type(form, "reason", "why")
    assert form.value["reason"] == "why"


def test_only_the_allowed_fields_can_be_typed_in(form: SchemaForm) -> None:
    form.set_value(VALUE, SCHEMA, frozenset({"copies"}))
    _type(form, "title", "No")
    _type(form, "copies", "9")
    assert form.value == {**VALUE, "copies": 9}


def test_problems_stand_under_the_field_that_they_are_about(form: SchemaForm) -> None:
    form.set_problems([("tags[0]", "'a' is too short"), ("title", "is required")])
    assert form.error_of("tags") == "'a' is too short"
    assert form.editor_of("title").property("invalid") is True
    form.set_problems([])
    assert form.editor_of("title").property("invalid") is False


def test_without_a_schema_the_value_shapes_the_form(form: SchemaForm) -> None:
    form.set_value({"on": True, "long": "x" * 200}, None, None)
    assert isinstance(form.editor_of("on"), QCheckBox)
    assert isinstance(form.editor_of("long"), QPlainTextEdit)
