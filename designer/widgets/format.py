"""Numbers, durations and times as a person reads them. Pure functions, no Qt."""

from __future__ import annotations

import math
from datetime import datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ("B", "KB", "MB", "GB", "TB")

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400


def format_duration(seconds: float) -> str:
    """How long something took: ``340 ms``, ``1.24 s``, ``2 min 03 s``, ``3 h 05 min``.

    Three significant figures below a minute, two units above; ``< 1 ms`` for what took time but
    less than can be counted, ``-`` for what is not finite.
    """
    if not math.isfinite(seconds):
        return "-"
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if 0 < seconds < 0.0005:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02d} s"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S:02d} h"


def format_countdown(seconds: float) -> str:
    """What is left as a clock: ``09:58``, ``1:05:09``, ``2 d 04:05``; never below ``00:00``.

    Seconds are rounded up, so that the clock shows zero only when the time has come.
    """
    if math.isinf(seconds):
        return "-"
    left = max(0, math.ceil(seconds))
    minutes, second = divmod(left, MINUTE_S)
    hours, minute = divmod(minutes, 60)
    if left < HOUR_S:
        return f"{minute:02d}:{second:02d}"
    if left < DAY_S:
        return f"{hours}:{minute:02d}:{second:02d}"
    return f"{hours // 24} d {hours % 24:02d}:{minute:02d}"


def spoken_duration(seconds: float) -> str:
    """A duration for a screen reader: ``9 minutes 58 seconds``."""
    left = max(0, math.ceil(seconds))
    parts = (
        (left // DAY_S, "day"),
        (left % DAY_S // HOUR_S, "hour"),
        (left % HOUR_S // MINUTE_S, "minute"),
        (left % MINUTE_S, "second"),
    )
    named = [plural(count, word) for count, word in parts if count]
    return " ".join(named[:2]) or "0 seconds"


def format_relative(when: datetime, now: datetime) -> str:
    """When something was or will be: relative within an hour, otherwise the local time.

    ``just now``, ``12 s ago``, ``in 8 min``, ``14:02``, ``21 Nov 14:02``, ``21 Nov 2025 14:02``.
    Both times must carry a zone.
    """
    distance = (when - now).total_seconds()
    away = abs(distance)
    if away < HOUR_S:
        if away < 1:
            return "just now"
        amount = f"{away:.0f} s" if away < 59.5 else f"{round(away / MINUTE_S)} min"
        return f"in {amount}" if distance > 0 else f"{amount} ago"
    local, today = when.astimezone(), now.astimezone()
    clock = f"{local:%H:%M}"
    if local.date() == today.date():
        return clock
    day = f"{local.day} {_MONTHS[local.month - 1]}"
    return f"{day} {clock}" if local.year == today.year else f"{day} {local.year} {clock}"


def format_exact(when: datetime) -> str:
    """The local time to the second with its zone, for tooltips: ``2026-11-21 14:02:09 +01:00``."""
    text = when.astimezone().isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}"


def format_bytes(count: int) -> str:
    """A size: ``512 B``, ``74.2 KB``, ``1.13 MB``; a kilobyte is 1,000 bytes."""
    size = float(count)
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    if unit == 0:
        return f"{count} B"
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


def format_count(count: int) -> str:
    """A number with thousands apart: ``12,345``."""
    return f"{count:,}"


def format_count_short(count: int) -> str:
    """A number for a small pill: ``128``, ``12.3k``, ``4.5M``."""
    for limit, suffix in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if abs(count) >= limit:
            scaled = count / (1000 if suffix == "k" else limit)
            return f"{scaled:.1f}".removesuffix(".0") + suffix
    return str(count)


def format_percent(share: float) -> str:
    """A share of one as ``62 %``; 99.9 is not yet 100."""
    percent = math.floor(share * 100) if share < 1 else round(share * 100)
    return f"{percent} %"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 node``, ``1,200 nodes``; `many` for irregular ones."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shorten(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, with an ellipsis where it was cut."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: max(0, limit - 1)].rstrip() + "…"
