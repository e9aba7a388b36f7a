"""What the inspector's parts compute: fields of models, offered names, values as texts."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from designer.panels.inspector_attributes import seconds_of
from designer.panels.inspector_computed import literal, plain_of
from designer.panels.inspector_inputs import number_of
from designer.panels.inspector_names import names_at, place_of
from designer.panels.inspector_spec import UNSET, FieldKind, FieldSpec, fields_of, is_shown
from designer.panels.inspector_texts import bare_text, bare_value
from engine.model.expressions import compile_expression
from engine.model.node_types import NodeType
from engine.model.workflow import Channel, Node, Settings, Workflow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


class _Item(BaseModel):
    name: str = Field(title="Name")


class _Params(BaseModel):
    text: str = Field(title="A text")
    mode: Literal["one", "two"] = "one"
    count: int | None = Field(None, ge=1, le=9, json_schema_extra={"unit": "items"})
    items: tuple[_Item, ...] = ()
    names: tuple[int, ...] = (1,)
    value: Any = Field(None, json_schema_extra={"widget": "expression"})
    extra: dict[str, str] = Field(default_factory=dict)


def _fields() -> dict[str, FieldSpec]:
    made = NodeType(
        id="t", title="T", category="x", description="", params=_Params, run=None,
        templates=frozenset({"text"}), raw=frozenset({"items"}),
    )  # fmt: skip
    return {spec.name: spec for spec in fields_of(made)}


def test_a_model_is_read_as_fields() -> None:
    fields = _fields()
    assert [spec.kind for spec in fields.values()] == [
        FieldKind.TEXT, FieldKind.CHOICE, FieldKind.NUMBER, FieldKind.CARDS, FieldKind.LIST,
        FieldKind.ANY, FieldKind.MAPPING,
    ]  # fmt: skip
    assert fields["text"].required
    assert fields["text"].is_template
    assert (fields["count"].lowest, fields["count"].highest, fields["count"].whole) == (1, 9, True)
    assert fields["count"].nullable
    assert fields["count"].unit == "items"
    assert not fields["items"].computable
    assert [each.name for each in fields["items"].fields] == ["name"]


def test_a_default_can_be_left_out_but_null_of_any_value_cannot() -> None:
    fields = _fields()
    assert fields["names"].is_default([1])
    assert fields["mode"].is_default("one")
    assert not fields["mode"].is_default("two")
    assert not fields["value"].is_default(None)


def test_a_field_that_depends_on_a_computed_one_is_shown() -> None:
    spec = FieldSpec(name="a", title="A", kind=FieldKind.TEXT, shown_when={"mode": ["two"]})
    assert not is_shown(spec, {}, {"mode": "one"})
    assert is_shown(spec, {"mode": "two"}, {})
    assert is_shown(spec, {"mode": {"expr": "input"}}, {})


@given(JSON)
def test_any_value_is_read_back_from_its_text(value: Any) -> None:
    assert bare_value(bare_text(value)) == value


@given(st.lists(st.integers() | st.text()) | st.integers() | st.text(min_size=1))
def test_a_value_as_an_expression_gives_the_value(value: Any) -> None:
    source = literal(value)
    if "{{" in str(value) or not source:
        return
    assert compile_expression(source).evaluate({}) == value
    assert plain_of(source) == value


@pytest.mark.parametrize(
    ("text", "number"),
    [("", UNSET), ("7", 7), ("7.0", 7), ("2.5", 2.5), ("x", "x"), ("nan", "nan"), ("inf", "inf")],
)
def test_a_number_is_read_as_far_as_it_is_one(text: str, number: Any) -> None:
    assert number_of(text, whole=True) == number


@pytest.mark.parametrize(
    ("words", "seconds"), [("1h 30m", 5400.0), ("90 s", 90.0), ("2d", 172800.0), ("soon", None)]
)
def test_a_duration_is_read_from_words(words: str, seconds: float | None) -> None:
    assert seconds_of(words) == seconds


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("", ("", "")),
        ("inp", ("", "inp")),
        ("input.", ("input", "")),
        ("1 + input.ro", ("input", "ro")),
        ("input.rows[0].am", ("input.rows[0]", "am")),
        ('nodes["a-b"].x', ('nodes["a-b"]', "x")),
        ("'inp", None),
    ],
)
def test_the_place_before_the_cursor_is_found(before: str, place: tuple[str, str] | None) -> None:
    assert place_of(before) == place


def test_names_of_the_workflow_are_offered() -> None:
    workflow = Workflow(
        id="w",
        nodes={"read": Node(key="read", type="end")},
        channels={"total": Channel(name="total")},
        settings=Settings(vars={"rate": {"de": 1}}, env=("HOME",)),
    )
    assert {"input", "nodes", "now", "len"} <= set(names_at("", workflow, {}))
    assert "output" not in names_at("", workflow, {})
    assert names_at("nodes", workflow, {}) == ["read"]
    assert names_at("state", workflow, {}) == ["total"]
    assert names_at("env", workflow, {}) == ["HOME"]
    assert names_at("loop", workflow, {}) == ["index", "of", "item"]
    assert names_at("vars.rate", workflow, {}) == ["de"]
    assert names_at("input.rows[0]", workflow, {"input": {"rows": [{"id": 1}]}}) == ["id"]
    assert names_at("input.rows[9]", workflow, {"input": {"rows": []}}) == []
