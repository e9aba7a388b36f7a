"""Which nodes can work in the background, and what is handed over (U58)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.model import codec
from engine.model.node_types import Port, Ports, Registry
from engine.model.plan import compile_workflow
from engine.model.revision import revision_hash
from engine.model.validation import validate
from engine.model.workflow import Channel, InBackground, Meter, Settings, Workflow, Write
from engine.nodes.builtin import BUILTIN
from tests.engine.flows import flow, node, node_type

Json = Any
TWO = node_type(
    "two",
    lambda params, ctx: None,
    ports=lambda params: Ports((Port(name="a"), Port(name="b")), (Port(name="out"),)),
)
TYPES = Registry([*BUILTIN, TWO])
TEXT = "template"


def one(type: str = TEXT, params: Json = None, **fields: Any) -> Workflow:
    """Start, one node in the background, End."""
    fields = {"background": InBackground(), **fields}
    nodes = {
        "n": node("n", type, {"text": "x"} if params is None else params, **fields),
        "s": node("s", "trigger.manual"),
        "z": node("z", "end"),
    }
    work = flow({}, "s > n, n > z", channels=[Channel(name="total", default=0)])
    return replace(work, nodes=nodes)


def problems(work: Workflow) -> list[tuple[str, str]]:
    return [(each.rule, each.field) for each in validate(work, TYPES)
            if each.rule in ("E090-background", "W190-late-write", "E064-budget")]  # fmt: skip


def test_a_node_that_works_may_do_it_in_the_background() -> None:
    assert problems(one()) == []


@pytest.mark.parametrize("type", ["barrier", "switch", "join", "for_each", "loop", "end"])
def test_what_has_no_work_of_its_own_cannot(type: str) -> None:
    (found,) = [each for each in validate(one(type, {}), TYPES) if each.rule == "E090-background"]
    assert "cannot work in the background" in found.message and found.fix


@pytest.mark.parametrize(
    ("given", "field"),
    [({"port": "nowhere"}, "background.port"), ({"limit": 0}, "background.limit"),
     ({"stale_s": 0.0}, "background.stale_s")],
)  # fmt: skip
def test_its_settings_are_checked(given: Json, field: str) -> None:
    assert problems(one(background=InBackground(**given))) == [("E090-background", field)]


def test_only_one_value_can_be_handed_over() -> None:
    work = one("two", {})
    ports = tuple(replace(edge, target=replace(edge.target, port=name))
                  for edge in work.edges[:1] for name in ("a", "b"))  # fmt: skip
    assert problems(replace(work, edges=ports)) == [("E090-background", "background")]
    assert problems(replace(work, edges=ports[:1])) == []


def test_a_share_is_of_a_budget_that_is_there() -> None:
    given = InBackground(budget={"cost": 1.0})
    assert problems(one(background=given)) == [("E064-budget", "background.budget.cost")]
    work = one(background=given)
    work = replace(work, settings=Settings(meters={"cost": Meter(limit=3)}))
    assert problems(work) == []


def test_what_is_computed_afterwards_does_not_see_other_nodes() -> None:
    work = one(writes={"total": "nodes.s"})
    assert problems(work) == [("E090-background", "writes.total")]


def test_what_the_run_does_not_wait_for_writes_too_late() -> None:
    work = one(writes={"total": "output"}, background=InBackground(at_end="detach"))
    assert problems(work) == [("W190-late-write", "background.at_end")]


def test_what_reads_only_the_input_is_left_to_the_work() -> None:
    """So that the works of a node are of one document, whose plan is made once."""
    for text, is_handed in (("{{ input.a }}", False), ("{{ nodes.s.a }}", True)):
        plan = compile_workflow(one(TEXT, {"text": text}), TYPES)
        handed = plan.nodes["n"].background
        assert handed is not None
        assert (not handed.handed.is_constant, handed.constant is None) == (is_handed, is_handed)


def test_a_name_of_the_workflow_is_never_taken() -> None:
    work = one(TEXT, {"text": "{{ nodes.s.a }}"})
    taken = {name: Channel(name=name) for name in ("result", "total")}
    work = replace(work, channels=taken, settings=Settings(vars={"handed": 1}))
    handed = compile_workflow(work, TYPES).nodes["n"].background
    assert handed is not None and handed.name == "handed_2"
    document = codec.workflow_from_json(handed.document({"text": "hello"}, {}))
    assert document.settings.vars == {"handed": 1, "handed_2": {"text": "hello"}}
    assert set(document.channels) == {"result", "total", "result_2"}
    assert not [each for each in validate(document, TYPES) if each.rule.startswith("E")]


def test_it_survives_the_document_and_changes_the_revision_only_where_it_is_used() -> None:
    work = one(background=InBackground(limit=3, budget={"cost": 1.5}, stale_s=None))
    again = codec.loads(codec.dumps(work))
    assert again.nodes["n"].background == work.nodes["n"].background
    assert b"background" not in codec.dumps(one(background=None))
    assert revision_hash(work, TYPES) != revision_hash(one(background=None), TYPES)


def test_a_write_of_the_node_is_no_write_of_the_work() -> None:
    work = one(writes={"total": "output"})
    handed = compile_workflow(work, TYPES).nodes["n"].background
    assert handed is not None
    assert handed.workflow.nodes["n"].writes == {"result": Write(expr="output", op="set")}
