from __future__ import annotations

import datetime as dt

import pytest

from engine.model.expression_times import to_date, to_datetime, to_duration
from engine.model.expression_values import Budget, Fault


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (90, 90),
        (1.5, 1.5),
        ("90s", 90),
        ("1d 2h 30m", 95_400),
        ("1.5h", 5_400),
        ("500ms", 0.5),
        ("2 min", 120),
        ("1w", 604_800),
        ("PT1H30M", 5_400),
        ("P1DT12H", 129_600),
        ("P2W", 1_209_600),
        ("-PT5S", -5),
        (dt.timedelta(1), 86_400),
    ],
)
def test_duration(value: object, seconds: float) -> None:
    assert to_duration(Budget(), value).total_seconds() == seconds


@pytest.mark.parametrize(
    "value", ["", "1", "h", "1h x", "P", "PT", "1y", True, None, "9" * 99, 1e300]
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(Fault):
        to_duration(Budget(), value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2030-05-17", "2030-05-17T00:00:00+00:00"),
        ("2030-05-17T14:30:00Z", "2030-05-17T14:30:00+00:00"),
        (" 2030-05-17T14:30+02:00 ", "2030-05-17T14:30:00+02:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        (dt.date(2030, 5, 17), "2030-05-17T00:00:00+00:00"),
        (dt.datetime(2030, 5, 17), "2030-05-17T00:00:00+00:00"),  # noqa: DTZ001 - that is the rule
    ],
)
def test_moments_without_a_zone_are_utc(value: object, text: str) -> None:
    assert to_datetime(Budget(), value).isoformat() == text


def test_the_day_of_a_moment() -> None:
    moment = dt.datetime(2030, 5, 17, 23, tzinfo=dt.UTC)
    assert to_date(Budget(), moment) == to_date(Budget(), "2030-05-17T01:00") == moment.date()


@pytest.mark.parametrize("value", ["17.05.2030", "", "x" * 500, None, 1e300, True, []])
def test_what_is_no_moment(value: object) -> None:
    with pytest.raises(Fault):
        to_datetime(Budget(), value)
