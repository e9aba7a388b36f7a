"""The list of node types to type into, and lists of targets for wiring by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from designer.widgets.icons import has_icon, node_icon_name
from designer.widgets.quick_pick import PickEntry, QuickPick
from engine.model.node_types import NodeType


class NodePick(QuickPick):
    """A quick pick in which Shift+Enter picks and stays."""

    #: The key of the entry that was picked with Shift+Enter; the list is still open.
    kept = Signal(str)

    def __init__(self, window: QWidget, placeholder: str) -> None:
        super().__init__(window, placeholder)
        self._on_pick: Callable[[str, bool], None] | None = None
        self.picked.connect(self._done)
        self.kept.connect(self._go_on)

    def open_list(
        self,
        entries: Sequence[PickEntry],
        words: str,
        on_pick: Callable[[str, bool], None],
        at: QPoint | None = None,
    ) -> None:
        """Open the list; `on_pick(key, stays)` is called for each pick."""
        self._on_pick = on_pick
        self.set_placeholder(words)
        self.open_with(entries, at=at)

    def _done(self, key: str) -> None:
        if self._on_pick is not None:
            self._on_pick(key, False)

    def _go_on(self, key: str) -> None:
        if self._on_pick is not None:
            self._on_pick(key, True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the list open for Shift+Enter."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            entry = self.current_entry
            if entry is not None and entry.enabled:
                self.kept.emit(entry.key)
            return True
        return super().eventFilter(watched, event)


def entries_for(types: Iterable[NodeType], recent: Sequence[str] = ()) -> list[PickEntry]:
    """What the quick add lists: what was used lately first, then by category and title."""
    rank = {type_id: order for order, type_id in enumerate(recent)}

    def order(node_type: NodeType) -> tuple[int, str, str]:
        return rank.get(node_type.id, len(rank)), node_type.category, node_type.title

    return [
        PickEntry(
            key=node_type.id,
            title=node_type.title,
            subtitle=node_type.description,
            icon=icon_of(node_type),
            keywords=" ".join((node_type.id, node_type.category, *node_type.keywords)),
        )
        for node_type in sorted(types, key=order)
    ]


def icon_of(node_type: NodeType) -> str:
    """The icon of a node type."""
    if has_icon(node_type.icon):
        return node_type.icon
    return node_icon_name(node_type.id, node_type.category)
