"""The whole workflow as plain boxes and straight lines, for zooms at which nothing else shows.

Ten thousand nodes are drawn in a few milliseconds, because everything of one colour is one
call on a list that is ready. The minimap draws from the same lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from designer.canvas.items.edges import EdgeShape
from designer.canvas.items.nodes import NodeShape
from designer.canvas.visuals import EdgeState
from designer.theme import STATE_STYLES, Theme

_EDGE_ROLES = {
    EdgeState.IDLE: "wire",
    EdgeState.LIVE: "running",
    EdgeState.TAKEN: "ok",
    EdgeState.NOT_TAKEN: "border",
}
_NODE_ROLES = {state: style.role for state, style in STATE_STYLES.items()}


class Overview:
    """Boxes of nodes and lines of edges, grouped by colour.

    What has changed is noted, and looked up when it is drawn: opening a large workflow at
    a readable zoom does not wait for it.

    Args:
        nodes: the scene's, by key.
        edges: the scene's, by id.
    """

    def __init__(self, nodes: Mapping[str, NodeShape], edges: Mapping[str, EdgeShape]) -> None:
        self._shapes = nodes
        self._ways = edges
        self._touched_nodes: set[str] = set()
        self._touched_edges: set[str] = set()
        self._nodes: dict[str, dict[str, QRectF]] = {}
        self._role_of: dict[str, str] = {}
        self._edges: dict[EdgeState, dict[str, QLineF]] = {}
        self._state_of: dict[str, EdgeState] = {}
        self._node_lists: dict[str, list[QRectF]] = {}
        self._edge_lists: dict[EdgeState, list[QLineF]] = {}
        self._bounds: QRectF | None = None

    def touch_nodes(self, keys: Iterable[str]) -> None:
        """These nodes look different, are elsewhere or are gone."""
        self._touched_nodes.update(keys)
        self._bounds = None

    def touch_edge(self, id_: str) -> None:
        """This edge looks different, leads elsewhere or is gone."""
        self._touched_edges.add(id_)

    def _catch_up(self) -> None:
        """Look up what has changed since it was drawn last."""
        for key in self._touched_nodes:
            self._take_node(key, self._shapes.get(key))
        self._touched_nodes.clear()
        for id_ in self._touched_edges:
            self._take_edge(id_, self._ways.get(id_))
        self._touched_edges.clear()

    def _take_node(self, key: str, node: NodeShape | None) -> None:
        role = _NODE_ROLES[node.visual.state] if node is not None else None
        old = self._role_of.pop(key, None)
        if old is not None:
            self._node_lists.pop(old, None)
            if old != role:
                del self._nodes[old][key]
        if node is not None and role is not None:
            self._role_of[key] = role
            self._nodes.setdefault(role, {})[key] = node.body
            self._node_lists.pop(role, None)

    def _take_edge(self, id_: str, edge: EdgeShape | None) -> None:
        state = edge.visual.state if edge is not None else None
        old = self._state_of.pop(id_, None)
        if old is not None:
            self._edge_lists.pop(old, None)
            if old != state:
                del self._edges[old][id_]
        if edge is not None and state is not None:
            line = QLineF(edge.start, edge.end)
            if edge.offset is not None:
                line.translate(edge.offset)
            self._state_of[id_] = state
            self._edges.setdefault(state, {})[id_] = line
            self._edge_lists.pop(state, None)

    def bounds(self) -> QRectF:
        """The smallest area that holds all nodes."""
        if self._bounds is None:
            bodies = [node.body for node in self._shapes.values()]
            if bodies:
                left = min([body.left() for body in bodies])
                top = min([body.top() for body in bodies])
                right = max([body.right() for body in bodies])
                bottom = max([body.bottom() for body in bodies])
                self._bounds = QRectF(left, top, right - left, bottom - top)
            else:
                self._bounds = QRectF()
        return QRectF(self._bounds)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw all edges and then all nodes, in scene coordinates."""
        self._catch_up()
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
