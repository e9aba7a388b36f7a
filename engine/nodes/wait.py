"""Wait: let time pass; other branches go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import Field, model_validator

from engine.model.node_types import Answer, Context, NodeFailure, NodeType, Output, Wait
from engine.nodes.fields import Duration, Params, hints, in_words, seconds_of, shown

Json = Any
_TEN_YEARS_S = 10 * 366 * 86_400.0


class WaitParams(Params):
    """Parameters of Wait."""

    duration_s: Duration | None = Field(
        None,
        title="Duration",
        description="How long to wait from the moment this node is reached.",
        ge=0,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", placeholder="5 min"),
    )
    until: str | float | None = Field(
        None,
        title="Until",
        description=(
            "A moment instead of a duration: ISO 8601 (without an offset in this computer's "
            "time zone), or seconds since 1970. In the past: goes on at once."
        ),
        json_schema_extra=hints("expression", placeholder="2030-01-31 17:00"),
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.duration_s is not None and self.until is not None:
            raise ValueError("choose a duration or a moment, not both")
        return self


def run(params: WaitParams, ctx: Context) -> Wait | Output:
    """Park the task until its time has come."""
    if params.until is not None:
        due, kind = moment_of(params.until), "until"
    elif params.duration_s is not None:
        due, kind = ctx.now + params.duration_s, "timer"
    else:
        raise NodeFailure(
            "there is neither a duration nor a moment; fill in one of them",
            code="params",
            retryable=False,
        )
    if due <= ctx.now:
        return Output({"out": ctx.input})
    text = f"until {_local(due, ctx.now)}"
    if kind == "timer":
        return Wait(kind="timer", due_at=due, text=text)
    return Wait(kind="until", due_at=due, text=text)


def resume(params: WaitParams, ctx: Context, wait: Wait, answer: Answer) -> Output:
    """Go on with what has arrived."""
    del params, wait, answer
    return Output({"out": ctx.input})


def moment_of(value: str | float) -> float:
    """Return seconds since the epoch of an ISO 8601 text or of such seconds.

    Raises:
        NodeFailure: it is no moment.
    """
    if not isinstance(value, str):
        return float(value)
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise NodeFailure(
            f"{value!r} is no moment; write it such as 2030-01-31 17:00 or 2030-01-31T17:00Z",
            code="params",
            retryable=False,
        ) from error


def _local(due: float, now: float) -> str:
    """The moment in the person's time zone, as short as it is clear."""
    then = datetime.fromtimestamp(due, UTC).astimezone()
    today = datetime.fromtimestamp(now, UTC).astimezone().date()
    return then.strftime("%H:%M:%S" if then.date() == today else "%Y-%m-%d %H:%M")


def _summary(params: Mapping[str, Json]) -> str:
    if params.get("until") is not None:
        return f"until {shown(params['until'])}"
    duration = params.get("duration_s")
    try:
        seconds = seconds_of(duration)
    except ValueError:
        return shown(duration)
    return in_words(seconds) if isinstance(seconds, (int, float)) else shown(duration)


WAIT = NodeType(
    id="wait",
    title="Wait",
    category="time",
    description="Waits for a while or until a moment. Costs nothing and outlives a restart.",
    params=WaitParams,
    run=run,
    resume=resume,
    icon="node-wait",
    keywords=("delay", "sleep", "pause", "timer", "until", "schedule"),
    summary=_summary,
)
