"""The same spans and counts through OpenTelemetry, where it is installed (U113, U114; T58)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.commands import Decide
from engine.sinks.telemetry import TelemetrySink
from tests.engine.flows import Bench, flow

trace_sdk = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
metrics_sdk = pytest.importorskip("opentelemetry.sdk.metrics")
metrics_export = pytest.importorskip("opentelemetry.sdk.metrics.export")

GATE = flow(
    {"start": "trigger.manual", "a": "asleep", "ask": "ask", "end": "end"},
    "start > a, a > ask, ask.approved > end",
)


class Lab:
    """An SDK that keeps everything in memory."""

    def __init__(self) -> None:
        self.spans = memory.InMemorySpanExporter()
        tracers = trace_sdk.TracerProvider()
        tracers.add_span_processor(export.SimpleSpanProcessor(self.spans))
        self.reader = metrics_export.InMemoryMetricReader()
        meters = metrics_sdk.MeterProvider(metric_readers=[self.reader])
        self.sink = TelemetrySink(tracers, meters, queued=lambda: 3)

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        found = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [point for metric in found for point in metric.data.data_points]


async def two_legs(lab: Lab) -> str:
    async with Bench() as bench:
        bench.engine.add_sink(lab.sink)
        handle = await bench.engine.start(GATE, 1)
        await handle.leg()
        (request,) = bench.engine.inbox()
        await bench.engine.decide(
            Decide(request=request.request, choice="approve", by="me", through="api")
        )
        await (await bench.engine.resume(handle.run)).leg()
        return handle.run


async def test_all_legs_of_a_run_are_one_trace() -> None:
    lab = Lab()
    await two_legs(lab)
    spans = lab.spans.get_finished_spans()
    assert len({span.context.trace_id for span in spans}) == 1
    assert [span.name for span in spans].count("run Test") == 1  # the second leg has no start
    assert sum(span.name.startswith("run") for span in spans) == 2


async def test_attempts_are_inside_nodes_inside_supersteps_inside_runs() -> None:
    lab = Lab()
    await two_legs(lab)
    spans = {span.context.span_id: span for span in lab.spans.get_finished_spans()}
    (attempt,) = [
        span
        for span in spans.values()
        if span.name == "attempt 1" and spans[span.parent.span_id].name == "node a"
    ]
    names: list[str] = []
    while attempt is not None:
        names.append(attempt.name)
        attempt = spans.get(attempt.parent.span_id)
    assert names == ["attempt 1", "node a", "superstep", "run Test"]


async def test_attempts_waits_and_commits_are_counted() -> None:
    lab = Lab()
    await two_legs(lab)
    tries = {point.attributes["node"]: point.value for point in lab.points("headgate.attempts")}
    assert tries["a"] == 1
    (wait,) = lab.points("headgate.wait.duration")
    assert (wait.count, dict(wait.attributes)) == (1, {"node": "ask", "choice": "approve"})
    assert lab.points("headgate.commits")[0].value > 3
    assert {p.attributes["ended"] for p in lab.points("headgate.runs")} == {
        "RunWaiting",
        "RunFinished",
    }
    assert lab.points("headgate.sink.queue")[0].value == 3


async def test_failures_are_on_the_spans() -> None:
    lab = Lab()
    async with Bench() as bench:
        bench.engine.add_sink(lab.sink)
        await bench.run(flow({"start": "trigger.manual", "a": "boom"}, "start > a"))
    failed = [s.name for s in lab.spans.get_finished_spans() if not s.status.is_ok]
    assert failed == ["attempt 1", "node a", "run Test"]
