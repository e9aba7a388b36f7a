"""The problems: what is wrong with the document in front, errors first."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.problems import ProblemsPanel
from engine.model.changes import SetNode
from engine.model.diagnostics import Diagnostic
from tests.designer.panels.inspector_window import document_of, node, wire
from tests.designer.runs.window import Heard


@pytest.fixture
def document(qtbot: QtBot) -> WorkflowDocument:
    return document_of(
        node("start", "trigger.manual"), node("read", "file.read"), node("get", "http.request")
    )


@pytest.fixture
def panel(qtbot: QtBot, document: WorkflowDocument) -> ProblemsPanel:
    made = ProblemsPanel()
    qtbot.addWidget(made)
    document.setParent(made)
    made.set_document(document)
    made.resize(900, 240)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def _column(panel: ProblemsPanel, column: int) -> list[str]:
    model = panel.table.model()
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def _choose(panel: ProblemsPanel, words: str) -> None:
    panel.table.setFocus()
    row = next(i for i, text in enumerate(_column(panel, 2)) if words in text)
    panel.table.setCurrentIndex(panel.table.model().index(row, 2))


def test_errors_come_before_warnings_with_what_to_do(panel: ProblemsPanel) -> None:
    model = panel.table.model()
    spoken = [
        model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        for row in range(model.rowCount())
    ]
    assert spoken == sorted(spoken, key=["error", "warning", "info"].index)
    row = _column(panel, 2).index("Read: File is missing.")
    assert _column(panel, 1)[row] == "Read"
    assert _column(panel, 3)[row] == "Enter File."


def test_enter_goes_to_the_place(panel: ProblemsPanel) -> None:
    heard = Heard(panel.problem_activated)
    _choose(panel, "File is missing")
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    (problem,) = heard.calls[0]
    assert isinstance(problem, Diagnostic)
    assert (problem.node, problem.field) == ("read", "params.path")


def test_a_problem_is_copied_as_one_line(panel: ProblemsPanel) -> None:
    _choose(panel, "File is missing")
    QTest.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Read: Read: File is missing.: Enter File."


def test_a_mended_problem_goes_and_the_current_one_stays(
    panel: ProblemsPanel, document: WorkflowDocument
) -> None:
    _choose(panel, "File is missing")
    before = panel.count
    document.push(SetNode(node("get", "http.request", url="https://a")))
    document.validate_now()
    assert panel.count == before - 1
    assert panel.table.currentIndex().data() == "Read: File is missing."


def test_nothing_wrong_is_said_in_words(panel: ProblemsPanel) -> None:
    sound = document_of(
        node("start", "trigger.manual"), node("end", "end"), edges=(wire("start.out", "end.in"),)
    )
    sound.setParent(panel)
    panel.set_document(sound)
    assert panel.empty.isVisible()
    assert panel.empty.accessibleName() == "Nothing is wrong with this workflow."
    panel.set_document(None)
    assert panel.empty.accessibleName() == "Open a workflow to see its problems."


def test_a_closed_document_does_not_take_the_next_one_along(
    panel: ProblemsPanel, document: WorkflowDocument, qtbot: QtBot
) -> None:
    other = document_of(node("only", "file.read"))
    other.setParent(panel)
    panel.set_document(other)
    with qtbot.waitSignal(document.destroyed):
        document.deleteLater()
    assert any("File is missing" in text for text in _column(panel, 2))


def test_the_sentence_has_the_room_that_is_left(panel: ProblemsPanel) -> None:
    header = panel.table.horizontalHeader()
    before = header.sectionSize(2)
    panel.resize(1200, 240)
    assert header.sectionSize(2) > before + 200


# --- mending at a click -------------------------------------------------------------------

SWITCH = node("way", "switch", cases=[{"name": "a", "when": "input"}], otherwise=False)


@pytest.fixture
def switch(qtbot: QtBot, panel: ProblemsPanel) -> WorkflowDocument:
    made = document_of(
        node("start", "trigger.manual"),
        SWITCH,
        node("end", "end"),
        edges=(wire("start.out", "way.in"), wire("way.a", "end.in")),
    )
    made.setParent(panel)
    panel.set_document(made)
    made.validate_now()
    return made


def _fix_cell(panel: ProblemsPanel, words: str) -> QPoint:
    row = next(i for i, text in enumerate(_column(panel, 2)) if words in text)
    index = panel.table.model().index(row, 4)
    assert index.data() == "Fix"
    return panel.table.visualRect(index).center()


def test_one_click_adds_the_else_and_one_undo_takes_it_away(
    panel: ProblemsPanel, switch: WorkflowDocument
) -> None:
    """A Switch without Else; what comes out of it has an end."""
    before = switch.workflow
    place = _fix_cell(panel, "has no Else")
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert {edge.id for edge in switch.workflow.edges} > {"way.else->end_2.in"}
    assert not [each for each in switch.diagnostics if "else" in each.rule]
    assert switch.undo_stack.undoText() == "Add an Else"
    switch.undo_stack.undo()
    assert switch.workflow == before


def test_ctrl_enter_mends_and_enter_alone_does_not(
    panel: ProblemsPanel, switch: WorkflowDocument
) -> None:
    _choose(panel, "has no Else")
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert not switch.is_modified
    QTest.keyClick(panel.table, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert switch.is_modified


def test_what_a_person_has_to_enter_and_a_document_that_is_read_only_offer_nothing(
    panel: ProblemsPanel, document: WorkflowDocument, switch: WorkflowDocument
) -> None:
    switch.set_read_only("an old run is shown")
    assert set(_column(panel, 4)) == {"None"}
    panel.set_document(document)
    row = _column(panel, 2).index("Read: File is missing.")
    assert panel.table.model().index(row, 4).data() is None
