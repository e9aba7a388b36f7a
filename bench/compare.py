"""Headgate beside LangGraph, Burr, DBOS and the least possible work, in one go.

    python bench/compare.py                       everything; some ten minutes
    python bench/compare.py --only W1,W2 --repeats 9
    python bench/compare.py --without dbos,burr

Every measurement is a process of its own in the subject's own interpreter, and the subjects
take turns, so that a slow minute of the machine slows all of them. Compare within one call
only; the ratios are what counts. On its first use it makes an environment for each of the
others in bench/.venvs. The figures of a whole call go into docs/performance.md unless
``--dry`` is given.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rows import IMPORTS, PACKAGES, SUBJECTS, Row, rows_of
from tables import PAGE, Measured, figure, summary, write_page

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
ENVIRONMENTS = BENCH / ".venvs"
TIMEOUT_S = 900.0


def python_of(subject: str, *, install: bool = True) -> Path:
    """Return the interpreter of a subject; its environment is made and filled on first use."""
    packages = PACKAGES.get(subject)
    if packages is None:
        return Path(sys.executable)
    home = ENVIRONMENTS / subject
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "installed"
    if ready.exists() or not install:
        return python
    print(f"Installing {', '.join(packages)} into bench/.venvs/{subject} ...", flush=True)
    venv.create(home, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(
            f"{subject} could not be installed (see above). Check the network, or measure "
            f"without it: --without {subject}."
        )
    ready.touch()
    return python


def measure(row: Row, subject: str, python: Path) -> dict[str, Any]:
    """Run one subject once in fresh processes and return what it found."""
    if row.work == "W11":
        return _import(subject, python)
    folder = Path(tempfile.mkdtemp(prefix="headgate-bench-", dir=ENVIRONMENTS))
    try:
        if row.work == "W7":
            killed = _run(_of_kind(row, subject, "crash"), subject, python, folder)
            if killed.returncode != -signal.SIGKILL:
                raise SystemExit(f"{subject} was not killed:\n{killed.stderr[-2000:]}")
        done = _run(row, subject, python, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{subject} failed at {row.title}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _of_kind(row: Row, subject: str, kind: str) -> Row:
    return replace(row, kinds={subject: kind})


def _run(row: Row, subject: str, python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = BENCH / "peers" / f"{subject}_peer.py"
    arguments = [row.work, row.kinds[subject], str(row.n), str(row.size), str(folder)]
    return subprocess.run(
        [str(python), str(program), *arguments],
        capture_output=True,
        text=True,
        env=_environ(),
        timeout=TIMEOUT_S,
        check=False,
    )


def _environ() -> dict[str, str]:
    """Return the same surroundings for all: no tracing, and compiled modules that are kept."""
    found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **found,
        "PYTHONPATH": os.pathsep.join([str(BENCH), str(ROOT)]),
        "PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "compiled"),
        "HEADGATE_BENCH_STARTED": repr(time.time()),  # noqa: TID251 - another process reads it
        "LANGSMITH_TRACING": "false",
        "LANGCHAIN_TRACING_V2": "false",
    }


def _import(subject: str, python: Path) -> dict[str, Any]:
    """Measure a process that only imports; its modules have been compiled before."""
    command = [str(python), "-c", IMPORTS[subject]]
    seconds: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, env=_environ(), cwd=ROOT, check=True)
        seconds.append(time.perf_counter() - began)
    return {"import_ms": min(seconds) * 1000}


def measure_all(
    rows: Sequence[Row],
    pythons: Mapping[str, Path],
    repeats: int,
    tell: Callable[[str], None],
) -> list[Measured]:
    """Measure every row with every subject, in turns; each round goes the other way round.

    Rows that ask the same programs the same have one measurement.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    found = [Measured(row, {subject: [] for subject in pythons}) for row in rows]
    for number in range(repeats):
        known: dict[tuple[Any, ...], dict[str, Any]] = {}
        order = list(pythons) if number % 2 == 0 else list(reversed(pythons))
        for each, subject in itertools.product(found, order):
            row = each.row
            if subject not in row.kinds:
                continue
            key = (subject, row.work, row.kinds[subject], row.n, row.size)
            if key not in known:
                known[key] = measure(row, subject, pythons[subject])
            each.rounds[subject].append(known[key])
            tell(
                f"{number + 1}/{repeats} {row.work:3} {row.title:52} "
                f"{subject:10} {figure(known[key][row.name]):>10} {row.unit}"
            )
    return found


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="workloads, such as W1,W6 (default: all)")
    parser.add_argument("--without", default="", help="subjects to leave out, such as dbos,burr")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the steps")
    parser.add_argument("--json", metavar="FILE", help="write what was measured to FILE")
    parser.add_argument("--dry", action="store_true", help="leave docs/performance.md alone")
    return parser.parse_args()


def main() -> None:
    """Measure, tell, write."""
    asked = arguments()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows = rows_of([name for name in asked.only.split(",") if name], asked.scale)
    left = [name for name in SUBJECTS if name not in asked.without.split(",")]
    pythons = {name: python_of(name) for name in left}
    for name, python in pythons.items():
        _import(name, python)  # so that the modules of all are compiled before the first round
    found = measure_all(rows, pythons, asked.repeats, lambda line: print(line, flush=True))
    text = summary(found, asked.repeats, load)
    print(f"\n{text}")
    if asked.json:
        measured = [{"title": each.row.title, **each.rounds} for each in found]
        Path(asked.json).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    if not (asked.dry or asked.only or asked.without or asked.scale != 1.0):
        write_page(text)
        print(f"\nWritten to {PAGE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
