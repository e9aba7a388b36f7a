"""The whole workflow as plain boxes and straight lines, for zooms at which nothing else shows.

Ten thousand nodes are drawn in a few milliseconds, because everything of one colour is one
call on a list that is ready. The minimap draws from the same lists.
"""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from designer.canvas.visuals import EdgeState
from designer.theme import STATE_STYLES, NodeState, Theme

_EDGE_ROLES = {
    EdgeState.IDLE: "wire",
    EdgeState.LIVE: "running",
    EdgeState.TAKEN: "ok",
    EdgeState.NOT_TAKEN: "border",
}
_NODE_ROLES = {state: style.role for state, style in STATE_STYLES.items()}


class Overview:
    """Boxes of nodes and lines of edges, grouped by colour."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, QRectF]] = {}
        self._role_of: dict[str, str] = {}
        self._edges: dict[EdgeState, dict[str, QLineF]] = {}
        self._state_of: dict[str, EdgeState] = {}
        self._node_lists: dict[str, list[QRectF]] = {}
        self._edge_lists: dict[EdgeState, list[QLineF]] = {}
        self._bounds: QRectF | None = None

    def set_node(self, key: str, body: QRectF, state: NodeState) -> None:
        """Show a node, or show it anew."""
        role = _NODE_ROLES[state]
        old = self._role_of.get(key)
        if old is not None and old != role:
            del self._nodes[old][key]
            self._node_lists.pop(old, None)
        self._role_of[key] = role
        self._nodes.setdefault(role, {})[key] = body
        self._node_lists.pop(role, None)
        self._bounds = None

    def remove_node(self, key: str) -> None:
        """Show a node no more."""
        role = self._role_of.pop(key, None)
        if role is not None:
            del self._nodes[role][key]
            self._node_lists.pop(role, None)
            self._bounds = None

    def set_edge(self, id_: str, start: QPointF, end: QPointF, state: EdgeState) -> None:
        """Show an edge, or show it anew."""
        old = self._state_of.get(id_)
        if old is not None and old != state:
            del self._edges[old][id_]
            self._edge_lists.pop(old, None)
        self._state_of[id_] = state
        self._edges.setdefault(state, {})[id_] = QLineF(start, end)
        self._edge_lists.pop(state, None)

    def remove_edge(self, id_: str) -> None:
        """Show an edge no more."""
        state = self._state_of.pop(id_, None)
        if state is not None:
            del self._edges[state][id_]
            self._edge_lists.pop(state, None)

    def bounds(self) -> QRectF:
        """The smallest area that holds all nodes."""
        if self._bounds is None:
            boxes = [box for group in self._nodes.values() for box in group.values()]
            if boxes:
                left = min(box.left() for box in boxes)
                top = min(box.top() for box in boxes)
                right = max(box.right() for box in boxes)
                bottom = max(box.bottom() for box in boxes)
                self._bounds = QRectF(left, top, right - left, bottom - top)
            else:
                self._bounds = QRectF()
        return QRectF(self._bounds)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw all edges and then all nodes, in scene coordinates."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for state, lines in self._lines():
            color = QColor(theme.color(_EDGE_ROLES[state]))
            color.setAlpha(150)
            pen = QPen(color, 1.0)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawLines(lines)
        painter.setPen(Qt.PenStyle.NoPen)
        for role, boxes in self._boxes():
            painter.setBrush(theme.color(role))
            painter.drawRects(boxes)

    def _lines(self) -> list[tuple[EdgeState, list[QLineF]]]:
        found: list[tuple[EdgeState, list[QLineF]]] = []
        for state, group in self._edges.items():
            lines = self._edge_lists.get(state)
            if lines is None:
                lines = self._edge_lists[state] = list(group.values())
            if lines:
                found.append((state, lines))
        return found

    def _boxes(self) -> list[tuple[str, list[QRectF]]]:
        found: list[tuple[str, list[QRectF]]] = []
        for role, group in self._nodes.items():
            boxes = self._node_lists.get(role)
            if boxes is None:
                boxes = self._node_lists[role] = list(group.values())
            if boxes:
                found.append((role, boxes))
        return found
