"""`runs` and `show`: what the store knows of runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.app import Engine, RunRecord
from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals, RunArgument
from engine.cli.printing import (
    clean,
    console,
    count,
    hint,
    json_line,
    local_time,
    short_json,
    styled,
    table,
)
from engine.cli.stores import looking
from engine.run_view import RunView
from engine.state.run_state import RunState

Json = Any
#: Child runs that are listed for people.
_MOST_CHILDREN = 12

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")]
At = Annotated[int | None, typer.Option("--at", metavar="N", min=0, help="As it was at commit N.")]


def runs(settings: Globals, limit: Limit = 200, as_json: AsJson = False) -> int:
    """List the runs in the store, newest first."""
    records = looking(settings, lambda engine: engine.runs(limit=limit))
    if as_json:
        for record in records:
            json_line(_run_json(record))
    elif not records:
        command = hint(settings.store, "run invoice-approval")
        console().print(f"There are no runs yet. Start one with: {command}")
    else:
        rows = [
            (r.run, _status(r), r.commit, local_time(r.started_at), r.title or r.workflow)
            for r in records
        ]
        columns = ("run", "status", "superstep", "started", "workflow")
        console().print(table(columns, rows, right="superstep"))
    return ExitCode.OK


def show(settings: Globals, run: RunArgument, at: At = None, as_json: AsJson = False) -> int:
    """Show the state, frontier, waits and result of a run, now or at a commit."""

    def look(engine: Engine) -> tuple[RunRecord, RunView, RunState, list[RunRecord]]:
        views = engine.view(run, at), engine.state_at(run, at)
        return engine.run(run), *views, engine.children(run)

    record, view, state, children = looking(settings, look)
    shown = _show_json(record, view, state, past=at is not None)
    shown["children"] = [_child_json(child) for child in children]
    if as_json:
        json_line(shown)
    else:
        _print_run(record, shown, view, settings.store)
    return ExitCode.OK


# --- JSON ---------------------------------------------------------------------------------


def _run_json(record: RunRecord) -> dict[str, Json]:
    return {
        "run": record.run,
        "workflow": record.workflow,
        "status": _status(record),
        "superstep": record.commit,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "title": record.title,
        "revision": record.revision,
        "file": record.source_path,
        "parent": record.parent,
        "parent_commit": record.parent_commit,
        "session": record.session,
        "called_by": record.called_by and record.called_by[0],
        "caller_task": record.called_by and record.called_by[1],
        "mode": record.mode or None,
    }


def _child_json(child: RunRecord) -> dict[str, Json]:
    return {
        "run": child.run,
        "workflow": child.workflow,
        "task": child.called_by and child.called_by[1],
        "mode": child.mode,
        "status": _status(child),
    }


def _status(record: RunRecord) -> str:
    return "interrupted" if record.interrupted else str(record.status)


def _show_json(record: RunRecord, view: RunView, state: RunState, *, past: bool) -> dict[str, Json]:
    frontier = [
        {
            "task": entry.task,
            "node": entry.node,
            "state": entry.state,
            "attempt": entry.attempt,
            "since": entry.since,
            "due_at": entry.due_at,
            "request": entry.request,
            "text": entry.text,
        }
        for entry in view.frontier.values()
    ]
    waits = [
        {
            "task": wait.task,
            "node": state.tasks[wait.task].node,
            "kind": wait.kind,
            "request": wait.request,
            "opened_at": wait.opened_at,
            "due_at": wait.due_at,
            "text": wait.text,
            "child": wait.payload["run"] if wait.kind == "child" else None,
        }
        for wait in state.waits.values()
    ]
    return {
        "run": record.run,
        "workflow": record.workflow,
        "status": view.status if past else _status(record),
        "superstep": view.commit,
        "state": state.channels,
        "frontier": frontier,
        "waits": waits,
        "result": view.result,
        "error": view.error,
        "started_at": view.started_at,
        "updated_at": view.updated_at,
        "revision": record.revision,
        "parent": None if view.parent is None else list(view.parent),
        "input": record.input,
        "meters": {
            name: {"limit": meter.limit, "used": meter.used, "reserved": meter.reserved}
            for name, meter in view.meters.items()
        },
        "called_by": record.called_by and list(record.called_by),
    }


# --- for people ---------------------------------------------------------------------------


def _print_run(record: RunRecord, shown: dict[str, Json], view: RunView, store: str | None) -> None:
    out = console()
    name = clean(record.title or record.workflow)
    out.print(styled((name, "bold"), ("  run ", "dim"), record.run))
    where = f"{shown['status']} at superstep {shown['superstep']} of {record.commit}"
    out.print(f"{where}, started {local_time(view.started_at)}")
    _print_origin(record, view)
    if view.error is not None:
        out.print(styled(("failed: ", "red"), clean(view.error.message)))
    if view.nodes:
        done = sum(node.done for node in view.nodes.values())
        failed = sum(node.failed for node in view.nodes.values())
        skipped = sum(node.skipped for node in view.nodes.values())
        out.print(f"{count(done, 'task')} done, {failed:,} failed, {skipped:,} skipped")
    if shown["state"]:
        out.print(styled(("\nstate", "bold")))
        for channel, value in shown["state"].items():
            out.print(f"  {clean(channel)} = {short_json(value, 300)}")
    if shown["meters"]:
        out.print(styled(("\nbudgets", "bold")))
        for name, meter in shown["meters"].items():
            of = "" if meter["limit"] is None else f" of {meter['limit']:g}"
            held = f", {meter['reserved']:g} reserved" if meter["reserved"] else ""
            out.print(f"  {clean(name)}: {meter['used']:g}{of} used{held}")
    if shown["frontier"]:
        out.print(styled(("\nfrontier", "bold")))
        kinds = {wait["task"]: wait["kind"] for wait in shown["waits"]}
        for entry in shown["frontier"]:
            due = f"  until {local_time(entry['due_at'])}" if entry["due_at"] else ""
            text = f"  {clean(entry['text'])}" if entry["text"] else ""
            out.print(f"  {entry['task']}  {entry['state']}{text}{due}")
            if entry["request"]:
                choice = "approve" if kinds.get(entry["task"]) == "approval" else "CHOICE"
                command = f"decide {entry['request']} {choice} --resume"
                out.print(f"      {hint(store, command)}")
    _print_children(shown["children"])
    if shown["result"] is not None:
        out.print(styled(("\nresult", "bold")))
        out.print(f"  {short_json(shown['result'], 2000)}")


def _print_origin(record: RunRecord, view: RunView) -> None:
    if view.parent is not None:
        console().print(f"forked from run {view.parent[0]} at commit {view.parent[1]}")
    if record.called_by is not None:
        console().print(f"called by run {record.called_by[0]}, task {record.called_by[1]}")


def _print_children(children: list[dict[str, Json]]) -> None:
    out = console()
    if children:
        out.print(styled(("\ncalled", "bold")))
    for child in children[:_MOST_CHILDREN]:
        out.print(f"  {child['task']}  run {child['run']}  {clean(child['workflow'])}", end="")
        out.print(f"  {child['status']}")
    if len(children) > _MOST_CHILDREN:
        out.print(f"  and {len(children) - _MOST_CHILDREN:,} more")
