"""Buttons: roles, names for screen readers, icons in the colour of their words."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from designer.theme import current_theme
from designer.widgets.buttons import (
    ButtonKind,
    ButtonSpec,
    ChipButton,
    IconButton,
    TextButton,
    make_button,
)


def test_a_spec_becomes_a_connected_button(qtbot: QtBot) -> None:
    done: list[int] = []
    spec = ButtonSpec(text="Approve", on_click=lambda: done.append(1), kind=ButtonKind.PRIMARY)
    button = make_button(spec)
    qtbot.addWidget(button)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert done == [1]
    assert button.property("kind") == "primary"
    assert not button.autoDefault()


@pytest.mark.parametrize(
    ("kind", "role"), [(ButtonKind.DANGER, "on_failed"), (ButtonKind.NORMAL, "text")]
)
def test_icons_have_the_colour_of_the_words(qtbot: QtBot, kind: ButtonKind, role: str) -> None:
    button = TextButton("Stop", kind, "stop")
    qtbot.addWidget(button)
    image = button.icon().pixmap(QSize(18, 15)).toImage()
    assert image.pixelColor(7, 7) == current_theme().color(role)
    button.setEnabled(False)
    image = button.icon().pixmap(QSize(18, 15)).toImage()
    assert image.pixelColor(7, 7) == current_theme().color("disabled")


def test_icon_buttons_speak(qtbot: QtBot) -> None:
    button = IconButton("pause", "Pause")
    qtbot.addWidget(button)
    assert (button.accessibleName(), button.toolTip()) == ("Pause", "Pause")
    before = button.icon().cacheKey()
    button.set_icon("run")
    button.set_label("Go on")
    assert button.icon().cacheKey() != before
    assert button.accessibleName() == "Go on"


def test_chips_are_switches_for_the_keyboard_too(qtbot: QtBot) -> None:
    chip = ChipButton("Errors")
    qtbot.addWidget(chip)
    QTest.keyClick(chip, Qt.Key.Key_Space)
    assert chip.isChecked()
    assert chip.focusPolicy() & Qt.FocusPolicy.TabFocus
