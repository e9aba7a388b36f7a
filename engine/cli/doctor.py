"""`doctor`: what works on this machine, what does not, and what nobody has tried."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import engine
from engine.cli.codes import ExitCode
from engine.cli.options import AsJson, Globals
from engine.cli.printing import clean, console, json_line, styled
from engine.errors import EngineError
from engine.executors.offline import kernel_helps
from engine.nodes.plugins import installed
from engine.quota import NEAR, history_quota
from engine.sinks.choosing import RefusedSink, chosen
from engine.sinks.hosts import VARIABLE
from engine.store.open import default_path, path_of, store_url

State = Literal["ok", "note", "bad"]
_STYLES = {"ok": "green", "note": "yellow", "bad": "bold red"}
_PACKAGES = (
    "PySide6-Essentials",
    "qasync",
    "SQLAlchemy",
    "sqlmodel",
    "networkx",
    "pydantic",
    "msgspec",
    "httpx",
    "jinja2",
    "typer",
)
#: The tests run on this system only; everything else is written with care and not tried.
_TESTED_SYSTEM = "Linux"
_TESTED_PYTHON = (3, 11)
_PROBE_S = 20.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, and what was found."""

    name: str
    state: State
    text: str


def doctor(settings: Globals, as_json: AsJson = False) -> int:
    """Say what works on this machine and what does not.

    Exit code 3 when the store cannot be used.
    """
    broken = False
    for finding in _findings(settings.store):
        broken = broken or (finding.name == "store" and finding.state == "bad")
        if as_json:
            json_line({"name": finding.name, "state": finding.state, "text": finding.text})
        else:
            mark = (f"{finding.state:5}", _STYLES[finding.state])
            console().print(styled(mark, f"{finding.name:12} {clean(finding.text)}"))
    return ExitCode.UNREADABLE if broken else ExitCode.OK


def _findings(store: str | None) -> Iterator[Finding]:
    yield Finding("headgate", "ok", engine.__version__)
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("platform", "ok", f"{platform.platform()}, {os.cpu_count()} processors")
    yield _packages()
    yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    yield _store(store)
    yield _plugins()
    yield _sinks()
    yield _keychain()
    yield _sandbox()
    yield _window()
    yield _graphviz()
    yield _untested()


def _sandbox() -> Finding:
    if kernel_helps():
        text = "the kernel keeps Python code, and programs that it starts, off the network"
        return Finding("sandbox", "ok", text)
    text = "only Python keeps code off the network here; programs that it starts may use it"
    return Finding("sandbox", "note", text)


def _packages() -> Finding:
    found: list[str] = []
    missing: list[str] = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "note", f"{', '.join(found)}; missing: {', '.join(missing)}")
    return Finding("packages", "ok", ", ".join(found))


def _store(url: str | None) -> Finding:
    try:
        address = store_url(url)
        if address == "memory://":
            return Finding("store", "ok", "in memory, gone with the process")
        path = default_path() if url is None else path_of(url)
    except EngineError as error:
        return Finding("store", "bad", str(error))
    if not path.exists():
        state: State = "ok" if os.access(path.parent, os.W_OK) else "bad"
        where = "" if state == "ok" else f", and {path.parent} cannot be written"
        return Finding("store", state, f"{address}, not made yet{where}")
    try:
        return _look_into(path, address)
    except sqlite3.Error as error:
        return Finding("store", "bad", f"{address}: {error}")


def _look_into(path: Path, address: str) -> Finding:
    """Look without writing, so that a broken store stays as it is."""
    size = sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6
    free = shutil.disk_usage(path.parent).free / 1e9
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        answer = database.execute("PRAGMA quick_check(3)").fetchall()
        runs = database.execute("SELECT count(*) FROM runs").fetchone()[0]
    problems = "; ".join(str(row[0]) for row in answer)
    text = f"{address}, {size:.1f} MB, {runs} runs, {free:.0f} GB free"
    if problems != "ok":
        return Finding("store", "bad", f"{text}; damaged: {problems}")
    quota = history_quota()
    gauge = f"{size / quota * 1e8:.1f} % of the history quota of {quota / 1e6:,.0f} MB"
    if size * 1e6 >= NEAR * quota:
        return Finding("store", "note", f"{text}, intact; {gauge}: prune old commits soon")
    return Finding("store", "ok", f"{text}, intact; {gauge}")


def _plugins() -> Finding:
    found = installed()
    if found.broken:
        return Finding("plug-ins", "bad", " ".join(str(each) for each in found.broken))
    if not found.plugins:
        return Finding("plug-ins", "ok", "none; the built-in node types only")
    words = [f"{name} ({', '.join(types)})" for name, types in found.plugins.items()]
    return Finding("plug-ins", "ok", "; ".join(words))


def _sinks() -> Finding:
    found = chosen(os.environ.get(VARIABLE, ""))
    if not found:
        return Finding("sinks", "ok", f"none; {VARIABLE} names where else events go")
    refused = [f"{each.name}: {each.why}" for each in found if isinstance(each, RefusedSink)]
    if refused:
        return Finding("sinks", "bad", "; ".join(refused))
    return Finding("sinks", "ok", ", ".join(each.name for each in found))


def _keychain() -> Finding:
    try:
        import keyring  # noqa: PLC0415 - only doctor asks for it without needing a secret

        name = type(keyring.get_keyring())
    except Exception as error:  # noqa: BLE001 - a backend of the system may raise anything
        return Finding("keychain", "note", f"cannot be used ({error})")
    backend = f"{name.__module__}.{name.__qualname__}"
    if any(word in name.__module__ for word in ("fail", "null")):
        text = "none on this machine; secrets come from HEADGATE_SECRET_NAME variables"
        return Finding("keychain", "note", text)
    return Finding("keychain", "ok", backend)


def _window() -> Finding:
    """Try it in a process of its own: where libraries are missing, Qt aborts."""
    if importlib.util.find_spec("PySide6") is None:
        text = "PySide6 is not installed: the command line works, the designer does not"
        return Finding("window", "note", text)
    displays = [name for name in ("WAYLAND_DISPLAY", "DISPLAY") if os.environ.get(name)]
    if sys.platform == "linux" and not displays:
        return Finding(
            "window", "note", "no display: the command line works, the designer does not"
        )
    probe = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", probe],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("window", "bad", f"Qt does not start: {error}")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Finding("window", "bad", f"Qt does not start: {said[-1]}")
    return Finding("window", "ok", f"Qt opens windows ({', '.join(displays) or sys.platform})")


def _graphviz() -> Finding:
    dot = shutil.which("dot")
    if dot is None:
        return Finding("graphviz", "note", "not installed; only drawing exported DOT needs it")
    return Finding("graphviz", "ok", dot)


def _untested() -> Finding:
    here = platform.system()
    version = sys.version_info[:2]
    missing: list[str] = []
    if here != _TESTED_SYSTEM:
        missing.append(f"{here} (stopping programs, leases, the keychain and the window)")
    if version != _TESTED_PYTHON:
        missing.append(f"Python {version[0]}.{version[1]}")
    missing.append("a store on a network drive")
    if here == _TESTED_SYSTEM:
        missing.append("a keychain other than the Secret Service")
    return Finding("untested", "note", "; ".join(missing))
