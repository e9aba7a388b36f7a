"""`run`, `resume` and `fork`: what drives a run in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.app import EditedDocument, Engine, RunHandle, RunRecord, UnknownRun
from engine.cli.driving import Manner, drive
from engine.cli.options import (
    AsJson,
    Globals,
    RunArgument,
    UsageError,
    breakpoints_of,
    early_of,
    json_of,
    saving_of,
    settings_of,
)
from engine.cli.trust import allowed, allowed_for
from engine.cli.workflow_files import runnable
from engine.commands import AnyCommand, Decide, Pause, SetBreakpoints, Step, Unpause
from engine.model import codec

Json = Any

Wait = Annotated[
    bool, typer.Option("--wait", help="Stay until the run ends; decisions made meanwhile count.")
]
MaxIdle = Annotated[
    float,
    typer.Option(
        "--max-idle",
        metavar="SECONDS",
        min=0.0,
        help="Wait here for timers that are due within this time.",
    ),
]
Early = Annotated[
    list[str] | None,
    typer.Option(
        "--decide",
        metavar="NODE=approve|reject",
        help="Answer a barrier as soon as it asks. Repeatable.",
    ),
]
Break = Annotated[
    list[str] | None,
    typer.Option(
        "--break",
        metavar="WHERE",
        help="Pause at NODE, after:NODE, error or commit, also with ' if EXPRESSION'. Repeatable.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="CHANNEL=JSON", help="Set a channel at the start. Repeatable."),
]
Input = Annotated[
    str | None,
    typer.Option("--input", metavar="JSON|@FILE", help="The input; else the workflow's example."),
]
On = Annotated[
    Path | None, typer.Option("--on", metavar="FILE", help="Go on with this edited workflow.")
]
Force = Annotated[bool, typer.Option("--force", help="With --on: whatever is asked again or lost.")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="With --on: a node that was renamed."),
]


def run(
    settings: Globals,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A workflow, or the name of an example.")
    ],
    input: Input = None,
    set: Set = None,
    decide: Early = None,
    wait: Wait = False,
    max_idle: MaxIdle = 60.0,
    trigger: Annotated[
        str | None, typer.Option("--trigger", metavar="NODE", help="Where it begins, if unclear.")
    ] = None,
    session: Annotated[
        str,
        typer.Option(
            "--session", metavar="NAME", help="Begin with the durable channels of its last run."
        ),
    ] = "",
    stops: Break = None,
    to: Annotated[
        str, typer.Option("--to", metavar="NODE", help="Pause when this node has its result.")
    ] = "",
    begin_at: Annotated[
        str,
        typer.Option("--from", metavar="NODE", help="Begin here, on results of an earlier run."),
    ] = "",
    of: Annotated[
        str, typer.Option("--of", metavar="RUN", help="With --from: that run; else the newest.")
    ] = "",
    save: Annotated[
        str,
        typer.Option(
            "--save",
            metavar="WHEN",
            help="every_commit, on_wait, on_request, at_end, interval:S or adaptive:S.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Run a workflow until it ends or waits for a person.

    It returns with exit code 5 when only people, or timers later than --max-idle, can move
    the run on; everything is stored then, and `headgate resume` continues it.
    """
    file = runnable(file)
    workflow = codec.load_file(file)
    value = json_of(input, "--input") if input is not None else None
    channels = settings_of(set, "--set")
    early = early_of(decide, workflow.nodes)
    points = breakpoints_of(stops)
    saving = saving_of(save, workflow.settings.save) if save else None

    async def begin(engine: Engine) -> RunHandle:
        earlier = _earlier(engine, workflow.id, of) if begin_at else None
        return await engine.start(
            workflow,
            earlier.input if earlier is not None and input is None else value,
            channels=channels,
            trigger=trigger,
            source_path=str(file.resolve()),
            allow=allowed(engine, workflow, file, settings),
            session=session,
            breakpoints=points,
            until=to,
            reuse=(earlier.run, begin_at) if earlier is not None else None,
            save=saving,
        )

    manner = Manner(
        store=settings.store, as_json=as_json, wait=wait, max_idle_s=max_idle, early=early
    )
    return drive(manner, begin)


def resume(
    settings: Globals,
    run: RunArgument,
    on: On = None,
    force: Force = False,
    map: Map = None,
    decide: Early = None,
    wait: Wait = False,
    max_idle: MaxIdle = 60.0,
    stops: Break = None,
    step: Annotated[
        bool, typer.Option("--step", help="Make one superstep of a paused run; it stays paused.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run that was interrupted, is paused, waits, failed or was cancelled.

    Only what is unfinished runs again. With --on it goes on with an edited workflow: without
    --force that is refused, with the report of what would become of the run. The exit code is
    that of `headgate run`.
    """
    edited = _edited(on, map, force=force)
    early = early_of(decide, _nodes_of(settings, run)) if decide else {}
    points = breakpoints_of(stops)
    commands: list[AnyCommand] = [Pause(reason="after a step"), Step()] if step else [Unpause()]
    if stops:
        commands.insert(0, SetBreakpoints(breakpoints=tuple(points)))

    async def begin(engine: Engine) -> RunHandle:
        if points:
            engine.check_breakpoints(run, points)
        await _answer_open(engine, engine.run(run).run, early)
        allow = allowed_for(engine, run, settings, on=on)
        return await engine.resume(run, allow=allow, commands=commands, edited=edited)

    manner = Manner(
        store=settings.store, as_json=as_json, wait=wait, max_idle_s=max_idle, early=early
    )
    return drive(manner, begin)


def fork(
    settings: Globals,
    run: RunArgument,
    at: Annotated[
        int,
        typer.Option("--at", metavar="N", min=0, help="The commit to begin with; 0 is the start."),
    ],
    on: On = None,
    force: Force = False,
    map: Map = None,
    set: Set = None,
    input: Input = None,
    decide: Early = None,
    wait: Wait = False,
    max_idle: MaxIdle = 60.0,
    as_json: AsJson = False,
) -> int:
    """Start a new run from a commit of another one, which is left as it is.

    What the other run did after that commit is done again, its side effects too.
    """
    channels = settings_of(set, "--set")
    edited = _edited(on, map, force=force)
    early = early_of(decide, _nodes_of(settings, run)) if decide else {}
    given = {} if input is None else {"input": json_of(input, "--input")}

    async def begin(engine: Engine) -> RunHandle:
        allow = allowed_for(engine, run, settings, on=on)
        return await engine.fork(run, at, channels=channels, allow=allow, edited=edited, **given)

    manner = Manner(
        store=settings.store, as_json=as_json, wait=wait, max_idle_s=max_idle, early=early
    )
    return drive(manner, begin)


def _earlier(engine: Engine, workflow: str, run: str) -> RunRecord:
    """Return the run that is named, or the newest one of a workflow.

    Raises:
        UnknownRun: there is none.
    """
    if run:
        return engine.run(run)
    found = (record for record in engine.runs() if record.workflow_id == workflow)
    newest = next(found, None)
    if newest is None:
        raise UnknownRun("This workflow has not been run yet; --from needs an earlier run.")
    return engine.run(newest.run)


def _edited(on: Path | None, pairs: list[str] | None, *, force: bool) -> EditedDocument | None:
    if on is None:
        if force or pairs:
            raise UsageError("--force and --map go with --on FILE.")
        return None
    names: dict[str, str] = {}
    for pair in pairs or ():
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UsageError(f"--map {pair} is not of the form old=new.")
        names[old] = new
    return EditedDocument(workflow=codec.load_file(on), force=force, names=names)


async def _answer_open(engine: Engine, run: str, early: Mapping[str, str]) -> None:
    """Answer what the run asks already; what it will ask is answered by the engine."""
    for request in engine.inbox():
        if request.run == run and request.node in early:
            command = Decide(
                request=request.request,
                choice=early[request.node],
                by=engine.user,
                through="cli",
                digest=request.digest,
            )
            await engine.decide(command)


def _nodes_of(settings: Globals, run: str) -> Any:
    from engine.cli.stores import looking  # noqa: PLC0415 - only with --decide

    return looking(settings, lambda engine: engine.workflow_of(run)).nodes
