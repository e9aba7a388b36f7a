"""Adding nodes and wires by list, by drop and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QPointF

from designer.canvas import edits
from designer.canvas.geometry import NODE_HEIGHT, NODE_WIDTH, PORT_TOP, snapped
from designer.canvas.interactions.gesture import Host
from designer.canvas.matches import find_matches, port_type, types_fitting
from designer.canvas.quick_add import NodePick, entries_for
from designer.settings import Settings
from designer.widgets.kinds import Kind
from designer.widgets.quick_pick import PickEntry
from engine.model.changes import AddEdge, Change
from engine.model.node_types import NodeType
from engine.model.workflow import Edge, PortRef

#: How many types the lists remember as used lately.
RECENT_LIMIT = 8


class Adding:
    """Everything that ends with a new node or a new wire."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pick: NodePick | None = None

    # --- nodes --------------------------------------------------------------------------

    def quick_add(self, at: QPointF | None = None) -> None:
        """Open the list of all node types; the new one is wired to the selected node."""
        if not self._host.may_edit():
            return
        selected = self._host.document.selection.node
        source = None
        if selected is not None:
            source = edits.free_output(self._host.document.workflow, self._host.registry, selected)
        point = at if at is not None else self._host.pointer_or_middle()
        place: QPointF | None = point
        if at is None and not self._host.pointer_inside and source is not None:
            place = None  # by keyboard: beside the node that it is wired to
        self._open(
            list(self._host.registry),
            "Add a node: type to search",
            lambda node_type: self.add(node_type, place, source, output=True),
            self._spot(point),
        )

    def offer_nodes(self, at: QPointF, source: PortRef, *, output: bool) -> None:
        """Open the list of the types that fit a wire which was let go on nothing."""
        if not self._host.may_edit():
            return
        workflow, registry = self._host.document.workflow, self._host.registry
        kind = port_type(registry, workflow, source, output=output)
        if output:
            types, words = types_fitting(registry, takes=kind), f"Add a node that takes {kind}"
        else:
            types, words = types_fitting(registry, gives=kind), f"Add a node that gives {kind}"
        # The port that the wire ends at comes to lie where it was let go.
        corner = at - QPointF(0 if output else NODE_WIDTH, PORT_TOP)
        self._open(
            types,
            words,
            lambda node_type: self.add(node_type, corner, source, output=output),
            self._spot(at),
        )

    def offer_between(self, source: PortRef, target: PortRef) -> None:
        """Open the list of the types that make a refused wire possible, if there are any."""
        workflow, registry = self._host.document.workflow, self._host.registry
        takes = port_type(registry, workflow, source, output=True)
        gives = port_type(registry, workflow, target, output=False)
        types = types_fitting(registry, takes=takes, gives=gives)
        start = self._host.board.port_position(source, output=True)
        end = self._host.board.port_position(target, output=False)
        if not types or start is None or end is None or source.node == target.node:
            return
        middle = (start + end) / 2
        corner = middle - QPointF(NODE_WIDTH / 2, PORT_TOP)

        def insert(node_type: NodeType) -> str | None:
            edge = Edge(source=source, target=target)
            return self._insert(node_type, corner, edge, exists=False)

        self._open(types, f"Insert a node between: {takes} to {gives}", insert, self._spot(middle))

    def add(
        self,
        node_type: NodeType,
        at: QPointF | None,
        source: PortRef | None = None,
        *,
        output: bool = True,
    ) -> str | None:
        """Add a node and wire it to `source`; returns its key, or None when refused."""
        workflow, registry = self._host.document.workflow, self._host.registry
        node = edits.new_node(workflow, node_type)
        wires: list[Change] = []
        if source is not None:
            edge = edits.wire_to_new(workflow, registry, source, node, node_type, output=output)
            if edge is not None:
                wires.append(AddEdge(edge))
        place = snapped(at if at is not None else self._beside(source))
        change = edits.add_node(node, place, wires)
        return self._added(node_type, node.key, change)

    def insert_node(self, type_id: str, pos: QPointF | None, wired_to: str | None) -> str | None:
        """Add a node of a type by its id; see `CanvasView.insert_node`."""
        node_type = self._host.registry.get(type_id)
        if node_type is None:
            self._host.say(f"The node type {type_id} is not installed.", Kind.ERROR)
            return None
        source = None
        if wired_to is not None:
            source = edits.free_output(self._host.document.workflow, self._host.registry, wired_to)
        return self.add(node_type, pos, source)

    def drop_node(self, node_type: NodeType, at: QPointF, edge_id: str) -> None:
        """Add a dropped node, into the wire it was dropped on if it fits there."""
        edge = self._edge(edge_id)
        if edge is None or self._insert(node_type, at, edge, exists=True) is None:
            self.add(node_type, at)

    def insert_into_edge(self, edge_id: str, at: QPointF) -> None:
        """Open the list of the types that fit into a wire."""
        edge = self._edge(edge_id)
        if edge is None or not self._host.may_edit():
            return
        workflow, registry = self._host.document.workflow, self._host.registry
        takes = port_type(registry, workflow, edge.source, output=True)
        gives = port_type(registry, workflow, edge.target, output=False)
        corner = at - QPointF(NODE_WIDTH / 2, PORT_TOP)
        self._open(
            types_fitting(registry, takes=takes, gives=gives),
            "Insert a node into this wire",
            lambda node_type: self._insert(node_type, corner, edge, exists=True),
            self._spot(at),
        )

    def _insert(self, node_type: NodeType, at: QPointF, edge: Edge, *, exists: bool) -> str | None:
        """Add a node between the ends of an edge, which may be one that is not there yet."""
        workflow, registry = self._host.document.workflow, self._host.registry
        node = edits.new_node(workflow, node_type)
        wires = edits.add_between(workflow, registry, node, node_type, edge)
        if wires is None:
            return None
        if not exists:
            first, second = wires
            wires = (edits.as_added(first), second)
        return self._added(node_type, node.key, edits.add_node(node, snapped(at), wires))

    def _added(self, node_type: NodeType, key: str, change: Change) -> str | None:
        if not self._host.edit(change, f"Add {node_type.title}"):
            return None
        remember(self._host.settings, node_type.id)
        self._host.document.selection.set(nodes=(key,))
        self._host.camera.reveal(self._host.board.nodes[key].body, glide=True)
        return key

    def _beside(self, source: PortRef | None) -> QPointF:
        """To the right of the node that it is wired to, or in the middle of the view."""
        board = self._host.board
        bodies = [item.body for item in board.nodes.values()]
        item = board.nodes.get(source.node) if source is not None else None
        if item is None:
            middle = self._host.camera.sight.center()
            wanted = middle - QPointF(NODE_WIDTH / 2, NODE_HEIGHT / 2)
        else:
            wanted = item.body.topRight() + QPointF(edits.GAP, 0)
        return edits.free_place(bodies, wanted)

    def _edge(self, edge_id: str) -> Edge | None:
        workflow = self._host.document.workflow
        return next((edge for edge in workflow.edges if edge.id == edge_id), None)

    # --- wires by keyboard --------------------------------------------------------------

    def wire_from_selection(self) -> None:
        """Open the list of the ports that a wire from the selected node may go to."""
        key = self._host.document.selection.node or self._host.document.selection.current
        workflow, registry = self._host.document.workflow, self._host.registry
        source = edits.free_output(workflow, registry, key) if key is not None else None
        if source is None:
            self._host.say("Select the node that the wire starts from.")
            return
        if not self._host.may_edit():
            return
        nodes = self._host.board.state.nodes
        matches = find_matches(workflow, registry, nodes, source, output=True)
        entries: list[PickEntry] = []
        targets: dict[str, PortRef] = {}
        for refs in matches.by_node.values():
            for ref in refs:
                visual = nodes[ref.node]
                port = visual.inputs[visual.input_index(ref.port)]
                name = f"{port.title}, {port.type}" if visual.names_inputs else port.type
                entries.append(
                    PickEntry(
                        key=str(ref), title=visual.title, subtitle=name, icon=visual.icon,
                        keywords=ref.node,
                    )
                )  # fmt: skip
                targets[str(ref)] = ref
        if not entries:
            self._host.say("No node takes what this one gives. Press Tab to add one.")
            return

        def connect(chosen: str, stays: bool) -> None:
            del stays
            edge = Edge(source=source, target=targets[chosen])
            self._host.edit(AddEdge(edge), "Connect")

        words = f"Wire {nodes[source.node].title} to"
        self._list().open_list(entries, words, connect, self._spot_of(source.node))

    def choose_node(self, keys: Sequence[str], words: str) -> None:
        """Let the person choose which node to go to."""
        nodes = self._host.board.state.nodes
        entries = [
            PickEntry(key=key, title=nodes[key].title, subtitle=nodes[key].subline,
                      icon=nodes[key].icon)
            for key in keys
        ]  # fmt: skip

        def go(key: str, stays: bool) -> None:
            del stays
            self._host.document.selection.set(nodes=(key,))
            self._host.camera.reveal(self._host.board.nodes[key].body, glide=True)

        current = self._host.document.selection.current
        at = self._spot_of(current) if current is not None else None
        self._list().open_list(entries, words, go, at)

    # --- lists --------------------------------------------------------------------------

    def _open(
        self,
        types: Sequence[NodeType],
        words: str,
        add: Callable[[NodeType], object],
        at: QPoint,
    ) -> None:
        found = {node_type.id: node_type for node_type in types}
        entries = entries_for(found.values(), self._host.settings.palette_recent)
        if not entries:
            self._host.say("No node type fits here.", Kind.WARNING)
            return

        def picked(type_id: str, stays: bool) -> None:
            add(found[type_id])
            if not stays:
                self._host.widget.setFocus()

        self._list().open_list(entries, words, picked, at)

    @property
    def list(self) -> NodePick | None:
        """The list, once it has been opened."""
        return self._pick

    def _list(self) -> NodePick:
        # In the window, not in the view: the canvas's single-letter keys must not hear
        # what is typed into it.
        window = self._host.widget.window()
        if self._pick is None or self._pick.parentWidget() is not window:
            if self._pick is not None:
                self._pick.deleteLater()
            self._pick = NodePick(window, "Type to search")
        return self._pick

    def dismiss(self) -> None:
        """Close the list if it is open."""
        if self._pick is not None:
            self._pick.dismiss()

    def _spot(self, point: QPointF) -> QPoint:
        """A point of the scene in the window."""
        view = self._host.widget
        inside = view.mapFromScene(point)
        return view.viewport().mapTo(view.window(), inside)

    def _spot_of(self, key: str) -> QPoint | None:
        item = self._host.board.nodes.get(key)
        return self._spot(item.body.bottomLeft()) if item is not None else None


def remember(settings: Settings, type_id: str) -> None:
    """Let the lists begin with this type next time."""
    others = [known for known in settings.palette_recent if known != type_id]
    settings.palette_recent = (type_id, *others)[:RECENT_LIMIT]
