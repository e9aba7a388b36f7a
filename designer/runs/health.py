"""How the engine fares, read while something happens: what the badge and the panel show."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from designer.runs.engine_client import EngineClient
from designer.runs.rows import Health
from designer.runs.words import local_time, short_run, unsaved_words
from designer.widgets.format import format_bytes, format_exact, plural

#: The shortest time between two readings.
REST_MS = 1_000
#: Something is wrong, or somebody looks: read again after this long though nothing happens.
WATCH_MS = 3_000
#: Name of a fact, what it is, and whether it is wrong.
Fact = tuple[str, str, bool]


def _read(engine: Any) -> Health:
    """Runs in a thread."""
    health: Health = engine.health()
    return health


class HealthModel(QObject):
    """The health of the engine, read again when runs move, and while it is watched."""

    #: `health` has been read.
    changed = Signal()

    def __init__(self, client: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._watched = False
        self.health: Health | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self._again = False
        self._watch = QTimer(self)
        self._watch.setSingleShot(True)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self.read)
        client.news.connect(self.ask)
        client.failed.connect(self.ask)
        client.run_ended.connect(self.ask)

    @property
    def troubles(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong."""
        return self.health.troubles if self.health is not None else ()

    def watch(self, watched: bool) -> None:
        """Somebody looks at it, or no longer."""
        self._watched = watched
        if watched:
            self.read()

    def ask(self) -> None:
        """Read it soon; asked for all the time, once a second."""
        if self._rest.isActive():
            self._again = True
        else:
            self._rest.start()
            self.read()

    def read(self) -> None:
        """Read it now."""
        self._client.read(
            "health", _read, self._client.engine, then=self._take, what="Looking after the engine"
        )

    def _on_rest(self) -> None:
        if self._again:
            self._again = False
            self.ask()

    def _take(self, health: Health) -> None:
        moved = health != self.health
        self.health = health
        if self._watched or health.troubles:
            self._watch.start()
        if moved:
            self.changed.emit()


def badge_words(troubles: tuple[str, ...]) -> str:
    """What the badge says; empty when all is well."""
    if not troubles:
        return ""
    return "Not saved" if "cannot be saved" in troubles[0] else plural(len(troubles), "trouble")


def store_facts(health: Health) -> list[Fact]:
    """What is shown of the store."""
    last = health.last_commit_at
    failed = health.failed_at
    recent = failed is not None and (last is None or failed >= last)
    refused = "none"
    if failed is not None:
        refused = f"{health.last_failure} ({_time(failed)})"
    usage = f"{format_bytes(health.usage.bytes)} of {format_bytes(health.usage.quota)}"
    return [
        ("File", health.place, False),
        ("Size", usage, health.usage.is_near),
        ("Of it the log", format_bytes(health.log_bytes), False),
        ("Last checkpoint saved", "none yet" if last is None else _time(last), False),
        ("Last refusal", refused, recent),
        ("Kept results", f"{health.kept:,}, {format_bytes(health.cache.bytes)}", False),
    ]


def queue_facts(health: Health) -> list[Fact]:
    """What waits to be stored."""
    facts = [
        ("Runs driven here", f"{health.driven:,}", False),
        ("Writes that wait", f"{health.queued:,}", False),
    ]
    for each in health.unsaved:
        words = unsaved_words(each.since, each.problem)
        facts.append((f"Run {short_run(each.run)}", words, bool(each.problem)))
    return facts


def sink_facts(health: Health) -> list[Fact]:
    """How each sink fares."""
    facts: list[Fact] = []
    for sink in health.sinks:
        words = f"{sink.written:,} written, {sink.queued:,} wait"
        if sink.failed:
            words += f", {sink.failed:,} failed: {sink.last_error}"
        if sink.dropped:
            words += f", {sink.dropped:,} dropped"
        facts.append((sink.name, words, not sink.ok))
    return facts or [("Sinks", "none", False)]


def _time(at: float) -> str:
    return format_exact(local_time(at))[:19]
