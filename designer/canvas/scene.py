"""The scene: one item for each thing of the picture, kept equal to a `CanvasState`.

`apply` compares the new picture with the shown one and changes only what differs. The
scene never edits the document. What a gesture shows before it is finished (nodes under
the pointer, a wider frame) is shown here and forgotten when the next picture comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene

from designer.canvas.geometry import bounds
from designer.canvas.ink import Ink
from designer.canvas.items.edge_item import EdgeItem, LongEdgeItem, is_long
from designer.canvas.items.edge_labels import EdgeLabels
from designer.canvas.items.frame_item import FrameItem
from designer.canvas.items.layers import Layer
from designer.canvas.items.live_overlay import LiveOverlay
from designer.canvas.items.node_item import NodeItem
from designer.canvas.items.note_item import NoteItem
from designer.canvas.items.veil import Veil
from designer.canvas.items.zone_item import ZoneItem
from designer.canvas.overview import Overview
from designer.canvas.visuals import CanvasState, EdgeVisual, NodeVisual
from engine.model.workflow import PortRef

#: The scene grows by steps of this many pixels, so that the index is rarely rebuilt.
STEP = 2000.0
_EMPTY = QRectF(-STEP, -STEP, 2 * STEP, 2 * STEP)


class CanvasScene(QGraphicsScene):
    """The items, by the keys and ids of the document."""

    def __init__(self, ink: Ink, parent: QObject | None = None) -> None:
        super().__init__(_EMPTY, parent)
        self.ink = ink
        self.state = CanvasState()
        self.nodes: dict[str, NodeItem] = {}
        self.edges: dict[str, EdgeItem] = {}
        self.frames: dict[str, FrameItem] = {}
        self.notes: dict[str, NoteItem] = {}
        self.zones: dict[str, ZoneItem] = {}
        #: Ids of the edges at each node.
        self.incident: dict[str, set[str]] = {}
        self.overview = Overview()
        self.labels = EdgeLabels(ink)
        self.live = LiveOverlay(ink)
        self.veil = Veil()
        for item in (self.labels, *self.live.items, self.veil):
            self.addItem(item)
        self._shifted: set[str] = set()
        self._marked: set[str] = set()

    # --- pictures -----------------------------------------------------------------------

    def apply(self, state: CanvasState) -> set[str]:
        """Show `state`; returns the keys of the nodes that look different now."""
        self.drop_preview()
        old, self.state = self.state, state
        bulk = len(state.nodes) - len(old.nodes) > 500
        if bulk:
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        changed, rewired = self._apply_nodes(old, state)
        self._apply_edges(old, state, rewired)
        self._apply_frames(state)
        self._apply_notes(state)
        self._apply_zones(old, state, moved=bool(rewired))
        if changed or rewired or old.edges is not state.edges:
            self._grow()
        if bulk:
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)
        return changed

    def _apply_nodes(self, old: CanvasState, state: CanvasState) -> tuple[set[str], set[str]]:
        """Returns the nodes that look different, and those whose ports are elsewhere."""
        changed: set[str] = set()
        rewired: set[str] = set()
        if old.nodes is not state.nodes:
            for key in old.nodes.keys() - state.nodes.keys():
                self._remove_node(key)
                changed.add(key)
            for key, visual in state.nodes.items():
                item = self.nodes.get(key)
                if item is None:
                    self._add_node(visual)
                    changed.add(key)
                    rewired.add(key)
                elif item.visual is not visual:
                    changed.add(key)
                    if item.set_visual(visual):
                        rewired.add(key)
                    self.overview.set_node(key, item.body, visual.state)
                    self.live.set_node(item)
        if old.positions is not state.positions or rewired:
            for key, place in state.positions.items():
                item = self.nodes.get(key)
                if item is None:
                    continue
                if key in rewired or item.x() != place.x or item.y() != place.y:
                    item.setPos(place.x, place.y)
                    self.overview.set_node(key, item.body, item.visual.state)
                    rewired.add(key)
        return changed, rewired

    def _add_node(self, visual: NodeVisual) -> None:
        item = NodeItem(visual, self.ink)
        self.nodes[visual.key] = item
        self.incident.setdefault(visual.key, set())
        self.addItem(item)
        self.live.set_node(item)

    def _remove_node(self, key: str) -> None:
        item = self.nodes.pop(key)
        self.removeItem(item)
        self.incident.pop(key, None)
        self.overview.remove_node(key)
        self.live.remove_node(key)
        self.ink.pixmaps.forget(key)

    def _apply_edges(self, old: CanvasState, state: CanvasState, rewired: Collection[str]) -> None:
        moved: set[str] = set()
        if old.edges is not state.edges:
            for id_ in old.edges.keys() - state.edges.keys():
                self._remove_edge(id_)
            for id_, visual in state.edges.items():
                item = self.edges.get(id_)
                if item is None:
                    self._connect(visual)
                    moved.add(id_)
                elif item.visual is not visual:
                    item.set_visual(visual)
                    self._label(item)
                    self.live.set_edge(item)
        for key in rewired:
            moved |= self.incident.get(key, set())
        for id_ in moved:
            self._lay(state.edges[id_])

    def _connect(self, visual: EdgeVisual) -> None:
        for key in (visual.source.node, visual.target.node):
            self.incident.setdefault(key, set()).add(visual.id)

    def _lay(self, visual: EdgeVisual) -> None:
        """Give an edge the way between its ports, as the kind of item that draws it best."""
        start = self.port_position(visual.source, output=True)
        end = self.port_position(visual.target, output=False)
        item = self.edges.get(visual.id)
        if start is None or end is None:  # an edge to nowhere; validation tells of it
            if item is not None:
                self._discard_edge_item(visual.id)
            return
        wanted = LongEdgeItem if is_long(start, end) else EdgeItem
        if type(item) is not wanted:
            fresh = wanted(visual, self.ink)
            if item is not None:
                fresh.mark(selected=item.is_selected, hovered=item.is_hovered)
                self._discard_edge_item(visual.id)
            item = self.edges[visual.id] = fresh
            item.refresh_pen()
            self.addItem(item)
        item.set_ends(start, end)
        self.overview.set_edge(visual.id, start, end, visual.state)
        self._label(item)
        self.live.set_edge(item)

    def _label(self, item: EdgeItem) -> None:
        self.overview.set_edge(item.id, item.start, item.end, item.visual.state)
        if item.visual.count or item.visual.label:
            self.labels.place(item.visual, item.middle(), item.label_room())
        else:
            self.labels.remove(item.id)

    def _discard_edge_item(self, id_: str) -> None:
        item = self.edges.pop(id_, None)
        if item is not None:
            self.removeItem(item)
        self.labels.remove(id_)
        self.live.remove(id_)
        self.overview.remove_edge(id_)

    def _remove_edge(self, id_: str) -> None:
        visual = self.edges[id_].visual if id_ in self.edges else None
        self._discard_edge_item(id_)
        if visual is not None:
            for key in (visual.source.node, visual.target.node):
                self.incident.get(key, set()).discard(id_)

    def _apply_frames(self, state: CanvasState) -> None:
        wanted = {frame.id: frame for frame in state.frames}
        for id_ in self.frames.keys() - wanted.keys():
            self.removeItem(self.frames.pop(id_))
        for order, (id_, frame) in enumerate(wanted.items()):
            item = self.frames.get(id_)
            if item is None:
                item = self.frames[id_] = FrameItem(frame, self.ink)
                self.addItem(item)
            elif item.frame != frame:
                item.set_frame(frame)
            # A frame inside another must lie over it, whatever came first.
            inside = 1.0 / (1.0 + frame.width * frame.height)
            item.setZValue(Layer.FRAMES + inside + order * 1e-9)

    def _apply_notes(self, state: CanvasState) -> None:
        wanted = {note.id: note for note in state.notes}
        for id_ in self.notes.keys() - wanted.keys():
            self.removeItem(self.notes.pop(id_))
        for id_, note in wanted.items():
            item = self.notes.get(id_)
            if item is None:
                item = self.notes[id_] = NoteItem(note, self.ink)
                self.addItem(item)
            elif item.note != note:
                item.set_note(note)

    def _apply_zones(self, old: CanvasState, state: CanvasState, *, moved: bool) -> None:
        if old.zones is state.zones and not moved:
            return
        wanted = {zone.key: zone for zone in state.zones}
        for key in self.zones.keys() - wanted.keys():
            self.removeItem(self.zones.pop(key))
        for key, zone in wanted.items():
            item = self.zones.get(key)
            if item is None:
                item = self.zones[key] = ZoneItem(zone, self.ink)
                self.addItem(item)
            item.set_zone(zone)
        self._surround()

    def _surround(self) -> None:
        if not self.zones:
            return
        deepest = max(item.zone.depth for item in self.zones.values())
        members = {key for item in self.zones.values() for key in item.zone.members}
        bodies = {key: self.nodes[key].body for key in members if key in self.nodes}
        for item in self.zones.values():
            item.surround(bodies, deepest)

    def _grow(self) -> None:
        """Make the scene cover all items; it never shrinks while the document is open."""
        content = self.content_rect()
        area = self.sceneRect()
        if not area.contains(content.adjusted(-200, -200, 200, 200)):
            wide = area.united(content)
            area = QRectF(
                (wide.left() // STEP - 1) * STEP,
                (wide.top() // STEP - 1) * STEP,
                (wide.width() // STEP + 3) * STEP,
                (wide.height() // STEP + 3) * STEP,
            )
            self.setSceneRect(area)
        self.labels.set_area(area)
        self.live.set_area(area)

    def restyle(self) -> None:
        """Paint everything anew, as after a change of the theme."""
        for edge in self.edges.values():
            edge.refresh_pen()
        for note in self.notes.values():
            note.restyle()
        self.update()

    def paint_overview(self, painter: QPainter, sight: QRectF) -> None:
        """Draw everything as boxes and lines: what the view shows below 35 %."""
        theme = self.ink.theme
        zoom = painter.worldTransform().m11()
        for frame in self.frames.values():
            if sight.intersects(frame.box):
                colors = theme.frame_colors
                painter.fillRect(frame.box, QColor(colors[frame.frame.colour % len(colors)]))
        for zone in self.zones.values():
            if sight.intersects(zone.boundingRect()):
                zone.paint_plainly(painter)
        for note in self.notes.values():
            if sight.intersects(note.box):
                painter.fillRect(note.box, theme.color("raised"))
        self.overview.paint(painter, theme)
        self._paint_selection(painter, sight, zoom)
        self._paint_frame_names(painter, sight)

    def _paint_selection(self, painter: QPainter, sight: QRectF, zoom: float) -> None:
        selected = [self.nodes[key].body for key in self.ink.selected if key in self.nodes]
        boxes = [body for body in selected if sight.intersects(body)]
        if boxes:
            gap = 3.0 / zoom
            painter.setPen(QPen(self.ink.theme.color("selection_outline"), 1.5 / zoom))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRects([box.adjusted(-gap, -gap, gap, gap) for box in boxes])

    def _paint_frame_names(self, painter: QPainter, sight: QRectF) -> None:
        """The names of frames in letters of one size on the screen."""
        transform = painter.worldTransform()
        face = self.ink.style.overview
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for frame in self.frames.values():
            box = transform.mapRect(frame.box)
            if not sight.intersects(frame.box) or box.width() < 24:
                continue
            name = frame.frame.title or "Frame"
            width = min(face.width_of(name), max(40.0, box.width() - 12)) + 10
            height = face.metrics.height() + 4
            label = QRectF(box.left(), box.top() - height - 2, width, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.ink.theme.color("panel"))
            painter.drawRoundedRect(label, 4, 4)
            color = self.ink.theme.color("text")
            face.draw(painter, label.adjusted(5, 0, -4, 0), name, color)
        painter.restore()

    # --- questions ----------------------------------------------------------------------

    def content_rect(self) -> QRectF:
        """The smallest area that holds all nodes, frames, notes and zones."""
        return bounds(
            [
                self.overview.bounds(),
                *(item.box for item in self.frames.values()),
                *(item.box for item in self.notes.values()),
                *(item.boundingRect() for item in self.zones.values()),
            ]
        )

    def rect_of(self, keys: Iterable[str]) -> QRectF:
        """The smallest area that holds these nodes, frames and notes."""
        rects: list[QRectF] = []
        for key in keys:
            if key in self.nodes:
                rects.append(self.nodes[key].body)
            elif key in self.frames:
                rects.append(self.frames[key].box)
            elif key in self.notes:
                rects.append(self.notes[key].box)
        return bounds(rects)

    def port_position(self, ref: PortRef, *, output: bool) -> QPointF | None:
        """Where a port is, or None when there is no such node."""
        item = self.nodes.get(ref.node)
        if item is None:
            return None
        visual = item.visual
        row = visual.output_index(ref.port) if output else visual.input_index(ref.port)
        return item.port_place(row, output=output)

    def nodes_in(self, area: QRectF, *, wholly: bool = False) -> list[str]:
        """Keys of the nodes whose body touches `area`, or lies inside it."""
        found: list[str] = []
        for item in self._candidates(area):
            if isinstance(item, NodeItem):
                body = item.body
                if area.contains(body) if wholly else area.intersects(body):
                    found.append(item.key)
        return found

    def edges_in(self, area: QRectF) -> list[str]:
        """Ids of the edges whose box touches `area`."""
        return [item.id for item in self._candidates(area) if isinstance(item, EdgeItem)]

    def _candidates(self, area: QRectF) -> list[QGraphicsItem]:
        return self.items(
            area, Qt.ItemSelectionMode.IntersectsItemBoundingRect, Qt.SortOrder.DescendingOrder
        )

    def items_near(self, point: QPointF, reach: float) -> list[QGraphicsItem]:
        """Items whose box is within `reach` of `point`, topmost first."""
        return self._candidates(QRectF(point.x() - reach, point.y() - reach, 2 * reach, 2 * reach))

    # --- previews -----------------------------------------------------------------------

    def preview_shift(self, keys: Collection[str], offset: QPointF) -> None:
        """Show nodes, frames and notes moved by `offset` from where the document has them."""
        self._shifted.update(keys)
        edges: set[str] = set()
        for key in keys:
            if key in self.nodes:
                place = self.state.positions[key]
                item = self.nodes[key]
                item.setPos(place.x + offset.x(), place.y + offset.y())
                item.setZValue(Layer.NODES_RAISED)
                self.overview.set_node(key, item.body, item.visual.state)
                edges |= self.incident.get(key, set())
            elif key in self.frames:
                self.frames[key].shift(offset)
            elif key in self.notes:
                self.notes[key].shift(offset)
        moved = set(keys)
        for id_ in edges:
            edge = self.edges.get(id_)
            if edge is None:
                continue
            if moved.issuperset((edge.visual.source.node, edge.visual.target.node)):
                edge.shift(offset)
                self._label(edge)
            else:
                self._lay(edge.visual)
        self._surround()

    def drop_preview(self) -> None:
        """Show everything where the document has it."""
        shifted, self._shifted = self._shifted, set()
        edges: set[str] = set()
        for key in shifted:
            item = self.nodes.get(key)
            if item is not None:
                place = self.state.positions.get(key)
                if place is not None:
                    item.setPos(place.x, place.y)
                item.setZValue(Layer.NODES)
                self.overview.set_node(key, item.body, item.visual.state)
                edges |= self.incident.get(key, set())
        for id_ in edges:
            if id_ in self.state.edges:
                self._lay(self.state.edges[id_])
        for frame in self.frames.values():
            frame.reset()
        for note in self.notes.values():
            note.reset()
        if shifted:
            self._surround()

    def mark_edges(self, selected: Collection[str]) -> None:
        """Show exactly these edges as selected."""
        for id_ in self._marked - set(selected):
            item = self.edges.get(id_)
            if item is not None:
                item.mark(selected=False)
        self._marked = {id_ for id_ in selected if id_ in self.edges}
        for id_ in self._marked:
            self.edges[id_].mark(selected=True)

    def raise_over_veil(self, keys: Collection[str]) -> None:
        """Spread the veil over everything but these nodes."""
        self.veil.spread(self.sceneRect(), self.ink.theme)
        for key, item in self.nodes.items():
            wanted = Layer.OVER_VEIL if key in keys else Layer.NODES
            if item.zValue() != wanted:
                item.setZValue(wanted)

    def lift_veil(self) -> None:
        """Take the veil away."""
        self.veil.setVisible(False)
        for item in self.nodes.values():
            if item.zValue() != Layer.NODES:
                item.setZValue(Layer.NODES)
