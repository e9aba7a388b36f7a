"""Toasts: at most three, gone by themselves, held while read, one action."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from designer.widgets.kinds import Kind
from designer.widgets.toast import LIMIT, Toast, ToastStack


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[QWidget]:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(800, 600)
    widget.show()
    yield widget
    widget.close()


@pytest.fixture
def stack(host: QWidget) -> ToastStack:
    return ToastStack(host, animated=False)


def hover(toast: Toast) -> None:
    point = QPointF(1, 1)
    QApplication.sendEvent(toast, QEnterEvent(point, point, point))


def test_a_fourth_toast_pushes_the_oldest_out(stack: ToastStack) -> None:
    for number in range(LIMIT + 1):
        stack.show_toast(f"message {number}")
    assert [toast.text for toast in stack.toasts] == ["message 1", "message 2", "message 3"]


def test_the_newest_is_at_the_bottom_right_and_they_do_not_overlap(
    stack: ToastStack, host: QWidget
) -> None:
    older = stack.show_toast("older")
    newer = stack.show_toast("a text that is long enough to need a second line " * 3)
    assert older.geometry().bottom() < newer.geometry().top()
    assert host.rect().contains(newer.geometry())
    assert newer.geometry().right() > host.width() - 40
    assert newer.height() > older.height()


def test_a_toast_goes_by_itself(stack: ToastStack, qtbot: QtBot) -> None:
    stack.show_toast("short", timeout_ms=20)
    qtbot.waitUntil(lambda: stack.toasts == ())


def test_a_toast_stays_while_the_mouse_is_over_it(stack: ToastStack, qtbot: QtBot) -> None:
    toast = stack.show_toast("read me", timeout_ms=30)
    hover(toast)
    qtbot.wait(60)
    assert stack.toasts == (toast,)
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(lambda: stack.toasts == (), timeout=3000)


def test_the_action_is_done_and_the_toast_leaves(stack: ToastStack) -> None:
    done: list[str] = []
    toast = stack.show_toast(
        "3 nodes deleted.", action_text="Undo", on_action=lambda: done.append("undo")
    )
    QTest.mouseClick(toast.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    assert done == ["undo"]
    assert stack.toasts == ()


def test_it_can_be_dismissed_and_zero_means_for_ever(stack: ToastStack, qtbot: QtBot) -> None:
    toast = stack.show_toast("stay", timeout_ms=0)
    qtbot.wait(20)
    assert len(stack.toasts) == 1
    QTest.mouseClick(toast.findChildren(QToolButton)[0], Qt.MouseButton.LeftButton)
    assert len(stack.toasts) == 0


def test_the_same_text_is_shown_once(stack: ToastStack) -> None:
    stack.show_toast("Saved")
    stack.show_toast("Other")
    stack.show_toast("Saved")
    assert [toast.text for toast in stack.toasts] == ["Other", "Saved"]


def test_a_toast_never_takes_the_focus(stack: ToastStack, host: QWidget) -> None:
    field = QPushButton("work", host)
    field.show()
    field.setFocus()
    stack.show_toast("hello", Kind.WAITING, action_text="Show")
    assert host.focusWidget() is field


def test_toasts_follow_the_corner_of_the_window(stack: ToastStack, host: QWidget) -> None:
    toast = stack.show_toast("here")
    host.resize(500, 400)
    assert host.rect().contains(toast.geometry())


def test_screen_readers_hear_the_kind(stack: ToastStack) -> None:
    toast = stack.show_toast("Fetch failed.", Kind.ERROR)
    assert toast.accessibleName() == "Error: Fetch failed."


def test_an_animated_toast_arrives_where_it_belongs(host: QWidget, qtbot: QtBot) -> None:
    stack = ToastStack(host)
    toast = stack.show_toast("slide")
    begun = toast.pos().y()
    qtbot.waitUntil(lambda: host.rect().contains(toast.geometry()))
    assert toast.pos().y() < begun
