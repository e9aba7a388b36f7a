"""The menus under the right button: for a node, a wire, a frame or note, and for nothing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from designer.actions.ids import ActionId
from designer.actions.registry import ActionRegistry
from designer.canvas.hits import HitKind

A = ActionId

#: None is a line between groups.
Entry = ActionId | None

NODE_MENU: tuple[Entry, ...] = (
    A.VIEW_OPEN_INSPECTOR,
    A.EDIT_RENAME,
    A.NODE_WIRE_FROM,
    None,
    A.RUN_TO_HERE,
    A.RUN_FROM_HERE,
    A.RUN_NODE_ONLY,
    A.NODE_WHY,
    A.NODE_CANCEL,
    A.VIEW_INTO_SUBFLOW,
    None,
    A.DEBUG_BREAKPOINT,
    A.NODE_PIN,
    A.NODE_TOGGLE_ENABLED,
    A.NODE_LOCK,
    None,
    A.EDIT_CUT,
    A.EDIT_COPY,
    A.EDIT_DUPLICATE,
    A.EDIT_DELETE,
    A.EDIT_DELETE_RECONNECT,
    None,
    A.NODE_FRAME,
    A.NODE_TIDY,
    A.SELECT_DOWNSTREAM,
    A.SELECT_UPSTREAM,
)
ARRANGE_MENU: tuple[Entry, ...] = (
    A.NODE_ALIGN_LEFT,
    A.NODE_ALIGN_TOP,
    A.NODE_ALIGN_CENTRES,
    None,
    A.NODE_DISTRIBUTE_ACROSS,
    A.NODE_DISTRIBUTE_DOWN,
)
EDGE_MENU: tuple[Entry, ...] = (A.EDIT_DELETE,)
BOX_MENU: tuple[Entry, ...] = (
    A.EDIT_RENAME,
    A.EDIT_COPY,
    A.EDIT_CUT,
    A.EDIT_DELETE,
    None,
    A.NODE_UNFRAME,
)
CANVAS_MENU: tuple[Entry, ...] = (
    A.NODE_QUICK_ADD,
    A.NODE_ADD_NOTE,
    A.EDIT_PASTE,
    A.EDIT_PASTE_WITH_WIRES,
    None,
    A.SELECT_ALL,
    A.NODE_TIDY,
    None,
    A.VIEW_FIT_ALL,
    A.VIEW_ZOOM_100,
    A.VIEW_GRID,
    A.VIEW_MINIMAP,
)


def entries_of(kind: HitKind) -> tuple[Entry, ...]:
    """The menu for what is under the pointer."""
    match kind:
        case HitKind.NODE | HitKind.CHIP | HitKind.PORT:
            return NODE_MENU
        case HitKind.EDGE | HitKind.EDGE_END:
            return EDGE_MENU
        case HitKind.FRAME | HitKind.NOTE | HitKind.HANDLE:
            return BOX_MENU
        case _:
            return CANVAS_MENU


def build_menu(
    registry: ActionRegistry,
    kind: HitKind,
    parent: QWidget,
    *,
    first: Sequence[QAction] = (),
    several: bool = False,
) -> QMenu:
    """The menu with the actions of the registry; the caller opens it with `popup`.

    Args:
        registry: of the window.
        kind: what is under the pointer.
        parent: owns the menu.
        first: actions of the place alone, before the others.
        several: more than one node is selected: aligning makes sense.
    """
    menu = QMenu(parent)
    registry.refresh()
    for action in first:
        action.setParent(menu)
        menu.addAction(action)
    if first:
        menu.addSeparator()
    _fill(menu, registry, entries_of(kind))
    if several and kind in (HitKind.NODE, HitKind.CHIP):
        arrange = menu.addMenu("Align")
        _fill(arrange, registry, ARRANGE_MENU)
    return menu


def align_menu(registry: ActionRegistry, parent: QWidget) -> QMenu:
    """The ways to align, as a menu of their own."""
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    registry.refresh(tuple(entry for entry in ARRANGE_MENU if entry is not None))
    _fill(menu, registry, ARRANGE_MENU)
    return menu


def _fill(menu: QMenu, registry: ActionRegistry, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry is None:
            menu.addSeparator()
        else:
            menu.addAction(registry.action(entry))
