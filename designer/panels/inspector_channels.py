"""The workflow's channels in the inspector: a card for each, with its schema and its rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from designer.panels.inspector_attributes import Attribute, spec
from designer.panels.inspector_spec import UNSET, FieldKind
from engine.model.keys import is_key
from engine.model.reducers import CUSTOM, REDUCERS
from engine.model.shape import MIGRATION, Problem
from engine.model.workflow import Channel, Migration, Workflow

Json = Any

_TYPES = ("any", "string", "number", "integer", "boolean", "array", "object", "messages", "errors")
_LIFECYCLES = {
    "run": "During the run",
    "superstep": "One superstep",
    "durable": "From run to run",
}
_REDUCERS = {
    **{name: f"{name}: {reducer.description}" for name, reducer in REDUCERS.items()},
    CUSTOM: "custom: A rule of your own.",
}


def channels_attribute() -> Attribute:
    """The channels of the workflow, a card for each."""
    return Attribute(
        spec=spec(
            "channels", "Channels", FieldKind.CARDS,
            "Values that nodes share; a reducer merges what is written.",
            default=(),
            singular="channel",
            unordered=True,
            fields=(
                spec("name", "Name", FieldKind.TEXT, required=True, placeholder="total"),
                spec("type", "Type", FieldKind.CHOICE, choices=_TYPES, default="any"),
                spec("reducer", "Reducer", FieldKind.CHOICE, choices=(*REDUCERS, CUSTOM),
                     default="replace", words=_REDUCERS),
                spec("reduce", "Rule", FieldKind.SOURCE, placeholder="old + new",
                     description="An expression over old and new.",
                     shown_when={"reducer": (CUSTOM,)}),
                spec("default", "At the start", FieldKind.ANY, placeholder="null"),
                spec("schema", "JSON Schema of its values", FieldKind.JSON,
                     placeholder='{"type": "array", "items": {"type": "number"}}'),
                spec("version", "Version of the schema", FieldKind.NUMBER, whole=True, lowest=1,
                     default=1),
                spec("migrations", "From older versions", FieldKind.JSON,
                     placeholder='[{"from": 1, "expr": "[value]"}]'),
                spec("lifecycle", "Lives", FieldKind.CHOICE, choices=tuple(_LIFECYCLES),
                     default="run", words=_LIFECYCLES),
                spec("description", "Description", FieldKind.TEXT),
            ),
        ),
        path="channels",
        read=_read_channels,
        write=_write_channels,
    )  # fmt: skip


_CHANNEL = Channel(name="")
_CHANNEL_FIELDS = (
    "type", "reducer", "reduce", "default", "schema", "version", "lifecycle", "description",
)  # fmt: skip


def _read_channels(workflow: Workflow) -> Json:
    if not workflow.channels:
        return UNSET
    return [_card(name, channel) for name, channel in workflow.channels.items()]


def _card(name: str, channel: Channel) -> dict[str, Json]:
    card: dict[str, Json] = {"name": name} | {
        field: getattr(channel, field)
        for field in _CHANNEL_FIELDS
        if getattr(channel, field) != getattr(_CHANNEL, field)
    }
    if channel.migrations:
        card["migrations"] = MIGRATION.write_list(channel.migrations)
    return card


def _write_channels(workflow: Workflow, value: Json) -> Workflow:
    made: dict[str, Channel] = {}
    for each in value if isinstance(value, list) else []:
        name = each.get("name", "")
        if not is_key(name):
            raise ValueError("Give the channel a name of letters, digits, _ and -.")
        if name in made:
            raise ValueError(f"Two channels are named {name}; rename one.")
        old = workflow.channels.get(name, _CHANNEL)
        fields = {field: each.get(field, getattr(_CHANNEL, field)) for field in _CHANNEL_FIELDS}
        steps = _migrations(each.get("migrations"))
        made[name] = replace(old, name=name, migrations=steps, **fields)
    return replace(workflow, channels=made)


def _migrations(value: Json) -> tuple[Migration, ...]:
    problems: list[Problem] = []
    read = [MIGRATION.read(step, "step", problems) for step in value or ()]
    if problems or not isinstance(value or [], list):
        raise ValueError('Write a list of steps such as {"from": 1, "expr": "[value]"}.')
    return tuple(read)
