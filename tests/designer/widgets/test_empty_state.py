"""Empty states say what would be here, and act."""

from __future__ import annotations

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
