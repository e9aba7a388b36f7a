"""What the tests of the inspector share: workflows, an open panel, and hands for its fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.inspector import InspectorPanel
from designer.panels.inspector_computed import ComputedField
from designer.panels.inspector_lists import ListField, MappingField
from designer.panels.inspector_rows import FieldRow
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from engine.model.workflow import Channel, Edge, Node, PortRef, Workflow
from engine.nodes.builtin import builtin_registry
from tests.designer.runs.fake_engine import FakeEngine
from tests.designer.runs.window import own_settings

REGISTRY = builtin_registry()


def wire(source: str, target: str, **more: Any) -> Edge:
    return Edge(source=PortRef.parse(source), target=PortRef.parse(target), **more)


def node(key: str, kind: str, /, **params: Any) -> Node:
    return Node(key=key, type=kind, title=key.capitalize(), params=params)


def document_of(*nodes: Node, edges: tuple[Edge, ...] = (), **more: Any) -> WorkflowDocument:
    """A document of these nodes, checked."""
    made = Workflow(id="w1", name="Invoices", nodes={n.key: n for n in nodes}, edges=edges, **more)
    document = WorkflowDocument(made, REGISTRY)
    document.validate_now()
    return document


def total() -> dict[str, Channel]:
    return {"total": Channel(name="total", type="number", reducer="sum", default=0)}


class Desk:
    """An inspector on the screen with a document in it."""

    def __init__(self, qtbot: QtBot, folder: Path, document: WorkflowDocument) -> None:
        self.document = document
        settings = own_settings(folder)
        client = EngineClient(cast(Any, FakeEngine()), settings)
        self.panel = InspectorPanel(REGISTRY, settings, client, RunModel(client, client))
        client.setParent(self.panel)
        document.setParent(self.panel)
        qtbot.addWidget(self.panel)
        self.panel.resize(340, 1200)
        self.panel.set_document(document)
        self.panel.show()
        self.panel.activateWindow()
        qtbot.waitUntil(self.panel.isActiveWindow)

    def select(self, *keys: str) -> None:
        self.document.selection.set(nodes=keys)
        self.panel.refresh()

    def row(self, name: str) -> FieldRow:
        assert self.panel.node_page.params is not None
        return self.panel.node_page.params.rows[name]

    def behaviour(self, path: str) -> FieldRow:
        return next(f.rows[path] for f in self.panel.node_page.behaviour if path in f.rows)

    def params(self, key: str) -> dict[str, Any]:
        return dict(self.document.workflow.nodes[key].params)


def inputs(row: FieldRow | ComputedField) -> list[QWidget]:
    return row.field.inputs() if isinstance(row, FieldRow) else row.inputs()


def type_into(target: QWidget, text: str) -> None:
    """Type at the end of an input, as a person does."""
    target.setFocus(Qt.FocusReason.TabFocusReason)
    whole = Qt.KeyboardModifier.ControlModifier
    is_line = isinstance(target, QLineEdit)
    QTest.keyClick(target, Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier if is_line else whole)
    QTest.keyClicks(target, text)


def clear(target: QWidget) -> None:
    target.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(target, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(target, Qt.Key.Key_Delete)


def text_of(row: FieldRow | ComputedField) -> str:
    first = inputs(row)[0]
    assert isinstance(first, QLineEdit | QPlainTextEdit)
    return first.text() if isinstance(first, QLineEdit) else first.toPlainText()


def is_outlined(target: QWidget) -> bool:
    return bool(target.property("invalid"))


def list_of(row: FieldRow) -> ListField:
    assert isinstance(row.field.editor, ListField)
    return row.field.editor


def mapping_of(row: FieldRow) -> MappingField:
    assert isinstance(row.field.editor, MappingField)
    return row.field.editor


def click(target: QWidget) -> None:
    QTest.mouseClick(target, Qt.MouseButton.LeftButton)
