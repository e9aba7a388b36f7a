"""The inspector as a whole: what it shows, renaming, problems, locks, JSON, settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.inspector_cards import CardsField
from designer.widgets.kinds import Kind
from engine.model.changes import RemoveNode, RenameNode, SetNode
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.workflow import Limits, Node, RateLimit, RetryPolicy, Settings, Write
from tests.designer.panels.inspector_window import (
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
    total,
    type_into,
    wire,
)

Make = Callable[[WorkflowDocument], Desk]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Make:
    return lambda document: Desk(qtbot, tmp_path, document)


def _pair() -> WorkflowDocument:
    return document_of(
        node("read", "trigger.manual"),
        node("sum", "set", fields={"x": {"expr": "nodes.read.y"}}),
        edges=(wire("read.out", "sum.in"),),
    )


# --- what is shown --------------------------------------------------------------------------


def test_nothing_selected_shows_the_workflow_itself(desk: Make) -> None:
    made = desk(_pair())
    assert made.panel.page is made.panel.workflow_page
    assert text_of(made.panel.workflow_page.main.rows["name"]) == "Invoices"


def test_the_selection_decides_what_is_shown(desk: Make, qtbot: QtBot) -> None:
    made = desk(_pair())
    selection = made.document.selection
    for select, page in (
        ({"nodes": ["sum"]}, made.panel.node_page),
        ({"edges": ["read.out->sum.in"]}, made.panel.edge_page),
        ({"nodes": ["read", "sum"]}, made.panel.many_page),
        ({}, made.panel.workflow_page),
    ):
        selection.set(**select)  # type: ignore[arg-type] # fields by name
        qtbot.waitUntil(lambda page=page: made.panel.page is page)  # type: ignore[misc] # bound now


def test_without_a_document_it_says_so(desk: Make) -> None:
    made = desk(_pair())
    made.panel.set_document(None)
    assert made.panel.page is None
    assert made.panel.pages.currentWidget() is made.panel.nothing


def test_a_removed_node_gives_way_to_the_workflow(desk: Make, qtbot: QtBot) -> None:
    made = desk(_pair())
    made.select("sum")
    made.document.push(RemoveNode("sum"))
    qtbot.waitUntil(lambda: made.panel.page is made.panel.workflow_page)


def test_a_node_of_an_unknown_type_can_be_looked_at(desk: Make) -> None:
    made = desk(document_of(node("x", "mars.rover", speed=3)))
    made.select("x")
    assert made.panel.node_page.params is None
    assert "not installed" in made.panel.node_page.problems.text()


# --- title and key --------------------------------------------------------------------------


def test_the_title_is_edited(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    field = inputs(made.panel.node_page.top.rows["title"])[0]
    type_into(field, "s")
    assert made.document.workflow.nodes["sum"].title == "Sums"


def test_enter_in_the_key_renames_the_node_where_it_is_named(desk: Make) -> None:
    made = desk(_pair())
    made.select("read")
    line = made.panel.node_page.key.line
    type_into(line, "er")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert made.params("sum")["fields"]["x"] == {"expr": "nodes.reader.y"}
    assert made.document.selection.node == "reader"
    assert line.hasFocus()


def test_references_that_could_not_be_rewritten_are_listed(desk: Make) -> None:
    code = "x = nodes.get('read')\noutput = nodes['read']"
    made = desk(document_of(node("read", "trigger.manual"), node("py", "python.code", code=code)))
    heard: list[tuple[str, Kind]] = []
    made.panel.message.connect(lambda text, kind: heard.append((text, kind)))
    made.select("read")
    type_into(made.panel.node_page.key.line, "er")
    QTest.keyClick(made.panel.node_page.key.line, Qt.Key.Key_Return)
    assert "params.code of py" in made.panel.node_page.key.problem.text()
    assert heard == [("read is now reader; 1 text may still name it.", Kind.WARNING)]


@pytest.mark.parametrize(
    ("key", "words"), [("sum", "There is a node sum already."), ("a b", "Use letters")]
)
def test_a_key_that_cannot_be_is_refused_in_the_field(desk: Make, key: str, words: str) -> None:
    made = desk(_pair())
    made.select("read")
    line = made.panel.node_page.key.line
    clear(line)
    QTest.keyClicks(line, key)
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert words in made.panel.node_page.key.problem.text()
    assert is_outlined(line)
    assert "read" in made.document.workflow.nodes


def test_a_renaming_elsewhere_and_its_undo_are_followed(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    row = made.row("fields")
    made.document.push(RenameNode("sum", "all"))
    assert made.panel.node_page.key.line.text() == "all"
    made.document.undo()
    assert made.panel.node_page.key.line.text() == "sum"
    assert made.row("fields") is row
    assert made.document.selection.node == "sum"


# --- behaviour ------------------------------------------------------------------------------


def test_retrying_is_switched_on_and_its_numbers_appear(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    made.panel.node_page.errors_section.set_expanded(True)
    assert made.behaviour("retry.attempts").isHidden()
    box = cast(QCheckBox, inputs(made.behaviour("retry"))[0])
    box.click()
    type_into(inputs(made.behaviour("retry.attempts"))[0], "5")
    type_into(inputs(made.behaviour("retry.delay_s"))[0], "2m")
    assert made.document.workflow.nodes["sum"].retry == RetryPolicy(attempts=5, delay_s=120)


def test_a_rate_is_switched_on_and_has_a_key(desk: Make) -> None:
    """U57: so often, for each value of an expression."""
    made = desk(_pair())
    made.select("sum")
    made.panel.node_page.errors_section.set_expanded(True)
    assert made.behaviour("rate.count").isHidden()
    cast(QCheckBox, inputs(made.behaviour("rate"))[0]).click()
    type_into(inputs(made.behaviour("rate.count"))[0], "5")
    type_into(inputs(made.behaviour("rate.per_s"))[0], "1m")
    assert made.document.workflow.nodes["sum"].rate == RateLimit(count=5, per_s=60)
    cast(QCheckBox, inputs(made.behaviour("rate"))[0]).click()
    assert made.document.workflow.nodes["sum"].rate is None


def test_what_is_no_number_is_refused_and_stays_in_the_field(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    made.panel.node_page.errors_section.set_expanded(True)
    row = made.behaviour("timeout_s")
    type_into(inputs(row)[0], "soon")
    assert row.problem.text() == "Enter seconds, or a duration such as 1h 30m."
    made.document.push(SetNode(made.document.workflow.nodes["read"]))
    made.panel.refresh()
    assert text_of(row) == "soon"
    clear(inputs(row)[0])
    assert row.problem.isHidden()


def test_a_write_is_declared_with_channel_and_value(desk: Make) -> None:
    document = document_of(node("sum", "set", fields={"x": 1}), channels=total())
    made = desk(document)
    made.select("sum")
    made.panel.node_page.data_section.set_expanded(True)
    cards = made.behaviour("writes").field.editor
    assert isinstance(cards, CardsField)
    click(cards.add_button)
    assert "Choose the channel" in made.behaviour("writes").problem.text()
    channel = cast(QComboBox, cards.cards[0]["channel"].inputs()[0])
    channel.setCurrentIndex(0)
    channel.activated.emit(0)
    type_into(cards.cards[0]["expr"].inputs()[0], "output.x")
    assert document.workflow.nodes["sum"].writes == {"total": Write(expr="output.x")}


def test_a_join_waits_for_a_number_of_values(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    made.panel.node_page.data_section.set_expanded(True)
    box = cast(QComboBox, inputs(made.behaviour("joins.in"))[0])
    box.setCurrentIndex(box.findData("n_of_m"))
    box.activated.emit(box.currentIndex())
    type_into(inputs(made.behaviour("joins.in.n"))[0], "2")
    policy = made.document.workflow.nodes["sum"].joins["in"]
    assert (policy.mode, policy.n) == ("n_of_m", 2)


# --- several, wires, workflow ---------------------------------------------------------------


def test_common_fields_of_several_nodes_change_in_one_step(desk: Make) -> None:
    made = desk(_pair())
    made.select("read", "sum")
    assert made.panel.many_page.title.text() == "2 nodes selected"
    cast(QCheckBox, inputs(made.panel.many_page.form.rows["disabled"])[0]).click()
    assert all(each.disabled for each in made.document.workflow.nodes.values())
    assert made.document.undo_stack.count() == 1


def test_fields_that_differ_show_neither_value(desk: Make) -> None:
    made = desk(document_of(node("a", "end"), Node(key="b", type="end", disabled=True)))
    made.select("a", "b")
    box = cast(QCheckBox, inputs(made.panel.many_page.form.rows["disabled"])[0])
    assert box.checkState() is Qt.CheckState.PartiallyChecked
    made.document.push(SetNode(Node(key="a", type="end", disabled=True)))
    assert box.checkState() is Qt.CheckState.Checked


def test_the_condition_of_a_wire_is_edited_and_checked(desk: Make) -> None:
    made = desk(_pair())
    made.document.selection.set(edges=("read.out->sum.in",))
    made.panel.refresh()
    row = made.panel.edge_page.form.rows["when"]
    type_into(inputs(row)[0], "input.x >")
    made.document.validate_now()
    assert made.document.workflow.edges[0].when == "input.x >"
    assert is_outlined(inputs(row)[0])


def test_a_channel_is_declared_in_the_settings(desk: Make) -> None:
    made = desk(_pair())
    cards = made.panel.workflow_page.channels.rows["channels"].field.editor
    assert isinstance(cards, CardsField)
    click(cards.add_button)
    assert not made.document.workflow.channels
    type_into(cards.cards[0]["name"].inputs()[0], "total")
    assert list(made.document.workflow.channels) == ["total"]
    assert cards.cards[0]["name"].inputs()[0].hasFocus()
    made.document.undo()
    assert not made.document.workflow.channels


def test_constants_and_variables_of_the_environment_are_edited(desk: Make) -> None:
    made = desk(_pair())
    rows = made.panel.workflow_page.environment.rows
    made.panel.workflow_page.sections[1].set_expanded(True)
    mapping = mapping_of(rows["settings.vars"])
    click(mapping.add_button)
    type_into(mapping.rows[0][0], "rate")
    clear(inputs(mapping.rows[0][1])[0])
    type_into(inputs(mapping.rows[0][1])[0], "0.19")
    names = list_of(rows["settings.env"])
    click(names.add_button)
    type_into(inputs(names.rows[0])[0], "HOME")
    assert made.document.workflow.settings == Settings(vars={"rate": 0.19}, env=("HOME",))


def test_how_many_of_a_kind_run_at_once_is_edited(desk: Make) -> None:
    """U43: by the id of a node type."""
    made = desk(_pair())
    page = made.panel.workflow_page
    page.sections[-1].set_expanded(True)
    mapping = mapping_of(page.limits.rows["settings.limits.by_type"])
    click(mapping.add_button)
    type_into(mapping.rows[0][0], "http.request")
    clear(inputs(mapping.rows[0][1])[0])
    type_into(inputs(mapping.rows[0][1])[0], "4")
    assert made.document.workflow.settings.limits == Limits(by_type={"http.request": 4})


def test_a_workflow_keeps_its_name_while_the_field_is_empty(desk: Make) -> None:
    made = desk(_pair())
    row = made.panel.workflow_page.main.rows["name"]
    clear(inputs(row)[0])
    assert made.document.workflow.name == "Invoices"
    assert row.problem.text() == "Give the workflow a name."


# --- problems, locks, JSON ------------------------------------------------------------------


def test_a_problem_opens_what_hides_its_field_and_focuses_it(desk: Make) -> None:
    made = desk(document_of(node("read", "file.read", path="a", encoding="klingon")))
    problem = next(d for d in made.document.diagnostics if d.field == "params.encoding")
    made.panel.tabs.setCurrentIndex(2)
    made.panel.show_problem(problem)
    assert made.panel.tabs.currentIndex() == 0
    assert inputs(made.row("encoding"))[0].hasFocus()


def test_a_problem_of_the_settings_focuses_its_field(desk: Make) -> None:
    made = desk(document_of(node("a", "end"), settings=Settings(result="state.gone")))
    problem = next(d for d in made.document.diagnostics if d.field == "settings.result")
    made.panel.show_problem(problem)
    assert inputs(made.panel.workflow_page.main.rows["settings.result"])[0].hasFocus()


def test_a_problem_of_a_node_that_is_gone_does_no_harm(desk: Make) -> None:
    made = desk(_pair())
    gone = Diagnostic(
        rule="E1", severity=Severity.ERROR, message="x", node="gone", field="params.x"
    )
    made.panel.show_problem(gone)
    assert made.panel.page is made.panel.workflow_page


def test_a_read_only_document_says_why_and_takes_no_keys(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    made.document.set_read_only("You are looking at an old checkpoint.")
    assert made.panel.lock_strip.words.text() == "You are looking at an old checkpoint."
    assert made.panel.lock_strip.isVisible()
    title = inputs(made.panel.node_page.top.rows["title"])[0]
    QTest.keyClicks(title, "x")
    assert cast(QLineEdit, title).text() == "Sum"
    assert not made.row("fields").field.fx.isEnabled()
    made.document.set_read_only("")
    type_into(title, "x")
    assert made.document.workflow.nodes["sum"].title == "Sumx"


def test_the_json_of_a_node_is_applied_as_a_whole(desk: Make) -> None:
    made = desk(_pair())
    made.select("sum")
    made.panel.tabs.setCurrentWidget(made.panel.json_page)
    made.panel.refresh()
    page = made.panel.json_page
    assert '"nodes.read.y"' in page.edit.toPlainText()
    page.edit.setPlainText('{"type": "set", "title": "Other", "params": {}}')
    click(page.apply_button)
    assert made.document.workflow.nodes["sum"].title == "Other"
    made.document.undo()
    assert made.document.workflow.nodes["sum"].title == "Sum"
    assert '"nodes.read.y"' in page.edit.toPlainText()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"type": "set",', "Line 1"),
        ('{"type": 3}', "type"),
        ('{"type": "set", "retry": 1}', "retry"),
    ],
)
def test_json_that_does_not_fit_is_kept_and_explained(desk: Make, text: str, words: str) -> None:
    made = desk(_pair())
    made.select("sum")
    made.panel.tabs.setCurrentWidget(made.panel.json_page)
    made.panel.refresh()
    before = made.document.workflow
    made.panel.json_page.edit.setPlainText(text)
    click(made.panel.json_page.apply_button)
    assert words in made.panel.json_page.note.text()
    assert made.document.workflow is before
    assert made.panel.json_page.edit.toPlainText() == text


def test_the_settings_of_the_workflow_are_edited_as_json(desk: Make) -> None:
    made = desk(_pair())
    made.panel.tabs.setCurrentWidget(made.panel.json_page)
    made.panel.refresh()
    page = made.panel.json_page
    page.edit.setPlainText(page.edit.toPlainText().replace('"Invoices"', '"Bills"'))
    click(page.apply_button)
    assert made.document.workflow.name == "Bills"
    assert list(made.document.workflow.nodes) == ["read", "sum"]


def test_what_is_no_value_is_still_there_after_a_look_at_another_node(desk: Make) -> None:
    made = desk(document_of(node("a", "trigger.manual"), node("b", "trigger.manual")))
    made.select("a")
    type_into(inputs(made.row("example"))[0], '{"half": ')
    made.select("b")
    assert text_of(made.row("example")) == ""
    assert made.row("example").problem.isHidden()
    made.select("a")
    assert text_of(made.row("example")) == '{"half": '
    assert "Line 1" in made.row("example").problem.text()
    type_into(inputs(made.row("example"))[0], "1}")
    assert made.params("a")["example"] == {"half": 1}
