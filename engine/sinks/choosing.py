"""Which sinks a text asks for: ``jsonl:events.jsonl, sqlite:events.sqlite, log, otel``."""

from __future__ import annotations

from collections.abc import Callable

from engine.events import News
from engine.sinks.files import JsonlSink, SqliteSink
from engine.sinks.logs import LoggingSink
from engine.sinks.sink import Sink
from engine.sinks.telemetry import TelemetrySink

_KINDS = "jsonl:FILE, sqlite:FILE, log and otel"


class RefusedSink:
    """Stands for a sink that could not be made: every news fails with the reason."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why

    def write(self, news: News) -> None:
        """Raise the reason."""
        raise RuntimeError(self.why)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Nothing is open."""


def chosen(text: str, *, queued: Callable[[], int] = lambda: 0) -> list[Sink]:
    """Return the sinks that a text asks for; one that cannot be made is a `RefusedSink`."""
    return [_sink(part.strip(), queued) for part in text.split(",") if part.strip()]


def _sink(text: str, queued: Callable[[], int]) -> Sink:
    kind, _, rest = text.partition(":")
    if kind in ("jsonl", "sqlite") and not rest:
        return RefusedSink(text, f"it needs a file, as in {kind}:events.{kind}")
    match kind:
        case "jsonl":
            return JsonlSink(rest)
        case "sqlite":
            return SqliteSink(rest)
        case "log":
            return LoggingSink(rest or "headgate.events")
        case "otel":
            try:
                return TelemetrySink(queued=queued)
            except ImportError as error:
                return RefusedSink(text, str(error))
        case _:
            return RefusedSink(
                text, "there is no such sink; use jsonl:FILE, sqlite:FILE, log, otel"
            )
