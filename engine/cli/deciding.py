"""`inbox`, `decide` and `cancel`: what people say to runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

import msgspec
import typer

from engine.app import (
    DecisionRecord,
    Engine,
    RequestRecord,
    RunHandle,
    RunIsHeld,
    RunRecord,
    UnknownRun,
)
from engine.cli.codes import ExitCode
from engine.cli.driving import Manner, drive
from engine.cli.options import AsJson, Globals, RunArgument, UsageError, json_of
from engine.cli.printing import (
    clean,
    clean_lines,
    console,
    hint,
    json_line,
    local_time,
    short_json,
    styled,
)
from engine.cli.stores import acting, looking
from engine.cli.trust import allowed_for
from engine.commands import CancelPart, Decide
from engine.ids import TaskId
from engine.runtime.decisions import choices
from engine.state.status import ENDED, RunStatus

Json = Any
#: The runs that called one another, outermost first, each with the task that did.
Callers = list[tuple[RunRecord, TaskId]]
#: How long to wait for the process that drives the run.
CANCEL_S = 8.0
_LOOK_S = 0.25
_ROWS = 8


def inbox(settings: Globals, as_json: AsJson = False) -> int:
    """List the open barrier requests of all runs, the one due first at the top."""

    def look(engine: Engine) -> list[tuple[RequestRecord, Callers]]:
        return [(each, engine.callers_of(each.run)) for each in engine.inbox()]

    requests = looking(settings, look)
    for each, callers in requests:
        if as_json:
            json_line(_request_json(each, callers))
        else:
            _print_request(each, callers, settings.store)
    if not requests and not as_json:
        console().print("Nothing is waiting for you.")
    return ExitCode.OK


def decide(
    settings: Globals,
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="Id of a request, or a unique beginning.")
    ],
    choice: Annotated[
        str,
        typer.Argument(metavar="CHOICE", help="approve, reject, modify, reroute, or an option."),
    ],
    comment: Annotated[str, typer.Option("--comment", help="Why; kept with the decision.")] = "",
    values: Annotated[
        str | None,
        typer.Option("--values", metavar="JSON|@FILE", help="For modify: the whole payload."),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="NODE", help="For reroute: where it goes.")
    ] = "",
    digest: Annotated[
        str | None,
        typer.Option("--digest", help="Refuse unless this is the content that is asked about."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Then go on with the run here.")] = False,
    as_json: AsJson = False,
) -> int:
    """Answer a barrier request.

    The decision is stored. A process that drives the run goes on at once; with --resume this
    one does, and the exit code is that of the run.
    """
    if values is not None and choice in {"approve", "reject", "reroute"}:
        raise UsageError(f"--values goes with modify, not with {choice}.")
    if choice == "modify" and values is None:
        raise UsageError("modify needs --values with the whole edited payload.")
    if choice == "reroute" and not to:
        raise UsageError("reroute needs --to with the node that it goes to.")
    edited = json_of(values, "--values") if values is not None else None

    async def act(engine: Engine) -> DecisionRecord:
        record = find_request(engine, request)
        command = Decide(
            request=record.request,
            choice=choice,
            by=engine.user,
            through="cli",
            digest=record.digest if digest is None else digest,
            comment=comment,
            values=edited,
            to=to,
        )
        return await engine.decide(command)

    stored = acting(settings, act)
    if as_json:
        json_line(_decision_json(stored))
    elif not resume:
        console().print(f"Stored: {stored.choice} by {clean(stored.by)}. {_next(settings, stored)}")
    if not resume:
        return ExitCode.OK
    manner = Manner(store=settings.store, as_json=as_json)
    try:
        return drive(manner, lambda engine: _take_over(engine, stored))
    except _TakenIn:
        if not as_json:
            command = hint(settings.store, f"show {stored.run}")
            console().print(f"Stored, and taken in by the process that drives it. See {command}")
        return ExitCode.OK


def cancel(
    settings: Globals,
    run: RunArgument,
    reason: Annotated[
        str, typer.Option("--reason", help="Kept with the run.")
    ] = "asked by the person",
    task: Annotated[str, typer.Option("--task", metavar="TASK", help="Only this task.")] = "",
    item: Annotated[
        str, typer.Option("--item", metavar="ITEM", help="Only this item, as each.3.")
    ] = "",
    node: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="NODE", help="Only the tasks of this node. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Cancel a run, whoever drives it. It can be resumed later.

    Where another process drives it, the request is stored and this waits a few seconds for it
    to be obeyed.
    """
    if task or item or node:
        part = CancelPart(task=task, item=item, nodes=tuple(node or ()), reason=reason)
        return _cancel_part(settings, run, part, as_json=as_json)
    ended, record = acting(settings, lambda engine: _cancel(engine, run, reason))
    if as_json:
        json_line({"run": record, "cancelled": ended, "reason": reason})
    elif ended:
        command = hint(settings.store, f"resume {record}")
        console().print(f"Run {record} is cancelled. To go on with it after all: {command}")
    else:
        console().print(
            f"The process that drives run {record} has not answered yet; the request is stored "
            f"and it will obey. Look with: {hint(settings.store, f'show {record}')}"
        )
    return ExitCode.OK


def _cancel_part(settings: Globals, run: str, command: CancelPart, *, as_json: bool) -> int:
    """Cancel a part of a run that another process drives, or go on with the run without it."""

    async def tell(engine: Engine) -> str:
        return await engine.tell(run, command)

    told = acting(settings, tell)
    if told:
        if as_json:
            json_line({"run": told, "cancelled": False, "reason": command.reason})
        else:
            console().print(f"Told the process that drives run {told}: cancel {command.words}.")
        return ExitCode.OK
    manner = Manner(store=settings.store, as_json=as_json)

    async def begin(engine: Engine) -> RunHandle:
        allow = allowed_for(engine, run, settings)
        return await engine.resume(run, allow=allow, commands=[command])

    return drive(manner, begin)


class _TakenIn(Exception):  # noqa: N818 - no error
    """Another process drives the run and has taken the decision in."""


async def _take_over(engine: Engine, decision: DecisionRecord) -> RunHandle:
    """Resume the run, unless whoever drives it takes the decision in.

    Raises:
        _TakenIn: it has. RunIsHeld: somebody drives the run and does not.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + CANCEL_S
    while True:
        try:
            return await engine.resume(engine.root_of(decision.run))
        except RunIsHeld:
            if any(
                each.admitted for each in engine.decisions(decision.run) if each.id == decision.id
            ):
                raise _TakenIn from None
            if clock.time() > until:
                raise
        # The other process may end its leg at any moment, and then it is our turn.
        await asyncio.sleep(_LOOK_S)


async def _cancel(engine: Engine, run: str, reason: str) -> tuple[bool, str]:
    record = engine.run(run)
    await engine.cancel(record.run, reason)
    changed = asyncio.Event()
    engine.watch(changed.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CANCEL_S):
            while engine.run(record.run).status not in ENDED:
                # What changed before the first look is not told, so look again by ourselves.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _LOOK_S)
                changed.clear()
    return engine.run(record.run).status is RunStatus.CANCELLED, record.run


def find_request(engine: Engine, wanted: str) -> RequestRecord:
    """Return the request with that id, or the only one whose id begins so.

    Raises:
        UnknownRun: there is none. UsageError: there are several.
    """
    found = [each for each in engine.inbox() if each.request.startswith(wanted)] if wanted else []
    exact = [each for each in found if each.request == wanted]
    if len(found) > 1 and not exact:
        ids = ", ".join(each.request for each in found[:5])
        raise UsageError(
            f"{len(found)} open requests begin with {wanted}: {ids}; write more of it."
        )
    if found:
        return (exact or found)[0]
    try:
        return engine.request(wanted)
    except UnknownRun as error:
        raise UnknownRun(
            f"There is no request {wanted} in this store; headgate inbox lists the open ones."
        ) from error


def _next(settings: Globals, stored: DecisionRecord) -> str:
    record = looking(settings, lambda engine: engine.run(stored.run))
    if record.status is RunStatus.WAITING or record.interrupted:
        root = looking(settings, lambda engine: engine.root_of(stored.run))
        return f"Go on with: {hint(settings.store, f'resume {root}')}"
    return f"Look with: {hint(settings.store, f'show {stored.run}')}"


# --- output -------------------------------------------------------------------------------


def _request_json(record: RequestRecord, callers: Callers) -> dict[str, Json]:
    content = record.content
    return {
        "request": record.request,
        "run": record.run,
        "node": record.node,
        "title": content.title,
        "payload": content.payload,
        "deadline": record.deadline,
        "digest": record.digest,
        "workflow": record.workflow,
        "task": record.task,
        "body": content.body,
        "choices": list(choices(content)),
        "editable": None if content.editable is None else list(content.editable),
        "form": content.form,
        "default": content.default,
        "assignees": list(content.assignees),
        "quorum": content.quorum,
        "reroute_to": list(content.reroute_to),
        "opened_at": record.opened_at,
        "callers": [
            {"run": each.run, "workflow": each.workflow, "task": task} for each, task in callers
        ],
    }


def _decision_json(decision: DecisionRecord) -> dict[str, Json]:
    found: dict[str, Json] = msgspec.to_builtins(decision)
    return {name: value for name, value in found.items() if name != "admitted"}


def _print_request(record: RequestRecord, callers: Callers, store: str | None) -> None:
    out = console()
    content = record.content
    out.print(styled((clean(content.title), "bold"), ("  request ", "dim"), record.request))
    out.print(
        f"  {clean(record.workflow)}, node {record.node}, run {record.run}, "
        f"asked {local_time(record.opened_at)}"
    )
    if callers:
        path = " > ".join(f"{clean(each.workflow)}, task {task}" for each, task in callers)
        out.print(f"  called by {path}")
    if record.deadline is not None:
        out.print(f"  until {local_time(record.deadline)}, then {content.default}")
    for line in clean_lines(content.body).splitlines()[:_ROWS]:
        out.print(f"  {line}")
    payload = content.payload
    rows: list[Json] = payload if isinstance(payload, list) else [payload]
    rows = [] if payload is None else rows
    for row in rows[:_ROWS]:
        out.print(styled((f"    {short_json(row, 160)}", "dim")))
    if len(rows) > _ROWS:
        out.print(styled((f"    and {len(rows) - _ROWS:,} more", "dim")))
    offered = "|".join(choices(content))
    out.print(f"  {hint(store, f'decide {record.request}')} {offered}\n")
