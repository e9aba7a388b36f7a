"""The table of verbs: complete, without conflicts, with icons that exist."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from designer.actions import spec as specs
from designer.actions.ids import ActionId
from designer.actions.spec import (
    ACTIONS,
    EXTRA_KEYS,
    ActionContext,
    ActionSpec,
    conflicts,
    keys_in,
    plain_text,
)
from designer.widgets.icons import has_icon


def test_every_verb_is_described_once() -> None:
    assert set(ACTIONS) == set(ActionId)
    assert all(spec.group and spec.text for spec in ACTIONS.values())


def test_no_two_commands_share_a_key_in_the_same_context() -> None:
    assert conflicts() == []


def test_a_conflict_would_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clash = ActionSpec(id=ActionId.FILE_NEW, text="New", keys=("F5",), group="File")
    monkeypatch.setattr(specs, "ACTIONS", {**ACTIONS, ActionId.FILE_NEW: clash})
    assert "F5 means file.new and run.start in the window." in conflicts()


def test_a_key_of_the_canvas_must_not_hide_one_of_the_window() -> None:
    assert ActionId.RUN_START in keys_in(ActionContext.CANVAS)["F5"]
    assert keys_in(ActionContext.BARRIERS)["A"] == (ActionId.BARRIER_APPROVE,)
    assert "A" not in keys_in(ActionContext.WINDOW)


def test_single_letters_never_belong_to_the_window() -> None:
    for key in keys_in(ActionContext.WINDOW):
        assert len(key.removeprefix("Shift+")) > 1, key


def test_every_key_is_one_that_qt_understands(qapp: QApplication) -> None:
    keys = [key for spec in ACTIONS.values() for key in spec.keys]
    keys += [key for extras in EXTRA_KEYS.values() for each in extras.values() for key in each]
    for key in keys:
        sequence = QKeySequence(key)
        assert sequence.count() == 1, key
        assert sequence.toString(QKeySequence.SequenceFormat.PortableText) == key


@pytest.mark.parametrize(
    ("verb", "key"),
    [
        (ActionId.RUN_START, "F5"),
        (ActionId.RUN_STOP, "Shift+F5"),
        (ActionId.DEBUG_BREAKPOINT, "F9"),
        (ActionId.DEBUG_STEP, "F10"),
        (ActionId.RUN_TO_HERE, "Ctrl+F9"),
        (ActionId.NODE_QUICK_ADD, "Tab"),
        (ActionId.NODE_TIDY, "Ctrl+Shift+F"),
        (ActionId.APP_COMMAND_PALETTE, "Ctrl+Shift+P"),
        (ActionId.HISTORY_FORK, "Ctrl+K"),
        (ActionId.BARRIER_LIST, "Ctrl+J"),
        (ActionId.BARRIER_CONFIRM, "Ctrl+Return"),
        (ActionId.VIEW_FIT_ALL, "Home"),
        (ActionId.EDIT_DELETE_RECONNECT, "Ctrl+Del"),
    ],
)
def test_the_keys_are_those_of_the_design(verb: ActionId, key: str) -> None:
    assert ACTIONS[verb].keys[0] == key


def test_icons_exist() -> None:
    missing = [spec.icon for spec in ACTIONS.values() if spec.icon and not has_icon(spec.icon)]
    assert missing == []


def test_plain_text_has_no_mnemonic() -> None:
    assert plain_text("&Open…") == "Open"
    assert plain_text("Cut && paste") == "Cut & paste"
