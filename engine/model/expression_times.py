"""Dates and durations of expressions and templates, from text and numbers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from engine.model.expression_values import Budget, Fault, need_text

_DURATION_UNITS: Final[Mapping[str, str]] = {
    "w": "weeks", "d": "days", "h": "hours", "m": "minutes", "min": "minutes", "s": "seconds",
    "ms": "milliseconds",
}  # fmt: skip
_DURATION_PART: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(min|ms|[wdhms])\s*")
_ISO_DURATION: Final = re.compile(r"(-?)P(?=.)([\d.WD]*)(?:T(?=.)([\d.HMS]*))?")


def to_date(_budget: Budget, value: object) -> dt.date:
    """The day of an ISO 8601 text or of a date and time."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    return _parsed_time(value, "date").date()


def to_datetime(_budget: Budget, value: object) -> dt.datetime:
    """The moment of an ISO 8601 text, of a day, or of seconds since 1970; UTC unless it says so."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC)
        except (ValueError, OverflowError, OSError):
            raise Fault("datetime() needs seconds within the years 1 to 9999") from None
    return _parsed_time(value, "datetime")


def _parsed_time(value: object, name: str) -> dt.datetime:
    text = need_text(value, name)
    try:
        moment = dt.datetime.fromisoformat(text.strip() if len(text) <= 100 else "")
    except ValueError:
        raise Fault(f"{name}() needs ISO 8601 text such as 2030-12-31T17:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def to_duration(_budget: Budget, value: object) -> dt.timedelta:
    """A span of time from seconds, from text such as ``1d 2h 30m``, or ISO 8601 (``PT90S``)."""
    try:
        if isinstance(value, dt.timedelta):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return dt.timedelta(seconds=value)
        return _parsed_duration(need_text(value, "duration"))
    except (OverflowError, ValueError) as error:
        if isinstance(error, Fault):
            raise
        raise Fault("duration() cannot span more than 999,999,999 days") from None


def _parsed_duration(text: str) -> dt.timedelta:
    match = _ISO_DURATION.fullmatch(text) if len(text) <= 100 else None
    if match is not None:
        days = re.sub(r"[WD]", lambda unit: unit[0].lower() + " ", match[2])
        times = re.sub(r"[HMS]", lambda unit: unit[0].lower() + " ", match[3] or "")
        span = _parsed_duration(days + times)
        return -span if match[1] else span
    position, total = 0, dt.timedelta()
    while part := _DURATION_PART.match(text, position):
        total += dt.timedelta(**{_DURATION_UNITS[part[2]]: float(part[1])})
        position = part.end()
    if position != len(text) or not text:
        raise Fault("duration() needs text such as 1d 2h 30m 15s, or ISO 8601 such as PT90S")
    return total
