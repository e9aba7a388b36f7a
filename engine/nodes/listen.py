"""Listen: wait for an event by name; other branches go on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.expressions import EVENT_NAME, compile_expression
from engine.model.node_types import (
    Answer,
    Context,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Wait,
)
from engine.nodes.fields import Duration, Params, hints, in_words, seconds_of, shown

Json = Any
_compiled = lru_cache(maxsize=512)(compile_expression)
_TEN_YEARS_S = 10 * 366 * 86_400.0
MOST_NAME = 200


class ListenParams(Params):
    """Parameters of Listen."""

    event: str = Field(
        "",
        title="Event",
        description="Name of the event to wait for.",
        max_length=MOST_NAME,
        json_schema_extra=hints(placeholder="order.paid"),
    )
    match: str | None = Field(
        None,
        title="Only if",
        description="Condition on the event's payload: event.order == input.order.",
        json_schema_extra=hints("expression", placeholder="event.order == input.order"),
    )
    read: Literal["payload", "envelope"] = Field(
        "payload",
        title="Result",
        description="The payload alone, or with its name, id, sender and time.",
        json_schema_extra=hints("select"),
    )
    early: bool = Field(
        default=True,
        title="Early events",
        description="Take an event that was sent before this node was reached, too.",
    )
    timeout_s: Duration | None = Field(
        None,
        title="Wait at most",
        description="Empty: without end.",
        gt=0,
        le=_TEN_YEARS_S,
        json_schema_extra=hints("duration", unit="s", placeholder="no limit"),
    )
    on_timeout: Literal["fail", "timeout", "default"] = Field(
        "fail",
        title="If nothing comes",
        description="Fail, leave through a port 'timeout' with the input, or go on with a value.",
        json_schema_extra=hints("select"),
    )
    default: Any = Field(
        None,
        title="Value",
        description="What the result is if nothing comes.",
        json_schema_extra=hints("expression", shown_when={"on_timeout": ["default"]}),
    )

    @field_validator("match", mode="before")
    @classmethod
    def _source(cls, value: Json) -> Json:
        if isinstance(value, Mapping) and set(value) == {"expr"}:
            return value["expr"]
        return value or None


def run(params: ListenParams, ctx: Context) -> Wait:
    """Park the task until the event comes."""
    name = params.event.strip()
    if not name:
        raise NodeFailure("there is no name of an event; enter one", code="params", retryable=False)
    due = None if params.timeout_s is None else ctx.now + params.timeout_s
    payload = {"event": name} if params.early else {"event": name, "early": False}
    return Wait(kind="event", due_at=due, text=f"for the event {name}", payload=payload)


def accepts(params: ListenParams, ctx: Context, wait: Wait, payload: Json) -> bool:
    """Return whether the condition holds of an event of that name."""
    del wait
    if params.match is None:
        return True
    return bool(_compiled(params.match).evaluate({**ctx.scope, EVENT_NAME: payload}))


def resume(params: ListenParams, ctx: Context, wait: Wait, answer: Answer) -> Output:
    """Go on with the event, or with what is to happen without one."""
    if answer.kind == "event":
        return Output({"out": answer.values if params.read == "envelope" else _payload(answer)})
    if params.on_timeout == "timeout":
        return Output({"timeout": ctx.input}, note="nothing came in time")
    if params.on_timeout == "default":
        return Output({"out": params.default}, note="nothing came in time")
    name = wait.payload["event"]
    raise NodeFailure(f"the event {name} has not come in time", code="timeout", retryable=False)


def _payload(answer: Answer) -> Json:
    return answer.values["payload"]


def _ports(params: Mapping[str, Json]) -> Ports:
    late = (Port(name="timeout", required=False, title="Timeout"),)
    out = (Port(name="out"),)
    return Ports((Port(name="in"),), out + late if params.get("on_timeout") == "timeout" else out)


def _summary(params: Mapping[str, Json]) -> str:
    name = shown(params.get("event"))
    match = shown(params.get("match"))
    try:
        seconds = seconds_of(params.get("timeout_s"))
    except ValueError:
        seconds = None
    text = f"{name}, if {match}" if match else name
    return f"{text} ({in_words(seconds)})" if isinstance(seconds, (int, float)) else text


LISTEN = NodeType(
    id="listen",
    title="Listen",
    category="time",
    description="Waits for an event from outside or from another run. Outlives a restart.",
    params=ListenParams,
    run=run,
    resume=resume,
    accepts=accepts,
    raw=frozenset({"match"}),
    own_names={"match": "event"},
    ports=_ports,
    icon="node-listen",
    keywords=("event", "wait", "signal", "message", "receive", "webhook", "correlate"),
    summary=_summary,
)
