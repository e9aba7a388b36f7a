"""`serve` and `triggers`: what starts runs by itself, and what has come of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.app import Engine, EngineError, EngineOptions, InvalidCommand
from engine.cli.codes import ExitCode
from engine.cli.driving import end_on_signals
from engine.cli.failures import say
from engine.cli.options import AsJson, Globals, UsageError
from engine.cli.printing import clean, console, count, json_line, local_time, styled, table
from engine.cli.stores import acting
from engine.cli.trust import allowed
from engine.model import codec
from engine.model.workflow import Workflow
from engine.runtime.trigger_ports import FiringRecord, TriggerNews, TriggerRecord
from engine.triggers.served import AUTOMATIC

Json = Any
#: Seconds between two looks at the files of the workflows.
FOLLOW_S = 2.0
SUFFIX = ".flow.json"
_STYLES = {"fired": "green", "problem": "bold red", "refused": "bold red", "skipped": "yellow"}


def serve(
    settings: Globals,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Workflows, or folders of them.")
    ],
    listen: Annotated[
        str,
        typer.Option("--listen", metavar="HOST:PORT", help="Where webhooks are taken."),
    ] = "127.0.0.1:8585",
    as_json: AsJson = False,
) -> int:
    """Arm the triggers of workflows, and start their runs until it is stopped.

    A workflow that changes is armed again; one that is new in a folder is armed, one that is
    gone is disarmed. Ctrl-C and SIGTERM stop it in order: the triggers stay armed, and what
    is missed meanwhile is made up for as each of them says.
    """
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65_536):
        raise UsageError(f"--listen {listen} is not of the form 127.0.0.1:8585.")
    try:
        return asyncio.run(_serve(settings, files, (host, int(port)), as_json=as_json))
    except asyncio.CancelledError:
        return ExitCode.TERMINATED


def triggers(
    settings: Globals,
    disarm: Annotated[
        list[Path] | None,
        typer.Option("--disarm", metavar="FILE", help="Fire those of FILE no more. Repeatable."),
    ] = None,
    firings: Annotated[
        int, typer.Option("--firings", metavar="N", min=0, help="List the last N firings instead.")
    ] = 0,
    as_json: AsJson = False,
) -> int:
    """List the armed triggers of the store, or what has come of them."""

    async def act(engine: Engine) -> tuple[list[TriggerRecord], list[FiringRecord]]:
        for file in disarm or ():
            source = str(file.resolve())
            if not await engine.triggers.disarm(source):
                raise InvalidCommand(f"No trigger of {file} is armed: `headgate triggers`.")
        found = engine.triggers.firings(limit=firings) if firings else []
        return engine.store.triggers(), found

    known, fired = acting(settings, act)
    if firings:
        _print_firings(known, fired, as_json=as_json)
    else:
        _print_triggers([each for each in known if each.armed], as_json=as_json)
    return ExitCode.OK


# --- serving ----------------------------------------------------------------------------------


class _Service:
    """Keeps what is armed in step with the files."""

    def __init__(self, engine: Engine, settings: Globals, given: Sequence[Path]) -> None:
        self._engine = engine
        self._settings = settings
        self._given = given
        #: File to its time and size when it was read.
        self._known: dict[Path, tuple[int, int]] = {}

    async def follow(self, *, first: bool = False) -> None:
        """Arm what is new or has changed, disarm what is gone.

        Raises:
            EngineError: at the first look: a file that was named cannot be armed.
        """
        found = dict(_stamped(self._given))
        for file in [file for file in self._known if file not in found]:
            del self._known[file]
            await self._engine.triggers.disarm(str(file))
        for file, stamp in found.items():
            if self._known.get(file) == stamp:
                continue
            self._known[file] = stamp
            named = any(file == each.resolve() for each in self._given)
            try:
                await self._arm(file, named=named)
            except EngineError as error:
                if first and named:
                    raise
                is_served = any(each.source == str(file) for each in self._engine.triggers.served)
                say(f"{file.name} is {'served as it was' if is_served else 'not served'}: {error}")

    async def _arm(self, file: Path, *, named: bool) -> None:
        workflow = codec.load_file(file)
        if not named and not _fires(workflow):
            return
        allow = allowed(self._engine, workflow, file, self._settings)
        await self._engine.triggers.arm(workflow, str(file), allow=allow)


async def _serve(
    settings: Globals, files: Sequence[Path], address: tuple[str, int], *, as_json: bool
) -> int:
    end_on_signals()
    for file in files:
        if not file.exists():
            raise UsageError(f"There is no {file}.")
    engine = Engine.open(settings.store, options=EngineOptions())
    try:
        engine.triggers.listen(_printer(as_json=as_json))
        service = _Service(engine, settings, files)
        await service.follow(first=True)
        if not (engine.triggers.served or any(file.is_dir() for file in files)):
            raise UsageError("Nothing is to be served.")
        port = 0
        engine.triggers.serve()
        while True:
            if engine.triggers.has_webhooks and not port:
                port = await engine.triggers.listen_http(*address)
                _ready(f"http://{address[0]}:{port}", as_json=as_json)
            await asyncio.sleep(FOLLOW_S)
            await service.follow()
    finally:
        await engine.close()


def _stamped(given: Sequence[Path]) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in given:
        files: Iterable[Path] = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                continue
            yield file.resolve(), (stat.st_mtime_ns, stat.st_size)


def _fires(workflow: Workflow) -> bool:
    return any(node.type in AUTOMATIC and not node.disabled for node in workflow.nodes.values())


# --- words ------------------------------------------------------------------------------------


def _ready(address: str, *, as_json: bool) -> None:
    if as_json:
        json_line({"event": "listening", "address": address})
    else:
        console().print(f"Webhooks are taken at {address}")
        sys.stdout.flush()


def _printer(*, as_json: bool) -> Any:
    def show(news: TriggerNews) -> None:
        trigger, firing = news.trigger, news.firing
        if as_json:
            json_line(
                {
                    "event": news.kind,
                    "trigger": trigger.node,
                    "type": trigger.type,
                    "workflow": trigger.workflow,
                    "file": trigger.source,
                    "next_due": trigger.next_due,
                    "run": news.run or None,
                    "due_at": firing.due_at if firing else None,
                    "reason": news.text or None,
                }
            )
            return
        rest = f" run {news.run}" if news.run else ""
        rest += f": {clean(news.text)}" if news.text else ""
        if news.kind == "armed" and trigger.next_due is not None:
            rest += f", next {local_time(trigger.next_due)}"
        kind = (f"{news.kind:9}", _STYLES.get(news.kind, "dim"))
        console().print(styled(kind, f"{clean(trigger.workflow)} · {clean(trigger.node)}{rest}"))
        sys.stdout.flush()

    return show


def _print_triggers(found: Sequence[TriggerRecord], *, as_json: bool) -> None:
    if as_json:
        for each in found:
            json_line(
                {
                    "trigger": each.node,
                    "type": each.type,
                    "workflow": each.workflow,
                    "file": each.source,
                    "overlap": each.overlap,
                    "armed_at": each.armed_at,
                    "next_due": each.next_due,
                    "last_fired": each.last_fired,
                    "problem": each.problem or None,
                }
            )
        return
    if not found:
        console().print("No trigger is armed; `headgate serve FILE` arms those of a workflow.")
        return
    rows = [
        (
            each.workflow,
            each.node,
            each.type.removeprefix("trigger."),
            local_time(each.next_due),
            local_time(each.last_fired),
            each.problem or each.source,
        )
        for each in found
    ]
    columns = ("workflow", "trigger", "kind", "next", "last fired", "file or problem")
    console().print(table(columns, rows))


def _print_firings(
    known: Sequence[TriggerRecord], fired: Sequence[FiringRecord], *, as_json: bool
) -> None:
    of = {each.number: each for each in known}
    if as_json:
        for each in fired:
            trigger = of[each.trigger]
            json_line(
                {
                    "firing": each.number,
                    "trigger": trigger.node,
                    "workflow": trigger.workflow,
                    "file": trigger.source,
                    "key": each.key,
                    "due_at": each.due_at,
                    "at": each.at,
                    "status": each.status,
                    "run": each.run or None,
                    "reason": each.reason or None,
                }
            )
        return
    rows = [
        (
            local_time(each.due_at),
            of[each.trigger].workflow,
            of[each.trigger].node,
            each.status,
            each.run,
            each.reason,
        )
        for each in fired
    ]
    columns = ("due", "workflow", "trigger", "status", "run", "reason")
    console().print(table(columns, rows) if rows else f"{count(0, 'firing')}.")
