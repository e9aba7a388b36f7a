"""`test`: past runs as tests of a workflow."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.app import Engine
from engine.cli.codes import ExitCode
from engine.cli.failures import code_of
from engine.cli.options import AsJson, Globals, UsageError
from engine.cli.printing import clean, console, count, duration, json_line, styled
from engine.cli.stores import looking
from engine.errors import StoreError, UnknownRun
from engine.interchange.saved_tests import (
    Result,
    SavedTest,
    find_tests,
    junit,
    profile_of,
    run_test,
    save_test,
    words,
)
from engine.nodes.builtin import builtin_registry
from engine.runtime.differences import Profile
from engine.runtime.ports import SystemClock

Json = Any
_STYLES = {"passed": "green", "failed": "bold red", "error": "bold yellow"}

Profiles = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="full|path|result",
        help="What is compared: all, which way the run went, or how it ended.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="node:KEY|channel:NAME",
        help="What may differ. Repeatable.",
    ),
]
Recorded = Annotated[
    bool,
    typer.Option("--recorded", help="Use the recorded result of every node, compute nothing."),
]


def run_tests(
    settings: Globals,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the tests are.")],
    save: Annotated[
        str | None, typer.Option("--save", metavar="RUN", help="Keep a run as a test instead.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="With --save: its name.")
    ] = None,
    document: Annotated[
        Path | None,
        typer.Option("--document", metavar="FILE", help="The workflow that is tested."),
    ] = None,
    profile: Profiles = None,
    ignore: Ignore = None,
    recorded: Recorded = False,
    junit_file: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the results for a build server."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make kept runs again on the workflow as it is now, and compare. Nothing outside is touched.

    Exit code 1 when one differs.
    """
    try:
        asked = profile_of(profile or "full", ignore or [], computes=not recorded)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    if save is not None:
        return _save(settings, folder, save, name=name, document=document, asked=asked)
    tests = find_tests(folder)
    if not tests:
        raise UsageError(f"There is no test in {folder}: keep a run as one with --save RUN.")
    results: list[Result] = []
    for each in tests:
        chosen = asked if profile or ignore or recorded else each.profile
        given = replace(each, profile=chosen, document=document or each.document)
        began = time.perf_counter()
        result = run_test(given, builtin_registry())
        results.append(replace(result, seconds=time.perf_counter() - began))
        _print(results[-1], as_json=as_json)
    if junit_file is not None:
        _write(junit_file, junit(results, folder))
    if not as_json:
        passed = sum(each.status == "passed" for each in results)
        console().print(f"{passed} of {count(len(results), 'test')} passed.")
    return _exit_code(results)


def _save(
    settings: Globals,
    folder: Path,
    run: str,
    *,
    name: str | None,
    document: Path | None,
    asked: Profile,
) -> int:
    def act(engine: Engine) -> SavedTest:
        record = engine.run(run)
        if record.commit < 0:
            raise UnknownRun(f"Run {record.run} has no commit yet: there is nothing to compare.")
        source = Path(record.source_path)
        tested = document or (source if record.source_path and source.exists() else None)
        return save_test(
            engine.store,
            record,
            folder,
            name=_slug(name or f"{record.workflow}-{record.run[-6:]}"),
            document=tested,
            profile=asked,
            at=SystemClock().now(),
        )

    saved = looking(settings, act)
    console().print(f"{saved.run_file} tests {saved.document}: headgate test {folder}")
    return ExitCode.OK


def _slug(name: str) -> str:
    slug = "".join(c if c.isalnum() or c in "._-" else "-" for c in name.strip().lower())
    slug = slug.strip(".-")
    if not slug:
        raise UsageError(f"{name} cannot be the name of a file; choose another with --name.")
    return slug


def _print(result: Result, *, as_json: bool) -> None:
    outcome = result.outcome
    if as_json:
        json_line(_result_json(result))
        return
    mark = (f"{result.status:7}", _STYLES[result.status])
    commits = "" if outcome is None else f", {count(outcome.commits, 'commit')}"
    console().print(
        styled(mark, f" {clean(result.test.name)}{commits}, {duration(result.seconds)}")
    )
    if wrong := words(result):
        console().print(f"        {clean(wrong)}")
    if outcome is not None and outcome.unseen:
        nodes = ", ".join(outcome.unseen)
        console().print(f"        changed, and not run here: {clean(nodes)}")


def _result_json(result: Result) -> dict[str, Json]:
    outcome = result.outcome
    found = None if outcome is None else outcome.difference
    return {
        "test": result.test.name,
        "status": result.status,
        "workflow": result.workflow,
        "run": result.run,
        "document": None if result.test.document is None else str(result.test.document),
        "profile": result.test.profile.name,
        "commits": None if outcome is None else outcome.commits,
        "difference": None
        if found is None
        else {
            "commit": found.commit,
            "node": found.node,
            "what": found.what,
            "then": found.then,
            "now": found.now,
        },
        "unseen": [] if outcome is None else list(outcome.unseen),
        "message": words(result),
        "seconds": round(result.seconds, 3),
    }


def _exit_code(results: list[Result]) -> int:
    """A test that could not be made counts more than one that differs."""
    for each in results:
        if each.error is not None:
            return code_of(each.error)
    failed = any(each.status == "failed" for each in results)
    return ExitCode.FAILED if failed else ExitCode.OK


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{path} was not written: {error.strerror}; choose another place."
        ) from error
