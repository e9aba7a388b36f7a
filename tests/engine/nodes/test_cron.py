"""Times of a calendar, in time zones whose clocks change (U76)."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.nodes import cron

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]


def local(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def times(text: str, start: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    found = islice(cron.parse(text).after(local(start, zone), zone), count)
    return [datetime.fromtimestamp(each, zone).isoformat(" ", "minutes") for each in found]


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("0 9 * * MON-FRI", "2025-06-06 09:00", "2025-06-09 09:00"),
        ("*/20 8-9 * * *", "2025-06-06 08:00", "2025-06-06 08:20"),
        ("5,10 0 1 */6 *", "2025-07-01 00:05", "2025-07-01 00:10"),
        ("0 0 L * *", "2025-06-30 00:00", "2025-07-31 00:00"),
        ("0 0 29 FEB *", "2028-02-29 00:00", "2032-02-29 00:00"),
        ("0 0 13 * FRI", "2025-06-13 00:00", "2025-06-20 00:00"),
        ("30 6 * * 7", "2025-06-08 06:30", "2025-06-15 06:30"),
        ("0 7 * * SAT-SUN", "2025-06-07 07:00", "2025-06-08 07:00"),
        ("10/25 * * * *", "2025-06-06 08:10", "2025-06-06 08:35"),
        ("@hourly", "2025-06-06 08:00", "2025-06-06 09:00"),
        ("@weekly", "2025-06-08 00:00", "2025-06-15 00:00"),
    ],
)
def test_it_is_due_when_every_cron_says_so(text: str, first: str, second: str) -> None:
    assert [each[:16] for each in times(text, "2025-06-06 07:45", 2)] == [first, second]


def test_a_time_that_the_clocks_leave_out_is_due_when_they_jump() -> None:
    assert times("30 2 * * *", "2025-03-29 12:00", 2) == [
        "2025-03-30 03:00+02:00",
        "2025-03-31 02:30+02:00",
    ]


def test_a_time_that_comes_twice_is_due_the_first_time() -> None:
    assert times("30 2 * * *", "2025-10-25 12:00", 2) == [
        "2025-10-26 02:30+02:00",
        "2025-10-27 02:30+01:00",
    ]


def test_what_is_due_every_hour_goes_on_hour_after_hour() -> None:
    for start, count in (("2025-03-29 12:00", 23), ("2025-10-25 12:00", 25)):
        found = list(islice(cron.parse("15 * * * *").after(local(start), BERLIN), count + 12))
        assert {b - a for a, b in pairwise(found)} == {3600.0}


def test_half_an_hour_is_left_out_on_lord_howe() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    assert times("10,20 2 * * *", "2025-10-05 00:00", 2, zone) == [
        "2025-10-05 02:30+11:00",
        "2025-10-06 02:10+11:00",
    ]


@given(
    text=st.sampled_from(["7 3 * * *", "*/17 1-3 * * *", "0 2 L * *", "@hourly", "30 2 * * SUN"]),
    zone=st.sampled_from(ZONES),
    start=st.integers(1_500_000_000, 1_900_000_000),
)
def test_backwards_are_the_same_times_as_forwards(text: str, zone: str, start: int) -> None:
    expression, place = cron.parse(text), ZoneInfo(zone)
    forwards = list(islice(expression.after(start, place), 30))
    backwards = list(islice(expression.upto(forwards[-1], place), 30))
    assert backwards[::-1] == forwards
    assert sorted(set(forwards)) == forwards
    assert forwards[0] > start


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("* * * *", "has 4"),
        ("60 * * * *", "minute '60' is not 0 to 59"),
        ("* * 0 * *", "day of the month '0' is not 1 to 31"),
        ("* * * Foo *", "jan to dec"),
        ("*/0 * * * *", "step"),
        ("9-5 * * * *", "goes down"),
        ("0 0 31 2 *", "there is no day"),
        ("1,,2 * * * *", "minute ''"),
        ("² * * * *", "minute"),
    ],
)
def test_what_is_wrong_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cron.parse(text)


@given(st.text(alphabet="0123456789*/-,?LMONjan# ", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert next(cron.parse(text).after(0.0, BERLIN)) > 0
    except ValueError:
        return


def test_an_unknown_time_zone_is_refused_in_a_sentence() -> None:
    assert cron.zone_of("Europe/Berlin") == BERLIN
    with pytest.raises(ValueError, match="no time zone 'Mars/Base'"):
        cron.zone_of("Mars/Base")
    with pytest.raises(ValueError, match="no time zone"):
        cron.zone_of("../../etc/passwd")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 9 * * 1-5", "Mon-Fri 09:00"),
        ("0 9,17 * * *", "daily 09:00, 17:00"),
        ("30 7 * * TUE,SUN", "Tue, Sun 07:30"),
        ("0 0 1 * *", "day 1 of the month 00:00"),
        ("0 0 L * *", "last day of the month 00:00"),
        ("0 0 1 1 *", "0 0 1 1 *"),
        ("*/5 * * * *", "*/5 * * * *"),
    ],
)
def test_a_plain_one_is_told_in_words(text: str, said: str) -> None:
    assert cron.words(cron.parse(text)) == said
