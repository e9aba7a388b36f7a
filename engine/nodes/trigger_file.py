"""File watch: start a run for each file that appears in a folder or changes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.node_types import NodeType
from engine.nodes.fields import Duration, Params, hints, shown
from engine.nodes.trigger_fields import (
    Missed,
    Overlap,
    missed_field,
    most_missed_field,
    out_port,
    overlap_field,
)

Json = Any


class FileTriggerParams(Params):
    """Parameters of File watch."""

    folder: str = Field(
        ".",
        title="Folder",
        description="Relative to the workflow's file. It may be made later.",
        min_length=1,
        json_schema_extra=hints("path", placeholder="inbox"),
    )
    pattern: str = Field(
        "*",
        title="Files",
        description="Glob below the folder: *.csv, or **/*.csv with the folders in it.",
        min_length=1,
        json_schema_extra=hints(placeholder="*.csv"),
    )
    on: Literal["created", "changed", "both"] = Field(
        "both",
        title="Starts when a file",
        description="Is new, or is another one than before.",
        json_schema_extra=hints("select"),
    )
    settle_s: Duration = Field(
        1.0,
        title="Quiet for",
        description="A file counts when it has not changed for so long, so that it is whole.",
        ge=0,
        le=3600,
        json_schema_extra=hints("duration", unit="s"),
    )
    scan_s: Duration = Field(
        1.0,
        title="Look every",
        description="How often the folder is looked at.",
        ge=0.05,
        le=86_400,
        json_schema_extra=hints("duration", unit="s", advanced=True),
    )
    existing: bool = Field(
        default=False,
        title="Also those that are there",
        description="Start a run for each file that is there when it is armed first.",
    )
    missed: Missed = missed_field("all")
    most_missed: int = most_missed_field()
    overlap: Overlap = overlap_field("queue")

    @field_validator("pattern")
    @classmethod
    def _stays_below(cls, value: str) -> str:
        parts = value.replace("\\", "/").split("/")
        if value.startswith(("/", "\\", "~")) or ":" in parts[0] or ".." in parts:
            raise ValueError("the files are those below the folder; write a pattern without ..")
        return value


def _summary(params: Mapping[str, Json]) -> str:
    folder = shown(params.get("folder", "."))
    pattern = shown(params.get("pattern", "*"))
    return pattern if folder in (".", "") else f"{folder.rstrip('/')}/{pattern}"


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    del params
    return ("files",)


FILE_TRIGGER = NodeType(
    id="trigger.file",
    title="File watch",
    category="trigger",
    description="Starts a run for each file that appears in a folder or changes there.",
    params=FileTriggerParams,
    run=None,
    icon="node-file-watch",
    ports=out_port("The file: path, name, folder, change, size and modified_at."),
    role="trigger",
    capabilities=_capabilities,
    keywords=("folder", "watch", "inbox", "directory", "new", "changed", "glob", "drop"),
    summary=_summary,
)
