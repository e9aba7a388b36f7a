"""Which files of a folder are new or have changed, by looking at it again and again.

A look compares the folder with what the last stored one has seen, so nothing that is there
is lost between two looks or while nobody looks. What is made and removed in between is gone,
and could not be read any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any

from engine.ids import RunId
from engine.nodes.trigger_file import FileTriggerParams
from engine.runtime.trigger_ports import Firing, TriggerRecord
from engine.triggers.looks import Look, catch_up

Json = Any
#: Files that are watched at most; more are a problem that is told.
MOST_FILES = 20_000
#: Path below the folder to [mtime in ns, size, inode].
Files = dict[str, list[int]]


class TooMany(Exception):  # noqa: N818 - told as the trigger's problem
    """More files match than are watched."""


def scan(folder: Path, pattern: str) -> Files | None:
    """Return the files that match, or None when there is no such folder. Blocks.

    Raises:
        TooMany: there are more than `MOST_FILES`.
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        return None
    found: Files = {}
    next(folder.iterdir(), None)  # glob passes over a folder that may not be read
    for path in folder.glob(pattern):
        try:
            stat = path.stat()
        except OSError:
            continue  # it is gone already, or is no file of ours
        if S_ISREG(stat.st_mode):
            found[path.relative_to(folder).as_posix()] = [
                stat.st_mtime_ns,
                stat.st_size,
                stat.st_ino,
            ]
            if len(found) > MOST_FILES:
                raise TooMany(f"more than {MOST_FILES:,} files match {pattern}")
    return found


class FileEye:
    """Looks at a folder.

    Args:
        params: of the trigger.
        folder: absolute.
        run_id: makes the id of a run.
    """

    def __init__(
        self, params: FileTriggerParams, folder: Path, run_id: Callable[[float], RunId]
    ) -> None:
        self._params = params
        self._folder = folder
        self._run_id = run_id
        #: Files that differ from what is stored: [stamp, since when it is that one].
        self._unsettled: dict[str, tuple[list[int], float]] = {}
        #: Those that differed at the first look, when nobody may have looked for long.
        self._late: set[str] | None = None

    async def first(self, now: float) -> Look:
        """Return the files that are there; with `existing` they are still to come."""
        found = {} if self._params.existing else (await self._scan())[0] or {}
        memory = {"files": found, "fresh": True}
        return Look(seen=now, memory=memory, again_at=now)

    async def look(self, record: TriggerRecord, now: float) -> Look:
        """Return the files that are new or have changed, and then were left alone."""
        again_at = now + self._params.scan_s
        found, problem = await self._scan()
        memory = record.memory
        if found is None:
            return Look(seen=record.seen, memory=memory, problem=problem, again_at=again_at)
        known: Files = memory["files"]
        different = [path for path, stamp in found.items() if known.get(path) != stamp]
        if self._late is None:
            self._late = set() if memory.get("fresh") else set(different)
        settled = self._settled({path: found[path] for path in different}, now)
        firings = self._firings(settled, known, now)
        files = {path: known[path] for path in found if path in known} | settled
        self._late.difference_update(settled)
        if firings or files != known or memory.get("fresh"):
            memory = {"files": files}
        return Look(seen=now, firings=firings, memory=memory, again_at=again_at)

    async def _scan(self) -> tuple[Files | None, str]:
        try:
            found = await asyncio.to_thread(scan, self._folder, self._params.pattern)
        except (OSError, TooMany) as error:
            return None, f"{self._folder} cannot be watched: {error}"
        return found, "" if found is not None else f"there is no folder {self._folder}"

    def _settled(self, different: Files, now: float) -> Files:
        """Return those that have been the same for long enough."""
        settled: Files = {}
        unsettled: dict[str, tuple[list[int], float]] = {}
        for path, stamp in different.items():
            before = self._unsettled.get(path)
            since = before[1] if before is not None and before[0] == stamp else now
            if now - since >= self._params.settle_s:
                settled[path] = stamp
            else:
                unsettled[path] = stamp, since
        self._unsettled = unsettled
        return settled

    def _firings(self, settled: Files, known: Mapping[str, Json], now: float) -> list[Firing]:
        wanted = [
            path
            for path in sorted(settled, key=lambda path: (settled[path][0], path))
            if self._params.on == "both" or (self._params.on == "changed") is (path in known)
        ]
        late = [path for path in wanted if self._late and path in self._late]
        caught = catch_up(self._params.missed, self._params.most_missed, late)
        passed_over = set(late).difference(caught.kept)
        firings = [
            self._firing(path, settled[path], now, changed=path in known)
            for path in wanted
            if path not in passed_over
        ]
        if passed_over:
            reason = f"{len(passed_over)} files came while nobody watched the folder"
            firings.append(
                Firing(key=f"missed {now:.3f}", run=RunId(""), due_at=now, skipped=reason)
            )
        return firings

    def _firing(self, path: str, stamp: list[int], now: float, *, changed: bool) -> Firing:
        modified_ns, size, inode = stamp
        modified = modified_ns / 1e9
        payload = {
            "path": str(self._folder / path),
            "name": path.rpartition("/")[2],
            "folder": str(self._folder),
            "change": "changed" if changed else "created",
            "size": size,
            "modified_at": datetime.fromtimestamp(modified, UTC).isoformat(),
        }
        key = f"{path} {modified_ns} {size} {inode}"
        return Firing(key=key, run=self._run_id(now), due_at=now, payload=payload)
