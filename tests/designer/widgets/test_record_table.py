"""Lists of objects as tables: union of keys, sorting, typed edits, changed cells."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from designer.widgets.json_value import ChangeKind, JsonChange, JsonPath, ValueEdit
from designer.widgets.record_table import RecordTable, RecordTableModel

ROWS: list[Any] = [
    {"id": 10, "name": "Ada", "amount": 120},
    {"id": 9, "name": "bob", "amount": None, "note": "late"},
    {"id": 100, "name": "Cy", "amount": 7.5, "lines": [1, 2]},
]


@pytest.fixture
def model(qtbot: QtBot) -> RecordTableModel:
    made = RecordTableModel()
    made.set_value(ROWS)
    return made


def column(model: RecordTableModel, name: str) -> list[str]:
    at = model.columns.index(name)
    return [str(model.index(row, at).data()) for row in range(model.rowCount())]


def cell(model: RecordTableModel, row: int, name: str) -> QModelIndex:
    return model.index(row, model.columns.index(name))


def test_it_is_a_proper_model(model: RecordTableModel) -> None:
    tester = QAbstractItemModelTester(
        model, QAbstractItemModelTester.FailureReportingMode.Warning
    )  # a warning of Qt fails the test
    model.sort(0)
    model.set_value([1, {"a": 2}])
    model.set_value([])
    assert tester.model() is model


def test_columns_are_all_keys_in_order(model: RecordTableModel) -> None:
    assert model.columns == ("id", "name", "amount", "note", "lines")
    assert column(model, "amount") == ["120", "null", "7.5"]
    assert column(model, "note") == ["", "late", ""]
    assert column(model, "lines") == ["", "", "[1, 2]"]


def test_rows_that_are_no_objects_get_a_column(model: RecordTableModel) -> None:
    model.set_value([{"value": 1}, "loose"])
    assert model.columns == ("value", "(value)")
    assert column(model, "(value)") == ["", "loose"]


def test_sorting_knows_numbers_and_puts_missing_last(model: RecordTableModel) -> None:
    model.sort(model.columns.index("id"))
    assert column(model, "id") == ["9", "10", "100"]
    model.sort(model.columns.index("amount"))
    assert column(model, "amount") == ["7.5", "120", "null"]
    model.sort(model.columns.index("name"), Qt.SortOrder.DescendingOrder)
    assert column(model, "name") == ["Cy", "bob", "Ada"]
    model.sort(-1)
    assert column(model, "id") == ["10", "9", "100"]


def test_an_edit_in_a_sorted_table_finds_its_place_in_the_list(model: RecordTableModel) -> None:
    told: list[ValueEdit] = []
    model.edited.connect(told.append)
    model.editable = True
    model.sort(model.columns.index("id"))
    assert model.setData(cell(model, 1, "amount"), "95")
    assert told == [ValueEdit((0, "amount"), 120, 95)]
    assert model.value[0]["amount"] == 95
    assert ROWS[0]["amount"] == 120


def test_only_scalars_that_exist_can_be_edited(model: RecordTableModel) -> None:
    def editable(row: int, name: str) -> bool:
        return bool(model.flags(cell(model, row, name)) & Qt.ItemFlag.ItemIsEditable)

    assert not editable(0, "amount")
    model.editable = True
    assert editable(0, "amount")
    assert not editable(0, "note")
    assert not editable(2, "lines")


def test_nonsense_is_refused_with_a_reason(model: RecordTableModel, qtbot: QtBot) -> None:
    model.editable = True
    with qtbot.waitSignal(model.refused) as told:
        assert not model.setData(cell(model, 0, "amount"), "much")
    assert told.args is not None
    assert "number" in told.args[0]
    assert model.value == ROWS


def test_changes_tint_cells_and_whole_rows(model: RecordTableModel) -> None:
    changes: dict[JsonPath, JsonChange] = {
        (0, "amount"): JsonChange(ChangeKind.CHANGED, 100, 120),
        (2,): JsonChange(ChangeKind.ADDED, None, ROWS[2]),
    }
    model.set_value(ROWS, changes)
    tint = Qt.ItemDataRole.BackgroundRole
    assert cell(model, 0, "amount").data(tint) is not None
    assert cell(model, 0, "name").data(tint) is None
    assert all(cell(model, 2, name).data(tint) is not None for name in model.columns)
    assert cell(model, 0, "amount").data(Qt.ItemDataRole.ToolTipRole) == "before: 100\nnow: 120"


def test_numbers_stand_at_the_right(model: RecordTableModel) -> None:
    alignment = Qt.ItemDataRole.TextAlignmentRole
    assert cell(model, 0, "amount").data(alignment) & int(Qt.AlignmentFlag.AlignRight)
    assert not cell(model, 0, "name").data(alignment) & int(Qt.AlignmentFlag.AlignRight)
    header = model.headerData(0, Qt.Orientation.Horizontal, alignment)
    assert header & int(Qt.AlignmentFlag.AlignRight)


def test_ten_thousand_rows_are_shown_and_sorted(qtbot: QtBot) -> None:
    table = RecordTable()
    qtbot.addWidget(table)
    table.set_value([{"n": -n, "text": f"row {n}"} for n in range(10_000)])
    table.show()
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert table.model().index(0, 0).data() == "-9999"
    assert not table.grab().isNull()


def test_selected_cells_are_copied_as_a_sheet(qtbot: QtBot) -> None:
    table = RecordTable()
    qtbot.addWidget(table)
    table.set_value([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    table.selectAll()
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "1\tx\n2\ty"
