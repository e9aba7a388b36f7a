"""Editing titles and notes where they stand."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QFont

from designer.canvas import edits
from designer.canvas.geometry import HEADER_HEIGHT, NODE_WIDTH
from designer.canvas.inline_edit import NoteEdit, TitleEdit
from designer.canvas.interactions.gesture import Host
from designer.canvas.items.frame_item import TITLE_HEIGHT
from designer.theme import scaled_px, ui_font
from engine.model.changes import SetFrame, SetNote

#: Fields are never smaller than this on the screen.
SMALLEST_PX = 150


class Writing:
    """Opens a field over what is to be renamed, and pushes what was typed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.title = TitleEdit(host.widget)
        self.note = NoteEdit(host.widget)

    def close(self) -> None:
        """Take what is being typed."""
        self.title.commit()
        self.note.commit()

    def rename_selection(self) -> None:
        """Edit the title of what is selected."""
        selection = self._host.document.selection
        key = selection.node or (selection.current if not selection.nodes else None)
        if key is not None:
            self.rename_node(key)
        elif len(selection.frames) == 1:
            self.rename_frame(next(iter(selection.frames)))
        elif len(selection.notes) == 1:
            self.edit_note(next(iter(selection.notes)))
        else:
            self._host.say("Select one node to rename.")

    def rename_node(self, key: str) -> None:
        """Edit the title of a node."""
        item = self._host.board.nodes.get(key)
        if item is None or not self._host.may_edit():
            return
        self._host.camera.reveal(item.body)
        body = item.body
        box = QRectF(body.x() + 26, body.y() + 2, NODE_WIDTH - 32, HEADER_HEIGHT - 3)
        title = self._host.document.workflow.nodes[key].title or key

        def take(text: str) -> None:
            change = edits.retitle(self._host.document.workflow, key, text)
            if change is not None and text:
                self._host.edit(change, "Rename")

        self.title.open_at(self._on_view(box, 24), title, self._font(13), take)

    def rename_frame(self, frame_id: str) -> None:
        """Edit the title of a frame."""
        item = self._host.board.frames.get(frame_id)
        if item is None or not self._host.may_edit():
            return
        frame = item.frame
        box = QRectF(item.box)
        box.setHeight(TITLE_HEIGHT)

        def take(text: str) -> None:
            if text and text != frame.title:
                self._host.edit(SetFrame(replace(frame, title=text)), "Rename frame")

        place = self._on_view(box.adjusted(6, 3, -6, -3), 26)
        self.title.open_at(place, frame.title or "Frame", self._font(16), take)

    def edit_note(self, note_id: str) -> None:
        """Edit the text of a note."""
        item = self._host.board.notes.get(note_id)
        if item is None or not self._host.may_edit():
            return
        note = item.note

        def take(text: str) -> None:
            if text != note.text:
                self._host.edit(SetNote(replace(note, text=text)), "Edit note")

        place = self._on_view(item.box, 90)
        self.note.open_at(place, note.text, self._font(12, QFont.Weight.Normal), take)

    def _font(self, size_px: int, weight: QFont.Weight = QFont.Weight.DemiBold) -> QFont:
        """A font as large as what it replaces, and never too small to read."""
        size = round(scaled_px(size_px) * min(2.0, max(0.85, self._host.camera.zoom)))
        return ui_font(size, weight)

    def _on_view(self, box: QRectF, smallest: int) -> QRect:
        view = self._host.widget
        place = view.mapFromScene(box).boundingRect()
        place.setWidth(max(SMALLEST_PX, place.width()))
        place.setHeight(max(smallest, place.height()))
        return place
