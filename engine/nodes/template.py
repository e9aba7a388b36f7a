"""Template: make text from values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from engine.model.node_types import Context, NodeFailure, NodeType, Output, Port, Ports
from engine.nodes.fields import Params, hints, shown

Json = Any


class TemplateParams(Params):
    """Parameters of Template."""

    text: str = Field(
        "",
        title="Text",
        description="A Jinja template; it sees input, nodes, state, vars, env, run, loop and now.",
        json_schema_extra=hints(
            "multiline", language="jinja", placeholder="Dear {{ input.name }}, …"
        ),
    )
    output: Literal["text", "json"] = Field(
        "text",
        title="Result",
        description="The text itself, or the value that it is the JSON of.",
        json_schema_extra=hints("select", advanced=True),
    )


def run(params: TemplateParams, ctx: Context) -> Output:
    """Return the text, which the engine has rendered."""
    del ctx
    if params.output == "text":
        return Output({"out": params.text})
    try:
        return Output({"out": json.loads(params.text)})
    except ValueError as error:
        raise NodeFailure(
            f"the text is not JSON ({error}); quote values with the filter tojson",
            code="bad_json",
            retryable=False,
            details={"text": params.text[:2000]},
        ) from error


def _ports(params: Mapping[str, Json]) -> Ports:
    out = Port(name="out") if params.get("output") == "json" else Port(name="out", type="text")
    return Ports((Port(name="in"),), (out,))


TEMPLATE = NodeType(
    id="template",
    title="Template",
    category="data",
    description="Makes a text from a Jinja template: a mail, a report, a prompt, a request.",
    params=TemplateParams,
    run=run,
    icon="node-template",
    ports=_ports,
    templates=frozenset({"text"}),
    keywords=("jinja", "text", "render", "format", "mail", "prompt", "string"),
    summary=lambda params: shown(params.get("text")),
)
