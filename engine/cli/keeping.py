"""`replay`, `prune` and `audit`: what is stored, checked and kept small."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.app import Engine, ReplayReport
from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals, RunArgument, UsageError, age_of, with_globals
from engine.cli.printing import clean, console, count, json_line
from engine.cli.stores import acting, looking
from engine.errors import StoreError
from engine.interchange.record_file import check_record, record_of, record_text
from engine.runtime.ports import AuditEntry

At = Annotated[int | None, typer.Option("--at", metavar="N", min=0, help="Only up to commit N.")]
Keep = Annotated[
    int | None,
    typer.Option("--keep", metavar="N", min=1, help="How many commits stay, the last ones."),
]

audit = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


def replay(settings: Globals, run: RunArgument, at: At = None, as_json: AsJson = False) -> int:
    """Make a run again from its recorded outputs and compare every commit.

    Nothing is written and no node runs. Exit code 1 when a commit differs.
    """

    async def act(engine: Engine) -> tuple[str, ReplayReport]:
        record = engine.run(run)
        return record.run, await engine.replay(record.run, at=at)

    found, report = acting(settings, act)
    if as_json:
        json_line(
            {
                "run": found,
                "equal": report.equal,
                "commits": report.commits,
                "difference": report.difference,
                "commit": report.commit,
            }
        )
    elif report.equal:
        console().print(f"Equal: {count(report.commits, 'commit')} of run {found} made again.")
    else:
        console().print(
            f"Run {found} differs at commit {report.commit}: {clean(report.difference)}"
        )
    return ExitCode.OK if report.equal else ExitCode.FAILED


def prune(
    settings: Globals,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Id of a run; or --all.")
    ] = None,
    keep: Keep = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Only what is older: 12h, 30d, 8w."),
    ] = None,
    all_runs: Annotated[bool, typer.Option("--all", help="Prune every run.")] = False,
    as_json: AsJson = False,
) -> int:
    """Drop old commits of a run, or of all: all but the last ones, and those with a name.

    Requests and decisions stay. The disk space is given back at once.
    """
    if (run is None) is not all_runs:
        raise UsageError("Name a run to prune, or prune --all of them.")
    age = None if older_than is None else age_of(older_than)
    if age is None and keep is None:
        raise UsageError("Say what stays: --keep N, --older-than AGE, or both.")
    last = 1 if keep is None else keep

    async def act(engine: Engine) -> list[tuple[str, int]]:
        runs = [engine.run(run)] if run is not None else engine.runs(limit=1_000_000)
        return [(each.run, await engine.prune(each.run, last, older_than_s=age)) for each in runs]

    for found, freed in acting(settings, act):
        if as_json:
            json_line({"run": found, "keep": last, "older_than_s": age, "bytes": freed})
        elif freed or not all_runs:
            young = "" if older_than is None else f" and what is younger than {older_than}"
            what = f"its last {count(last, 'commit')}{young}"
            console().print(f"Run {found} keeps {what}; {freed:,} bytes freed.")
    return ExitCode.OK


def name(
    settings: Globals,
    run: RunArgument,
    at: Annotated[int, typer.Option("--at", metavar="N", min=0, help="The commit.")],
    text: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The name; without one it is taken away.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Give a commit a name. `history` shows it and `prune` keeps the commit."""

    async def act(engine: Engine) -> str:
        record = engine.run(run)
        await engine.name_commit(record.run, at, text.strip())
        return record.run

    found = acting(settings, act)
    if as_json:
        json_line({"run": found, "commit": at, "name": text.strip() or None})
    elif text.strip():
        console().print(f"Commit {at} of run {found} is called {clean(text)}.")
    else:
        console().print(f"Commit {at} of run {found} has no name.")
    return ExitCode.OK


def checkpoint(
    settings: Globals,
    run: RunArgument,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What the commit is called then.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Store a run as it is now, whatever its workflow says about saving."""

    async def act(engine: Engine) -> tuple[str, int | None]:
        record = engine.run(run)
        return record.run, await engine.checkpoint(record.run, name.strip())

    found, commit = acting(settings, act)
    if as_json:
        json_line({"run": found, "commit": commit, "name": name.strip() or None})
    elif commit is None:
        console().print(f"The process that runs {found} was told to save it.")
    else:
        console().print(f"Run {found} is stored up to commit {commit}.")
    return ExitCode.OK


def verify(
    settings: Globals,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A record that was exported; else the store's."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check the chain of requests and decisions: that none was changed, and none is gone.

    Exit code 1 when something is wrong with it.
    """

    def act(engine: Engine) -> tuple[int, list[str]]:
        return len(engine.decisions()), engine.verify_evidence()

    decisions, problems = looking(settings, act) if file is None else check_record(file)
    if as_json:
        json_line({"intact": not problems, "decisions": decisions, "problems": problems})
    elif problems:
        for problem in problems:
            console().print(clean(problem))
    else:
        console().print(f"Intact: {count(decisions, 'decision')} and what they answer.")
    return ExitCode.OK if not problems else ExitCode.FAILED


def export(
    settings: Globals,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only what belongs to this run.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")
    ] = None,
) -> int:
    """Write the record of requests, decisions and rules as JSON lines that can be checked.

    Keep the hash of the last line elsewhere: with it nobody can rewrite what came before.
    """

    def act(engine: Engine) -> list[AuditEntry]:
        return record_of(engine.store, None if run is None else engine.run(run))

    entries = looking(settings, act)
    text = record_text(entries, whole=run is None)
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return ExitCode.OK
    try:
        output.write_bytes(text)
    except OSError as error:
        raise StoreError(
            f"{output} was not written: {error.strerror}; choose another place."
        ) from error
    return ExitCode.OK


audit.command("verify", help=verify.__doc__)(with_globals(verify))
audit.command("export", help=export.__doc__)(with_globals(export))
