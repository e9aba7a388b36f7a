"""Read file: a text, JSON or CSV file as a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.node_types import Context, NodeType, Output, Port, Ports
from engine.nodes import files
from engine.nodes.fields import Params, folder_of, hints, path_of, plain_text, shown

Json = Any
_CSV = {"format": ("csv", "auto")}


class FileReadParams(Params):
    """Parameters of Read file."""

    path: str = Field(
        title="File",
        description="Relative to the folder of the workflow; ~ is your home. A Jinja template.",
        min_length=1,
        json_schema_extra=hints("path", placeholder="invoices.csv"),
    )
    format: Literal["auto", "text", "json", "jsonl", "csv", "lines"] = Field(
        "auto",
        title="Format",
        description="auto goes by the name of the file: .json, .jsonl, .csv, .tsv, else text.",
        json_schema_extra=hints("select"),
    )
    header: bool = Field(
        default=True,
        title="First line names the columns",
        description="Each row is then an object, otherwise a list.",
        json_schema_extra=hints(shown_when=_CSV),
    )
    typed: bool = Field(
        default=True,
        title="Recognise numbers",
        description="Numbers, true and false, and empty cells become such values; 007 stays text.",
        json_schema_extra=hints(shown_when=_CSV),
    )
    delimiter: str = Field(
        "",
        title="Delimiter",
        description="Empty: seen from the first line.",
        max_length=1,
        json_schema_extra=hints(placeholder=",", advanced=True, shown_when=_CSV),
    )
    encoding: str = Field(
        "utf-8",
        title="Encoding",
        json_schema_extra=hints(placeholder="utf-8, latin-1, cp1252 …", advanced=True),
    )
    max_mb: float = Field(
        50.0,
        title="Largest size",
        description="A larger file is a failure.",
        gt=0,
        le=256,
        json_schema_extra=hints(unit="MB", advanced=True),
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_encoding(value)


def known_encoding(name: str) -> str:
    """Return the name of an encoding.

    Raises:
        ValueError: Python does not know it.
    """
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"there is no encoding {name!r}; utf-8 is the usual one") from error
    return name


async def run(params: FileReadParams, ctx: Context) -> Output:
    """Read in a thread, for a disk may be slow."""
    value = await ctx.run_thread(_read, params, path_of(params.path, folder_of(ctx)))
    return Output({"out": value})


def _read(params: FileReadParams, path: Path) -> Json:
    text = files.read_text(path, params.encoding, int(params.max_mb * 1e6))
    match files.format_of(path) if params.format == "auto" else params.format:
        case "text":
            return text
        case "lines":
            return text.splitlines()
        case "json":
            return files.parse_json(path, text)
        case "jsonl":
            return files.parse_json_lines(path, text)
        case "csv":
            return files.parse_csv(
                path, text, delimiter=params.delimiter, header=params.header, typed=params.typed
            )


def _ports(params: Mapping[str, Json]) -> Ports:
    kind = plain_text(params, "format", "auto")
    if kind == "auto" and plain_text(params, "path"):
        kind = files.format_of(Path(plain_text(params, "path")))
    match kind:
        case "text":
            return Ports((Port(name="in"),), (Port(name="out", type="text"),))
        case "csv" | "lines" | "jsonl":
            return Ports((Port(name="in"),), (Port(name="out", type="list"),))
        case _:
            return Ports((Port(name="in"),), (Port(name="out"),))


FILE_READ = NodeType(
    id="file.read",
    title="Read file",
    category="files",
    description="Reads a text, JSON or CSV file as a value.",
    params=FileReadParams,
    run=run,
    icon="node-file-read",
    ports=_ports,
    capabilities=lambda params: ("files",),
    templates=frozenset({"path"}),
    keywords=("open", "load", "csv", "json", "text", "lines", "import", "table"),
    summary=lambda params: shown(params.get("path")),
)
