"""One edit as a command of Qt's undo stack.

A command holds changes, which are values: no items, no widgets, nothing that can be gone
when it is undone. Commands have no children: PySide crashes on them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from PySide6.QtGui import QUndoCommand

from engine.model.changes import Change, Compound, MoveNodes, SetNode

#: Applies a change to the document that is shown now.
Apply = Callable[[Change], None]

_ALONE = -1


class EditCommand(QUndoCommand):
    """One change and what takes it back.

    Args:
        apply: puts a change into effect and tells the views.
        change: what is done; it was checked against the document before.
        inverse: what takes it back.
        text: what the person did, for the menu: "Move 3 nodes".
        merge: edits that follow each other with the same word are one step; empty for none.
    """

    def __init__(
        self, apply: Apply, change: Change, inverse: Change, text: str, merge: str = ""
    ) -> None:
        super().__init__(text)
        self._apply = apply
        self._change = change
        self._inverse = inverse
        self._merge = merge

    def redo(self) -> None:
        """Do it."""
        self._apply(self._change)

    def undo(self) -> None:
        """Take it back."""
        self._apply(self._inverse)

    def id(self) -> int:
        """Commands of one id may be merged; -1 never is."""
        return zlib.crc32(self._merge.encode()) & 0x7FFFFFFF if self._merge else _ALONE

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take the next command's change over, if it goes on with this one."""
        if not isinstance(other, EditCommand) or other._merge != self._merge:
            return False
        if _replaces(self._change, other._change):
            self._change = other._change
        else:
            self._change = Compound((self._change, other._change))
            self._inverse = Compound((other._inverse, self._inverse))
        return True


def _replaces(first: Change, second: Change) -> bool:
    """Whether `second` alone has the effect of both, so that the first inverse undoes both."""
    if isinstance(first, SetNode) and isinstance(second, SetNode):
        return first.node.key == second.node.key
    if isinstance(first, MoveNodes) and isinstance(second, MoveNodes):
        return first.positions.keys() == second.positions.keys()
    return False
