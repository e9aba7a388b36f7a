"""Schedule: start a run at times of a calendar or of a clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator

from engine.model.node_types import NodeType
from engine.nodes import cron
from engine.nodes.fields import Duration, Params, hints, in_words, plain_text, seconds_of, shown
from engine.nodes.trigger_fields import (
    Missed,
    Overlap,
    missed_field,
    most_missed_field,
    out_port,
    overlap_field,
)

Json = Any
_TEN_YEARS_S = 10 * 366 * 86_400.0
DEFAULT = "0 9 * * MON-FRI"


class ScheduleParams(Params):
    """Parameters of Schedule."""

    cron: str = Field(
        DEFAULT,
        title="Times",
        description=(
            "Cron: minute, hour, day of the month, month, day of the week. L is the last day; "
            "also @hourly, @daily, @weekly, @monthly, @yearly."
        ),
        json_schema_extra=hints(placeholder=DEFAULT),
    )
    every_s: Duration | None = Field(
        None,
        title="Every",
        description="A distance instead of the times, counted from when it is armed.",
        ge=1,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", placeholder="15 min"),
    )
    timezone: str = Field(
        "",
        title="Time zone",
        description="Of the times, such as Europe/Berlin. Empty: that of the machine.",
        json_schema_extra=hints(placeholder="that of the machine"),
    )
    missed: Missed = missed_field("once")
    most_missed: int = most_missed_field()
    overlap: Overlap = overlap_field("skip")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        return cron.parse(value).text

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        cron.zone_of(value)
        return value.strip()


def times_after(params: ScheduleParams, moment: float, armed_at: float) -> Iterator[float]:
    """Yield the times after `moment` at which a run is due, in order (epoch seconds)."""
    if params.every_s is None:
        yield from cron.parse(params.cron).after(moment, cron.zone_of(params.timezone))
        return
    number = max(1, math.floor((moment - armed_at) / params.every_s) + 1)
    while True:
        due = armed_at + number * params.every_s
        if due > moment:
            yield due
        number += 1


def times_upto(params: ScheduleParams, moment: float, armed_at: float) -> Iterator[float]:
    """Yield the times up to `moment` at which a run was due, the latest first."""
    if params.every_s is None:
        yield from cron.parse(params.cron).upto(moment, cron.zone_of(params.timezone))
        return
    number = math.floor((moment - armed_at) / params.every_s) + 1
    while number > 0:
        due = armed_at + number * params.every_s
        if due <= moment:
            yield due
        number -= 1


def _summary(params: Mapping[str, Json]) -> str:
    every = params.get("every_s")
    if every is not None:
        return f"every {_distance(every)}"
    text = plain_text(params, "cron", DEFAULT)
    try:
        said = cron.words(cron.parse(text))
    except ValueError:
        return shown(text)
    zone = plain_text(params, "timezone").strip()
    return f"{said} {zone}" if zone else said


def _distance(every: Json) -> str:
    try:
        seconds = seconds_of(every)
    except ValueError:
        return shown(every)
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return in_words(seconds) if is_number else shown(every)


SCHEDULE_TRIGGER = NodeType(
    id="trigger.schedule",
    title="Schedule",
    category="trigger",
    description="Starts a run at times of the calendar, or again and again.",
    params=ScheduleParams,
    run=None,
    icon="node-schedule",
    ports=out_port("When the run was due, when it was started, and how many were missed."),
    role="trigger",
    keywords=("cron", "time", "interval", "daily", "hourly", "every", "timer", "calendar"),
    summary=_summary,
)
