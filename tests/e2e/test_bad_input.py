"""What cannot be read or written: one clear sentence, and the window stays."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from designer.main_window import dialogs
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, Desk, open_desk
from tests.e2e.flows import asking

ROOT = Path(__file__).parents[2]


def _truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def _newer(whole: bytes) -> bytes:
    return whole.replace(b'"format": 1', b'"format": 99')


def _huge(_whole: bytes) -> bytes:
    return b"[" + b" " * 50_000_000 + b"]"


def _deep(_whole: bytes) -> bytes:
    return b'{"format": 1, "nodes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _hostile(whole: bytes) -> bytes:
    return whole.replace(b'"ask": {', b'"../../ask": {')


BAD: tuple[Callable[[bytes], bytes], ...] = (
    lambda _whole: b"\x00\xff not a workflow",
    _truncated,
    _newer,
    _huge,
    _deep,
)


def _said(desk: Desk) -> list[str]:
    return [toast.text for toast in desk.window.toasts.toasts]


async def test_a_file_that_is_no_workflow_is_refused_in_one_sentence(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    good = asking(tmp_path).read_bytes()
    async with open_desk(tmp_path) as desk:
        for number, spoil in enumerate(BAD):
            path = tmp_path / f"bad{number}.flow.json"
            path.write_bytes(spoil(good))
            desk.window.toasts.clear()
            assert desk.window.filing.open_path(path) is None, spoil
            (text,) = _said(desk)
            assert path.name in text and text.endswith("."), text
            assert "Traceback" not in text and "\n" not in text and len(text) < 300, text
        assert desk.window.tab is None and desk.window.isVisible()


async def test_a_hostile_document_opens_runs_nothing_and_says_what_is_wrong(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.flow.json"
    path.write_bytes(_hostile(asking(tmp_path).read_bytes()))
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(path)
        await until(lambda: desk.tab.document.diagnostics)
        assert any("../../ask" in problem.message for problem in desk.tab.document.diagnostics)
        desk.key(Qt.Key.Key_F5)
        await until(lambda: _said(desk))
        assert not desk.engine.runs()


async def test_what_cannot_be_saved_is_said_and_stays_open(
    qloop: asyncio.AbstractEventLoop,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = tmp_path / "file" / "mine.flow.json"
    nowhere.parent.write_text("a file where a folder should be", encoding="utf-8")

    async def choose(*_: object) -> Path:
        return nowhere

    monkeypatch.setattr(dialogs, "ask_path_to_save", choose)
    async with open_desk(tmp_path) as desk:
        desk.key(Qt.Key.Key_N, CTRL)
        desk.add("barrier")
        desk.key(Qt.Key.Key_S, CTRL)
        await until(lambda: _said(desk))
        (text,) = _said(desk)
        assert "mine.flow.json" in text and text.endswith("."), text
        assert desk.window.isWindowModified() and desk.tab.document.workflow.nodes


async def test_a_store_that_is_locked_meanwhile_is_said_and_the_window_stays(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(asking(tmp_path))
        other = sqlite3.connect(tmp_path / "runs.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        desk.key(Qt.Key.Key_F5)
        await until(lambda: _said(desk), 25)
        (text,) = _said(desk)
        assert "runs.sqlite" in text and "locked" in text, text
        other.execute("ROLLBACK")
        other.close()
        desk.window.toasts.clear()
        desk.key(Qt.Key.Key_F5)
        await desk.waits_for_decision()


def test_a_store_that_is_no_database_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs.sqlite").write_bytes(b"this is not a database" * 500)
    code = "import sys; from designer.app import main; sys.exit(main([], store=sys.argv[1]))"
    store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    ended = subprocess.run(
        [sys.executable, "-c", code, store],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},  # on a screen it waits to be read
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert "runs.sqlite" in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
