"""`history`: the commits of a run, or the executions of all runs (U101)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from engine.app import Engine, Execution, ExecutionQuery
from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals, UsageError, age_of
from engine.cli.printing import console, duration, json_line, local_time, table
from engine.cli.stores import acting, looking
from engine.ids import RunId
from engine.runtime.ports import Clock, Place, SystemClock

Run = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Id of a run, or a beginning that only it has."),
]
Node = Annotated[str | None, typer.Option("--node", metavar="KEY", help="Executions of this node.")]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="WORD", help="done, failed, retried, cancelled, ..."),
]
Workflow = Annotated[
    str | None, typer.Option("--workflow", metavar="ID", help="Executions of this workflow.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="2h, 7d, or 2026-01-31T12:00: not older ones."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Only older ones than that.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Executions of a page.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="PLACE", help="The page after this place.")
]

STATUSES = ("done", "recorded", "gated", "cached", "failed", "retried", "cancelled")


def history(
    settings: Globals,
    run: Run = None,
    node: Node = None,
    status: Status = None,
    workflow: Workflow = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> int:
    """List the commits of a run: what each took in and which channels it changed.

    Without a run, or with --node, --status, --workflow, --since or --until, list executions
    instead: every attempt that has ended, of all runs or of this one, newest first.
    """
    narrowed = any(each is not None for each in (node, status, workflow, since, until, after))
    if run is not None and not narrowed:
        return _commits(settings, run, as_json=as_json)
    if status is not None and status not in STATUSES:
        raise UsageError(f"There is no status {status}: give one of {', '.join(STATUSES)}.")
    clock = SystemClock()
    query = ExecutionQuery(
        run=None if run is None else RunId(run),
        node=node,
        status=status,
        workflow_id=workflow,
        since=None if since is None else moment_of(since, clock),
        until=None if until is None else moment_of(until, clock),
        limit=limit,
        after=None if after is None else place_of(after),
    )

    async def act(engine: Engine) -> list[Execution]:
        return await engine.executions(query)

    found = acting(settings, act)
    if as_json:
        for each in found:
            json_line({**msgspec.to_builtins(each), "place": place_text(each.place)})
        return ExitCode.OK
    rows = [
        (
            each.run,
            each.commit,
            local_time(each.at),
            each.task,
            each.status,
            duration(each.duration_s),
            each.message,
        )
        for each in found
    ]
    columns = ("run", "commit", "at", "task", "status", "took", "message")
    console().print(table(columns, rows, right="took"))
    if len(found) == limit:
        console().print(f"There may be more: --after {place_text(found[-1].place)}")
    return ExitCode.OK


def moment_of(text: str, clock: Clock) -> float:
    """Return when ``2h`` ago was, or the moment that an ISO date or time names.

    A time without a zone is in the person's own. Raises `UsageError`: it is neither.
    """
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        try:
            return clock.now() - age_of(text)
        except UsageError as error:
            raise UsageError(
                f"{text} is no moment: give a time span such as 2h or 7d, or 2026-01-31T12:00."
            ) from error
    return (named if named.tzinfo is not None else named.astimezone()).astimezone(UTC).timestamp()


def place_text(place: Place) -> str:
    """Return a place as a word for `--after`."""
    at, key, number = place
    return f"{at!r}/{key}/{number}"


def place_of(text: str) -> Place:
    """Return the place that `place_text` made a word of. Raises `UsageError`: it is none."""
    try:
        at, key, number = text.split("/")
        return float(at), int(key), int(number)
    except ValueError as error:
        raise UsageError(f"{text} is no place: copy the one of the last line.") from error


# --- commits ------------------------------------------------------------------------------


def _commits(settings: Globals, run: str, *, as_json: bool) -> int:
    summaries = looking(settings, lambda engine: engine.history(run))
    if as_json:
        for each in summaries:
            json_line(
                {
                    "run": each.run,
                    "superstep": each.number,
                    "commit": each.number,
                    "at": each.at,
                    "tasks": list(each.tasks),
                    "changed": list(each.changed),
                    "status": each.status,
                    "bytes": each.bytes,
                    "name": each.name or None,
                }
            )
        return ExitCode.OK
    rows = [
        (
            f"{each.number} {each.name}".strip(),
            local_time(each.at),
            each.status,
            f"{each.bytes:,}",
            ", ".join(each.changed),
            _few(each.tasks),
        )
        for each in summaries
    ]
    columns = ("commit", "at", "status", "bytes", "changed", "tasks")
    console().print(table(columns, rows, right="bytes"))
    return ExitCode.OK


def _few(tasks: tuple[str, ...]) -> str:
    more = len(tasks) - 6
    return ", ".join(tasks[:6]) + (f" and {more:,} more" if more > 0 else "")
