"""Barrier: the run waits here until a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import msgspec
from pydantic import Field, model_validator

from engine.model.node_types import (
    Answer,
    Context,
    NodeFailure,
    NodeType,
    Option,
    Output,
    Port,
    Ports,
    Request,
    Wait,
)
from engine.nodes.fields import Duration, Params, hints, in_words, seconds_of, shown, value_or_input

Json = Any
_CHOICES = frozenset({"approve", "reject", "modify", "reroute", "expire", "fail"})
_PORTS = frozenset({"in", "approved", "rejected", "expired", "rerouted", "decision", "error"})
_AT_ZERO = {"reject": "reject", "approve": "approve", "expire": "expire", "fail": "fail"}


class BarrierOption(Params):
    """One more answer besides approve and reject."""

    key: str = Field(
        title="Key",
        description="Names the answer and the port that it leaves through.",
        pattern=r"^[A-Za-z0-9_-]{1,50}$",
        json_schema_extra=hints(placeholder="ask_back"),
    )
    title: str = Field(
        "", title="Text of the button", json_schema_extra=hints(placeholder="Ask back")
    )
    needs_comment: bool = Field(default=False, title="Needs a comment")
    danger: bool = Field(
        default=False, title="Dangerous", description="The button is drawn in red."
    )


class BarrierParams(Params):
    """Parameters of a barrier."""

    title: str = Field(
        "Please decide",
        title="Question",
        description="One line; a Jinja template.",
        json_schema_extra=hints(placeholder="Pay {{ input|length }} invoices?"),
    )
    body: str = Field(
        "",
        title="Explanation",
        description="What the person should know; Markdown and a Jinja template.",
        json_schema_extra=hints("multiline", language="jinja"),
    )
    payload: Json = Field(
        None,
        title="What is decided about",
        description="Shown to the person, who may edit it. Empty: the input of this node.",
        json_schema_extra=hints("expression", placeholder="input"),
    )
    view: Literal["auto", "table", "form", "text", "json"] = Field(
        "auto",
        title="Shown as",
        json_schema_extra=hints("select"),
    )
    editable: tuple[str, ...] | None = Field(
        None,
        title="Editable fields",
        description="Columns or fields that may be changed. Not set: all. An empty list: none.",
    )
    form: dict[str, Any] | None = Field(
        None,
        title="Form",
        description="JSON Schema that an edited payload must satisfy.",
        json_schema_extra=hints("code", language="json", advanced=True),
    )
    options: tuple[BarrierOption, ...] = Field(
        (),
        title="More answers",
        description="Each is a button and a port of its own.",
        json_schema_extra=hints("table"),
    )
    assignees: tuple[str, ...] = Field(
        (), title="Who may decide", description="Names; empty: everybody."
    )
    quorum: int = Field(
        1,
        title="How many must agree",
        ge=1,
        le=100,
        json_schema_extra=hints(unit="people", advanced=True),
    )
    timeout_s: Duration | None = Field(
        None,
        title="Deadline",
        description="How long the question stays open; empty: for ever.",
        gt=0,
        json_schema_extra=hints("duration", unit="s", placeholder="8 h"),
    )
    default: Literal["reject", "approve", "expire", "fail"] = Field(
        "reject",
        title="At the deadline",
        description="What happens if nobody has decided; 'expire' leaves through a port 'expired'.",
        json_schema_extra=hints("select"),
    )
    guards: tuple[str, ...] = Field(
        (),
        title="Ask again if these change",
        description="Channels; if one changes while the question is open, it is asked anew.",
        json_schema_extra=hints(advanced=True),
    )
    reroute_to: tuple[str, ...] = Field(
        (),
        title="May be sent to",
        description="Keys of nodes that the person may send the payload to instead.",
        json_schema_extra=hints(advanced=True),
    )
    record: bool = Field(
        default=False,
        title="Hand on the decision",
        description="Adds a port 'decision' with the choice, the comment, who, and when.",
        json_schema_extra=hints(advanced=True),
    )

    @model_validator(mode="after")
    def _answers_differ(self) -> Self:
        seen: set[str] = set()
        for option in self.options:
            if option.key in _CHOICES | _PORTS:
                raise ValueError(f"{option.key!r} is an answer or a port of every barrier")
            if option.key in seen:
                raise ValueError(f"two answers have the key {option.key!r}; rename one")
            seen.add(option.key)
        if self.assignees and self.quorum > len(self.assignees):
            raise ValueError(f"{self.quorum} must agree, but only {len(self.assignees)} may decide")
        return self


def run(params: BarrierParams, ctx: Context) -> Wait:
    """Ask. The engine freezes the request and parks the task."""
    options = tuple(
        Option(
            key=option.key,
            title=option.title or option.key,
            port=option.key,
            needs_comment=option.needs_comment,
            danger=option.danger,
        )
        for option in params.options
    )
    request = Request(
        title=" ".join(params.title.split()) or "Please decide",
        body=params.body,
        payload=value_or_input(params, "payload", ctx),
        form=params.form,
        editable=params.editable,
        options=options,
        assignees=params.assignees,
        quorum=params.quorum,
        timeout_s=params.timeout_s,
        default=params.default if params.timeout_s is not None else None,
        guards=params.guards,
        reroute_to=params.reroute_to,
        view=params.view,
    )
    return Wait(kind="approval", request=request, text=request.title)


def resume(params: BarrierParams, ctx: Context, wait: Wait, answer: Answer) -> Output:
    """Turn the decision into the port it leaves through.

    What is approved, edited or sent elsewhere goes on as it is; every other answer goes on
    as an object with the answer, its comment and the payload, for whoever has to react.
    """
    del ctx
    choice = params.default if answer.kind == "due" else answer.choice
    output = _way_out(choice, wait, answer)
    if not params.record or output.route is not None:  # sent to one node, it goes nowhere else
        return output
    record = {"choice": choice, "comment": answer.comment, "by": answer.by, "at": answer.at}
    return msgspec.structs.replace(output, ports={**output.ports, "decision": record})


def _way_out(choice: str, wait: Wait, answer: Answer) -> Output:
    payload = wait.request.payload if wait.request is not None else None
    values = payload if answer.kind == "due" else answer.values
    note = f"{choice} by {answer.by}" if answer.by else choice
    match choice:
        case "approve" | "modify":
            return Output({"approved": values}, note=note)
        case "reroute":
            port = answer.port or "rerouted"
            return Output({port: values}, route=(answer.to,), note=f"{note} to {answer.to}")
        case "fail":
            raise NodeFailure(
                "nobody has decided before the deadline", code="deadline", retryable=False
            )
        case "reject":
            port = "rejected"
        case "expire":
            port = "expired"
        case _:
            port = answer.port or choice
    reply = {"choice": choice, "comment": answer.comment, "by": answer.by, "payload": values}
    return Output({port: reply}, note=note)


def _keys(params: Mapping[str, Json]) -> list[str]:
    options = params.get("options")
    if not isinstance(options, (list, tuple)):
        return []
    keys = [option.get("key") for option in options if isinstance(option, Mapping)]
    named = [key for key in keys if isinstance(key, str) and key and key not in _PORTS]
    return list(dict.fromkeys(named))


def _ports(params: Mapping[str, Json]) -> Ports:
    outputs = [
        Port(name="approved", title="Approved"),
        Port(name="rejected", title="Rejected", required=False),
    ]
    if params.get("default") == "expire":
        outputs.append(Port(name="expired", title="Expired", required=False))
    if params.get("reroute_to"):
        outputs.append(Port(name="rerouted", title="Sent elsewhere", required=False))
    outputs += [Port(name=key, required=False) for key in _keys(params)]
    if params.get("record") is True:
        outputs.append(Port(name="decision", type="object", required=False, title="Decision"))
    return Ports((Port(name="in"),), tuple(outputs))


def _summary(params: Mapping[str, Json]) -> str:
    words = shown(params.get("title"))
    timeout = params.get("timeout_s")
    if timeout is None:
        return words
    try:
        seconds = seconds_of(timeout)
        limit = in_words(seconds) if isinstance(seconds, (int, float)) else shown(timeout)
    except ValueError:
        limit = shown(timeout)
    default = params.get("default", "reject")
    then = f"{limit}, then {_AT_ZERO.get(str(default), shown(default))}"
    return f"{words} ({then})" if words else then


BARRIER = NodeType(
    id="barrier",
    title="Barrier",
    category="people",
    description="Asks a person and waits: approve, reject, change what is shown, or send it back.",
    params=BarrierParams,
    run=run,
    resume=resume,
    icon="node-barrier",
    ports=_ports,
    templates=frozenset({"title", "body"}),
    role="barrier",
    keywords=("approval", "approve", "human", "decision", "gate", "review", "ask", "form", "hold"),
    summary=_summary,
)
