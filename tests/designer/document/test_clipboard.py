"""Copy and paste between documents, editors and chats."""

from __future__ import annotations

import orjson
import pytest
from PySide6.QtGui import QGuiApplication

from designer.document import clipboard
from engine.model.changes import ChangeRefused, apply
from engine.model.workflow import Frame, Note, Position
from tests.designer.canvas.kit import flow

pytestmark = pytest.mark.usefixtures("qapp")

HERE = Position(100.0, 200.0)


def test_copied_nodes_come_with_the_wires_between_them() -> None:
    source = flow(["a", "b", "c"], ["a->b", "b->c"])
    assert clipboard.copy(source, {"a", "b"})
    pasted = clipboard.paste_from_clipboard(flow([]), HERE)
    result = apply(flow([]), pasted.change)
    assert set(result.nodes) == {"a", "b"}
    assert [edge.id for edge in result.edges] == ["a.out->b.in"]
    assert result.view.positions["a"] == HERE


def test_pasting_beside_the_originals_takes_new_keys() -> None:
    workflow = flow(["a", "b"], ["a->b"])
    clipboard.copy(workflow, {"a", "b"})
    pasted = clipboard.paste_from_clipboard(workflow, HERE)
    result = apply(workflow, pasted.change)
    assert len(result.nodes) == 4
    assert not set(pasted.nodes) & {"a", "b"}


def test_the_clipboard_holds_the_same_json_as_text() -> None:
    clipboard.copy(flow(["a"]), {"a"})
    data = QGuiApplication.clipboard().mimeData()
    assert orjson.loads(data.text()) == orjson.loads(
        bytes(data.data(clipboard.FRAGMENT_MIME).data())
    )
    assert orjson.loads(data.text())["nodes"]["a"]["type"] == "step"


def test_a_chat_may_put_the_text_between_fences() -> None:
    clipboard.copy(flow(["a"]), {"a"})
    text = QGuiApplication.clipboard().text()
    message = f"Try this:\n```json\n{text}\n```\nDone."
    pasted = clipboard.paste_text(flow([]), message.encode(), HERE)
    assert pasted.nodes == ("a",)


def test_frames_and_notes_are_copied_in_their_places() -> None:
    frame = Frame(id="f", title="Fetch", x=-20, y=-40, width=400, height=200)
    source = flow(["a"], frames=(frame,), notes=(Note(id="n", text="Hi", x=0, y=300),))
    clipboard.copy(source, {"a"}, {"f"}, {"n"})
    pasted = clipboard.paste_from_clipboard(flow([]), HERE)
    view = apply(flow([]), pasted.change).view
    assert (view.frames[0].x, view.frames[0].y) == (80, 160)
    assert (view.notes[0].x, view.notes[0].y) == (100, 500)
    assert (pasted.frames, pasted.notes) == (("f",), ("n",))


def test_a_note_alone_can_be_pasted() -> None:
    source = flow([], notes=(Note(id="n", text="Hi", x=7, y=9),))
    clipboard.copy(source, (), (), {"n"})
    pasted = clipboard.paste_from_clipboard(source, HERE)
    assert [note.id for note in apply(source, pasted.change).view.notes] == ["n", "n_2"]


def test_pasting_twice_in_one_place_does_not_cover_the_first() -> None:
    workflow = flow(["a"])
    clipboard.copy(workflow, {"a"})
    once = apply(workflow, clipboard.paste_from_clipboard(workflow, HERE).change)
    twice = apply(once, clipboard.paste_from_clipboard(once, HERE).change)
    assert len({(place.x, place.y) for place in twice.view.positions.values()}) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"just words", "no workflow"),
        (b"[1, 2, 3]", "object"),
        (b'{"format": 1, "nodes": {"a": {"type": 5}}}', "nodes.a.type"),
        (b'{"format": 1, "id": "x", "nodes": {}}', "without nodes"),
        (b'{"format": 999, "nodes": {}}', "newer"),
        (b"[" * 100_000, "no workflow"),
    ],
)
def test_foreign_text_is_refused_with_the_reason(text: bytes, reason: str) -> None:
    with pytest.raises(ChangeRefused, match=reason):
        clipboard.paste_text(flow([]), text, HERE)
