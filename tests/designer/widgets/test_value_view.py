"""The value view chooses a way of showing, and tells every edit once."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from designer.widgets.code_edit import CodeEdit
from designer.widgets.json_value import ValueEdit
from designer.widgets.record_table import RecordTable
from designer.widgets.value_view import TEXT_LIMIT, ValueView, ViewMode, describe

RECORDS = [{"id": 1, "amount": 120}, {"id": 2, "amount": 7}]


@pytest.fixture
def view(qtbot: QtBot) -> ValueView:
    made = ValueView()
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    return made


def edits_of(view: ValueView) -> list[ValueEdit]:
    told: list[ValueEdit] = []
    view.edited.connect(told.append)
    return told


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (RECORDS, ViewMode.TABLE),
        ({"a": 1}, ViewMode.TREE),
        ([1, 2, 3], ViewMode.TREE),
        ([], ViewMode.TREE),
        ("some text", ViewMode.TEXT),
        (42, ViewMode.TEXT),
        (None, ViewMode.TEXT),
    ],
)
def test_each_value_is_shown_the_way_that_suits_it(
    view: ValueView, value: Any, mode: ViewMode
) -> None:
    view.set_value(value)
    assert view.mode is mode


def test_the_persons_choice_stays_where_it_fits(view: ValueView) -> None:
    view.set_value(RECORDS)
    view.set_mode(ViewMode.TREE)
    modes: list[ViewMode] = []
    for value in ([{"id": 3}], "text has no tree", RECORDS):
        view.set_value(value)
        modes.append(view.mode)
    assert modes == [ViewMode.TREE, ViewMode.TEXT, ViewMode.TREE]


def test_an_edited_cell_is_told_and_seen_in_every_mode(view: ValueView) -> None:
    told = edits_of(view)
    view.set_value(RECORDS, editable=True)
    table = view.findChildren(RecordTable)[0]
    model = table.model()
    assert model.setData(model.index(0, 1), "95", Qt.ItemDataRole.EditRole)
    assert told == [ValueEdit((0, "amount"), 120, 95)]
    assert view.value == [{"id": 1, "amount": 95}, {"id": 2, "amount": 7}]
    view.set_mode(ViewMode.TEXT)
    assert '"amount": 95' in view.findChildren(CodeEdit)[0].toPlainText()
    assert RECORDS[0]["amount"] == 120


def test_edited_text_becomes_the_value_when_typing_rests(view: ValueView, qtbot: QtBot) -> None:
    told = edits_of(view)
    view.set_value({"amount": 120}, editable=True)
    view.set_mode(ViewMode.TEXT)
    view.findChildren(CodeEdit)[0].setPlainText('{"amount": 95}')
    assert told == []
    qtbot.waitUntil(lambda: len(told) == 1)
    assert told == [ValueEdit((), {"amount": 120}, {"amount": 95})]
    view.set_mode(ViewMode.TREE)
    assert view.tree.value == {"amount": 95}


def test_broken_text_is_marked_and_changes_nothing(view: ValueView, qtbot: QtBot) -> None:
    told = edits_of(view)
    view.set_value({"amount": 120}, editable=True)
    view.set_mode(ViewMode.TEXT)
    edit = view.findChildren(CodeEdit)[0]
    edit.setPlainText('{\n"amount": \n}')
    qtbot.waitUntil(lambda: bool(edit.error_lines()))
    assert list(edit.error_lines()) == [3]
    assert view.value == {"amount": 120}
    assert told == []


def test_what_was_just_typed_comes_along_to_another_mode(view: ValueView) -> None:
    view.set_value({"amount": 120}, editable=True)
    view.set_mode(ViewMode.TEXT)
    view.findChildren(CodeEdit)[0].setPlainText('{"amount": 1}')
    view.set_mode(ViewMode.TREE)
    assert view.tree.value == {"amount": 1}


def test_text_stays_text(view: ValueView, qtbot: QtBot) -> None:
    told = edits_of(view)
    view.set_value("42", editable=True)
    view.findChildren(CodeEdit)[0].setPlainText("43")
    qtbot.waitUntil(lambda: len(told) == 1)
    assert view.value == "43"


def test_without_permission_nothing_can_be_typed(view: ValueView) -> None:
    view.set_value("fixed")
    assert view.findChildren(CodeEdit)[0].isReadOnly()


def test_huge_text_is_cut_on_the_screen_and_whole_in_the_clipboard(view: ValueView) -> None:
    text = "x" * (TEXT_LIMIT + 10)
    view.set_value(text, editable=True)
    edit = view.findChildren(CodeEdit)[0]
    assert len(edit.toPlainText()) == TEXT_LIMIT
    assert edit.isReadOnly()
    view.copy_value()
    assert len(QGuiApplication.clipboard().text()) == TEXT_LIMIT + 10


def test_values_are_described() -> None:
    assert describe(RECORDS) == "2 items"
    assert describe({"a": 1}) == "1 field"
    assert describe("four") == "text, 4 B"
    assert describe(None) == "null"
    assert describe(True) == "true or false"
