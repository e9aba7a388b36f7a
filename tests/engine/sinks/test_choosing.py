"""HEADGATE_SINKS names sinks; one that cannot be made says why and stops nothing (U108, U115)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from engine.app import Engine
from engine.sinks.choosing import RefusedSink, chosen
from tests.engine.flows import flow, registry

CHAIN = flow({"start": "trigger.manual", "end": "end"}, "start > end")


def test_a_text_names_sinks(tmp_path: Path) -> None:
    found = chosen(f"jsonl:{tmp_path}/a.jsonl, sqlite:{tmp_path}/b.sqlite,log,")
    assert [each.name.split()[0] for each in found] == ["jsonl", "sqlite", "logging"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("kafka", "no such sink"), ("jsonl", "needs a file"), ("sqlite:", "needs a file")],
)
def test_what_cannot_be_made_says_why(text: str, why: str) -> None:
    (sink,) = chosen(text)
    assert isinstance(sink, RefusedSink)
    assert why in sink.why


def test_telemetry_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    (sink,) = chosen("otel")
    assert isinstance(sink, RefusedSink)
    assert "pip install 'headgate[telemetry]'" in sink.why


def test_an_engine_that_is_opened_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SINKS", f"jsonl:{tmp_path}/events.jsonl, kafka")

    async def once() -> Engine:
        async with Engine.open("memory://", registry=registry()) as engine:
            await (await engine.start(CHAIN, 1)).leg()
        return engine

    good, bad = asyncio.run(once()).sinks.health
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == good.written > 0
    assert (bad.failed, "no such sink" in bad.last_error) == (good.written, True)
