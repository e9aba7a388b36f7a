"""Menus and tool bar: every verb has its place, built from constants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QMenu
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.actions.menus import (
    MENUS,
    TOOLBAR,
    WITHOUT_MENU,
    MenuEntry,
    Submenu,
    build_menu_bar,
    build_tool_bar,
)
from designer.actions.registry import ActionRegistry
from designer.theme import DARK, apply_theme
from designer.widgets.icons import icon


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


def verbs(entries: tuple[MenuEntry, ...]) -> Iterator[ActionId]:
    for entry in entries:
        if isinstance(entry, Submenu):
            yield from verbs(entry.entries)
        elif isinstance(entry, ActionId):
            yield entry


def test_every_verb_is_in_exactly_one_menu() -> None:
    listed = [verb for menu in MENUS for verb in verbs(menu.entries)]
    assert len(listed) == len(set(listed))
    assert set(listed) | WITHOUT_MENU == set(ActionId)
    assert not set(listed) & WITHOUT_MENU


def test_menus_are_those_of_the_design() -> None:
    assert [menu.title.replace("&", "") for menu in MENUS] == [
        "File", "Edit", "View", "Node", "Run", "Debug", "Window", "Help",
    ]  # fmt: skip


def menus_of(menu: QMenu) -> Iterator[QMenu]:
    yield menu
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from menus_of(inner)


def test_no_menu_has_two_entries_with_one_mnemonic(window: QMainWindow) -> None:
    build_menu_bar(window.menuBar(), ActionRegistry(window))
    for top in window.menuBar().actions():
        whole = top.menu()
        assert isinstance(whole, QMenu)
        for menu in menus_of(whole):
            texts = [action.text() for action in menu.actions() if "&" in action.text()]
            letters = [text[text.index("&") + 1].lower() for text in texts]
            assert len(letters) == len(set(letters)), (menu.title(), letters)


def test_the_menu_bar_gives_its_slots(window: QMainWindow) -> None:
    slots = build_menu_bar(window.menuBar(), ActionRegistry(window))
    assert set(slots) == {"recent_files", "examples"}
    slots["examples"].addAction("Approve an invoice")
    assert len(window.menuBar().actions()) == 8


def test_conditions_are_asked_when_a_menu_opens(window: QMainWindow) -> None:
    registry = ActionRegistry(window)
    able = [False]
    registry.bind(ActionId.EDIT_UNDO, lambda: None, enabled_when=lambda: able[0])
    build_menu_bar(window.menuBar(), registry)
    able[0] = True
    menu = window.menuBar().actions()[1].menu()
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    assert registry.action(ActionId.EDIT_UNDO).isEnabled()


def test_icons_of_a_menu_are_drawn_when_it_opens(window: QMainWindow) -> None:
    registry = ActionRegistry(window)
    build_menu_bar(window.menuBar(), registry)
    action = registry.menu_action(ActionId.FILE_SAVE)
    assert action.icon().isNull()
    menu = window.menuBar().actions()[0].menu()
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    assert not action.icon().isNull()
    assert registry.menu_action(ActionId.EDIT_UNDO).icon().isNull()


def test_the_tool_bar_has_room_for_widgets(window: QMainWindow) -> None:
    bar = window.addToolBar("Main")
    slots = build_tool_bar(bar, ActionRegistry(window))
    assert set(slots) == {"run_choice", "zoom", "search"}
    label = QLabel("80 %")
    inserted = bar.insertWidget(slots["zoom"], label)
    assert bar.actions().index(inserted) == bar.actions().index(slots["zoom"]) - 1
    assert ActionId.RUN_START in set(verbs(TOOLBAR))


def test_a_switch_with_an_icon_shows_that_it_is_on(qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    pictures = []
    for on in (False, True):
        menu = QMenu()
        qtbot.addWidget(menu)
        action = menu.addAction(icon("palette"), "Palette")
        action.setCheckable(True)
        action.setChecked(on)
        menu.ensurePolished()
        menu.resize(menu.sizeHint())
        pictures.append(menu.grab().toImage())
    assert pictures[0] != pictures[1]
