"""A whole run as one file: JSON lines that begin with what it is and end with their hash.

The lines are the run, its document, what was asked and decided, what no commit holds yet,
and every commit. A value of more than 64 KB has a line of its own before its first use. The
last line says how many lines there are before it and what their SHA-256 is. A file whose
name ends with ``.zst`` is compressed.

Nothing of a file is believed before all of it is known to be whole, and what is read is
made again from it: every state by its deltas, every view by its facts, every link of the
evidence by what it covers. Secrets are in no run, and therefore in no file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import zstandard

import engine
from engine import run_view
from engine.errors import EngineError, StoreError, UnreadableFile, UnsupportedVersion
from engine.interchange import run_records as lines
from engine.interchange.run_records import FORMAT, MARK, Misfit
from engine.model import codec
from engine.runtime.ports import (
    CommitRecord,
    DecisionRecord,
    Link,
    RequestRecord,
    RunImage,
    RunRecord,
    RunStore,
)
from engine.runtime.recorder import FRAME_EVERY
from engine.state.channels import ReducerError, specs_from
from engine.state.run_state import RunState, apply
from engine.store import evidence

Json = Any
SUFFIX = ".run.jsonl"
#: One line may be this long; more is taken for damage or malice.
LINE_LIMIT_BYTES = 1024 * 1024 * 1024
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_LEVEL = 6
#: What a line raises that is something else than its place calls for.
_UNFIT = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    ReducerError,
)


# --- writing --------------------------------------------------------------------------------


def export_run(store: RunStore, record: RunRecord, path: Path, *, at: float) -> int:
    """Write a whole run to a file, which appears when it is complete; return its bytes.

    Args:
        store: where the run is.
        record: the run, as the store lists it.
        path: the file; one that is there is replaced. Compressed when it ends with ``.zst``.
        at: when it is written, in seconds since the epoch.

    Raises:
        StoreError: the run cannot be read, or the file cannot be written.
    """
    spare = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with store.image(record.run) as image, _created(spare, packed=path.suffix == ".zst") as out:
            _write(out, image, at)
        size = spare.stat().st_size
        spare.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} was not written: {error.strerror or error}; choose another place."
        ) from error
    finally:
        spare.unlink(missing_ok=True)
    return size


@contextmanager
def _created(path: Path, *, packed: bool) -> Generator[IO[bytes]]:
    with path.open("wb") as file:
        if packed:
            with zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(file) as stream:
                yield stream
        else:
            yield file


def _write(out: IO[bytes], image: RunImage, at: float) -> None:
    digest = hashlib.sha256()
    count = 0
    for text in _texts(image, at):
        data = text.encode("ascii") + b"\n"
        digest.update(data)
        out.write(data)
        count += 1
    end = {"end": {"lines": count, "sha256": digest.hexdigest()}}
    out.write(lines.text_of(end).encode("ascii") + b"\n")


def _texts(image: RunImage, at: float) -> Iterator[str]:
    aside = lines.Aside()
    yield lines.text_of({MARK: FORMAT})
    yield from aside.lines(lines.head_json(image, engine=engine.__version__, at=at))
    yield lines.text_of({"document": image.record.document.decode()})
    for until, document in image.documents:
        yield lines.text_of({"earlier": until, "document": document.decode()})
    for request, link in image.requests:
        yield from aside.lines(lines.request_json(request, link))
    for decision, link in image.decisions:
        yield from aside.lines(lines.decision_json(decision, link))
    for journalled in image.journal:
        yield lines.text_of(lines.journal_json(journalled))
    for task, attempt in image.claims.items():
        yield lines.text_of({"claim": task, "attempt": attempt})
    for number, name in image.names.items():
        yield lines.text_of({"name": name, "of": number})
    for commit in image.commits:
        if commit.frame is not None:
            yield from aside.lines(lines.frame_json(commit))
        yield from aside.lines(lines.commit_json(commit))


# --- reading --------------------------------------------------------------------------------


def import_run(store: RunStore, path: Path, *, at: float) -> RunRecord:
    """Store the run of a file, whole or not at all, and return it.

    It is kept as untrusted: it goes on here only when somebody has agreed.

    Raises:
        UnreadableFile: the file is missing, incomplete, changed, or does not fit together.
        UnsupportedVersion: a newer program wrote it.
        StoreError: the run is here already, or cannot be stored.
    """
    check_whole(path)
    with opened(path) as image:
        store.import_run(image, at)
        return store.run(image.record.run)


def check_whole(path: Path) -> None:
    """Read a file to its end and compare it with its hash.

    Raises:
        UnreadableFile: it is no run, is incomplete, or was changed.
        UnsupportedVersion: a newer program wrote it.
    """
    digest = hashlib.sha256()
    count = 0
    last = b""
    for line in _raw_lines(path):
        if count == 0:
            _check_mark(path, line)
        else:
            digest.update(last)
        last = line
        count += 1
    end = _end_of(last) if count > 1 and last.endswith(b"\n") else None
    if end is None:
        raise _unreadable(path, "its end is missing; copy it or export it again")
    if end.get("lines") != count - 1 or end.get("sha256") != digest.hexdigest():
        raise _unreadable(path, "it was changed or damaged after it was written")


@contextmanager
def opened(path: Path) -> Generator[RunImage]:
    """Open the run in a file that is known to be whole; its commits are read as asked for.

    Raises:
        UnreadableFile: what the file says does not fit together; also from within the block.
    """
    with ExitStack() as stack:
        source = _Source(path)
        stack.callback(source.close)
        yield source.image()


class _Source:
    """Reads the records of a file in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = _raw_lines(path)
        self._blobs = lines.Blobs()
        self._number = 0
        self._held: dict[str, Json] | None = None

    def close(self) -> None:
        self._raw.close()

    def image(self) -> RunImage:
        """Read everything before the commits."""
        with self._blaming():
            self._next()
            head = self._next()
            document = self._next().get("document")
            if MARK not in head or not isinstance(document, str):
                raise Misfit("the run itself is missing")
            found = lines.head_of(head, document.encode())
            codec.loads(found.record.document)
            earlier = [lines.earlier_of(line) for line in self._all("earlier")]
            found = replace(found, documents=earlier)
            requests, decisions = self._asked(found.record)
            journal = tuple(lines.journal_of(line) for line in self._all("journal"))
            claims = dict(lines.claim_of(line) for line in self._all("claim"))
            names = dict(lines.name_of(line) for line in self._all("name"))
            return replace(
                found,
                requests=requests,
                decisions=decisions,
                journal=journal,
                claims=claims,
                names=names,
                commits=self._commits(found, frozenset(each.request for each, _ in requests)),
            )

    def _asked(
        self, record: RunRecord
    ) -> tuple[list[tuple[RequestRecord, Link]], list[tuple[DecisionRecord, Link]]]:
        """Return what was asked and answered; each has the hash that it should have."""
        asked = [lines.request_of(line) for line in self._all("request")]
        decisions = [lines.decision_of(line) for line in self._all("decision")]
        by_number = {each.id: each for each, _ in decisions}
        requests: list[tuple[RequestRecord, Link]] = []
        for request, number, link in asked:
            _check_link(evidence.REQUEST, link, evidence.request_fields(request))
            if request.run != record.run or (number is not None and number not in by_number):
                raise Misfit(f"request {request.request} belongs to something else")
            decision = None if number is None else by_number[number]
            requests.append((replace(request, decision=decision), link))
        known = {request.request for request, _ in requests}
        for decision, link in decisions:
            _check_link(evidence.DECISION, link, evidence.decision_fields(decision))
            if decision.run != record.run or decision.request not in known:
                raise Misfit(f"decision {decision.id} belongs to something else")
        return requests, decisions

    def _commits(self, image: RunImage, requests: frozenset[str]) -> Generator[CommitRecord]:
        """Yield the commits, with key frames made of what was read."""
        with self._blaming():
            record = image.record
            if record.commit < 0:
                return
            state, view, specs = RunState(), None, specs_from({})
            number, next_seq = image.first - 1, 0
            rebased = {until for until, _ in image.documents}
            while number < record.commit:
                line = self._next()
                whole = "frame" in line
                if whole:
                    state, view = lines.frame_of(line)
                    line = self._one("commit")
                commit = lines.commit_of(line, record.run)
                follows = commit.number == number + 1 and commit.first_seq == next_seq
                if not (follows or (whole and commit.number > number)):
                    raise Misfit(f"commit {commit.number} is out of order")
                number, next_seq = commit.number, commit.first_seq + len(commit.events)
                if number in rebased and not whole:
                    raise Misfit(f"commit {number} begins another document without its state")
                if whole:
                    specs = specs_from(codec.loads(_document_at(image, number)).channels)
                else:
                    apply(state, commit.delta, specs, number)
                    view = None if view is None else run_view.fold(commit.events, view)
                if state.commit != number or state.status is not commit.status:
                    raise Misfit(f"commit {number} does not lead to its state")
                if whole or not (number - image.first) % FRAME_EVERY:
                    commit.frame = state.copy()
                    commit.view = None if view is None else run_view.encode(view)
                yield commit
            self._check_end(record, state, requests)

    def _check_end(self, record: RunRecord, state: RunState, requests: frozenset[str]) -> None:
        if state.status is not record.status:
            raise Misfit(f"the run is {record.status} and its last commit says {state.status}")
        for wait in state.waits.values():
            if wait.request is not None and wait.request not in requests:
                raise Misfit(f"request {wait.request}, which it waits for, is missing")
        if "end" not in self._next():
            raise Misfit("there is more after the last commit")

    # --- lines ------------------------------------------------------------------------------

    def _next(self) -> dict[str, Json]:
        """Return the next line that is no blob, with everything in it."""
        if self._held is not None:
            line, self._held = self._held, None
            return line
        for raw in self._raw:
            self._number += 1
            line = _parsed(raw)
            if "blob" in line:
                self._blobs.add(line)
            else:
                return self._blobs.restore(line) if b'{"$' in raw else line
        raise Misfit("it ends too early")

    def _one(self, kind: str) -> dict[str, Json]:
        line = self._next()
        if kind not in line:
            raise Misfit(f"a {kind} should be here")
        return line

    def _all(self, kind: str) -> Iterator[dict[str, Json]]:
        """Yield the lines of one kind that come next."""
        while kind in (line := self._next()):
            yield line
        self._held = line

    @contextmanager
    def _blaming(self) -> Generator[None]:
        """Say of whatever does not fit in which line of the file it is."""
        try:
            yield
        except (Misfit, codec.BrokenDocument) as error:
            reason: object = error
        except _UNFIT as error:
            reason = f"it does not fit together ({type(error).__name__}: {error})"
        else:
            return
        raise _unreadable(self._path, f"line {self._number}: {reason}")


def _document_at(image: RunImage, number: int) -> bytes:
    """Return the document that a commit was made with."""
    return next((each for until, each in image.documents if number < until), image.record.document)


def _check_link(kind: str, link: Link, fields: Mapping[str, Json]) -> None:
    if evidence.chain_hash(link.seq, kind, link.prev_hash, fields) != link.hash:
        raise Misfit(f"the {kind} at place {link.seq} of its record is not what was stored")


def _check_mark(path: Path, raw: bytes) -> None:
    try:
        line = _parsed(raw)
    except Misfit:
        line = {}
    version = line.get(MARK)
    if not isinstance(version, int):
        raise _unreadable(path, "it is not a run that Headgate has exported")
    if version > FORMAT:
        raise UnsupportedVersion(
            f"{path} has format {version} and this program knows formats up to {FORMAT}: "
            "update the program."
        )


def _end_of(raw: bytes) -> Mapping[str, Json] | None:
    try:
        end = _parsed(raw).get("end")
    except Misfit:
        return None
    return end if isinstance(end, dict) else None


def _parsed(raw: bytes) -> dict[str, Json]:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Misfit("it is not JSON") from error
    if not isinstance(line, dict):
        raise Misfit("it is no JSON object")
    return line


def _raw_lines(path: Path) -> Generator[bytes]:
    """Yield the lines of a file with their line ends."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            stream: IO[bytes] = file
            if start == _ZSTD_MAGIC:
                packed = zstandard.ZstdDecompressor().stream_reader(file)
                stream = io.BufferedReader(packed)
            while line := stream.readline(LINE_LIMIT_BYTES + 1):
                if len(line) > LINE_LIMIT_BYTES:
                    raise _unreadable(path, "it has a line of more than 1 GB")
                yield line
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}.") from error
    except zstandard.ZstdError as error:
        raise _unreadable(path, f"it is damaged ({error})") from error


def _unreadable(path: Path, reason: str) -> EngineError:
    return UnreadableFile(f"{path} was not imported: {reason}.")
