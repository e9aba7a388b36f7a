"""The scene: one shape for each thing of the picture, kept equal to a `CanvasState`.

`apply` compares the new picture with the shown one and changes only what differs. The
scene never edits the document. What a gesture shows before it is finished (nodes under
the pointer, a wider frame) is shown here and forgotten when the next picture comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsScene

from designer.canvas.geometry import bounds
from designer.canvas.index import Grid
from designer.canvas.ink import Ink
from designer.canvas.items.edge_labels import EdgeLabels
from designer.canvas.items.edges import EdgeShape, EdgesLayer
from designer.canvas.items.frame_item import NO_WORDS, FrameItem
from designer.canvas.items.layers import Layer
from designer.canvas.items.live_overlay import LiveOverlay
from designer.canvas.items.nodes import NodeShape, NodesLayer, Rank
from designer.canvas.items.note_item import NoteItem
from designer.canvas.items.veil import Veil
from designer.canvas.items.zone_item import ZoneItem
from designer.canvas.overview import Overview
from designer.canvas.visuals import CanvasState, EdgeVisual, NodeVisual
from engine.model.workflow import PortRef

#: The scene grows by steps of this many pixels, so that the index is rarely rebuilt.
STEP = 2000.0
_EMPTY = QRectF(-STEP, -STEP, 2 * STEP, 2 * STEP)
#: When more nodes than these look different, the whole layer is painted anew.
_MANY = 200


class CanvasScene(QGraphicsScene):
    """The shapes, by the keys and ids of the document."""

    def __init__(self, ink: Ink, parent: QObject | None = None) -> None:
        super().__init__(_EMPTY, parent)
        self.ink = ink
        self.state = CanvasState()
        self.nodes: dict[str, NodeShape] = {}
        self.edges: dict[str, EdgeShape] = {}
        self.frames: dict[str, FrameItem] = {}
        self.notes: dict[str, NoteItem] = {}
        self.zones: dict[str, ZoneItem] = {}
        #: Ids of the edges at each node.
        self.incident: dict[str, set[str]] = {}
        self.overview = Overview(self.nodes, self.edges)
        self.live = LiveOverlay(ink)
        self.veil = Veil()
        self._node_index = Grid()
        self._edge_index = Grid()
        self._labels = EdgeLabels(ink)
        self._nodes_layer = NodesLayer(self.nodes, self._node_index, ink, over_veil=False)
        self._top_layer = NodesLayer(self.nodes, self._node_index, ink, over_veil=True)
        self._edges_layer = EdgesLayer(self.edges, self._edge_index)
        self._layers = (
            self._labels,
            self._nodes_layer,
            self._top_layer,
            self._edges_layer,
            *self.live.items,
        )
        for item in (*self._layers, self.veil):
            self.addItem(item)
        for layer in self._layers:
            layer.set_area(_EMPTY)
        self._order = 0
        self._shifted: set[str] = set()
        self._marked: set[str] = set()
        self._hovered = ""

    # --- pictures -----------------------------------------------------------------------

    def apply(self, state: CanvasState) -> set[str]:
        """Show `state`; returns the keys of the nodes that look different now."""
        self.drop_preview()
        old, self.state = self.state, state
        changed, rewired = self._apply_nodes(old, state)
        self._apply_edges(old, state, rewired)
        self._apply_frames(state)
        self._apply_notes(state)
        self._apply_zones(old, state, moved=bool(rewired))
        if changed or rewired or old.edges is not state.edges:
            self._grow()
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
                shown = self.nodes.get(key)
                if shown is None or shown.visual is not visual:
                    changed.add(key)
                    if self._show_node(shown, visual):
                        rewired.add(key)
        if old.positions is not state.positions or rewired:
            moved = self._move_nodes(state, rewired)
            changed |= moved
            rewired |= moved
        self.touch_nodes(changed)
        return changed, rewired

    def _show_node(self, node: NodeShape | None, visual: NodeVisual) -> bool:
        """Returns whether its ports are elsewhere now."""
        if node is not None:
            rewired = node.set_visual(visual)
        else:
            rewired = True
            node = self.nodes[visual.key] = NodeShape(visual, self._order)
            self._order += 1
            self.incident.setdefault(visual.key, set())
        self.live.set_node(node)
        return rewired

    def _move_nodes(self, state: CanvasState, rewired: Collection[str]) -> set[str]:
        """Put nodes into their places; returns those that were elsewhere, or are `rewired`."""
        moved: set[str] = set()
        for key, place in state.positions.items():
            node = self.nodes.get(key)
            if node is None:
                continue
            if node.x != place.x or node.y != place.y or key in rewired:
                if len(moved) < _MANY:
                    self._touch(node)
                node.move(place.x, place.y)
                self._node_index.put(key, node.body)
                moved.add(key)
        return moved

    def _remove_node(self, key: str) -> None:
        node = self.nodes.pop(key)
        self._touch(node)
        self._node_index.remove(key)
        self.incident.pop(key, None)
        self.live.remove_node(key)
        self.ink.pixmaps.forget(key)

    def _apply_edges(self, old: CanvasState, state: CanvasState, rewired: Collection[str]) -> None:
        moved: set[str] = set()
        if old.edges is not state.edges:
            for id_ in old.edges.keys() - state.edges.keys():
                self._remove_edge(old.edges[id_])
            for id_, visual in state.edges.items():
                edge = self.edges.get(id_)
                if edge is None:
                    for key in (visual.source.node, visual.target.node):
                        self.incident.setdefault(key, set()).add(id_)
                    moved.add(id_)
                elif edge.visual is not visual:
                    edge.set_visual(visual, self.ink)
                    self._show(edge)
        for key in rewired:
            moved |= self.incident.get(key, set())
        for id_ in moved:
            self._lay(state.edges[id_])
        if len(moved) > _MANY:
            self._edges_layer.update()

    def _lay(self, visual: EdgeVisual) -> None:
        """Lead an edge from port to port."""
        start = self.port_position(visual.source, output=True)
        end = self.port_position(visual.target, output=False)
        edge = self.edges.get(visual.id)
        if start is None or end is None:  # an edge to nowhere; validation tells of it
            self._discard(visual.id)
            return
        if edge is None:
            edge = self.edges[visual.id] = EdgeShape(visual, self.ink)
        else:
            self._edges_layer.update(edge.box)
        edge.lead(start, end)
        self._edge_index.put(visual.id, edge.box)
        self._show(edge)

    def _show(self, edge: EdgeShape) -> None:
        """See to everything that draws a part of an edge."""
        visual = edge.visual
        self.overview.touch_edge(visual.id)
        if visual.count or visual.label:
            self._labels.place(visual, edge.middle(), edge.label_room())
        else:
            self._labels.remove(visual.id)
        self.live.set_edge(edge)
        self._edges_layer.update(edge.box)

    def _discard(self, id_: str) -> None:
        edge = self.edges.pop(id_, None)
        if edge is not None:
            self._edges_layer.update(edge.box)
            self._edge_index.remove(id_)
            self._labels.remove(id_)
            self.live.remove(id_)
            self.overview.touch_edge(id_)

    def _remove_edge(self, visual: EdgeVisual) -> None:
        self._discard(visual.id)
        for key in (visual.source.node, visual.target.node):
            self.incident.get(key, set()).discard(visual.id)

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
            item.set_words(state.frame_words.get(id_, NO_WORDS))
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
            for layer in self._layers:
                layer.set_area(area)

    def restyle(self) -> None:
        """Paint everything anew, as after a change of the theme."""
        for edge in self.edges.values():
            edge.refresh(self.ink)
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
        node = self.nodes.get(ref.node)
        if node is None:
            return None
        rows = node.visual.output_index if output else node.visual.input_index
        return node.port_place(rows(ref.port), output=output)

    def nodes_in(self, area: QRectF, *, wholly: bool = False) -> list[str]:
        """Keys of the nodes whose body touches `area`, or lies inside it; topmost last."""
        meets = area.contains if wholly else area.intersects
        found = [
            node for key in self._node_index.near(area) if meets((node := self.nodes[key]).body)
        ]
        found.sort(key=lambda node: (node.rank, node.order))
        return [node.key for node in found]

    def edges_in(self, area: QRectF) -> list[str]:
        """Ids of the edges whose box touches `area`."""
        return [id_ for id_ in self._edge_index.near(area) if area.intersects(self.edges[id_].box)]

    def touch_nodes(self, keys: Collection[str]) -> None:
        """Paint these nodes anew."""
        self.overview.touch_nodes(keys)
        if len(keys) > _MANY:
            self._nodes_layer.update()
            return
        for key in keys:
            node = self.nodes.get(key)
            if node is not None:
                self._touch(node)

    def _touch(self, node: NodeShape) -> None:
        layer = self._top_layer if node.rank is Rank.OVER_VEIL else self._nodes_layer
        layer.update(node.extent.adjusted(-4, -4, 4, 4))

    # --- previews -----------------------------------------------------------------------

    def preview_shift(self, keys: Collection[str], offset: QPointF) -> None:
        """Show nodes, frames and notes moved by `offset` from where the document has them."""
        self._shifted.update(keys)
        edges: set[str] = set()
        for key in keys:
            node = self.nodes.get(key)
            if node is not None:
                place = self.state.positions[key]
                node.move(place.x + offset.x(), place.y + offset.y())
                node.rank = Rank.RAISED
                self._node_index.put(key, node.body)
                self.overview.touch_nodes((key,))
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
                self._edge_index.put(id_, edge.box)
                self._show(edge)
            else:
                self._lay(edge.visual)
        self._surround()

    def drop_preview(self) -> None:
        """Show everything where the document has it."""
        shifted, self._shifted = self._shifted, set()
        edges: set[str] = set()
        for key in shifted:
            node = self.nodes.get(key)
            place = self.state.positions.get(key)
            if node is not None and place is not None:
                self._touch(node)
                node.move(place.x, place.y)
                node.rank = Rank.USUAL
                self._touch(node)
                self._node_index.put(key, node.body)
                self.overview.touch_nodes((key,))
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

    # --- marks --------------------------------------------------------------------------

    def mark_edges(self, selected: Collection[str]) -> None:
        """Show exactly these edges as selected."""
        wanted = {id_ for id_ in selected if id_ in self.edges}
        for id_ in self._marked ^ wanted:
            self._mark(id_, selected=id_ in wanted)
        self._marked = wanted

    def hover_edge(self, id_: str) -> None:
        """Show this edge as the one under the pointer."""
        if id_ != self._hovered:
            before, self._hovered = self._hovered, id_
            for each in (before, id_):
                self._mark(each, selected=each in self._marked)

    def hide_edge(self, id_: str, *, hidden: bool) -> None:
        """Leave an edge out while a gesture draws it elsewhere."""
        edge = self.edges.get(id_)
        if edge is not None:
            edge.is_hidden = hidden
            self._edges_layer.update(edge.box)

    def _mark(self, id_: str, *, selected: bool) -> None:
        edge = self.edges.get(id_)
        if edge is not None:
            edge.is_selected, edge.is_hovered = selected, id_ == self._hovered
            edge.refresh(self.ink)
            self._edges_layer.update(edge.box)

    def raise_over_veil(self, keys: Collection[str]) -> None:
        """Spread the veil over everything but these nodes."""
        self.veil.spread(self.sceneRect(), self.ink.theme)
        for key in keys:
            node = self.nodes.get(key)
            if node is not None:
                node.rank = Rank.OVER_VEIL

    def lift_veil(self) -> None:
        """Take the veil away."""
        self.veil.setVisible(False)
        for node in self.nodes.values():
            node.rank = Rank.USUAL
