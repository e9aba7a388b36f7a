"""The real engine on a real SQLite file, as the designer opens it, and a workflow that asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from designer.runs.engine_client import EngineClient
from designer.runs.run_model import RunModel
from engine.app import Engine, EngineOptions
from engine.model.workflow import Channel, Edge, Node, PortRef, Workflow, Write
from tests.designer.runs.window import own_settings, until


def store_url(folder: Path) -> str:
    """The test's own store."""
    return f"sqlite:///{folder / 'runs.sqlite'}"


def invoice_workflow(quorum: int = 1) -> Workflow:
    """Add up, ask that many persons, pay."""
    nodes = [
        Node(key="start", type="trigger.manual"),
        Node(
            key="total",
            type="set",
            title="Add up",
            params={
                "fields": {"sum": {"expr": "sum(input.amounts)"}, "rows": {"expr": "input.amounts"}}
            },
            writes={"total": Write(expr="output.sum")},
        ),
        Node(
            key="ask",
            type="barrier",
            title="Approve",
            params={"title": "Pay {{ input.sum }}?", "editable": ["sum"], "quorum": quorum},
        ),
        Node(
            key="pay",
            type="set",
            title="Pay",
            params={"fields": {"paid": {"expr": "input.sum"}, "of": {"expr": "state.total"}}},
        ),
        Node(key="done", type="end"),
    ]
    wires = [
        ("start.out", "total.in"),
        ("total.out", "ask.in"),
        ("ask.approved", "pay.in"),
        ("pay.out", "done.in"),
    ]
    return Workflow(
        id="invoices",
        name="Invoices",
        channels={"total": Channel(name="total", type="number", reducer="last")},
        nodes={node.key: node for node in nodes},
        edges=tuple(
            Edge(source=PortRef.parse(source), target=PortRef.parse(target))
            for source, target in wires
        ),
    )


@asynccontextmanager
async def open_real(folder: Path) -> AsyncGenerator[tuple[Engine, EngineClient, RunModel]]:
    """An engine as the designer opens it, its client and a model."""
    engine = Engine.open(store_url(folder), options=EngineOptions(threaded=True, stay=True))
    client = EngineClient(engine, own_settings(folder))
    model = RunModel(client, client)
    client.run_started.connect(model.show_run)
    try:
        yield engine, client, model
    finally:
        await client.close()
        await engine.close()
        client.deleteLater()


async def start_and_wait(client: EngineClient, model: RunModel, quorum: int = 1) -> str:
    """Start a run and let it come to its barrier."""
    run = await client.start(invoice_workflow(quorum), {"amounts": [100, 20]})
    await until(lambda: client.inbox and model.record is not None)
    await until(lambda: model.live is not None and model.live.status == "waiting")
    return run
