"""The methods of `Flow` are those of the built-in types (U22)."""

from __future__ import annotations

import inspect

import pytest

from engine.flow import Flow, expr
from engine.model.workflow import Workflow
from engine.nodes.builtin import BUILTIN
from engine.nodes.signatures import BY_HAND, source
from engine.nodes.typed import Kinds

BY_METHOD = {each.id.replace(".", "_"): each for each in BUILTIN if each.id not in BY_HAND}
METHODS = [name for name in vars(Kinds) if not name.startswith("_") and name != "add"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_only_parameters_that_the_type_has(name: str) -> None:
    """After a change: python -m engine.nodes.signatures."""
    fields = BY_METHOD[name].params.model_fields
    given = list(inspect.signature(getattr(Kinds, name)).parameters.values())[2:]
    assert {each.name for each in given} <= set(fields)
    required = {each.name for each in given if each.default is each.empty}
    assert required <= {key for key, field in fields.items() if field.is_required()}


@pytest.mark.parametrize("name", sorted(BY_METHOD))
def test_what_is_made_has_a_method_with_every_parameter_of(name: str) -> None:
    scope: dict[str, object] = {}
    exec(compile(source(), "typed.py", "exec"), scope)
    kinds = scope["Kinds"]
    given = list(inspect.signature(getattr(kinds, name)).parameters)[2:]
    assert sorted(given) == sorted(BY_METHOD[name].params.model_fields)


def built(flow: Flow) -> Workflow:
    return flow.build()


def test_a_method_adds_what_add_would() -> None:
    one, other = Flow("Same"), Flow("Same")
    one.start >> one.template("hi", text=expr("input.text")) >> one.end()
    other.start >> other.add("hi", "template", text=expr("input.text")) >> other.end()
    assert built(one) == built(other)


def test_a_parameter_that_is_left_out_is_not_in_the_document() -> None:
    flow = Flow()
    flow.start >> flow.barrier("ask", title="Go on?", timeout_s="1h 30m") >> flow.end()
    assert built(flow).nodes["ask"].params == {"title": "Go on?", "timeout_s": "1h 30m"}
