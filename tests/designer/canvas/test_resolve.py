"""From document and run to the picture: states, words, ports, and what is reused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from designer.canvas.resolve import Facts, Resolved, resolve
from designer.canvas.visuals import EdgeState, PortShape, Problem
from designer.theme import NodeState
from engine.model.changes import AddEdge, MoveNodes, RemoveEdge, SetNode, apply
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.workflow import Position, Workflow
from engine.run_view import NodeView, RunView
from tests.designer.canvas.kit import KIT, edge, flow, node

ROW = flow([node("s", "start"), "a", "b"], ["s->a", "a->b"])


def picture(workflow: Workflow = ROW, **facts: object) -> Resolved:
    return resolve(workflow, KIT, Facts(**facts))  # type: ignore[arg-type] # fields by name


def run(**nodes: NodeView) -> RunView:
    view = RunView(status="running")
    view.nodes.update(nodes)
    return view


def test_a_node_shows_title_summary_and_icon() -> None:
    workflow = flow([node("a", title="Fetch", params={"say": "GET  /orders"})])
    visual = picture(workflow).state.nodes["a"]
    assert (visual.title, visual.subline) == ("Fetch", "GET /orders")
    assert visual.icon == "node-generic"
    assert visual.state is NodeState.NOT_RUN


def test_a_type_that_is_not_installed_keeps_the_ports_its_wires_hold() -> None:
    workflow = flow([node("x", "nowhere"), "b"], ["x.left->b.in"])
    visual = picture(workflow).state.nodes["x"]
    assert [port.name for port in visual.outputs] == ["left"]
    assert "Not installed" in visual.subline


def test_a_summary_that_fails_does_not_take_the_canvas_down() -> None:
    def broken(params: object) -> str:
        raise KeyError("url")

    kit_type = replace(KIT.require("step"), summary=broken)
    from engine.model.node_types import Registry

    resolved = resolve(flow(["a"]), Registry([kit_type]), Facts())
    assert resolved.state.nodes["a"].subline == "Step"


@pytest.mark.parametrize(
    ("port_type", "shape"),
    [
        ("any", PortShape.CIRCLE),
        ("list", PortShape.SQUARE),
        ("object", PortShape.DIAMOND),
        ("control", PortShape.TRIANGLE),
    ],
)
def test_the_shape_of_a_port_tells_its_type(port_type: str, shape: PortShape) -> None:
    from engine.model.node_types import Registry
    from tests.designer.canvas.kit import kind

    registry = Registry([kind("t", "in", f"out:{port_type}")])
    visual = resolve(flow([node("a", "t")]), registry, Facts()).state.nodes["a"]
    assert visual.outputs[0].shape is shape


def test_an_error_port_is_a_triangle_and_its_wire_an_error_wire() -> None:
    workflow = flow([node("a", on_error="error_port"), "b"], ["a.error->b.in"])
    state = picture(workflow).state
    assert state.nodes["a"].outputs[1].shape is PortShape.TRIANGLE
    assert not state.nodes["a"].names_outputs  # out and error need no names
    assert state.edges["a.error->b.in"].is_error


def test_an_empty_input_beside_a_wired_one_has_a_ring() -> None:
    workflow = flow(["a", node("j", "join")], ["a.out->j.left"])
    left, right = picture(workflow).state.nodes["j"].inputs
    assert not left.ring
    assert right.ring


def test_named_ports_make_the_node_taller() -> None:
    state = picture(flow(["a", node("q", "ask")])).state
    assert state.nodes["a"].height == 84
    assert state.nodes["q"].height == 84 + 3 * 22


@pytest.mark.parametrize(
    ("severities", "worst"),
    [
        ((), Problem.NONE),
        ((Severity.INFO,), Problem.INFO),
        ((Severity.WARNING, Severity.INFO), Problem.WARNING),
        ((Severity.WARNING, Severity.ERROR), Problem.ERROR),
    ],
)
def test_the_badge_shows_the_worst_problem(
    severities: tuple[Severity, ...], worst: Problem
) -> None:
    found = tuple(
        Diagnostic(rule="X", severity=each, message="Wrong.", fix="Mend it.", node="a")
        for each in severities
    )
    visual = picture(diagnostics=found).state.nodes["a"]
    assert visual.problem is worst
    assert all(text == "Wrong. Mend it." for text in visual.problems)


def test_wires_show_what_the_run_did() -> None:
    view = run(s=NodeView(state="done"), a=NodeView(state="running"))
    view.taken = {"s.out->a.in": 3}
    view.not_taken = {"a.out->b.in": 1}
    edges = picture(run=view).state.edges
    assert (edges["s.out->a.in"].state, edges["s.out->a.in"].count) == (EdgeState.LIVE, 3)
    assert edges["a.out->b.in"].state is EdgeState.NOT_TAKEN
    view.status = "completed"
    view.nodes["a"].state = "done"
    assert picture(run=view).state.edges["s.out->a.in"].state is EdgeState.TAKEN


def test_a_node_that_ran_often_shows_how_often() -> None:
    visual = picture(run=run(a=NodeView(state="done", done=127, failed=1))).state.nodes["a"]
    assert visual.count == 128
    assert picture(run=run(a=NodeView(state="done", done=1))).state.nodes["a"].count == 0


def test_a_node_edited_since_the_run_says_so() -> None:
    view = run(a=NodeView(state="done", done=1), b=NodeView(state="done", done=1))
    now = apply(ROW, SetNode(replace(ROW.nodes["a"], params={"say": "other"})))
    now = apply(now, SetNode(replace(now.nodes["b"], title="Renamed")))
    state = picture(now, run=view, pinned=ROW).state
    assert state.nodes["a"].state is NodeState.EDITED
    assert state.nodes["b"].state is NodeState.DONE  # a title changes nothing


def test_a_node_that_is_off_says_so() -> None:
    visual = picture(flow([node("a", disabled=True)])).state.nodes["a"]
    assert visual.disabled
    assert visual.words.startswith("Off")


def test_a_move_makes_no_node_anew() -> None:
    first = picture()
    moved = apply(ROW, MoveNodes({"a": Position(9, 9)}))
    second = resolve(moved, KIT, Facts(), previous=first, touched=())
    assert second.state.nodes is first.state.nodes
    assert second.state.edges is first.state.edges
    assert second.state.positions["a"] == Position(9, 9)


def test_the_end_of_a_run_ends_what_works_for_it_in_the_background() -> None:
    view = run(a=NodeView(state="done", works=1))
    first = resolve(ROW, KIT, Facts(run=view))
    assert first.state.nodes["a"].words == "1 in the background"
    view.status = "failed"  # in place, and no node is touched
    second = resolve(ROW, KIT, Facts(run=view), previous=first, touched=())
    assert second.state.nodes["a"].words == "Handed over"


def test_only_touched_nodes_and_their_wires_are_made_anew() -> None:
    view = run(s=NodeView(state="done"), a=NodeView(state="ready"))
    first = picture(run=view)
    view.nodes["a"].state = "done"
    view.taken["a.out->b.in"] = 1
    second = resolve(ROW, KIT, Facts(run=view), previous=first, touched={"a"})
    assert second.state.nodes["s"] is first.state.nodes["s"]
    assert second.state.nodes["a"].state is NodeState.DONE
    assert second.state.edges["a.out->b.in"].state is EdgeState.TAKEN


def test_what_is_reused_equals_what_is_made_anew() -> None:
    view = run(a=NodeView(state="running", started_at=0.0))
    workflow, last = ROW, picture(run=view)
    steps = (
        RemoveEdge("a.out->b.in"),
        AddEdge(edge("s->b")),
        SetNode(replace(ROW.nodes["a"], type="join")),
        MoveNodes({"a": Position(1, 2)}),
    )
    for change in steps:
        workflow = apply(workflow, change)
        facts = Facts(run=view, breakpoints={"b": "before it starts"}, now=50.0)
        last = resolve(workflow, KIT, facts, previous=last, touched=("a",))
        assert last.state == resolve(workflow, KIT, facts).state


def test_nodes_without_a_place_stand_below_the_others() -> None:
    workflow = replace(ROW, view=replace(ROW.view, positions={"s": Position(100, 50)}))
    places = picture(workflow).state.positions
    assert places["a"].y > 50 + 84
    assert len({(place.x, place.y) for place in places.values()}) == 3
