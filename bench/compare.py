"""Headgate beside LangGraph and beside the least possible work, in one go.

    python bench/compare.py                       chain, fan-out and durable chain; some minutes
    python bench/compare.py --also W3,W4,W10      large state, loop, growth as well
    python bench/compare.py --only W1 --repeats 9

Every measurement is a process of its own in the subject's own interpreter, and the subjects
take turns, so that a slow minute of the machine slows all of them. Compare within one call
only; the ratios are what counts. On its first use it makes an environment for LangGraph in
bench/.venvs. The figures go into docs/performance.md unless ``--dry`` is given.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PAGE = ROOT / "docs" / "performance.md"
ENVIRONMENTS = BENCH / ".venvs"
LANGGRAPH = ("langgraph", "langgraph-checkpoint-sqlite")
SUBJECTS = ("limit", "langgraph", "headgate")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what every subject does, each in its own way.

    Attributes:
        n: steps or branches. `size`: bytes of state. `unit`: what is counted per second.
        kinds: subject to the kind that its program knows.
    """

    work: str
    title: str
    n: int
    size: int
    kinds: Mapping[str, str]
    unit: str = "supersteps"


@dataclass(slots=True)
class Measured:
    """What was found for one row: per subject, one entry per round."""

    row: Row
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def median(self, subject: str, name: str = "per_s") -> float | None:
        """Return the median of a figure, or None when it was not measured."""
        found = [each[name] for each in self.rounds.get(subject, ()) if name in each]
        return statistics.median(found) if found else None

    def ratio(self, subject: str, other: str) -> tuple[float, float, float] | None:
        """Return the median, the least and the greatest ratio within one round."""
        pairs = zip(self.rounds.get(subject, ()), self.rounds.get(other, ()), strict=False)
        ratios = [a["per_s"] / b["per_s"] for a, b in pairs]
        return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def _alike(kind: str, headgate: str = "") -> dict[str, str]:
    return {**dict.fromkeys(SUBJECTS, kind), "headgate": headgate or kind}


def rows_of(wanted: Iterable[str], scale: float = 1.0) -> list[Row]:
    """Return the rows of the workloads that are wanted, in their order."""
    memory, async_memory = _alike("memory"), _alike("memory", "memory-async")
    process, power = _alike("process"), _alike("power")
    items, stored_items = _alike("memory-items"), _alike("process-items")
    every = [
        Row("W1", "chain of 1,000 in memory", 1000, 0, memory),
        Row("W1", "the same, its nodes are coroutines", 1000, 0, async_memory),
        Row("W5", "1 → 1,000 → 1 drawn, in memory", 1000, 0, memory, "branches"),
        Row("W5", "1 → 1,000 → 1 as items of a list, in memory", 1000, 0, items, "branches"),
        Row("W5", "1 → 1,000 → 1 drawn, stored", 1000, 0, process, "branches"),
        Row("W5", "1 → 1,000 → 1 as items, stored", 1000, 0, stored_items, "branches"),
        Row("W2", "chain of 1,000, 1 KB of state, survives kill -9", 1000, 1024, process),
        Row("W2", "the same, survives a power cut", 1000, 1024, power),
        Row("W3", "chain of 200, 1 MB of state, 100 bytes change", 200, 1_000_000, process),
        Row("W4", "one node 10,000 times, in memory", 10_000, 0, memory),
        Row("W4", "one node 10,000 times, stored", 10_000, 0, process),
        Row("W10", "stored chain of 100, 1 KB of state", 100, 1024, process),
        Row("W10", "stored chain of 3,000, 1 KB of state", 3000, 1024, process),
    ]
    names = set(wanted)
    unknown = names - {row.work for row in every}
    if unknown:
        raise SystemExit(f"There is no workload {', '.join(sorted(unknown))}.")
    chosen = [row for row in every if row.work in names]
    if scale == 1.0:
        return chosen
    return [
        Row(row.work, row.title, max(2, int(row.n * scale)), row.size, row.kinds, row.unit)
        for row in chosen
    ]


# --- running --------------------------------------------------------------------------------


def langgraph_python(*, install: bool = True) -> Path:
    """Return the interpreter that has LangGraph, made and filled on first use."""
    home = ENVIRONMENTS / "langgraph"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "installed"
    if ready.exists() or not install:
        return python
    print(f"Installing {', '.join(LANGGRAPH)} into bench/.venvs/langgraph ...", flush=True)
    venv.create(home, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *LANGGRAPH]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(
            "LangGraph could not be installed (see above). Check the network, or measure "
            "without it: --without langgraph."
        )
    ready.touch()
    return python


def measure(row: Row, subject: str, python: Path) -> dict[str, Any]:
    """Run one subject once in a fresh process and return what it found."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-bench-", dir=ENVIRONMENTS))
    program = BENCH / "peers" / f"{subject}_peer.py"
    arguments = [row.work, row.kinds[subject], str(row.n), str(row.size), str(folder)]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(BENCH), str(ROOT)]),
        "LANGSMITH_TRACING": "false",
        "LANGCHAIN_TRACING_V2": "false",
    }
    try:
        done = subprocess.run(
            [str(python), str(program), *arguments],
            capture_output=True,
            text=True,
            env=environ,
            timeout=TIMEOUT_S,
            check=False,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{subject} failed at {row.title}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_all(
    rows: Sequence[Row],
    pythons: Mapping[str, Path],
    repeats: int,
    tell: Callable[[str], None],
) -> list[Measured]:
    """Measure every row with every subject, in turns; each round goes the other way round."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    found = [Measured(row, {subject: [] for subject in pythons}) for row in rows]
    for number, each in itertools.product(range(repeats), found):
        order = list(pythons) if number % 2 == 0 else list(reversed(pythons))
        for subject in order:
            result = measure(each.row, subject, pythons[subject])
            each.rounds[subject].append(result)
            tell(
                f"{number + 1}/{repeats} {each.row.work:3} {each.row.title:48} "
                f"{subject:10} {figure(result['per_s']):>10} {each.row.unit}/s"
            )
    return found


# --- telling --------------------------------------------------------------------------------


def figure(value: float | None, unit: str = "") -> str:
    """Return a number with three significant digits, as a person writes it."""
    if value is None:
        return ""
    if value >= 1000:
        digits = 10 ** (len(str(int(value))) - 3)
        text = f"{round(value / digits) * digits:,.0f}"
    else:
        text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return text + unit


def speeds(found: Sequence[Measured]) -> list[str]:
    """Return the table of speeds."""
    lines = [
        "| | per second | limit | LangGraph | Headgate | Headgate : LangGraph | of the limit |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for each in found:
        versus, share = each.ratio("headgate", "langgraph"), each.ratio("headgate", "limit")
        ratio = f"**{versus[0]:.1f}** ({versus[1]:.1f} to {versus[2]:.1f})" if versus else ""
        cells = [
            f"{each.row.work} {each.row.title}",
            each.row.unit,
            *[figure(each.median(subject)) for subject in SUBJECTS],
            ratio,
            f"{share[0]:.1%}" if share else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def sizes(found: Sequence[Measured]) -> list[str]:
    """Return the table of what is stored, or nothing when nothing was."""
    stored = [
        each
        for each in found
        if each.median("headgate", "bytes_per_step") and each.row.unit == "supersteps"
    ]
    if not stored:
        return []
    lines = ["| bytes on disk per superstep | limit | LangGraph | Headgate |", "|---|--:|--:|--:|"]
    for each in stored:
        cells = [figure(each.median(subject, "bytes_per_step")) for subject in SUBJECTS]
        lines.append(f"| {each.row.work} {each.row.title} | {' | '.join(cells)} |")
    return ["", *lines]


def preparing(found: Sequence[Measured]) -> list[str]:
    """Return the table of the time before the first step."""
    lines = ["| before the first run, ms | LangGraph | Headgate |", "|---|--:|--:|"]
    for each in found:
        if each.row.kinds["headgate"] != "memory":
            continue
        cells = [figure(each.median(one, "prepare_ms")) for one in ("langgraph", "headgate")]
        lines.append(f"| {each.row.work} {each.row.title} | {' | '.join(cells)} |")
    return ["", *lines] if len(lines) > 2 else []


def machine() -> str:
    """Return this machine in one line."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux: the short name will do
    system = platform.freedesktop_os_release()["PRETTY_NAME"] if os.name == "posix" else ""
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model}), {system or platform.system()}, Python {python}"


def summary(found: Sequence[Measured], repeats: int) -> str:
    """Return everything that was measured as Markdown."""
    seen = [entry for each in found for entries in each.rounds.values() for entry in entries]
    versions: dict[str, str] = {}
    for entry in seen:
        versions.update(entry["versions"])
    speed = [entry["machine_ms"] for entry in seen]
    words = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    about = (
        f"Machine: {machine()}. Versions: {words}. Medians of {repeats} rounds; in parentheses "
        "the least and the greatest ratio within one round. A fixed piece of plain Python took "
        f"{min(speed):.1f} to {max(speed):.1f} ms: the closer the two, the quieter the machine."
    )
    return "\n".join([about, "", *speeds(found), *sizes(found), *preparing(found)])


def write_page(text: str, page: Path = PAGE) -> None:
    """Put the figures between the two marks of the page; its words are left alone."""
    old = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page.name} has no place for the figures: put {BEGIN} and {END} in it.")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="W1,W5,W2", help="workloads (default: %(default)s)")
    parser.add_argument("--also", default="", help="more workloads: W3, W4, W10")
    parser.add_argument("--without", default="", help="subjects to leave out: langgraph, limit")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the steps")
    parser.add_argument("--json", metavar="FILE", help="write what was measured to FILE")
    parser.add_argument("--dry", action="store_true", help="leave docs/performance.md alone")
    return parser.parse_args()


def main() -> None:
    """Measure, tell, write."""
    asked = arguments()
    wanted = [name for name in f"{asked.only},{asked.also}".split(",") if name]
    rows = rows_of(wanted, asked.scale)
    left = [name for name in SUBJECTS if name not in asked.without.split(",")]
    here = Path(sys.executable)
    pythons = {name: here if name != "langgraph" else langgraph_python() for name in left}
    found = measure_all(rows, pythons, asked.repeats, lambda line: print(line, flush=True))
    text = summary(found, asked.repeats)
    print(f"\n{text}")
    if asked.json:
        measured = [{"title": each.row.title, **each.rounds} for each in found]
        Path(asked.json).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    if not asked.dry and asked.scale == 1.0:
        write_page(text)
        print(f"\nWritten to {PAGE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
