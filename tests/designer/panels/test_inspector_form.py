"""The form of a node: typing, undo, expressions, problems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QPlainTextEdit,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.inspector_cards import CardsField
from engine.model.changes import SetNode
from engine.model.node_types import NodeType
from engine.model.workflow import Node
from tests.designer.panels.inspector_window import (
    REGISTRY,
    Desk,
    clear,
    click,
    document_of,
    inputs,
    is_outlined,
    list_of,
    mapping_of,
    node,
    text_of,
    type_into,
    wire,
)

Make = Callable[..., Desk]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Make:
    def make(*nodes: Node | WorkflowDocument) -> Desk:
        documents = [each for each in nodes if isinstance(each, WorkflowDocument)]
        drawn = [each for each in nodes if isinstance(each, Node)]
        document = documents[0] if documents else document_of(*drawn)
        made = Desk(qtbot, tmp_path, document)
        made.select(next(iter(document.workflow.nodes)))
        return made

    return make


@pytest.mark.parametrize("kind", list(REGISTRY), ids=lambda kind: kind.id)
def test_every_node_type_has_a_form_in_which_nothing_is_cut_off(
    kind: NodeType, desk: Make, qtbot: QtBot
) -> None:
    made = desk(node("a", kind.id))
    page = made.panel.node_page
    assert page.params is not None
    assert list(page.params.rows) == list(kind.params.model_fields)
    page.params.more.set_expanded(True)
    qtbot.waitUntil(lambda: page.width() <= 340)
    assert page.minimumSizeHint().width() <= 320


def test_typing_in_one_field_is_one_undo_step(desk: Make) -> None:
    made = desk(node("get", "http.request", url="https://a"))
    type_into(inputs(made.row("url"))[0], ".example")
    assert made.params("get")["url"] == "https://a.example"
    assert made.document.undo_stack.count() == 1
    assert made.document.undo_stack.undoText() == "Change address of Get"


def test_two_visits_to_a_field_are_two_undo_steps(desk: Make) -> None:
    made = desk(node("get", "http.request", url="a"))
    type_into(inputs(made.row("url"))[0], "b")
    inputs(made.row("method"))[0].setFocus()
    type_into(inputs(made.row("url"))[0], "c")
    assert made.document.undo_stack.count() == 2
    made.document.undo()
    assert made.params("get")["url"] == "ab"


def test_undo_by_keyboard_changes_the_form_and_keeps_the_focus(desk: Make) -> None:
    made = desk(node("get", "http.request", url="https://a"))
    field = inputs(made.row("url"))[0]
    type_into(field, "bc")
    QTest.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert text_of(made.row("url")) == "https://a"
    assert made.params("get")["url"] == "https://a"
    assert field.hasFocus()


def test_an_edit_from_elsewhere_refreshes_the_form_in_place(desk: Make) -> None:
    made = desk(node("get", "http.request", url="https://a"))
    row = made.row("url")
    made.document.push(SetNode(node("get", "http.request", url="https://b", method="PUT")))
    assert made.row("url") is row
    assert text_of(row) == "https://b"
    box = inputs(made.row("method"))[0]
    assert isinstance(box, QComboBox)
    assert box.currentText() == "PUT"


def test_emptying_a_field_leaves_it_out_of_the_document(desk: Make) -> None:
    made = desk(node("get", "http.request", url="https://a", max_mb=3))
    clear(inputs(made.row("max_mb"))[0])
    assert made.params("get") == {"url": "https://a"}


def test_choosing_the_default_leaves_the_field_out(desk: Make) -> None:
    made = desk(node("get", "http.request", url="u", method="PUT"))
    box = inputs(made.row("method"))[0]
    box.setFocus()
    QTest.keyClicks(box, "G")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert made.params("get") == {"url": "u"}


def test_a_required_field_that_is_missing_is_outlined(desk: Make) -> None:
    made = desk(node("get", "http.request"))
    assert is_outlined(inputs(made.row("url"))[0])
    assert made.row("url").problem.text() == "Address is missing."
    type_into(inputs(made.row("url"))[0], "https://a")
    made.document.validate_now()
    assert not is_outlined(inputs(made.row("url"))[0])
    assert made.row("url").problem.isHidden()


def test_what_is_no_number_stays_and_validation_says_so(desk: Make) -> None:
    made = desk(node("get", "http.request", url="u"))
    assert made.panel.node_page.params is not None
    made.panel.node_page.params.more.set_expanded(True)
    type_into(inputs(made.row("max_mb"))[0], "20x")
    made.document.validate_now()
    assert text_of(made.row("max_mb")) == "20x"
    assert made.params("get")["max_mb"] == "20x"
    assert "valid number" in made.row("max_mb").problem.text()


def test_half_a_number_is_not_taken_from_under_the_fingers(desk: Make) -> None:
    made = desk(node("get", "http.request", url="u"))
    type_into(inputs(made.row("max_mb"))[0], "1.")
    assert text_of(made.row("max_mb")) == "1."
    type_into(inputs(made.row("max_mb"))[0], "5")
    assert made.params("get")["max_mb"] == 1.5


def test_arrow_keys_change_a_number_within_its_limits(desk: Make) -> None:
    made = desk(node("each", "for_each", limit=2))
    field = inputs(made.row("limit"))[0]
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert made.params("each")["limit"] == 3
    for _ in range(4):
        QTest.keyClick(field, Qt.Key.Key_Down)
    assert made.params("each")["limit"] == 1


def test_a_duration_may_be_words(desk: Make) -> None:
    made = desk(node("w", "wait"))
    type_into(inputs(made.row("duration_s"))[0], "1h 30m")
    made.document.validate_now()
    assert made.params("w")["duration_s"] == "1h 30m"
    assert made.row("duration_s").problem.isHidden()


def test_a_switch_is_set_by_a_click(desk: Make) -> None:
    made = desk(node("s", "set"))
    box = inputs(made.row("keep_input"))[0]
    assert isinstance(box, QCheckBox)
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert made.params("s") == {"keep_input": True}


def test_a_field_shows_itself_when_the_one_it_depends_on_asks_for_it(desk: Make) -> None:
    made = desk(node("get", "http.request", url="u"))
    assert made.row("user").isHidden()
    made.document.push(SetNode(node("get", "http.request", url="u", auth="basic")))
    assert not made.row("user").isHidden()


def test_code_that_is_no_json_stays_in_the_field_and_out_of_the_document(desk: Make) -> None:
    made = desk(node("start", "trigger.manual", example={"a": 1}))
    edit = inputs(made.row("example"))[0]
    assert isinstance(edit, QPlainTextEdit)
    edit.setPlainText('{"a": 2')
    assert made.params("start")["example"] == {"a": 1}
    assert "Line 1" in made.row("example").problem.text()
    made.document.push(
        SetNode(Node(key="start", type="trigger.manual", params={"example": {"a": 1}}))
    )
    assert edit.toPlainText() == '{"a": 2'
    type_into(edit, "}")
    assert made.params("start")["example"] == {"a": 2}
    assert made.row("example").problem.isHidden()


# --- value and expression -------------------------------------------------------------------


def test_fx_turns_a_value_into_an_expression_and_back(desk: Make) -> None:
    made = desk(node("each", "for_each", limit=4))
    row = made.row("limit")
    click(row.field.fx)
    assert made.params("each")["limit"] == {"expr": "4"}
    type_into(inputs(row)[0], " + len(input)")
    assert made.params("each")["limit"] == {"expr": "4 + len(input)"}
    click(row.field.fx)
    assert made.params("each")["limit"] == 4
    click(row.field.fx)
    assert text_of(row) == "4 + len(input)"


def test_undo_of_fx_shows_the_value_again(desk: Make) -> None:
    made = desk(node("each", "for_each", limit=4))
    click(made.row("limit").field.fx)
    made.document.undo()
    assert made.row("limit").field.mode == "value"
    assert text_of(made.row("limit")) == "4"
    assert not made.row("limit").field.fx.isChecked()


def test_a_template_of_one_tag_becomes_its_expression(desk: Make) -> None:
    made = desk(node("get", "http.request", url="{{ input.url }}"))
    click(made.row("url").field.fx)
    assert made.params("get")["url"] == {"expr": "input.url"}


def test_a_field_for_any_value_begins_as_an_expression(desk: Make) -> None:
    made = desk(node("end", "end"))
    type_into(inputs(made.row("value"))[0], "input.total")
    assert made.params("end")["value"] == {"expr": "input.total"}
    clear(inputs(made.row("value"))[0])
    assert made.params("end") == {}


def test_any_value_is_json_or_a_text_without_quotes(desk: Make) -> None:
    made = desk(node("end", "end"))
    click(made.row("value").field.fx)
    type_into(inputs(made.row("value"))[0], "42")
    assert made.params("end")["value"] == 42
    type_into(inputs(made.row("value"))[0], " days")
    assert made.params("end")["value"] == "42 days"


def test_a_text_that_looks_like_a_number_is_shown_in_quotes(desk: Make) -> None:
    made = desk(node("end", "end", value="42"))
    assert text_of(made.row("value")) == '"42"'


def test_a_wrong_expression_is_outlined_where_it_stands(desk: Make) -> None:
    made = desk(node("each", "for_each", items={"expr": "input."}))
    made.document.validate_now()
    assert is_outlined(inputs(made.row("items"))[0])
    assert made.row("items").problem.text().startswith("The expression is wrong at column")


def test_another_node_of_the_type_shows_nothing_of_the_last(desk: Make) -> None:
    made = desk(node("a", "end", value={"expr": "input.a"}), node("b", "end"))
    click(made.row("value").field.fx)
    made.select("b")
    assert text_of(made.row("value")) == ""
    assert made.row("value").field.mode == "expr"


# --- lists, mappings, cards -----------------------------------------------------------------


def test_arguments_are_added_with_enter_and_removed_with_backspace(desk: Make) -> None:
    made = desk(node("run", "shell.command", command=["git"]))
    editor = list_of(made.row("command"))
    QTest.keyClick(inputs(editor.rows[0])[0], Qt.Key.Key_Return)
    type_into(inputs(editor.rows[1])[0], "log")
    assert made.params("run")["command"] == ["git", "log"]
    clear(inputs(editor.rows[1])[0])
    QTest.keyClick(inputs(editor.rows[1])[0], Qt.Key.Key_Backspace)
    assert made.params("run")["command"] == ["git"]


def test_arguments_move_with_alt_and_arrows(desk: Make) -> None:
    made = desk(node("run", "shell.command", command=["a", "b"]))
    editor = list_of(made.row("command"))
    second = inputs(editor.rows[1])[0]
    QTest.keyClick(second, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert made.params("run")["command"] == ["b", "a"]
    assert inputs(editor.rows[0])[0] is second


def test_one_argument_may_be_computed(desk: Make) -> None:
    made = desk(node("run", "shell.command", command=["git", "main"]))
    row = list_of(made.row("command")).rows[1]
    click(row.fx)
    assert made.params("run")["command"] == ["git", {"expr": '"main"'}]


def test_a_list_goes_back_to_its_default(desk: Make) -> None:
    made = desk(node("get", "http.request", url="u", expected_status=["404"]))
    button = made.row("expected_status").reset_button
    assert button is not None
    button.click()
    assert made.params("get") == {"url": "u"}
    assert [text_of(row) for row in list_of(made.row("expected_status")).rows] == ["2xx"]


def test_a_row_without_a_name_waits_for_one(desk: Make) -> None:
    made = desk(node("s", "set", fields={"a": 1}))
    editor = mapping_of(made.row("fields"))
    click(editor.add_button)
    type_into(inputs(editor.rows[1][1])[0], "2")
    assert made.params("s")["fields"] == {"a": 1}
    assert is_outlined(editor.rows[1][0])
    type_into(editor.rows[1][0], "b")
    assert made.params("s")["fields"] == {"a": 1, "b": 2}
    assert not is_outlined(editor.rows[1][0])


def test_a_name_that_is_there_twice_loses_nothing(desk: Make) -> None:
    made = desk(node("s", "set", fields={"a": 1, "ab": 2}))
    editor = mapping_of(made.row("fields"))
    type_into(editor.rows[0][0], "b")
    assert made.row("fields").problem.text() == "Two rows are named ab; rename one."
    assert text_of(editor.rows[1][1]) == "2"
    type_into(editor.rows[0][0], "c")
    assert made.params("s")["fields"] == {"abc": 1, "ab": 2}


def test_a_value_that_fits_no_form_is_shown_as_json(desk: Make) -> None:
    rows = [{"day": 1}, {"day": 2}]
    made = desk(node("q", "sql.query", url="sqlite://", query="x", parameters=rows))
    assert made.row("parameters").field.mode == "json"
    assert '"day": 2' in text_of(made.row("parameters"))


def test_wires_follow_a_case_that_is_renamed_while_it_is_typed(desk: Make) -> None:
    document = document_of(
        node("sw", "switch", cases=[{"name": "big", "when": "input > 1"}]),
        node("end", "end"),
        edges=(wire("sw.big", "end.in"),),
    )
    made = desk(document)
    cards = made.row("cases").field.editor
    assert isinstance(cards, CardsField)
    type_into(cards.cards[0]["name"].inputs()[0], "ger")
    assert [edge.id for edge in document.workflow.edges] == ["sw.bigger->end.in"]
    document.undo()
    assert [edge.id for edge in document.workflow.edges] == ["sw.big->end.in"]


def test_cases_are_added_moved_and_removed(desk: Make) -> None:
    made = desk(node("sw", "switch", cases=[{"name": "a", "when": "True"}]))
    cards = made.row("cases").field.editor
    assert isinstance(cards, CardsField)
    click(cards.add_button)
    type_into(cards.cards[1]["name"].inputs()[0], "b")
    cards.shift(1, -1)
    assert [case["name"] for case in made.params("sw")["cases"]] == ["b", "a"]
    cards.remove(0)
    assert made.params("sw")["cases"] == [{"name": "a", "when": "True"}]


def test_the_field_of_a_case_that_is_wrong_is_outlined_alone(desk: Make) -> None:
    made = desk(node("sw", "switch", cases=[{"name": "a", "when": "1 +"}]))
    cards = made.row("cases").field.editor
    assert isinstance(cards, CardsField)
    assert is_outlined(cards.cards[0]["when"].inputs()[0])
    assert not is_outlined(cards.cards[0]["name"].inputs()[0])


# --- the keyboard ---------------------------------------------------------------------------


def _next(made: Desk) -> QWidget:
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, Qt.Key.Key_Tab)
    after = QApplication.focusWidget()
    assert after is not None
    return after


def test_tab_visits_the_fields_in_the_order_in_which_they_are_seen(
    desk: Make, qtbot: QtBot
) -> None:
    made = desk(node("a", "end"), node("get", "http.request", url="u"))
    made.select("get")
    qtbot.wait(20)
    made.panel.node_page.key.line.setFocus()
    assert _next(made) is inputs(made.row("method"))[0]
    assert _next(made) is made.row("method").field.fx
    assert _next(made) is inputs(made.row("url"))[0]
    click(made.row("url").field.fx)
    qtbot.wait(20)
    inputs(made.row("url"))[0].setFocus()
    assert _next(made) is made.row("url").field.fx


def test_tab_leads_from_a_section_that_was_opened_into_its_fields(desk: Make, qtbot: QtBot) -> None:
    made = desk(node("a", "end"))
    section = made.panel.node_page.errors_section
    section.set_expanded(True)
    qtbot.wait(20)
    header = section.findChild(QToolButton)
    assert header is not None
    header.setFocus()
    assert _next(made) is inputs(made.behaviour("on_error"))[0]


def test_tab_visits_a_new_row_before_what_follows_it(desk: Make, qtbot: QtBot) -> None:
    made = desk(node("s", "set", fields={"a": 1}))
    editor = mapping_of(made.row("fields"))
    click(editor.add_button)
    qtbot.wait(20)
    editor.rows[1][0].setFocus()
    assert _next(made) is inputs(editor.rows[1][1])[0]
    assert _next(made) is editor.rows[1][1].fx
    assert _next(made).accessibleName() == "Remove"
    assert _next(made) is editor.add_button
    assert _next(made) is made.row("fields").field.fx
