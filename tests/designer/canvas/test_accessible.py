"""The canvas as a screen reader meets it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from PySide6.QtGui import QAccessible, QAccessibleInterface
from pytestqt.qtbot import QtBot

from designer.canvas.describe import describe_node
from engine.events import ErrorInfo
from engine.model.changes import RemoveNode
from engine.run_view import NodeView, RunView
from tests.designer.canvas.conftest import Open
from tests.designer.canvas.hand import Bench, bench, put_away
from tests.designer.canvas.kit import flow, node

ROW = flow([node("a", title="Fetch"), node("j", "join", title="Join"), "c"], ["a.out->j.left"])
NAME = QAccessible.Text.Name


def interface(canvas: Bench) -> QAccessibleInterface:
    found = QAccessible.queryAccessibleInterface(canvas.canvas)
    assert found is not None
    return found


def names(canvas: QAccessibleInterface) -> list[str]:
    children = (canvas.child(index) for index in range(canvas.childCount()))
    return [child.text(NAME).split(",")[0] for child in children if child is not None]


def test_the_canvas_is_a_list_of_nodes(open_canvas: Open) -> None:
    canvas = interface(open_canvas(ROW))
    assert canvas.role() == QAccessible.Role.List
    assert canvas.text(NAME) == "Workflow invoice, 3 nodes"
    assert names(canvas) == ["Fetch", "c", "Join"]  # as in the document


def test_a_node_says_what_it_is_and_how_it_stands(open_canvas: Open) -> None:
    opened = open_canvas(ROW)
    view = RunView(status="running")
    error = ErrorInfo(code="http", message="HTTP 503")
    view.nodes = {"j": NodeView(state="failed", failed=1, error=error)}
    opened.canvas.set_run_view(view)
    assert describe_node("j", opened.canvas.board.state).startswith(
        "Join, join, Failed: HTTP 503, 2 inputs, 1 output, after Fetch"
    )


def test_selection_and_focus_are_told(open_canvas: Open) -> None:
    opened = open_canvas(ROW)
    opened.document.selection.set(nodes=("c",))
    canvas = interface(opened)
    first, second = canvas.child(0), canvas.child(1)
    assert first is not None
    assert second is not None
    assert not first.state().selected
    assert second.state().selected
    assert second.state().focused
    focus = canvas.focusChild()
    assert focus is not None
    assert focus.text(NAME).startswith("c,")


def test_a_node_is_found_by_its_place_on_the_screen(open_canvas: Open) -> None:
    opened = open_canvas(ROW)
    canvas = interface(opened)
    first = canvas.child(0)
    assert first is not None
    centre = first.rect().center()
    found = canvas.childAt(centre.x(), centre.y())
    assert found is not None
    assert found.text(NAME) == first.text(NAME)
    corner = opened.canvas.mapToGlobal(QPoint(2, 2))
    assert canvas.childAt(corner.x(), corner.y()) is None


def test_a_node_that_is_gone_is_not_valid(open_canvas: Open) -> None:
    opened = open_canvas(ROW)
    canvas = interface(opened)
    first = canvas.child(0)
    assert first is not None
    assert first.isValid()
    opened.document.push(RemoveNode("a"), "Delete")
    assert not first.isValid()
    assert first.text(NAME) == ""
    assert first.state().invalid
    assert canvas.childCount() == 2


@pytest.mark.parametrize("times", [8])
def test_canvases_come_and_go_while_a_reader_listens(
    qtbot: QtBot, tmp_path: Path, times: int
) -> None:
    QAccessible.setActive(True)
    try:
        for _ in range(times):
            opened = bench(qtbot, ROW, tmp_path)
            canvas = interface(opened)
            children = [canvas.child(index) for index in range(canvas.childCount())]
            for each in children:
                QAccessible.uniqueId(each)  # now Qt's cache owns it
            opened.document.selection.set(nodes=("a",))
            opened.document.push(RemoveNode("a"), "Delete")
            put_away(opened)
            del canvas, children
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            gc.collect()
    finally:
        QAccessible.setActive(False)
