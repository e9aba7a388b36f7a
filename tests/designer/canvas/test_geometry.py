"""The shapes of edges, and the grid that finds what is near."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QPointF, QRectF

from designer.canvas.geometry import (
    curve_of,
    distance_to_line,
    edge_path,
    lines_cross,
    node_height,
    sample,
    seen_part,
)
from designer.canvas.index import Grid


@pytest.mark.parametrize(
    "end", [(400, 0), (400, 300), (30, 500), (-400, 0), (-400, 500), (0, 0), (10, -20)]
)
def test_an_edge_runs_from_port_to_port(end: tuple[float, float]) -> None:
    path = edge_path(QPointF(0, 0), QPointF(*end))
    assert path.elementAt(0).x == 0
    assert path.currentPosition() == QPointF(*end)


def test_an_edge_that_leads_back_goes_around_the_node() -> None:
    # From the output of a node to its own input: below the node, which is 84 high.
    path = edge_path(QPointF(210, 42), QPointF(0, 42))
    assert path.boundingRect().bottom() > 84
    body = QRectF(20, 0, 170, 84)
    assert not any(body.contains(x, y) for x, y in sample(path))


def test_the_seen_part_of_a_long_curve_is_the_same_line() -> None:
    path = edge_path(QPointF(0, 0), QPointF(9000, 4000))
    curve = curve_of(path)
    assert curve is not None
    sight = QRectF(4000, 1700, 1000, 600)
    part = seen_part(curve, sight)
    whole = [path.pointAtPercent(at / 2000) for at in range(2001)]
    inside = [point for point in whole if sight.contains(point)]
    drawn = sample(part)
    assert inside
    assert max(distance_to_line(point.x(), point.y(), drawn) for point in inside) < 1.5
    assert part.boundingRect().width() < 2500


def test_nothing_of_a_curve_elsewhere_is_seen() -> None:
    curve = curve_of(edge_path(QPointF(0, 0), QPointF(9000, 4000)))
    assert curve is not None
    assert seen_part(curve, QRectF(0, 3000, 500, 500)).isEmpty()


def test_the_distance_to_a_line_is_that_to_its_nearest_piece() -> None:
    line = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]
    assert distance_to_line(5, 3, line) == 3
    assert distance_to_line(13, 5, line) == 3
    assert distance_to_line(10, 14, line) == 4


def test_lines_that_touch_only_when_drawn_out_do_not_cross() -> None:
    across = ((0.0, 0.0), (10.0, 10.0))
    assert lines_cross(across, ((0, 10), (10, 0)))
    assert not lines_cross(across, ((20, 0), (30, 10)))
    assert not lines_cross(across, ((0, 1), (10, 11)))


@pytest.mark.parametrize(("rows", "height"), [((0, 0), 84), ((2, 0), 128), ((0, 3), 150)])
def test_a_node_grows_with_its_named_ports(rows: tuple[int, int], height: float) -> None:
    assert node_height(*rows) == height


def test_the_grid_finds_what_a_search_through_everything_finds() -> None:
    pick = random.Random(4)
    grid = Grid()
    boxes: dict[str, QRectF] = {}
    for step in range(2000):
        key = f"k{pick.randrange(300)}"
        if step % 7 == 0:
            grid.remove(key)
            boxes.pop(key, None)
            continue
        box = QRectF(
            pick.uniform(-9000, 9000), pick.uniform(-9000, 9000), pick.uniform(1, 3000), 84
        )
        grid.put(key, box)
        boxes[key] = box
    for _ in range(100):
        area = QRectF(pick.uniform(-9000, 9000), pick.uniform(-9000, 9000), 1500, 900)
        exact = {key for key, box in boxes.items() if box.intersects(area)}
        near = grid.near(area)
        assert exact <= near
    assert grid.near(QRectF(-1e6, -1e6, 2e6, 2e6)) == set(boxes)
