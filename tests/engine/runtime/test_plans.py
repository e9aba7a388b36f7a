from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import InvalidWorkflow
from engine.model import codec
from engine.model.workflow import Edge, Node, PortRef, Settings, Workflow
from engine.nodes.builtin import builtin_registry
from engine.runtime.plans import KEPT, Plans


def flow(name: str = "w", **settings: Any) -> Workflow:
    return Workflow(
        id=name,
        name=name,
        nodes={
            "start": Node(key="start", type="trigger.manual"),
            "end": Node(key="end", type="end"),
        },
        edges=(Edge(source=PortRef.parse("start.out"), target=PortRef.parse("end.in")),),
        settings=replace(Settings(), **settings),
    )


def test_the_same_document_is_compiled_once() -> None:
    plans, workflow = Plans(builtin_registry()), flow()
    assert plans.compile(workflow) is plans.compile(workflow)


def test_an_equal_document_is_another_one() -> None:
    plans = Plans(builtin_registry())
    assert plans.compile(flow()) is not plans.compile(flow())


def test_a_changed_environment_makes_a_new_plan() -> None:
    environ = {"PLACE": "here"}
    plans, workflow = Plans(builtin_registry(), environ), flow(env=("PLACE", "NOWHERE"))
    assert plans.compile(workflow).env == {"PLACE": "here"}
    environ["PLACE"] = "there"
    assert plans.compile(workflow).env == {"PLACE": "there"}
    environ["NOWHERE"] = "now"
    assert plans.compile(workflow).env == {"PLACE": "there", "NOWHERE": "now"}


def test_only_the_last_plans_are_kept() -> None:
    plans, first = Plans(builtin_registry()), flow()
    plan = plans.compile(first)
    for number in range(KEPT):
        plans.compile(flow(f"w{number}"))
    assert plans.compile(first) is not plan


def test_a_document_with_errors_is_refused_every_time() -> None:
    plans, broken = Plans(builtin_registry()), replace(flow(), edges=(), nodes={})
    for _ in range(2):
        with pytest.raises(InvalidWorkflow):
            plans.compile(broken)


def test_the_pinned_bytes_are_those_of_the_document() -> None:
    plans, workflow = Plans(builtin_registry()), flow()
    plans.compile(workflow)
    assert plans.document(workflow) == plans.document(workflow) == codec.dumps(workflow)
    assert plans.document(flow()) == codec.dumps(workflow)
