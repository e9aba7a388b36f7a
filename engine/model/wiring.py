"""Which wires are allowed. One answer for the canvas while drawing and for validation."""

from __future__ import annotations

from engine.model.check_nodes import title_of
from engine.model.node_types import Port, PortType, Registry
from engine.model.workflow import Node, PortRef, Workflow

_WORDS: dict[PortType, str] = {
    "any": "anything",
    "text": "text",
    "number": "number",
    "bool": "true or false",
    "list": "list",
    "object": "object",
    "file": "file",
    "control": "control",
    "error": "error",
    "stream": "a stream of items, which only For each reads",
    "items": "items",
}


def port_compatible(source: PortType, target: PortType) -> bool:
    """Return whether a value of the first type may arrive at a port of the second.

    Values are never converted on a wire. ``any`` fits everything but a stream, which only
    ``items`` takes, as it takes all else; every arrival can serve as a signal
    (``control``), and an error is an object.
    """
    if "stream" in {source, target}:
        return target in {source, "items"}
    if target == "items":
        return True
    if source == target or "any" in {source, target} or target == "control":
        return True
    return (source, target) == ("error", "object")


def type_refusal(source: Node, out: Port, target: Node, port: Port) -> str | None:
    """Return why the types of two ports do not fit, or None."""
    if port_compatible(out.type, port.type):
        return None
    return (
        f"{title_of(source)} gives {_WORDS[out.type]}, {title_of(target)} needs "
        f"{_WORDS[port.type]}: put a node that converts it between them."
    )


def explain_refusal(
    workflow: Workflow, registry: Registry, source: PortRef, target: PortRef
) -> str | None:
    """Return why a wire from `source` to `target` is not allowed, or None when it is.

    Cycles are allowed while drawing: their condition can only be added to the wire.
    Ports of a type that is not installed are not known and therefore allowed.
    """
    first, then = workflow.nodes.get(source.node), workflow.nodes.get(target.node)
    if first is None or then is None:
        missing = source.node if first is None else target.node
        return f"There is no node {missing}: choose another end for the wire."
    then_type = registry.get(then.type)
    if then_type is not None and then_type.role == "trigger":
        return f"{title_of(then)} starts the workflow: nothing leads into it."
    if any(edge.source == source and edge.target == target for edge in workflow.edges):
        return f"{title_of(first)} and {title_of(then)} are connected there already."
    out = registry.ports_of(first).output(source.port)
    if out is None and registry.get(first.type) is not None:
        return f"{title_of(first)} has no output {source.port}: choose one of its ports."
    port = registry.ports_of(then).input(target.port)
    if port is None and then_type is not None:
        return f"{title_of(then)} has no input {target.port}: choose one of its ports."
    if out is None or port is None:
        return None
    return type_refusal(first, out, then, port)
