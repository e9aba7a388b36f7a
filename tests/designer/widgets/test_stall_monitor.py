"""The stall monitor sees what a person would see."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from designer.widgets.stall_monitor import StallMonitor

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def _block(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def _until_heard(monitor: StallMonitor, *, stalls: int, beats: int) -> None:
    """Wait for that many stalls and beats, however busy the machine is."""
    async with asyncio.timeout(20):
        while (report := monitor.report()).stalls < stalls or report.count < beats:
            await asyncio.sleep(0.01)


def test_stall_monitor_sees_the_stall(qloop: asyncio.AbstractEventLoop) -> None:
    monitor = StallMonitor()
    monitor.start()
    qloop.call_later(0.02, _block, 0.08)
    qloop.run_until_complete(_until_heard(monitor, stalls=1, beats=5))
    monitor.stop()
    report = monitor.report()
    assert report.max_ms >= 75
    assert report.stalls >= 1
    assert 0 < report.p50_ms <= report.p99_ms <= report.max_ms
    assert report.count >= 5


def test_stall_monitor_without_a_beat_reports_zeros(qapp: QApplication) -> None:
    report = StallMonitor(qapp).report()
    assert (report.count, report.p99_ms, report.max_ms) == (0, 0.0, 0.0)
