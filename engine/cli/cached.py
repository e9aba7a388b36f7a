"""`cache`: the results that are kept for equal work (U89)."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.app import Engine
from engine.cli.codes import ExitCode
from engine.cli.options import Allow, AsJson, Debug, Globals, Store, UsageError, with_globals
from engine.cli.printing import console, count, json_line, local_time, table
from engine.cli.stores import acting, looking

cache = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")]


def show(settings: Globals, limit: Limit = 50, as_json: AsJson = False) -> int:
    """List the results that are kept for equal work, the one used last first."""
    found, (number, usage) = looking(
        settings, lambda engine: (engine.kept_results(limit=limit), engine.kept_usage())
    )
    if as_json:
        for each in found:
            json_line(
                {
                    "key": each.key.hex(),
                    "run": each.run,
                    "workflow_id": each.workflow_id,
                    "node": each.node,
                    "at": each.at,
                    "expires_at": each.expires_at,
                    "bytes": each.size,
                }
            )
        return ExitCode.OK
    rows = [
        (each.node, each.run, local_time(each.at), local_time(each.expires_at), f"{each.size:,}")
        for each in found
    ]
    if rows:
        console().print(table(("node", "run", "kept", "until", "bytes"), rows, right="bytes"))
    most = f"{usage.quota / 1e6:,.0f} MB"
    console().print(f"{count(number, 'result')} kept, {usage.bytes / 1e6:,.1f} of {most}.")
    return ExitCode.OK


def clear(
    settings: Globals,
    node: Annotated[
        str | None, typer.Option("--node", metavar="KEY", help="Only those of this node.")
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="ID", help="Only those of this workflow.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: AsJson = False,
) -> int:
    """Drop kept results: the next equal work is done again."""
    if everything is (node is not None or workflow is not None):
        raise UsageError("Say which results to drop: --node, --workflow, or --all of them.")

    async def act(engine: Engine) -> int:
        return await engine.forget_results(workflow_id=workflow, node=node)

    dropped = acting(settings, act)
    if as_json:
        json_line({"dropped": dropped})
    else:
        console().print(f"{count(dropped, 'result')} dropped.")
    return ExitCode.OK


@cache.callback()
def _cache(
    ctx: typer.Context,
    limit: Limit = 50,
    as_json: AsJson = False,
    store: Store = None,
    debug: Debug = False,
    allow: Allow = None,
) -> int:
    """List the results that are kept for equal work, the one used last first."""
    if ctx.invoked_subcommand is not None:
        return ExitCode.OK
    settings = ctx.obj.and_those(Globals.of(store, debug, allow))
    return show(settings, limit, as_json)


cache.command("clear", help=clear.__doc__)(with_globals(clear))
