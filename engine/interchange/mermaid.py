"""Export to Mermaid: a flowchart for a README, an issue or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.interchange.drawing import Shape, Zone, drawing_of, edges_of, label, words
from engine.model.node_types import Registry
from engine.model.workflow import Workflow

_SHAPES: Mapping[Shape, tuple[str, str]] = {
    "start": ("([", "])"),
    "end": ("([", "])"),
    "barrier": ("{{", "}}"),
    "switch": ("{", "}"),
    "zone": ("[[", "]]"),
    "step": ("[", "]"),
}
#: Words that mean something to Mermaid where the name of a node stands.
_RESERVED = frozenset(
    {"call", "class", "classdef", "click", "default", "direction", "end", "flowchart"}
    | {"graph", "href", "interpolate", "linkstyle", "style", "subgraph"}
)
#: Everything that a label cannot hold as it is becomes ``#number;``.
_SPECIAL = re.compile(r"[^\w .,:!?=+*/()\[\]{}'%$€→-]")


def to_mermaid(workflow: Workflow, registry: Registry) -> str:
    """Return the workflow as a Mermaid flowchart, ending with a line end."""
    drawing = drawing_of(workflow, registry)
    names = _names(workflow)
    lines = ["---", f"title: {_yaml(workflow.name)}", "---", "flowchart LR"]

    def draw(zone: Zone, indent: str) -> Iterator[str]:
        for key in zone.nodes:
            before, after = _SHAPES[drawing.shapes[key]]
            yield f'{indent}{names[key]}{before}"{_text(label(workflow.nodes[key]))}"{after}'
        for inner in zone.zones:
            yield f'{indent}subgraph zone_{names[inner.key]}["{_text(inner.title)}"]'
            yield from draw(inner, indent + "  ")
            yield f"{indent}end"

    lines += draw(drawing.root, "  ")
    for edge in edges_of(workflow):
        text = words(edge)
        arrow = "-.->" if edge.kind == "fallback" else "-->"
        on_it = f'|"{_text(text)}"|' if text else ""
        lines.append(f"  {names[edge.source.node]} {arrow}{on_it} {names[edge.target.node]}")
    off = [names[key] for key, node in workflow.nodes.items() if node.disabled]
    if off:
        lines.append("  classDef disabled stroke-dasharray: 4 4,opacity: 0.5")
        lines.append(f"  class {','.join(off)} disabled")
    return "\n".join(lines) + "\n"


def _names(workflow: Workflow) -> dict[str, str]:
    """Return a name for every node: its key where Mermaid takes it, all of them different."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, key in enumerate(workflow.nodes):
        plain = re.fullmatch(r"[A-Za-z]\w*", key, re.ASCII) and key.lower() not in _RESERVED
        name = key if plain and key not in taken else f"node_{number}"
        while name in taken or (name != key and name in workflow.nodes):
            name += "_"
        taken.add(name)
        names[key] = name
    return names


def _text(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "<br/>".join(_SPECIAL.sub(lambda found: f"#{ord(found[0])};", line) for line in lines)


def _yaml(text: str) -> str:
    """A quoted scalar on one line, which YAML reads as it stands."""
    plain = " ".join(text.split()).replace("'", "''")
    return f"'{plain}'"
