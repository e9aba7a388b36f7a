"""`export-run` and `import-run`: whole runs as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.app import Engine, RunRecord
from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals, RunArgument, UsageError
from engine.cli.printing import clean, console, count, hint, json_line
from engine.cli.stores import looking
from engine.interchange import run_file
from engine.runtime.ports import SystemClock

Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def export_run(
    settings: Globals,
    run: RunArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; compressed when it ends with .zst.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write a whole run to one file: document, commits, events, values, requests, decisions.

    Secrets are in no run and therefore not in the file.
    """
    if file.exists() and not force:
        raise UsageError(f"{file} is there already; name another or replace it with --force.")

    def act(engine: Engine) -> tuple[RunRecord, int]:
        record = engine.run(run)
        return record, run_file.export_run(engine.store, record, file, at=SystemClock().now())

    record, size = looking(settings, act)
    if as_json:
        json_line({"run": record.run, "file": str(file), "superstep": record.commit, "bytes": size})
    else:
        name = clean(record.title or record.workflow)
        commits = count(record.commit, "superstep")
        console().print(f"{file}: run {record.run} of {name}, {commits}, {size:,} bytes.")
    return ExitCode.OK


def import_run(
    settings: Globals,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A run that was exported.")],
    as_json: AsJson = False,
) -> int:
    """Take a whole run from a file into the store, or nothing of it.

    It can be looked at and replayed at once. Going on with it, or forking it, asks first
    whether its workflow may use what it needs.
    """
    record = looking(
        settings, lambda engine: run_file.import_run(engine.store, file, at=SystemClock().now())
    )
    if as_json:
        json_line(
            {
                "run": record.run,
                "workflow": record.workflow,
                "status": record.status.value,
                "superstep": record.commit,
                "file": str(file),
            }
        )
    else:
        name = clean(record.title or record.workflow)
        command = hint(settings.store, f"show {record.run}")
        console().print(f"Run {record.run} of {name} ({record.status}) is here now: {command}")
    return ExitCode.OK
