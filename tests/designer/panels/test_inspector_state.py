"""Channels, invariants and budgets as the inspector reads and writes them (U37, U87, U90)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from designer.panels.inspector_channels import channels_attribute
from designer.panels.inspector_rules import (
    budget_attributes,
    invariants_attribute,
    meters_attribute,
)
from designer.panels.inspector_spec import UNSET
from engine.model.workflow import Channel, Draw, Invariant, Meter, Migration, Node, Workflow

EMPTY = Workflow(id="w")


def rewritten(attribute: Any, part: Any) -> Any:
    """What comes of showing a part and writing back what is shown."""
    return attribute.write(part, attribute.read(part))


def test_a_channel_with_everything_survives_the_form() -> None:
    channel = Channel(
        name="person", type="object", reducer="custom", reduce="new", schema={"type": "object"},
        version=2, migrations=(Migration(version=1, expr="{'n': value}", extra={"x": 1}),),
        lifecycle="durable", extra={"x_own": 1},
    )  # fmt: skip
    work = Workflow(id="w", channels={"person": channel})
    assert rewritten(channels_attribute(), work) == work


@pytest.mark.parametrize("steps", [{"from": 1}, [{"from": "one", "expr": "value"}], [1]])
def test_migrations_that_are_none_are_refused_in_words(steps: Any) -> None:
    with pytest.raises(ValueError, match="list of steps"):
        channels_attribute().write(EMPTY, [{"name": "a", "migrations": steps}])


def test_invariants_and_budgets_survive_the_form() -> None:
    settings = Workflow(id="w").settings
    settings = replace(
        settings,
        invariants={"cap": Invariant(expr="state.n < 1", on_breach="ask", message="Too much")},
        meters={"tokens": Meter(limit=10.0, measure="calls", on_breach="ask", unit="t"),
                "free": Meter()},
    )  # fmt: skip
    work = Workflow(id="w", settings=settings)
    assert rewritten(invariants_attribute(), work) == work
    assert rewritten(meters_attribute(), work) == work


def test_what_a_node_draws_survives_the_form() -> None:
    node = Node(
        key="a", type="for_each", budget="even",
        meters={"tokens": Draw(estimate="2", actual="output.n", limit=0.0, extra={"x": 1})},
    )  # fmt: skip
    meters, shares = budget_attributes()
    assert rewritten(meters, node) == node
    assert rewritten(shares, node) == node
    assert meters.read(Node(key="a", type="set")) is UNSET


@pytest.mark.parametrize("attribute", [invariants_attribute, meters_attribute])
def test_two_of_one_name_are_refused(attribute: Any) -> None:
    with pytest.raises(ValueError, match="name of its own"):
        attribute().write(EMPTY, [{"name": "a"}, {"name": "a"}])
