"""`examples` and `node-types`: what ships with the program."""

from __future__ import annotations

from typing import Any

from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals
from engine.cli.printing import console, json_line, table
from engine.model.node_types import NodeType, Port
from engine.nodes.plugins import installed
from resources.examples import examples as shipped

Json = Any


def examples(settings: Globals, as_json: AsJson = False) -> int:
    """List the examples that ship with the program.

    `headgate run NAME` runs a copy of one in your data folder.
    """
    del settings
    found = shipped()
    if as_json:
        for each in found:
            json_line({"name": each.name, "path": str(each.path), "title": each.title})
    else:
        rows = [(each.name, each.title, each.path) for each in found]
        console().print(table(("name", "title", "path"), rows))
    return ExitCode.OK


def node_types(settings: Globals, as_json: AsJson = False) -> int:
    """List the node types that are installed, with their ports and parameters."""
    del settings
    types = list(installed().registry)
    if as_json:
        for each in types:
            json_line(_type_json(each))
    else:
        rows = [(each.id, each.category, each.title, each.description) for each in types]
        console().print(table(("type", "category", "title", "what it does"), rows))
    return ExitCode.OK


def _type_json(node_type: NodeType) -> dict[str, Json]:
    """The ports, effects and capabilities are those of a node without parameters."""
    ports = node_type.ports({})
    return {
        "type": node_type.id,
        "version": node_type.version,
        "title": node_type.title,
        "category": node_type.category,
        "description": node_type.description,
        "inputs": [_port_json(port) for port in ports.inputs],
        "outputs": [_port_json(port) for port in ports.outputs],
        "effects": node_type.effects({}),
        "capabilities": list(node_type.capabilities({})),
        "templates": sorted(node_type.templates),
        "params": node_type.params.model_json_schema(),
    }


def _port_json(port: Port) -> dict[str, Json]:
    return {"name": port.name, "type": port.type, "required": port.required}
