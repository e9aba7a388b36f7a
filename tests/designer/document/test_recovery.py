"""The journal: what a crash would have taken is found at the next start, and only then."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.document.files import DocumentFile
from designer.document.recovery import Recovery, RecoveryJournal
from designer.settings import Settings
from engine.model.changes import RemoveNode
from tests.designer.canvas.kit import KIT, flow

NOON = dt.datetime(2026, 11, 21, 12, 2, tzinfo=dt.UTC)
ROOT = Path(__file__).parents[3]

#: A designer that edits, writes down and waits to be killed.
VICTIM = """
import sys, pathlib
from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtGui import QGuiApplication
from designer.document.document import WorkflowDocument
from designer.document.recovery import Recovery, RecoveryJournal
from designer.settings import Settings
from engine.model.changes import RemoveNode
from tests.designer.canvas.kit import KIT, flow
app = QGuiApplication([])
folder = pathlib.Path(sys.argv[1])
settings = Settings(QSettings(str(folder / "s.ini"), QSettings.Format.IniFormat))
journal = RecoveryJournal(settings, folder)
document = WorkflowDocument(flow(["a", "b", "c"]), KIT)
journal.watch(document)
document.push(RemoveNode("a"), "Delete")
document.push(RemoveNode("b"), "Delete")
journal.flush()
print("written", flush=True)
app.exec()
"""


@pytest.fixture
def settings(qtbot: QtBot, tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def document(qtbot: QtBot) -> Iterator[WorkflowDocument]:
    made = WorkflowDocument(flow(["a", "b", "c"]), KIT)
    yield made
    made.close()


def journal_in(folder: Path, settings: Settings) -> RecoveryJournal:
    return RecoveryJournal(settings, folder, clock=lambda: NOON)


def found_later(folder: Path, settings: Settings) -> list[Recovery]:
    """What the next start of the program finds."""
    journal = journal_in(folder, settings)
    found = journal.find_unsaved()
    journal.close()
    return found


def test_an_edit_is_written_down_when_typing_rests(
    settings: Settings, document: WorkflowDocument, tmp_path: Path, qtbot: QtBot
) -> None:
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    with qtbot.waitSignal(journal.written, timeout=4000):
        document.push(RemoveNode("a"), "Delete")
    journal.close()
    found = found_later(tmp_path, settings)
    assert [each.edits for each in found] == [1]
    assert found[0].workflow() == document.workflow


def test_the_sentence_says_when_and_how_much(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    document.push(RemoveNode("a"), "Delete")
    document.push(RemoveNode("b"), "Delete")
    journal.flush()
    journal.close()
    other = journal_in(tmp_path, settings)
    when = NOON.astimezone()
    assert other.find_unsaved()[0].sentence == (
        f"Unsaved changes from {when:%H:%M} were found (2 edits)."
    )
    other.close()


def test_saving_clears_the_journal(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    document.push(RemoveNode("a"), "Delete")
    journal.flush()
    DocumentFile(document).save_as(tmp_path / "x.flow.json")
    journal.close()
    assert found_later(tmp_path, settings) == []


def test_undoing_everything_clears_the_journal(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    document.push(RemoveNode("a"), "Delete")
    journal.flush()
    document.undo()
    journal.flush()
    journal.close()
    assert found_later(tmp_path, settings) == []


def test_closing_without_saving_forgets(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    document.push(RemoveNode("a"), "Delete")
    journal.flush()
    journal.forget(document)
    journal.close()
    assert found_later(tmp_path, settings) == []


def test_work_of_a_living_designer_is_not_offered(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    first = journal_in(tmp_path, settings)
    first.watch(document)
    document.push(RemoveNode("a"), "Delete")
    first.flush()
    second = journal_in(tmp_path, settings)
    assert second.find_unsaved() == []
    first.close()
    assert len(second.find_unsaved()) == 1
    second.close()


def test_two_designers_keep_their_own_state_of_one_document(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    twin = WorkflowDocument(document.workflow, KIT)
    journals = [journal_in(tmp_path, settings) for _ in range(2)]
    for journal, each, gone in zip(journals, (document, twin), "ab", strict=True):
        journal.watch(each)
        each.push(RemoveNode(gone), "Delete")
        journal.flush()
    for journal in journals:
        journal.close()
    found = found_later(tmp_path, settings)
    assert {frozenset(each.workflow().nodes) for each in found} == {
        frozenset("bc"),
        frozenset("ac"),
    }
    twin.close()


def test_discarded_work_is_not_offered_again(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    first = journal_in(tmp_path, settings)
    first.watch(document)
    document.push(RemoveNode("a"), "Delete")
    first.flush()
    first.close()
    second = journal_in(tmp_path, settings)
    second.discard(second.find_unsaved()[0])
    second.close()
    assert found_later(tmp_path, settings) == []


def test_what_the_file_holds_already_is_not_offered(
    settings: Settings, document: WorkflowDocument, tmp_path: Path
) -> None:
    file = DocumentFile(document)
    file.save_as(tmp_path / "x.flow.json")
    journal = journal_in(tmp_path, settings)
    journal.watch(document)
    document.push(RemoveNode("a"), "Delete")
    journal.flush()
    journal.close()  # as if it had been killed before it heard of the saving
    file.save()
    assert found_later(tmp_path, settings) == []


def test_a_killed_designer_leaves_its_work(settings: Settings, tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "written\n"
    journal = journal_in(tmp_path, settings)
    assert journal.find_unsaved() == []  # it lives
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    found = journal.find_unsaved()
    assert [sorted(each.workflow().nodes) for each in found] == [["c"]]
    assert found[0].edits == 2
    journal.close()


def test_a_journal_that_cannot_be_written_says_so_once(
    settings: Settings, document: WorkflowDocument, tmp_path: Path, qtbot: QtBot
) -> None:
    journal = journal_in(tmp_path, settings)
    (tmp_path / "recovery" / "unsaved.sqlite").mkdir()  # a folder is no store
    journal.watch(document)
    told: list[str] = []
    journal.failed.connect(told.append)
    document.push(RemoveNode("a"), "Delete")
    journal.flush()
    document.push(RemoveNode("b"), "Delete")
    journal.flush()
    qtbot.waitUntil(lambda: len(told) == 1, timeout=2000)
    assert "Save your work" in told[0]
    journal.close()
