"""What was measured, as the tables of docs/performance.md."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rows import NAMES, SUBJECTS, Row

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
#: Load of the machine by others above which the page says so.
QUIET_LOAD = 0.5


@dataclass(slots=True)
class Measured:
    """What was found for one row: per subject, one entry per round."""

    row: Row
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def median(self, subject: str, name: str = "") -> float | None:
        """Return the median of a figure, or None when it was not measured."""
        name = name or self.row.name
        found = [each[name] for each in self.rounds.get(subject, ()) if name in each]
        return statistics.median(found) if found else None

    def ratio(self, subject: str, other: str) -> tuple[float, float, float] | None:
        """Return the median, the least and the greatest ratio within one round."""
        pairs = zip(self.rounds.get(subject, ()), self.rounds.get(other, ()), strict=False)
        ratios = [a[self.row.name] / b[self.row.name] for a, b in pairs]
        return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


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


def _budget(row: Row, ratio: float | None) -> tuple[str, str]:
    """Return what must be reached, and whether it was."""
    if row.goal is None:
        return "", ""
    sign = "≤" if row.is_time else "≥"
    if ratio is None:
        return f"{sign} {figure(row.goal)}", ""
    met = ratio <= row.goal if row.is_time else ratio >= row.goal
    return f"{sign} {figure(row.goal)}", "yes" if met else "**no**"


def speeds(found: Sequence[Measured]) -> list[str]:
    """Return the table of speeds and times."""
    heads = [NAMES[subject] for subject in SUBJECTS]
    lines = [
        f"| | | {' | '.join(heads)} | Headgate : LangGraph | budget | met |",
        f"|---|---|{'--:|' * len(heads)}--:|--:|---|",
    ]
    for each in found:
        versus = each.ratio("headgate", "langgraph")
        ratio = "{} ({} to {})".format(*map(figure, versus)) if versus else ""
        cells = [
            f"{each.row.work} {each.row.title}",
            each.row.unit,
            *[figure(each.median(subject)) for subject in SUBJECTS],
            ratio,
            *_budget(each.row, versus[0] if versus else None),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _table(found: Sequence[Measured], name: str, title: str, subjects: Sequence[str]) -> list[str]:
    """Return the table of one more figure of the rows that have it, or nothing."""
    rows = [each for each in found if each.median("headgate", name) is not None]
    if not rows:
        return []
    heads = " | ".join(NAMES[subject] for subject in subjects)
    lines = ["", f"| {title} | {heads} |", f"|---|{'--:|' * len(subjects)}"]
    for each in rows:
        cells = [figure(each.median(subject, name)) for subject in subjects]
        lines.append(f"| {each.row.work} {each.row.title} | {' | '.join(cells)} |")
    return lines


def sizes(found: Sequence[Measured]) -> list[str]:
    """Return the table of what is stored, or nothing when nothing was."""
    chains = [each for each in found if each.row.unit == "supersteps/s"]
    return _table(chains, "bytes_per_step", "bytes on disk per superstep", SUBJECTS)


def repeated(found: Sequence[Measured]) -> list[str]:
    """Return the table of the steps that ran twice, or nothing when nobody was killed."""
    return _table(found, "again", "steps that ran again after kill -9", SUBJECTS)


def preparing(found: Sequence[Measured]) -> list[str]:
    """Return the table of the time before the first step."""
    prepared = [each for each in found if each.row.kinds.get("headgate") == "memory"]
    subjects = ("langgraph", "burr", "headgate")
    return _table(prepared, "prepare_ms", "before the first run, ms", subjects)


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


def summary(found: Sequence[Measured], repeats: int, load: float = 0.0) -> str:
    """Return everything that was measured as Markdown.

    Args:
        found: the rows.
        repeats: rounds of each.
        load: what the machine had to do besides, in processes (before the first round).
    """
    seen = [entry for each in found for entries in each.rounds.values() for entry in entries]
    versions: dict[str, str] = {}
    for entry in seen:
        versions.update(entry.get("versions", {}))
    speed = [entry["machine_ms"] for entry in seen if "machine_ms" in entry]
    words = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    about = (
        f"Machine: {machine()}. Versions: {words}. Medians of {repeats} rounds; in parentheses "
        "the least and the greatest ratio within one round."
    )
    if speed:
        about += (
            f" A fixed piece of plain Python took {min(speed):.1f} to {max(speed):.1f} ms: the "
            "closer the two, the quieter the machine."
        )
    if load > QUIET_LOAD:
        about += (
            f" **The machine was not quiet**: {load:.1f} other processes ran on average when it "
            "began. All subjects suffer, the fast ones and those that start many processes most."
        )
    tables = [*speeds(found), *sizes(found), *repeated(found), *preparing(found)]
    return "\n".join([about, "", *tables])


def write_page(text: str, page: Path = PAGE) -> None:
    """Put the figures between the two marks of the page; its words are left alone."""
    old = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page.name} has no place for the figures: put {BEGIN} and {END} in it.")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
