"""What validation says of budgets (U87)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.model.references import find_references, rename_in_node
from engine.model.validation import validate
from engine.model.workflow import Draw, Meter, Workflow
from tests.engine.flows import flow, registry

METERS = {"tokens": Meter(limit=10)}


def errors(work: Workflow) -> set[tuple[str, str, str]]:
    return {(p.rule, p.node, p.field) for p in validate(work, registry()) if p.rule[0] == "E"}


def test_a_node_that_draws_on_a_budget_is_accepted() -> None:
    draw = Draw(estimate="len(nodes.s) * 2", actual="output + input", limit=5)
    work = flow({"s": "same", "a": ("same", {}, {"meters": {"tokens": draw}})}, "s > a",
                meters=METERS)  # fmt: skip
    assert not errors(work)


@pytest.mark.parametrize(
    ("draw", "rule", "place"),
    [
        ({"money": Draw(estimate="1")}, "E064-budget", "meters.money"),
        ({"tokens": Draw(estimate="-1")}, "E064-budget", "meters.tokens.estimate"),
        ({"tokens": Draw(estimate="'x'")}, "E064-budget", "meters.tokens.estimate"),
        ({"tokens": Draw(estimate="1", limit=-1.0)}, "E064-budget", "meters.tokens.limit"),
        ({"tokens": Draw(estimate="1 +")}, "E005-expression", "meters.tokens.estimate"),
        ({"tokens": Draw(estimate="output")}, "E005-expression", "meters.tokens.estimate"),
        ({"tokens": Draw(actual="state.x")}, "E007-unknown-channel", "meters.tokens.actual"),
    ],
)
def test_what_is_wrong_with_a_draw_is_said(draw: Any, rule: str, place: str) -> None:
    work = flow({"a": ("same", {}, {"meters": draw})}, "", meters=METERS)
    assert errors(work) == {(rule, "a", place)}


@pytest.mark.parametrize(
    ("meters", "place"),
    [
        ({"my tokens": Meter()}, "settings.meters.my tokens"),
        ({"tokens": Meter(limit=-1.0)}, "settings.meters.tokens.limit"),
        ({"tokens": Meter(limit=float("inf"))}, "settings.meters.tokens.limit"),
    ],
)
def test_what_is_wrong_with_a_meter_is_said(meters: Any, place: str) -> None:
    assert ("E064-budget", "", place) in errors(flow({"a": "same"}, "", meters=meters))


def test_only_a_for_each_has_shares() -> None:
    assert errors(flow({"a": ("same", {}, {"budget": "even"})}, "")) == {
        ("E064-budget", "a", "budget")
    }


def test_an_estimate_follows_a_renamed_node() -> None:
    work = flow(
        {"s": "same", "a": ("same", {}, {"meters": {"tokens": Draw(estimate="nodes.s.n")}})},
        "s > a", meters=METERS,
    )  # fmt: skip
    (found,) = find_references(work, "s")
    assert (found.field, found.certain) == ("meters.tokens.estimate", True)
    renamed = rename_in_node(work.nodes["a"], {"s": "start"})
    assert renamed.meters["tokens"].estimate == "nodes.start.n"
