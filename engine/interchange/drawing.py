"""What Mermaid and DOT have in common: the shapes of nodes, the words on edges, the zones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.model.graph import analyse
from engine.model.node_types import Registry
from engine.model.workflow import Edge, Node, Workflow

Shape = Literal["start", "end", "barrier", "switch", "zone", "step"]

_BY_ROLE: Mapping[str, Shape] = {
    "trigger": "start",
    "end": "end",
    "barrier": "barrier",
    "split": "zone",
    "collect": "zone",
    "loop": "zone",
    "until": "zone",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """A For each with its body and its Collect; `zones` are the ones inside it.

    Attributes:
        nodes: keys of the nodes that lie in no inner zone, in document order.
    """

    key: str
    title: str
    nodes: tuple[str, ...]
    zones: tuple[Zone, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A workflow as it is drawn.

    Attributes:
        root: everything; its key is empty.
    """

    root: Zone
    shapes: Mapping[str, Shape]


def drawing_of(workflow: Workflow, registry: Registry) -> Drawing:
    """Return how a workflow is drawn; broken ones too."""
    facts = analyse(workflow, registry)
    inside: dict[str, list[str]] = {"": [], **{key: [] for key in facts.zones}}
    inner: dict[str, list[str]] = {key: [] for key in inside}
    home: dict[str, str] = {}
    for key in workflow.nodes:
        around = facts.zone_of.get(key, ())
        home[key] = around[-1] if around else ""
    for split, zone in facts.zones.items():
        inner[home[split]].append(split)
        home[split] = home[zone.collect] = split
    for key in workflow.nodes:
        inside[home[key]].append(key)

    def zone_of(key: str) -> Zone:
        title = label(workflow.nodes[key]) if key else workflow.name
        inner_zones = tuple(zone_of(each) for each in inner[key])
        return Zone(key, title, tuple(inside[key]), inner_zones)

    shapes: dict[str, Shape] = {key: _shape(node, registry) for key, node in workflow.nodes.items()}
    return Drawing(zone_of(""), shapes)


def label(node: Node) -> str:
    """Return what stands on a node."""
    return node.title or node.key


def words(edge: Edge) -> str:
    """Return what stands on an edge, or nothing where it goes without saying."""
    parts = [edge.source.port] if edge.source.port != "out" else []
    if edge.kind != "normal":
        parts.append(edge.kind)
    if edge.when:
        parts.append(f"if {edge.when}")
    if edge.target.port != "in":
        parts.append(f"→ {edge.target.port}")
    return " ".join(parts)


def edges_of(workflow: Workflow) -> Iterator[Edge]:
    """Return the edges that have a node at both ends."""
    for edge in workflow.edges:
        if edge.source.node in workflow.nodes and edge.target.node in workflow.nodes:
            yield edge


def _shape(node: Node, registry: Registry) -> Shape:
    if node.type == "switch":
        return "switch"
    node_type = registry.get(node.type)
    return _BY_ROLE.get(node_type.role, "step") if node_type is not None else "step"
