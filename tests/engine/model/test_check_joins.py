"""Joins that can and cannot fill (E017), and joins that wait for one another (E040)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.flows import flow
from tests.engine.model.tricky import ALL_CASES, BARRIER, RECORDING, SWITCH, broken, join, step

ARMS = {"x": step(), "y": step(), "j": join(), "z": "end", "e": "end"}
MET = "x > j, y > j, j > z"
NEVER = ["E017 j"]
NAMED: Any = ("switch", {"cases": [{"name": "a"}, {"name": "b"}], "names": {"expr": "input"}})
LISTEN: Any = ("listen", {"event": "e", "timeout_s": 5, "on_timeout": "timeout"})


@pytest.mark.parametrize(
    ("first", "ways", "found"),
    [
        (SWITCH, "s.a > x, s.b > y, s.else > e", NEVER),
        (ALL_CASES, "s.a > x, s.b > y, s.else > e", []),
        (ALL_CASES, "s.a > x, s.else > y, s.b > e", NEVER),
        (NAMED, "s.a > x, s.b > y, s.else > e", []),
        ((*SWITCH, {"disabled": True}), "s.a > x, s.b > y, s.else > e", NEVER),
        (BARRIER, "s.approved > x, s.rejected > y", NEVER),
        (RECORDING, "s.approved > x, s.decision > y, s.rejected > e", []),
        (RECORDING, "s.approved > x, s.rejected > y, s.decision > e", NEVER),
        (LISTEN, "s > x, s.timeout > y", NEVER),
        (step(on_error="error_port"), "s > x, s.error > y", NEVER),
        (step(), "s > x, s > y [fallback]", NEVER),
        (step(), "s > x [input], s > y [else]", NEVER),
        (step(), "s > x, s > y [else]", []),
        (step(), "s > x [False], s > y", ["E017 j", "W101 x", "W108 s"]),
        (step(route="first"), "s > x [input], s > y [else]", NEVER),
    ],
)
def test_a_join_of_two_ways_that_exclude_each_other_never_fills(
    first: Any, ways: str, found: list[str]
) -> None:
    work = flow({"m": "trigger.manual", "s": first, **ARMS}, f"m > s, {ways}, {MET}")
    assert [each for each in broken(work) if each != "W101 e"] == found


def test_a_choice_that_is_made_again_may_fill_a_join_behind_the_loop() -> None:
    """What has come waits for what another round brings."""
    again = "m > s, s.a > x, x > s, s.b > y, s.else > e"
    work = flow({"m": "trigger.manual", "s": SWITCH, **ARMS}, f"{again}, {MET}")
    assert broken(work) == []
    inside = "m > s, s.a > x, s.b > y, s.else > e, x > j, y > j, j > s"
    assert broken(flow({"m": "trigger.manual", "s": SWITCH, **ARMS}, inside), "E017") == NEVER


@pytest.mark.parametrize(("n", "found"), [(2, []), (3, NEVER), (4, NEVER), (0, NEVER)])
def test_a_join_of_some_counts_what_can_come_at_once(n: int, found: list[str]) -> None:
    nodes = {"m": "trigger.manual", "s": SWITCH, "w": step(), **ARMS, "j": join("n_of_m", n=n)}
    work = flow(nodes, f"m > s, m > w, s.a > x, s.b > y, s.else > e, w > j, {MET}")
    assert broken(work) == found


def test_a_join_does_not_fill_from_where_nothing_runs() -> None:
    nodes = {"m": "trigger.manual", **ARMS}
    assert broken(flow(nodes, f"m > x, {MET}"), "E017", "W101") == ["E017 j", "W101 e", "W101 y"]
    partial = {**nodes, "j": join("n_of_m", n=1)}
    assert broken(flow(partial, f"m > x, {MET}"), "E017") == []


@pytest.mark.parametrize(("then", "found"), [("fire", []), ("fail", NEVER), ("skip", NEVER)])
def test_a_join_that_goes_on_after_some_time_need_not_fill(then: str, found: list[str]) -> None:
    late = join("n_of_m", n=3, timeout_s=5.0, on_timeout=then)
    nodes = {"m": "trigger.manual", **ARMS, "j": late}
    assert broken(flow(nodes, f"m > x, m > y, {MET}"), "E017") == found


def test_items_may_fail_and_a_join_of_both_ports_may_fill() -> None:
    nodes = {"m": "trigger.manual", "f": "for_each", "w": step(), "c": "collect", "j": join()}
    assert broken(flow(nodes, "m > f, f.item > w, w > c, c > j, c.failed > j")) == []


def test_a_choice_in_an_item_is_one_for_that_item() -> None:
    nodes = {"f": "for_each", "s": SWITCH, **ARMS, "q": step(), "c": "collect", "e": "end"}
    wires = "f.item > s, s.a > x, s.b > y, s.else > q, q > c, x > j, y > j, j > c, c > z"
    assert broken(flow(nodes, wires), "E017") == NEVER


@pytest.mark.parametrize(
    ("wires", "found"),
    [
        ("m > a, m > b, a > b, b > s, s.a > a, s.b > z, s.else > z", ["E040 a"]),
        ("m > a, a > b, b > s, s.a > b, s.b > z, s.else > z", []),
    ],
)
def test_two_joins_in_one_cycle_wait_for_each_other(wires: str, found: list[str]) -> None:
    nodes = {"m": "trigger.manual", "a": join("no_more"), "b": join("no_more"), "s": SWITCH,
             "z": "end"}  # fmt: skip
    assert broken(flow(nodes, wires)) == found


def test_a_join_in_an_item_and_one_around_the_for_each_do_not() -> None:
    around = {"m": "trigger.manual", "a": join("no_more"), "s": SWITCH, "z": "end"}
    zone = {"f": "for_each", "x": step(), "y": step(), "b": join("no_more"), "c": "collect"}
    wires = "m > a, a > f, f.item > x, f.item > y, x > b, y > b, b > c, c > s, s.a > a"
    assert broken(flow(around | zone, f"{wires}, s.b > z, s.else > z")) == []
