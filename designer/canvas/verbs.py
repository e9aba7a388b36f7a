"""What a person can do on the canvas by key or menu; each verb is one method.

Gestures are in `interactions`, adding in `adding`, typing in `writing`: these act on the
selection, or on the pointer's place.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from PySide6.QtCore import QPointF, QRectF

from designer.canvas import edits, navigation
from designer.canvas.adding import Adding
from designer.canvas.geometry import GRID, snapped
from designer.canvas.interactions.gesture import Host
from designer.canvas.resolve import is_locked
from designer.canvas.writing import Writing
from designer.document import clipboard
from designer.document.selection import Selection
from designer.widgets.format import plural
from designer.widgets.kinds import Kind
from engine.model.changes import Change, ChangeRefused, MoveNodes, SetNote
from engine.model.fragments import added_keys, duplicate
from engine.model.workflow import Position, Workflow

_NOTHING = "Select something first."


class Verbs:
    """Acts on the selection of the document that the canvas shows."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.adding = Adding(host)
        self.writing = Writing(host)

    @property
    def _workflow(self) -> Workflow:
        return self._host.document.workflow

    @property
    def _selection(self) -> Selection:
        return self._host.document.selection

    def close_editors(self) -> None:
        """Take what is being typed, close lists."""
        self.writing.close()
        self.adding.dismiss()

    # --- clipboard ----------------------------------------------------------------------

    def copy(self) -> bool:
        """Put the selection on the clipboard."""
        chosen = self._selection
        return clipboard.copy(self._workflow, chosen.nodes, chosen.frames, chosen.notes)

    def cut(self) -> None:
        """Put the selection on the clipboard and take it out."""
        if self._host.may_edit() and self.copy():
            self._delete("Cut")

    def paste(self, *, with_incoming: bool = False) -> None:
        """Add what the clipboard holds, at the pointer."""
        if not self._host.may_edit():
            return
        corner = snapped(self._host.pointer_or_middle())
        try:
            pasted = clipboard.paste_from_clipboard(
                self._workflow, Position(corner.x(), corner.y()), with_incoming=with_incoming
            )
        except ChangeRefused as refusal:
            self._host.say(str(refusal), Kind.WARNING)
            return
        if self._host.edit(pasted.change, f"Paste {plural(len(pasted.nodes), 'node')}"):
            self._selection.set(nodes=pasted.nodes, frames=pasted.frames, notes=pasted.notes)

    def duplicate(self) -> None:
        """Add copies of the selected nodes beside them."""
        if not self._host.may_edit():
            return
        nodes = self._selection.nodes
        try:
            change = duplicate(self._workflow, nodes)
        except ChangeRefused as refusal:
            self._host.say(str(refusal), Kind.INFO)
            return
        if self._host.edit(change, f"Duplicate {plural(len(nodes), 'node')}"):
            self._selection.set(nodes=added_keys(change))

    # --- taking away --------------------------------------------------------------------

    def delete(self) -> None:
        """Take the selection out, nodes with their wires."""
        if self._host.may_edit():
            self._delete("Delete")

    def _delete(self, verb: str) -> None:
        chosen = self._selection
        change = edits.delete(
            self._workflow, chosen.nodes, chosen.edges, chosen.frames, chosen.notes
        )
        if change is None:
            return
        if chosen.nodes:
            what = plural(len(chosen.nodes), "node")
        else:
            what = plural(len(chosen.edges), "wire") if chosen.edges else "selection"
        follows = self._neighbour()
        if self._host.edit(change, f"{verb} {what}"):
            self._selection.set(current=follows if follows in self._workflow.nodes else None)

    def _neighbour(self) -> str | None:
        """The node that gets the keyboard's focus when the current one goes."""
        current = self._selection.current
        if current is None or current not in self._selection.nodes:
            return current
        ends = [edge.source.node for edge in self._workflow.edges if edge.target.node == current]
        ends += [edge.target.node for edge in self._workflow.edges if edge.source.node == current]
        return next((key for key in ends if key not in self._selection.nodes), None)

    def delete_and_reconnect(self) -> None:
        """Take the selected nodes out and join what they connected."""
        if not self._host.may_edit():
            return
        nodes = self._selection.nodes
        change = edits.delete_and_reconnect(self._workflow, self._host.registry, nodes)
        if change is None:
            self._host.say(_NOTHING)
            return
        self._host.edit(change, f"Delete {plural(len(nodes), 'node')} and reconnect")

    # --- selecting ----------------------------------------------------------------------

    def select_all(self) -> None:
        """Select all nodes, frames and notes."""
        view = self._workflow.view
        self._selection.set(
            nodes=self._workflow.nodes,
            frames=[frame.id for frame in view.frames],
            notes=[note.id for note in view.notes],
        )

    def select_none(self) -> None:
        """Select nothing."""
        self._selection.clear()

    def invert_selection(self) -> None:
        """Select the nodes that are not selected."""
        self._selection.set(nodes=self._workflow.nodes.keys() - self._selection.nodes)

    def select_reachable(self, *, downstream: bool) -> None:
        """Select everything after (or before) the selected nodes too."""
        found = navigation.reachable(self._workflow, self._starts(), downstream=downstream)
        self._selection.set(nodes=found, current=self._selection.current)

    def select_component(self) -> None:
        """Select everything that is connected with the selected nodes."""
        found = navigation.component(self._workflow, self._starts())
        self._selection.set(nodes=found, current=self._selection.current)

    def _starts(self) -> frozenset[str]:
        current = self._selection.current
        return self._selection.nodes or frozenset([current] if current else [])

    def find(self, text: str) -> list[str]:
        """Keys of the nodes whose title, key, type or parameters hold `text`."""
        wanted = text.casefold().strip()
        if not wanted:
            return []
        found: list[str] = []
        for key, node in self._workflow.nodes.items():
            words = f"{key}\n{node.title}\n{node.type}".casefold()
            if wanted in words or wanted in _text_of(node.params):
                found.append(key)
        return found

    # --- arranging ----------------------------------------------------------------------

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selection by steps of the grid; following nudges are one undo step."""
        chosen = self._selection
        places = self._host.board.state.positions
        nodes = {key for key in chosen.nodes if not is_locked(places.get(key))}
        if not (nodes or chosen.frames or chosen.notes):
            return
        offset = QPointF(dx * GRID, dy * GRID)
        if nodes and not chosen.frames and not chosen.notes:
            moved = {
                key: Position(places[key].x + offset.x(), places[key].y + offset.y())
                for key in nodes
            }
            change: Change = MoveNodes(moved)
        else:
            change = edits.move(self._workflow, places, nodes, chosen.frames, chosen.notes, offset)
        what = plural(len(nodes), "node") if nodes else "selection"
        self._host.edit(change, f"Move {what}", merge="nudge")

    def tidy(self) -> None:
        """Lay out the selected nodes, or all."""
        if not self._host.may_edit():
            return
        nodes = self._selection.nodes if len(self._selection.nodes) > 1 else frozenset[str]()
        bodies = self._unlocked(self._host.board.nodes)
        change = edits.tidy(self._workflow, self._host.registry, nodes, bodies)
        if change is None:
            self._host.say("Everything is tidy already.")
        elif self._host.edit(change, "Tidy up") and not nodes:
            self._host.camera.fit(self._host.board.content_rect(), glide=True)

    def align(self, edge: str) -> None:
        """Put the selected nodes on one line: ``left``, ``top`` or ``row``."""
        change = edits.align(self._bodies(), edge)
        if change is not None:
            self._host.edit(change, "Align nodes")

    def distribute(self, *, across: bool) -> None:
        """Put the same room between the selected nodes."""
        change = edits.distribute(self._bodies(), across=across)
        if change is not None:
            self._host.edit(change, "Distribute nodes")

    def _bodies(self) -> dict[str, QRectF]:
        return self._unlocked(self._selection.nodes)

    def _unlocked(self, keys: Iterable[str]) -> dict[str, QRectF]:
        places = self._host.board.state.positions
        nodes = self._host.board.nodes
        return {
            key: nodes[key].body for key in keys if key in nodes and not is_locked(places.get(key))
        }

    # --- frames and notes ---------------------------------------------------------------

    def frame_selection(self) -> None:
        """Put a frame around the selection, and ask for its title."""
        if not self._host.may_edit():
            return
        board = self._host.board
        boxes = [board.nodes[key].body for key in self._selection.nodes if key in board.nodes]
        boxes += [board.notes[key].box for key in self._selection.notes if key in board.notes]
        chosen = self._selection.nodes
        whole = (z for z in board.zones.values() if chosen.issuperset(z.zone.members))
        boxes += [zone.boundingRect() for zone in whole]
        change = edits.frame_around(self._workflow, boxes, "Frame")
        if change is None:
            self._host.say("Select the nodes to frame first.")
        elif self._host.edit(change, "Frame the selection"):
            self._selection.set(frames=(change.frame.id,))
            self.writing.rename_frame(change.frame.id)

    def unframe(self) -> None:
        """Take away the selected frames, or those around the selected nodes."""
        board = self._host.board
        frames = set(self._selection.frames)
        for key in self._selection.nodes:
            body = board.nodes[key].body
            frames.update(id_ for id_, item in board.frames.items() if item.box.contains(body))
        change = edits.delete(self._workflow, (), (), frames)
        if change is not None:
            self._host.edit(change, "Unframe")

    def add_note(self) -> None:
        """Put a note at the pointer, and let it be written."""
        if not self._host.may_edit():
            return
        bodies = [shape.body for shape in self._host.board.nodes.values()]
        wanted = snapped(self._host.pointer_or_middle())
        note = edits.new_note(self._workflow, wanted, bodies)
        if self._host.edit(SetNote(note), "Add a note"):
            self._selection.set(notes=(note.id,))
            self._host.camera.reveal(QRectF(note.x, note.y, note.width, note.height))
            self.writing.edit_note(note.id)

    # --- marks --------------------------------------------------------------------------

    def toggle_enabled(self) -> None:
        """Switch the selected nodes off or on."""
        change = edits.set_disabled(self._workflow, self._selection.nodes)
        if change is not None:
            self._host.edit(change, "Switch nodes on or off")

    def toggle_lock(self) -> None:
        """Lock the selected nodes in their places, or unlock them."""
        places = self._host.board.state.positions
        change = edits.set_locked(self._workflow, self._selection.nodes, places)
        if change is not None:
            self._host.edit(change, "Lock or unlock nodes")


def _text_of(params: object) -> str:
    """Parameters as one text to search in."""
    return orjson.dumps(params, default=str).decode().casefold()
