"""Cron expressions in a time zone: when they are due, forwards and backwards. Pure.

Five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps, names,
``L`` for the last day of a month, and the usual words such as ``@daily``. Where both days are
given, either of them is enough, as in every cron.

A change of the clocks neither loses nor doubles what is to happen at an hour of the day: a
time that the clocks leave out is due at the moment they jump to, one that comes twice is due
the first time. What is due every hour (``*``) just goes on, hour after hour.
"""

from __future__ import annotations

import os
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
#: name, lowest, highest, names and the number of the first of them.
_FIELDS = (
    ("minute", 0, 59, (), 0),
    ("hour", 0, 23, (), 0),
    ("day of the month", 1, 31, (), 0),
    ("month", 1, 12, _MONTHS, 1),
    ("day of the week", 0, 7, _DAYS, 0),
)
_LAST = 32
#: Days without a match after which there is none: 29 February may be eight years away.
_MOST_DAYS = 9 * 366
#: What the clocks are set back by, at most.
_FOLD = timedelta(hours=3)
_FIRST_DAY = date(1969, 12, 1)
_LAST_DAY = date(9998, 12, 31)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression.

    Attributes:
        text: as it was written.
        days: of the month; 32 is the last one. `weekdays`: 0 is Sunday.
        either: both kinds of days are given, and one of them is enough.
        hourly: it is due in every hour.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    hourly: bool

    def after(self, moment: float, zone: tzinfo) -> Iterator[float]:
        """Yield the times after `moment` at which it is due, in order (epoch seconds)."""
        start = (datetime.fromtimestamp(moment, zone) - _FOLD).date()
        for day in self._days(start, 1):
            yield from (each for each in self._of_day(day, zone) if each > moment)

    def upto(self, moment: float, zone: tzinfo) -> Iterator[float]:
        """Yield the times up to `moment` at which it was due, the latest first."""
        start = (datetime.fromtimestamp(moment, zone) + _FOLD).date()
        for day in self._days(start, -1):
            yield from (each for each in reversed(self._of_day(day, zone)) if each <= moment)

    def _days(self, day: date, step: int) -> Iterator[date]:
        barren = 0
        while barren < _MOST_DAYS and _FIRST_DAY <= day <= _LAST_DAY:
            barren += 1
            if self._fits(day):
                barren = 0
                yield day
            day += timedelta(days=step)

    def _fits(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        last = _LAST in self.days and day.day == monthrange(day.year, day.month)[1]
        by_month = last or day.day in self.days
        by_week = day.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either else by_month and by_week

    def _of_day(self, day: date, zone: tzinfo) -> list[float]:
        found: set[float] = set()
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time(hour, minute))
                first, second = (_instant(local, zone, fold) for fold in (0, 1))
                if first < second:  # the hour comes twice
                    found.update((first, second) if self.hourly else (first,))
                elif first == second:
                    found.add(first)
                elif not self.hourly:
                    found.add(_end_of_gap(local, zone))
        return sorted(found)


def _instant(local: datetime, zone: tzinfo, fold: int) -> float:
    return local.replace(tzinfo=zone, fold=fold).timestamp()


def _end_of_gap(local: datetime, zone: tzinfo) -> float:
    """Return the moment at which the clocks jump over a local time that there is not.

    In a gap `fold` 0 is read with the offset before the jump and 1 with the one after it, so
    that the jump lies between the two moments that these give.
    """
    low, high = _instant(local, zone, 1), _instant(local, zone, 0)
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Return the expression that a text is.

    Raises:
        ValueError: it is none, or there is no such time; the sentence says what is wrong.
    """
    source = _ALIASES.get(text.strip().lower(), text)
    parts = source.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"a cron expression has five fields: minute, hour, day of the month, month, day of "
            f"the week; {text!r} has {len(parts)}"
        )
    sets = [_numbers(part, number) for number, part in enumerate(parts)]
    weekdays = frozenset(day % 7 for day in sets[4])
    found = Cron(
        text=text.strip(),
        minutes=tuple(sorted(sets[0])),
        hours=tuple(sorted(sets[1])),
        days=sets[2],
        months=sets[3],
        weekdays=weekdays,
        either=parts[2][0] not in "*?" and parts[4][0] not in "*?",
        hourly=len(sets[1]) == 24,
    )
    if next(found.after(0.0, UTC), None) is None:
        raise ValueError(f"there is no day of {text!r}")
    return found


def _numbers(part: str, number: int) -> frozenset[int]:
    name, low, high, *_ = _FIELDS[number]
    found: set[int] = set()
    for item in part.lower().split(","):
        span, slash, by = item.partition("/")
        if slash and not (by.isdecimal() and 0 < int(by) <= high):
            raise ValueError(f"the step {by!r} of the {name} is not 1 to {high}")
        step = int(by) if slash else 1
        start, dash, end = span.partition("-")
        if span in ("*", "?"):
            begin, stop = low, high if number != 4 else 6
        elif span == "l" and number == 2 and not slash:
            begin = stop = _LAST
        else:
            begin = _number(start, number)
            stop = _number(end, number) if dash else high if slash else begin
            if number == 4 and dash and stop == 0 < begin:
                stop = 7  # Saturday to Sunday
        if stop < begin:
            raise ValueError(f"{span!r} of the {name} goes down; write it as two ranges")
        found.update(range(begin, stop + 1, step))
    return frozenset(found)


def _number(text: str, field: int) -> int:
    name, low, high, names, first = _FIELDS[field]
    if text in names:
        return names.index(text) + first
    if not (text.isdecimal() and len(text) < 4 and low <= int(text) <= high):
        also = f", or {names[0]} to {names[-1]}" if names else ""
        raise ValueError(f"the {name} {text!r} is not {low} to {high}{also}")
    return int(text)


# --- time zones -----------------------------------------------------------------------------


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that name; of an empty one that of this machine.

    Raises:
        ValueError: there is none of that name.
    """
    name = name.strip()
    return _zone(name) if name else local_zone()


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"there is no time zone {name!r}; write one such as Europe/Berlin, or UTC"
        ) from error


@lru_cache(maxsize=1)
def local_zone() -> tzinfo:
    """Return this machine's time zone with its rules; UTC where it does not tell."""
    link = Path("/etc/localtime")
    names = [os.environ.get("TZ", "").lstrip(":")]
    if link.is_symlink():
        names.append(str(link.readlink()).partition("zoneinfo/")[2])
    for name in filter(None, names):
        try:
            return _zone(name)
        except ValueError:
            continue
    return UTC


# --- in words -------------------------------------------------------------------------------


def words(cron: Cron) -> str:
    """Return a cron expression as a few words where it is a plain one: ``Mon-Fri 09:00``."""
    if len(cron.minutes) * len(cron.hours) > 3 or len(cron.months) < 12 or cron.either:
        return cron.text
    times = ", ".join(f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes)
    if len(cron.days) == 1 and len(cron.weekdays) == 7:
        (day,) = cron.days
        return f"{'last day' if day == _LAST else f'day {day}'} of the month {times}"
    if len(cron.days) < 31:
        return cron.text
    return f"{_weekdays(cron.weekdays)} {times}"


def _weekdays(days: frozenset[int]) -> str:
    if len(days) == 7:
        return "daily"
    order = sorted((day - 1) % 7 for day in days)  # a week begins on Monday
    names = [_DAYS[(day + 1) % 7].title() for day in order]
    if len(order) > 2 and order[-1] - order[0] == len(order) - 1:
        return f"{names[0]}-{names[-1]}"
    return ", ".join(names)
