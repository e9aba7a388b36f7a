"""Empty states say what would be here, and act."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from designer.widgets.buttons import ButtonSpec, TextButton
from designer.widgets.empty_state import EmptyState


def test_an_empty_state_speaks_and_acts(qtbot: QtBot) -> None:
    done: list[int] = []
    spec = ButtonSpec(text="Run", on_click=lambda: done.append(1))
    empty = EmptyState("Run the workflow (F5) to see events.", title="No events", actions=(spec,))
    qtbot.addWidget(empty)
    assert empty.accessibleName() == "No events. Run the workflow (F5) to see events."
    empty.findChildren(TextButton)[0].click()
    assert done == [1]
    empty.set_text("Nothing is waiting for you.")
    assert empty.accessibleName() == "Nothing is waiting for you."


def test_a_long_sentence_is_read_whole_in_a_low_panel(qtbot: QtBot) -> None:
    empty = EmptyState(
        "Each finished step leaves a checkpoint here; you can go back to it.",
        icon_name="checkpoint",
    )
    qtbot.addWidget(empty)
    empty.resize(800, 120)
    empty.show()
    words = max(empty.findChildren(QLabel), key=lambda label: len(label.text()))
    assert words.height() >= words.heightForWidth(words.width())
    assert empty.rect().contains(words.geometry())
