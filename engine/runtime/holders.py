"""Who holds something in the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who runs a run. `boot` and `pid` together tell a dead process from a reused pid."""

    host: str
    pid: int
    boot: str
    started: float
