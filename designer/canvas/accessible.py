"""The canvas for screen readers: a list with one item for each node.

Qt's cache owns an interface once somebody has asked for its id, but the object behind it is
Python's: so the canvas keeps its interfaces for as long as it lives, also those of nodes that
are gone, which then say that they are not valid. (Where Qt takes None for "there is none", its
stubs do not: those methods return Any.)
"""

from __future__ import annotations

from functools import cache
from typing import Any

import shiboken6
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QAccessible, QAccessibleEvent, QAccessibleInterface, QColor
from PySide6.QtWidgets import QAccessibleWidget, QGraphicsView, QWidget

from designer.canvas.describe import describe_node
from designer.canvas.scene import CanvasScene
from designer.canvas.visuals import CanvasState


class NodeAccessible(QAccessibleInterface):
    """One node as an item of the list."""

    def __init__(self, view: QGraphicsView, key: str) -> None:
        super().__init__()
        self._view = view
        self._key = key

    @property
    def key(self) -> str:
        """The key of the node."""
        return self._key

    def _board(self) -> CanvasScene | None:
        scene = self._view.scene() if shiboken6.isValid(self._view) else None
        return scene if isinstance(scene, CanvasScene) and self._key in scene.nodes else None

    def isValid(self) -> bool:
        """Whether the node is still there."""
        return self._board() is not None

    def object(self) -> Any:
        """A node is no object of Qt's."""
        return None

    def role(self) -> QAccessible.Role:
        """An item of a list."""
        return QAccessible.Role.ListItem

    def text(self, kind: QAccessible.Text) -> str:
        """Title, type, state, ports and neighbours in one sentence."""
        board = self._board()
        if board is None:
            return ""
        if kind == QAccessible.Text.Name:
            return describe_node(self._key, board.state)
        if kind == QAccessible.Text.Value:
            return board.state.nodes[self._key].words
        return ""

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        """Nothing can be typed into a node."""

    def state(self) -> QAccessible.State:
        """Whether it is selected and has the focus."""
        state = QAccessible.State()
        board = self._board()
        if board is None:
            state.invalid = True
            return state
        ink = board.ink
        state.focusable = state.selectable = True
        state.selected = self._key in ink.selected
        state.focused = ink.ringed and ink.current == self._key
        return state

    def rect(self) -> QRect:
        """Where the body is on the screen."""
        board = self._board()
        if board is None:
            return QRect()
        box = self._view.mapFromScene(board.nodes[self._key].body).boundingRect()
        return QRect(self._view.viewport().mapToGlobal(box.topLeft()), box.size())

    def parent(self) -> Any:
        """The canvas."""
        if not shiboken6.isValid(self._view):
            return None
        return QAccessible.queryAccessibleInterface(self._view)

    def child(self, index: int) -> Any:
        """An item has no parts."""
        return None

    def childCount(self) -> int:
        """An item has no parts."""
        return 0

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """An item has no parts."""
        return -1

    def childAt(self, x: int, y: int) -> Any:
        """An item has no parts."""
        return None

    def window(self) -> Any:
        """The window of the canvas."""
        return self._view.window().windowHandle() if shiboken6.isValid(self._view) else None

    def foregroundColor(self) -> QColor:
        """Not told."""
        return QColor()

    def backgroundColor(self) -> QColor:
        """Not told."""
        return QColor()


class CanvasAccessible(QAccessibleWidget):
    """The canvas as a list of its nodes."""

    def __init__(self, view: QGraphicsView) -> None:
        super().__init__(view, QAccessible.Role.List)
        self._view = view
        self._items: dict[str, NodeAccessible] = {}

    def _board(self) -> CanvasScene | None:
        scene = self._view.scene() if shiboken6.isValid(self._view) else None
        return scene if isinstance(scene, CanvasScene) else None

    def item(self, key: str) -> NodeAccessible:
        """The item of a node; always the same one."""
        found = self._items.get(key)
        if found is None:
            found = self._items[key] = NodeAccessible(self._view, key)
        return found

    def childCount(self) -> int:
        """How many nodes there are."""
        board = self._board()
        return len(board.state.nodes) if board is not None else 0

    def child(self, index: int) -> Any:
        """The node at `index`, in the order of the document."""
        board = self._board()
        if board is None or not 0 <= index < len(board.state.nodes):
            return None
        return self.item(list(board.state.nodes)[index])

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """Where a node is in the list."""
        board = self._board()
        if board is None or not isinstance(child, NodeAccessible):
            return -1
        keys = list(board.state.nodes)
        return keys.index(child.key) if child.key in board.state.nodes else -1

    def childAt(self, x: int, y: int) -> Any:
        """The node under a point of the screen."""
        board = self._board()
        if board is None:
            return None
        spot = self._view.mapToScene(self._view.viewport().mapFromGlobal(QPoint(x, y)))
        for key, node in board.nodes.items():
            if node.body.contains(spot):
                return self.item(key)
        return None

    def focusChild(self) -> Any:
        """The node that has the keyboard's focus."""
        board = self._board()
        if board is None or board.ink.current not in board.nodes:
            return None
        return self.item(board.ink.current)


def _interface_of(class_name: str, thing: object) -> QAccessibleInterface | None:
    """Qt's question for each object that a screen reader comes to."""
    del class_name
    if not isinstance(thing, QGraphicsView) or not isinstance(thing.scene(), CanvasScene):
        return None
    known = getattr(thing, "accessible", None)
    if not isinstance(known, CanvasAccessible):
        known = CanvasAccessible(thing)
        thing.accessible = known  # type: ignore[attr-defined] # lives as long as the view does
    return known


@cache
def install_accessible_canvas() -> None:
    """Answer screen readers from now on; works once for the program."""
    QAccessible.installFactory(_interface_of)


def tell_focus(view: QWidget, state: CanvasState, key: str | None) -> None:
    """Tell screen readers that the keyboard's focus went to a node."""
    if key is not None and key in state.nodes and QAccessible.isActive():
        event = QAccessibleEvent(view, QAccessible.Event.Focus)
        event.setChild(list(state.nodes).index(key))
        QAccessible.updateAccessibility(event)
