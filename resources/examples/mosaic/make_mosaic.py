#!/usr/bin/env python3
"""Makes sky-mosaic.json: a WfFormat 1.5 trace of a workflow that never ran.

    python3 make_mosaic.py [FOLDER]

It has the shape of programs that make one picture of the sky out of many: every plate is
projected, every overlap of two plates is compared, one model levels the background of all,
and what is level is added up. 25 plates in five rows make 128 tasks. The same bytes every
time. Import it with: headgate import sky-mosaic.json
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SEED = 128
SIDE = 5


class Trace:
    """Tasks and files as they are added."""

    def __init__(self) -> None:
        self.draw = random.Random(SEED)  # noqa: S311 - the same trace every time
        self.tasks: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.sizes: dict[str, int] = {}
        self.makers: dict[str, dict[str, Any]] = {}

    def add(
        self, program: str, seconds: float, reads: Iterable[str], writes: dict[str, int]
    ) -> None:
        """Add a task; it comes after those that write what it reads."""
        task: dict[str, Any] = {
            "name": f"{program}_{len(self.tasks) + 1:03}",
            "id": f"{program}_{len(self.tasks) + 1:03}",
            "parents": [],
            "children": [],
            "inputFiles": list(reads),
            "outputFiles": list(writes),
        }
        for name in task["inputFiles"]:
            maker = self.makers.get(name)
            if maker is not None and maker["id"] not in task["parents"]:
                task["parents"].append(maker["id"])
                maker["children"].append(task["id"])
        for name, size in writes.items():
            self.sizes[name] = size
            self.makers[name] = task
        took = round(seconds * self.draw.uniform(0.7, 1.4), 3)
        self.tasks.append(task)
        self.runs.append(
            {
                "id": task["id"],
                "runtimeInSeconds": took,
                "command": {
                    "program": program,
                    "arguments": [*task["inputFiles"], *task["outputFiles"]],
                },
                "coreCount": 1,
                "machines": ["observatory-1"],
            }
        )


def overlaps() -> Iterator[tuple[str, str]]:
    """Return the pairs of plates that touch, corners too."""
    for row in range(SIDE):
        for column in range(SIDE):
            for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
                if row + down < SIDE and 0 <= column + right < SIDE:
                    yield f"{row}{column}", f"{row + down}{column + right}"


def make() -> dict[str, Any]:
    """Return the trace."""
    trace = Trace()
    plates = [f"{row}{column}" for row in range(SIDE) for column in range(SIDE)]
    for plate in plates:
        trace.sizes[f"plate-{plate}.fits"] = 4_204_800
    trace.sizes["region.hdr"] = 312
    for plate in plates:
        reads = (f"plate-{plate}.fits", "region.hdr")
        trace.add("project", 12, reads, {f"projected-{plate}.fits": 8_409_600})
    pairs = list(overlaps())
    for one, other in pairs:
        reads = (f"projected-{one}.fits", f"projected-{other}.fits")
        trace.add("compare", 3, reads, {f"overlap-{one}-{other}.txt": 268})
    texts = [f"overlap-{one}-{other}.txt" for one, other in pairs]
    trace.add("collect", 8, texts, {"overlaps.tbl": 268 * len(texts)})
    trace.add("model", 21, ["overlaps.tbl"], {"levels.tbl": 3_100})
    for plate in plates:
        reads = (f"projected-{plate}.fits", "levels.tbl")
        trace.add("level", 4, reads, {f"level-{plate}.fits": 8_409_600})
    level = [f"level-{plate}.fits" for plate in plates]
    trace.add("index", 3, level, {"level.tbl": 6_400})
    trace.add("add", 38, [*level, "level.tbl"], {"mosaic.fits": 190_000_000})
    trace.add("shrink", 9, ["mosaic.fits"], {"mosaic-small.fits": 7_600_000})
    trace.add("paint", 5, ["mosaic-small.fits"], {"mosaic.png": 2_100_000})
    return {
        "name": "Sky mosaic",
        "description": "One picture of the sky out of 25 plates.",
        "createdAt": "2026-03-31T12:00:00Z",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": trace.tasks,
                "files": [{"id": n, "sizeInBytes": size} for n, size in trace.sizes.items()],
            },
            "execution": {
                "makespanInSeconds": 149.0,
                "executedAt": "2026-03-31T12:00:00Z",
                "tasks": trace.runs,
                "machines": [{"nodeName": "observatory-1", "cpu": {"coreCount": 16}}],
            },
        },
    }


def main() -> None:
    """Write the trace into a folder, by default the one of this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    text = json.dumps(make(), indent=1, sort_keys=True)
    (folder / "sky-mosaic.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
