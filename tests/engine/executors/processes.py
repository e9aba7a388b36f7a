"""Looking at processes from outside."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


async def gone(*pids: int, within_s: float = 5.0) -> bool:
    """Wait until none of them is alive; False when one still is at the end."""
    end = time.monotonic() + within_s
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.01)
    return True


async def written(path: Path) -> list[int]:
    """Wait until numbers are in a file."""
    async with asyncio.timeout(20):
        while not path.exists() or not path.read_text(encoding="ascii"):
            await asyncio.sleep(0.005)
    return [int(word) for word in path.read_text(encoding="ascii").split()]
