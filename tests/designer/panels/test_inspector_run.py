"""The inspector beside a real run: data of a node, previews of expressions, offered names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.panels.inspector import InspectorPanel
from designer.panels.inspector_expression import ExpressionField, TemplateField
from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from engine.model.changes import AddEdge, AddNode, ReplaceEdge, SetNode
from engine.model.workflow import RetryPolicy, Workflow
from engine.nodes.builtin import builtin_registry
from tests.designer.panels.inspector_window import mapping_of, node, type_into, wire
from tests.designer.runs.real_engine import invoice_workflow, open_real
from tests.designer.runs.window import until


def _failing() -> Workflow:
    made = invoice_workflow()
    bad = node("total", "set", fields={"sum": {"expr": "input.amounts / 2"}})
    return replace(made, nodes={**made.nodes, "total": bad})


@asynccontextmanager
async def _shown(
    folder: Path, workflow: Workflow, *, status: str = "waiting"
) -> AsyncGenerator[tuple[InspectorPanel, WorkflowDocument, RunModel], None]:
    """A run that stands still, and the inspector of its workflow."""
    async with open_real(folder) as (_, client, model):
        document = WorkflowDocument(workflow, builtin_registry())
        panel = InspectorPanel(builtin_registry(), client.settings, client, model)
        panel.set_document(document)
        panel.resize(340, 1000)
        panel.show()
        panel.activateWindow()
        await until(panel.isActiveWindow)
        await client.start(workflow, {"amounts": [100, 20]})
        await until(lambda: model.live is not None and model.live.status == status)
        await until(lambda: model.record is not None)
        try:
            yield panel, document, model
        finally:
            await _settled(client)
            document.close()
            panel.close()
            panel.deleteLater()


async def _settled(client: EngineClient) -> None:
    await until(lambda: client.is_settled)


def _expression(panel: InspectorPanel, field: str, row: int = 0) -> ExpressionField:
    assert panel.node_page.params is not None
    mapping = mapping_of(panel.node_page.params.rows[field])
    return cast(ExpressionField, mapping.rows[row][1].editor)


async def test_data_shows_what_went_in_and_came_out(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("total",))
        page = panel.data_page
        await until(page.splitter.isVisible)
        assert page.input.view.value == {"amounts": [100, 20]}
        assert page.output.view.value == {"sum": 120, "rows": [100, 20]}
        assert page.words.text().startswith("Took ")


async def test_data_of_a_node_that_waits_shows_its_input_alone(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("ask",))
        await until(panel.data_page.splitter.isVisible)
        assert panel.data_page.input.view.value["sum"] == 120
        assert panel.data_page.output.nothing.text() == "It has not ended yet."


async def test_data_of_a_node_that_was_not_reached_says_so(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("pay",))
        words = "Pay has not been reached in this run."
        await until(lambda: panel.data_page.nothing.accessibleName() == words)
        assert not panel.data_page.splitter.isVisible()


async def test_data_of_a_failed_node_shows_the_error(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, _failing(), status="failed") as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("total",))
        await until(panel.data_page.words.isVisible)
        assert "Total failed" in panel.data_page.words.text()
        assert panel.data_page.input.view.value == {"amounts": [100, 20]}
        assert panel.data_page.output.nothing.text() == "It failed, so nothing came out."


async def test_an_expression_shows_its_value_on_the_run(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        document.selection.set(nodes=("total",))
        panel.refresh()
        field = _expression(panel, "fields")
        await until(lambda: field.preview.text() == "= 120")
        type_into(field.edit, " + 1")
        await until(lambda: field.preview.text() == "= 121")


async def test_an_expression_that_fails_on_the_run_says_why(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        wrong = node("total", "set", fields={"sum": {"expr": "input.amount"}})
        document.push(SetNode(wrong))
        document.selection.set(nodes=("total",))
        panel.refresh()
        field = _expression(panel, "fields")
        await until(field.preview.isVisible)
        assert field.preview.text().startswith("On the run shown: input: there is no 'amount'")


async def test_a_node_that_has_not_run_sees_what_would_arrive(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        document.push(AddNode(node("new", "set", fields={"half": {"expr": "input.sum / 2"}})))
        document.push(AddEdge(wire("total.out", "new.in")))
        document.selection.set(nodes=("new",))
        panel.refresh()
        field = _expression(panel, "fields")
        await until(lambda: field.preview.text() == "= 60.0")


async def test_a_template_shows_its_text_on_the_run(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        document.selection.set(nodes=("ask",))
        panel.refresh()
        assert panel.node_page.params is not None
        field = cast(TemplateField, panel.node_page.params.rows["title"].field.editor)
        await until(lambda: field.preview.text() == "= Pay 120?")


async def test_the_condition_of_a_wire_is_tried_on_what_it_carried(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        edge = wire("total.out", "ask.in", when="input.sum > 100 and state.total == 120")
        document.push(ReplaceEdge(edge.id, edge))
        document.selection.set(edges=(edge.id,))
        panel.refresh()
        field = cast(ExpressionField, panel.edge_page.form.rows["when"].field.editor)
        await until(lambda: field.preview.text() == "= true")


async def test_the_fields_of_recorded_values_are_offered(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, _):
        document.selection.set(nodes=("ask",))
        panel.refresh()
        await until(lambda: "input" in panel.bench.sample())
        assert panel.node_page.params is not None
        field = cast(ExpressionField, panel.node_page.params.rows["payload"].field.editor)
        type_into(field.edit, "input.s")
        assert field.edit.popup.isVisible()
        QTest.keyClick(field.edit.popup, Qt.Key.Key_Return)
        assert document.workflow.nodes["ask"].params["payload"] == {"expr": "input.sum"}


async def test_without_a_run_nothing_is_tried(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, model):
        document.selection.set(nodes=("total",))
        panel.refresh()
        field = _expression(panel, "fields")
        await until(field.preview.isVisible)
        model.show_run(None)
        await until(lambda: not field.preview.isVisible())


async def test_an_old_checkpoint_shows_the_data_of_that_moment(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, invoice_workflow()) as (panel, document, model):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("total",))
        await until(panel.data_page.splitter.isVisible)
        model.show_commit(0)
        await until(lambda: model.viewing == 0)
        words = "Add up has not been reached in this run."
        await until(lambda: panel.data_page.nothing.accessibleName() == words)


def _each() -> Workflow:
    """Halve each of the amounts."""
    nodes = [
        node("start", "trigger.manual"),
        node("each", "for_each", items={"expr": "input.amounts"}),
        node("half", "set", fields={"is": {"expr": "input / 2"}}),
        node("all", "collect"),
    ]
    edges = (
        wire("start.out", "each.in"),
        wire("each.item", "half.in"),
        wire("half.out", "all.in"),
    )
    return Workflow(id="halves", name="Halves", nodes={n.key: n for n in nodes}, edges=edges)


async def test_data_of_every_item_can_be_chosen(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, _each(), status="completed") as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("half",))
        page, choice = panel.data_page, panel.data_page.choice
        await until(choice.isVisible)
        assert [choice.task.itemText(i) for i in range(2)] == ["item 1 of 2", "item 2 of 2"]
        assert not choice.attempt.isVisible()
        choice.task.setCurrentIndex(0)
        choice.task.activated.emit(0)
        await until(lambda: page.output.view.value == {"is": 50.0})
        assert page.input.view.value == 100
        QTest.mouseClick(choice.after, Qt.MouseButton.LeftButton)
        await until(lambda: page.output.view.value == {"is": 10.0})
        assert not choice.after.isEnabled()
        document.selection.set(nodes=("start",))
        await until(lambda: not choice.isVisible())


def _stubborn(folder: Path) -> Workflow:
    """Fail until a file is there that the first attempt makes."""
    code = (
        "import os\n"
        f"path = {str(folder / 'tried')!r}\n"
        "if not os.path.exists(path):\n"
        "    open(path, 'w').close()\n"
        "    raise ValueError('not yet')\n"
        "output = 'now'\n"
    )
    job = replace(
        node("job", "python.code", code=code), retry=RetryPolicy(attempts=3, delay_s=0.01)
    )
    return Workflow(
        id="stubborn",
        nodes={"start": node("start", "trigger.manual"), "job": job},
        edges=(wire("start.out", "job.in"),),
    )


async def test_data_of_a_failed_attempt_says_why_it_failed(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _shown(tmp_path, _stubborn(tmp_path), status="completed") as (panel, document, _):
        panel.tabs.setCurrentWidget(panel.data_page)
        document.selection.set(nodes=("job",))
        page, choice = panel.data_page, panel.data_page.choice
        await until(choice.isVisible)
        assert choice.attempt.currentText() == "attempt 2 of 2"
        assert page.output.view.value == "now"
        choice.attempt.setCurrentIndex(0)
        choice.attempt.activated.emit(0)
        await until(lambda: "not yet" in page.words.text())
        assert page.output.nothing.text() == "It failed, so nothing came out."
        choice.attempt.activated.emit(1)
        await until(lambda: page.output.view.isVisible() and page.output.view.value == "now")
