"""A stream goes on after its last admitted item when the program was killed (U51)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.cli.program import END, START, Terminal, finished

LINES = 4_000


def reading(headgate: Terminal, folder: Path) -> Path:
    source = folder / "numbers.txt"
    source.write_text("".join(f"{n}\n" for n in range(LINES)))
    count = {
        "type": "set",
        "params": {"fields": {"n": {"expr": "int(input)"}}},
        "writes": {"seen": {"expr": "[output.n]"}},
    }
    return headgate.write(
        "lines",
        {
            "start": START,
            "lines": {"type": "file.lines", "params": {"path": str(source)}},
            "each": {"type": "for_each", "params": {"limit": 3}},
            "count": count,
            "all": {"type": "collect"},
            "end": END,
        },
        "start lines",
        "lines each",
        "each.item count",
        "count all",
        "all end",
        channels={"seen": {"type": "array", "reducer": "extend", "default": []}},
        settings={"result": "state.seen"},
    )


def test_a_program_that_is_killed_takes_no_line_twice_and_none_is_lost(
    headgate: Terminal, tmp_path: Path
) -> None:
    path = reading(headgate, tmp_path)
    process = headgate.start("run", path, "--json", "--allow", "files")
    assert process.stdout is not None
    added = 0
    for text in process.stdout:
        added += json.loads(text).get("event") == "ItemsAdded"
        if added == 200:
            break
    process.kill()
    finished(process)
    run = headgate.newest()
    assert len(json.loads(headgate("show", run, "--json").out)["state"]["seen"]) < LINES
    ended = headgate("resume", run, "--json", "--allow", "files").lines[-1]
    assert ended["event"] == "RunFinished"
    assert sorted(ended["result"]) == list(range(LINES))
