from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.model.codec import BrokenDocument, dumps, loads
from engine.model.node_types import NodeType, Registry
from engine.model.revision import revision_hash
from engine.model.workflow import (
    Channel,
    Edge,
    Node,
    Note,
    PortRef,
    Position,
    RetryPolicy,
    Settings,
    View,
    Workflow,
)
from tests.engine.model.documents import workflows


def step(version: int = 1) -> Registry:
    kind = NodeType(
        id="step",
        title="Step",
        category="",
        description="",
        params=BaseModel,
        run=None,
        version=version,
    )
    return Registry([kind])


BASE = Workflow(
    id="1",
    channels={"total": Channel(name="total")},
    nodes={key: Node(key=key, type="step") for key in ("a", "b")},
    edges=(Edge(source=PortRef("a", "out"), target=PortRef("b", "in")),),
)


def with_node(**changes: object) -> Workflow:
    node = replace(BASE.nodes["a"], **changes)  # type: ignore[arg-type] # any field
    return replace(BASE, nodes={**BASE.nodes, "a": node})


@settings(max_examples=30)
@given(workflows(), st.randoms(use_true_random=False))
def test_revision_does_not_depend_on_order(workflow: Workflow, random: Random) -> None:
    """T33."""
    nodes, edges = list(workflow.nodes.items()), list(workflow.edges)
    random.shuffle(nodes)
    random.shuffle(edges)
    other = replace(workflow, nodes=dict(nodes), edges=tuple(edges))
    assert revision_hash(other, step()) == revision_hash(workflow, step())
    assert revision_hash(loads(dumps(workflow)), step()) == revision_hash(workflow, step())


@pytest.mark.parametrize(
    "same",
    [
        replace(BASE, id="2", name="Other"),
        replace(BASE, view=View(positions={"a": Position(1, 2)}, notes=(Note(id="n"),))),
        replace(BASE, settings=Settings(description="Pays invoices")),
        replace(BASE, channels={"total": Channel(name="total", description="In euro")}),
        with_node(title="Read"),
        with_node(notes="Ask Ada."),
    ],
)
def test_revision_leaves_out_what_a_run_does_not_see(same: Workflow) -> None:
    assert revision_hash(same, step()) == revision_hash(BASE, step())


@pytest.mark.parametrize(
    "other",
    [
        with_node(params={"x": 1}),
        with_node(type="other"),
        with_node(version=2),
        with_node(retry=RetryPolicy()),
        with_node(disabled=True),
        with_node(extra={"x_new": 1}),
        replace(BASE, channels={"total": Channel(name="total", reducer="sum")}),
        replace(BASE, settings=Settings(commit="strict")),
        replace(BASE, settings=Settings(vars={"rate": 2})),
        replace(BASE, edges=()),
        replace(BASE, edges=(replace(BASE.edges[0], when="input > 1"),)),
        replace(BASE, edges=(replace(BASE.edges[0], priority=1),)),
    ],
)
def test_revision_changes_with_what_a_run_does(other: Workflow) -> None:
    """T33: also with reducers and conditions."""
    assert revision_hash(other, step()) != revision_hash(BASE, step())


def test_revision_changes_with_the_version_of_a_node_type() -> None:
    """U16."""
    hashes = {revision_hash(BASE, registry) for registry in (step(1), step(2), Registry())}
    assert len(hashes) == 3


@pytest.mark.parametrize("make", [set, object])
def test_revision_of_what_json_cannot_hold_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(BrokenDocument, match=r"nodes\.a\.params\.x"):
        revision_hash(with_node(params={"x": make()}), step())
