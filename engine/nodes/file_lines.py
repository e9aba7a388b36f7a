"""Read lines: the lines of a file one by one, for a For each; however long the file is."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.node_types import (
    Context,
    Element,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Start,
    Stream,
)
from engine.nodes import files
from engine.nodes.fields import Params, folder_of, hints, path_of, shown
from engine.nodes.file_read import known_encoding

Json = Any
#: Bytes that are read at once.
_CHUNK = 256 * 1024
#: Bytes of the longest line.
_LONGEST = 16 * 1024 * 1024


class FileLinesParams(Params):
    """Parameters of Read lines."""

    path: str = Field(
        title="File",
        description="Relative to the folder of the workflow; ~ is your home. A Jinja template.",
        min_length=1,
        json_schema_extra=hints("path", placeholder="orders.jsonl"),
    )
    format: Literal["auto", "text", "json"] = Field(
        "auto",
        title="A line is",
        description="A text, or a JSON value (auto: in files named .jsonl and .ndjson).",
        json_schema_extra=hints("select"),
    )
    empty: bool = Field(
        default=False,
        title="Empty lines too",
        description="Otherwise they are passed over.",
        json_schema_extra=hints(advanced=True),
    )
    encoding: str = Field(
        "utf-8",
        title="Encoding",
        json_schema_extra=hints(placeholder="utf-8, latin-1, cp1252 …", advanced=True),
    )

    @field_validator("encoding")
    @classmethod
    def _has_lines_of_bytes(cls, value: str) -> str:
        if "\n".encode(known_encoding(value)) != b"\n":
            raise ValueError(f"lines of {value} cannot be told apart byte by byte; use utf-8")
        return value


def run(params: FileLinesParams, ctx: Context) -> Output:
    """Say what is to be read; For each opens it."""
    path = path_of(params.path, folder_of(ctx))
    ends = path.suffix.lower() in (".jsonl", ".ndjson")
    kind = ("json" if ends else "text") if params.format == "auto" else params.format
    given = {"path": str(path), "format": kind, "empty": params.empty, "encoding": params.encoding}
    return Output({"out": given})


async def _open(given: Json, ctx: Context, start: Start) -> AsyncGenerator[Element, None]:
    """Yield the lines from a place on; the position is the number of bytes before the next."""
    path = Path(given["path"])
    offset = int(start.position or 0)
    rest = b""
    while True:
        chunk = await ctx.run_thread(_read, path, offset + len(rest), offset)
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if not chunk and rest:
            lines, rest = [rest], b""
        if len(rest) > _LONGEST:
            raise files.unreadable(path, f"a line has more than {_LONGEST >> 20} MB")
        for line in lines:
            offset += len(line) + 1
            if line.strip() or given["empty"]:
                yield Element(_value(path, line, given), offset)
        if not chunk:
            return


def _read(path: Path, place: int, known: int) -> bytes:
    try:
        with path.open("rb") as file:
            if known and file.seek(0, 2) + 1 < known:
                raise NodeFailure(
                    f"{path} is shorter than it was when a part of it was read",
                    code="stream_changed",
                    retryable=False,
                )
            file.seek(place)
            return file.read(_CHUNK)
    except OSError as error:
        raise files.failure(path, error) from error


def _value(path: Path, line: bytes, given: Mapping[str, Json]) -> Json:
    try:
        text = line.decode(given["encoding"]).removesuffix("\r")
        return text if given["format"] == "text" else json.loads(text) if text.strip() else None
    except ValueError as error:
        raise files.unreadable(path, f"the line {line[:60]!r} cannot be read: {error}") from error


FILE_LINES = NodeType(
    id="file.lines",
    title="Read lines",
    category="files",
    description="Gives the lines of a file to a For each, one by one, however long it is.",
    params=FileLinesParams,
    run=run,
    icon="node-file-read",
    ports=lambda params: Ports(
        (Port(name="in"),),
        (Port(name="out", type="stream", description="The lines, for a For each."),),
    ),
    capabilities=lambda params: ("files",),
    templates=frozenset({"path"}),
    stream=Stream(open=_open, again="seek"),
    keywords=("stream", "lines", "jsonl", "large", "file", "for each", "log"),
    summary=lambda params: shown(params.get("path")),
)
