"""Go to, find, help: by key, from anywhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.help import HelpDialog, help_text
from engine.model.changes import SetNode
from engine.nodes.builtin import builtin_registry
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, SHIFT, open_desk
from tests.e2e.flows import asking, counting


async def test_go_to_leads_to_nodes_workflows_and_runs(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        run = desk.tab.run
        desk.window.filing.open_path(asking(tmp_path))
        desk.key(Qt.Key.Key_P, CTRL)
        await until(desk.window.finder.pick.isVisible)
        desk.type("approve")
        desk.key(Qt.Key.Key_Return)
        assert desk.tab.document.selection.nodes == {"ask"}
        desk.key(Qt.Key.Key_P, CTRL)
        desk.type("counting.flow")
        desk.key(Qt.Key.Key_Return)
        assert desk.tab.document.workflow.id == "counting"
        desk.window.run_model.show_run(None)
        desk.key(Qt.Key.Key_P, CTRL)
        desk.type("run completed")
        desk.key(Qt.Key.Key_Return)
        assert desk.window.run_model.run == run


async def test_find_looks_into_settings_and_notes_and_f4_walks_on(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        document = desk.tab.document
        noted = replace(document.workflow.nodes["done"], notes="state.n of old")
        document.push(SetNode(noted), "Note")
        assert not desk.window.actions_.is_enabled(ActionId.EDIT_FIND_NEXT)
        desk.key(Qt.Key.Key_F, CTRL)
        desk.type("state.n")
        desk.key(Qt.Key.Key_Return)
        first = document.selection.node
        desk.key(Qt.Key.Key_F4)
        second = document.selection.node
        assert {first, second} == {"count", "done"}
        desk.key(Qt.Key.Key_F4, SHIFT)
        assert document.selection.node == first


async def test_f1_explains_the_kind_of_node_that_is_selected(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(asking(tmp_path))
        desk.canvas.setFocus()
        desk.click_node("ask")
        desk.key(Qt.Key.Key_F1)
        dialog = desk.window.findChildren(HelpDialog)[0]
        assert dialog.windowTitle() == "Help: Barrier"
        assert "approve, reject" in dialog.view.toPlainText()
        dialog.close()


def test_every_kind_of_node_has_help() -> None:
    for kind in builtin_registry():
        text = help_text(kind)
        assert kind.title in text and kind.description in text
        assert "In: " in text and "Out: " in text


async def test_the_ways_to_align_are_one_key_away(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        desk.canvas.setFocus()
        desk.key(Qt.Key.Key_A, CTRL)
        desk.key(Qt.Key.Key_A, SHIFT)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        assert any("left" in action.text() for action in menu.actions())
        menu.close()


async def test_why_a_node_did_not_run_leads_to_what_decided_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(asking(tmp_path))
        desk.key(Qt.Key.Key_F5)
        await desk.waits_for_decision()
        desk.window.activateWindow()
        desk.tab.document.selection.set(nodes=("no",))
        assert desk.window.actions_.trigger(ActionId.NODE_WHY)
        why = desk.window.editing.why
        assert "has not run" in why.view.toPlainText()
        why.view.anchorClicked.emit(QUrl("node:ask"))
        assert desk.tab.document.selection.nodes == {"ask"}
        assert "waits for approval" in why.view.toPlainText()
        why.close()
