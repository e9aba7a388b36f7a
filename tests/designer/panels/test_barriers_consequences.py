from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel

from designer.panels.barriers_consequences import Consequence, consequences
from engine.model.node_types import NodeType, Option, Registry, Request
from engine.model.workflow import Edge, PortRef, Workflow
from tests.designer.runs.fake_engine import workflow


class _NoParams(BaseModel):
    pass


REGISTRY = Registry(
    [NodeType(id="set", title="Set", category="data", description="", params=_NoParams, run=None)]
)


def _document(*wires: tuple[str, str, str | None]) -> Workflow:
    base = workflow(ask=["pay", "tell", "archive"], pay=["report"])
    nodes = {**base.nodes, "pay": replace(base.nodes["pay"], effects="once")}
    edges = tuple(
        Edge(source=PortRef("ask", port), target=PortRef(target, "in"), when=when)
        for port, target, when in wires
    )
    kept = tuple(edge for edge in base.edges if edge.source.node != "ask")
    return replace(base, nodes=nodes, edges=(*edges, *kept))


def _of(document: Workflow, choice: str, request: Request | None = None) -> Consequence:
    lines = consequences(document, REGISTRY, "ask", request or Request(title="?"))
    return next(line for line in lines if line.choice == choice)


def test_what_cannot_be_taken_back_is_said_and_grave() -> None:
    found = _of(_document(("approved", "pay", None)), "approve")
    assert found.text == "runs Pay (cannot be taken back), then up to 1 more node"
    assert found.grave


def test_conditions_of_wires_are_named() -> None:
    document = _document(("approved", "tell", "input > 3"), ("approved", "archive", None))
    assert _of(document, "approve").text == "runs Tell (if input > 3) and Archive"


def test_an_answer_that_nobody_handles_fails_the_run() -> None:
    request = Request(title="?", options=(Option(key="later", title="Later", port="later"),))
    document = _document(("approved", "pay", None))
    for choice in ("reject", "later"):
        found = _of(document, choice, request)
        assert found.text == "the run fails, because nothing is wired to it"
    assert _of(_document(), "approve").text == "nothing follows"


def test_what_hears_of_every_decision_is_part_of_each_answer() -> None:
    document = _document(("approved", "tell", None), ("decision", "archive", None))
    assert _of(document, "approve").text == "runs Tell and Archive"
    assert _of(document, "reject").text.startswith("the run fails")


def test_an_answer_of_its_own_follows_its_port() -> None:
    request = Request(title="?", options=(Option(key="later", title="Later", port="later"),))
    found = _of(_document(("later", "archive", None)), "later", request)
    assert (found.title, found.text) == ("Later", "runs Archive")


def test_the_engines_own_question_explains_its_answers() -> None:
    options = (
        Option(key="happened", title="It happened", port=""),
        Option(key="again", title="Run it again", port="", danger=True),
    )
    request = Request(title="Did Pay happen?", system=True, options=options)
    lines = consequences(_document(), REGISTRY, "ask", request)
    assert [line.text for line in lines] == [
        "the run goes on with the output that you enter",
        "the node runs a second time",
    ]
    assert lines[1].grave
