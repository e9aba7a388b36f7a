"""Members of frames follow when nodes and frames are moved."""

from __future__ import annotations

from dataclasses import replace

from engine.model.change_types import SetFrameBehaviour
from engine.model.membership import follow, members_on
from engine.model.workflow import Frame, FrameBehaviour, Position, View, Workflow
from tests.engine.flows import flow

BOX = Frame(id="f", x=0, y=0, width=400, height=300)


def drawn(*members: str) -> Workflow:
    places = {"a": Position(20, 60), "b": Position(20, 160), "c": Position(900, 60)}
    work = flow({"a": "same", "b": "same", "c": "same"}, "c > a, a > b")
    return replace(
        work,
        frames={"f": FrameBehaviour(nodes=members)},
        view=View(positions=places, frames=(BOX,)),
    )


def after(changes: list[SetFrameBehaviour]) -> list[tuple[str, ...]]:
    return [change.behaviour.nodes for change in changes if change.behaviour is not None]


def test_the_nodes_on_a_frame_are_found_by_where_they_stand() -> None:
    assert members_on(drawn(), BOX) == ("a", "b")


def test_a_node_that_comes_onto_a_frame_becomes_a_member_and_one_that_leaves_is_none() -> None:
    work = drawn("a", "b")
    assert after([*follow(work, {"c": Position(100, 100)})]) == [("a", "b", "c")]
    assert after([*follow(work, {"a": Position(900, 900)})]) == [("b",)]
    assert follow(work, {"a": Position(30, 60)}) == []


def test_a_member_that_never_stood_on_the_frame_stays_one() -> None:
    work = drawn("a", "b", "c")
    assert follow(work, {"c": Position(950, 60)}) == []


def test_a_frame_that_grows_takes_in_what_stands_on_it_then() -> None:
    work = drawn("a", "b")
    assert after([*follow(work, frames=(replace(BOX, width=1200),))]) == [("a", "b", "c")]
    assert after([*follow(work, frames=(replace(BOX, height=120),))]) == [("a",)]


def test_a_frame_that_is_moved_with_its_nodes_keeps_them() -> None:
    work = drawn("a", "b")
    moved = {"a": Position(520, 60), "b": Position(520, 160)}
    assert follow(work, moved, (replace(BOX, x=500),)) == []
