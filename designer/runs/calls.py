"""Runs that call runs: who called the one that is shown, and which ones it has called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from designer.runs.rows import RunRecord, Workflow

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.run_view import RunView

#: Called runs that a menu offers, the newest ones.
MOST_CALLED = 40


@dataclass(frozen=True, slots=True)
class Calls:
    """What surrounds one run.

    Attributes:
        callers: the runs that called one another to get to it, outermost first, with the task
            that did. `called`: the runs that it has called, oldest first.
    """

    record: RunRecord
    callers: tuple[tuple[RunRecord, str], ...]
    called: tuple[RunRecord, ...]


def read_calls(engine: Engine, run: str) -> Calls:
    """Return what surrounds a run. Runs in a thread."""
    record = engine.run(run)
    callers = tuple((each, str(task)) for each, task in engine.callers_of(record.run))
    return Calls(record, callers, tuple(engine.children(record.run)))


def read_run(engine: Engine, run: str) -> tuple[RunRecord, Workflow]:
    """Return a run and the document that it is pinned to. Runs in a thread."""
    return engine.run(run), engine.workflow_of(run)


def path_words(engine: Engine, run: str) -> str:
    """Return which runs called one another to get to a run, in words; empty if none did."""
    callers = engine.callers_of(run)
    return " › ".join(f"{record.workflow} › {task}" for record, task in callers)


def listening(engine: Engine) -> Mapping[str, tuple[str, ...]]:
    """Return event name to the runs that listen for it now. Runs in a thread."""
    found: dict[str, list[str]] = {}
    for listener in engine.listeners():
        runs = found.setdefault(listener.name, [])
        if str(listener.run) not in runs:
            runs.append(str(listener.run))
    return {name: tuple(runs) for name, runs in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Part:
    """What can be cancelled by itself: in words, and as `Engine.cancel_part` takes it."""

    words: str
    task: str = ""
    item: str = ""
    nodes: tuple[str, ...] = ()


def parts_of(view: RunView, node: str, title: str, most: int = 20) -> list[Part]:
    """Return what of a node can be cancelled now: all of it, its tasks, and their items."""
    tasks = [entry for entry in view.frontier.values() if entry.node == node]
    found: list[Part] = []
    if len(tasks) > 1:
        found.append(Part(f"All {len(tasks)} of {title}", nodes=(node,)))
    for entry in tasks[:most]:
        place = ", ".join(f"item {index + 1} of {zone}" for zone, index, _ in entry.path)
        found.append(Part(f"{title}, {place}" if place else title, task=str(entry.task)))
    for entry in tasks[:most]:
        if entry.path:
            scope = ",".join(f"{zone}.{index}" for zone, index, _ in entry.path)
            zone, index, _ = entry.path[-1]
            found.append(Part(f"All of item {index + 1} of {zone}", item=scope))
    return found
