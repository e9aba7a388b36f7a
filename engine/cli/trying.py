"""`run-node`: one node alone, without a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.app import Engine, Trial
from engine.cli.codes import ExitCode
from engine.cli.failures import say
from engine.cli.options import AsJson, Globals, json_of
from engine.cli.printing import clean, console, duration, json_line, short_json, styled
from engine.cli.stores import acting
from engine.cli.trust import allowed
from engine.cli.workflow_files import runnable
from engine.model import codec

Json = Any


def run_node(
    settings: Globals,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A workflow, or the name of an example.")
    ],
    node: Annotated[str, typer.Argument(metavar="NODE", help="Key of the node.")],
    input: Annotated[
        str | None, typer.Option("--input", metavar="JSON|@FILE", help="What goes into it.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Use what went in in that run.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Which task of it; else the last one."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run one node alone, once, with its side effects. No run is touched or made.

    What goes into it is given, or taken from a run; so are channels and outputs of other nodes.
    """
    file = runnable(file)
    workflow = codec.load_file(file)
    inputs = None if input is None else {"in": json_of(input, "--input")}

    async def act(engine: Engine) -> Trial:
        allow = allowed(engine, workflow, file, settings)
        return await engine.try_node(workflow, node, inputs=inputs, run=run, task=task, allow=allow)

    trial = acting(settings, act)
    if as_json:
        json_line(_json(trial))
    else:
        _print(trial)
    if trial.error is not None:
        say(trial.error.message)
    return ExitCode.OK if trial.error is None else ExitCode.FAILED


def _json(trial: Trial) -> Mapping[str, Json]:
    asks = trial.asks
    return {
        "node": trial.node,
        "inputs": trial.inputs,
        "outputs": trial.outputs,
        "writes": [{"channel": c, "op": op, "value": value} for c, op, value in trial.writes],
        "error": None if trial.error is None else msgspec.to_builtins(trial.error),
        "asks": None if asks is None else {"title": asks.title, "payload": asks.payload},
        "waits": trial.waits,
        "note": trial.note,
        "duration_s": trial.duration_s,
    }


def _print(trial: Trial) -> None:
    out = console()
    for _, text in trial.log:
        out.print(styled((clean(text.rstrip("\n")), "dim")))
    for port, value in trial.outputs.items():
        out.print(styled((port, "bold"), f"  {short_json(value, 2000)}"))
    for channel, op, value in trial.writes:
        out.print(f"would write {channel} ({op}): {short_json(value, 400)}")
    if trial.asks is not None:
        out.print(f"would ask: {clean(trial.asks.title)}")
    if trial.waits:
        out.print(f"would wait: {clean(trial.waits)}")
    if trial.error is None:
        note = f"  {clean(trial.note)}" if trial.note else ""
        out.print(f"Ran {trial.node} in {duration(trial.duration_s)}; nothing was stored.{note}")
