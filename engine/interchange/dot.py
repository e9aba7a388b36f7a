"""Export to DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.interchange.drawing import Shape, Zone, drawing_of, edges_of, label, words
from engine.model.node_types import Registry
from engine.model.workflow import Workflow

_SHAPES: Mapping[Shape, str] = {
    "start": 'shape=box, style="rounded,bold"',
    "end": 'shape=box, style="rounded,bold"',
    "barrier": "shape=octagon, style=bold",
    "switch": "shape=diamond",
    "zone": "shape=box, peripheries=2",
    "step": "shape=box, style=rounded",
}


def to_dot(workflow: Workflow, registry: Registry) -> str:
    """Return the workflow as a directed graph in DOT, ending with a line end."""
    drawing = drawing_of(workflow, registry)
    lines = [
        f"digraph {_quoted(workflow.name)} {{",
        f"  label={_label(workflow.name)};",
        "  labelloc=t;",
        "  rankdir=LR;",
        '  node [fontname="Inter, sans-serif", fontsize=11];',
        '  edge [fontname="Inter, sans-serif", fontsize=9];',
    ]

    def draw(zone: Zone, indent: str) -> Iterator[str]:
        for key in zone.nodes:
            node = workflow.nodes[key]
            more = ", color=gray, fontcolor=gray" if node.disabled else ""
            look = f"label={_label(label(node))}, {_SHAPES[drawing.shapes[key]]}{more}"
            yield f"{indent}{_quoted(key)} [{look}];"
        for inner in zone.zones:
            yield f"{indent}subgraph {_quoted(f'cluster_{inner.key}')} {{"
            yield f"{indent}  label={_label(inner.title)};"
            yield f"{indent}  style=dashed;"
            yield from draw(inner, indent + "  ")
            yield f"{indent}}}"

    lines += draw(drawing.root, "  ")
    for edge in edges_of(workflow):
        looks = [f"label={_label(text)}"] if (text := words(edge)) else []
        if edge.kind == "fallback":
            looks.append("style=dashed")
        more = f" [{', '.join(looks)}]" if looks else ""
        lines.append(f"  {_quoted(edge.source.node)} -> {_quoted(edge.target.node)}{more};")
    return "\n".join([*lines, "}"]) + "\n"


def _label(text: str) -> str:
    """Return a text to be shown; in labels Graphviz reads entities such as ``&amp;``."""
    return _quoted(text.replace("&", "&amp;"))


def _quoted(text: str) -> str:
    """Return a quoted string; a backslash of the text is one, and no escape of DOT's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "\\n".join(escaped.splitlines()) + '"'
