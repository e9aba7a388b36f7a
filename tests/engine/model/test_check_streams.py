"""Wires of streams, and what adds items outside of every For each (U51)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.model.validation import validate
from engine.model.workflow import Alternative, Workflow
from engine.nodes.add_items import ADD_ITEMS
from engine.nodes.file_lines import FILE_LINES
from engine.nodes.listen_stream import LISTEN_STREAM
from tests.engine.flows import flow, registry

TYPES = registry(ADD_ITEMS, FILE_LINES, LISTEN_STREAM)
LINES = ("file.lines", {"path": "x.txt"})
WIRES = "s > e, e.item > a, a > c, c > z"


def sentences(work: Workflow, rule: str) -> list[str]:
    return [each.message for each in validate(work, TYPES) if each.rule.startswith(rule)]


def reading(wires: str = WIRES, **more: Any) -> Workflow:
    nodes = {"s": LINES, "e": "for_each", "a": "plus", "c": "collect", "z": "end", **more}
    return flow(nodes, wires)


def test_a_for_each_reads_a_stream() -> None:
    assert not [each for each in validate(reading(), TYPES) if each.rule.startswith("E")]


def test_nothing_else_reads_a_stream() -> None:
    [sentence] = sentences(flow({"s": LINES, "a": "plus", "z": "end"}, "s > a, a > z"), "E013")
    assert "a stream of items, which only For each reads" in sentence


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (reading(f"{WIRES}, t > e", t="same"), "has other wires"),
        (reading(e=("for_each", {"items": [1]})), "has items of its own"),
        (reading(e=("for_each", {}, {"budget": "even"})), "to share a budget"),
        (reading(s=(*LINES, {"alternatives": (Alternative(type="same"),)})), "has alternatives"),
        (reading(f"{WIRES}, s > e [fallback]".removeprefix("s > e, ")), "carries no stream"),
    ],
)
def test_what_a_stream_cannot_do_is_said(work: Workflow, said: str) -> None:
    assert any(said in sentence for sentence in sentences(work, "E050"))


def test_what_adds_items_is_inside_of_a_for_each() -> None:
    inside = flow(
        {"e": "for_each", "a": "add_items", "c": "collect", "z": "end"},
        "e.item > a, a > c, c > z",
    )
    assert not sentences(inside, "E051")
    outside = flow({"a": "add_items", "z": "end"}, "a > z")
    [sentence] = sentences(outside, "E051")
    assert sentence == "a adds items and is inside of no For each."
    off = replace(outside.nodes["a"], disabled=True)
    assert not sentences(replace(outside, nodes={**outside.nodes, "a": off}), "E051")


def test_a_condition_on_events_is_checked_however_it_is_written() -> None:
    for match in ("event.x ==", {"expr": "event.x =="}):
        work = reading(s=("listen.stream", {"event": "new", "match": match}))
        assert len(sentences(work, "E005")) == 1
