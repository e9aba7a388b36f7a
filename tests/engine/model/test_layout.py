from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.graph import analyse
from engine.model.layout import GRID, NODE_SIZE, Size, layered
from engine.model.workflow import Position, View, Workflow
from tests.engine.model.documents import workflows
from tests.engine.model.kit import KIT, flow


def overlaps(places: Mapping[str, Position], sizes: Mapping[str, Size] | None = None) -> list[str]:
    sizes = sizes or {}
    boxes = [(key, p.x, p.y, *sizes.get(key, NODE_SIZE)) for key, p in sorted(places.items())]
    return [
        f"{a[0]} and {b[0]}"
        for n, a in enumerate(boxes)
        for b in boxes[n + 1 :]
        if a[1] < b[1] + b[3] and b[1] < a[1] + a[3] and a[2] < b[2] + b[4] and b[2] < a[2] + a[4]
    ]


NESTED = flow(
    "s e:each a b f:each g h:collect c:collect y z",
    "s -> e", "e.item -> a", "e.item -> b", "a -> f", "f.item -> g", "g -> h", "h -> c",
    "b -> c", "c -> z", "s -> y", "y -> z",
)  # fmt: skip


@settings(max_examples=60)
@given(workflows(max_nodes=9))
def test_every_node_gets_a_place_of_its_own_on_the_grid(workflow: Workflow) -> None:
    places = layered(workflow)
    assert list(places) == list(workflow.nodes)
    assert overlaps(places) == []
    assert all(p.x % GRID == 0 and p.y % GRID == 0 for p in places.values())
    assert layered(workflow) == places


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=24))
def test_wires_lead_to_the_right(pairs: list[tuple[int, int]]) -> None:
    forward = [f"n{min(a, b):02} -> n{max(a, b):02}" for a, b in pairs if a != b]
    workflow = flow(" ".join(f"n{number:02}" for number in range(12)), *forward)
    places = layered(workflow)
    for edge in workflow.edges:
        assert places[edge.source.node].x + NODE_SIZE[0] < places[edge.target.node].x
    assert overlaps(places) == []


def test_chain_is_a_straight_line_with_its_loop_turned_back() -> None:
    places = layered(flow("a b c d", "a -> b", "b -> c", "c -> b", "c -> d"))
    assert {place.y for place in places.values()} == {0.0}
    assert [places[key].x for key in "abcd"] == sorted(place.x for place in places.values())


def test_fork_is_drawn_around_its_source() -> None:
    places = layered(flow("s a b z", "s -> a", "s -> b", "a -> z", "b -> z"))
    assert places["s"].y == places["z"].y == (places["a"].y + places["b"].y) / 2


def test_wires_that_need_not_cross_do_not() -> None:
    wires = ("s -> a", "s -> b", "s -> c", "a -> z", "b -> y", "c -> x")
    places = layered(flow("s a b c x y z", *wires))
    order = sorted("abc", key=lambda key: places[key].y)
    targets = {"a": "z", "b": "y", "c": "x"}
    assert sorted("xyz", key=lambda key: places[key].y) == [targets[key] for key in order]


def test_large_nodes_get_the_room_they_need() -> None:
    sizes = {"a": (500.0, 300.0), "b": (210.0, 900.0)}
    places = layered(flow("s a b z", "s -> a", "s -> b", "a -> z", "b -> z"), sizes)
    assert overlaps(places, sizes) == []
    assert places["z"].x >= places["a"].x + 500


def test_parts_that_are_not_connected_do_not_touch() -> None:
    workflow = flow("a b c d e f g", "a -> b", "c -> d")
    assert overlaps(layered(workflow)) == []


def test_nothing_else_lies_in_the_rectangle_of_a_zone() -> None:
    zones = analyse(NESTED, KIT).zones
    places = layered(NESTED, zones=zones)
    assert overlaps(places) == []
    for zone in zones.values():
        inside = {zone.split, zone.collect, *zone.body}
        right = max(places[key].x + NODE_SIZE[0] for key in inside)
        bottom = max(places[key].y + NODE_SIZE[1] for key in inside)
        left, top = (min(getattr(places[key], axis) for key in inside) for axis in "xy")
        sizes = {"zone": (right - left, bottom - top)}
        for key in set(places) - inside:
            both = {"zone": Position(left, top), key: places[key]}
            assert overlaps(both, sizes) == []


@settings(max_examples=40)
@given(workflows(max_nodes=9))
def test_any_document_can_be_laid_out_with_its_zones(workflow: Workflow) -> None:
    places = layered(workflow, zones=analyse(workflow, KIT).zones)
    assert set(places) == set(workflow.nodes)
    assert overlaps(places) == []


def test_selected_nodes_keep_their_corner() -> None:
    positions = {"a": Position(400, 80), "b": Position(320, 160), "c": Position(0, 0)}
    workflow = replace(flow("a b c", "a -> b", "b -> c"), view=View(positions=positions))
    places = layered(workflow, only={"a", "b"})
    assert set(places) == {"a", "b"}
    assert (places["a"].x, places["a"].y) == (320, 80)
    assert layered(workflow, only=set()) == {}


@pytest.mark.parametrize("count", [1, 3, 30])
def test_nodes_without_wires_stand_in_rows(count: int) -> None:
    places = layered(flow(" ".join(f"n{number:02}" for number in range(count))))
    assert overlaps(places) == []
    width = max(place.x for place in places.values()) + NODE_SIZE[0]
    height = max(place.y for place in places.values()) + NODE_SIZE[1]
    assert 0.5 < width / height < 3
