"""`background` and `retry`: what nodes do in the background, and what of it has failed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.app import Engine, RunHandle, RunRecord
from engine.cli.codes import ExitCode
from engine.cli.driving import Manner, drive
from engine.cli.options import AsJson, Globals
from engine.cli.printing import clean, console, json_line, local_time, table
from engine.cli.stores import acting, looking

Json = Any


class _Told(Exception):  # noqa: N818 - no error: another process does it
    """Another process was told to do it."""


def background(
    settings: Globals,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Of this run; else of all.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what has failed.")] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="First let fail what nobody has driven for too long."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """List what nodes do in the background: of a run, or of all runs, newest first."""
    if stale:
        acting(settings, Engine.give_up_stale)

    def look(engine: Engine) -> list[dict[str, Json]]:
        if run is not None:
            records = engine.works(run)
        else:
            records = [each for each in engine.runs() if each.mode == "background"]
        found = [_json(engine, each) for each in records]
        return [each for each in found if not failed or each["status"] == "failed"]

    works = looking(settings, look)
    if as_json:
        for work in works:
            json_line(work)
    elif not works:
        console().print("Nothing works in the background.")
    else:
        rows = [
            (w["run"], w["task"], w["status"], local_time(w["started_at"]), clean(w["reason"]))
            for w in works
        ]
        console().print(table(("run", "task", "status", "started", "why"), rows))
    return ExitCode.OK


def _json(engine: Engine, record: RunRecord) -> dict[str, Json]:
    view = engine.view(record.run) if record.commit >= 0 else None
    error = view.error if view is not None else None
    reason = error.message if error is not None else view.reason if view is not None else ""
    caller, task = record.called_by or ("", "")
    return {
        "run": record.run,
        "of": caller,
        "task": task,
        "status": "interrupted" if record.interrupted else str(record.status),
        "started_at": record.started_at,
        "code": error.code if error is not None else None,
        "reason": reason,
    }


def retry(
    settings: Globals,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The work: an id that is listed.")],
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay while the run waits for people.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Go on with work in the background that has failed or was cancelled.

    The run that it belongs to goes on too if it has not ended, and hears of the result. The
    exit code is that of `headgate run`.
    """

    async def begin(engine: Engine) -> RunHandle:
        handle = await engine.retry_child(run)
        if handle is None:
            raise _Told
        return handle

    try:
        return drive(Manner(store=settings.store, as_json=as_json, wait=wait), begin)
    except _Told:
        console().print("Told the process that drives the run it belongs to.")
        return ExitCode.OK
