"""A sink that gives spans and metrics to OpenTelemetry. The only module that knows it.

Only its API is used: which SDK, exporter and sampling there are is the program's choice,
and without an SDK nothing is recorded. All legs of a run, in whatever process, are in one
trace, whose id follows from the id of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from engine import events as ev
from engine.sinks.spans import Begin, End, Mark, SpanTracker

#: The instrumentation's name, and the beginning of every attribute and metric.
SCOPE = "headgate"


class TelemetrySink:
    """Spans run → superstep → node → attempt, and counters and histograms (U113, U114).

    Args:
        tracer_provider: None takes the global one. `meter_provider`: the same.
        queued: how many news wait for sinks, for the gauge ``headgate.sink.queue``.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """

    name = "opentelemetry"

    def __init__(
        self,
        tracer_provider: Any = None,
        meter_provider: Any = None,
        *,
        queued: Callable[[], int] = lambda: 0,
    ) -> None:
        try:
            # An extra: imported only when it is used, and perhaps not installed.
            from opentelemetry import (  # noqa: PLC0415 # pyright: ignore[reportMissingImports] - as said
                metrics,
                trace,
            )
        except ImportError as error:
            raise ImportError(
                "OpenTelemetry is not installed; install it with pip install 'headgate[telemetry]'"
            ) from error
        self._trace = trace
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._tracker = SpanTracker()
        self._spans: dict[str, Any] = {}
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._runs = meter.create_counter("headgate.runs", description="legs that ended")
        self._commits = meter.create_counter("headgate.commits", description="supersteps stored")
        self._attempts = meter.create_counter(
            "headgate.attempts", description="attempts that ended"
        )
        self._seconds = meter.create_histogram(
            "headgate.attempt.duration", unit="s", description="how long attempts took"
        )
        self._waits = meter.create_histogram(
            "headgate.wait.duration", unit="s", description="how long barriers were open"
        )
        meter.create_observable_gauge(
            "headgate.sink.queue",
            callbacks=[lambda options: [metrics.Observation(queued())]],
            description="news that wait for sinks",
        )

    def write(self, news: ev.News) -> None:
        """Begin and end spans, and count."""
        for op in self._tracker.take(news):
            match op:
                case Begin():
                    self._begin(op)
                case End():
                    self._end(op)
                case Mark():
                    span = self._spans.get(op.key)
                    if span is not None:
                        span.add_event(op.name, _named(op.attributes), timestamp=_ns(op.at))
        if isinstance(news, ev.Recorded):
            self._count(news.event)

    def flush(self) -> None:
        """Exporters flush themselves."""

    def close(self) -> None:
        """End what is still open: nobody will tell how it went on."""
        for span in reversed(list(self._spans.values())):
            span.end()
        self._spans.clear()

    def _begin(self, op: Begin) -> None:
        around = self._spans.get(op.parent) or self._root(op.run)
        self._spans[op.key] = self._tracer.start_span(
            op.name,
            context=self._trace.set_span_in_context(around),
            attributes=_named(op.attributes),
            start_time=_ns(op.at),
        )

    def _end(self, op: End) -> None:
        span = self._spans.pop(op.key, None)
        if span is None:
            return
        span.set_attributes(_named(op.attributes))
        if op.error:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, op.error))
        span.end(end_time=_ns(op.at))

    def _root(self, run: str) -> Any:
        """Return the common parent of all legs of a run, which is nowhere but in their ids."""
        digest = hashlib.sha256(run.encode()).digest()
        context = self._trace.SpanContext(
            trace_id=int.from_bytes(digest[:16], "big") or 1,
            span_id=int.from_bytes(digest[16:24], "big") or 1,
            is_remote=True,
            trace_flags=self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED),
        )
        return self._trace.NonRecordingSpan(context)

    def _count(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.TaskFinished() | ev.TaskFailed():
                outcome = "failed" if isinstance(event, ev.TaskFailed) else "finished"
                about = {"node": event.node, "outcome": outcome}
                self._attempts.add(1, about)
                self._seconds.record(event.duration_s, about)
            case ev.TaskRetried():
                self._attempts.add(1, {"node": event.node, "outcome": "retried"})
            case ev.BarrierDecided():
                self._waits.record(event.delay_s, {"node": event.node, "choice": event.choice})
            case ev.SuperstepCommitted():
                self._commits.add(1)
            case ev.RunFinished() | ev.RunFailed() | ev.RunCancelled() | ev.RunWaiting():
                self._runs.add(1, {"ended": type(event).__name__})
            case _:
                pass


def _named(attributes: Any) -> dict[str, Any]:
    return {f"{SCOPE}.{name}": value for name, value in attributes.items()}


def _ns(at: float) -> int:
    return int(at * 1_000_000_000)
