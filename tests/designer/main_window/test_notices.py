"""Messages of the system come only to a person who looks at something else."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from designer.main_window.notices import Notices
from tests.designer.runs.window import own_settings


class Wall:
    """Where messages of a test appear."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def show(self, title: str, text: str) -> None:
        self.shown.append((title, text))


def test_nothing_is_said_to_a_person_who_is_here(qtbot: QtBot, tmp_path: Path) -> None:
    wall, here = Wall(), [True]
    notices = Notices(wall, own_settings(tmp_path), is_watched=lambda: here[0])
    notices.decision("q", "Pay 120?", "Invoices", 1)
    notices.failed("Invoices", "The server answered 503.")
    assert wall.shown == []
    here[0] = False
    notices.decision("q", "Pay 120?", "Invoices", 2)
    assert wall.shown == [("Decision needed: Invoices", "Pay 120? (2 are waiting)")]
    assert notices.request == "q"
    notices.failed("Invoices", "The server answered 503.")
    assert wall.shown[1:] == [("Invoices failed", "The server answered 503.")]
    assert notices.request == ""


def test_each_kind_can_be_switched_off(qtbot: QtBot, tmp_path: Path) -> None:
    wall, settings = Wall(), own_settings(tmp_path)
    notices = Notices(wall, settings, is_watched=lambda: False)
    settings.notify_decisions = settings.notify_failures = settings.notify_run_end = False
    notices.decision("q", "Pay 120?", "Invoices", 1)
    notices.failed("Invoices", "No.")
    notices.ended("Invoices", "Done.")
    assert wall.shown == []
    settings.notify_run_end = True
    notices.ended("Invoices", "Done.")
    assert wall.shown == [("Invoices", "Done.")]
