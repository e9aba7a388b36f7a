"""Numbers and times as a person reads them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from designer.widgets.format import (
    format_bytes,
    format_count,
    format_count_short,
    format_countdown,
    format_duration,
    format_exact,
    format_percent,
    format_relative,
    plural,
    shorten,
    spoken_duration,
)

NOW = datetime(2026, 11, 21, 14, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0002, "< 1 ms"),
        (0.0006, "1 ms"),
        (0.34, "340 ms"),
        (0.9996, "1.00 s"),
        (1.239, "1.24 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (123, "2 min 03 s"),
        (3599.6, "1 h 00 min"),
        (11_100, "3 h 05 min"),
        (187_200, "2 d 04 h"),
        (-1.5, "-1.50 s"),
        (math.inf, "-"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (598, "09:58"),
        (0.2, "00:01"),
        (0, "00:00"),
        (-5, "00:00"),
        (3909, "1:05:09"),
        (187_500, "2 d 04:05"),
        (math.inf, "-"),
    ],
)
def test_countdowns(seconds: float, text: str) -> None:
    assert format_countdown(seconds) == text


def test_spoken_durations_name_two_units() -> None:
    assert spoken_duration(598) == "9 minutes 58 seconds"
    assert spoken_duration(90_061) == "1 day 1 hour"
    assert spoken_duration(0) == "0 seconds"


@pytest.mark.parametrize(
    ("away_s", "text"),
    [
        (0.4, "just now"),
        (-12, "12 s ago"),
        (-59.6, "1 min ago"),
        (8, "in 8 s"),
        (480, "in 8 min"),
    ],
)
def test_times_within_an_hour_are_relative(away_s: float, text: str) -> None:
    assert format_relative(NOW + timedelta(seconds=away_s), NOW) == text


def test_other_times_are_as_short_as_is_clear() -> None:
    local = NOW.astimezone().replace(hour=14, minute=2)
    assert format_relative(local - timedelta(hours=3), local) == "11:02"
    assert format_relative(local - timedelta(days=9), local) == "12 Nov 14:02"
    assert format_relative(local.replace(year=2025), local) == "21 Nov 2025 14:02"


def test_exact_times_carry_their_zone() -> None:
    text = format_exact(NOW)
    assert text[:19] == NOW.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert text[20] in "+-"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 KB"), (74_230, "74.2 KB"), (999_600, "1.00 MB"),
     (1_130_000, "1.13 MB"), (728_000, "728 KB"), (5_000_000_000, "5.00 GB")],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_counts() -> None:
    assert format_count(12345) == "12,345"
    assert [format_count_short(n) for n in (128, 9_999, 12_345, 120_000, 4_500_000)] == [
        "128", "9999", "12.3k", "120k", "4.5M",
    ]  # fmt: skip
    assert plural(1, "node") == "1 node"
    assert plural(1200, "node") == "1,200 nodes"
    assert plural(2, "entry", "entries") == "2 entries"


def test_nearly_done_is_not_done() -> None:
    assert format_percent(0.999) == "99 %"
    assert format_percent(1.0) == "100 %"
    assert format_percent(0.62) == "62 %"


def test_shortened_text_is_one_line_with_an_ellipsis() -> None:
    assert shorten("two\n  lines", 20) == "two lines"
    assert shorten("abcdefgh", 5) == "abcd…"
