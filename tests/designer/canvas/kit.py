"""Node types and small workflows for the tests of the document and the canvas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.model.node_types import NodeType, Port, Ports, PortType, Registry
from engine.model.workflow import Edge, Frame, Node, Note, PortRef, Position, View, Workflow

Place = tuple[float, float]


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def ports(text: str) -> tuple[Port, ...]:
    """``in left:number`` as ports; without a type they carry anything."""
    found: list[Port] = []
    for word in text.split():
        name, _, kind = word.partition(":")
        port_type: PortType = kind or "any"  # type: ignore[assignment] # given by a test
        found.append(Port(name=name, type=port_type))
    return tuple(found)


def kind(type_id: str, ins: str = "in", outs: str = "out", **more: object) -> NodeType:
    fixed = Ports(ports(ins), ports(outs))
    fields: dict[str, object] = {
        "title": type_id.replace("_", " ").capitalize(),
        "category": "test",
        "description": f"Tests {type_id}",
        "params": Anything,
        "run": None,
        "ports": lambda _params: fixed,
    }
    return NodeType(id=type_id, **(fields | more))  # type: ignore[arg-type] # fields by name


KIT = Registry(
    [
        kind("start", "", "out", role="trigger"),
        kind("step", summary=lambda params: str(params.get("say", ""))),
        kind("ask", "in", "approved rejected expired", role="barrier"),
        kind("read", "in", "out:text"),
        kind("to_number", "in:text", "out:number"),
        kind("sum", "numbers:number", "total:number"),
        kind("join", "left right", "out:object"),
        kind("for_each", "in", "item", role="split"),
        kind("collect", "in", "out:list", role="collect"),
        kind("end", "in", "", role="end"),
    ]
)


def node(key: str, type_id: str = "step", **more: object) -> Node:
    return Node(key=key, type=type_id, title=str(more.pop("title", key)), **more)  # type: ignore[arg-type] # fields by name


def edge(text: str, **more: object) -> Edge:
    """``a->b`` from out to in, or ``a.port->b.port``."""
    source, target = text.split("->")
    return Edge(
        source=PortRef.parse(source if "." in source else f"{source}.out"),
        target=PortRef.parse(target if "." in target else f"{target}.in"),
        **more,  # type: ignore[arg-type] # fields by name
    )


def flow(
    nodes: Sequence[Any],
    edges: Sequence[Any] = (),
    places: Mapping[str, Place] | None = None,
    *,
    frames: tuple[Frame, ...] = (),
    notes: tuple[Note, ...] = (),
) -> Workflow:
    """A workflow of nodes and edges or their names.

    Nodes without a place stand in one row, 320 pixels apart.
    """
    made = [node(each) if isinstance(each, str) else each for each in nodes]
    wired = [edge(each) if isinstance(each, str) else each for each in edges]
    spots: dict[str, Place] = {each.key: (320.0 * at, 0.0) for at, each in enumerate(made)}
    spots.update(places or {})
    return Workflow(
        id="w1",
        name="invoice",
        nodes={each.key: each for each in sorted(made, key=lambda each: each.key)},
        edges=tuple(sorted(wired, key=lambda each: (each.source, each.target))),
        view=View(
            positions={key: Position(*spot) for key, spot in sorted(spots.items())},
            frames=frames,
            notes=notes,
        ),
    )
