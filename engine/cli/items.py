"""`items`: what people do to a For each that is at work."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.app import Engine, RunHandle
from engine.cli.codes import ExitCode
from engine.cli.driving import Manner, drive
from engine.cli.options import AsJson, Globals, RunArgument, UsageError, json_of
from engine.cli.printing import console, json_line
from engine.cli.stores import acting
from engine.cli.trust import allowed_for
from engine.commands import AddItems, FinishItems


def items(
    settings: Globals,
    run: RunArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Key of the For each.")],
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="JSON", help="An item to add. Repeatable."),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Go on with the results that there are.")
    ] = False,
    within: Annotated[
        str, typer.Option("--within", metavar="ITEM", help="The item around it, as each.3.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Add items to a For each that is at work, or let its Collect go on."""
    if bool(add) == finish:
        raise UsageError("Say either what to --add or to --finish.")
    values = tuple(json_of(text, "--add") for text in add or ())
    command = (
        FinishItems(node=node, within=within)
        if finish
        else AddItems(node=node, items=values, within=within)
    )

    async def tell(engine: Engine) -> str:
        return await engine.tell(run, command)

    told = acting(settings, tell)
    if told:
        if as_json:
            json_line({"run": told, "told": True})
        else:
            console().print(f"Told the process that drives run {told}.")
        return ExitCode.OK

    async def begin(engine: Engine) -> RunHandle:
        allow = allowed_for(engine, run, settings)
        return await engine.resume(run, allow=allow, commands=[command])

    return drive(Manner(store=settings.store, as_json=as_json), begin)
