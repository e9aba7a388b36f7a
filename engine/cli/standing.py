"""`rules`: standing decisions."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.app import Engine, RuleRecord, UnknownRun, Workflow
from engine.cli.codes import ExitCode
from engine.cli.options import (
    Allow,
    AsJson,
    Debug,
    Globals,
    Store,
    UsageError,
    age_of,
    with_globals,
)
from engine.cli.printing import clean, console, count, json_line, local_time, table
from engine.cli.stores import acting, looking
from engine.cli.workflow_files import readable
from engine.model import codec
from engine.runtime.ports import SystemClock

Json = Any

Uses = Annotated[
    int | None,
    typer.Option("--uses", metavar="N", min=1, help="How often it may answer. Default: always."),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="WHEN", help="When it ends: 30m, 8h, 7d, or 2026-05-01T17:00."
    ),
]

rules = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)


def list_rules(settings: Globals, all: bool = False, as_json: AsJson = False) -> int:
    """List the standing decisions that still answer."""
    now = SystemClock().now()
    found = looking(settings, lambda engine: engine.rules())
    shown = [rule for rule in found if all or rule.is_active(now)]
    if as_json:
        for rule in shown:
            json_line(_rule_json(rule, now))
    elif not shown:
        console().print("There are no standing decisions.")
    else:
        rows = [
            (
                rule.id,
                rule.workflow,
                _scope(rule),
                rule.choice,
                f"{rule.uses}" if rule.max_uses is None else f"{rule.uses} of {rule.max_uses}",
                _end(rule, now),
                rule.by,
                rule.comment,
            )
            for rule in shown
        ]
        columns = ("rule", "workflow", "answers", "with", "used", "ends", "by", "comment")
        console().print(table(columns, rows))
    return ExitCode.OK


def add(
    settings: Globals,
    workflow: Annotated[
        str, typer.Argument(metavar="FILE|RUN", help="The workflow, or a run of it.")
    ],
    choice: Annotated[
        str, typer.Argument(metavar="CHOICE", help="approve, reject, reroute, or an option.")
    ],
    node: Annotated[str, typer.Option("--node", metavar="NODE", help="Only this barrier.")] = "",
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", help="Only this task, as ask@each.3.")
    ] = "",
    this_run: Annotated[bool, typer.Option("--this-run", help="Only the run given.")] = False,
    this_revision: Annotated[
        bool, typer.Option("--this-revision", help="Only while the workflow stays as it is.")
    ] = False,
    to: Annotated[
        str, typer.Option("--to", metavar="NODE", help="For reroute: where it goes.")
    ] = "",
    uses: Uses = None,
    expires: Expires = None,
    comment: Annotated[str, typer.Option("--comment", help="Kept with every decision.")] = "",
    open_ones: Annotated[
        bool, typer.Option("--open", help="Answer what is open already as well.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Decide in advance what the barriers of a workflow will ask."""
    now = SystemClock().now()
    ends = None if expires is None else when(expires, now)

    async def act(engine: Engine) -> tuple[RuleRecord, int]:
        document, run, revision = _meant(engine, workflow)
        if this_run and not run:
            raise UsageError("--this-run needs a run instead of a file.")
        scope = {"node": node, "task": task}
        scope["run"] = run if this_run else ""
        scope["revision"] = revision if this_revision else ""
        rule = await engine.add_rule(
            workflow=document,
            choice=choice,
            scope=scope,
            to=to,
            comment=comment,
            max_uses=uses,
            expires_at=ends,
        )
        answered = await engine.apply_rules(engine.inbox()) if open_ones else []
        mine = [each for each in answered if each.through == f"rule {rule.id}"]
        return next(each for each in engine.rules() if each.id == rule.id), len(mine)

    rule, answered = acting(settings, act)
    if as_json:
        json_line({**_rule_json(rule, now), "answered": answered})
    else:
        more = f" It has answered {count(answered, 'open request')}." if answered else ""
        console().print(
            f"Rule {rule.id}: {clean(rule.choice)} for {clean(_scope(rule))} of "
            f"{clean(rule.workflow)}, {_end(rule, now)}.{more}"
        )
    return ExitCode.OK


def revoke(
    settings: Globals,
    rule: Annotated[str, typer.Argument(metavar="ID", help="Id of a rule, or a beginning.")],
    as_json: AsJson = False,
) -> int:
    """End a standing decision. What it has decided stays decided."""
    ended = acting(settings, lambda engine: engine.revoke_rule(rule))
    if as_json:
        json_line(_rule_json(ended, SystemClock().now()))
    else:
        console().print(f"Rule {ended.id} answers no more; it has {count(ended.uses, 'time')}.")
    return ExitCode.OK


def when(text: str, now: float) -> float:
    """Return the time that a text means, in seconds since the epoch.

    Raises:
        UsageError: it means none.
    """
    with suppress(UsageError):
        return now + age_of(text)
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError as error:
        raise UsageError(
            f"{text} is no time: give 30m, 8h, 7d, or a date as 2026-05-01T17:00."
        ) from error


def _meant(engine: Engine, text: str) -> tuple[Workflow, str, str]:
    """Return the workflow that a file or run stands for, with the run and its revision."""
    path = readable(Path(text))
    if path.exists():
        document = codec.load_file(path)
        return document, "", engine.prepare(document).revision
    try:
        record = engine.run(text)
    except UnknownRun as error:
        raise UsageError(f"{text} is neither a file nor a run of this store.") from error
    return engine.workflow_of(record.run), record.run, record.revision


def _scope(rule: RuleRecord) -> str:
    words = rule.task or rule.node or "every barrier"
    if rule.run:
        words += f" in run {rule.run}"
    return f"{words} at revision {rule.revision[:8]}" if rule.revision else words


def _end(rule: RuleRecord, now: float) -> str:
    if rule.revoked_at is not None:
        return f"revoked by {rule.revoked_by}"
    if not rule.is_active(now):
        return "over"
    return "until revoked" if rule.expires_at is None else f"until {local_time(rule.expires_at)}"


def _rule_json(rule: RuleRecord, now: float) -> dict[str, Json]:
    return {
        "rule": rule.id,
        "active": rule.is_active(now),
        "workflow": rule.workflow,
        "workflow_id": rule.workflow_id,
        "run": rule.run or None,
        "node": rule.node or None,
        "task": rule.task or None,
        "revision": rule.revision or None,
        "choice": rule.choice,
        "to": rule.to or None,
        "comment": rule.comment,
        "by": rule.by,
        "at": rule.at,
        "max_uses": rule.max_uses,
        "uses": rule.uses,
        "expires_at": rule.expires_at,
        "revoked_at": rule.revoked_at,
        "revoked_by": rule.revoked_by or None,
    }


@rules.callback()
def _rules(
    ctx: typer.Context,
    all: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    as_json: AsJson = False,
    store: Store = None,
    debug: Debug = False,
    allow: Allow = None,
) -> int:
    """List the standing decisions that still answer."""
    if ctx.invoked_subcommand is not None:
        return ExitCode.OK
    settings = ctx.obj.and_those(Globals.of(store, debug, allow))
    return list_rules(settings, all=all, as_json=as_json)


rules.command("add", help=add.__doc__)(with_globals(add))
rules.command("revoke", help=revoke.__doc__)(with_globals(revoke))
