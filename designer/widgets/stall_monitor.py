"""How long the window was held up: a heartbeat for diagnostics and benchmarks."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer


@dataclass(frozen=True, slots=True, kw_only=True)
class StallReport:
    """How long the GUI thread was silent between two heartbeats."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    #: Gaps over 50 ms: what a person sees as a stutter.
    stalls: int


class StallMonitor(QObject):
    """A heartbeat of one millisecond that measures how long the window was held up."""

    STALL_MS = 50.0
    #: Beats kept: the last two minutes of an idle window.
    CAPACITY = 120_000

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gaps_ms = array("d")
        self._next = 0
        self._max_ms = 0.0
        self._count = 0
        self._stalls = 0
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Forget what was measured and begin."""
        self._gaps_ms = array("d")
        self._next = self._count = self._stalls = 0
        self._max_ms = 0.0
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """End measuring; the last gap counts."""
        if self._timer.isActive():
            self._timer.stop()
            self._beat()

    def _beat(self) -> None:
        now = time.perf_counter()
        gap_ms = (now - self._last) * 1000
        self._last = now
        self._count += 1
        self._max_ms = max(self._max_ms, gap_ms)
        self._stalls += gap_ms > self.STALL_MS
        if len(self._gaps_ms) < self.CAPACITY:
            self._gaps_ms.append(gap_ms)
        else:
            self._gaps_ms[self._next] = gap_ms
            self._next = (self._next + 1) % self.CAPACITY

    def report(self) -> StallReport:
        """What was measured since `start`; the percentiles are of the latest beats kept."""
        ordered = sorted(self._gaps_ms)

        def percentile(share: float) -> float:
            return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

        return StallReport(
            count=self._count,
            p50_ms=percentile(0.50),
            p99_ms=percentile(0.99),
            max_ms=self._max_ms,
            stalls=self._stalls,
        )
