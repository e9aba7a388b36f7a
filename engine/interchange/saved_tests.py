"""Past runs that are kept as tests of a workflow: run files, and a note beside each.

``NAME.run.jsonl`` is the run. ``NAME.test.json`` says which document it is a test of,
relative to its own folder, and what is compared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from engine.errors import EngineError, StoreError, UnreadableFile
from engine.interchange.run_file import SUFFIX, check_whole, export_run, opened
from engine.model import codec
from engine.model.node_types import Registry
from engine.model.plan import compile_workflow
from engine.runtime.differences import Profile
from engine.runtime.ports import RunRecord, RunStore
from engine.runtime.retest import Recording, Retested, retest

Json = Any
NOTE_SUFFIX = ".test.json"
_DOCUMENT_SUFFIX = ".flow.json"
_PROFILES = ("full", "path", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTest:
    """One test.

    Attributes:
        name: of its files, without what they end with.
        document: the file of the document, or None where nothing says it.
    """

    name: str
    run_file: Path
    document: Path | None
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a test went.

    Attributes:
        error: why it could not be made; None where it was.
        seconds: how long it took.
    """

    test: SavedTest
    workflow: str = ""
    run: str = ""
    outcome: Retested | None = None
    error: EngineError | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """``passed``, ``failed`` or ``error``."""
        if self.outcome is None:
            return "error"
        return "passed" if self.outcome.difference is None else "failed"


# --- keeping --------------------------------------------------------------------------------


def save_test(
    store: RunStore,
    record: RunRecord,
    folder: Path,
    *,
    name: str,
    document: Path | None,
    profile: Profile,
    at: float,
) -> SavedTest:
    """Keep a run as a test in a folder, which is made; return the test.

    Without a document to test, the one that the run is pinned to is kept beside it.

    Raises:
        StoreError: something cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    run_file = folder / f"{name}{SUFFIX}"
    export_run(store, record, run_file, at=at)
    if document is None:
        document = folder / f"{name}{_DOCUMENT_SUFFIX}"
        codec.save_file(document, codec.loads(record.document))
    note: dict[str, Json] = {
        "document": Path(os.path.relpath(document.resolve(), folder.resolve())).as_posix(),
        "profile": profile.name,
    }
    ignored = [f"node:{key}" for key in sorted(profile.nodes)]
    ignored += [f"channel:{name}" for name in sorted(profile.channels)]
    if ignored:
        note["ignore"] = ignored
    if not profile.computes:
        note["recorded"] = True
    path = folder / f"{name}{NOTE_SUFFIX}"
    try:
        path.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} was not written: {error.strerror}.") from error
    return SavedTest(name=name, run_file=run_file, document=document, profile=profile)


def find_tests(folder: Path) -> list[SavedTest]:
    """Return the tests in a folder and below, by name.

    Raises:
        UnreadableFile: there is no such folder, or a note cannot be read.
    """
    if not folder.is_dir():
        raise UnreadableFile(f"There is no folder {folder}: keep a run as a test with --save RUN.")
    files = sorted([*folder.rglob(f"*{SUFFIX}"), *folder.rglob(f"*{SUFFIX}.zst")])
    return [_test_of(file, folder) for file in files]


def _test_of(file: Path, folder: Path) -> SavedTest:
    plain = file.name.removesuffix(".zst").removesuffix(SUFFIX)
    note = file.with_name(f"{plain}{NOTE_SUFFIX}")
    name = (file.parent / plain).relative_to(folder).as_posix()
    found: Mapping[str, Json] = _note(note) if note.exists() else {}
    try:
        document = found.get("document")
        profile = profile_of(
            found.get("profile", "full"),
            list(found.get("ignore", [])),
            computes=not found.get("recorded", False),
        )
        path = None if document is None else note.parent / document
    except (TypeError, ValueError) as error:
        raise UnreadableFile(f"{note} cannot be used: {error}.") from error
    return SavedTest(name=name, run_file=file, document=path, profile=profile)


def _note(path: Path) -> Mapping[str, Json]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise UnreadableFile(f"{path} cannot be used: it is no JSON object.")
    return found


def profile_of(name: str, ignored: list[str], *, computes: bool) -> Profile:
    """Return the profile of that name, with ``node:KEY`` and ``channel:NAME`` ignored.

    Raises:
        ValueError: there is no such profile, or an entry is neither.
    """
    if name not in _PROFILES:
        raise ValueError(f"there is no profile {name}; choose {', '.join(_PROFILES)}")
    nodes: set[str] = set()
    channels: set[str] = set()
    for entry in ignored:
        kind, _, key = entry.partition(":")
        if kind not in ("node", "channel") or not key:
            raise ValueError(f"{entry} is not of the form node:KEY or channel:NAME")
        (nodes if kind == "node" else channels).add(key)
    base = Profile(computes=computes, nodes=frozenset(nodes), channels=frozenset(channels))
    return replace(base, name=name)  # type: ignore[arg-type] # one of the three


# --- testing --------------------------------------------------------------------------------


def run_test(test: SavedTest, registry: Registry) -> Result:
    """Make a kept run again on its document. Never raises for what is wrong with either."""
    try:
        recording = read_recording(test.run_file, registry)
    except EngineError as error:
        return Result(test=test, error=error)
    about = Result(test=test, workflow=recording.workflow.name, run=recording.record.run)
    try:
        path = test.document or _document_for(test.run_file, recording.workflow.id)
        plan = compile_workflow(codec.load_file(path), registry)
    except EngineError as error:
        return replace(about, error=error)
    return replace(about, outcome=retest(plan, recording, test.profile))


def read_recording(path: Path, registry: Registry) -> Recording:
    """Return the run in a file, checked as for an import.

    Raises:
        UnreadableFile: it is not whole or does not fit together.
        InvalidWorkflow: its document uses node types that are not installed.
    """
    check_whole(path)
    with opened(path) as image:
        commits = list(image.commits)
    if image.documents:
        raise UnreadableFile(
            f"{path} cannot be used as a test: the run was moved to another document at commit "
            f"{image.documents[-1][0]}; fork it there and keep the fork."
        )
    if not commits:
        raise UnreadableFile(f"{path} cannot be used as a test: the run has no commit.")
    return Recording(
        record=image.record,
        plan=compile_workflow(codec.loads(image.record.document), registry),
        commits=commits,
        requests={record.request: record for record, _ in image.requests},
    )


def _document_for(run_file: Path, workflow_id: str) -> Path:
    """Return the one document beside the run or in the folder above that has its id."""
    for folder in (run_file.parent, run_file.parent.parent):
        found = [path for path in _documents(folder) if _id_of(path) == workflow_id]
        if len(found) == 1:
            return found[0]
    raise UnreadableFile(
        f"{run_file} does not say which document it tests: name it with --document, or in "
        f"{run_file.name.removesuffix('.zst').removesuffix(SUFFIX)}{NOTE_SUFFIX}."
    )


def _documents(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob(f"*{_DOCUMENT_SUFFIX}"))


def _id_of(path: Path) -> str:
    try:
        return codec.load_file(path).id
    except EngineError:
        return ""


def junit(results: list[Result], folder: Path) -> bytes:
    """Return the results as JUnit writes them, for build servers."""
    failed = sum(each.status == "failed" for each in results)
    broken = sum(each.status == "error" for each in results)
    suite = ET.Element(
        "testsuite",
        name=f"headgate test {folder.as_posix()}",
        tests=str(len(results)),
        failures=str(failed),
        errors=str(broken),
        time=f"{sum(each.seconds for each in results):.3f}",
    )
    for each in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_plain(each.workflow or "headgate"),
            name=each.test.name,
            time=f"{each.seconds:.3f}",
        )
        if each.status != "passed":
            kind = "failure" if each.status == "failed" else "error"
            text = _plain(words(each))
            ET.SubElement(case, kind, message=text).text = text
    data: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def words(result: Result) -> str:
    """Return what is wrong with a test as one sentence, or nothing."""
    if result.error is not None:
        return str(result.error)
    if result.outcome is None or result.outcome.difference is None:
        return ""
    found = result.outcome.difference
    where = f" at {found.node}" if found.node else ""
    return (
        f"Commit {found.commit}{where}: {found.what} was {_short(found.then)}, "
        f"and is now {_short(found.now)}."
    )


def _short(value: Json) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _plain(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(c if c.isprintable() else " " for c in text)
