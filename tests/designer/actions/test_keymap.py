"""Presets and own keys: no two commands share a key in one place, whatever is chosen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId as A
from designer.actions.keymap import (
    PRESETS,
    RESERVED,
    Preset,
    keymap,
    own_keys,
    own_text,
    plain_key,
    refusal_of,
    taken_by,
)
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ACTIONS, ActionContext, conflicts


@pytest.mark.parametrize("preset", list(Preset))
def test_no_preset_gives_a_key_twice(preset: Preset) -> None:
    assert conflicts(keymap(preset.value, "")) == []


@pytest.mark.parametrize("preset", list(Preset))
def test_no_preset_takes_letters_from_typing_or_from_the_canvas(preset: Preset) -> None:
    given = [(verb, key) for verb, keys in PRESETS[preset].items() for key in keys]
    assert [pair for pair in given if refusal_of(*pair)] == []


def test_the_presets_are_those_of_the_design() -> None:
    blender, code = keymap("blender", ""), keymap("vscode", "")
    assert blender[A.NODE_QUICK_ADD][0] == "Shift+A"
    assert blender[A.NODE_TOGGLE_ENABLED][0] == "M"
    assert blender[A.NODE_FRAME][0] == "Ctrl+J"
    assert blender[A.EDIT_DELETE_RECONNECT][0] == "Ctrl+X"
    assert code[A.WINDOW_PROBLEMS][0] == "Ctrl+Shift+M"


def test_own_keys_go_before_those_of_the_preset_and_survive() -> None:
    own = own_text({A.RUN_START: ("F8",), A.EDIT_CUT: ()})
    keys = keymap("blender", own)
    assert keys[A.RUN_START] == ("F8",)
    assert keys[A.EDIT_CUT] == ()
    assert own_keys(own) == {A.RUN_START: ("F8",), A.EDIT_CUT: ()}
    assert own_keys("no json") == own_keys('{"gone.verb": ["F8"]}') == {}


def test_a_key_of_the_window_is_taken_on_the_canvas_too() -> None:
    keys = keymap("", "")
    assert taken_by(A.NODE_TIDY, "F5", keys) == [A.RUN_START]
    assert taken_by(A.RUN_START, "W", keys) == [A.NODE_WIRE_FROM]
    assert taken_by(A.BARRIER_NEXT, "W", keys) == []  # elsewhere
    assert taken_by(A.NODE_LOCK, "B", keys) == [A.DEBUG_BREAKPOINT]  # a further key


def test_letters_are_refused_where_they_would_be_lost_to_typing() -> None:
    assert "typing" in refusal_of(A.RUN_START, "R")
    assert refusal_of(A.NODE_LOCK, "R") == ""
    assert "nearest node" in refusal_of(A.NODE_LOCK, "Left")
    assert all(plain_key(key) == key for key in RESERVED)
    assert ACTIONS[A.RUN_START].context is ActionContext.WINDOW


def test_changed_keys_work_and_are_shown(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    registry = ActionRegistry(window)
    done: list[int] = []
    registry.bind(A.RUN_START, lambda: done.append(1))
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    registry.set_keys({**registry.keys, A.RUN_START: ("F8",)})
    QTest.keyClick(window, Qt.Key.Key_F5)
    assert done == []
    QTest.keyClick(window, Qt.Key.Key_F8)
    assert done == [1]
    assert registry.action(A.RUN_START).toolTip().endswith("(F8)")
