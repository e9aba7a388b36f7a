"""The outline: the workflow as a tree of words, with the canvas's selection."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.outline import OutlinePanel
from engine.ids import NodeKey
from engine.model.changes import MoveNodes, RemoveNode, SetNode
from engine.model.workflow import Position
from engine.run_view import NodeView, RunView
from tests.designer.panels.inspector_window import REGISTRY, document_of, node, wire
from tests.designer.runs.window import Heard


def _document() -> WorkflowDocument:
    return document_of(
        node("read", "trigger.manual"),
        node("sum", "set", fields={"x": {"expr": "input."}}),
        node("end", "end"),
        edges=(wire("read.out", "sum.in"), wire("sum.out", "end.in", when="input.x > 3")),
    )


@pytest.fixture
def document(qtbot: QtBot) -> WorkflowDocument:
    return _document()


@pytest.fixture
def panel(qtbot: QtBot, document: WorkflowDocument) -> OutlinePanel:
    made = OutlinePanel(REGISTRY)
    qtbot.addWidget(made)
    document.setParent(made)
    made.set_document(document)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def _rows(panel: OutlinePanel) -> list[str]:
    model = panel.tree.model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def _selected(panel: OutlinePanel) -> list[str]:
    return [str(index.data()) for index in panel.tree.selectedIndexes()]


def _view(**states: str) -> RunView:
    return RunView(nodes={NodeKey(key): NodeView(state=state) for key, state in states.items()})


def test_nodes_and_their_wires_are_words(panel: OutlinePanel) -> None:
    assert _rows(panel) == ["Read", "Sum, 1 problem", "End"]
    model = panel.tree.model()
    assert model.index(0, 0, model.index(1, 0)).data() == "out to End, if input.x > 3"


def test_a_run_adds_its_states(panel: OutlinePanel) -> None:
    panel.set_run_view(_view(read="done", sum="failed"))
    assert "Read, done" in _rows(panel)
    assert "Sum, failed, 1 problem" in _rows(panel)


def test_only_what_needs_attention_is_shown_on_demand(panel: OutlinePanel) -> None:
    panel.set_run_view(_view(read="done", end="waiting"))
    panel.trouble.click()
    assert sorted(_rows(panel)) == ["End, needs a decision", "Sum, 1 problem"]


def test_search_keeps_what_fits(panel: OutlinePanel, qtbot: QtBot) -> None:
    QTest.keyClicks(panel.search, "rea")
    qtbot.waitUntil(lambda: _rows(panel) == ["Read"])


def test_the_selection_is_that_of_the_document(
    panel: OutlinePanel, document: WorkflowDocument
) -> None:
    document.selection.set(nodes=("sum",))
    assert _selected(panel) == ["Sum, 1 problem"]
    document.selection.set(edges=("read.out->sum.in",))
    assert _selected(panel) == ["out to Sum"]


def test_selecting_by_keyboard_selects_in_the_document(
    panel: OutlinePanel, document: WorkflowDocument
) -> None:
    panel.tree.setFocus()
    panel.tree.setCurrentIndex(panel.tree.model().index(0, 0))
    assert document.selection.nodes == {"read"}
    QTest.keyClick(panel.tree, Qt.Key.Key_Down)
    assert document.selection.edges == {"read.out->sum.in"}


def test_enter_leads_to_the_node(panel: OutlinePanel) -> None:
    heard = Heard(panel.node_activated)
    panel.tree.setFocus()
    row = _rows(panel).index("Read")
    panel.tree.setCurrentIndex(panel.tree.model().index(row, 0))
    QTest.keyClick(panel.tree, Qt.Key.Key_Return)
    assert heard.calls == [("read",)]


def test_an_edit_shows_after_a_moment_and_keeps_the_place(
    panel: OutlinePanel, document: WorkflowDocument, qtbot: QtBot
) -> None:
    row = _rows(panel).index("Read")
    panel.tree.setCurrentIndex(panel.tree.model().index(row, 0))
    document.push(SetNode(node("end", "wait")))
    document.push(RemoveNode("sum"))
    qtbot.waitUntil(lambda: len(_rows(panel)) == 2)
    assert panel.tree.currentIndex().data() == "Read"


def test_what_was_closed_stays_closed(
    panel: OutlinePanel, document: WorkflowDocument, qtbot: QtBot
) -> None:
    row = _rows(panel).index("Read")
    panel.tree.collapse(panel.tree.model().index(row, 0))
    document.push(RemoveNode("end"))
    qtbot.waitUntil(lambda: len(_rows(panel)) == 2)
    assert not panel.tree.isExpanded(panel.tree.model().index(_rows(panel).index("Read"), 0))


def test_moving_nodes_does_not_build_the_tree_anew(
    panel: OutlinePanel, document: WorkflowDocument, qtbot: QtBot
) -> None:
    heard = Heard(panel.tree.model().modelReset, panel.tree.model().rowsRemoved)
    document.push(MoveNodes({"sum": Position(10, 10)}))
    qtbot.wait(150)
    assert not heard.calls


def test_a_closed_document_does_not_take_the_next_one_along(
    panel: OutlinePanel, document: WorkflowDocument, qtbot: QtBot
) -> None:
    other = document_of(node("only", "end"))
    other.setParent(panel)
    panel.set_document(other)
    with qtbot.waitSignal(document.destroyed):
        document.deleteLater()
    assert len(_rows(panel)) == 1
    other.selection.set(nodes=("only",))
    assert len(_selected(panel)) == 1


def test_without_a_document_it_is_empty(panel: OutlinePanel) -> None:
    panel.set_document(None)
    assert _rows(panel) == []
