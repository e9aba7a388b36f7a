"""Which ports, and which node types, a wire from a port may go to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from designer.canvas.visuals import NodeVisual
from engine.model.node_types import NodeType, Ports, PortType, Registry
from engine.model.wiring import port_compatible
from engine.model.workflow import PortRef, Workflow


@dataclass(frozen=True, slots=True)
class Matches:
    """The ports that a wire may go to, and the same by node in drawing order."""

    ports: frozenset[PortRef] = frozenset()
    by_node: Mapping[str, tuple[PortRef, ...]] = field(default_factory=dict)


def find_matches(
    workflow: Workflow,
    registry: Registry,
    nodes: Mapping[str, NodeVisual],
    source: PortRef,
    *,
    output: bool,
) -> Matches:
    """The ports on the other side that a new wire from `source` may go to.

    Says the same as `explain_refusal`, for all ports at once: that one looks through all
    edges for each.
    """
    kind = port_type(registry, workflow, source, output=output)
    if output:
        taken = {edge.target for edge in workflow.edges if edge.source == source}
    else:
        taken = {edge.source for edge in workflow.edges if edge.target == source}
    if not output and _is_trigger(registry, workflow, source.node):
        return Matches()
    by_node: dict[str, tuple[PortRef, ...]] = {}
    for key, visual in nodes.items():
        if output and _is_trigger(registry, workflow, key):
            continue
        found = tuple(
            ref
            for port in (visual.inputs if output else visual.outputs)
            if (ref := PortRef(key, port.name)) not in taken
            and _fits(kind, port.type, output=output)
        )
        if found:
            by_node[key] = found
    return Matches(frozenset(ref for refs in by_node.values() for ref in refs), by_node)


def first_match(matches: Matches, key: str) -> PortRef | None:
    """The port of a node that a wire let go on its body goes to."""
    return next(iter(matches.by_node.get(key, ())), None)


def port_type(registry: Registry, workflow: Workflow, ref: PortRef, *, output: bool) -> PortType:
    """What a port carries; ``any`` when it is not known."""
    node = workflow.nodes.get(ref.node)
    if node is None:
        return "any"
    ports = registry.ports_of(node)
    port = ports.output(ref.port) if output else ports.input(ref.port)
    return port.type if port is not None else "any"


def _is_trigger(registry: Registry, workflow: Workflow, key: str) -> bool:
    node = workflow.nodes.get(key)
    node_type = registry.get(node.type) if node is not None else None
    return node_type is not None and node_type.role == "trigger"


def _fits(kind: PortType, other: str, *, output: bool) -> bool:
    known: PortType = other  # type: ignore[assignment] # a visual holds the type as text
    return port_compatible(kind, known) if output else port_compatible(known, kind)


def fresh_ports(node_type: NodeType) -> Ports:
    """The ports of a node of that type that has just been added."""
    return node_type.ports({})


def input_for(ports: Ports, kind: PortType) -> str | None:
    """The input that takes a value of `kind`: the one made for it before those for anything."""
    fitting = [port for port in ports.inputs if port_compatible(kind, port.type)]
    exact = [port for port in fitting if port.type == kind]
    return (exact or fitting)[0].name if fitting else None


def output_for(ports: Ports, kind: PortType) -> str | None:
    """The output that gives a value of `kind`, never the error port."""
    fitting = [
        port for port in ports.outputs if port.type != "error" and port_compatible(port.type, kind)
    ]
    exact = [port for port in fitting if port.type == kind]
    return (exact or fitting)[0].name if fitting else None


def types_fitting(
    types: Iterable[NodeType], *, takes: PortType | None = None, gives: PortType | None = None
) -> list[NodeType]:
    """The node types that can take one kind of value and give another."""
    found: list[NodeType] = []
    for node_type in types:
        ports = fresh_ports(node_type)
        if takes is not None and (node_type.role == "trigger" or input_for(ports, takes) is None):
            continue
        if gives is not None and output_for(ports, gives) is None:
            continue
        found.append(node_type)
    return found
