"""Event stream: events of one name, one by one, as the items of a For each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from engine.model.node_types import Context, NodeFailure, NodeType, Output, Port, Ports, Stream
from engine.nodes.fields import Duration, Params, hints, shown
from engine.nodes.listen import MOST_NAME

Json = Any
_TEN_YEARS_S = 10 * 366 * 86_400.0


class ListenStreamParams(Params):
    """Parameters of Event stream. The For each behind it listens."""

    event: str = Field(
        "",
        title="Event",
        description="Name of the events; the payload of each is an item.",
        max_length=MOST_NAME,
        json_schema_extra=hints(placeholder="order.new"),
    )
    match: str | None = Field(
        None,
        title="Only if",
        description="Condition on the event's payload.",
        json_schema_extra=hints("expression", placeholder="event.shop == input.shop"),
    )
    until: str | None = Field(
        None,
        title="Until",
        description="An event of which this is true ends the stream, and is no item.",
        json_schema_extra=hints("expression", placeholder="event.last"),
    )
    count: int | None = Field(
        None,
        title="At most",
        description="How many events are taken. Empty: no end.",
        ge=0,
        json_schema_extra=hints(unit="events"),
    )
    timeout_s: Duration | None = Field(
        None,
        title="Until none has come for",
        description="The stream ends when nothing has come for so long. Empty: never.",
        gt=0,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", placeholder="no limit"),
    )

    @field_validator("match", "until", mode="before")
    @classmethod
    def _source(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            return value["expr"]
        return value or None


def run(params: ListenStreamParams, ctx: Context) -> Output:
    """Say what is to be listened for."""
    name = params.event.strip()
    if not name:
        raise NodeFailure("there is no name of an event; enter one", code="params", retryable=False)
    given = {
        "event": name,
        "match": params.match,
        "until": params.until,
        "input": ctx.input,
        "count": params.count,
        "timeout_s": params.timeout_s,
    }
    return Output({"out": given})


LISTEN_STREAM = NodeType(
    id="listen.stream",
    title="Event stream",
    category="time",
    description="Gives events to a For each, one by one, as they come. Outlives a restart.",
    params=ListenStreamParams,
    run=run,
    icon="node-listen",
    ports=lambda params: Ports(
        (Port(name="in"),),
        (Port(name="out", type="stream", description="The events, for a For each."),),
    ),
    raw=frozenset({"match", "until"}),
    own_names={"match": "event", "until": "event"},
    stream=Stream(open=None, again="seek"),
    keywords=("events", "stream", "subscribe", "queue", "messages", "for each", "consume"),
    summary=lambda params: shown(params.get("event")),
)
