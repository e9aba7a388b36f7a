"""Finds what is under a point, in the order in which a person expects it.

Handles of what is selected, then ports, nodes, edges, notes and frames. Small things answer
to an area of at least 24 by 24 pixels of the screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF

from designer.canvas.geometry import PORT_RADIUS
from designer.canvas.hits import NOTHING, Hit, HitKind
from designer.canvas.items.edges import EdgeShape
from designer.canvas.items.frame_item import FrameItem
from designer.canvas.items.handles import handle_at
from designer.canvas.items.nodes import NodeShape
from designer.canvas.node_painter import COMPACT_FROM, FULL_FROM, chip_rect
from designer.canvas.scene import CanvasScene
from engine.model.workflow import PortRef

#: Half the side of the area of a small thing, in pixels of the screen.
REACH_PX = 12.0
#: Inside its node, a port answers only this near (in the scene), so that the node can be
#: taken beside it.
INSIDE = 9.0
#: How far from its end an edge can be taken to lead it elsewhere, in pixels of the screen.
END_PX = 44.0
EDGE_REACH_PX = 8.0


def hit_test(scene: CanvasScene, point: QPointF, zoom: float) -> Hit:
    """What is under `point` of the scene."""
    reach = REACH_PX / zoom
    near = QRectF(point.x() - reach, point.y() - reach, 2 * reach, 2 * reach)
    handle = _handle(scene, point, zoom)
    if handle is not None:
        return handle
    around = near.adjusted(-PORT_RADIUS, -PORT_RADIUS, PORT_RADIUS, PORT_RADIUS)
    nodes = [scene.nodes[key] for key in reversed(scene.nodes_in(around))]
    if zoom >= COMPACT_FROM:
        port = _port(nodes, point, zoom)
        if port is not None:
            return port
    for node in nodes:
        if node.body.contains(point):
            return _in_node(scene, node, point, zoom)
    for note in scene.notes.values():
        if note.box.contains(point):
            return Hit(HitKind.NOTE, note.note.id)
    edge = _edge([scene.edges[id_] for id_ in scene.edges_in(near)], point, zoom)
    if edge is not None:
        return edge
    # The smallest frame there: one inside another lies over it.
    frames = [frame for frame in scene.frames.values() if _on_frame(frame, point, zoom)]
    if frames:
        frame = min(frames, key=lambda each: each.box.width() * each.box.height())
        return Hit(HitKind.FRAME, frame.frame.id)
    return NOTHING


def _handle(scene: CanvasScene, point: QPointF, zoom: float) -> Hit | None:
    for frame in scene.frames.values():
        handle = handle_at(frame.box, point, zoom) if frame.is_selected else None
        if handle is not None:
            return Hit(HitKind.HANDLE, frame.frame.id, handle=handle)
    for note in scene.notes.values():
        handle = handle_at(note.box, point, zoom) if note.is_selected else None
        if handle is not None:
            return Hit(HitKind.HANDLE, note.note.id, handle=handle)
    return None


def _port(nodes: Sequence[NodeShape], point: QPointF, zoom: float) -> Hit | None:
    best: tuple[float, Hit] | None = None
    for node in nodes:
        inside = node.body.contains(point)
        reach = INSIDE if inside else max(INSIDE, REACH_PX / zoom)
        for output in (False, True):
            ports = node.visual.outputs if output else node.visual.inputs
            for row, port in enumerate(ports):
                offset = node.port_place(row, output=output) - point
                distance = math.hypot(offset.x(), offset.y())
                if distance <= reach and (best is None or distance < best[0]):
                    ref = PortRef(node.key, port.name)
                    best = distance, Hit(HitKind.PORT, node.key, ref, output)
        if inside:
            break  # what lies under this node cannot be hit here
    return best[1] if best is not None else None


def _in_node(scene: CanvasScene, node: NodeShape, point: QPointF, zoom: float) -> Hit:
    if zoom >= FULL_FROM:
        chip = chip_rect(node.visual, scene.ink.style)
        if chip.contains(point - node.place):
            return Hit(HitKind.CHIP, node.key)
    return Hit(HitKind.NODE, node.key)


def _edge(edges: Sequence[EdgeShape], point: QPointF, zoom: float) -> Hit | None:
    best: tuple[float, EdgeShape] | None = None
    for each in edges:
        distance = each.distance_to(point)
        if distance <= EDGE_REACH_PX / zoom and (best is None or distance < best[0]):
            best = distance, each
    if best is None:
        return None
    edge = best[1]
    reach = min(END_PX / zoom, _length(edge.end - edge.start) / 3)
    if _length(point - edge.end) <= reach:
        return Hit(HitKind.EDGE_END, edge.id, edge.visual.target, output=False)
    if _length(point - edge.start) <= reach:
        return Hit(HitKind.EDGE_END, edge.id, edge.visual.source, output=True)
    return Hit(HitKind.EDGE, edge.id)


def _on_frame(frame: FrameItem, point: QPointF, zoom: float) -> bool:
    """A frame is taken by its title or its border; its inside belongs to what lies in it."""
    border = 6.0 / zoom
    box = frame.box
    if not box.adjusted(-border, -border, border, border).contains(point):
        return False
    inner = QRectF(box.adjusted(border, border, -border, -border))
    return frame.title_box.contains(point) or not inner.contains(point)


def _length(vector: QPointF) -> float:
    return math.hypot(vector.x(), vector.y())
