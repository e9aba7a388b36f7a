"""Emit: send an event to another run, or to all runs that listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output, Signal
from engine.nodes.fields import Duration, Params, hints, shown, value_or_input
from engine.nodes.listen import MOST_NAME

Json = Any


class EmitParams(Params):
    """Parameters of Emit."""

    event: str = Field(
        "",
        title="Event",
        description="Name of the event.",
        max_length=MOST_NAME,
        json_schema_extra=hints(placeholder="order.paid"),
    )
    payload: Any = Field(
        None,
        title="Payload",
        description="What the event says.",
        json_schema_extra=hints("expression", placeholder="the input"),
    )
    run_id: str | None = Field(
        None,
        title="To run",
        description="Id of the run that it is for. Empty: every run of the store that listens.",
        json_schema_extra=hints(placeholder="all that listen"),
    )
    keep_s: Duration = Field(
        7 * 86_400.0,
        title="Keep for",
        description="A run that listens later than that does not get it.",
        gt=0,
        json_schema_extra=hints("duration", unit="s", advanced=True),
    )


def run(params: EmitParams, ctx: Context) -> Output:
    """Send the event with the commit that admits this task, and pass the input on."""
    name = params.event.strip()
    if not name:
        raise NodeFailure("there is no name of an event; enter one", code="params", retryable=False)
    signal = Signal(
        name=name,
        payload=value_or_input(params, "payload", ctx),
        run=params.run_id or "",
        keep_s=params.keep_s,
    )
    return Output({"out": ctx.input}, signals=(signal,))


def _summary(params: Mapping[str, Json]) -> str:
    to = shown(params.get("run_id"))
    return f"{shown(params.get('event'))} to {to}" if to else shown(params.get("event"))


EMIT = NodeType(
    id="emit",
    title="Emit",
    category="time",
    description="Sends an event to another run, or to every run that listens for it.",
    params=EmitParams,
    run=run,
    sends=True,
    icon="node-emit",
    keywords=("event", "send", "signal", "message", "publish", "notify", "trigger"),
    summary=_summary,
)
