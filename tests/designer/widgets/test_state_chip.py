"""Chips show a state by more than its colour."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot

from designer.theme import DARK, STATE_STYLES, NodeState, current_theme
from designer.widgets.state_chip import (
    STATE_ROLE,
    StateChip,
    StateChipDelegate,
    chip_font,
    paint_state_chip,
)


@pytest.mark.parametrize("state", list(NodeState))
def test_every_state_is_drawn_in_its_own_colour(qtbot: QtBot, state: NodeState) -> None:
    image = QImage(160, 24, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(DARK.color("node_body"))
    painter = QPainter(image)
    paint_state_chip(painter, QRectF(1, 1, 158, 22), DARK, state, "", chip_font())
    painter.end()
    colors = {image.pixelColor(x, y).name() for x in range(160) for y in range(24)}
    assert len(colors) > 10
    style = STATE_STYLES[state]
    middle = image.pixelColor(150, 12)
    if style.is_filled:
        assert middle == DARK.color(style.role)
    else:
        assert middle == DARK.color("node_body")


def test_a_chip_says_its_state_and_needs_room_for_it(qtbot: QtBot) -> None:
    chip = StateChip()
    qtbot.addWidget(chip)
    narrow = chip.sizeHint().width()
    chip.set_state(NodeState.NEEDS_DECISION, "Needs approval 09:58")
    assert chip.accessibleName() == "Needs approval 09:58"
    assert chip.sizeHint().width() > narrow
    chip.set_state(NodeState.DONE)
    assert chip.words == "Done"
    assert not chip.grab().isNull()


def test_the_delegate_draws_chips_only_where_there_is_a_state(qtbot: QtBot) -> None:
    model = QStandardItemModel(2, 1)
    with_state = QStandardItem("Done 1.24 s")
    with_state.setData(NodeState.DONE.value, STATE_ROLE)
    model.setItem(0, 0, with_state)
    model.setItem(1, 0, QStandardItem("plain"))
    view = QTableView()
    qtbot.addWidget(view)
    view.setModel(model)
    view.setItemDelegate(StateChipDelegate(view))
    view.resize(300, 120)
    view.show()
    image = view.viewport().grab().toImage()
    inside = [image.pixelColor(12, y).name() for y in range(image.height())]
    ok = current_theme().color("ok").name()
    top = view.rowViewportPosition(1)
    assert ok in inside[:top]
    assert ok not in inside[top:]
