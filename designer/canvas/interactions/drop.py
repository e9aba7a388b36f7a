"""Dropping a node type of the palette, or a workflow file, on the canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter, QPen

from designer.canvas.geometry import NODE_HEIGHT, NODE_RADIUS, NODE_WIDTH, snapped
from designer.canvas.hits import HitKind
from designer.canvas.interactions.gesture import Host
from designer.canvas.mime import NODE_TYPE_MIME, WORKFLOW_SUFFIX
from engine.model.node_types import NodeType


class DropHost(Host, Protocol):
    """The canvas, as drops see it."""

    def file_was_dropped(self, path: Path) -> None:
        """Tell of a dropped file."""
        ...

    def to_scene(self, point: QPointF) -> QPointF:
        """A point of the viewport in the scene."""
        ...

    def drop_node(self, node_type: NodeType, at: QPointF, edge_id: str) -> None:
        """Add a node; into the edge when one is named and it fits."""
        ...


class Drop:
    """Follows one drag over the canvas."""

    def __init__(self, host: DropHost) -> None:
        self._host = host
        self._type: NodeType | None = None
        self._at: QPointF | None = None
        self._edge = ""

    def enter(self, event: QDragEnterEvent) -> None:
        """Accept what can be dropped here."""
        self._type = self._type_in(event.mimeData())
        if self._type is not None or _workflow_in(event.mimeData()) is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def move(self, event: QDragMoveEvent) -> None:
        """Show where the node would go."""
        self._at = self._host.to_scene(event.position())
        hit = self._host.hit(self._at)
        on_edge = hit.kind in (HitKind.EDGE, HitKind.EDGE_END)
        self._edge = hit.key if on_edge and self._type is not None else ""
        event.acceptProposedAction()
        self._host.repaint_overlay()

    def leave(self) -> None:
        """The drag went elsewhere."""
        self._type, self._at, self._edge = None, None, ""
        self._host.repaint_overlay()

    def drop(self, event: QDropEvent) -> None:
        """Add the node, or tell of the file."""
        node_type, edge = self._type_in(event.mimeData()), self._edge
        at = self._host.to_scene(event.position())
        self.leave()
        if node_type is not None:
            corner = at - QPointF(NODE_WIDTH / 2, NODE_HEIGHT / 2)
            self._host.drop_node(node_type, snapped(corner), edge)
            event.acceptProposedAction()
            return
        path = _workflow_in(event.mimeData())
        if path is not None:
            self._host.file_was_dropped(path)
            event.acceptProposedAction()
        else:
            event.ignore()

    def _type_in(self, data: QMimeData) -> NodeType | None:
        if not data.hasFormat(NODE_TYPE_MIME):
            return None
        name = bytes(data.data(NODE_TYPE_MIME).data()).decode("utf-8", "replace")
        return self._host.registry.get(name)

    def paint(self, painter: QPainter) -> None:
        """Draw the outline of the coming node, and the wire that would take it."""
        if self._type is None or self._at is None:
            return
        theme = self._host.board.ink.theme
        accent = theme.color("accent")
        item = self._host.board.edges.get(self._edge)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if item is not None:
            painter.setPen(QPen(accent, 4.0))
            painter.drawPath(item.path)
        corner = snapped(self._at - QPointF(NODE_WIDTH / 2, NODE_HEIGHT / 2))
        fill = QColor(accent)
        fill.setAlpha(30)
        painter.setPen(QPen(accent, 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(fill)
        box = QRectF(corner.x(), corner.y(), NODE_WIDTH, NODE_HEIGHT)
        painter.drawRoundedRect(box, NODE_RADIUS, NODE_RADIUS)


def _workflow_in(data: QMimeData) -> Path | None:
    """The workflow file among dropped files, also inside a picture that we exported."""
    for url in data.urls():
        if url.isLocalFile():
            path = Path(url.toLocalFile())
            if path.name.endswith((WORKFLOW_SUFFIX, ".json", ".svg", ".png")):
                return path
    return None
