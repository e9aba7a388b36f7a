"""Which tasks a node had in a run and how often each was tried; read in a thread, for lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.events import ErrorInfo, TaskRetried

if TYPE_CHECKING:
    from engine.app import Engine


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of a node.

    Attributes:
        commits: first and last event of each commit that admitted an attempt of it.
    """

    task: str
    words: str = ""
    commits: tuple[tuple[int, int], ...] = ()


def read_tasks(
    engine: Engine, run: str, node: str, commit: int | None, open_tasks: Sequence[str], total: int
) -> tuple[TaskRow, ...]:
    """The tasks of a node up to a commit, in the order of their items; called in a thread."""
    found: dict[str, list[tuple[int, int]]] = {task: [] for task in open_tasks}
    for summary in engine.history(run):
        if commit is not None and summary.number > commit:
            break
        for task in summary.tasks:
            if _node_of(task) == node:
                found.setdefault(task, []).append((summary.first_seq, summary.last_seq))
    order = sorted(found, key=place_of)
    return tuple(TaskRow(task, task_words(task, total), tuple(found[task])) for task in order)


def read_failure(engine: Engine, run: str, row: TaskRow, attempt: int) -> ErrorInfo | None:
    """Why an attempt that was repeated has failed; None for the last one."""
    for first, last in row.commits:
        for fact in engine.events(run, after=first - 1, upto=last):
            event = fact.event
            if isinstance(event, TaskRetried) and (event.task, event.attempt) == (
                row.task,
                attempt,
            ):
                return event.error
    return None


def place_of(task: str) -> tuple[tuple[int, ...], int]:
    """Where a task stands among those of its node: its items, then its visit."""
    _, _, rest = task.partition("@")
    scopes, _, visit = (rest or task).partition("#")
    items = tuple(int(scope.rpartition(".")[2]) for scope in scopes.split(",")) if rest else ()
    return items, int(visit or 0)


def task_words(task: str, total: int) -> str:
    """``item 4 of 87``; ``item 2, item 4 of 87, visit 3`` deeper down; ``only one`` outside."""
    items, visit = place_of(task)
    parts = [f"item {index + 1:,}" for index in items]
    if parts and total > 0:
        parts[-1] += f" of {total:,}"
    elif parts and total < 0:
        parts[-1] = f"round {items[-1] + 1:,}"
    if visit or not parts:
        parts.append(f"visit {visit + 1:,}")
    return ", ".join(parts)


def _node_of(task: str) -> str:
    return task.partition("@")[0].partition("#")[0]
