from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.panels.checkpoints import CheckpointsPanel
from designer.panels.checkpoints_effects import effects_ahead
from designer.panels.checkpoints_fork import ForkDialog
from engine import run_view
from engine.model.node_types import NodeType, Registry
from engine.model.workflow import Effects, Node, Workflow
from tests.designer.runs.fake_engine import FakeEngine, workflow
from tests.designer.runs.window import Heard, open_panel, until


class _NoParams(BaseModel):
    pass


def _kind(name: str, effects: Effects, role: Literal["", "barrier"] = "") -> NodeType:
    return NodeType(
        id=name,
        title=name,
        category="x",
        description="",
        params=_NoParams,
        run=None,
        effects=lambda params: effects,
        role=role,
    )


def _typed(document: Workflow, **types: str) -> Workflow:
    nodes = {
        key: Node(key=key, type=types.get(key, "set"), title=node.title)
        for key, node in document.nodes.items()
    }
    return Workflow(id="w1", name="Pay", nodes=nodes, edges=document.edges)


REGISTRY = Registry(
    [
        _kind("set", "none"),
        _kind("mail", "once"),
        _kind("put", "idempotent"),
        _kind("barrier", "none", "barrier"),
    ]
)
DOCUMENT = _typed(
    workflow(read=["ask"], ask=["put"], put=["mail"], other=["mail"]),
    ask="barrier",
    put="put",
    mail="mail",
    other="mail",
)


def test_only_what_lies_ahead_and_touches_the_world_is_listed() -> None:
    story = FakeEngine().tell("run1", DOCUMENT).start("read").finish("read", "ask")
    past = run_view.fold(story.records)
    story.finish("ask", "put").finish("put", "mail").finish("mail")
    found = effects_ahead(DOCUMENT, REGISTRY, past, story.view)
    assert [(effect.node, effect.sort, effect.ran) for effect in found] == [
        ("ask", "asks", 1),
        ("put", "idempotent", 1),
        ("mail", "once", 1),
    ]


@asynccontextmanager
async def _open_dialog(
    engine: FakeEngine, folder: Path
) -> AsyncGenerator[tuple[CheckpointsPanel, ForkDialog]]:
    engine.registry = REGISTRY
    story = engine.tell("run1", DOCUMENT)
    story.commit(ready=("read",), channels={"total": 3, "names": ["a"]})
    story.finish("read", "ask").finish("ask", "put").finish("put", "mail").finish("mail")
    async with open_panel(CheckpointsPanel, engine, folder) as panel:
        panel.model.show_commit(1)
        await until(lambda: panel.model.viewing == 1)
        QTest.mouseClick(panel.fork, Qt.MouseButton.LeftButton)
        dialog = panel.fork_dialog
        assert dialog is not None
        await until(dialog.names.count)
        yield panel, dialog
        if panel.fork_dialog is not None:
            panel.fork_dialog.close()


def _type_over(dialog: ForkDialog, row: int, text: str) -> None:
    dialog.names.setCurrentRow(row)
    dialog.editor.setFocus()
    dialog.editor.selectAll()
    QTest.keyClicks(dialog.editor, text)


async def test_the_dialog_does_not_block_the_window(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open_dialog(FakeEngine(), tmp_path) as (_, dialog):
        assert not dialog.isModal()


async def test_it_lists_what_happens_again(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open_dialog(FakeEngine(), tmp_path) as (_, dialog):
        text = dialog.effects.text()
    assert "cannot be taken back" in text
    assert "Mail (ran once in the original)" in text
    assert text.index("Mail") < text.index("Ask") < text.index("Put")


async def test_only_edited_channels_are_sent_and_the_fork_is_shown(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open_dialog(engine, tmp_path) as (panel, dialog):
        activated = Heard(panel.run_activated)
        _type_over(dialog, 1, "95")
        assert dialog.note.text() == "1 value edited"
        QTest.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
        await until(lambda: activated.calls)
        assert ("fork", "run1", 1, {"total": 95}, {}) in engine.calls
        assert panel.model.run == activated.calls[0][0]
        assert panel.model.is_live
        await until(lambda: panel.fork_dialog is None)


async def test_what_is_not_json_cannot_start_and_is_not_lost(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with _open_dialog(FakeEngine(), tmp_path) as (_, dialog):
        _type_over(dialog, 1, "9 5")
        assert not dialog.start.isEnabled()
        assert dialog.problem.text() == "Total is not JSON yet; correct it to start."
        dialog.names.setCurrentRow(0)
        dialog.names.setCurrentRow(1)
        assert dialog.editor.toPlainText() == "9 5"


async def test_the_input_of_the_run_can_be_edited_too(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with _open_dialog(engine, tmp_path) as (_, dialog):
        _type_over(dialog, 2, "7")
        QTest.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
        await until(lambda: any(call[0] == "fork" for call in engine.calls))
    assert ("fork", "run1", 1, {}, {"input": 7}) in engine.calls
