"""Which verb of the registry does what on a canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QPointF

from designer.actions.ids import ActionId as A
from designer.actions.registry import ActionRegistry
from designer.canvas.camera import ZOOM_STEP, Camera
from designer.canvas.scene import CanvasScene
from designer.canvas.trail import Trail
from designer.canvas.verbs import Verbs
from designer.document.document import WorkflowDocument
from designer.settings import Settings


class Bound(Protocol):
    """The canvas, as its verbs need it."""

    document: WorkflowDocument
    settings: Settings
    camera: Camera
    board: CanvasScene
    verbs: Verbs
    trail: Trail

    def fit(self, *, glide: bool = False) -> None:
        """Show everything."""
        ...

    def zoom_to_selection(self, *, glide: bool = False) -> None:
        """Show what is selected."""
        ...

    def open_quick_add(self, pos: QPointF | None = None) -> None:
        """Open the list of node types."""
        ...

    def open_align_menu(self) -> None:
        """Open the ways to align over what is selected."""
        ...

    def request_pin(self) -> None:
        """Ask for the outputs of the selected nodes to be pinned."""
        ...

    def activate(self) -> None:
        """Open the inspector for the node in focus."""
        ...

    @property
    def is_read_only(self) -> bool:
        """Whether the past is shown."""
        ...


def bind_verbs(actions: ActionRegistry, canvas: Bound) -> None:
    """Let `canvas` do its verbs."""
    _bind_edit(actions, canvas)
    _bind_select(actions, canvas)
    _bind_view(actions, canvas)
    _bind_nodes(actions, canvas)


def _bind_edit(actions: ActionRegistry, canvas: Bound) -> None:
    verbs, chosen = canvas.verbs, canvas.document.selection

    def any_chosen() -> bool:
        return not chosen.is_empty

    def may_change() -> bool:
        return any_chosen() and not canvas.is_read_only

    def nodes_may_change() -> bool:
        return bool(chosen.nodes) and not canvas.is_read_only

    def may_paste() -> bool:
        # Whatever the clipboard holds: pasting says why when it holds no nodes.
        return not canvas.is_read_only

    actions.bind(A.EDIT_CUT, verbs.cut, enabled_when=may_change)
    actions.bind(A.EDIT_COPY, verbs.copy, enabled_when=any_chosen)
    actions.bind(A.EDIT_PASTE, verbs.paste, enabled_when=may_paste)
    actions.bind(
        A.EDIT_PASTE_WITH_WIRES,
        lambda: verbs.paste(with_incoming=True),
        enabled_when=may_paste,
    )
    actions.bind(A.EDIT_DUPLICATE, verbs.duplicate, enabled_when=nodes_may_change)
    actions.bind(A.EDIT_DELETE, verbs.delete, enabled_when=may_change)
    actions.bind(A.EDIT_DELETE_RECONNECT, verbs.delete_and_reconnect, enabled_when=nodes_may_change)
    actions.bind(A.EDIT_RENAME, verbs.writing.rename_selection, enabled_when=may_change)


def _bind_select(actions: ActionRegistry, canvas: Bound) -> None:
    verbs, chosen = canvas.verbs, canvas.document.selection

    def has_start() -> bool:
        return bool(chosen.nodes) or chosen.current is not None

    actions.bind(A.SELECT_ALL, verbs.select_all)
    actions.bind(A.SELECT_NONE, verbs.select_none)
    actions.bind(A.SELECT_INVERT, verbs.invert_selection)
    actions.bind(
        A.SELECT_DOWNSTREAM,
        lambda: verbs.select_reachable(downstream=True),
        enabled_when=has_start,
    )
    actions.bind(
        A.SELECT_UPSTREAM,
        lambda: verbs.select_reachable(downstream=False),
        enabled_when=has_start,
    )
    actions.bind(A.SELECT_COMPONENT, verbs.select_component, enabled_when=has_start)


def _bind_view(actions: ActionRegistry, canvas: Bound) -> None:
    camera, settings, trail = canvas.camera, canvas.settings, canvas.trail
    chosen = canvas.document.selection

    def flip_minimap() -> None:
        settings.minimap_visible = not settings.minimap_visible

    def flip_grid() -> None:
        settings.grid_visible = not settings.grid_visible

    def fit_all() -> None:
        trail.leave()
        canvas.fit(glide=True)

    def fit_selection() -> None:
        trail.leave()
        canvas.zoom_to_selection(glide=True)

    actions.bind(A.VIEW_ZOOM_IN, lambda: camera.zoom_by(ZOOM_STEP))
    actions.bind(A.VIEW_ZOOM_OUT, lambda: camera.zoom_by(1 / ZOOM_STEP))
    actions.bind(A.VIEW_ZOOM_100, lambda: camera.zoom_to(1.0))
    actions.bind(A.VIEW_FIT_ALL, fit_all)
    actions.bind(A.VIEW_FIT_SELECTION, fit_selection)
    actions.bind(A.VIEW_BACK, trail.go_back, enabled_when=lambda: trail.can_go_back)
    actions.bind(A.VIEW_FORWARD, trail.go_forward, enabled_when=lambda: trail.can_go_forward)
    actions.bind(A.VIEW_MINIMAP, flip_minimap, checked_when=lambda: settings.minimap_visible)
    actions.bind(A.VIEW_GRID, flip_grid, checked_when=lambda: settings.grid_visible)
    actions.bind(
        A.VIEW_OPEN_INSPECTOR,
        canvas.activate,
        enabled_when=lambda: chosen.node is not None or chosen.current is not None,
    )


def _bind_nodes(actions: ActionRegistry, canvas: Bound) -> None:
    verbs, chosen = canvas.verbs, canvas.document.selection

    def may_edit() -> bool:
        return not canvas.is_read_only

    def nodes() -> bool:
        return bool(chosen.nodes) and may_edit()

    def several() -> bool:
        return len(chosen.nodes) > 1 and may_edit()

    actions.bind(A.NODE_QUICK_ADD, canvas.open_quick_add, enabled_when=may_edit)
    actions.bind(
        A.NODE_WIRE_FROM,
        verbs.adding.wire_from_selection,
        enabled_when=lambda: (nodes() or chosen.current is not None) and may_edit(),
    )
    actions.bind(A.NODE_TOGGLE_ENABLED, verbs.toggle_enabled, enabled_when=nodes)
    actions.bind(A.NODE_PIN, canvas.request_pin, enabled_when=nodes)
    actions.bind(A.NODE_LOCK, verbs.toggle_lock, enabled_when=nodes)
    actions.bind(A.NODE_FRAME, verbs.frame_selection, enabled_when=nodes)
    actions.bind(
        A.NODE_UNFRAME,
        verbs.unframe,
        enabled_when=lambda: bool(chosen.frames or chosen.nodes) and may_edit(),
    )
    actions.bind(A.NODE_ADD_NOTE, verbs.add_note, enabled_when=may_edit)
    actions.bind(A.NODE_TIDY, verbs.tidy, enabled_when=lambda: bool(canvas.board.nodes))
    for verb, edge in (
        (A.NODE_ALIGN_LEFT, "left"),
        (A.NODE_ALIGN_TOP, "top"),
        (A.NODE_ALIGN_CENTRES, "row"),
    ):
        actions.bind(verb, _aligned(verbs, edge), enabled_when=several)
    actions.bind(A.NODE_ALIGN_MENU, canvas.open_align_menu, enabled_when=several)
    actions.bind(
        A.NODE_DISTRIBUTE_ACROSS,
        lambda: verbs.distribute(across=True),
        enabled_when=lambda: len(chosen.nodes) > 2 and may_edit(),
    )
    actions.bind(
        A.NODE_DISTRIBUTE_DOWN,
        lambda: verbs.distribute(across=False),
        enabled_when=lambda: len(chosen.nodes) > 2 and may_edit(),
    )
    for verb, dx, dy in (
        (A.NODE_NUDGE_LEFT, -1, 0),
        (A.NODE_NUDGE_RIGHT, 1, 0),
        (A.NODE_NUDGE_UP, 0, -1),
        (A.NODE_NUDGE_DOWN, 0, 1),
    ):
        actions.bind(
            verb,
            _nudge(verbs, dx, dy),
            enabled_when=lambda: not chosen.is_empty and may_edit(),
        )


def _aligned(verbs: Verbs, edge: str) -> Callable[[], None]:
    return lambda: verbs.align(edge)


def _nudge(verbs: Verbs, dx: int, dy: int) -> Callable[[], None]:
    return lambda: verbs.nudge(dx, dy)
