"""Documents as bytes and as files (docs/document.md).

`dumps` writes one canonical text per document: sorted keys, two spaces, ``view`` last,
so that a file that is loaded and saved unchanged stays the same byte for byte.
`save_file` replaces a file as a whole or not at all.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson

from engine.errors import StoreError, UnreadableFile, UnsupportedVersion
from engine.model.migrations.chain import FORMAT, OLDEST, upgrade
from engine.model.shape import EDGE, NODE, WORKFLOW, Problem, check_values, edge_order, kind_of
from engine.model.workflow import Edge, Node, Workflow

Json = Any

#: Larger files are refused before they are read: a document is drawn by a person, and
#: data belongs into files that it names.
LIMIT_BYTES = 20_000_000

_SHOWN = 5
_LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


class BrokenDocument(UnreadableFile):
    """JSON that is not a document, or a document that JSON cannot hold.

    Attributes:
        problems: (place such as ``nodes.ask.retry``, what is wrong) of every problem.
    """

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(f"{path or 'the document'} {what}" for path, what in problems[:_SHOWN])
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        super().__init__(f"{source or 'The document'} is not a valid workflow: {shown}{more}.")


# --- plain values -------------------------------------------------------------------------


def workflow_to_json(workflow: Workflow) -> dict[str, Json]:
    """Return the document as plain values, nodes and edges in their canonical order."""
    result = WORKFLOW.write(workflow)
    nodes = result.get("nodes", {})
    result["format"] = FORMAT
    result["name"] = workflow.name
    result["nodes"] = {key: nodes[key] for key in sorted(nodes)}
    result["edges"] = EDGE.write_list(tuple(sorted(workflow.edges, key=edge_order)))
    return result


def workflow_from_json(data: Json, *, source: str = "") -> Workflow:
    """Return the workflow that plain values describe, upgraded from an older format.

    Raises:
        UnsupportedVersion: a newer program wrote it.
        BrokenDocument: it is not a document; `problems` lists everything wrong.
    """
    if not isinstance(data, dict):
        raise BrokenDocument(source, [("", f"must be an object, not {kind_of(data)}")])
    problems = check_values(data)
    if problems:
        raise BrokenDocument(source, problems)
    return _read(data, source)


def node_to_json(node: Node) -> dict[str, Json]:
    """Return one node as plain values, without its key."""
    return NODE.write(node)


def node_from_json(key: str, data: Json) -> Node:
    """Return the node that plain values describe.

    Raises:
        BrokenDocument: they do not describe a node.
    """
    problems = check_values(data) if isinstance(data, dict | list) else []
    node = NODE.read(data, key, problems, key)
    if problems:
        raise BrokenDocument("", problems)
    return cast(Node, node)


def edge_to_json(edge: Edge) -> dict[str, Json]:
    """Return one edge as plain values."""
    return EDGE.write(edge)


def edge_from_json(data: Json) -> Edge:
    """Return the edge that plain values describe.

    Raises:
        BrokenDocument: they do not describe an edge.
    """
    problems = check_values(data) if isinstance(data, dict | list) else []
    edge = EDGE.read(data, "edge", problems)
    if problems:
        raise BrokenDocument("", problems)
    return cast(Edge, edge)


def _read(data: dict[str, Json], source: str) -> Workflow:
    document = upgrade(data, _version(data, source))
    problems: list[Problem] = []
    fields = {name: value for name, value in document.items() if name != "format"}
    workflow = WORKFLOW.read(fields, "", problems)
    if problems:
        raise BrokenDocument(source, problems)
    read = cast(Workflow, workflow)
    return replace(read, edges=tuple(sorted(read.edges, key=edge_order)))


def _version(data: Mapping[str, Json], source: str) -> int:
    version = data.get("format")
    if version is None:
        raise BrokenDocument(source, [("format", "is missing")])
    if not isinstance(version, int) or isinstance(version, bool) or version < OLDEST:
        raise BrokenDocument(source, [("format", f"must be a number from {OLDEST} on")])
    if version > FORMAT:
        raise UnsupportedVersion(
            f"{source or 'The document'} has format {version}, written by a newer release; "
            f"this one reads up to {FORMAT}: update the program."
        )
    return version


# --- bytes --------------------------------------------------------------------------------


def loads(data: bytes, *, limit: int = LIMIT_BYTES, source: str = "") -> Workflow:
    """Return the workflow of a document's text in UTF-8.

    Args:
        data: the whole text.
        limit: largest number of bytes that is parsed.
        source: what to call the document in errors, usually the file's name.

    Raises:
        UnreadableFile: it is too large, or not JSON; the sentence says where.
        UnsupportedVersion: a newer program wrote it.
        BrokenDocument: it is not a document; `problems` lists everything wrong.
    """
    if len(data) > limit:
        raise _too_large(source, len(data), limit)
    repeated: dict[int, str] = {}
    document = _parse(data, source, repeated)
    if not isinstance(document, dict):
        raise BrokenDocument(source, [("", f"must be an object, not {kind_of(document)}")])
    problems = check_values(document, repeated)
    if problems:
        raise BrokenDocument(source, problems)
    return _read(document, source)


def dumps(workflow: Workflow) -> bytes:
    """Return the canonical text of a document: the same bytes for equal documents.

    Raises:
        BrokenDocument: a value in it is none that JSON can hold.
    """
    document = workflow_to_json(workflow)
    problems = check_values(document)
    if problems:
        raise BrokenDocument(workflow.name, problems)
    view = document.pop("view", None)
    text = orjson.dumps(document, option=_LAYOUT)
    if view is None:
        return text + b"\n"
    # The layout changes most often, so it stands last, behind unknown fields too.
    last = orjson.dumps({"view": view}, option=_LAYOUT)
    return text.removesuffix(b"\n}") + b"," + last.removeprefix(b"{") + b"\n"


def _parse(data: bytes, source: str, repeated: dict[int, str]) -> Json:
    """Return the JSON value; objects that hold a key twice are entered in `repeated`."""
    name = source or "The document"
    if not data.strip():
        raise UnreadableFile(f"{name} is empty: open a version of it from before.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"{name} is not UTF-8 text (line {line}): save it as UTF-8 and open it again."
        ) from error
    kept: list[dict[str, Json]] = []

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(items)
        if len(found) != len(items):
            names = [key for key, _ in items]
            # Kept alive, so that no other object gets its id.
            kept.append(found)
            repeated[id(found)] = next(key for key in found if names.count(key) > 1)
        return found

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise UnreadableFile(_where(name, text, error)) from error
    except RecursionError as error:
        raise UnreadableFile(
            f"{name} is nested too deeply to be a workflow: check where it comes from."
        ) from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise UnreadableFile(
            f"{name} holds a number with too many digits: write it as a text."
        ) from error


def _where(name: str, text: str, error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    if cut_off:
        return f"{name} ends too early ({place}): it was cut off, take a complete copy of it."
    reason = error.msg[:1].lower() + error.msg[1:]
    return f"{name} is not valid JSON at {place}: {reason}."


def _too_large(source: str, size: int, limit: int) -> UnreadableFile:
    return UnreadableFile(
        f"{source or 'The document'} has {size / 1e6:.1f} MB, more than the {limit / 1e6:.0f} MB "
        "of a workflow: move large values into files that the workflow reads."
    )


# --- files --------------------------------------------------------------------------------


def load_file(path: str | Path, *, limit: int = LIMIT_BYTES) -> Workflow:
    """Return the workflow in a file. Its size is checked before anything is read.

    Raises:
        UnreadableFile, UnsupportedVersion, BrokenDocument: as `loads`, and when there is
            no such file or it cannot be opened.
    """
    file = Path(path)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise UnreadableFile(f"{file} is {kind}, not a workflow file: choose a file.")
        if status.st_size > limit:
            raise _too_large(str(file), status.st_size, limit)
        with file.open("rb") as stream:
            data = stream.read(limit + 1)  # it may have grown meanwhile
    except FileNotFoundError as error:
        raise UnreadableFile(f"There is no file {file}: check the path.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{file} cannot be read: {_reason(error)}.") from error
    return loads(data, limit=limit, source=str(file))


def save_file(path: str | Path, workflow: Workflow, *, limit: int = LIMIT_BYTES) -> None:
    """Write the document so that the file holds all of it or what it held before.

    The text goes to a temporary file in the same folder, is flushed to the disk and
    takes the file's place; what was there stays as ``<name>.bak``. A link is followed.

    Raises:
        UnsupportedVersion: the file there was written by a newer program.
        StoreError: the folder or the disk refuses; the file is as it was.
        BrokenDocument: a value in the document is none that JSON can hold.
    """
    data = dumps(workflow)
    if len(data) > limit:
        raise StoreError(f"Not saved: {_too_large(str(path), len(data), limit)}")
    try:
        target = Path(os.path.realpath(path))
        before = _content(target)
        if before != data:
            _replace(target, data, keep=before is not None)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} was not saved: {_reason(error)}.") from error


class _Format(msgspec.Struct):
    format: Any = None


def _content(target: Path) -> bytes | None:
    """Return what the file holds, or None; refuse to go over a newer format."""
    try:
        if not target.is_file():
            if target.exists():
                raise IsADirectoryError(errno.EISDIR, "it is not a file", str(target))
            return None
        data = target.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = msgspec.json.decode(data, type=_Format).format
    except msgspec.DecodeError:
        return data  # no document of any format; the backup keeps it
    if isinstance(found, int) and found > FORMAT:
        raise UnsupportedVersion(
            f"{target} was written by a newer release (format {found}) and was left as it is: "
            "save under another name or update the program."
        )
    return data


def _replace(target: Path, data: bytes, *, keep: bool) -> None:
    spare = _spare(target)
    handle = os.open(spare, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if keep:
            spare.chmod(stat.S_IMODE(target.stat().st_mode))
            _back_up(target)
        spare.replace(target)
    except BaseException:
        with suppress(OSError):
            spare.unlink()
        raise
    _flush_folder(target.parent)


def _back_up(target: Path) -> None:
    """Keep the old file as .bak; the name `target` exists all the time."""
    spare = _spare(target)
    try:
        try:
            os.link(target, spare)
        except OSError:  # a file system without hard links
            shutil.copy2(target, spare)
        spare.replace(target.with_name(f"{target.name}.bak"))
    except BaseException:
        with suppress(OSError):
            spare.unlink()
        raise


def _spare(target: Path) -> Path:
    """Return a free name in the same folder, short whatever the file is called."""
    return target.with_name(f".headgate-{secrets.token_hex(6)}.tmp")


def _flush_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where folders can be flushed."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: OSError | ValueError) -> str:
    """Return why, and what to do, as the end of a sentence."""
    known = {
        errno.ENOSPC: "the disk is full: free some space and save again",
        errno.EDQUOT: "your disk quota is used up: free some space and save again",
        errno.EFBIG: "the file would be larger than allowed here: save it elsewhere",
        errno.EROFS: "the disk is read-only: choose another folder",
        errno.EACCES: "you may not use it: change its permissions or choose another place",
        errno.EPERM: "you may not use it: change its permissions or choose another place",
        errno.ENOENT: "its folder does not exist: choose another folder",
        errno.ENOTDIR: "its folder does not exist: choose another folder",
        errno.EISDIR: "a folder of that name is there: choose another name",
        errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
        errno.ELOOP: "its links lead in a circle: choose another place",
    }
    if isinstance(error, OSError):
        return known.get(error.errno or 0, (error.strerror or str(error)).lower())
    return f"{error}: choose another name"
