"""The changes that gestures and verbs make, as functions of the document."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF

from designer.canvas import edits
from engine.model.changes import Change, MoveNodes, apply
from engine.model.workflow import PortRef, Position, Workflow
from tests.designer.canvas.kit import KIT, edge, flow, node


def after(workflow: Workflow, change: Change | None) -> Workflow:
    assert change is not None
    return apply(workflow, change)


def ids(workflow: Workflow) -> set[str]:
    return {each.id for each in workflow.edges}


def test_deleting_a_node_takes_its_wires() -> None:
    workflow = flow(["a", "b", "c"], ["a->b", "b->c", "a->c"])
    assert ids(after(workflow, edits.delete(workflow, {"b"}, {"a.out->b.in"}))) == {"a.out->c.in"}


def test_deleting_nothing_is_no_edit() -> None:
    assert edits.delete(flow(["a"]), {"gone"}, {"gone"}) is None


def test_reconnecting_joins_what_the_node_connected() -> None:
    workflow = flow(list("abcxy"), ["a->x", "b->x", "x->c", "x->y"])
    joined = after(workflow, edits.delete_and_reconnect(workflow, KIT, {"x"}))
    assert ids(joined) == {"a.out->c.in", "a.out->y.in", "b.out->c.in", "b.out->y.in"}


def test_reconnecting_goes_through_several_deleted_nodes() -> None:
    workflow = flow(list("axyb"), [edge("a->x", when="input"), "x->y", "y->b"])
    joined = after(workflow, edits.delete_and_reconnect(workflow, KIT, {"x", "y"}))
    assert ids(joined) == {"a.out->b.in"}
    assert joined.edges[0].when == "input"


def test_reconnecting_leaves_out_what_does_not_fit() -> None:
    nodes = [node("r", "read"), node("n", "to_number"), node("m", "sum"), "z"]
    workflow = flow(nodes, ["r->n", "n.out->m.numbers", "n->z"])
    joined = after(workflow, edits.delete_and_reconnect(workflow, KIT, {"n"}))
    assert ids(joined) == {"r.out->z.in"}


def test_reconnecting_does_not_follow_the_error_wire() -> None:
    nodes = ["a", node("x", on_error="error_port"), "b", "alarm"]
    workflow = flow(nodes, ["a->x", "x->b", "x.error->alarm.in"])
    joined = after(workflow, edits.delete_and_reconnect(workflow, KIT, {"x"}))
    assert ids(joined) == {"a.out->b.in"}


def test_a_spliced_node_keeps_the_condition_before_it() -> None:
    workflow = flow(["a", "b", "x"], [edge("a->b", when="input > 1")])
    joined = after(workflow, edits.splice(workflow, KIT, "x", "a.out->b.in"))
    by_source = {each.source.node: each for each in joined.edges}
    assert by_source["a"].when == "input > 1"
    assert by_source["x"].when is None


@pytest.mark.parametrize("key", ["a", "s", "m", "gone"])
def test_what_does_not_fit_into_a_wire_is_not_spliced(key: str) -> None:
    nodes = ["a", node("r", "read"), node("s", "start"), node("m", "sum")]
    workflow = flow(nodes, ["r->a"])
    assert edits.splice(workflow, KIT, key, "r.out->a.in") is None


def test_a_new_node_after_one_with_several_outputs_takes_a_free_one() -> None:
    workflow = flow([node("q", "ask"), "a"], ["q.approved->a.in"])
    assert edits.free_output(workflow, KIT, "q") == PortRef("q", "rejected")


def test_a_free_place_covers_no_node() -> None:
    taken = [QRectF(0, 0, 210, 84), QRectF(0, 110, 210, 84)]
    place = edits.free_place(taken, QPointF(0, 0))
    box = QRectF(place.x(), place.y(), 210, 84)
    assert not any(box.intersects(other) for other in taken)


def test_switching_several_nodes_makes_them_alike() -> None:
    workflow = flow([node("a", disabled=True), "b"])
    off = after(workflow, edits.set_disabled(workflow, ("a", "b")))
    assert all(each.disabled for each in off.nodes.values())
    on = after(off, edits.set_disabled(off, ("a", "b")))
    assert not any(each.disabled for each in on.nodes.values())


def test_locking_and_unlocking_keeps_the_place() -> None:
    workflow = flow(["a"])
    places = workflow.view.positions
    locked = after(workflow, edits.set_locked(workflow, ("a",), places))
    assert locked.view.positions["a"].extra == {"locked": True}
    free = after(locked, edits.set_locked(locked, ("a",), locked.view.positions))
    assert free.view.positions["a"] == Position(0, 0)


def test_tidying_a_part_keeps_its_corner_and_leaves_the_rest() -> None:
    places = {"a": (500.0, 400.0), "b": (520.0, 410.0), "c": (0.0, 0.0)}
    workflow = flow(["a", "b", "c"], ["a->b", "b->c"], places)
    bodies = {key: QRectF(x, y, 210, 84) for key, (x, y) in places.items()}
    change = edits.tidy(workflow, KIT, {"a", "b"}, bodies)
    assert isinstance(change, MoveNodes)
    assert set(change.positions) == {"a", "b"}
    first, second = change.positions["a"], change.positions["b"]
    assert first is not None
    assert second is not None
    assert (first.x, min(first.y, second.y)) == (500, 400)
    assert second.x >= first.x + 210


def test_aligning_left_moves_nothing_up_or_down() -> None:
    bodies = {"a": QRectF(30, 0, 210, 84), "b": QRectF(10, 200, 210, 84)}
    change = edits.align(bodies, "left")
    assert change == MoveNodes({"a": Position(10, 0), "b": Position(10, 200)})


def test_distributing_puts_the_same_room_between() -> None:
    lefts = {"a": 0.0, "b": 230.0, "c": 700.0}
    bodies = {key: QRectF(left, 0, 210, 84) for key, left in lefts.items()}
    change = edits.distribute(bodies, across=True)
    assert change is not None
    assert [place.x for place in change.positions.values() if place] == [0, 350, 700]


def test_a_frame_leaves_room_for_its_title() -> None:
    change = edits.frame_around(flow([]), [QRectF(0, 0, 210, 84)], "Fetch")
    assert change is not None
    frame = change.frame
    assert (frame.x, frame.y, frame.width, frame.height) == (-24, -56, 258, 164)
