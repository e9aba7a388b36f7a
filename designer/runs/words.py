"""What happened, in plain words: one sentence for every event, status and refusal. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, assert_never

from designer.runs.rows import DecisionRefused
from designer.widgets.format import format_duration, plural
from engine import events as ev
from engine.run_view import RunView

#: Title of the node with this key, as the person knows it.
TitleOf = Callable[[str], str]

_SHORT = 120
#: Seconds after which it is worth a word that something came late.
_LATE_S = 60.0

_HANDLED = {
    "fail": "",
    "continue": "; the run goes on with the error as the value",
    "error_port": "; goes on by its error port",
    "fallback_edge": "; takes its fallback wire",
    "ignore": "; ignored, as set",
    "item": "; the other items go on",
    "frame": "; its frame takes the failure",
}

_NO_LONGER = {
    "fire": "it goes on with what there is",
    "fail": "it fails",
    "skip": "it is passed over",
}

_CHOICES = {
    "approve": "approved",
    "reject": "rejected",
    "modify": "approved with changes",
    "reroute": "rerouted",
    "expire": "let expire",
    "fail": "failed",
    "happened": "said that it happened:",
    "again": "had it run again:",
    "accept": "let it write all the same:",
    "raise": "raised the limit for",
    "once": "let go on this once:",
    "stop": "stopped the run at",
}

_REFUSALS = {
    "late": "This was decided already; nothing was changed.",
    "stale": "What you saw is no longer what is asked; look again and decide again.",
    "invalid": "The values are not accepted; correct them, the request is still open.",
    "unknown_choice": "This request has no such choice; choose another.",
    "duplicate": "You have decided this already; nothing was changed.",
}

_STATUS = {
    "created": "Created",
    "running": "Running",
    "waiting": "Waiting",
    "paused": "Paused",
    "cancelling": "Being cancelled",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}


# --- names, times and values ----------------------------------------------------------------


def short_run(run: str) -> str:
    """A run's id as it is shown; the full id is for copying."""
    return f"#{run[-6:]}" if run else ""


def local_time(at: float) -> datetime:
    """Seconds since the epoch as a time of this place."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone()


def clock_text(at: float, now: float | None = None) -> str:
    """``14:05``, with the day in front when that is another day than `now`."""
    when = local_time(at)
    if now is None or local_time(now).date() == when.date():
        return f"{when:%H:%M}"
    return f"{when:%-d %b %H:%M}" if abs(at - now) < 300 * 86_400 else f"{when:%-d %b %Y %H:%M}"


def item_of(task: str) -> int | None:
    """The number, from 1, of the innermost item that a task id names."""
    _, at, scopes = task.partition("@")
    last = scopes.partition("#")[0].rpartition(".")[2]
    return int(last) + 1 if at and last.isdecimal() else None


def round_of(task: str) -> int:
    """Which visit of its node a task is, from 1."""
    visit = task.rpartition("#")[2] if "#" in task else ""
    return int(visit) + 1 if visit.isdecimal() else 1


def path_text(path: tuple[tuple[str, int, int], ...]) -> str:
    """``item 3 of 12`` for the path of a task, the innermost scope last."""
    parts = [
        f"item {index + 1:,} of {total:,}" if total >= 0 else f"round {index + 1:,}"
        for _, index, total in path
    ]
    return ", ".join(parts)


def _task(task: str, node: str, title_of: TitleOf) -> str:
    item, visit = item_of(task), round_of(task)
    place = [f"item {item:,}"] if item is not None else []
    if visit > 1:
        place.append(f"round {visit:,}")
    title = title_of(node)
    return f"{title} ({', '.join(place)})" if place else title


def short_value(value: Any, limit: int = _SHORT) -> str:
    """A value as one line of JSON of at most `limit` characters; a text as it is."""
    if isinstance(value, str):
        text = " ".join(value.split())
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def choice_words(choice: str) -> str:
    """``approved`` for ``approve``; a choice of the workflow's own in quotation marks."""
    return _CHOICES.get(choice) or f"chose “{choice}”"


def default_words(default: str | None) -> str:
    """What the deadline does: ``then: reject``; empty when it does nothing."""
    return f"then: {default}" if default else ""


def unsaved_words(since: int | None, problem: str = "") -> str:
    """What of a run a crash would lose, and why; empty when everything is stored."""
    if since is None:
        return f"Cannot be saved: {problem}" if problem else ""
    text = f"Not saved since checkpoint {since - 1:,}" if since > 0 else "Nothing is saved yet"
    return f"{text}: {problem}" if problem else text


# --- events ---------------------------------------------------------------------------------


def sentence(news: ev.News, title_of: TitleOf) -> str:
    """One line that says what happened."""
    if isinstance(news, ev.Recorded):
        return _fact(news.event, news.at, title_of)
    return _update(news, title_of)


def _update(news: ev.AnyUpdate, title_of: TitleOf) -> str:
    match news:
        case ev.TaskStarted():
            again = f", attempt {news.attempt}" if news.attempt > 1 else ""
            return f"{_task(news.task, news.node, title_of)} started{again}"
        case ev.Progress():
            share = f"{news.fraction:.0%}" if news.fraction is not None else "working"
            text = f": {news.text}" if news.text else ""
            return f"{_task(news.task, news.node, title_of)} is at {share}{text}"
        case ev.OutputChunk():
            lost = f"[{plural(news.dropped, 'line')} not shown] " if news.dropped else ""
            return lost + news.text.rstrip("\n")
        case ev.Unsaved():
            return unsaved_words(news.since, news.problem) or "Everything is saved"
        case _:
            assert_never(news)


def _fact(event: ev.AnyEvent, at: float, title_of: TitleOf) -> str:  # noqa: C901 - one case each
    match event:
        case ev.RunStarted():
            return _run_started(event)
        case ev.LegStarted():
            return _leg_started(event)
        case ev.TaskFinished():
            return _finished(event, title_of)
        case ev.TaskFailed():
            task = _task(event.task, event.node, title_of)
            nth = f" (attempt {event.error.attempt})" if event.error.attempt > 1 else ""
            return f"{task} failed{nth}: {event.error.message}{_HANDLED.get(event.handled, '')}"
        case ev.TaskRetried():
            task = _task(event.task, event.node, title_of)
            pause = format_duration(max(0.0, event.due_at - at))
            return (
                f"{task} failed (attempt {event.attempt} of {event.of}): {event.error.message}; "
                f"tries again in {pause}"
            )
        case ev.AlternativeTaken():
            task = _task(event.task, event.node, title_of)
            return (
                f"{task} failed: {event.error.message}; "
                f"alternative {event.number} of {event.of} is tried ({event.node_type})"
            )
        case ev.TaskSkipped():
            return _because(f"{_task(event.task, event.node, title_of)} was skipped", event.reason)
        case (
            ev.CancelAsked()
            | ev.TaskCancelled()
            | ev.ItemsAdded()
            | ev.ItemsDropped()
            | ev.ItemsFinished()
        ):
            return _ended_or_added(event, title_of)
        case ev.Degraded():
            task = _task(event.task, event.node, title_of)
            return _because(f"{task} took its fallback wire", event.reason)
        case ev.InterceptorIgnored():
            return f"{_task(event.task, event.node, title_of)}: {event.message}"
        case ev.Warned():
            return f"{title_of(event.node)}: {event.message}" if event.node else event.message
        case ev.InvariantBroken():
            end = {"ask": " The task is held until somebody decides.",
                   "accepted": " It was let pass."}.get(event.handled, "")  # fmt: skip
            return event.message + end
        case ev.Estimated() | ev.Spent() | ev.BudgetGranted() | ev.MetersChanged():
            return _budget(event, title_of)
        case ev.LimitReached():
            where = f" at {title_of(event.node)}" if event.node else ""
            value = f"{event.value:,.0f}" if event.value == int(event.value) else f"{event.value:,}"
            return f"The limit “{event.limit}” ({value}) was reached{where}"
        case ev.SuperstepCommitted():
            return _committed(event)
        case ev.BarrierOpened() | ev.BarrierDecided() | ev.BarrierExpired():
            return _barrier(event, title_of)
        case ev.DocumentChanged():
            return _document_changed(event)
        case ev.BarrierWithdrawn():
            return _because(
                f"{_task(event.task, event.node, title_of)} no longer asks; nothing was decided",
                event.reason,
            )
        case ev.TurnTaken() | ev.WaitOpened() | ev.WaitEnded():
            return _wait(event, title_of)
        case (
            ev.JoinTimedOut()
            | ev.FrameOpened()
            | ev.FrameRetried()
            | ev.FrameFailed()
            | ev.FrameTimedOut()
            | ev.FrameCancelled()
            | ev.FrameClosed()
        ):
            return _gathered(event, at, title_of)
        case ev.SignalSent():
            to = f"to run {short_run(event.to)}" if event.to else "to all runs that listen"
            return f"{_task(event.task, event.node, title_of)} sent the event {event.name} {to}"
        case ev.SignalTaken():
            return _signal_taken(event, title_of)
        case ev.ChildStarted() | ev.ChildContinued() | ev.ChildEnded():
            return _child(event, title_of)
        case ev.RunPaused():
            return _because("The run is paused", event.reason)
        case ev.ResultsReused() | ev.TriggerFired() | ev.Checked():
            return _begun_or_checked(event, title_of)
        case ev.CheckpointMade() | ev.SaveFailed() | ev.SavedAgain():
            return _saving(event)
        case ev.RunUnpaused() | ev.RunStepped() | ev.BreakpointsSet() | ev.BreakpointHit():
            return _debugging(event, title_of)
        case ev.RunWaiting():
            return _run_waiting(event)
        case ev.RunFinished():
            shown = "" if event.result is None else f": {short_value(event.result)}"
            return f"The run is complete{shown}"
        case ev.RunFailed():
            where = f" at {title_of(event.error.node)}" if event.error.node else ""
            return f"The run failed{where}: {event.error.message}"
        case ev.RunCancelled():
            return _because("The run was cancelled", event.reason)
        case _:
            assert_never(event)


def _because(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _ended_or_added(
    event: ev.CancelAsked | ev.TaskCancelled | ev.ItemsAdded | ev.ItemsDropped | ev.ItemsFinished,
    title_of: TitleOf,
) -> str:
    match event:
        case ev.CancelAsked():
            what = "The run" if event.target == "run" else event.target.capitalize()
            ending = f"; {plural(len(event.tasks), 'task')} told to end" if event.tasks else ""
            return _because(f"{what} is being cancelled{ending}", event.reason)
        case ev.TaskCancelled():
            task = _task(event.task, event.node, title_of)
            how = " (it did not end when it was told to)" if event.how == "killed" else ""
            return _because(f"{task} was cancelled{how}", event.reason)
        case ev.ItemsAdded():
            return f"{title_of(event.node)} got {plural(event.count, 'item')} more"
        case ev.ItemsFinished():
            results = plural(event.results, "result")
            text = f"{title_of(event.node)} is finished with {results}"
            return _because(text, event.reason)
        case ev.ItemsDropped():
            items = plural(event.count, "item")
            return _because(f"{title_of(event.node)} leaves out {items}", event.reason)
        case _:
            assert_never(event)


def _debugging(
    event: ev.RunUnpaused | ev.RunStepped | ev.BreakpointsSet | ev.BreakpointHit, title_of: TitleOf
) -> str:
    match event:
        case ev.RunUnpaused():
            return "The run goes on"
        case ev.RunStepped():
            if not event.tasks:
                return "There is nothing to step: no task is ready"
            return f"One step: {plural(len(event.tasks), 'task')}"
        case ev.BreakpointsSet():
            if not event.breakpoints:
                return "There are no breakpoints any more"
            return f"The run stops at {plural(len(event.breakpoints), 'breakpoint')}"
        case ev.BreakpointHit():
            places = {"before": "before {}", "after": "after {}", "error": "at the failure of {}"}
            task = _task(event.task, event.node, title_of)
            text = "Breakpoint " + places.get(event.at, "of every step").format(task)
            if event.problem:
                return f"{text}; its condition cannot be evaluated: {event.problem}"
            return _because(text, event.condition)
        case _:
            assert_never(event)


def _gathered(
    event: ev.JoinTimedOut
    | ev.FrameOpened
    | ev.FrameRetried
    | ev.FrameFailed
    | ev.FrameTimedOut
    | ev.FrameCancelled
    | ev.FrameClosed,
    at: float,
    title_of: TitleOf,
) -> str:
    """What happened to several nodes at once: at a join, or in a frame."""
    if isinstance(event, ev.JoinTimedOut):
        return f"{title_of(event.node)} has waited long enough; {_NO_LONGER[event.then]}"
    where = path_text(event.path)
    name = f"The frame {title_of(event.frame)}" + (f" ({where})" if where else "")
    match event:
        case ev.FrameOpened():
            until = f", at most until {clock_text(event.due_at, at)}" if event.due_at else ""
            return f"{name} was entered{until}"
        case ev.FrameRetried():
            pause = format_duration(max(0.0, event.due_at - at))
            return (
                f"{name} failed (attempt {event.attempt} of {event.of}): {event.error.message}; "
                f"all of it is done again in {pause}"
            )
        case ev.FrameFailed():
            return f"{name} failed: {event.error.message}; {title_of(event.node)} takes it"
        case ev.FrameTimedOut():
            return f"{name} has taken longer than it may"
        case ev.FrameCancelled():
            tasks = f"; {plural(event.tasks, 'task')} ended" if event.tasks else ""
            return f"{name} was cancelled by {title_of(event.node)}{tasks}"
        case ev.FrameClosed():
            nth = f", at attempt {event.attempt}" if event.attempt > 1 else ""
            return f"{name} was ended" if event.ended else f"{name} is done{nth}"
        case _:
            assert_never(event)


def _run_started(event: ev.RunStarted) -> str:
    text = f"{event.workflow} was started"
    if event.parent is not None:
        run, commit = event.parent
        text += f" as a fork of run {short_run(run)} at checkpoint {commit:,}"
        if event.edited:
            text += f", with {_listed(event.edited)} edited"
    return text


def _leg_started(event: ev.LegStarted) -> str:
    match event.reason:
        case "start":
            return "The run begins"
        case "fork":
            return f"The fork begins at checkpoint {max(0, event.commit):,}"
        case "resume":
            return f"The run was resumed at checkpoint {max(0, event.commit):,}"
        case other:
            return f"The run goes on at checkpoint {max(0, event.commit):,} ({other})"


def _document_changed(event: ev.DocumentChanged) -> str:
    parts = [f"{_listed(names)} {verb}" for names, verb in (
        (event.asked_again, "asked again"), (event.lost, "lost")) if names]  # fmt: skip
    text = f"{event.by} let the run go on with the edited workflow {event.new[:8]}"
    return f"{text}: {'; '.join(parts)}" if parts else text


def _finished(event: ev.TaskFinished, title_of: TitleOf) -> str:
    task = _task(event.task, event.node, title_of)
    if event.recorded:
        text = f"{task} kept its recorded result"
    elif event.cached:
        text = f"{task} took the kept result of run {short_run(event.cached)}"
    else:
        text = f"{task} finished in {format_duration(event.duration_s)}"
        if event.attempt > 1:
            text += f", at attempt {event.attempt}"
    if event.route is not None:
        targets = _listed([title_of(key) for key in event.route])
        text += f", went to {targets}" if event.route else ", went nowhere"
    return f"{text}: {event.note}" if event.note else text


def _listed(names: tuple[str, ...] | list[str], most: int = 4) -> str:
    shown = [str(name) for name in names[:most]]
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _committed(event: ev.SuperstepCommitted) -> str:
    parts: list[str] = []
    if event.admitted:
        parts.append(plural(len(event.admitted), "result"))
    if event.ready:
        parts.append(f"{plural(len(event.ready), 'task')} ready")
    if event.changed:
        parts.append(f"{_listed(event.changed)} changed")
    return f"Checkpoint {event.commit:,}" + (": " + ", ".join(parts) if parts else "")


def _barrier(
    event: ev.BarrierOpened | ev.BarrierDecided | ev.BarrierExpired, title_of: TitleOf
) -> str:
    task = _task(event.task, event.node, title_of)
    match event:
        case ev.BarrierOpened():
            until = ""
            if event.deadline is not None:
                until = f" (until {clock_text(event.deadline, event.opened_at)}"
                until += f", {default_words(event.default)})" if event.default else ")"
            return f"{task} asks: {event.title}{until}"
        case ev.BarrierDecided():
            edited = f", {_listed(event.changed)} edited" if event.changed else ""
            port = f", by port {event.port}" if event.choice not in _CHOICES and event.port else ""
            comment = f": “{event.comment}”" if event.comment else ""
            who = f"{event.by or 'Somebody'} ({event.through})" if event.through else event.by
            at = "" if event.choice in _CHOICES else "at "
            return f"{who} {choice_words(event.choice)} {at}{task}{edited}{port}{comment}"
        case ev.BarrierExpired():
            return f"Nobody answered {task} in time; {choice_words(event.default)}, as set"
        case _:
            assert_never(event)


def _budget(
    event: ev.Estimated | ev.Spent | ev.BudgetGranted | ev.MetersChanged, title_of: TitleOf
) -> str:
    match event:
        case ev.Estimated():
            task = _task(event.task, event.node, title_of)
            return f"{task} wants to reserve {_amounts(event.amounts)}"
        case ev.Spent():
            return f"{_task(event.task, event.node, title_of)} used {_amounts(event.amounts)}"
        case ev.BudgetGranted():
            done = {
                "raise": f"was raised to {event.limit or 0.0:g}",
                "once": "may be exceeded this once",
            }.get(event.choice, "was not raised: the run stops")
            return f"The budget “{event.account}” {done}"
        case ev.MetersChanged():
            stand = [
                f"{name} {used:g}" + (f" of {limit:g}" if limit is not None else "")
                for name, (limit, used, _) in event.meters.items()
            ]
            return f"Used so far: {', '.join(stand)}"
        case _:
            assert_never(event)


def _amounts(amounts: dict[str, float]) -> str:
    return ", ".join(f"{amount:g} of {name}" for name, amount in amounts.items()) or "nothing"


def _child(event: ev.ChildStarted | ev.ChildContinued | ev.ChildEnded, title_of: TitleOf) -> str:
    task, run = _task(event.task, event.node, title_of), short_run(event.child)
    match event:
        case ev.ChildStarted(queued=True):
            return f"{task} works on in the background as run {run}, when its turn comes"
        case ev.ChildStarted(mode="background"):
            return f"{task} works on in the background as run {run}"
        case ev.ChildStarted():
            return f"{task} started {event.workflow} as run {run}"
        case ev.ChildContinued(reason="turn"):
            return f"The turn of run {run} of {task} has come"
        case ev.ChildContinued():
            return f"Run {run} of {task} is tried again" + (f" by {event.by}" if event.by else "")
        case _:
            text = f"Run {run} of {title_of(event.node)} is {event.status}"
            return _because(text, event.reason)


def _wait(event: ev.TurnTaken | ev.WaitOpened | ev.WaitEnded, title_of: TitleOf) -> str:
    task = _task(event.task, event.node, title_of)
    if isinstance(event, ev.TurnTaken):
        keys = ", ".join(key for key in event.keys if key)
        return f"{task} has its turn" + (f" ({keys})" if keys else "")
    if isinstance(event, ev.WaitEnded):
        return _because(f"{task} goes on", event.reason)
    if event.text:
        return f"{task} waits {event.text}"
    if event.due_at is not None:
        return f"{task} waits until {clock_text(event.due_at)}"
    return f"{task} waits for {'a child run' if event.kind == 'child' else 'an event'}"


def _signal_taken(event: ev.SignalTaken, title_of: TitleOf) -> str:
    task = _task(event.task, event.node, title_of)
    sender = f" from {event.by}" if event.by else ""
    early = f", sent {format_duration(event.delay_s)} before" if event.delay_s else ""
    return f"{task} took the event {event.name}{sender}{early}"


def _begun_or_checked(
    event: ev.ResultsReused | ev.TriggerFired | ev.Checked, title_of: TitleOf
) -> str:
    if isinstance(event, ev.Checked):
        wrong = "; ".join(text for _, found, text in event.results if found != "ok")
        count = plural(len(event.results), "check")
        return f"{title_of(event.node)}: {count} of its output, {wrong or 'all well'}"
    if isinstance(event, ev.TriggerFired):
        late = f", {format_duration(event.delay_s)} late" if event.delay_s >= _LATE_S else ""
        return f"{title_of(event.node)} has started the run{late}"
    return (
        f"The run begins at {title_of(event.node)}, on "
        f"{plural(event.tasks, 'recorded result')} of run {short_run(event.source)}"
    )


def _saving(event: ev.CheckpointMade | ev.SaveFailed | ev.SavedAgain) -> str:
    match event:
        case ev.CheckpointMade():
            return f"The run was saved as {event.name}" if event.name else "The run was saved"
        case ev.SaveFailed():
            return f"The run goes on without being saved: {event.message}"
        case ev.SavedAgain():
            commits = plural(event.commits, "checkpoint")
            return (
                f"Everything is saved again: {commits}, after {plural(event.attempts, 'refusal')}"
            )


def _run_waiting(event: ev.RunWaiting) -> str:
    parts: list[str] = []
    if event.requests:
        parts.append(plural(len(event.requests), "decision"))
    if event.next_due is not None:
        parts.append(clock_text(event.next_due))
    return "The run waits for " + " or ".join(parts) if parts else "The run waits"


_KINDS: dict[type, str] = {
    ev.RunStarted: "run",
    ev.LegStarted: "run",
    ev.DocumentChanged: "run",
    ev.RunPaused: "run",
    ev.RunUnpaused: "run",
    ev.RunStepped: "run",
    ev.ResultsReused: "run",
    ev.TriggerFired: "run",
    ev.Checked: "task",
    ev.CheckpointMade: "run",
    ev.SaveFailed: "error",
    ev.SavedAgain: "run",
    ev.Unsaved: "warning",
    ev.BreakpointsSet: "run",
    ev.BreakpointHit: "run",
    ev.RunWaiting: "run",
    ev.RunFinished: "run",
    ev.RunCancelled: "run",
    ev.RunFailed: "error",
    ev.TaskFailed: "error",
    ev.InvariantBroken: "error",
    ev.Estimated: "task",
    ev.Spent: "task",
    ev.BudgetGranted: "decision",
    ev.MetersChanged: "commit",
    ev.LimitReached: "error",
    ev.TaskRetried: "retry",
    ev.AlternativeTaken: "retry",
    ev.TaskFinished: "task",
    ev.TaskSkipped: "task",
    ev.CancelAsked: "run",
    ev.TaskCancelled: "task",
    ev.ItemsDropped: "task",
    ev.ItemsFinished: "task",
    ev.ItemsAdded: "task",
    ev.TaskStarted: "task",
    ev.Progress: "task",
    ev.Degraded: "warning",
    ev.InterceptorIgnored: "warning",
    ev.Warned: "warning",
    ev.BarrierOpened: "decision",
    ev.BarrierDecided: "decision",
    ev.BarrierExpired: "decision",
    ev.BarrierWithdrawn: "decision",
    ev.ChildStarted: "task",
    ev.ChildContinued: "task",
    ev.ChildEnded: "task",
    ev.SignalSent: "task",
    ev.SignalTaken: "wait",
    ev.TurnTaken: "wait",
    ev.WaitOpened: "wait",
    ev.WaitEnded: "wait",
    ev.JoinTimedOut: "wait",
    ev.FrameOpened: "task",
    ev.FrameRetried: "retry",
    ev.FrameFailed: "error",
    ev.FrameTimedOut: "error",
    ev.FrameCancelled: "task",
    ev.FrameClosed: "task",
    ev.SuperstepCommitted: "commit",
    ev.OutputChunk: "output",
}


def kind(news: ev.News) -> str:
    """The group of a piece of news.

    One of ``run error warning retry task decision wait commit output``.
    """
    event = news.event if isinstance(news, ev.Recorded) else news
    if isinstance(event, ev.OutputChunk) and event.stream == "stderr":
        return "output"
    return _KINDS[type(event)]


def node_of(news: ev.News) -> str:
    """The key of the node that the news is about; empty when it is about the run."""
    event = news.event if isinstance(news, ev.Recorded) else news
    if isinstance(event, ev.RunFailed):
        return event.error.node
    return getattr(event, "node", "")


# --- runs and refusals ------------------------------------------------------------------------


def status_words(status: str) -> str:
    """The status of a run as it is shown."""
    return _STATUS.get(status, status.capitalize())


def run_status(view: RunView, total: int = 0) -> str:
    """How a run stands, in a few words: ``Running, 3 of 6 nodes``.

    Args:
        view: The run.
        total: How many nodes the workflow has; 0 leaves the count out.
    """
    text = status_words(view.status)
    if view.status == "waiting" and view.requests:
        return f"Waiting for {plural(len(view.requests), 'decision')}"
    if view.status == "waiting" and view.next_due is not None:
        return f"Waiting until {clock_text(view.next_due, view.updated_at)}"
    if view.status == "failed" and view.error is not None:
        return f"Failed: {view.error.message}"
    if view.status == "paused" and view.reason.startswith("breakpoint"):
        return f"Paused at {view.reason}"
    if view.status in ("running", "paused") and total:
        done = sum(1 for node in view.nodes.values() if node.done or node.skipped)
        text += f", {done:,} of {plural(total, 'node')}"
    if view.ended_at is not None and view.status == "completed":
        text += f" in {format_duration(view.ended_at - view.started_at)}"
    unsaved = unsaved_words(view.unsaved_since)
    return f"{text}. {unsaved}" if unsaved else text


def refusal(error: DecisionRefused) -> str:
    """Why a decision does not count, and what to do; the engine's own sentence where it has one."""
    return str(error) or _REFUSALS.get(error.reason, "The decision does not count.")
