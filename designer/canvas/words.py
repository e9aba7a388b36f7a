"""The words on a node's chip: what the node does in the run that is shown, and for how long.

Pure. Times are seconds since the epoch; a clock time is shown in the zone of this machine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from designer.theme import STATE_STYLES, NodeState
from designer.widgets.format import format_countdown, format_duration, format_percent, shorten
from engine.run_view import NodeView

#: Longest reason that is put on a chip; the tooltip has all of it.
REASON_LIMIT = 60

#: A wait that ends sooner than this counts down instead of naming the time of day.
SOON_S = 60.0

_STATES = {
    "idle": NodeState.NOT_RUN,
    "ready": NodeState.READY,
    "running": NodeState.RUNNING,
    "waiting": NodeState.NEEDS_DECISION,
    "timer": NodeState.WAITING,
    "retry": NodeState.RETRY,
    "done": NodeState.DONE,
    "recorded": NodeState.FROM_CHECKPOINT,
    "failed": NodeState.FAILED,
    "cancelled": NodeState.CANCELLED,
    "skipped": NodeState.SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """What a node's chip says. `ticks`: the words change while nothing happens."""

    state: NodeState
    words: str
    ticks: bool = False
    fraction: float | None = None


NOT_RUN = Chip(state=NodeState.NOT_RUN, words=STATE_STYLES[NodeState.NOT_RUN].words)
OFF = Chip(state=NodeState.NOT_RUN, words="Off, passes its input on")
EDITED = Chip(state=NodeState.EDITED, words=STATE_STYLES[NodeState.EDITED].words)
PINNED = Chip(state=NodeState.PINNED, words=STATE_STYLES[NodeState.PINNED].words)


def chip_of(node: NodeView | None, now: float, *, ended: bool = False, title: str = "") -> Chip:
    """What the chip of a node says.

    Args:
        node: the node in the run that is shown; None when no run is shown.
        now: the time to count from.
        ended: the run is over, so that nothing runs or counts down any more.
        title: of the node, which stands above the chip and need not be said again.
    """
    if node is None:
        return NOT_RUN
    state = _STATES.get(node.state, NodeState.NOT_RUN)
    match state:
        case NodeState.RUNNING:
            return _running(node, now, ended=ended)
        case NodeState.NEEDS_DECISION:
            return _needs_decision(node, now)
        case NodeState.WAITING:
            return _waiting(node, now)
        case NodeState.RETRY:
            return _retry(node, now)
        case NodeState.DONE | NodeState.FROM_CHECKPOINT if node.works or node.works_failed:
            return _in_background(node, state, ended=ended)
        case NodeState.DONE if node.cached:
            return Chip(state=state, words="From cache")
        case NodeState.DONE:
            return Chip(state=state, words=f"Done {format_duration(node.duration_s)}")
        case NodeState.FAILED:
            return Chip(
                state=state, words=_with_reason("Failed: {}", "Failed", _failure(node, title))
            )
        case NodeState.SKIPPED:
            return Chip(state=state, words=_with_reason("Skipped ({})", "Skipped", node.text))
        case NodeState.READY:
            return Chip(state=state, words=_first_upper(node.text) or "Ready")
        case _:
            return Chip(state=state, words=STATE_STYLES[state].words)


def _in_background(node: NodeView, state: NodeState, *, ended: bool) -> Chip:
    if ended and not node.works_failed:
        # It goes on by itself, or was cancelled: the called runs say which.
        return Chip(state=state, words="Handed over")
    if node.works and not ended:
        return Chip(state=NodeState.RUNNING, words=f"{node.works} in the background")
    words = f"{node.works_failed} failed in the background"
    return Chip(state=NodeState.FAILED, words=words)


def _running(node: NodeView, now: float, *, ended: bool) -> Chip:
    state = NodeState.RUNNING
    finished = node.done + node.failed + node.skipped
    if node.total > 0:
        words = f"Running {min(finished, node.total)} of {node.total}"
        return Chip(state=state, words=words, fraction=min(1.0, finished / node.total))
    if node.fraction is not None:
        fraction = max(0.0, min(1.0, node.fraction))
        return Chip(state=state, words=f"Running {format_percent(fraction)}", fraction=fraction)
    if node.started_at is None or ended:
        return Chip(state=state, words="Running")
    seconds = max(0.0, now - node.started_at)
    if seconds < 1:
        return Chip(state=state, words="Running", ticks=True)
    return Chip(state=state, words=f"Running {_whole(seconds)}", ticks=True)


def _needs_decision(node: NodeView, now: float) -> Chip:
    many = node.active if node.active > 1 else 0
    words = f"Needs {many} decisions" if many else "Needs approval"
    if node.due_at is None:
        return Chip(state=NodeState.NEEDS_DECISION, words=words)
    left = max(0.0, node.due_at - now)
    return Chip(
        state=NodeState.NEEDS_DECISION, words=f"{words} {format_countdown(left)}", ticks=left > 0
    )


def _waiting(node: NodeView, now: float) -> Chip:
    state = NodeState.WAITING
    if node.due_at is None:
        return Chip(
            state=state,
            words=_first_upper(shorten(node.text, REASON_LIMIT)) or "Waits for an event",
        )
    left = node.due_at - now
    if left < SOON_S:
        return Chip(state=state, words=f"{max(0, round(left))} s left", ticks=True)
    return Chip(state=state, words=f"Until {_clock_time(node.due_at, now)}", ticks=True)


def _retry(node: NodeView, now: float) -> Chip:
    words = f"Retry {node.attempt} of {node.attempts}"
    if node.due_at is None:
        return Chip(state=NodeState.RETRY, words=words)
    left = max(0.0, node.due_at - now)
    if left < 1:
        return Chip(state=NodeState.RETRY, words=f"{words} now", ticks=left > 0)
    return Chip(state=NodeState.RETRY, words=f"{words} in {_whole(left)}", ticks=True)


def _clock_time(at: float, now: float) -> str:
    zone = dt.datetime.fromtimestamp(now, dt.UTC).astimezone().tzinfo
    due = dt.datetime.fromtimestamp(at, zone)
    today = dt.datetime.fromtimestamp(now, zone).date()
    if due.date() == today:
        return due.strftime("%H:%M")
    days = (due.date() - today).days
    return due.strftime("%a %H:%M" if days < 7 else "%d %b %H:%M")


#: How the engine ends its sentence about a branch that was not taken.
_NOT_LED = "did not lead here"


def way_not_taken(chip: Chip, reason: str, ports: Sequence[str]) -> Chip:
    """The chip of a skipped node, with the ways that did not lead to it in place of a sentence.

    Args:
        chip: as `chip_of` gave it.
        reason: why the engine skipped the node.
        ports: output ports of the wires into the node that were not taken.
    """
    if chip.state is not NodeState.SKIPPED or not reason.endswith(_NOT_LED):
        return chip
    named = [port for port in dict.fromkeys(ports) if port != "out"]
    why = f"not {' or '.join(named)}" if named else "condition not met"
    return replace(chip, words=f"Skipped ({why})")


def _failure(node: NodeView, title: str) -> str:
    if node.error is None:
        return node.text
    return node.error.message.removeprefix(f"{title} failed: ") or node.error.code


def _with_reason(pattern: str, bare: str, reason: str) -> str:
    short = shorten(reason, REASON_LIMIT)
    return pattern.format(short) if short else bare


def _whole(seconds: float) -> str:
    """A time that goes on, without fractions that would flicker."""
    return f"{int(seconds)} s" if seconds < 60 else format_duration(float(int(seconds)))


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
