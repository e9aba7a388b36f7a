"""Pictures: exported with Ctrl+E, opened as workflows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from designer.canvas.picture import workflow_in
from designer.main_window.exporting import PictureDialog, write_whole
from tests.designer.runs.window import until
from tests.e2e.desk import CTRL, Desk, open_desk
from tests.e2e.flows import counting


async def _dialog(desk: Desk) -> PictureDialog:
    desk.key(Qt.Key.Key_E, CTRL)
    await until(lambda: desk.window.findChildren(PictureDialog))
    dialog = desk.window.findChildren(PictureDialog)[0]
    await until(dialog.isVisible)
    return dialog


async def test_a_picture_is_saved_and_opens_as_the_workflow(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        drawn = desk.tab.document.workflow
        dialog = await _dialog(desk)
        assert not dialog.preview.pixmap().isNull()
        assert not dialog.with_run.isVisible()  # there is no run to show
        desk.click(dialog.save)
        await until(lambda: desk.window.findChildren(QFileDialog))
        chooser = desk.window.findChildren(QFileDialog)[0]
        name = chooser.findChild(QLineEdit, "fileNameEdit")
        assert name is not None
        await until(name.isVisible)
        name.setText(str(tmp_path / "picture.svg"))
        name.setFocus()
        QTest.keyClick(name, Qt.Key.Key_Return)
        await until((tmp_path / "picture.svg").exists)
        assert workflow_in(tmp_path / "picture.svg") == drawn
        desk.tab.document.set_read_only("")
        desk.window.filing.drop(desk.tab)
        desk.window.filing.open_path(tmp_path / "picture.svg")
        assert desk.tab.document.workflow == drawn
        assert desk.tab.document.path is None  # the picture is not saved over


async def test_a_copied_picture_is_on_the_clipboard(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.window.filing.open_path(counting(tmp_path, 2))
        dialog = await _dialog(desk)
        desk.click(dialog.copy)
        clipboard = QApplication.clipboard()
        await until(lambda: not clipboard.image().isNull())


async def test_a_picture_without_a_workflow_says_so(
    qloop: asyncio.AbstractEventLoop, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "plain.svg").write_text("<svg/>", encoding="utf-8")
    async with open_desk(tmp_path) as desk:
        assert desk.window.filing.open_path(tmp_path / "plain.svg") is None
        assert "holds no workflow" in desk.window.toasts.toasts[-1].text


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "kept.svg"
    target.write_bytes(b"old")
    target.with_name("folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write_whole(target.with_name("folder"), b"new")
    assert not list(tmp_path.glob(".*.tmp"))
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
