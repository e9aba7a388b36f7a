"""Streams and what adds items: For each alone reads the one, and is around the other."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model import rules
from engine.model.check_graph import Checked
from engine.model.diagnostics import Diagnostic
from engine.model.workflow import Edge


def check_streams(doc: Checked) -> Iterator[Diagnostic]:
    """Yield every problem of streams and of nodes that add items."""
    for edge in doc.workflow.edges:
        facts = doc.nodes.get(edge.source.node)
        port = facts.ports.output(edge.source.port) if facts is not None else None
        if port is not None and port.type == "stream":
            yield from _check_stream(doc, edge)
    for key, facts in doc.nodes.items():
        adds = facts.type is not None and facts.type.adds and not facts.node.disabled
        around = doc.graph.zone_of.get(key, ())
        if adds and not any(_is_for_each(doc, zone) for zone in around):
            yield rules.ADD_ITEMS.broken(
                f"{doc.title(key)} adds items and is inside of no For each.",
                "Put it between a For each and its Collect.",
                node=key,
            )


def _check_stream(doc: Checked, edge: Edge) -> Iterator[Diagnostic]:
    source, target = edge.source.node, edge.target.node
    node = doc.nodes[source].node

    def wrong(what: str, fix: str, *, key: str = target) -> Diagnostic:
        return rules.STREAM.broken(f"{what}.", fix, node=key, edge=edge.id)

    if edge.kind == "fallback":
        what = f"The wire from {doc.title(source)} to {doc.title(target)} carries no stream"
        yield wrong(what, "Let the stream take an ordinary wire.", key=source)
    if node.alternatives:
        what = f"{doc.title(source)} gives a stream and has alternatives, which would give another"
        yield wrong(what, "Remove the alternatives.", key=source)
    if target not in doc.nodes or not _is_for_each(doc, target):
        return  # the types of the ports do not fit, which is said of the wire
    if len(doc.into.get(target, ())) > 1:
        what = f"{doc.title(target)} reads a stream and has other wires"
        yield wrong(what, "Lead nothing else into it; bring several lists together before it.")
    for_each = doc.nodes[target].node
    if for_each.params.get("items") is not None:
        what = f"{doc.title(target)} reads a stream and has items of its own"
        yield wrong(what, "Leave Items empty, or remove the wire.")
    if for_each.budget == "even":
        what = f"Nobody knows how many items {doc.title(target)} will have to share a budget"
        yield wrong(what, "Let the items draw from the shared budget.")


def _is_for_each(doc: Checked, key: str) -> bool:
    facts = doc.nodes.get(key)
    return facts is not None and facts.type is not None and facts.type.role == "split"
