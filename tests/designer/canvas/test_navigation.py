"""Where keys lead: the nearest node, along wires, up and down the stream."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF

from designer.canvas.navigation import Direction, along, component, nearest, reachable
from tests.designer.canvas.kit import flow

#:  a  b  c
#:     d
#:  e
PLACES = {"a": (0, 0), "b": (300, 0), "c": (600, 0), "d": (300, 150), "e": (0, 400)}
BODIES = {key: QRectF(x, y, 210, 84) for key, (x, y) in PLACES.items()}


@pytest.mark.parametrize(
    ("start", "direction", "found"),
    [
        ("a", Direction.RIGHT, "b"),
        ("b", Direction.RIGHT, "c"),
        ("b", Direction.LEFT, "a"),
        ("b", Direction.DOWN, "d"),
        ("d", Direction.UP, "b"),
        ("a", Direction.DOWN, "e"),
        ("c", Direction.RIGHT, None),
        ("a", Direction.UP, None),
    ],
)
def test_an_arrow_goes_to_the_nearest_node_that_way(
    start: str, direction: Direction, found: str | None
) -> None:
    assert nearest(BODIES, start, direction) == found


WIRED = flow(list("abcde"), ["a->b", "a->d", "b->c", "d->c"], dict(PLACES))


def test_control_and_an_arrow_follow_the_wires() -> None:
    assert along(WIRED, BODIES, "a", Direction.RIGHT) == ("b", "d")
    assert along(WIRED, BODIES, "c", Direction.LEFT) == ("b", "d")
    assert along(WIRED, BODIES, "e", Direction.RIGHT) == ()


def test_up_and_down_go_through_the_siblings() -> None:
    assert along(WIRED, BODIES, "b", Direction.DOWN) == ("d",)
    assert along(WIRED, BODIES, "d", Direction.UP) == ("b",)
    assert along(WIRED, BODIES, "d", Direction.DOWN) == ()


def test_downstream_ends_also_in_a_loop() -> None:
    loop = flow(list("abc"), ["a->b", "b->a", "b->c"])
    assert reachable(loop, {"b"}, downstream=True) == {"a", "b", "c"}
    assert reachable(loop, {"c"}, downstream=False) == {"a", "b", "c"}


def test_the_component_leaves_out_what_is_not_connected() -> None:
    assert component(WIRED, {"c"}) == {"a", "b", "c", "d"}
