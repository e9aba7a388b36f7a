"""Keys that are no verbs: arrows between nodes, Space, Escape."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent

from designer.canvas.interactions.gesture import Host
from designer.canvas.interactions.router import Router
from designer.canvas.navigation import Direction, along, closest_to, nearest
from designer.canvas.trail import Trail

_ARROWS = {
    Qt.Key.Key_Left: Direction.LEFT,
    Qt.Key.Key_Right: Direction.RIGHT,
    Qt.Key.Key_Up: Direction.UP,
    Qt.Key.Key_Down: Direction.DOWN,
}


class KeyHost(Host, Protocol):
    """The canvas, as keys see it."""

    router: Router
    trail: Trail

    def open_quick_add(self) -> None:
        """Open the list of node types."""
        ...

    def choose_node(self, keys: tuple[str, ...], words: str) -> None:
        """Let the person choose where a wire with several ends leads."""
        ...

    def place_of(self, key: str) -> QPoint:
        """Where a node is on the view."""
        ...


class Keys:
    """Moves the focus from node to node."""

    def __init__(self, host: KeyHost) -> None:
        self._host = host

    def press(self, event: QKeyEvent) -> bool:
        """A key went down; returns whether it meant something here."""
        if self._host.router.key(event):
            return True
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Space and not event.modifiers():
            if not event.isAutoRepeat():
                self._host.router.hold_space()
            return True
        number = key - Qt.Key.Key_0
        if 1 <= number <= 9 and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return self._bookmark(number, event.modifiers())
        if key in _ARROWS:
            return self._go(_ARROWS[key], event.modifiers())
        if key == Qt.Key.Key_Escape and not self._host.document.selection.is_empty:
            self._host.document.selection.clear()
            return True
        return False

    def release(self, event: QKeyEvent) -> bool:
        """A key came up."""
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat():
            return False
        if self._host.router.let_space_go():
            self._host.open_quick_add()
        return True

    def menu_point(self) -> QPoint:
        """Where the menu key opens the menu: at the node in focus."""
        current = self._host.document.selection.current
        if current is not None:
            return self._host.place_of(current)
        return self._host.camera.middle()

    def _bookmark(self, number: int, modifiers: Qt.KeyboardModifier) -> bool:
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._host.trail.set_bookmark(number)
            self._host.say(f"Bookmark {number} is here. Ctrl+{number} comes back.")
        elif not self._host.trail.go_to_bookmark(number):
            self._host.say(f"There is no bookmark {number}: Ctrl+Shift+{number} sets it.")
        return True

    def _go(self, direction: Direction, modifiers: Qt.KeyboardModifier) -> bool:
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if modifiers & Qt.KeyboardModifier.AltModifier or (control and shift):
            return False
        board, document = self._host.board, self._host.document
        bodies = {key: item.body for key, item in board.nodes.items()}
        if not bodies:
            return False
        start = document.selection.current
        if start not in bodies:
            found = closest_to(bodies, self._host.camera.sight.center())
        elif control:
            ends = along(document.workflow, bodies, start, direction)
            if len(ends) > 1:
                self._host.choose_node(ends, "Follow which wire?")
                return True
            found = next(iter(ends), None)
        else:
            found = nearest(bodies, start, direction)
        if found is not None:
            if shift:
                nodes = document.selection.nodes | {found}
                document.selection.set(nodes=nodes, current=found)
            else:
                document.selection.set(nodes=(found,))
            self._host.camera.reveal(bodies[found], glide=True)
        return True
