"""What the automatic triggers share: settings, and what the engine needs of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from engine.model.node_types import Port, Ports
from engine.nodes.fields import hints

Json = Any
#: What becomes of firings that came while nobody served them.
Missed = Literal["skip", "once", "all"]
#: What becomes of a firing while a run of the one before it goes on.
Overlap = Literal["skip", "queue", "parallel"]
#: Firings made up for at most, whatever the node says.
MOST_MISSED = 1000


def missed_field(default: Missed) -> Any:
    """Return the field for what was missed."""
    return Field(
        default,
        title="If missed",
        description="While nobody served it: start nothing, one run for the last, or one for each.",
        json_schema_extra=hints("select"),
    )


def most_missed_field() -> Any:
    """Return the field for how much is made up for at most."""
    return Field(
        100,
        title="Make up for at most",
        description="Runs; older firings are passed over, and counted.",
        ge=1,
        le=MOST_MISSED,
        json_schema_extra=hints(advanced=True, shown_when={"missed": ["all"]}),
    )


def overlap_field(default: Overlap) -> Any:
    """Return the field for what happens while the last run goes on."""
    return Field(
        default,
        title="If the last run goes on",
        description="Start nothing, start when it has ended, or start beside it.",
        json_schema_extra=hints("select"),
    )


def out_port(description: str) -> Any:
    """Return the function that gives a trigger its one output."""
    ports = Ports((), (Port(name="out", description=description),))

    def ports_of(params: Mapping[str, Json]) -> Ports:
        del params
        return ports

    return ports_of
