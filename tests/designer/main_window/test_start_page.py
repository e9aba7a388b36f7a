"""The start page shows what files look like, and opens them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.main_window.start_page import PictureLink, StartPage
from designer.main_window.thumbnails import thumbnail
from designer.settings import cache_dir
from engine.nodes.builtin import builtin_registry
from resources.examples import examples
from tests.designer.runs.window import own_settings

REGISTRY = builtin_registry()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "data"))


def test_every_example_gets_its_picture_and_opens_by_it(qtbot: QtBot, tmp_path: Path) -> None:
    page = StartPage(own_settings(tmp_path), REGISTRY)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()

    def pictures() -> list[PictureLink]:
        shown = page.widget()
        return shown.findChildren(PictureLink) if shown is not None else []

    qtbot.waitUntil(
        lambda: bool(pictures()) and all(not p.pixmap().isNull() for p in pictures()),
        timeout=20_000,
    )
    assert len(pictures()) == len(examples())
    opened: list[str] = []
    page.example_wanted.connect(opened.append)
    QTest.mouseClick(pictures()[0], Qt.MouseButton.LeftButton)
    assert opened == [examples()[0].name]


def test_a_picture_is_kept_and_follows_the_file(qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "copy.flow.json"
    file.write_bytes(examples()[0].path.read_bytes())
    size = QSize(96, 54)
    first = thumbnail(file, size, REGISTRY)
    assert first is not None and first.width() <= 96 and first.height() <= 54
    kept = list((cache_dir() / "thumbnails").iterdir())
    assert len(kept) == 1
    assert thumbnail(file, size, REGISTRY) == first
    file.write_bytes(examples()[-1].path.read_bytes())
    assert thumbnail(file, size, REGISTRY) != first
    assert len(list((cache_dir() / "thumbnails").iterdir())) == 2


@pytest.mark.parametrize("text", ["", "no json", "{}"])
def test_what_cannot_be_read_has_no_picture(qtbot: QtBot, tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.flow.json"
    file.write_text(text, encoding="utf-8")
    assert thumbnail(file, QSize(96, 54), REGISTRY) is None
    assert thumbnail(tmp_path / "gone.flow.json", QSize(96, 54), REGISTRY) is None
