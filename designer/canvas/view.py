"""The canvas as a widget: the document, a run of it, and events on their way to gestures.

What is painted is in `surface`, what can be done in `verbs` and `interactions`; here they
are put together, and here is what the rest of the program calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from designer.actions.registry import ActionRegistry
from designer.actions.spec import ActionContext
from designer.canvas.accessible import install_accessible_canvas, tell_focus
from designer.canvas.bindings import bind_verbs
from designer.canvas.describe import describe_canvas, tooltip_of
from designer.canvas.hits import Hit, HitKind
from designer.canvas.interactions.drop import Drop
from designer.canvas.interactions.keys import Keys
from designer.canvas.interactions.wheel import pinch, turn_wheel
from designer.canvas.menus import align_menu, build_menu
from designer.canvas.node_painter import Detail
from designer.canvas.presenter import Clock, wall_clock
from designer.canvas.surface import Rect
from designer.canvas.workbench import Workbench
from designer.document.document import WorkflowDocument
from designer.settings import Settings
from designer.widgets.speech import announce
from engine.model.node_types import Registry
from engine.model.workflow import Workflow
from engine.run_view import RunView

#: Said in the corner of a document that cannot be edited.
READ_ONLY = "Read-only"

_STAYS = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.MenuBarFocusReason)


class CanvasView(Workbench):
    """The document and one run of it, to look at and to edit."""

    #: The inspector should show this node: it was double-clicked, or Enter was pressed.
    node_activated = Signal(str)
    #: A node was double-clicked.
    node_opened = Signal(str)
    #: The list of node types was asked for at this place of the scene; it is open already.
    quick_add_requested = Signal(QPointF)
    zoom_changed = Signal(float)
    #: Where the pointer is in the scene.
    pointer_moved = Signal(QPointF)

    def __init__(
        self,
        document: WorkflowDocument,
        registry: Registry,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        clock: Clock = wall_clock,
    ) -> None:
        super().__init__(document, registry, settings, parent, clock)
        self._actions: ActionRegistry | None = None
        self._was_shown = False
        self._label = ""
        self._keys = Keys(self)
        self._drop = Drop(self)
        self.setAcceptDrops(True)
        install_accessible_canvas()
        self.camera.zoom_changed.connect(self._on_zoom)
        self.presenter.shown.connect(self._on_shown)
        self._connect(document)

    # --- document and run ---------------------------------------------------------------

    def set_document(self, document: WorkflowDocument) -> None:
        """Show another document."""
        self.router.cancel()
        self.verbs.close_editors()
        self.document.selection.changed.disconnect(self._on_selection)
        self.document.reset.disconnect(self._on_reset)
        self.document.read_only_changed.disconnect(self._on_read_only)
        self._connect(document)

    def _connect(self, document: WorkflowDocument) -> None:
        self.document = document
        document.selection.changed.connect(self._on_selection)
        document.reset.connect(self._on_reset)
        document.read_only_changed.connect(self._on_read_only)
        self._say_moment("")
        self.presenter.set_document(document)
        self._on_selection()
        self.fit()

    def set_run_view(
        self,
        view: RunView | None,
        *,
        read_only: bool = False,
        touched: Collection[str] | None = None,
        label: str = "",
        pinned: Workflow | None = None,
    ) -> None:
        """Show a run, or none.

        Args:
            view: the run; it may go on changing, see `touched`.
            read_only: it is a moment of the past, or a version that is not the document:
                edits are refused, and the background says so.
            touched: keys of nodes that changed since the last call with the same `view`;
                None when anything may have.
            label: which moment it is: "Viewing commit 12".
            pinned: the workflow that the run was started with: nodes edited since are
                marked; while read-only it is drawn in place of the document.
        """
        self._say_moment((label or "Viewing the past") if read_only else "")
        self._hold_still(is_past=read_only)
        self.presenter.set_run(
            view, touched=touched, pinned=pinned, show_pinned=read_only, is_past=read_only
        )

    def _on_read_only(self) -> None:
        self._say_moment(self._label)

    def _say_moment(self, label: str) -> None:
        """Say which moment is shown, or that the document cannot be edited."""
        self._label = label
        before = self.is_read_only
        self._set_moment(label or (READ_ONLY if self.document.read_only_reason else ""))
        if self.is_read_only != before:
            self.router.cancel()
            self.verbs.close_editors()
            self._refresh_actions()

    def set_breakpoints(self, breakpoints: Mapping[str, str]) -> None:
        """Mark the nodes that the person's breakpoints stop at, with where and when in words."""
        self.presenter.set_breakpoints(breakpoints)

    def set_armed(self, armed: Mapping[str, str]) -> None:
        """Say on triggers that are armed when they fire next, in words."""
        self.presenter.set_armed(armed)

    def bind_actions(self, actions: ActionRegistry) -> None:
        """Do the canvas's verbs from now on: call it when this canvas comes to the front."""
        if self._actions is not actions:
            self._actions = actions
            actions.attach(ActionContext.CANVAS, self)
        bind_verbs(actions, self)

    def close_canvas(self) -> None:
        """Stop timers and gestures; call it before the view is deleted."""
        self.router.cancel()
        self.verbs.close_editors()
        self._animation.stop()
        self.presenter.close()

    # --- where ---------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """The zoom, 1 for 100 %."""
        return self.camera.zoom

    def set_zoom(self, factor: float, anchor: QPointF | None = None) -> None:
        """Zoom; the point under `anchor` (of the viewport) stays where it is."""
        self.camera.zoom_to(factor, anchor)

    def fit(self, *, glide: bool = False) -> None:
        """Show everything, no larger than 100 %."""
        self.camera.fit(self.board.content_rect(), glide=glide)

    def zoom_to_selection(self, *, glide: bool = False) -> None:
        """Show what is selected, or everything."""
        chosen = self.document.selection
        area = self.board.rect_of((*chosen.nodes, *chosen.frames, *chosen.notes))
        self.camera.fit(area if not area.isEmpty() else self.board.content_rect(), glide=glide)

    def centre_on(self, key: str) -> None:
        """Select a node and bring it into the middle, large enough to be read."""
        item = self.board.nodes.get(key)
        if item is not None:
            self.trail.leave()
            self._refresh_actions()
            self.document.selection.set(nodes=(key,))
            self.camera.look_at(item.body.center(), max(self.zoom, 0.75), glide=True)

    def reveal(self, key: str) -> None:
        """Move only as far as a node needs to be seen."""
        item = self.board.nodes.get(key)
        if item is not None:
            self.camera.reveal(item.body, glide=True)

    # --- verbs that others call ----------------------------------------------------------

    def insert_node(
        self, type_id: str, pos: QPointF | None = None, wired_to: str | None = None
    ) -> str | None:
        """Add a node of that type and select it.

        Args:
            type_id: of the registry.
            pos: its upper left corner; None puts it beside `wired_to`, or in the middle.
            wired_to: key of the node whose output leads to it, or None.

        Returns:
            Its key; None when it was refused, which has been told.
        """
        return self.verbs.adding.insert_node(type_id, pos, wired_to)

    def open_quick_add(self, pos: QPointF | None = None) -> None:
        """Open the list of node types at a place of the scene, or at the pointer."""
        self.verbs.adding.quick_add(pos)
        self.quick_add_requested.emit(pos if pos is not None else self.pointer_or_middle())

    def choose_node(self, keys: tuple[str, ...], words: str) -> None:
        """Let the person choose which node to go to."""
        self.verbs.adding.choose_node(keys, words)

    def find_nodes(self, text: str) -> list[str]:
        """Keys of the nodes whose title, key, type or parameters hold `text`."""
        return self.verbs.find(text)

    def activate(self) -> None:
        """Open the inspector for the node in focus."""
        key = self.document.selection.node or self.document.selection.current
        if key is not None:
            self.document.selection.set(nodes=(key,))
            self.node_activated.emit(key)

    # --- what changed -------------------------------------------------------------------

    def _on_shown(self, changed: object) -> None:
        self._scene_changed()
        name = describe_canvas(self.presenter.workflow, self.board.state)
        if name != self.accessibleName():
            self.setAccessibleName(name)
        current = self.document.selection.current
        if current is not None and isinstance(changed, set) and current in changed:
            visual = self.board.state.nodes.get(current)
            if visual is not None and self.hasFocus():
                announce(self, f"{visual.title}: {visual.words}")

    def _on_reset(self) -> None:
        self.router.cancel()
        self.verbs.close_editors()
        self._say_moment("")
        self.fit()

    def _on_selection(self) -> None:
        chosen, board, ink = self.document.selection, self.board, self.ink
        changed = set(chosen.nodes ^ ink.selected)
        if chosen.current != ink.current:
            changed.update(key for key in (chosen.current, ink.current) if key)
        focus_moved = chosen.current != ink.current
        ink.selected, ink.current = chosen.nodes, chosen.current
        board.touch_nodes(changed)
        board.mark_edges(chosen.edges)
        for id_, frame in board.frames.items():
            frame.mark(selected=id_ in chosen.frames)
        for id_, note in board.notes.items():
            note.mark(selected=id_ in chosen.notes)
        if ink.detail is Detail.OVERVIEW:
            self.viewport().update()
        if focus_moved and self.hasFocus():
            tell_focus(self, board.state, ink.current)
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        if self._actions is not None and self.isVisible():
            self._actions.refresh()

    def _on_zoom(self, zoom: float) -> None:
        self.verbs.writing.close()
        self._choose_update_mode()
        self.viewport().update()
        self.zoom_changed.emit(zoom)

    # --- events -------------------------------------------------------------------------

    def drawForeground(self, painter: QPainter, rect: Rect) -> None:
        """Let the gesture draw over everything."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.router.paint(painter)
        self._drop.paint(painter)

    def showEvent(self, event: QShowEvent) -> None:
        """Show everything, now that there is a size."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            self._empty.place()
            self.fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a gesture."""
        self._note(event.position())
        self.verbs.close_editors()
        self.router.press(self.pointer_at(event.position(), event.modifiers()), event.button())
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Feed the gesture, or show what is under the pointer."""
        self._note(event.position())
        pointer = self.pointer_at(event.position(), event.modifiers())
        self.pointer_moved.emit(pointer.scene)
        if self.router.is_busy:
            self.router.move(pointer)
        elif not event.buttons():
            hit = self.hit(pointer.scene)
            on_edge = hit.kind in (HitKind.EDGE, HitKind.EDGE_END)
            self.board.hover_edge(hit.key if on_edge else "")
            self.router.hover(pointer, hit)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture."""
        self.router.release(self.pointer_at(event.position(), event.modifiers()), event.button())
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the inspector, edit words, or add a node."""
        event.accept()
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.router.cancel()
        point = self.to_scene(event.position())
        hit = self.hit(point)
        match hit.kind:
            case HitKind.NODE | HitKind.CHIP | HitKind.PORT:
                self.document.selection.set(nodes=(hit.key,))
                self.node_opened.emit(hit.key)
            case HitKind.FRAME:
                self.verbs.writing.rename_frame(hit.key)
            case HitKind.NOTE:
                self.verbs.writing.edit_note(hit.key)
            case HitKind.EDGE | HitKind.EDGE_END:
                self.verbs.adding.insert_into_edge(hit.key, point)
            case _:
                self.open_quick_add(point)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom or pan."""
        turn_wheel(self.camera, event, self.settings.wheel)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._has_pointer = False
        self.board.hover_edge("")

    def _note(self, position: QPointF) -> None:
        self._pointer, self._has_pointer = position, True

    def viewportEvent(self, event: QEvent) -> bool:
        """Explain what is under the pointer; zoom with two fingers."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            hit = self.hit(self.to_scene(QPointF(event.pos())))
            text = tooltip_of(hit, self.board.state) if not self.router.is_busy else ""
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        if isinstance(event, QNativeGestureEvent) and pinch(self.camera, event):
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go between nodes, hold Space, end a gesture."""
        event.setAccepted(self._keys.press(event))

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Space came up."""
        event.setAccepted(self._keys.release(event))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring around the node in focus."""
        super().focusInEvent(event)
        self._ring(shown=True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Forget what is held down."""
        super().focusOutEvent(event)
        self.router.let_space_go()
        if event.reason() not in _STAYS:
            self.router.cancel()
        self._ring(shown=False)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu of what is under the pointer, or of the node in focus for the key."""
        event.accept()
        if self.router.is_busy or self._actions is None:
            return
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            key = self.document.selection.current
            hit = Hit(HitKind.NODE, key) if key is not None else Hit(HitKind.NOTHING)
            self._open_menu(hit, self.viewport().mapToGlobal(self._keys.menu_point()))
            return
        self._note(QPointF(event.pos()))
        hit = self.hit(self.to_scene(QPointF(event.pos())))
        self._select_for_menu(hit)
        self._open_menu(hit, event.globalPos())

    def _select_for_menu(self, hit: Hit) -> None:
        """The menu acts on the selection, so what it was opened over must be in it."""
        chosen = self.document.selection
        match hit.kind:
            case HitKind.NODE | HitKind.CHIP | HitKind.PORT if hit.key not in chosen.nodes:
                chosen.set(nodes=(hit.key,))
            case HitKind.EDGE | HitKind.EDGE_END if hit.key not in chosen.edges:
                chosen.set(edges=(hit.key,))
            case HitKind.FRAME if hit.key not in chosen.frames:
                chosen.set(frames=(hit.key,))
            case HitKind.NOTE if hit.key not in chosen.notes:
                chosen.set(notes=(hit.key,))
            case _:
                pass

    def _open_menu(self, hit: Hit, at: QPoint) -> None:
        if self._actions is not None:
            several = len(self.document.selection.nodes) > 1
            menu = build_menu(self._actions, hit.kind, self, several=several)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(at)

    def open_align_menu(self) -> None:
        """Open the ways to align over what is selected."""
        if self._actions is None:
            return
        chosen = self.board.rect_of(tuple(self.document.selection.nodes))
        spot, room = self.mapFromScene(chosen.center()), self.viewport().rect()
        x = max(room.left(), min(spot.x(), room.right() - 20))
        y = max(room.top(), min(spot.y(), room.bottom() - 20))
        align_menu(self._actions, self).popup(self.viewport().mapToGlobal(QPoint(x, y)))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Tell whether it may be dropped here."""
        self._drop.enter(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where it would go."""
        self._drop.move(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Show nothing."""
        self._drop.leave()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the node, or tell of the file."""
        self._drop.drop(event)
