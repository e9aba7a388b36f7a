"""Verbs become QActions that are disabled until somebody can do them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.actions.spec import ActionContext
from designer.theme import DARK, LIGHT, apply_theme


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QMainWindow]:
    made = QMainWindow()
    qtbot.addWidget(made)
    centre = QWidget()
    made.setCentralWidget(centre)
    layout = QVBoxLayout(centre)
    for name in ("canvas", "field"):
        widget = QLineEdit() if name == "field" else QWidget()
        widget.setObjectName(name)
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout.addWidget(widget)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    made.close()


@pytest.fixture
def registry(window: QMainWindow) -> ActionRegistry:
    return ActionRegistry(window)


def part(window: QMainWindow, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None
    return found


def test_a_verb_that_nobody_can_do_is_disabled(registry: ActionRegistry) -> None:
    assert not registry.action(ActionId.RUN_START).isEnabled()
    assert not registry.trigger(ActionId.RUN_START)


def test_a_bound_verb_is_done_by_its_key(registry: ActionRegistry, window: QMainWindow) -> None:
    done: list[str] = []
    registry.bind(ActionId.RUN_START, lambda: done.append("run"))
    QTest.keyClick(window, Qt.Key.Key_F5)
    assert done == ["run"]


def test_conditions_are_asked_again(registry: ActionRegistry) -> None:
    able = [False]
    done: list[int] = []
    action = registry.bind(ActionId.EDIT_UNDO, lambda: done.append(1), enabled_when=lambda: able[0])
    assert not action.isEnabled()
    able[0] = True
    registry.refresh([ActionId.EDIT_UNDO])
    assert action.isEnabled()
    able[0] = False
    assert not registry.trigger(ActionId.EDIT_UNDO)
    assert done == []


def test_switches_show_what_is_on(registry: ActionRegistry) -> None:
    on = [False]
    action = registry.bind(
        ActionId.VIEW_GRID,
        lambda: on.__setitem__(0, not on[0]),
        checked_when=lambda: on[0],
    )
    assert not action.isChecked()
    registry.trigger(ActionId.VIEW_GRID)
    assert action.isChecked()
    registry.trigger(ActionId.VIEW_GRID)
    assert not action.isChecked()


def test_keys_of_the_canvas_work_there_only(registry: ActionRegistry, window: QMainWindow) -> None:
    done: list[str] = []
    registry.bind(ActionId.NODE_ADD_NOTE, lambda: done.append("note"))
    registry.attach(ActionContext.CANVAS, part(window, "canvas"))
    part(window, "field").setFocus()
    QTest.keyClick(part(window, "field"), Qt.Key.Key_N)
    assert done == []
    part(window, "canvas").setFocus()
    QTest.keyClick(part(window, "canvas"), Qt.Key.Key_N)
    assert done == ["note"]


def test_panels_have_further_keys_for_verbs_of_the_window(
    registry: ActionRegistry, window: QMainWindow
) -> None:
    done: list[str] = []
    registry.bind(ActionId.HISTORY_NEXT, lambda: done.append("next"))
    canvas = part(window, "canvas")
    registry.attach(ActionContext.CANVAS, canvas)
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Period)
    registry.detach(ActionContext.CANVAS, canvas)
    QTest.keyClick(canvas, Qt.Key.Key_Period)
    assert done == ["next"]


def test_binding_again_replaces_and_unbinding_disables(registry: ActionRegistry) -> None:
    done: list[str] = []
    registry.bind(ActionId.EDIT_COPY, lambda: done.append("first"))
    registry.bind(ActionId.EDIT_COPY, lambda: done.append("second"))
    registry.trigger(ActionId.EDIT_COPY)
    registry.unbind(ActionId.EDIT_COPY)
    registry.trigger(ActionId.EDIT_COPY)
    assert done == ["second"]
    assert not registry.is_bound(ActionId.EDIT_COPY)


def test_what_was_done_is_told(registry: ActionRegistry, qtbot: QtBot) -> None:
    registry.bind(ActionId.FILE_NEW, lambda: None)
    with qtbot.waitSignal(registry.triggered) as told:
        registry.trigger(ActionId.FILE_NEW)
    assert told.args == ["file.new"]


def test_tooltips_carry_the_key(registry: ActionRegistry) -> None:
    text = registry.action(ActionId.RUN_STOP).toolTip()
    assert text == f"Cancel the run that is shown ({registry.shown_keys(ActionId.RUN_STOP)})"
    assert registry.tooltip(ActionId.APP_ABOUT) == "About Headgate"
    assert "B" in registry.shown_keys(ActionId.DEBUG_BREAKPOINT, every=True).split(", ")


def test_the_windows_own_keys_cannot_be_attached(
    registry: ActionRegistry, window: QMainWindow
) -> None:
    with pytest.raises(ValueError, match="already"):
        registry.attach(ActionContext.WINDOW, part(window, "canvas"))


def test_icons_take_a_new_theme(
    registry: ActionRegistry, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    keys: set[int] = set()
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        keys.add(registry.action(ActionId.FILE_NEW).icon().cacheKey())
    qapp.setStyleSheet("")
    assert len(keys) == 2
