"""Banners: by key, newest on top, no room without one."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from designer.widgets.banner import BannerArea
from designer.widgets.buttons import ButtonSpec
from designer.widgets.kinds import Kind


@pytest.fixture
def area(qtbot: QtBot) -> BannerArea:
    made = BannerArea()
    qtbot.addWidget(made)
    return made


def test_an_empty_area_is_hidden(area: BannerArea) -> None:
    assert area.isHidden()
    area.show_banner("run", "Run #41 used version 7.")
    assert not area.isHidden()
    area.dismiss("run")
    assert area.isHidden()


def test_the_same_key_replaces_in_place(area: BannerArea) -> None:
    area.show_banner("old", "first")
    area.show_banner("new", "second")
    area.show_banner("old", "first, again")
    banner = area.banner("old")
    assert banner is not None
    assert banner.text == "first, again"
    assert set(area.keys()) == {"old", "new"}
    layout = area.layout()
    assert layout is not None
    assert layout.indexOf(banner) > 0


def test_actions_are_done_and_the_banner_stays(area: BannerArea) -> None:
    done: list[int] = []
    spec = ButtonSpec(text="Show that version", on_click=lambda: done.append(1))
    banner = area.show_banner("run", "Run #41 used version 7.", Kind.INFO, (spec,))
    QTest.mouseClick(banner.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    assert done == [1]
    assert area.keys() == ("run",)


def test_closing_tells_which(area: BannerArea, qtbot: QtBot) -> None:
    banner = area.show_banner("plan", "The plan has changed.", Kind.WARNING)
    with qtbot.waitSignal(area.closed) as told:
        QTest.mouseClick(banner.findChildren(QToolButton)[0], Qt.MouseButton.LeftButton)
    assert told.args == ["plan"]
    assert area.keys() == ()


def test_what_must_stay_has_no_close_button(area: BannerArea) -> None:
    banner = area.show_banner("replay", "Replay: nothing reaches the outside.", closable=False)
    assert banner.findChildren(QToolButton) == []
    assert banner.accessibleName() == "Replay: nothing reaches the outside."


def test_dismissing_what_is_not_there_is_no_error(area: BannerArea) -> None:
    area.dismiss("nothing")
    assert area.keys() == ()
