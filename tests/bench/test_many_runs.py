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


@pytest.mark.parametrize(("pause_ms", "threaded"), [(0, False), (10, True)])
def test_no_decision_is_lost_doubled_or_misdirected(
    many_runs: Any, tmp_path: Path, pause_ms: float, threaded: bool
) -> None:
    path = tmp_path / "runs.sqlite"
    report = asyncio.run(many_runs.measure(path, RUNS, 7, pause_ms=pause_ms, threaded=threaded))
    assert report.wrong == []
    assert report.figures["stored as accepted"] == f"{RUNS:,}"
    assert report.figures["stored as late"] == f"{2 * (RUNS // 5):,}"
