"""Kinds of message differ in words."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from designer.widgets.kinds import Kind
from designer.widgets.speech import announce


def test_kinds_differ_in_words_and_announcing_needs_no_reader(qtbot: QtBot) -> None:
    assert Kind.WAITING.spoken == "Decision needed: "
    assert Kind.WAITING.icon == "barrier"
    label = QLabel("status")
    qtbot.addWidget(label)
    announce(label, "Done", assertive=True)
