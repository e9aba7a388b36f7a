"""Breakpoints and steps in the window: set on the canvas, they stop the run. U63-U65."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.main_window.breakpoint_dialog import BreakpointDialog
from designer.main_window.trial_dialog import TrialDialog
from engine.model.changes import RenameNode
from engine.model.workflow import Node, Settings, Workflow
from engine.run_view import RunView
from tests.designer.runs.window import own_settings, until
from tests.e2e.desk import CTRL, SHIFT, Desk, open_desk
from tests.e2e.flows import START, wires, write

A = ActionId


def line(folder: Path) -> Path:
    """Two steps that add one, between a start and an end."""
    add = {"fields": {"n": {"expr": "input.n + 1"}}}
    nodes = {
        "start": START,
        "one": Node(key="one", type="set", title="Add one", params=add),
        "two": Node(key="two", type="set", title="Add two", params=add),
        "done": Node(key="done", type="end"),
    }
    edges = wires("start.out one.in", "one.out two.in", "two.out done.in")
    workflow = Workflow(
        id="line", name="Line", nodes=nodes, edges=edges, settings=Settings(input={"n": 1})
    )
    return write(folder / "line.flow.json", workflow)


def dot(desk: Desk, node: str) -> str:
    return desk.canvas.board.state.nodes[node].breakpoint


def live(desk: Desk) -> RunView:
    assert desk.window.run_model.live is not None
    return desk.window.run_model.live


async def paused(desk: Desk) -> None:
    await until(lambda: desk.status == "paused")
    await until(lambda: desk.client.is_settled)


async def test_a_dot_stops_the_run_f5_goes_on_and_ctrl_f5_runs_past_it(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.click_node("two")
        desk.key(Qt.Key.Key_B)
        assert dot(desk, "two") and not dot(desk, "one")
        desk.key(Qt.Key.Key_F5)
        await paused(desk)
        await until(lambda: desk.canvas.board.state.nodes["two"].stopped)
        assert "before two" in desk.window.run_model.status_text
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        assert desk.result == {"n": 3}
        await until(lambda: not desk.canvas.board.state.nodes["two"].stopped)
        desk.key(Qt.Key.Key_F5, CTRL)
        await until(lambda: len(desk.client.runs) == 2)
        await desk.ended()


async def test_breakpoints_are_the_persons_and_not_the_documents(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    settings = own_settings(tmp_path)
    path = line(tmp_path)
    before = path.read_bytes()
    async with open_desk(tmp_path, settings=settings) as desk:
        desk.window.filing.open_path(path)
        desk.click_node("one")
        desk.key(Qt.Key.Key_F9)
        assert not desk.tab.document.is_modified
    async with open_desk(tmp_path, settings=settings) as desk:
        desk.window.filing.open_path(path)
        assert dot(desk, "one")
        assert desk.window.actions_.trigger(A.DEBUG_CLEAR_BREAKPOINTS)
        assert not dot(desk, "one")
    assert path.read_bytes() == before and settings.breakpoints_of("line") == ""


async def test_a_breakpoint_follows_its_node_when_that_is_renamed(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.click_node("two")
        desk.key(Qt.Key.Key_F9)
        desk.tab.document.push(RenameNode("two", "pay"), "Rename")
        assert dot(desk, "pay")
        desk.tab.document.undo()
        assert dot(desk, "two")


async def test_a_condition_is_asked_for_and_decides(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.click_node("two")
        desk.key(Qt.Key.Key_B, SHIFT)
        dialog = desk.window.findChild(BreakpointDialog)
        assert dialog is not None
        await until(dialog.isVisible)
        button = dialog.buttons.button(dialog.buttons.StandardButton.Ok)
        dialog.condition.setPlainText("input.n >")
        assert not button.isEnabled()
        dialog.condition.setPlainText("input.n > 5")
        desk.click(button)
        assert "if input.n > 5" in dot(desk, "two")
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        assert desk.result == {"n": 3}


async def test_one_that_is_set_while_the_run_is_paused_stops_it_further_on_and_f10_steps(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.click_node("start")
        desk.key(Qt.Key.Key_F9)
        desk.key(Qt.Key.Key_F5)
        await paused(desk)
        desk.key(Qt.Key.Key_F10)
        await until(lambda: live(desk).node("start").done == 1)
        desk.click_node("two")
        desk.key(Qt.Key.Key_F9)
        await until(lambda: len(live(desk).breakpoints) == 2)
        desk.key(Qt.Key.Key_F5)
        await until(lambda: desk.canvas.board.state.nodes["two"].stopped)
        desk.key(Qt.Key.Key_F5)
        await desk.ended()


async def test_to_here_and_from_here_run_a_part_of_the_workflow(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.click_node("one")
        desk.key(Qt.Key.Key_F9, CTRL)
        await paused(desk)
        assert not live(desk).nodes["two"].done and "ran to one" in live(desk).reason
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        desk.click_node("two")
        await desk.can(A.RUN_FROM_HERE)
        desk.key(Qt.Key.Key_F9, CTRL | SHIFT)
        await until(lambda: len(desk.client.runs) == 2)
        await desk.ended()
        states = {key: node.state for key, node in live(desk).nodes.items()}
        assert (states["one"], states["two"]) == ("recorded", "done")
        assert desk.result == {"n": 3}


async def test_one_node_alone_with_what_went_in_or_something_else(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(line(tmp_path))
        desk.key(Qt.Key.Key_F5)
        await desk.ended()
        desk.click_node("two")
        desk.key(Qt.Key.Key_F7)
        await until(lambda: desk.window.findChild(TrialDialog))
        dialog = desk.window.findChild(TrialDialog)
        assert dialog is not None
        await until(dialog.isVisible)
        assert json.loads(dialog.input.toPlainText()) == {"n": 2}
        desk.click(dialog.run)
        await until(lambda: '"n": 3' in dialog.output.toPlainText())
        dialog.input.setPlainText('{"n": 41}')
        desk.click(dialog.run)
        await until(lambda: '"n": 42' in dialog.output.toPlainText())
        dialog.input.setPlainText("{}")
        desk.click(dialog.run)
        await until(lambda: "Add two failed" in dialog._problem.text())
        dialog.reject()
        assert len(desk.client.runs) == 1
