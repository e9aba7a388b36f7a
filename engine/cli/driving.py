"""Drives a run in this process to the end of a leg, and says how it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from engine import events as ev
from engine.app import Engine, EngineOptions, RunHandle
from engine.cli.codes import ExitCode
from engine.cli.failures import say
from engine.cli.printing import (
    clean,
    console,
    count,
    duration,
    hint,
    local_time,
    short_json,
    styled,
)
from engine.cli.progress import Lines, Listener, print_json
from engine.run_view import RunView
from engine.runtime.decisions import choices
from engine.sinks.hosts import troubles

Begin = Callable[[Engine], Awaitable[RunHandle]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a run is driven and shown."""

    store: str | None
    as_json: bool = False
    wait: bool = False
    max_idle_s: float = 60.0
    early: Mapping[str, str] = field(default_factory=dict)


def drive(manner: Manner, begin: Begin) -> int:
    """Begin a leg, drive it to its end, and return the exit code."""
    try:
        return asyncio.run(_drive(manner, begin))
    except asyncio.CancelledError:
        return ExitCode.TERMINATED


async def _drive(manner: Manner, begin: Begin) -> int:
    end_on_signals()
    options = EngineOptions(
        stay=manner.wait,
        leave_paused=not manner.wait,
        max_idle_s=manner.max_idle_s,
        early=dict(manner.early),
    )
    engine = Engine.open(manner.store, options=options)
    handle: RunHandle | None = None
    try:
        heard: list[ev.News] = []
        unsubscribe = engine.subscribe(None, heard.append)
        handle = await begin(engine)
        unsubscribe()
        show = _listener(manner, engine, handle)
        for news in heard:
            show(news)
        engine.subscribe(handle.run, show)
        ended = await handle.leg()
        await engine.settled()  # runs that it called and did not wait for
        return _conclude(handle.view, ended, manner)
    except asyncio.CancelledError:
        if handle is not None:
            _interrupted(handle, manner)
        raise
    finally:
        await engine.close()
        for text in troubles(engine.sinks.health):
            say(text)


def end_on_signals() -> None:
    """Let SIGTERM and a closed terminal end us in order, as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            with suppress(NotImplementedError):  # Windows has no signals in loops
                loop.add_signal_handler(number, task.cancel)


def _listener(manner: Manner, engine: Engine, handle: RunHandle) -> Listener:
    def choices_of(request: str) -> tuple[str, ...]:
        return choices(engine.request(request).content)

    if manner.as_json:
        return print_json
    workflow = handle.plan.workflow
    console().print(styled((clean(workflow.name), "bold"), ("  run ", "dim"), handle.run))
    return Lines(workflow.nodes, choices_of, store=manner.store, stays=manner.wait)


def _interrupted(handle: RunHandle, manner: Manner) -> None:
    say(
        f"Interrupted. Run {handle.run} is stored up to commit {handle.state.commit}; "
        f"go on with: {hint(manner.store, f'resume {handle.run}')}"
    )


def _conclude(view: RunView, ended: ev.Recorded, manner: Manner) -> int:
    """Say how the leg ended, where nobody has read it as JSON; return the exit code."""
    match ended.event:
        case ev.RunFinished(result=result):
            code = ExitCode.OK
            words = ("Completed", "bold green")
            rest = "" if result is None else f"\n{short_json(result, 2000)}"
        case ev.RunWaiting() if view.status == "paused":
            code = ExitCode.WAITING
            words = ("Paused", "bold magenta")
            rest = f": {clean(view.reason)}\nTo go on: {hint(manner.store, f'resume {view.run}')}"
        case ev.RunWaiting(requests=requests, next_due=due):
            code = ExitCode.WAITING
            words = ("Waiting", "bold magenta")
            rest = _what_next(view, manner, len(requests), due)
        case ev.RunCancelled(reason=reason):
            code = ExitCode.CANCELLED
            words = ("Cancelled", "bold yellow")
            rest = f": {clean(reason)}"
        case ev.RunFailed(error=error):
            code = ExitCode.FAILED
            words = ("Failed", "bold red")
            rest = ""
            say(_why(view, manner, error))
        case _:
            raise AssertionError(f"{type(ended.event).__name__} ends no leg")
    if not manner.as_json:
        took = duration(ended.at - view.started_at)
        steps = count(view.commit, "superstep")
        console().print(styled(words, f" after {took}, {steps}{rest}"))
    return code


def _why(view: RunView, manner: Manner, error: ev.ErrorInfo) -> str:
    where = f" at {error.node}" if error.node else ""
    return (
        f"Run {view.run} failed{where}: {clean(error.message)}; when that is mended, "
        f"go on with: {hint(manner.store, f'resume {view.run}')}"
    )


def _what_next(view: RunView, manner: Manner, asked: int, due: float | None) -> str:
    words = [f" for {count(asked, 'decision')}" if asked else ""]
    others = [*view.children, *(each.child for each in view.frontier.values() if each.child)]
    if others and not asked:
        words.append(f" for {count(len(others), 'run')} that it has begun")
    if due is not None:
        words.append(f", {'then' if asked else 'until'} {local_time(due)}")
    if others:  # their questions are not among those of this run
        words.append(f"\nWhat they ask, if anything: {hint(manner.store, 'inbox')}")
    words.append(f"\nTo go on: {hint(manner.store, f'resume {view.run}')}")
    return "".join(words)
