"""Number fields leave the wheel to the form unless they have the focus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from designer.widgets.inputs import ChoiceBox, IntegerBox, NumberBox


def wheel(widget: QWidget) -> bool:
    """Turn the wheel over `widget`; whether it took the event."""
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.setAccepted(True)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.mark.parametrize("kind", ["integer", "number", "choice"])
def test_the_wheel_scrolls_the_form(qtbot: QtBot, kind: str) -> None:
    form = QWidget()
    qtbot.addWidget(form)
    number, amount, choice = IntegerBox(0, 9, form), NumberBox(0, 9, parent=form), ChoiceBox(form)
    choice.addItems(["a", "b"])
    choice.setCurrentIndex(1)
    field = {"integer": number, "number": amount, "choice": choice}[kind]
    form.show()
    assert not wheel(field)
    assert (number.value(), amount.value(), choice.currentIndex()) == (0, 0, 1)


def test_the_wheel_changes_what_has_the_focus(qtbot: QtBot) -> None:
    field = IntegerBox(0, 9)
    qtbot.addWidget(field)
    field.show()
    field.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    wheel(field)
    assert field.value() == 1


def test_ranges_hold(qtbot: QtBot) -> None:
    amount = NumberBox(-1, 1, decimals=3)
    qtbot.addWidget(amount)
    amount.setValue(7)
    assert (amount.value(), amount.decimals()) == (1, 3)
