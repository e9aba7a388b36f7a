"""`signal`: send an event to runs that listen."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

import typer

from engine.app import Engine, SignalRecord
from engine.cli.codes import ExitCode
from engine.cli.driving import Manner, drive
from engine.cli.options import AsJson, Globals, UsageError, json_of
from engine.cli.printing import clean, console, count, hint, json_line
from engine.cli.stores import acting
from engine.nodes.fields import seconds_of

Json = Any


def signal(
    settings: Globals,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the event.")],
    payload: Annotated[
        str | None,
        typer.Option("--payload", metavar="JSON|@FILE", help="What it says. Default: null."),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="For this run; else for all that listen.")
    ] = "",
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Sending the same id again does nothing.")
    ] = "",
    keep: Annotated[
        str,
        typer.Option("--keep", metavar="DURATION", help="How long it may be taken, such as 2h."),
    ] = "7d",
    resume: Annotated[
        bool, typer.Option("--resume", help="Then go on here with the runs that wait for it.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Send an event to a run, or to every run that listens for it.

    The event is stored. A process that drives a run which waits for it goes on at once; what
    listens later, and before --keep is over, still gets it.
    """
    value = None if payload is None else json_of(payload, "--payload")
    keep_s = _seconds(keep)

    async def act(engine: Engine) -> tuple[SignalRecord, list[str]]:
        sent = await engine.signal(
            name, value, run=run or None, id=id, keep_s=keep_s, through="cli"
        )
        waiting = [each for each in engine.listeners(sent.name) if sent.run in ("", each.run)]
        return sent, list(dict.fromkeys(engine.root_of(each.run) for each in waiting))

    sent, runs = acting(settings, act)
    if as_json:
        json_line(_json(sent, runs))
    else:
        _print(settings, sent, runs, resume=resume)
    return _go_on(settings, runs, as_json=as_json) if resume else ExitCode.OK


def _seconds(text: str) -> float:
    try:
        seconds = seconds_of(text if re.search(r"\D", text) else float(text))
    except ValueError as error:
        raise UsageError(f"--keep {text}: {error}.") from error
    return float(seconds)


def _go_on(settings: Globals, runs: list[str], *, as_json: bool) -> int:
    """Drive each run to the end of a leg; the exit code is that of the worst one."""
    manner = Manner(store=settings.store, as_json=as_json)
    codes = [drive(manner, partial(Engine.resume, run=run)) for run in runs]
    return max(codes, default=int(ExitCode.OK))


def _json(sent: SignalRecord, runs: list[str]) -> dict[str, Json]:
    return {
        "event": sent.name,
        "id": sent.id,
        "run": sent.run or None,
        "payload": sent.payload,
        "at": sent.at,
        "expires_at": sent.expires_at,
        "by": sent.by,
        "waiting": runs,
    }


def _print(settings: Globals, sent: SignalRecord, runs: list[str], *, resume: bool) -> None:
    target = f"for run {sent.run}" if sent.run else "for all runs"
    waiting = f"{count(len(runs), 'run')} waiting for it" if runs else "nobody waits for it yet"
    console().print(f"Stored: event {clean(sent.name)} {target}; {waiting}.")
    if not resume:
        for run in runs[:8]:
            console().print(f"  go on with: {hint(settings.store, f'resume {run}')}")
