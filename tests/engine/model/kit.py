"""Node types and a short notation for workflows, for the tests of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.model.node_types import NodeType, Port, Ports, PortType, Registry
from engine.model.shape import edge_order
from engine.model.workflow import Channel, Edge, Node, PortRef, Settings, Workflow


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class Send(BaseModel):
    send_idempotency_key: bool = True


class Fetch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(title="Address")
    tries: int = Field(default=1, ge=1)
    headers: dict[str, str] = {}


def kind(type_id: str, ins: str = "in", outs: str = "out", **more: Any) -> NodeType:
    """Return a node type; ports are names with an optional type, as in ``in:number``."""

    def ports(text: str) -> tuple[Port, ...]:
        found = []
        for word in text.split():
            name, _, port_type = word.partition(":")
            found.append(Port(name=name, type=port_type or "any"))  # type: ignore[arg-type] # given by a test
        return tuple(found)

    all_ports = Ports(ports(ins), ports(outs))
    fields: dict[str, Any] = {
        "title": type_id.title(),
        "category": "test",
        "description": "",
        "params": Anything,
        "run": None,
        "ports": lambda _: all_ports,
    }
    return NodeType(id=type_id, **(fields | more))


def broken_ports(params: Mapping[str, Any]) -> Ports:
    return Ports((Port(name=params["port"].lower()),))


def cases(params: Mapping[str, Any]) -> Ports:
    names = ("big", "small", "else") if params.get("otherwise", True) else ("big", "small")
    return Ports((Port(name="in"),), tuple(Port(name=name) for name in names))


KIT = Registry(
    [
        kind("step"),
        kind("start", ins="", role="trigger"),
        kind("stop", outs="", role="end"),
        kind("gate", outs="approved rejected", role="barrier"),
        kind("switch", ports=cases),
        kind("each", outs="item", role="split"),
        kind("collect", role="collect"),
        kind("again", outs="round", role="loop", raw=frozenset({"condition"})),
        kind("until", role="until"),
        kind("fetch", params=Fetch, templates=frozenset({"url"})),
        kind("post", effects=lambda _: "once"),
        kind("send", params=Send, effects=lambda _: "once"),
        kind("parse", outs="out:text"),
        kind("sum", ins="in:number", outs="out:number"),
        kind("pair", ins="left right"),
        kind("new", version=2),
        kind("odd", ports=broken_ports),
        kind("cases", raw=frozenset({"cases"})),
    ]
)

TYPES: tuple[PortType, ...] = (
    "any", "text", "number", "bool", "list", "object", "file", "control", "error",
    "stream",
    "items",
)  # fmt: skip


def wire(text: str) -> Edge:
    """Return the edge of ``a -> b 1``, ``a.rejected -> b.left when x`` or ``a -> b otherwise``."""
    ends, _, when = text.partition(" when ")
    words = ends.split()
    source, target = words[0], words[2]
    rest = words[3:]
    return Edge(
        source=PortRef.parse(source if "." in source else f"{source}.out"),
        target=PortRef.parse(target if "." in target else f"{target}.in"),
        when=when or None,
        kind=rest[0] if rest and rest[0] in {"otherwise", "fallback"} else "normal",  # type: ignore[arg-type] # one of the two
        priority=int(rest[-1]) if rest and rest[-1].lstrip("-").isdigit() else 0,
    )


def flow(
    nodes: str | Mapping[str, str | Node],
    *wires: str,
    channels: Mapping[str, Channel] | None = None,
    settings: Settings | None = None,
    **params: Any,
) -> Workflow:
    """Return a workflow.

    Args:
        nodes: key to node or type; or keys in one text, each a step or ``key:type``.
        wires: see `wire`.
        channels: by name.
        settings: of the workflow.
        params: node key to its fields, such as ``a={"params": {...}}``.
    """
    if isinstance(nodes, str):
        nodes = {word.partition(":")[0]: word.partition(":")[2] or "step" for word in nodes.split()}
    found: dict[str, Node] = {}
    for key, node in nodes.items():
        fields = params.get(key, {})
        found[key] = node if isinstance(node, Node) else Node(key=key, type=node, **fields)
    return Workflow(
        id="test",
        name="Test",
        nodes={key: found[key] for key in sorted(found)},
        edges=tuple(sorted((wire(text) for text in wires), key=edge_order)),
        channels=channels or {},
        settings=settings or Settings(),
    )
