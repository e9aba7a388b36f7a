"""A press on something that can be selected: a click when it is let go, a drag when it moves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt

from designer.canvas.hits import Hit, HitKind
from designer.canvas.interactions.gesture import Gesture, Host, Pointer, is_drag

#: Makes the gesture that a press becomes when the pointer moves.
Becomes = Callable[[], Gesture | None]


class Press(Gesture):
    """Selects what is under the pointer, and becomes a drag.

    Args:
        host: the canvas.
        hit: what was pressed.
        becomes: the gesture for a drag.
        clicked: called for a click that did not move.
    """

    def __init__(
        self,
        host: Host,
        hit: Hit,
        becomes: Becomes,
        clicked: Callable[[Hit], None] | None = None,
    ) -> None:
        super().__init__(host)
        self._hit = hit
        self._becomes = becomes
        self._clicked = clicked
        self._narrows = False

    def start(self, pointer: Pointer) -> None:
        """Select it, unless it belongs to a selection that may be about to be dragged."""
        self._from = pointer
        selection = self.host.document.selection
        name = _name(self._hit)
        if pointer.has(Qt.KeyboardModifier.ShiftModifier):
            selection.toggle(**{name: self._hit.key})
            self._narrows = False
            return
        selected: frozenset[str] = getattr(selection, f"{name}s")
        if self._hit.key in selected:
            self._narrows = True  # the others are let go when this turns out to be a click
            if name == "node":
                selection.set_current(self._hit.key)
        else:
            selection.only(**{name: self._hit.key})

    def move(self, pointer: Pointer) -> None:
        """Become a drag."""
        if not is_drag(self._from, pointer):
            return
        gesture = self._becomes()
        if gesture is not None:
            self.host.begin(gesture, self._from)
            gesture.move(pointer)

    def finish(self, pointer: Pointer) -> None:
        """It was a click."""
        if self._narrows:
            name = _name(self._hit)
            self.host.document.selection.only(**{name: self._hit.key})
        if self._clicked is not None:
            self._clicked(self._hit)


def _name(hit: Hit) -> str:
    """What the selection calls what was hit."""
    match hit.kind:
        case HitKind.EDGE | HitKind.EDGE_END:
            return "edge"
        case HitKind.FRAME:
            return "frame"
        case HitKind.NOTE:
            return "note"
        case _:
            return "node"
