"""Event: start a run for each event of a name that is sent to all runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.expressions import EVENT_NAME, ExpressionError, compile_expression
from engine.model.node_types import NodeType
from engine.nodes.fields import Params, hints, shown
from engine.nodes.listen import MOST_NAME
from engine.nodes.trigger_fields import (
    Missed,
    Overlap,
    missed_field,
    most_missed_field,
    out_port,
    overlap_field,
)

Json = Any
_compiled = lru_cache(maxsize=512)(compile_expression)


class EventTriggerParams(Params):
    """Parameters of Event."""

    event: str = Field(
        "event",
        title="Event",
        description="Name of the event, as Emit and headgate signal send it.",
        min_length=1,
        max_length=MOST_NAME,
        json_schema_extra=hints(placeholder="order.paid"),
    )
    match: str | None = Field(
        None,
        title="Only if",
        description="Condition on the event's payload: event.amount > 100.",
        json_schema_extra=hints("expression", placeholder="event.amount > 100"),
    )
    read: Literal["payload", "envelope"] = Field(
        "payload",
        title="Input of the run",
        description="The payload alone, or with its name, id, sender and time.",
        json_schema_extra=hints("select"),
    )
    missed: Missed = missed_field("all")
    most_missed: int = most_missed_field()
    overlap: Overlap = overlap_field("parallel")

    @field_validator("match", mode="before")
    @classmethod
    def _source(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            value = value["expr"]
        if not isinstance(value, str) or not value.strip():
            return value or None
        try:
            other = _compiled(value).reads.names - {EVENT_NAME}
        except ExpressionError as error:
            raise ValueError(str(error)) from error
        if other:
            raise ValueError(f"before a run there is only event, no {min(other)}")
        return value


def fits(params: EventTriggerParams, payload: Json) -> bool:
    """Return whether an event of that name starts a run.

    Raises:
        ExpressionError: the condition cannot be computed of this payload.
    """
    if params.match is None:
        return True
    return bool(_compiled(params.match).evaluate({EVENT_NAME: payload}))


def _summary(params: Mapping[str, Json]) -> str:
    name, match = shown(params.get("event")), shown(params.get("match"))
    return f"{name}, if {match}" if match else name


EVENT_TRIGGER = NodeType(
    id="trigger.event",
    title="Event",
    category="trigger",
    description="Starts a run for each event of a name: from another run, or from outside.",
    params=EventTriggerParams,
    run=None,
    icon="node-event",
    ports=out_port("The payload of the event, or the event with its name, id and sender."),
    role="trigger",
    raw=frozenset({"match"}),
    own_names={"match": "event"},
    keywords=("signal", "message", "emit", "listen", "subscribe", "bus", "receive"),
    summary=_summary,
)
