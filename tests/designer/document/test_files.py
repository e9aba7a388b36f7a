"""Files: saved whole, never over another's edit, told when somebody else changes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from designer.document.document import WorkflowDocument
from designer.document.files import (
    ChangedOutside,
    DocumentFile,
    FileProblem,
    new_document,
    open_document,
)
from engine.model.changes import RemoveNode
from tests.designer.canvas.kit import KIT, flow

Keep = Callable[[WorkflowDocument], WorkflowDocument]


@pytest.fixture
def keep(qtbot: QtBot) -> Iterator[Keep]:
    kept: list[WorkflowDocument] = []

    def remember(document: WorkflowDocument) -> WorkflowDocument:
        kept.append(document)
        return document

    yield remember
    for document in kept:
        document.close()
        document.deleteLater()


def saved(keep: Keep, path: Path) -> tuple[WorkflowDocument, DocumentFile]:
    document = keep(WorkflowDocument(flow(["a", "b"], ["a->b"]), KIT))
    file = DocumentFile(document)
    file.save_as(path)
    return document, file


def test_what_was_saved_opens_equal(keep: Keep, tmp_path: Path) -> None:
    document, _ = saved(keep, tmp_path / "invoice")
    path = tmp_path / "invoice.flow.json"
    assert document.path == path
    assert keep(open_document(path, KIT)).workflow == document.workflow
    assert document.title == "invoice.flow"


def test_saving_makes_the_document_unmodified_until_the_next_edit(
    keep: Keep, tmp_path: Path
) -> None:
    document, file = saved(keep, tmp_path / "x.flow.json")
    document.push(RemoveNode("a"), "Delete")
    assert document.is_modified
    file.save()
    assert not document.is_modified
    assert document.edits == 0
    document.undo()
    assert document.is_modified


def test_the_file_before_is_kept_as_a_backup(keep: Keep, tmp_path: Path) -> None:
    document, file = saved(keep, tmp_path / "x.flow.json")
    document.push(RemoveNode("a"), "Delete")
    file.save()
    backup = json.loads((tmp_path / "x.flow.json.bak").read_text())
    assert "a" in backup["nodes"]


def test_a_document_without_a_file_asks_for_one(keep: Keep) -> None:
    document = keep(new_document(KIT))
    with pytest.raises(FileProblem, match="choose where to save"):
        DocumentFile(document).save()


def test_two_new_documents_have_ids_of_their_own(keep: Keep) -> None:
    assert keep(new_document(KIT)).workflow.id != keep(new_document(KIT)).workflow.id


def test_a_file_that_somebody_else_changed_is_not_overwritten(keep: Keep, tmp_path: Path) -> None:
    document, file = saved(keep, tmp_path / "x.flow.json")
    theirs = (tmp_path / "x.flow.json").read_text().replace('"invoice"', '"theirs"')
    (tmp_path / "x.flow.json").write_text(theirs)
    document.push(RemoveNode("a"), "Delete")
    with pytest.raises(ChangedOutside, match="another program"):
        file.save()
    assert (tmp_path / "x.flow.json").read_text() == theirs
    file.save(over_others=True)
    assert not document.is_modified


def test_a_change_from_outside_is_told_once(keep: Keep, tmp_path: Path, qtbot: QtBot) -> None:
    _, file = saved(keep, tmp_path / "x.flow.json")
    told: list[int] = []
    file.changed_outside.connect(lambda: told.append(1))
    other = tmp_path / "other"
    other.write_text('{"format": 1, "id": "z", "name": "theirs"}')
    other.replace(tmp_path / "x.flow.json")
    qtbot.waitUntil(lambda: told == [1], timeout=3000)
    file.reload()
    assert not file.is_changed_outside


def test_our_own_saving_is_no_change_from_outside(keep: Keep, tmp_path: Path, qtbot: QtBot) -> None:
    document, file = saved(keep, tmp_path / "x.flow.json")
    told: list[int] = []
    file.changed_outside.connect(lambda: told.append(1))
    document.push(RemoveNode("a"), "Delete")
    file.save()
    qtbot.wait(350)
    assert told == []


def test_a_file_of_a_newer_release_is_never_saved_over(keep: Keep, tmp_path: Path) -> None:
    newer = tmp_path / "new.flow.json"
    newer.write_text('{"format": 999, "nodes": {}}')
    document = keep(WorkflowDocument(flow(["a"]), KIT))
    with pytest.raises(FileProblem, match="newer release"):
        DocumentFile(document).save_as(newer)
    assert newer.read_text() == '{"format": 999, "nodes": {}}'


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1, "nodes": 7}'])
def test_a_broken_file_is_refused_with_a_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.flow.json"
    path.write_text(content)
    with pytest.raises(FileProblem, match=r"broken\.flow\.json"):
        open_document(path, KIT)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"gone\.flow\.json"):
        open_document(tmp_path / "gone.flow.json", KIT)
