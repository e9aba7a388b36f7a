"""Finds what is under a point, in the order in which a person expects it.

Handles of what is selected, then ports, nodes, edges, notes and frames. Small things answer
to an area of at least 24 by 24 pixels of the screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF

from designer.canvas.hits import NOTHING, Hit, HitKind
from designer.canvas.items.edge_item import EdgeItem
from designer.canvas.items.frame_item import FrameItem
from designer.canvas.items.handles import handle_at
from designer.canvas.items.node_item import NodeItem
from designer.canvas.items.note_item import NoteItem
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
    items = scene.items_near(point, reach)
    handle = _handle(items, point, zoom)
    if handle is not None:
        return handle
    nodes = [item for item in items if isinstance(item, NodeItem)]
    if zoom >= COMPACT_FROM:
        port = _port(nodes, point, zoom)
        if port is not None:
            return port
    for node in nodes:
        if node.body.contains(point):
            return _in_node(scene, node, point, zoom)
    for note in items:
        if isinstance(note, NoteItem) and note.box.contains(point):
            return Hit(HitKind.NOTE, note.note.id)
    edge = _edge(items, point, zoom)
    if edge is not None:
        return edge
    for frame in items:
        if isinstance(frame, FrameItem) and _on_frame(frame, point, zoom):
            return Hit(HitKind.FRAME, frame.frame.id)
    return NOTHING


def _handle(items: Sequence[object], point: QPointF, zoom: float) -> Hit | None:
    for item in items:
        if isinstance(item, FrameItem | NoteItem) and item.is_selected:
            handle = handle_at(item.box, point, zoom)
            if handle is not None:
                key = item.frame.id if isinstance(item, FrameItem) else item.note.id
                return Hit(HitKind.HANDLE, key, handle=handle)
    return None


def _port(nodes: list[NodeItem], point: QPointF, zoom: float) -> Hit | None:
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


def _in_node(scene: CanvasScene, node: NodeItem, point: QPointF, zoom: float) -> Hit:
    if zoom >= FULL_FROM:
        chip = chip_rect(node.visual, scene.ink.style)
        if chip.contains(point - node.pos()):
            return Hit(HitKind.CHIP, node.key)
    return Hit(HitKind.NODE, node.key)


def _edge(items: Sequence[object], point: QPointF, zoom: float) -> Hit | None:
    best: tuple[float, EdgeItem] | None = None
    for item in items:
        if isinstance(item, EdgeItem):
            distance = item.distance_to(point)
            if distance <= EDGE_REACH_PX / zoom and (best is None or distance < best[0]):
                best = distance, item
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
