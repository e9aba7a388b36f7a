"""Why a node is as it is: the wires into it, and what each of them brought."""

from __future__ import annotations

from designer.main_window.why import why_text
from engine.events import ErrorInfo
from engine.ids import TaskId
from engine.model.workflow import Edge, Node, PortRef, Workflow
from engine.run_view import FrontierEntry, NodeView, RunView

NOW = 1_800_000_000.0


def _edge(source: str, target: str, **more: str) -> Edge:
    return Edge(source=PortRef.parse(source), target=PortRef.parse(target), **more)  # type: ignore[arg-type] # a test's


FLOW = Workflow(
    id="w",
    nodes={
        "ask": Node(key="ask", type="barrier", title="Approve"),
        "count": Node(key="count", type="set"),
        "pay": Node(key="pay", type="set", title="Pay *all*"),
    },
    edges=(
        _edge("ask.approved", "pay.in"),
        _edge("count.out", "pay.in", when="input.n > 3"),
    ),
)


def test_it_says_what_led_here_and_what_did_not() -> None:
    view = RunView(status="completed", ended_at=NOW)
    view.nodes["pay"] = NodeView(state="done", done=1, duration_s=1.24)
    view.taken["ask.approved->pay.in"] = 1
    view.not_taken["count.out->pay.in"] = 2
    text = why_text("pay", FLOW, view, NOW)
    assert "### Pay \\*all\\* is done" in text
    assert "It took 1.24 s." in text
    assert "- [Approve](node:ask), port approved brought 1 value." in text
    assert "- [count](node:count) when `input.n > 3` was not taken 2 times." in text


def test_what_waits_says_for_what() -> None:
    view = RunView(status="waiting")
    view.nodes["ask"] = NodeView(state="waiting", active=1)
    view.frontier[TaskId("ask")] = FrontierEntry(TaskId("ask"), "ask", state="waiting")
    assert "It waits for approval." in why_text("ask", FLOW, view, NOW)
    text = why_text("pay", FLOW, view, NOW)
    assert "has brought nothing yet: it waits for a decision." in text
    assert "Nothing leads here" in why_text("ask", FLOW, view, NOW)


def test_a_join_says_what_it_needs() -> None:
    view = RunView(status="running")
    view.taken["ask.approved->pay.in"] = 1
    assert "It needs count; has Approve." in why_text("pay", FLOW, view, NOW)


def test_a_failure_says_why_without_becoming_a_link() -> None:
    view = RunView(status="failed", ended_at=NOW)
    error = ErrorInfo(code="x", message="No [way](http://evil.example)", causes=("below",))
    view.nodes["pay"] = NodeView(state="failed", failed=1, error=error)
    text = why_text("pay", FLOW, view, NOW)
    assert "No \\[way\\](http://evil.example)" in text
    assert "Because of: below" in text
