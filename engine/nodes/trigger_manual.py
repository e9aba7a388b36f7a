"""Start by hand: the input that a person, a script or the command line gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from engine.model.node_types import NodeType, Port, Ports
from engine.nodes.fields import Params, hints

Json = Any


class ManualTriggerParams(Params):
    """Parameters of the manual trigger."""

    example: Json = Field(
        None,
        title="Example input",
        description="Filled in when you run the workflow by hand; a run may be given another.",
        json_schema_extra=hints("code", language="json", placeholder='{"path": "invoices.csv"}'),
    )
    form: dict[str, Any] | None = Field(
        None,
        title="Form",
        description="JSON Schema of the input. With it a run asks for its input in a form.",
        json_schema_extra=hints("code", language="json", advanced=True),
    )


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    return Ports((), (Port(name="out", description="The input of the run."),))


def _summary(params: Mapping[str, Json]) -> str:
    form = params.get("form")
    fields = form.get("properties") if isinstance(form, Mapping) else None
    if not fields:
        fields = params.get("example")
    return ", ".join(map(str, fields)) if isinstance(fields, Mapping) else ""


MANUAL_TRIGGER = NodeType(
    id="trigger.manual",
    title="Start",
    category="trigger",
    description="Where a run begins: hands on the input that it was started with.",
    params=ManualTriggerParams,
    run=None,
    icon="node-manual",
    ports=_ports,
    role="trigger",
    keywords=("begin", "manual", "input", "run", "form"),
    summary=_summary,
)
