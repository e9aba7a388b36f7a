"""Who may write at the same time (W103), and what may happen twice (W105)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.model.workflow import Alternative, Channel, RetryPolicy, Workflow, Write
from tests.engine.flows import flow
from tests.engine.model.tricky import BARRIER, RECORDING, broken, step

CHANNELS = (
    Channel(name="c", type="number", reducer="replace"),
    Channel(name="s", type="number", reducer="sum", default=0),
)
THREE = RetryPolicy(attempts=3)


def writes(channel: str = "c", **fields: Any) -> Any:
    return step(writes={channel: "1"}, **fields)


def drawn(nodes: dict[str, Any], wires: str) -> Workflow:
    nodes = {"m": "trigger.manual", "z": "end", **nodes}
    return flow(nodes, wires, channels=CHANNELS, result="[state.c, state.s]")


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        (("reduce", "reduce"), []),
        (("set", "set"), ["W103 a"]),
        (("set", "reduce"), ["W103 a"]),
        (("reduce", "delete"), ["W103 a"]),
        (("delete", "delete"), []),
    ],
)
def test_what_sets_a_channel_as_a_whole_meets_no_other_write(
    ops: tuple[Any, Any], found: list[str]
) -> None:
    """U32: whatever its reducer combines."""
    work = drawn({"a": writes(), "b": writes()}, "m > a, m > b, a > z, b > z")
    a, b = (
        replace(work.nodes[key], writes={"s": Write(expr="1", op=op)})
        for key, op in zip("ab", ops, strict=True)
    )
    assert broken(replace(work, nodes={**work.nodes, "a": a, "b": b})) == found


@pytest.mark.parametrize(
    ("nodes", "wires", "found"),
    [
        ({"a": writes(), "b": writes()}, "m > a, a > b, b > z", []),
        ({"a": writes(), "b": writes(disabled=True)}, "m > a, m > b, a > z, b > z", []),
        (
            {"a": writes(), "b": step(), "x": writes(join={"mode": "any"})},
            "m > a, m > b, a > x, b > x, x > z",
            ["W103 a"],
        ),
        (
            {"a": writes(), "b": step(), "x": writes(join={"mode": "all_active"})},
            "m > a, m > b, a > x, b > x, x > z",
            [],
        ),
        (
            {"a": step(), "b": step(join={"mode": "any"}), "x": writes(), "y": writes()},
            "m > a, m > b, a > b, b > x, x > y, y > z",
            [],
        ),
        (
            {"a": writes(), "b": writes()},
            "m > a, a > a [input < 3], a > b [input < 5], a > z [else], b > z",
            ["W103 a"],
        ),
        (
            {"a": writes(route="first"), "b": writes()},
            "m > a, a > a [input < 3], a > b [else], b > z",
            [],
        ),
        (
            {"q": BARRIER, "a": writes(), "b": writes()},
            "m > q, q.approved > a, q.rejected > b, a > z, b > z",
            [],
        ),
        (
            {"q": RECORDING, "a": writes(), "b": writes()},
            "m > q, q.approved > a, q.decision > b, q.rejected > z, a > z, b > z",
            ["W103 a"],
        ),
        (
            {"k": step(on_error="error_port"), "a": writes(), "b": writes()},
            "m > k, k > a, k.error > b, a > z, b > z",
            [],
        ),
        (
            {"f": ("for_each", {"limit": 1}), "a": writes(), "b": writes(), "c": "collect"},
            "m > f, f.item > a, f.item > b, a > c, b > c, c > z",
            ["W103 a"],
        ),
        (
            {"l": ("loop", {"count": 2}), "a": writes(), "u": "until", "b": writes()},
            "m > l, l.round > a, a > u, u > z, m > b, b > z",
            ["W103 a"],
        ),
        (
            {"l": ("loop", {"count": 2}), "a": writes(), "u": "until", "b": writes()},
            "m > l, l.round > a, a > u, u > b, b > z",
            [],
        ),
    ],
)
def test_writers_meet_where_one_may_run_before_the_other_has_ended(
    nodes: dict[str, Any], wires: str, found: list[str]
) -> None:
    assert broken(drawn(nodes, wires), "W103") == found


SHELL: Any = ("shell.command", {"command": ["true"]})


def post(**params: Any) -> Any:
    return ("http.request", {"url": "http://x", "method": "POST", **params}, {"retry": THREE})


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ((*SHELL, {"retry": THREE}), ["W105 a"]),
        ((*SHELL, {"retry": THREE, "disabled": True}), []),
        ((*SHELL, {"retry": RetryPolicy(attempts=1)}), []),
        ((*SHELL, {"retry": THREE, "effects": "idempotent"}), []),
        (post(), []),
        (post(send_idempotency_key=False), ["W105 a"]),
        (post(send_idempotency_key=False, headers={"Idempotency-Key": "x"}), []),
        (step(effects="once", retry=THREE), ["W105 a"]),
    ],
)
def test_what_must_not_happen_twice_is_retried_with_a_key_only(node: Any, found: list[str]) -> None:
    """U86."""
    assert broken(flow({"m": "trigger.manual", "a": node}, "m > a")) == found


def test_an_alternative_that_is_retried_is_looked_at_too() -> None:
    other = Alternative(type="shell.command", params={"command": ["true"]}, retry=THREE)
    work = flow({"m": "trigger.manual", "a": step(alternatives=(other,))}, "m > a")
    assert broken(work) == ["W105 a"]


@pytest.mark.parametrize(
    ("between", "wires", "found"),
    [
        (("wait", {"duration_s": 5}), "a.error > w, w > a", ["W105 a"]),
        (BARRIER, "a.error > w, w.approved > a, w.rejected > z", []),
        (step(), "a.error > w, w > z", []),
        (step(), "a.error > a, a > w, w > z", ["W105 a"]),
    ],
)
def test_a_failure_that_leads_back_is_a_retry_by_hand(
    between: Any, wires: str, found: list[str]
) -> None:
    nodes = {"m": "trigger.manual", "z": "end", "w": between,
             "a": (*SHELL, {"on_error": "error_port"})}  # fmt: skip
    assert broken(flow(nodes, f"m > a, a > z, {wires}")) == found
