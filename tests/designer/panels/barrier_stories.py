"""Runs that wait at barriers, for the tests of the dock, of the dialog and of what they share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.commands import Decide
from engine.ids import RequestId
from engine.model.node_types import Option, Request
from engine.model.workflow import Edge, PortRef
from engine.runtime.ports import RequestRecord
from tests.designer.runs.fake_engine import START, FakeEngine, workflow

ROWS = [{"invoice": f"2026-{number}", "amount": 100.0 + number} for number in range(20)]
PAY = Request(
    title="Pay 20 invoices?",
    body="Checked against the **limits**.",
    payload=ROWS,
    editable=("amount",),
    default="reject",
    options=(
        Option(key="later", title="Later", port="later"),
        Option(key="burn", title="Burn", port="burn", danger=True),
        Option(key="ask", title="Ask back", port="ask", needs_comment=True),
    ),
    reroute_to=("audit",),
)
NOTES = Request(
    title="Publish the notes?",
    payload={"title": "Notes", "copies": 3},
    form={
        "type": "object",
        "properties": {"title": {"type": "string"}, "copies": {"type": "integer", "maximum": 9}},
    },
)
UNKNOWN = Request(
    title="Did Pay happen?",
    system=True,
    about="outcome",
    options=(
        Option(key="happened", title="It happened: go on with this output", port=""),
        Option(key="again", title="It did not: run it again", port="", danger=True),
    ),
)


USED_UP = Request(
    title="The budget tokens is used up: let Pay go on?",
    system=True,
    about="budget",
    payload={"meter": "tokens", "account": "tokens", "used": 6.0, "limit": 10.0, "raise_to": 16.0},
    options=(
        Option(key="raise", title="Raise the limit", port=""),
        Option(key="once", title="Go on this once", port=""),
        Option(key="stop", title="Stop the run", port="", danger=True),
    ),
)


def waiting(engine: FakeEngine, run: str = "run1", **requests: Request) -> dict[str, RequestRecord]:
    """A run that asks these requests, by id; they are due one after the other."""
    document = workflow(ask=["pay"], pay=["report"], audit=["report"])
    edge = Edge(source=PortRef("ask", "approved"), target=PortRef("pay", "in"))
    document = replace(document, edges=(edge, *document.edges[1:]))
    story = engine.tell(run, document).start("ask")
    found: dict[str, RequestRecord] = {}
    for place, (key, request) in enumerate(requests.items()):
        found[key] = story.ask(key, "ask", request, deadline=START + 400 + 100 * place)
    return found


def decisions(engine: FakeEngine) -> list[Decide]:
    """The decisions that were sent."""
    return [call[1] for call in engine.calls if call[0] == "decide"]


def answer_elsewhere(engine: FakeEngine, request: str, choice: str, **more: Any) -> None:
    """Somebody else decides, in another process."""
    record = engine.requests[RequestId(request)]
    engine.settle(record, choice, more.get("by", "Bob"), more.get("through", "cli"), "seen it")
    engine.touch()
