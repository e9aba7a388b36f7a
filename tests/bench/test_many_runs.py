"""Decisions from two other processes on many runs at once: U69, U71, C5 no. 8.

HEADGATE_MANY_RUNS=200 makes it the size of the acceptance; bench/many_runs.py prints the figures.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
RUNS = int(os.environ.get("HEADGATE_MANY_RUNS", "40"))


@pytest.fixture
def many_runs(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("many_runs")


@pytest.mark.parametrize("pause_ms", [0, 10])
def test_no_decision_is_lost_doubled_or_misdirected(
    many_runs: Any, tmp_path: Path, pause_ms: float
) -> None:
    report = asyncio.run(many_runs.measure(tmp_path / "runs.sqlite", RUNS, 7, pause_ms))
    assert report.wrong == []
    assert int(report.figures["stored as accepted"].replace(",", "")) == RUNS
    assert int(report.figures["stored as late"].replace(",", "")) == 2 * (RUNS // 5)
