"""A label that gives way says all of it in its tooltip, and never makes a panel wider."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from designer.widgets.elided_label import ElidedLabel


def test_what_does_not_fit_ends_in_an_ellipsis_and_comes_back(qtbot: QtBot) -> None:
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.resize(400, 20)
    label.show()
    label.show_text("3 of 3, 19:55, live: all of it")
    assert label.text() == label.whole and not label.toolTip()
    label.resize(80, 20)
    assert label.text().endswith("…") and label.toolTip() == label.whole
    assert label.accessibleName() == label.whole
    label.resize(400, 20)
    assert label.text() == label.whole and not label.toolTip()
