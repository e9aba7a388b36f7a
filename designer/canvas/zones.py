"""The regions of For each … Collect and Loop … Until: which nodes are in one, and its outline.

Pure functions of the document and of places.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainterPath

from designer.canvas.geometry import bounds
from designer.canvas.visuals import ZoneVisual
from engine.model.graph import analyse
from engine.model.node_types import Registry
from engine.model.workflow import Workflow

#: Room between the nodes of a zone and its outline.
PADDING = 20.0
#: Nested zones stand apart by this much.
STEP = 12.0
RADIUS = 22.0
#: Room for the title.
HEAD = 24.0


def has_zones(workflow: Workflow, registry: Registry) -> bool:
    """Whether the analysis of the graph is worth its time."""
    splits = {node_type.id for node_type in registry if node_type.role in ("split", "loop")}
    return any(node.type in splits for node in workflow.nodes.values())


def find_zones(workflow: Workflow, registry: Registry) -> tuple[ZoneVisual, ...]:
    """The zones of the document, outer ones before those inside them."""
    if not has_zones(workflow, registry):
        return ()
    facts = analyse(workflow, registry)
    visuals: list[ZoneVisual] = []
    for key, zone in facts.zones.items():
        node = workflow.nodes[key]
        node_type = registry.get(node.type)
        inside = tuple(each for each in workflow.nodes if each in zone.body)
        visuals.append(
            ZoneVisual(
                key=key,
                title=node.title or (node_type.title if node_type else key),
                members=(zone.split, *inside, zone.collect),
                depth=len(facts.zone_of.get(key, ())),
            )
        )
    return tuple(sorted(visuals, key=lambda zone: (zone.depth, zone.key)))


def outline(
    zone: ZoneVisual, rects: Mapping[str, QRectF], deepest: int
) -> tuple[QPainterPath, QRectF]:
    """The rounded region around the nodes of `zone`, and the box of its title.

    Args:
        zone: whose region.
        rects: the bodies of the nodes.
        deepest: depth of the innermost zone of the document; outer ones leave more room.
    """
    whole = bounds(rects[key] for key in zone.members if key in rects)
    if whole.isEmpty():
        return QPainterPath(), QRectF()
    pad = PADDING + STEP * max(0, deepest - zone.depth)
    box = whole.adjusted(-pad, -pad - HEAD, pad, pad)
    path = QPainterPath()
    path.addRoundedRect(box, RADIUS, RADIUS)
    title = QRectF(box.left() + RADIUS - 6, box.top() + 7, box.width() - 2 * RADIUS, HEAD - 4)
    return path, title
