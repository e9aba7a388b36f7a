"""Reading and writing files of the formats that the file nodes know. Runs in threads."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from engine.model.node_types import NodeFailure

Json = Any
Format = Literal["text", "json", "jsonl", "csv", "lines"]
FORMATS: tuple[Format, ...] = ("text", "json", "jsonl", "csv", "lines")
_SUFFIXES: Mapping[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
}


def format_of(path: Path) -> Format:
    """Return the format that a file's name promises; text when it promises none."""
    return _SUFFIXES.get(path.suffix.lower(), "text")


def failure(path: Path, error: OSError) -> NodeFailure:
    """Return what the system says about a file, in words and with what to do."""
    reasons: dict[type[OSError], tuple[str, str]] = {
        FileNotFoundError: ("not_found", f"there is no file {path}; check the path"),
        PermissionError: ("permission", f"{path} may not be opened; check its permissions"),
        IsADirectoryError: ("not_a_file", f"{path} is a folder; name a file in it"),
        NotADirectoryError: ("not_a_file", f"a part of {path} is a file, not a folder"),
        FileExistsError: ("exists", f"{path} exists already; choose another name or mode"),
    }
    code, text = reasons.get(type(error), ("file", f"{path} cannot be used ({error.strerror})"))
    return NodeFailure(text, code=code, retryable=code == "file", nothing_happened=True)


def unreadable(path: Path, what: str) -> NodeFailure:
    """Return a failure that says what is wrong with a file's content."""
    return NodeFailure(f"{path} {what}", code="bad_content", retryable=False)


# --- reading --------------------------------------------------------------------------------


def read_text(path: Path, encoding: str, most_bytes: int) -> str:
    """Return the text of a file.

    Raises:
        NodeFailure: it is missing, too large, or not of this encoding.
    """
    try:
        with path.open("rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _check_size(path, os.fstat(file.fileno()).st_size, most_bytes)
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise failure(path, error) from error
    _check_size(path, len(data), most_bytes)
    try:
        return data.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding)
    except UnicodeDecodeError as error:
        what = f"is not {encoding} text (byte {error.start + 1}); choose another encoding"
        raise unreadable(path, what) from error


def _check_size(path: Path, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise NodeFailure(
            f"{path} is larger than {most_bytes / 1e6:g} MB; raise the limit of this node",
            code="too_large",
            retryable=False,
        )


def parse_json(path: Path, text: str) -> Json:
    """Return the value of a JSON file."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"is not JSON ({error})") from error


def parse_json_lines(path: Path, text: str) -> list[Json]:
    """Return the values of a file with one JSON value a line; empty lines are left out."""
    values: list[Json] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                values.append(json.loads(line, parse_constant=_refuse_constant))
            except (ValueError, RecursionError) as error:
                raise unreadable(path, f"is not JSON in line {number} ({error})") from error
    return values


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")


def parse_csv(
    path: Path, text: str, *, delimiter: str, header: bool, typed: bool
) -> list[dict[str, Json]] | list[list[Json]]:
    """Return the rows of a CSV file, as objects when its first line names the columns.

    Args:
        path: for messages.
        text: the whole file.
        delimiter: one character, or empty to see from the first line.
        header: the first line holds the names.
        typed: numbers, true and false, and empty cells become such values.
    """
    delimiter = delimiter or _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows += [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise unreadable(path, f"is not CSV in line {reader.line_num} ({error})") from error
    convert = typed_cell if typed else _same
    if not header:
        return [[convert(cell) for cell in row] for _, row in rows]
    if not rows:
        return []
    names = _unique(rows[0][1])
    width = len(names)
    table: list[dict[str, Json]] = []
    for line, row in rows[1:]:
        if len(row) > width:
            what = f"has {len(row)} cells in line {line}, but {width} columns; check the delimiter"
            raise unreadable(path, what)
        cells = [convert(cell) for cell in row] + [None] * (width - len(row))
        table.append(dict(zip(names, cells, strict=True)))
    return table


def _delimiter(text: str) -> str:
    first = text[:10_000].split("\n", 1)[0]
    return max(",;\t|", key=first.count)


def _unique(names: Iterable[str]) -> list[str]:
    """Column names without spaces around them; a repeated one gets a number, an empty one too."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        base = name.strip() or f"column_{number}"
        unique, count = base, 2
        while unique in found:
            unique, count = f"{base}_{count}", count + 1
        found[unique] = None
    return list(found)


def _same(cell: str) -> Json:
    return cell


def typed_cell(cell: str) -> Json:
    """Return the value that a cell stands for.

    Only what would be written the same way again becomes a number, so that article number
    ``007`` and phone number ``+49`` stay text.
    """
    text = cell.strip()
    if not text:
        return None
    lower = text.lower()
    if lower in {"true", "false"}:
        return lower == "true"
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        plain = digits == "0" or not digits.startswith("0")
        return int(text) if plain and len(digits) <= 18 else cell
    whole, dot, fraction = digits.partition(".")
    if dot and whole.isdigit() and fraction.isdigit() and digits.isascii():
        return float(text) if whole == "0" or not whole.startswith("0") else cell
    return cell


# --- writing --------------------------------------------------------------------------------


def as_text(content: Json) -> str:
    """Return a value as the text of a file; numbers and the like as JSON writes them."""
    if isinstance(content, str):
        return content
    if isinstance(content, (Mapping, list, tuple)):
        raise _unwritable("an object or a list is no text; choose the format json or csv")
    return _dump(content)


def as_json(content: Json) -> str:
    """Return a value as readable JSON with a line end."""
    return _dump(content, indent=2) + "\n"


def as_json_lines(content: Json) -> tuple[str, int]:
    """Return a list as one JSON value a line, and how many there are."""
    items = _rows(content)
    return "".join(_dump(item) + "\n" for item in items), len(items)


def as_lines(content: Json) -> tuple[str, int]:
    """Return a list as one text a line, and how many there are."""
    items = _rows(content)
    return "".join(as_text(item) + "\n" for item in items), len(items)


def as_csv(
    content: Json, *, delimiter: str, columns: Sequence[str] | None, header: bool
) -> tuple[str, int]:
    """Return rows as CSV, and how many there are.

    Rows are objects, or lists of cells, or one object for one row. The columns are those
    asked for, or all in the order in which they first appear.
    """
    rows = _rows([content] if isinstance(content, Mapping) else content)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter or ",", lineterminator="\n")
    if all(isinstance(row, Mapping) for row in rows):
        names = (
            columns if columns is not None else list(dict.fromkeys(n for row in rows for n in row))
        )
        if header and names:
            writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    elif all(isinstance(row, (list, tuple)) for row in rows):
        if header and columns:
            writer.writerow(columns)
        writer.writerows([_cell(cell) for cell in row] for row in rows)
    else:
        raise _unwritable("CSV needs a list of objects, or of lists; make the rows alike")
    return out.getvalue(), len(rows)


def csv_columns(path: Path, text: str, delimiter: str) -> list[str]:
    """Return the names in the first line of a CSV file."""
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or ","), None)
    if first is None:
        raise unreadable(path, "has no first line")
    return first


def _rows(content: Json) -> Sequence[Json]:
    if not isinstance(content, (list, tuple)):
        raise _unwritable("this format needs a list")
    return content


def _cell(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list, tuple)):
        return _dump(value)
    return value


def _dump(value: Json, indent: int | None = None) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise _unwritable(f"the content is not JSON ({error})") from error


def _unwritable(text: str) -> NodeFailure:
    return NodeFailure(text, code="bad_content", retryable=False, nothing_happened=True)


def replace(path: Path, data: bytes, *, new: bool) -> None:
    """Put a whole file in place, or nothing: other programs never see a half.

    Args:
        path: the file; its folder is made.
        data: its whole content.
        new: fail where there is a file already.

    Raises:
        OSError: the system refuses; nothing was changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path if new else path.resolve()  # a link stays a link
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            os.link(temporary, target)  # unlike a rename, it fails where there is one
        else:
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def append(path: Path, data: bytes) -> None:
    """Add to the end of a file, which is made where there is none.

    Raises:
        OSError: the system refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) or 0 :]
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a new name outlive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
