"""Path data becomes the same outline that Qt's own SVG renderer draws."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF

from designer.widgets.svg_path import parse_path


def ends(data: str) -> tuple[float, float]:
    point = parse_path(data).currentPosition()
    return round(point.x(), 3), round(point.y(), 3)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        ("M1 2L3 4", (3, 4)),
        ("m1 2l3 4", (4, 6)),
        ("M1 2 3 4 5 6", (5, 6)),
        ("m1 2 3 4 5 6", (9, 12)),
        ("M1 1h4v-2H0V9", (0, 9)),
        ("M0 0C1 1 2 2 3 3s4 4 5 5", (8, 8)),
        ("M0 0q1 1 2 0", (2, 0)),
        ("M.5-.5l1.5.5", (2, 0)),
        ("M5 5a2 2 0 0 1 2 2", (7, 7)),
    ],
)
def test_commands_end_where_they_should(data: str, end: tuple[float, float]) -> None:
    assert ends(data) == end


@pytest.mark.parametrize(
    ("flags", "inside", "outside"),
    [
        ("0 1", QPointF(13, 10), QPointF(12, 11)),
        ("0 0", QPointF(12, 11), QPointF(13, 10)),
    ],
)
def test_the_sweep_of_an_arc_decides_its_side(
    flags: str, inside: QPointF, outside: QPointF
) -> None:
    path = parse_path(f"M10 8A5 5 0 {flags} 15 13z")
    assert path.contains(inside)
    assert not path.contains(outside)


def test_the_large_arc_goes_the_long_way() -> None:
    small = parse_path("M10 8A5 5 0 0 1 15 13").boundingRect()
    large = parse_path("M10 8A5 5 0 1 1 15 13").boundingRect()
    assert small.width() < 6
    assert large.width() > 8


def test_radii_that_are_too_small_grow() -> None:
    box = parse_path("M0 0A1 1 0 0 1 10 0").boundingRect()
    assert QRectF(-0.1, -5.1, 10.2, 5.2).contains(box)
    assert box.height() == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("data", ["M1", "L", "T1 2", "M0 0A1 1 0 0 1"])
def test_what_is_not_understood_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match="path command"):
        parse_path(data)
