"""The document: one way to change it, exact undo, refusals that leave it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from engine.model.changes import (
    AddEdge,
    Change,
    ChangeRefused,
    Compound,
    MoveNodes,
    RemoveNode,
    SetNode,
)
from engine.model.workflow import Position
from tests.designer.canvas.kit import KIT, edge, flow


@pytest.fixture
def document(qtbot: QtBot) -> Iterator[WorkflowDocument]:
    made = WorkflowDocument(flow(["a", "b", "c"], ["a->b"]), KIT)
    yield made
    made.close()


def retitled(document: WorkflowDocument, key: str, title: str) -> SetNode:
    return SetNode(replace(document.workflow.nodes[key], title=title))


def test_an_edit_replaces_the_snapshot_and_tells_what_changed(document: WorkflowDocument) -> None:
    told: list[Change] = []
    document.changed.connect(told.append)
    before = document.workflow
    change = AddEdge(edge("b->c"))
    document.push(change, "Connect")
    assert told == [change]
    assert len(before.edges) == 1
    assert len(document.workflow.edges) == 2
    assert document.is_modified


def test_undo_and_redo_restore_the_document_exactly(document: WorkflowDocument) -> None:
    before = document.workflow
    document.push(Compound((RemoveNode("b"), RemoveNode("c"))), "Delete 2 nodes")
    after = document.workflow
    document.undo()
    assert document.workflow == before
    assert not document.is_modified
    document.redo()
    assert document.workflow == after
    assert document.undo_stack.undoText() == "Delete 2 nodes"


def test_a_refused_change_leaves_document_and_undo_as_they_were(document: WorkflowDocument) -> None:
    before = document.workflow
    with pytest.raises(ChangeRefused, match="no node z"):
        document.push(RemoveNode("z"), "Delete")
    assert document.workflow is before
    assert document.undo_stack.count() == 0


def test_a_change_without_effect_is_no_step(document: WorkflowDocument) -> None:
    document.push(retitled(document, "a", "a"), "Rename")
    assert document.undo_stack.count() == 0


def test_typing_in_one_field_is_one_step(document: WorkflowDocument) -> None:
    for text in ("F", "Fe", "Fet"):
        document.push(retitled(document, "a", text), "Rename", merge="a.title")
    assert document.undo_stack.count() == 1
    document.undo()
    assert document.workflow.nodes["a"].title == "a"
    document.redo()
    assert document.workflow.nodes["a"].title == "Fet"


def test_leaving_the_field_ends_the_step(document: WorkflowDocument) -> None:
    document.push(retitled(document, "a", "F"), "Rename", merge="a.title")
    document.end_merge()
    document.push(retitled(document, "a", "Fe"), "Rename", merge="a.title")
    assert document.undo_stack.count() == 2


def test_merged_moves_of_different_nodes_are_undone_together(document: WorkflowDocument) -> None:
    before = document.workflow
    document.push(MoveNodes({"a": Position(8, 0)}), "Move", merge="nudge")
    document.push(MoveNodes({"b": Position(308, 0)}), "Move", merge="nudge")
    assert document.undo_stack.count() == 1
    document.undo()
    assert document.workflow == before


def test_a_macro_is_one_step(document: WorkflowDocument) -> None:
    before = document.workflow
    with document.macro("Do both"):
        document.push(RemoveNode("a"))
        document.push(RemoveNode("b"))
    assert document.undo_stack.count() == 1
    document.undo()
    assert document.workflow == before


def test_a_macro_that_fails_takes_back_what_it_did(document: WorkflowDocument) -> None:
    document.push(RemoveNode("c"))
    before = document.workflow

    def both() -> None:
        with document.macro("Do both"):
            document.push(RemoveNode("a"))
            document.push(RemoveNode("z"))

    with pytest.raises(ChangeRefused):
        both()
    assert document.workflow == before


def test_a_read_only_document_says_why(document: WorkflowDocument) -> None:
    document.set_read_only("The run is going.")
    with pytest.raises(ChangeRefused, match="The run is going"):
        document.push(RemoveNode("a"), "Delete")
    document.set_read_only("")
    document.push(RemoveNode("a"), "Delete")
    assert "a" not in document.workflow.nodes


def test_what_is_gone_is_not_selected_any_more(document: WorkflowDocument) -> None:
    document.selection.set(nodes=("a", "c"), edges=("a.out->b.in",), current="a")
    document.push(RemoveNode("a"), "Delete")
    assert document.selection.nodes == {"c"}
    assert document.selection.edges == frozenset()
    assert document.selection.current == "c"  # the only one left


def test_diagnostics_follow_an_edit_after_a_pause(document: WorkflowDocument, qtbot: QtBot) -> None:
    document.validate_now()
    with qtbot.waitSignal(document.diagnostics_changed, timeout=2000):
        broken = replace(document.workflow.nodes["a"], type="nowhere")
        document.push(SetNode(broken), "Change type")
    assert document.problems_of("a")


def test_a_large_document_is_checked_in_a_thread(qtbot: QtBot) -> None:
    keys = [f"n{number}" for number in range(520)]
    document = WorkflowDocument(flow([*keys, "lost"], []), KIT)
    with qtbot.waitSignal(document.diagnostics_changed, timeout=5000):
        document.push(AddEdge(edge("n0->n1")), "Connect")
        document.push(SetNode(replace(document.workflow.nodes["n3"], type="nowhere")), "Change")
    assert document.problems_of("n3")
    document.close()


def test_another_workflow_resets_everything(document: WorkflowDocument, qtbot: QtBot) -> None:
    document.push(RemoveNode("a"), "Delete")
    with qtbot.waitSignal(document.reset):
        document.replace(flow(["x"]), modified=True)
    assert document.undo_stack.count() == 0
    assert document.selection.is_empty
    assert document.is_modified  # it was recovered: the file does not hold it


def test_a_closed_document_keeps_no_command_that_could_die_before_its_stack(
    document: WorkflowDocument,
) -> None:
    document.push(RemoveNode("a"), "Delete")
    document.close()
    assert document.undo_stack.count() == 0
