"""The forms for what succeeds too little, or leads nowhere: U49, T72."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from designer.panels.inspector_behaviour import ON_SHORT, UNDECLARED, data_attributes
from designer.panels.inspector_spec import UNSET
from engine.model.node_types import Port
from engine.model.schema import JoinSchema, NodeSchema
from engine.model.workflow import JoinPolicy, Node
from tests.designer.panels.inspector_window import (
    Desk,
    clear,
    document_of,
    inputs,
    node,
    text_of,
    type_into,
)

FIELDS = {each.path: each for each in data_attributes([Port(name="in")])}
PLAIN = Node(key="n", type="template")


def test_a_choice_that_leads_nowhere_is_a_failure_unless_it_is_ignored() -> None:
    field = FIELDS["undeclared"]
    assert field.read(PLAIN) is UNSET
    made = field.write(PLAIN, "ignore")
    assert made.undeclared == "ignore" == field.read(made)
    assert field.write(made, UNSET) == PLAIN


def test_a_join_that_is_left_too_little_passes_over_unless_it_is_to_fail() -> None:
    field = FIELDS["joins.in.on_short"]
    assert field.read(PLAIN) is UNSET
    made = field.write(PLAIN, "fail")
    assert made.joins == {"in": JoinPolicy(on_short="fail")}
    assert field.read(made) == "fail"
    assert field.write(made, UNSET) == PLAIN


@pytest.mark.parametrize(
    ("mode", "is_asked"),
    [("all_active", True), ("all", True), ("n_of_m", True), ("each", False), ("no_more", False)],
)
def test_what_has_no_meaning_for_a_join_is_not_asked(mode: str, is_asked: bool) -> None:
    made = FIELDS["joins.in"].write(PLAIN, mode)
    assert FIELDS["joins.in.on_short"].shown(made) is is_asked


def test_the_forms_offer_what_a_document_may_say() -> None:
    said = NodeSchema.model_json_schema()["properties"]["undeclared"]["enum"]
    assert sorted(UNDECLARED) == sorted(said)
    said = JoinSchema.model_json_schema()["properties"]["on_short"]["enum"]
    assert sorted(ON_SHORT) == sorted(said)


@pytest.fixture
def each(qtbot: QtBot, tmp_path: Path) -> Desk:
    kept = node("each", "for_each", on_item_failure="continue", at_least=1)
    desk = Desk(qtbot, tmp_path, document_of(kept, node("all", "collect")))
    desk.select("each")
    return desk


def test_how_many_items_must_succeed_is_typed_and_emptied(each: Desk) -> None:
    (field,) = inputs(each.row("at_least"))
    assert text_of(each.row("at_least")) == "1"
    type_into(field, "2")
    assert each.params("each")["at_least"] == 12
    clear(field)
    assert "at_least" not in each.params("each")


def test_how_many_items_must_succeed_is_asked_only_where_some_may_fail(each: Desk) -> None:
    row = each.row("at_least")
    assert row.isVisibleTo(each.panel)
    each.row("on_item_failure").edited.emit("stop", False)
    assert not row.isVisibleTo(each.panel)
    each.row("on_item_failure").edited.emit("collect", False)
    assert row.isVisibleTo(each.panel)
