"""The JSON tree: lazy, marked, editable in the type that was there."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from designer.theme import current_theme
from designer.widgets.json_tree import CHUNK, JsonTreeModel, JsonTreeView
from designer.widgets.json_value import JsonPath, ValueEdit, json_diff

OLD = {"invoice": {"amount": 120, "paid": False}, "tags": ["a"], "gone": 1}
NEW = {"invoice": {"amount": 95, "paid": False}, "tags": ["a", "b"]}


@pytest.fixture
def model(qtbot: QtBot) -> JsonTreeModel:
    return JsonTreeModel()


@pytest.fixture
def view(qtbot: QtBot) -> JsonTreeView:
    made = JsonTreeView()
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    return made


def text(model: JsonTreeModel, path: JsonPath, column: int = 1) -> str:
    index = model.index_of(path)
    assert index.isValid(), path
    return str(index.siblingAtColumn(column).data())


def test_it_is_a_proper_model(model: JsonTreeModel) -> None:
    # A warning of Qt fails the test. The tester fetches inside its own handlers, so that a
    # model with more to fetch confuses it: the next test is about those.
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    model.set_value([{"x": [1, 2], "y": {}}] * CHUNK)
    model.set_value(NEW, json_diff(OLD, NEW))
    model.set_value(None)
    assert tester.model() is model


def test_rows_show_keys_and_values(model: JsonTreeModel) -> None:
    model.set_value(NEW)
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["invoice", "tags"]
    assert text(model, ("invoice", "amount")) == "95"
    assert text(model, ("tags", 1)) == '"b"'
    assert text(model, ("tags",)) == '["a", "b"]'
    assert not model.index_of(("invoice", "nothing")).isValid()


def test_long_lists_are_made_in_pieces(model: JsonTreeModel) -> None:
    model.set_value(list(range(100_000)))
    assert model.rowCount() == CHUNK
    assert model.canFetchMore(QModelIndex())
    model.fetchMore(QModelIndex())
    assert model.rowCount() == 2 * CHUNK
    assert text(model, (5_000,)) == "5000"
    assert model.rowCount() < 6_000


def test_changes_are_marked_and_removed_members_come_back(model: JsonTreeModel) -> None:
    model.set_value(NEW, json_diff(OLD, NEW))
    changed = model.index_of(("invoice", "amount"))
    gone = model.index_of(("gone",))
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert changed.data(spoken) == "amount, changed"
    assert model.index_of(("tags", 1)).data(spoken) == "1, added"
    assert gone.data(spoken) == "gone, removed"
    assert gone.siblingAtColumn(1).data(Qt.ItemDataRole.FontRole).strikeOut()
    assert changed.data(Qt.ItemDataRole.DecorationRole) is not None
    assert model.index_of(("invoice",)).data(Qt.ItemDataRole.DecorationRole) is not None
    assert model.index_of(("invoice", "paid")).data(Qt.ItemDataRole.DecorationRole) is None
    assert "before: 120" in changed.data(Qt.ItemDataRole.ToolTipRole)
    assert changed.data(Qt.ItemDataRole.ForegroundRole).color() == current_theme().color(
        "diff_change"
    )


def test_an_edit_is_told_with_its_path_and_type(model: JsonTreeModel) -> None:
    told: list[ValueEdit] = []
    model.edited.connect(told.append)
    model.editable = True
    model.set_value(NEW)
    index = model.index_of(("invoice", "amount")).siblingAtColumn(1)
    assert model.setData(index, "80")
    assert told == [ValueEdit(("invoice", "amount"), 95, 80)]
    assert model.value["invoice"]["amount"] == 80
    assert NEW["invoice"] == {"amount": 95, "paid": False}
    assert text(model, ("invoice",)) == "{amount: 80, paid: false}"


@pytest.mark.parametrize(("path", "typed"), [(("invoice", "amount"), "much"), (("tags",), "x")])
def test_what_does_not_fit_changes_nothing(
    model: JsonTreeModel, path: JsonPath, typed: str
) -> None:
    told: list[Any] = []
    model.edited.connect(told.append)
    model.editable = True
    model.set_value(NEW)
    assert not model.setData(model.index_of(path).siblingAtColumn(1), typed)
    assert told == []
    assert model.value == NEW


def test_only_scalars_of_an_editable_tree_are_editable(model: JsonTreeModel) -> None:
    def editable(path: JsonPath) -> bool:
        index = model.index_of(path).siblingAtColumn(1)
        return bool(model.flags(index) & Qt.ItemFlag.ItemIsEditable)

    model.set_value(NEW, json_diff(OLD, NEW))
    assert not editable(("invoice", "amount"))
    model.editable = True
    assert editable(("invoice", "amount"))
    assert not editable(("invoice",))
    assert not editable(("gone",))


def test_small_values_are_seen_whole(view: JsonTreeView) -> None:
    view.set_value(NEW)
    model = view.model()
    assert view.isExpanded(model.index(0, 0))
    view.set_value({"many": list(range(500)), "few": [1]})
    assert not view.isExpanded(view.model().index(0, 0))
    assert view.isExpanded(view.model().index(1, 0))


def test_what_was_open_stays_open_with_a_new_value(view: JsonTreeView) -> None:
    view.set_value({"a": {"b": 1}, "c": {"d": 1}})
    view.collapse(view.model().index(1, 0))
    view.reveal(("a", "b"))
    view.set_value({"a": {"b": 2}, "c": {"d": 2}})
    assert view.isExpanded(view.model().index(0, 0))
    assert not view.isExpanded(view.model().index(1, 0))
    assert view.current_value() == 2


def test_revealing_opens_the_way(view: JsonTreeView) -> None:
    view.set_value({"deep": [{"x": {"y": list(range(900))}}]})
    assert view.reveal(("deep", 0, "x", "y", 700))
    assert view.current_value() == 700
    assert not view.reveal(("deep", 1))


def test_finding_goes_round(view: JsonTreeView) -> None:
    view.set_value({"name": "Ada", "friends": ["Bob", "adam"]})
    assert view.find_text("ada")
    assert view.current_value() == "Ada"
    view.find_text("ada")
    assert view.current_value() == "adam"
    view.find_text("ada")
    assert view.current_value() == "Ada"
    view.find_text("ada", backwards=True)
    assert view.current_value() == "adam"
    assert not view.find_text("zebra")


def test_values_and_paths_are_copied(view: JsonTreeView) -> None:
    view.set_value(NEW)
    view.reveal(("tags", 1))
    view.copy_path()
    assert QGuiApplication.clipboard().text() == "tags[1]"
    view.copy_value()
    assert QGuiApplication.clipboard().text() == "b"
    view.reveal(("tags",))
    view.copy_value()
    assert QGuiApplication.clipboard().text() == '[\n  "a",\n  "b"\n]'
