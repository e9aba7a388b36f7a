"""What the event log holds: bounded, filtered, each line knowing its checkpoint. No Qt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from designer.runs import words
from engine import events as ev

News = ev.News

#: Lines kept; when there are more, the oldest tenth goes and is counted.
CAPACITY = 100_000

#: What each filter lets through; without any, everything is shown.
FILTERS: dict[str, frozenset[str]] = {
    "errors": frozenset({"error", "warning", "retry"}),
    "decisions": frozenset({"decision"}),
    "commits": frozenset({"commit"}),
    "output": frozenset({"output"}),
}


@dataclass(slots=True, eq=False)
class Entry:
    """One line of the log.

    Attributes:
        order: rises by one for each line heard, also for those that were dropped.
        at: seconds since the epoch.
        commit: the checkpoint that holds it, or None as long as that is not made.
    """

    order: int
    at: float
    kind: str
    node: str
    news: ev.News
    commit: int | None = None

    @property
    def run(self) -> str:
        """The run it belongs to."""
        return self.news.run

    @property
    def is_error(self) -> bool:
        """Whether a person must not miss it."""
        stderr = isinstance(self.news, ev.OutputChunk) and self.news.stream == "stderr"
        return self.kind == "error" or stderr

    def text(self, title_of: words.TitleOf) -> str:
        """The line in plain words."""
        return words.sentence(self.news, title_of)

    def to_json(self) -> dict[str, Any]:
        """The line as the command line would print it."""
        if isinstance(self.news, ev.Recorded):
            return ev.to_json(self.news)
        fields: dict[str, Any] = msgspec.to_builtins(self.news)
        return {"update": fields.pop("type"), **fields}


def json_lines(entries: Iterable[Entry]) -> str:
    """The entries as JSONL, one object a line."""
    return "".join(
        json.dumps(entry.to_json(), ensure_ascii=False, default=str) + "\n" for entry in entries
    )


@dataclass(slots=True)
class Filter:
    """Which lines are shown.

    Attributes:
        kinds: names in `FILTERS`; none shows everything.
        text: what the line or the title of its node must contain.
    """

    kinds: frozenset[str] = frozenset()
    text: str = ""

    def accepts(self, entry: Entry, title_of: words.TitleOf) -> bool:
        """Whether the line is shown."""
        if self.kinds and not any(entry.kind in FILTERS[name] for name in self.kinds):
            return False
        if not self.text:
            return True
        wanted = self.text.casefold()
        return wanted in f"{title_of(entry.node)} {entry.text(title_of)}".casefold()


@dataclass(slots=True)
class LogBuffer:
    """The newest lines, oldest first."""

    capacity: int = CAPACITY
    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0
    _order: int = 0
    _open: dict[str, list[Entry]] = field(default_factory=dict)
    _commits: dict[str, int] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything, also what was dropped."""
        self.entries = []
        self.dropped = 0
        self._open, self._commits, self._seen = {}, {}, {}

    def add(self, news: Sequence[ev.News], now: float) -> list[Entry]:
        """Take in news and return the lines that it makes; what was heard already makes none.

        Args:
            news: Facts and updates, oldest first. Progress makes no line.
            now: The time of updates that carry none.
        """
        added: list[Entry] = []
        for item in news:
            entry = self._entry(item, now)
            if entry is not None:
                added.append(entry)
        self.entries.extend(added)
        return added

    def trim(self) -> int:
        """Drop the oldest lines when there are too many; return how many."""
        if len(self.entries) <= self.capacity:
            return 0
        excess = len(self.entries) - self.capacity + self.capacity // 10
        del self.entries[:excess]
        self.dropped += excess
        return excess

    def _entry(self, item: ev.News, now: float) -> Entry | None:
        if isinstance(item, ev.Progress | ev.Unsaved):
            return None  # facts make their lines when they are stored
        if isinstance(item, ev.Recorded):
            if item.seq <= self._seen.get(item.run, 0):
                return None
            self._seen[item.run] = item.seq
        at = item.at if isinstance(item, ev.Recorded | ev.TaskStarted) else now
        self._order += 1
        entry = Entry(self._order, at, words.kind(item), words.node_of(item), item)
        self._place(entry)
        return entry

    def _place(self, entry: Entry) -> None:
        """Find the commit of a line: the one that follows, or for an end the one before."""
        run = entry.run
        event = entry.news.event if isinstance(entry.news, ev.Recorded) else None
        if isinstance(event, ev.SuperstepCommitted):
            for waiting in self._open.pop(run, ()):
                waiting.commit = event.commit
            entry.commit = self._commits[run] = event.commit
        elif isinstance(event, ev.TERMINAL) and run in self._commits:
            entry.commit = self._commits[run]
        else:
            self._open.setdefault(run, []).append(entry)


def load_records(engine: Any, run: str, capacity: int = CAPACITY) -> list[ev.Recorded]:
    """The newest stored facts of a run; runs in a thread."""
    last: int = engine.view(run).seq
    found: list[ev.Recorded] = engine.events(run, after=max(0, last - capacity))
    return found
