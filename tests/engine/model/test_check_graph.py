"""Cycles that nothing ends (E016, E041), Switches without Else (E042), ways nothing takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.flows import flow
from tests.engine.model.tricky import BARRIER, SWITCH, broken, step

M = {"m": "trigger.manual", "z": "end"}
ENDLESS = ["E016 a"]
OFF = {"disabled": True}


@pytest.mark.parametrize(
    ("nodes", "wires", "found"),
    [
        ({"a": step(), "b": step()}, "m > a, a > b, b > a [else], b > z", ENDLESS),
        ({"a": step(), "b": step()}, "m > a, a > b, b > a [fallback]", ENDLESS),
        ({"a": step(), "b": step()}, "m > a, a > b, b > a [fallback], b > z", []),
        ({"a": step(), "b": step()}, "m > a, a > b, b > a [input], b > z [else]", []),
        ({"a": step(), "b": step(route="first")}, "m > a, a > b, b > a, b > z", ENDLESS),
        ({"a": step(), "b": (*SWITCH, OFF)}, "m > a, a > b, b.a > a, b.b > z, b.else > z", ENDLESS),
        ({"a": step(), "b": (*SWITCH, OFF)}, "m > a, a > b, b.a > z, b.b > a, b.else > z", []),
        ({"a": step(), "b": (*BARRIER, OFF)}, "m > a, a > b, b.approved > a", ENDLESS),
        ({"a": step(), "b": BARRIER}, "m > a, a > b, b.rejected > a, b.approved > z", []),
        ({"a": ("wait", {"duration_s": 5})}, "m > a, a > a", ENDLESS),
        ({"a": step(on_error="error_port")}, "m > a, a.error > a, a > z", []),
        (
            {"f": "for_each", "a": step(), "b": step(), "c": "collect"},
            "m > f, f.item > a, a > b, b > a, b > c, c > z",
            ENDLESS,
        ),
        (
            {"f": "for_each", "a": step(), "c": "collect"},
            "m > f, f.item > a, a > c, c > f, c > z",
            ENDLESS,
        ),
        (
            {"f": "for_each", "a": step(), "c": "collect"},
            "m > f, f.item > a, a > c, c.failed > f, c > z",
            [],
        ),
    ],
)
def test_a_cycle_needs_a_way_that_may_not_be_taken(
    nodes: dict[str, Any], wires: str, found: list[str]
) -> None:
    """U13."""
    assert broken(flow({**M, **nodes}, wires), "E016") == found


@pytest.mark.parametrize(
    ("when", "found"), [("True", ["W141 a"]), ("1 < 2", ["W141 a"]), ("input", []), ("run.id", [])]
)
def test_a_condition_that_always_holds_ends_no_cycle(when: str, found: list[str]) -> None:
    work = flow({**M, "a": step(), "b": step()}, f"m > a, a > b, b > a [{when}], b > z")
    assert broken(work) == found


@pytest.mark.parametrize(
    ("head", "tail", "found"),
    [
        ({}, {}, ["E041 l"]),
        ({"count": 3}, {}, []),
        ({"condition": {"expr": "input"}}, {}, []),
        ({"condition": {"expr": "True"}}, {}, ["W141 l"]),
        ({"condition": {"expr": "True"}, "count": 2}, {}, []),
        ({}, {"condition": {"expr": "False"}}, ["W141 l"]),
        ({}, {"condition": {"expr": "True"}}, []),
        ({"condition": {"expr": "True"}}, {"condition": {"expr": "input"}}, []),
    ],
)
def test_a_loop_needs_an_end(head: Any, tail: Any, found: list[str]) -> None:
    """U52."""
    nodes = {"m": "trigger.manual", "l": ("loop", head), "a": step(), "u": ("until", tail)}
    assert broken(flow(nodes, "m > l, l.round > a, a > u")) == found


@pytest.mark.parametrize(
    ("fields", "wires", "found"),
    [
        ({}, "", ["E042 s"]),
        ({"disabled": True}, "", []),
        ({"on_error": "error_port"}, ", s.error > z", []),
        ({"on_error": "error_port"}, "", ["W107 s"]),
        ({"on_error": "fallback_edge"}, ", s.a > z [fallback]", []),
    ],
)
def test_a_switch_has_an_else_or_says_what_happens_without(
    fields: dict[str, Any], wires: str, found: list[str]
) -> None:
    """U55: else is mandatory, unless the failure of no match is dealt with."""
    params = {"cases": [{"name": "a", "when": "input"}], "otherwise": False}
    nodes = {**M, "s": ("switch", params, fields), "x": step()}
    assert broken(flow(nodes, f"m > s, s.a > x, x > z{wires}")) == found


def test_an_else_that_leads_nowhere_is_told_and_may_be_meant() -> None:
    """It is how items are filtered: what no case is true of brings no result."""
    nodes = {"m": "trigger.manual", "f": "for_each", "s": SWITCH, "c": "collect"}
    work = flow(nodes, "m > f, f.item > s, s.a > c, s.b > c")
    assert broken(work) == ["W102 s"]


@pytest.mark.parametrize(
    ("wires", "found"),
    [
        ("m > a, a > z [input > 1]", ["W102 a"]),
        ("m > a, a > z [True]", []),
        ("m > a, a > b [input > 1], a > z [else], b > z", []),
        ("m > a, a > b [input > 1], a > z [fallback], b > z", []),
    ],
)
def test_conditions_need_a_way_for_the_rest(wires: str, found: list[str]) -> None:
    nodes = {**M, "a": step(), "b": step()}
    assert [each for each in broken(flow(nodes, wires)) if each != "W101 b"] == found


@pytest.mark.parametrize(
    ("first", "wires", "found"),
    [
        (step(route="first"), "a > x, a > z", ["W101 z", "W108 a"]),
        (step(), "a > z, a > x [False]", ["W101 x", "W108 a"]),
        (step(), "a > z [1 == 1], a > x [else]", ["W101 x", "W108 a"]),
        (step(), "a > z, a > x [else]", []),
        (step(route="first"), "a > x [input], a > z", []),
        # Whoever disables a node for a while need not be told what it does not do meanwhile.
        ((*SWITCH, OFF), "a.a > z, a.b > x, a.else > z", []),
    ],
)
def test_what_only_ways_lead_to_that_nothing_takes_can_never_run(
    first: Any, wires: str, found: list[str]
) -> None:
    """U14."""
    assert broken(flow({**M, "a": first, "x": step()}, f"m > a, {wires}")) == found


def test_of_two_triggers_each_leads_somewhere() -> None:
    assert broken(flow({**M, "k": "trigger.manual"}, "m > z, k > z")) == []


@pytest.mark.parametrize("wires", ["a > x [input], a > b", "a > b, a > x [input]"])
def test_what_is_taken_first_does_not_depend_on_the_order_of_the_document(wires: str) -> None:
    """Wires of equal priority are looked at in the order of what they lead to."""
    nodes = {**M, "a": step(route="first"), "b": step(), "x": step()}
    work = flow(nodes, f"m > a, {wires}, b > z, x > z")
    assert broken(work) == ["W101 x", "W108 a"]
