from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.changes import (
    AddEdge,
    AddNode,
    Change,
    ChangeRefused,
    Compound,
    MoveNodes,
    RemoveChannel,
    RemoveEdge,
    RemoveFrame,
    RemoveNode,
    RemoveNote,
    RenameNode,
    ReplaceEdge,
    SetChannel,
    SetDocument,
    SetFrame,
    SetNode,
    SetNote,
    SetSettings,
    SetWorkflowName,
    apply,
    copy_fragment,
    duplicate,
    invert,
    paste,
)
from engine.model.codec import dumps
from engine.model.workflow import (
    Channel,
    Edge,
    Frame,
    Node,
    Note,
    PortRef,
    Position,
    Settings,
    View,
    Workflow,
)
from tests.engine.model.documents import KEYS, PORTS, workflows
from tests.engine.model.kit import flow, wire

SETS: dict[str, Any] = {
    "SetChannel": lambda key: SetChannel(Channel(name=key, reducer="sum")),
    "RemoveChannel": RemoveChannel,
    "SetSettings": lambda key: SetSettings(Settings(description=key)),
    "SetWorkflowName": SetWorkflowName,
    "SetFrame": lambda key: SetFrame(Frame(id=key, x=1.0)),
    "RemoveFrame": RemoveFrame,
    "SetNote": lambda key: SetNote(Note(id=key, text="n")),
    "RemoveNote": RemoveNote,
}


@st.composite
def edges(draw: st.DrawFn, keys: st.SearchStrategy[str]) -> Edge:
    return Edge(
        source=PortRef(draw(keys), draw(PORTS)),
        target=PortRef(draw(keys), draw(PORTS)),
        when=draw(st.sampled_from([None, "nodes.a > 1", "nodes.b + nodes.c"])),
    )


@st.composite
def changes(draw: st.DrawFn, workflow: Workflow, *, depth: int = 1) -> Change:
    """A change that mostly fits the document, of any kind."""
    there = st.sampled_from(sorted(workflow.nodes)) if workflow.nodes else KEYS
    key, other = draw(there), draw(KEYS)
    edge = draw(st.sampled_from(workflow.edges)).id if workflow.edges else "a.out->b.in"
    place = st.builds(Position, st.floats(-9, 9), st.floats(-9, 9))
    node = Node(key=other, type="t", params={"x": {"expr": f"nodes.{key} + nodes.b"}})
    kinds: list[Any] = [
        lambda: AddNode(node, draw(st.none() | place)),
        lambda: RemoveNode(key),
        lambda: SetNode(replace(node, key=key)),
        lambda: RenameNode(key, other),
        lambda: AddEdge(draw(edges(there))),
        lambda: RemoveEdge(edge),
        lambda: ReplaceEdge(edge, draw(edges(there))),
        lambda: MoveNodes({key: draw(st.none() | place), draw(there): draw(place)}),
        lambda: draw(st.sampled_from(sorted(SETS.items())))[1](other),
        lambda: SetDocument(replace(workflow, name="Restored")),
        lambda: duplicate(workflow, [key]),
    ]
    if depth:
        kinds.append(lambda: Compound((draw(changes(workflow, depth=0)),) * 2))
    try:
        return draw(st.sampled_from(kinds))()  # type: ignore[no-any-return] # all give a change
    except ChangeRefused:
        return SetWorkflowName("Nothing to duplicate")


@settings(max_examples=150)
@given(workflows(), st.data())
def test_undoing_everything_restores_the_document_and_redoing_it_the_end(
    start: Workflow, data: st.DataObject
) -> None:
    states, done, undone = [start], [], []
    for _ in range(data.draw(st.integers(1, 8))):
        change = data.draw(changes(states[-1]))
        try:
            after = apply(states[-1], change)
        except ChangeRefused:
            continue
        undone.append(invert(states[-1], change))
        done.append(change)
        states.append(after)
    workflow = states[-1]
    for inverse, before in zip(reversed(undone), reversed(states[:-1]), strict=True):
        workflow = apply(workflow, inverse)
        assert workflow == before
        assert (list(workflow.nodes), workflow.edges) == (list(before.nodes), before.edges)
    assert dumps(workflow) == dumps(start)
    for change, after in zip(done, states[1:], strict=True):
        workflow = apply(workflow, change)
        assert workflow == after


@settings(max_examples=100)
@given(workflows(), st.data())
def test_undo_restores_documents_that_are_not_sorted(start: Workflow, data: st.DataObject) -> None:
    mixed = replace(
        start,
        nodes=dict(data.draw(st.permutations(list(start.nodes.items())))),
        edges=tuple(data.draw(st.permutations(start.edges * 2))),
    )
    change = data.draw(changes(mixed))
    try:
        after = apply(mixed, change)
    except ChangeRefused:
        return
    back = apply(after, invert(mixed, change))
    assert back == mixed
    assert (list(back.nodes), back.edges) == (list(mixed.nodes), mixed.edges)


@settings(max_examples=50)
@given(workflows(), st.data())
def test_inverse_of_the_inverse_is_the_change(start: Workflow, data: st.DataObject) -> None:
    change = data.draw(changes(start))
    try:
        after = apply(start, change)
    except ChangeRefused:
        return
    assert apply(start, invert(after, invert(start, change))) == after


@settings(max_examples=50)
@given(workflows(), st.data())
def test_changes_keep_nodes_and_edges_sorted(start: Workflow, data: st.DataObject) -> None:
    change = data.draw(changes(start))
    try:
        after = apply(start, change)
    except ChangeRefused:
        return
    ends = [(e.source, e.target) for e in after.edges]
    assert list(after.nodes) == sorted(after.nodes)
    assert ends == sorted(ends)


DOC = replace(
    flow("a b c", "a -> b", "b -> c"),
    channels={"total": Channel(name="total")},
    view=View(
        positions={"a": Position(0, 0, {"x_pin": 1})},
        frames=(Frame(id="f"),),
        notes=(Note(id="n"),),
    ),
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (AddNode(Node(key="a", type="t")), "There is a node a already"),
        (AddNode(Node(key="a b", type="t")), '"a b" cannot be a key'),
        (AddNode(Node(key="x" * 51, type="t")), "1 to 50"),
        (RemoveNode("x"), "There is no node x"),
        (SetNode(Node(key="x", type="t")), "There is no node x"),
        (RenameNode("x", "y"), "There is no node x"),
        (RenameNode("a", "b"), "There is a node b already"),
        (RenameNode("a", ""), "cannot be a key"),
        (AddEdge(wire("a -> x")), "There is no node x"),
        (AddEdge(wire("a -> b")), "a.out and b.in are connected already"),
        (RemoveEdge("a.out->c.in"), "There is no wire a.out->c.in"),
        (ReplaceEdge("a.out->c.in", wire("a -> c")), "There is no wire"),
        (ReplaceEdge("a.out->b.in", wire("b -> c")), "connected already"),
        (MoveNodes({"x": Position(0, 0)}), "There is no node x to move"),
        (RemoveChannel("x"), "There is no channel x"),
        (RemoveFrame("x"), "There is no frame x"),
        (RemoveNote("x"), "There is no note x"),
        (Compound((SetWorkflowName("x"), RemoveNode("x"))), "There is no node x"),
    ],
)
def test_illegal_change_is_refused_with_a_sentence(change: Change, said: str) -> None:
    with pytest.raises(ChangeRefused, match=said) as caught:
        apply(DOC, change)
    assert str(caught.value).endswith(".")


def test_removing_a_node_takes_its_edges_and_its_position() -> None:
    after = apply(DOC, RemoveNode("a"))
    assert [edge.id for edge in after.edges] == ["b.out->c.in"]
    assert after.view.positions == {}


def test_moving_copies_nothing_but_the_positions() -> None:
    after = apply(DOC, MoveNodes({"a": Position(8, 8)}))
    assert after.nodes is DOC.nodes
    assert after.edges is DOC.edges
    assert after.view.positions["a"] == Position(8, 8, {"x_pin": 1})


def test_replaced_edge_goes_to_its_sorted_place() -> None:
    after = apply(DOC, ReplaceEdge("a.out->b.in", wire("c -> a when 1")))
    assert [edge.id for edge in after.edges] == ["b.out->c.in", "c.out->a.in"]


def test_renaming_keeps_edges_and_position() -> None:
    after = apply(DOC, RenameNode("a", "z"))
    assert list(after.nodes) == ["b", "c", "z"]
    assert after.nodes["z"].key == "z"
    assert [edge.id for edge in after.edges] == ["b.out->c.in", "z.out->b.in"]
    assert set(after.view.positions) == {"z"}


def test_undoing_a_renaming_leaves_texts_that_named_the_new_key_before() -> None:
    workflow = flow("a b", b={"params": {"x": {"expr": "nodes.a + nodes.z"}}})
    change = RenameNode("a", "z")
    after = apply(workflow, change)
    assert after.nodes["b"].params == {"x": {"expr": "nodes.z + nodes.z"}}
    assert apply(after, invert(workflow, change)) == workflow


# --- fragments ----------------------------------------------------------------------------

LOOK = replace(
    flow(
        "s a b",
        "s -> a",
        "a -> b when nodes.a.n > state.least",
        channels={"least": Channel(name="least", default=3), "other": Channel(name="other")},
        b={"params": {"x": "{{ nodes.a }} {{ nodes.s }}"}},
    ),
    view=View(positions={"a": Position(100, 40), "b": Position(300, 80)}),
)


def test_pasted_nodes_get_fresh_keys_and_name_one_another() -> None:
    after = apply(LOOK, paste(LOOK, copy_fragment(LOOK, ["a", "b"]), Position(0, 500)))
    assert list(after.nodes) == ["a", "a_2", "b", "b_2", "s"]
    assert after.nodes["b_2"].params == {"x": "{{ nodes.a_2 }} {{ nodes.s }}"}
    new = [edge for edge in after.edges if edge.source.node == "a_2"]
    assert [(edge.id, edge.when) for edge in new] == [
        ("a_2.out->b_2.in", "nodes.a_2.n > state.least")
    ]
    assert after.view.positions["a_2"] == Position(0, 500)
    assert after.view.positions["b_2"] == Position(200, 540)


def test_pasting_with_incoming_wires_connects_the_copies_to_what_led_to_the_originals() -> None:
    after = apply(LOOK, duplicate(LOOK, ["a", "b"], incoming=True))
    assert "s.out->a_2.in" in {edge.id for edge in after.edges}
    assert after.view.positions["a_2"] == Position(140, 80)


def test_pasting_elsewhere_keeps_keys_and_brings_the_channels() -> None:
    empty = Workflow(id="2")
    after = apply(empty, paste(empty, copy_fragment(LOOK, ["a", "b"]), Position(0, 0)))
    assert list(after.nodes) == ["a", "b"]
    assert after.channels == {"least": LOOK.channels["least"]}


@settings(max_examples=25)
@given(workflows(), st.data())
def test_whatever_is_copied_can_be_pasted_and_undone(
    workflow: Workflow, data: st.DataObject
) -> None:
    keys = (
        data.draw(st.sets(st.sampled_from(sorted(workflow.nodes)), min_size=1))
        if workflow.nodes
        else set()
    )
    fragment = copy_fragment(workflow, keys)
    if not keys:
        with pytest.raises(ChangeRefused, match="holds no nodes"):
            paste(workflow, fragment, Position(0, 0))
        return
    change = paste(workflow, fragment, Position(0, 0), incoming=True)
    after = apply(workflow, change)
    assert len(after.nodes) == len(workflow.nodes) + len(keys)
    assert dumps(apply(after, invert(workflow, change))) == dumps(workflow)


@pytest.mark.parametrize(
    "foreign",
    [
        None, [], "text", {}, {"format": 99}, {"format": 1, "id": "1"},
        {"format": 1, "id": "1", "nodes": {"a": 1}},
        {"format": 1, "id": "1", "nodes": {"a": {"type": "t"}}, "incoming": [1]},
    ],
)  # fmt: skip
def test_foreign_text_is_refused_with_a_sentence(foreign: object) -> None:
    with pytest.raises(ChangeRefused) as caught:
        paste(LOOK, foreign, Position(0, 0), incoming=True)
    assert str(caught.value).endswith(".")


def test_foreign_document_is_pasted_as_far_as_it_holds_together() -> None:
    foreign = {
        "format": 1,
        "id": "1",
        "nodes": {"a b": {"type": "t"}, "c": {"type": "t"}},
        "edges": [{"from": "a b.out", "to": "c.in"}, {"from": "c.out", "to": "ghost.in"}],
    }
    empty = Workflow(id="2")
    after = apply(empty, paste(empty, foreign, Position(0, 0)))
    assert list(after.nodes) == ["a_b", "c"]
    assert [edge.id for edge in after.edges] == ["a_b.out->c.in"]


@pytest.mark.parametrize("change", [AddNode(Node(key="z", type="t")), RenameNode("a", "z")])
@pytest.mark.parametrize(
    "left_over",
    [
        replace(DOC, view=replace(DOC.view, positions={"z": Position(7, 7)})),
        replace(DOC, edges=(*DOC.edges, wire("z -> a"))),
    ],
)
def test_undo_keeps_what_was_left_over_of_a_missing_node(
    left_over: Workflow, change: Change
) -> None:
    after = apply(left_over, change)
    assert apply(after, invert(left_over, change)) == left_over
