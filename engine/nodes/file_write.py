"""Write file: a value as a text, JSON or CSV file, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from engine.model.node_types import Context, NodeFailure, NodeType, Output, Port, Ports
from engine.model.workflow import Effects
from engine.nodes import files
from engine.nodes.fields import Params, folder_of, hints, path_of, plain_text, shown, value_or_input
from engine.nodes.file_read import known_encoding

Json = Any
_CSV = {"format": ("csv", "auto")}
_HEADER_BYTES = 1_000_000


class FileWriteParams(Params):
    """Parameters of Write file."""

    path: str = Field(
        title="File",
        description="Relative to the folder of the workflow; ~ is your home. A Jinja template.",
        min_length=1,
        json_schema_extra=hints("path", placeholder="out/{{ input.id }}.json"),
    )
    content: Json = Field(
        None,
        title="Content",
        description="Empty: the input of this node.",
        json_schema_extra=hints("expression", placeholder="input"),
    )
    format: Literal["auto", "text", "json", "jsonl", "csv", "lines"] = Field(
        "auto",
        title="Format",
        description="auto goes by the name of the file: .json, .jsonl, .csv, .tsv, else text.",
        json_schema_extra=hints("select"),
    )
    mode: Literal["replace", "append", "new"] = Field(
        "replace",
        title="If the file exists",
        description="Replace it as a whole, add to its end, or fail.",
        json_schema_extra=hints("select"),
    )
    columns: tuple[str, ...] | None = Field(
        None,
        title="Columns",
        description="Not set: all, in the order in which they first appear.",
        json_schema_extra=hints(advanced=True, shown_when=_CSV),
    )
    delimiter: str = Field(
        "",
        title="Delimiter",
        description="Empty: a comma, or a tab for .tsv.",
        max_length=1,
        json_schema_extra=hints(placeholder=",", advanced=True, shown_when=_CSV),
    )
    encoding: str = Field(
        "utf-8",
        title="Encoding",
        json_schema_extra=hints(placeholder="utf-8", advanced=True),
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_encoding(value)


async def run(params: FileWriteParams, ctx: Context) -> Output:
    """Write in a thread, for a disk may be slow."""
    path = path_of(params.path, folder_of(ctx))
    content = value_or_input(params, "content", ctx)
    return Output({"out": await ctx.run_thread(_write, params, path, content)})


def _write(params: FileWriteParams, path: Path, content: Json) -> dict[str, Json]:
    try:
        text, rows = _text(params, path, content)
        data = text.encode(params.encoding)
    except UnicodeError as error:
        raise NodeFailure(
            f"the text of {path} does not fit the encoding {params.encoding}; choose utf-8",
            code="bad_content",
            retryable=False,
            nothing_happened=True,
        ) from error
    except OSError as error:
        raise files.failure(path, error) from error
    try:
        if params.mode == "append":
            files.append(path, data)
        else:
            files.replace(path, data, new=params.mode == "new")
    except OSError as error:
        raise files.failure(path, error) from error
    return {"path": str(path), "bytes": len(data), "rows": rows}


def _text(params: FileWriteParams, path: Path, content: Json) -> tuple[str, int | None]:
    match files.format_of(path) if params.format == "auto" else params.format:
        case "text":
            return files.as_text(content), None
        case "json":
            return files.as_json(content), None
        case "jsonl":
            return files.as_json_lines(content)
        case "lines":
            return files.as_lines(content)
        case "csv":
            return _csv(params, path, content)


def _csv(params: FileWriteParams, path: Path, content: Json) -> tuple[str, int]:
    """Rows of CSV; those that are added to a file fit the columns that it has."""
    delimiter = params.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    columns = params.columns
    header = True
    if params.mode == "append" and path.exists() and path.stat().st_size:
        header = False
        with path.open(encoding=params.encoding, newline="") as file:
            there = files.csv_columns(path, file.readline(_HEADER_BYTES), delimiter)
        rows = content if isinstance(content, (list, tuple)) else [content]
        named = {name for row in rows if isinstance(row, Mapping) for name in row}
        unknown = sorted(map(str, named - set(there))) if columns is None else []
        if unknown:
            raise NodeFailure(
                f"{path} has no column {', '.join(unknown)}; name the columns to write",
                code="bad_content",
                retryable=False,
                nothing_happened=True,
            )
        columns = tuple(there) if named else columns
    return files.as_csv(content, delimiter=delimiter, columns=columns, header=header)


def _effects(params: Mapping[str, Json]) -> Effects:
    """Replacing a file twice is the same as once; adding to it, or making it, is not."""
    return "idempotent" if params.get("mode", "replace") == "replace" else "once"


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    written = Port(name="out", type="object", description="path, bytes and rows.")
    return Ports((Port(name="in"),), (written,))


def _summary(params: Mapping[str, Json]) -> str:
    mode = plain_text(params, "mode")
    words = shown(params.get("path"))
    return f"{words} ({mode})" if words and mode in {"append", "new"} else words


FILE_WRITE = NodeType(
    id="file.write",
    title="Write file",
    category="files",
    description="Writes a value as a text, JSON or CSV file; whole, or not at all.",
    params=FileWriteParams,
    run=run,
    icon="node-file-write",
    ports=_ports,
    effects=_effects,
    capabilities=lambda params: ("files",),
    templates=frozenset({"path"}),
    keywords=("save", "store", "csv", "json", "text", "append", "export", "report", "log"),
    summary=_summary,
)
