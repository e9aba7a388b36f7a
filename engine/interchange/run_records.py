"""The lines of a run file as plain JSON values, and back. Reads and writes no files.

A large value is put aside: it gets a line of its own, and ``{"$blob": digest}`` stands
where it was. An object of the run that looks like such a reference is wrapped as
``{"$literal": object}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from engine import run_view
from engine.events import AnyEvent
from engine.ids import RunId, TaskId
from engine.run_view import RunView
from engine.runtime.ports import (
    CommitRecord,
    DecisionRecord,
    JournalRecord,
    Link,
    RequestRecord,
    RunImage,
    RunRecord,
)
from engine.state.run_state import Delta, RunState
from engine.state.status import RunStatus
from engine.store.encoding import LARGE_BYTES, EventPage

Json = Any
#: What every run file begins with, and the version of the format.
MARK = "headgate_run"
FORMAT = 1
_BLOB = "$blob"
_LITERAL = "$literal"


class Misfit(Exception):  # noqa: N818 - the file reader makes it an UnreadableFile
    """A line is not what its place in the file calls for; the text says why."""


def text_of(value: Json) -> str:
    """Return a value as JSON in ASCII on one line; also what strict JSON refuses."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


# --- values that are stored apart -----------------------------------------------------------


class Aside:
    """Puts large values aside, each once per file."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    def lines(self, line: Mapping[str, Json]) -> Iterator[str]:
        """Yield the text of a line, after the texts of the lines that it refers to."""
        text = text_of(line)
        if len(text) <= LARGE_BYTES and '{"$' not in text:
            yield text
            return
        found: list[str] = []
        reduced = {name: self._put(value, found)[0] for name, value in line.items()}
        yield from found
        yield text_of(reduced)

    def _put(self, value: Json, found: list[str]) -> tuple[Json, int]:
        """Return a value without what is large in it, and how long its text is about."""
        if isinstance(value, dict):
            pairs = {name: self._put(item, found) for name, item in value.items()}
            reduced: Json = {name: item for name, (item, _) in pairs.items()}
            size = sum(len(name) + 4 + length for name, (_, length) in pairs.items())
            if len(reduced) == 1 and next(iter(reduced)).startswith("$"):
                reduced = {_LITERAL: reduced}
        elif isinstance(value, list):
            items = [self._put(item, found) for item in value]
            reduced = [item for item, _ in items]
            size = sum(length + 1 for _, length in items)
        else:
            reduced = value
            size = len(value) if isinstance(value, str) else 8
        if size <= LARGE_BYTES:
            return reduced, size
        digest = _digest(reduced)
        if digest not in self._written:
            self._written.add(digest)
            found.append(text_of({"blob": digest, "value": reduced}))
        return {_BLOB: digest}, 80


class Blobs:
    """The values that were put aside, while a file is read."""

    def __init__(self) -> None:
        self._values: dict[str, Json] = {}

    def add(self, line: Mapping[str, Json]) -> None:
        """Keep the value of a line. Raises `Misfit` when it is not the one of its digest."""
        if _digest(line["value"]) != line["blob"]:
            raise Misfit("a value that is stored apart is not the one that was")
        self._values[line["blob"]] = self.restore(line["value"])

    def restore(self, value: Json) -> Json:
        """Return a value with everything in it. Raises `Misfit` when something is missing."""
        if isinstance(value, list):
            return [self.restore(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, inner),) = value.items()
            if name == _BLOB:
                if inner not in self._values:
                    raise Misfit("a value that is stored apart is missing")
                return self._values[inner]
            if name == _LITERAL:
                value = inner
        return {name: self.restore(item) for name, item in value.items()}


def _digest(value: Json) -> str:
    return hashlib.sha256(text_of(value).encode("ascii")).hexdigest()


# --- records as lines -----------------------------------------------------------------------


def head_json(image: RunImage, *, engine: str, at: float) -> dict[str, Json]:
    """Return the first line: what the file is, and the run."""
    run = msgspec.to_builtins(replace(image.record, document=b""))
    for name in ("document", "interrupted", "untrusted", "allow"):
        del run[name]
    return {
        MARK: FORMAT,
        "engine": engine,
        "written_at": at,
        "run": run,
        "first": image.first,
        "legs": image.legs,
        "next_due": image.next_due,
    }


def frame_json(commit: CommitRecord) -> dict[str, Json]:
    """Return the whole state and view at the first commit that is kept."""
    view = None if commit.view is None else msgspec.to_builtins(run_view.decode(commit.view))
    return {"frame": commit.number, "state": msgspec.to_builtins(commit.frame), "view": view}


def commit_json(commit: CommitRecord) -> dict[str, Json]:
    """Return one commit: its facts and its delta."""
    page = EventPage.of(commit.events, commit.at)
    line = {
        "commit": commit.number,
        "at": commit.at,
        "first_seq": commit.first_seq,
        "status": commit.status.value,
        "events": msgspec.to_builtins(page.events),
        "delta": msgspec.to_builtins(commit.delta),
    }
    return line if page.at is None else {**line, "times": page.at}


def request_json(record: RequestRecord, link: Link) -> dict[str, Json]:
    """Return a request; of its decision only the number."""
    decision = None if record.decision is None else record.decision.id
    fields = msgspec.to_builtins(replace(record, decision=None))
    return {"request": {**fields, "decision": decision}, "link": msgspec.to_builtins(link)}


def decision_json(record: DecisionRecord, link: Link) -> dict[str, Json]:
    """Return a decision."""
    return {"decision": msgspec.to_builtins(record), "link": msgspec.to_builtins(link)}


def journal_json(record: JournalRecord) -> dict[str, Json]:
    """Return a finished attempt that no commit holds yet."""
    return {"journal": msgspec.to_builtins(record)}


# --- lines as records -----------------------------------------------------------------------


def head_of(line: Mapping[str, Json], document: bytes) -> RunImage:
    """Return the image of a run, without its commits and everything that was asked in it."""
    _only(line, MARK, "engine", "written_at", "run", "first", "legs", "next_due")
    reset = {"document": "", "untrusted": True, "session": "", "allow": []}
    record = convert({**line["run"], **reset}, RunRecord)
    return RunImage(
        record=replace(record, document=document),
        first=convert(line["first"], int),
        legs=convert(line["legs"], int),
        next_due=convert(line["next_due"], float | None),
        commits=(),
    )


def earlier_of(line: Mapping[str, Json]) -> tuple[int, bytes]:
    """Return a document that the run went on without, from which commit on."""
    _only(line, "earlier", "document")
    return convert(line["earlier"], int), str(convert(line["document"], str)).encode()


def frame_of(line: Mapping[str, Json]) -> tuple[RunState, RunView | None]:
    """Return the state and the view at the first commit."""
    _only(line, "frame", "state", "view")
    view = line["view"]
    return convert(line["state"], RunState), None if view is None else convert(view, RunView)


def commit_of(line: Mapping[str, Json], run: RunId) -> CommitRecord:
    """Return a commit without a key frame."""
    _only(line, "commit", "at", "first_seq", "status", "events", "delta", "times")
    at = convert(line["at"], float)
    first_seq = convert(line["first_seq"], int)
    events = convert(line["events"], list[AnyEvent])
    page = EventPage(convert(line.get("times"), list[float] | None), events)
    return CommitRecord(
        run=run,
        number=convert(line["commit"], int),
        at=at,
        first_seq=first_seq,
        events=page.stamped(run, first_seq, at),
        delta=convert(line["delta"], Delta),
        status=convert(line["status"], RunStatus),
    )


def request_of(line: Mapping[str, Json]) -> tuple[RequestRecord, int | None, Link]:
    """Return a request without its decision, the number of that, and its link."""
    _only(line, "request", "link")
    fields = dict(line["request"])
    decision = convert(fields.pop("decision", None), int | None)
    return convert(fields, RequestRecord), decision, convert(line["link"], Link)


def decision_of(line: Mapping[str, Json]) -> tuple[DecisionRecord, Link]:
    """Return a decision and its link."""
    _only(line, "decision", "link")
    return convert(line["decision"], DecisionRecord), convert(line["link"], Link)


def journal_of(line: Mapping[str, Json]) -> JournalRecord:
    """Return a finished attempt."""
    _only(line, "journal")
    record: JournalRecord = convert(line["journal"], JournalRecord)
    return record


def claim_of(line: Mapping[str, Json]) -> tuple[TaskId, int]:
    """Return a task that may have started, and which attempt of it."""
    _only(line, "claim", "attempt")
    return TaskId(convert(line["claim"], str)), convert(line["attempt"], int)


def name_of(line: Mapping[str, Json]) -> tuple[int, str]:
    """Return a commit and the name that somebody has given it."""
    _only(line, "name", "of")
    return convert(line["of"], int), convert(line["name"], str)


def convert(value: Json, kind: Any) -> Any:
    """Return a plain value as what it should be; it may hold nothing that is not known here.

    Raises:
        Misfit: it is something else.
    """
    if isinstance(value, dict):
        known = _fields(kind)
        unknown = [name for name in value if name not in known] if known else []
        if unknown:
            raise Misfit(f"{unknown[0]} is not known here: a newer program wrote it")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Misfit(str(error)) from error


def _fields(kind: Any) -> frozenset[str]:
    names: Collection[str] = getattr(kind, "__struct_fields__", ())
    return frozenset(names or getattr(kind, "__dataclass_fields__", ()))


def _only(line: Mapping[str, Json], *names: str) -> None:
    for name in line:
        if name not in names:
            raise Misfit(f"{name} is not known here: a newer program wrote it")
