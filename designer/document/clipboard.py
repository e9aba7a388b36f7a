"""Copy and paste: our own MIME type, and the same JSON as text for any editor or chat.

What is pasted may come from anywhere. It is checked as a file is, and every refusal is a
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import orjson
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from engine.model.changes import (
    Change,
    ChangeRefused,
    Compound,
    SetFrame,
    SetNote,
)
from engine.model.codec import workflow_from_json, workflow_to_json
from engine.model.failures import UnreadableFile
from engine.model.fragments import added_keys, copy_fragment, paste
from engine.model.keys import free_key
from engine.model.workflow import Frame, Note, Position, View, Workflow

Json = Any

FRAGMENT_MIME = "application/x-headgate-fragment+json"

#: Larger texts are no workflow that a person would paste.
LIMIT_BYTES = 20 * 1024 * 1024
#: How far a copy moves when it would cover what was pasted there before.
STEP = 24.0

_FENCED = re.compile(r"```[a-z]*\s*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pasted:
    """A change that pastes, and what it adds."""

    change: Compound
    nodes: tuple[str, ...]
    frames: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# --- copy ---------------------------------------------------------------------------------


def fragment_of(
    workflow: Workflow,
    nodes: Collection[str],
    frames: Collection[str] = (),
    notes: Collection[str] = (),
) -> Json:
    """The nodes with the wires between them, frames and notes as plain JSON."""
    fragment = copy_fragment(workflow, nodes)
    boxes = View(
        frames=tuple(frame for frame in workflow.view.frames if frame.id in frames),
        notes=tuple(note for note in workflow.view.notes if note.id in notes),
    )
    if boxes.frames or boxes.notes:
        shell = workflow_to_json(Workflow(id=workflow.id, view=boxes))
        fragment["view"] = {**shell["view"], **fragment.get("view", {})}
    return fragment


def copy(
    workflow: Workflow,
    nodes: Collection[str],
    frames: Collection[str] = (),
    notes: Collection[str] = (),
) -> bool:
    """Put nodes, frames and notes on the clipboard; returns whether there was anything."""
    if not (nodes or frames or notes):
        return False
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    text = orjson.dumps(fragment_of(workflow, nodes, frames, notes), option=options)
    data = QMimeData()
    data.setData(FRAGMENT_MIME, text)
    data.setText(text.decode())
    QGuiApplication.clipboard().setMimeData(data)
    return True


# --- paste --------------------------------------------------------------------------------


def _data() -> QMimeData | None:
    """What is on the clipboard; None while nothing has ever been copied."""
    return QGuiApplication.clipboard().mimeData()


def can_paste() -> bool:
    """Whether the clipboard holds something that may be nodes; cheap, asked by menus."""
    data = _data()
    return data is not None and (data.hasFormat(FRAGMENT_MIME) or data.hasText())


def paste_from_clipboard(
    workflow: Workflow, at: Position, *, with_incoming: bool = False
) -> Pasted:
    """What pasting the clipboard at a place would do.

    Raises:
        ChangeRefused: the clipboard holds no nodes; says what it holds instead.
    """
    data = _data()
    if data is not None and data.hasFormat(FRAGMENT_MIME):
        raw = bytes(data.data(FRAGMENT_MIME).data())
    else:
        raw = data.text().encode() if data is not None else b""
    return paste_text(workflow, raw, at, with_incoming=with_incoming)


def paste_text(
    workflow: Workflow, raw: bytes, at: Position, *, with_incoming: bool = False
) -> Pasted:
    """What pasting a text would do.

    Raises:
        ChangeRefused: it is no part of a workflow; says why.
    """
    fragment = _parse(raw)
    part = _read(fragment)
    place = _free_place(workflow, at)
    if part.nodes:
        nodes = paste(workflow, fragment, place, incoming=with_incoming)
    elif part.view.frames or part.view.notes:
        nodes = Compound(())
    else:
        raise ChangeRefused("The clipboard holds a workflow without nodes: copy some first.")
    boxes, frames, notes = _boxes(workflow, part, place)
    return Pasted(Compound((*nodes.changes, *boxes)), added_keys(nodes), frames, notes)


def _parse(raw: bytes) -> Json:
    if not raw.strip():
        raise ChangeRefused("The clipboard is empty: copy some nodes first.")
    if len(raw) > LIMIT_BYTES:
        raise ChangeRefused("The clipboard holds more than 20 MB: open it as a file instead.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    # A chat puts the text between fences.
    fenced = _FENCED.search(raw.decode("utf-8", "replace"))
    if fenced is not None:
        try:
            return orjson.loads(fenced.group(1))
        except orjson.JSONDecodeError:
            pass
    raise ChangeRefused("The clipboard holds text that is no workflow: copy some nodes first.")


def _read(fragment: Json) -> Workflow:
    try:
        return workflow_from_json(fragment, source="The clipboard's text")
    except UnreadableFile as error:
        raise ChangeRefused(str(error)) from error


def _free_place(workflow: Workflow, at: Position) -> Position:
    taken = {(round(place.x), round(place.y)) for place in workflow.view.positions.values()}
    x, y = at.x, at.y
    while (round(x), round(y)) in taken:
        x, y = x + STEP, y + STEP
    return Position(x, y)


def _boxes(
    workflow: Workflow, part: Workflow, at: Position
) -> tuple[list[Change], tuple[str, ...], tuple[str, ...]]:
    """The frames and notes of a fragment, at the same place to its nodes as before."""
    corners = [(p.x, p.y) for key, p in part.view.positions.items() if key in part.nodes]
    if not corners:
        corners = [(frame.x, frame.y) for frame in part.view.frames]
        corners += [(note.x, note.y) for note in part.view.notes]
    if not corners:
        return [], (), ()
    dx = at.x - min(x for x, _ in corners)
    dy = at.y - min(y for _, y in corners)
    taken = {frame.id for frame in workflow.view.frames}
    frames: list[Frame] = []
    for frame in part.view.frames:
        name = free_key(taken, frame.id)
        taken.add(name)
        frames.append(replace(frame, id=name, x=frame.x + dx, y=frame.y + dy))
    taken = {note.id for note in workflow.view.notes}
    notes: list[Note] = []
    for note in part.view.notes:
        name = free_key(taken, note.id)
        taken.add(name)
        notes.append(replace(note, id=name, x=note.x + dx, y=note.y + dy))
    changes: list[Change] = [SetFrame(frame) for frame in frames]
    changes += [SetNote(note) for note in notes]
    return changes, tuple(f.id for f in frames), tuple(n.id for n in notes)
