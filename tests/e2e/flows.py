"""Workflows in files, small enough to be read at a glance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.model import codec
from engine.model.workflow import Channel, Edge, Node, PortRef, Settings, Workflow, Write
from tests.designer.runs.real_engine import invoice_workflow

START = Node(key="start", type="trigger.manual")


def wires(*words: str) -> tuple[Edge, ...]:
    """Edges from words like ``a.out b.in``."""
    pairs = (word.split() for word in words)
    return tuple(
        Edge(source=PortRef.parse(source), target=PortRef.parse(target)) for source, target in pairs
    )


def asking(folder: Path, **params: Any) -> Path:
    """Add up 100 and 20, ask for the sum, pay what was approved, note what was not."""
    drawn = invoice_workflow()
    nodes = dict(drawn.nodes)
    form = {"type": "object", "properties": {"sum": {"type": "number", "minimum": 0}}}
    asks = {**nodes["ask"].params, "form": form, **params}
    nodes["ask"] = replace(nodes["ask"], params=asks)
    nodes["no"] = Node(key="no", type="set", title="Not paid")
    more = wires("ask.rejected no.in")
    workflow = replace(
        drawn,
        nodes=nodes,
        edges=drawn.edges + more,
        settings=Settings(input={"amounts": [100, 20]}),
    )
    return write(folder / "asking.flow.json", workflow)


def counting(folder: Path, rounds: int) -> Path:
    """Count to `rounds` in a channel, one commit after the other."""
    nodes = {
        "start": START,
        "count": Node(
            key="count",
            type="set",
            params={"fields": {"n": {"expr": "state.n + 1"}}},
        ),
        "more": Node(
            key="more",
            type="switch",
            params={"cases": [{"name": "again", "when": f"input.n < {rounds}"}]},
        ),
        "done": Node(key="done", type="end"),
    }
    drawn = invoice_workflow()
    nodes["count"] = replace(nodes["count"], writes={"n": Write(expr="output.n")})
    return write(
        folder / "counting.flow.json",
        replace(
            drawn,
            id="counting",
            name="Counting",
            nodes=nodes,
            channels={"n": Channel(name="n", type="integer", reducer="last", default=0)},
            edges=wires(
                "start.out count.in",
                "count.out more.in",
                "more.again count.in",
                "more.else done.in",
            ),
        ),
    )


def write(path: Path, workflow: Workflow) -> Path:
    """Save a workflow."""
    path.write_bytes(codec.dumps(workflow))
    return path
