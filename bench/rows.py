"""What is measured, one row for each line of the table, and what ours must reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

#: The subjects in the order of the columns; ours is the last.
SUBJECTS = ("limit", "langgraph", "burr", "dbos", "headgate")
#: Subject to what is installed for it with pip; the others run in the environment of Headgate.
PACKAGES = {
    "langgraph": ("langgraph", "langgraph-checkpoint-sqlite"),
    "burr": ("apache-burr", "aiosqlite"),
    "dbos": ("dbos",),
}
NAMES = {"limit": "limit", "langgraph": "LangGraph", "burr": "Burr", "dbos": "DBOS"}
NAMES["headgate"] = "Headgate"
#: What a program that uses the subject imports (W11).
IMPORTS = {
    "limit": "import asyncio, json, sqlite3",
    "langgraph": "import langgraph.graph, langgraph.types, langgraph.checkpoint.sqlite.aio",
    "burr": "import burr.core, burr.integrations.persisters.b_aiosqlite",
    "dbos": "import dbos",
    "headgate": "import engine.app",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what every subject does, each in its own way.

    Attributes:
        n: steps or branches. `size`: bytes of state.
        kinds: subject to the kind that its program knows; a subject without one has no way
            of doing it.
        unit: of the figure. `name`: what the programs call it.
        goal: ours divided by LangGraph's that must be reached; None: none was set.
    """

    work: str
    title: str
    n: int
    size: int
    kinds: Mapping[str, str]
    unit: str = "supersteps/s"
    name: str = "per_s"
    goal: float | None = None

    @property
    def is_time(self) -> bool:
        """Whether less is better."""
        return self.unit == "ms"


def _kinds(kind: str, *without: str, **own: str) -> dict[str, str]:
    return {**dict.fromkeys([name for name in SUBJECTS if name not in without], kind), **own}


#: Left out where only the limit and LangGraph have a way that is comparable, and where they
#: would flush the disk 10,000 times for what W2 says already.
_OTHERS = ("burr", "dbos")
_MEMORY = _kinds("memory", "dbos")
_STORED = _kinds("process")
_CHAIN = "chain of 1,000"

#: The goals are the quotients of DESIGN's budgets and of what LangGraph reached when they were
#: set, on one machine: what ours must reach : LangGraph.
EVERY = (
    Row("W1", f"{_CHAIN}, in memory", 1000, 0, _MEMORY, goal=50_000 / 4_500),
    Row("W1", "the same, our nodes are coroutines", 1000, 0,
        _kinds("memory", *_OTHERS, headgate="memory-async")),
    Row("W2", f"{_CHAIN}, 1 KB of state, survives kill -9", 1000, 1024, _STORED, goal=12_000 / 664),
    Row("W2", "the same, survives a power cut", 1000, 1024, _kinds("power", *_OTHERS),
        goal=3_000 / 664),
    Row("W3", "chain of 200, 1 MB of state, 100 bytes change", 200, 1_000_000,
        _kinds("process", *_OTHERS), goal=9_600 / 189),
    Row("W4", "one node 10,000 times, in memory", 10_000, 0, _MEMORY, goal=50_000 / 3_530),
    Row("W4", "one node 10,000 times, stored", 10_000, 0, _kinds("process", *_OTHERS),
        goal=12_000 / 973),
    Row("W5", "1 → 1,000 → 1 drawn, in memory", 1000, 0, _kinds("memory", *_OTHERS),
        "branches/s", goal=40_000 / 6_774),
    Row("W5", "1 → 1,000 → 1 as items of a list, in memory", 1000, 0,
        _kinds("memory-items", *_OTHERS), "branches/s", goal=40_000 / 6_774),
    Row("W5", "1 → 1,000 → 1 drawn, stored", 1000, 0, _kinds("process", *_OTHERS),
        "branches/s", goal=20_000 / 1_611),
    Row("W5", "1 → 1,000 → 1 as items, stored", 1000, 0, _kinds("process-items", *_OTHERS),
        "branches/s", goal=20_000 / 1_611),
    Row("W6", "from a decision to the next node, survives a power cut", 100, 0, _kinds("power"),
        "ms", "p50_ms", goal=0.5 / 0.88),
    Row("W7", "kill -9, then a new process to the next node", 1000, 1024, _kinds("resume"),
        "ms", "first_node_ms", goal=200 / 569),
    Row("W8", "list 1,000 checkpoints", 1000, 1024, _STORED, "ms", "list_ms", goal=10 / 2_900),
    Row("W8", "load any of them", 1000, 1024, _kinds("process", "dbos"), "ms", "load_ms",
        goal=1 / 2.2),
    Row("W8", "show the run as it looked at any of them", 1000, 1024, {"headgate": "process"},
        "ms", "view_ms"),
    Row("W8", "list 10,000 checkpoints", 10_000, 1024,
        {"limit": "process", "headgate": "process"}, "ms", "list_ms"),
    Row("W9", "hear every event of a chain while it runs", 1000, 0, _MEMORY, "events/s",
        goal=200_000 / 5_300),
    Row("W9", "read every event of a run afterwards", 1000, 0, {"headgate": "process"}, "events/s"),
    Row("W10", "stored chain of 100, 1 KB of state", 100, 1024, _STORED),
    Row("W10", "stored chain of 3,000", 3000, 1024, _kinds("process", *_OTHERS)),
    Row("W10", "stored chain of 10,000", 10_000, 1024,
        {"limit": "process", "headgate": "process"}),
    Row("W11", "import it", 1, 0, _kinds("import"), "ms", "import_ms", goal=150 / 499),
)  # fmt: skip


def rows_of(wanted: Iterable[str] = (), scale: float = 1.0) -> list[Row]:
    """Return the rows of the workloads that are wanted, or all, in their order."""
    names = set(wanted) or {row.work for row in EVERY}
    unknown = names - {row.work for row in EVERY}
    if unknown:
        raise SystemExit(f"There is no workload {', '.join(sorted(unknown))}.")
    chosen = [row for row in EVERY if row.work in names]
    if scale == 1.0:
        return chosen
    return [replace(row, n=max(2, int(row.n * scale))) for row in chosen]
