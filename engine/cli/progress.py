"""A run while it runs: a line for each thing that has happened."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine import events as ev
from engine.cli.printing import (
    clean,
    console,
    count,
    duration,
    hint,
    json_line,
    local_time,
    styled,
)
from engine.ids import Path
from engine.model.workflow import Node

Listener = Callable[[ev.News], None]

_MARKS = {"ok": "✓", "bad": "✗", "again": "↻", "ask": "?", "late": "…"}
_PLAIN = {"ok": "*", "bad": "!", "again": "~", "ask": "?", "late": "."}
_TITLE_WIDTH = 32


def print_json(news: ev.News) -> None:
    """Print every fact as a JSON line."""
    if isinstance(news, ev.Recorded):
        json_line(ev.to_json(news))


@dataclass(slots=True)
class _Items:
    """How many items of a For each a node is through with."""

    of: int
    done: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


class Lines:
    """Prints one line for each finished node, each question, retry and failure.

    The items of a For each share one line, which comes with the last of them.

    Args:
        nodes: of the workflow, for their titles.
        choices: request to what it may be answered with.
        store: the one that was asked for, to be named in commands.
        stays: this process goes on with the run as soon as a decision is stored.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        choices: Callable[[str], Sequence[str]],
        *,
        store: str | None = None,
        stays: bool = False,
    ) -> None:
        self._nodes = nodes
        self._choices = choices
        self._store = store
        self._stays = stays
        self._console = console()
        self._paths: dict[str, Path] = {}
        self._items: dict[tuple[str, Path], _Items] = {}
        fancy = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
        self._marks = _MARKS if fancy else _PLAIN
        self._say: dict[type[ev.Event], Callable[[Any, float], None]] = {
            ev.SuperstepCommitted: self._committed,
            ev.TaskFinished: self._finished,
            ev.TaskFailed: self._failed,
            ev.TaskSkipped: self._skipped,
            ev.TaskRetried: self._retried,
            ev.BarrierOpened: self._asked,
            ev.BarrierExpired: self._expired,
            ev.WaitOpened: self._waits,
            ev.SignalTaken: self._heard,
            ev.Degraded: self._degraded,
            ev.Warned: self._warned,
            ev.LimitReached: self._limit,
        }

    def __call__(self, news: ev.News) -> None:
        """Print what is worth a line."""
        if isinstance(news, ev.Recorded):
            say = self._say.get(type(news.event))
            if say is not None:
                say(news.event, news.at)

    def _committed(self, event: ev.SuperstepCommitted, at: float) -> None:
        del at
        self._paths.update({ready.task: ready.path for ready in event.ready if ready.path})

    def _finished(self, event: ev.TaskFinished, at: float) -> None:
        del at
        items = self._items_of(event.task, event.node)
        if items is not None:
            items.done += 1
            items.seconds += event.duration_s
            self._tell_items(event.task, event.node, items)
            return
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        note = f"  {clean(event.note, most=80)}" if event.note else ""
        self._line("ok", "green", event.node, f"{duration(event.duration_s)}{again}{note}")

    def _failed(self, event: ev.TaskFailed, at: float) -> None:
        del at
        if event.handled != "fail":  # else the last line says it
            text = self._without_title(event.node, event.error.message)
            self._line("bad", "yellow", event.node, f"{self._which(event.task)}{text}")
        items = self._items_of(event.task, event.node)
        if items is not None:
            items.failed += 1
            items.seconds += event.duration_s
            self._tell_items(event.task, event.node, items)

    def _skipped(self, event: ev.TaskSkipped, at: float) -> None:
        del at
        items = self._items_of(event.task, event.node)
        if items is not None:
            items.skipped += 1
            self._tell_items(event.task, event.node, items)

    def _items_of(self, task: str, node: str) -> _Items | None:
        path = self._paths.get(task)
        if not path or self._in_loop(path):
            return None  # rounds are told one by one: nobody knows how many there will be
        return self._items.setdefault((node, path[:-1]), _Items(of=path[-1][2]))

    def _tell_items(self, task: str, node: str, items: _Items) -> None:
        path = self._paths.pop(task)
        if items.done + items.failed + items.skipped < items.of:
            return
        del self._items[node, path[:-1]]
        words = [count(items.done, "item"), f"{duration(items.seconds)} in all"]
        if items.failed:
            words.append(f"{items.failed:,} failed")
        if items.skipped:
            words.append(f"{items.skipped:,} skipped")
        mark, style = ("bad", "yellow") if items.failed else ("ok", "green")
        self._line(mark, style, node, ", ".join(words))

    def _retried(self, event: ev.TaskRetried, at: float) -> None:
        delay = duration(max(0.0, event.due_at - at))
        text = self._without_title(event.node, event.error.message)
        failed = f"{self._which(event.task)}attempt {event.attempt} of {event.of} failed: {text}"
        self._line("again", "yellow", event.node, f"{failed}; again in {delay}")

    def _asked(self, event: ev.BarrierOpened, at: float) -> None:
        del at
        until = ""
        if event.deadline is not None:
            until = f" (until {local_time(event.deadline)}, then {event.default})"
        self._line("ask", "bold magenta", event.node, f"{clean(event.title)}{until}")
        first, *others = self._choices(event.request)
        if first != "approve":  # none of them goes without saying
            first, others = "CHOICE", [first, *others]
        then = "" if self._stays else " --resume"
        command = hint(self._store, f"decide {event.request} {first}{then}")
        more = f"   ({'or ' if first == 'approve' else ''}{', '.join(others)})"
        self._console.print(styled("      ", (command, "bold"), (more, "dim")))

    def _expired(self, event: ev.BarrierExpired, at: float) -> None:
        del at
        self._line("late", "yellow", event.node, f"nobody has decided in time: {event.default}")

    def _waits(self, event: ev.WaitOpened, at: float) -> None:
        del at
        text = clean(event.text) or f"until {local_time(event.due_at)}"
        self._line("late", "cyan", event.node, text)

    def _heard(self, event: ev.SignalTaken, at: float) -> None:
        del at
        sender = f" from {clean(event.by)}" if event.by else ""
        self._line("ok", "cyan", event.node, f"took the event {clean(event.name)}{sender}")

    def _degraded(self, event: ev.Degraded, at: float) -> None:
        del at
        self._line("again", "yellow", event.node, f"fallback: {clean(event.reason)}")

    def _warned(self, event: ev.Warned, at: float) -> None:
        del at
        self._line("bad", "yellow", event.node, clean(event.message))

    def _limit(self, event: ev.LimitReached, at: float) -> None:
        del at
        text = f"the limit {event.limit} ({event.value:g}) is reached"
        self._line("bad", "red", event.node, text)

    def _which(self, task: str) -> str:
        """Return the item or round that a task works on, in words, or nothing outside a zone."""
        path = self._paths.get(task)
        if not path:
            return ""
        return f"{'round' if self._in_loop(path) else 'item'} {path[-1][1] + 1}, "

    def _in_loop(self, path: Path) -> bool:
        zone = self._nodes.get(path[-1][0])
        return zone is not None and zone.type == "loop"

    def _without_title(self, key: str, message: str) -> str:
        """Return a message without the title of its node, which stands before it anyway."""
        node = self._nodes.get(key)
        return clean(message.removeprefix(f"{node.title or key} failed: " if node else ""))

    def _line(self, mark: str, style: str, key: str, text: str) -> None:
        node = self._nodes.get(key)
        title = clean(node.title if node is not None and node.title else key, most=44)
        width = title.ljust(_TITLE_WIDTH)
        self._console.print(styled("  ", (self._marks[mark], style), f" {width}  {text}"))
