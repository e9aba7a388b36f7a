"""Import of WfFormat 1.5, the traces of scientific workflows (github.com/wfcommons/WfFormat).

A trace tells which tasks there were, which ran before which, and how long each took. It
does not hold the programs. So every task becomes a node that starts a real process which
lasts as long as the task did, scaled, and keeps what the trace says about it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import UnreadableFile, UnsupportedVersion
from engine.model.layout import layered
from engine.model.workflow import Channel, Edge, Node, PortRef, Settings, View, Workflow, Write

Json = Any

VERSION = "1.5"
#: Larger files are refused before they are read.
LIMIT_BYTES = 200_000_000
#: Without a scale a whole run takes about this long, and what starting processes takes.
TARGET_S = 20.0
#: Tasks that run at the same time, as in `engine.model.workflow.Limits`.
_CONCURRENCY = 32
#: Of a task of which the trace does not say it.
_UNKNOWN_RUNTIME_S = 1.0
_SHOWN = 3


class _Command(msgspec.Struct, rename="camel"):
    program: str = ""
    arguments: tuple[str, ...] = ()


class _Task(msgspec.Struct, rename="camel"):
    id: str
    name: str
    parents: tuple[str, ...]
    children: tuple[str, ...]
    input_files: tuple[str, ...] = ()
    output_files: tuple[str, ...] = ()


class _File(msgspec.Struct, rename="camel"):
    id: str
    size_in_bytes: int


class _Execution(msgspec.Struct, rename="camel"):
    id: str
    runtime_in_seconds: float
    command: _Command = msgspec.field(default_factory=_Command)
    core_count: float | None = None
    machines: tuple[str, ...] = ()


class _Specification(msgspec.Struct, rename="camel"):
    tasks: tuple[_Task, ...]
    files: tuple[_File, ...] = ()


class _Executions(msgspec.Struct, rename="camel"):
    tasks: tuple[_Execution, ...]
    makespan_in_seconds: float = 0.0
    executed_at: str = ""


class _Workflow(msgspec.Struct, rename="camel"):
    specification: _Specification
    execution: _Executions | None = None


class _Trace(msgspec.Struct, rename="camel"):
    name: str
    workflow: _Workflow
    description: str = ""


class _Head(msgspec.Struct, rename="camel"):
    schema_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """The tasks by id, and for each the ids of those that come before it."""

    tasks: Mapping[str, _Task]
    parents: Mapping[str, tuple[str, ...]]
    runtime_s: Mapping[str, float]


def load_wfformat(path: str | Path, *, scale: float | None = None) -> Workflow:
    """Return the workflow that a trace describes.

    Args:
        path: a WfFormat 1.5 file.
        scale: what the recorded run times are multiplied with; None chooses one with
            which a run takes less than a minute, at most 1.

    Raises:
        UnreadableFile: there is no such file, or it is no WfFormat trace.
        UnsupportedVersion: it has another version of the format.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > LIMIT_BYTES:
            raise UnreadableFile(
                f"{file} has {size / 1e6:.0f} MB, more than the {LIMIT_BYTES / 1e6:.0f} MB "
                "of a trace: take a smaller one."
            )
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFile(f"There is no file {file}: check the path.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableFile(f"{file} cannot be read: {reason}; choose another file.") from error
    return read_wfformat(data, source=str(file), scale=scale)


def read_wfformat(data: bytes, *, source: str = "", scale: float | None = None) -> Workflow:
    """Return the workflow that the text of a trace describes; see `load_wfformat`."""
    where = source or "The trace"
    trace = _decode(data, where)
    graph = _graph(trace, where)
    factor = _scale(graph) if scale is None else scale
    keys = _keys(graph.tasks)
    sizes = {file.id: file.size_in_bytes for file in trace.workflow.specification.files}
    ran = {task.id: task for task in _executions(trace)}
    nodes = {
        keys[task.id]: _node(
            keys[task.id], task, ran.get(task.id), sizes, seconds=graph.runtime_s[task.id] * factor
        )
        for task in graph.tasks.values()
    }
    edges = tuple(
        Edge(source=PortRef(keys[parent], "out"), target=PortRef(keys[child], "in"))
        for child, parents in graph.parents.items()
        for parent in parents
    )
    workflow = Workflow(
        id=hashlib.sha256(data).hexdigest()[:32],
        name=trace.name,
        settings=Settings(
            description=_description(trace, factor), result="{'tasks': state.finished}"
        ),
        channels={
            "finished": Channel(
                name="finished",
                type="integer",
                reducer="sum",
                default=0,
                description="How many tasks have finished.",
            )
        },
        nodes=dict(sorted(nodes.items())),
        edges=tuple(sorted(edges, key=lambda edge: edge.id)),
    )
    return replace(workflow, view=View(positions=layered(workflow)))


# --- reading ------------------------------------------------------------------------------


def _decode(data: bytes, where: str) -> _Trace:
    try:
        version = msgspec.json.decode(data, type=_Head).schema_version
        if version is None:
            raise UnreadableFile(
                f"{where} is no WfFormat trace: it has no schemaVersion. Choose a file of "
                f"WfFormat {VERSION}."
            )
        if version != VERSION:
            raise UnsupportedVersion(
                f"{where} is WfFormat {version}; only {VERSION} can be imported: "
                "convert it with the tools of WfCommons."
            )
        return msgspec.json.decode(data, type=_Trace)
    except msgspec.ValidationError as error:
        raise UnreadableFile(f"{where} is no WfFormat {VERSION} trace: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            f"{where} is not valid JSON ({error}): take a complete copy of it."
        ) from error


def _graph(trace: _Trace, where: str) -> _Graph:
    """Check what the tasks say of each other. Of two that disagree, either one counts."""
    listed = trace.workflow.specification.tasks
    if not listed:
        raise UnreadableFile(f"{where} has no tasks: there is nothing to import.")
    tasks = {task.id: task for task in listed}
    problems = _twice((task.id for task in listed), "task")
    before: dict[str, dict[str, None]] = {task: {} for task in tasks}
    for task in listed:
        for other in (*task.parents, *task.children):
            if other not in tasks:
                problems.append(f"{task.id} names a task {other} that is not there")
        for parent in task.parents:
            before[task.id][parent] = None
        for child in task.children:
            before.get(child, {})[task.id] = None
    runs = _executions(trace)
    problems += _twice((task.id for task in runs), "run time")
    problems += [
        f"there is a run time of {task.id}, but no such task"
        for task in runs
        if task.id not in tasks
    ]
    problems += [
        f"{task.id} took {task.runtime_in_seconds} s"
        for task in runs
        if not 0 <= task.runtime_in_seconds < 1e9
    ]
    if not problems:
        problems += _circle(before)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise UnreadableFile(
            f"{where} contradicts itself: {'; '.join(problems[:_SHOWN])}{more}. "
            "Correct the trace and import it again."
        )
    known = {task.id: task.runtime_in_seconds for task in runs}
    return _Graph(
        tasks=tasks,
        parents={task: tuple(parents) for task, parents in before.items()},
        runtime_s={task: known.get(task, _UNKNOWN_RUNTIME_S) for task in tasks},
    )


def _executions(trace: _Trace) -> Sequence[_Execution]:
    execution = trace.workflow.execution
    return execution.tasks if execution is not None else ()


def _twice(ids: Iterable[str], what: str) -> list[str]:
    seen: set[str] = set()
    again: dict[str, None] = {}
    for each in ids:
        if each in seen:
            again[each] = None
        seen.add(each)
    return [f"the {what} {each} is there twice" for each in again]


def _circle(before: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        ids: list[str] = error.args[1]
        return [f"{' before '.join(reversed(ids))} is a circle"]
    return []


# --- making the workflow ------------------------------------------------------------------


def _scale(graph: _Graph) -> float:
    """Return what makes a run short: its longest way, and all its work spread evenly."""
    ends: dict[str, float] = {}
    for task in TopologicalSorter(graph.parents).static_order():
        begin = max((ends[parent] for parent in graph.parents[task]), default=0.0)
        ends[task] = begin + graph.runtime_s[task]
    longest = max(*ends.values(), sum(graph.runtime_s.values()) / _CONCURRENCY)
    if longest <= TARGET_S:
        return 1.0
    return float(f"{TARGET_S / longest:.3g}")


def _keys(tasks: Iterable[str]) -> dict[str, str]:
    """Return a key for every task: its id as far as the characters of a key allow."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for task in tasks:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", task).strip("_") or "task"
        # What tells long ids apart usually stands at their end.
        base = plain[-44:].lstrip("_")
        key, number = base, 1
        while key in taken:
            number += 1
            key = f"{base}_{number}"
        taken.add(key)
        keys[task] = key
    return keys


def _node(
    key: str, task: _Task, ran: _Execution | None, sizes: Mapping[str, int], *, seconds: float
) -> Node:
    about: dict[str, Json] = {
        "id": task.id,
        "inputFiles": _files(task.input_files, sizes),
        "outputFiles": _files(task.output_files, sizes),
    }
    if ran is not None:
        about["runtimeInSeconds"] = ran.runtime_in_seconds
        about["program"] = ran.command.program
        about["arguments"] = list(ran.command.arguments)
        about["machines"] = list(ran.machines)
        if ran.core_count is not None:
            about["coreCount"] = ran.core_count
    return Node(
        key=key,
        type="shell.command",
        title=_title(task),
        params={"command": ["sleep", f"{seconds:.3f}"]},
        writes={"finished": Write(expr="1")},
        effects="idempotent",
        extra={"wfformat": {name: value for name, value in about.items() if value not in ([], "")}},
    )


def _title(task: _Task) -> str:
    """Return the name and how many files go in and come out."""
    files = [(len(task.input_files), "in"), (len(task.output_files), "out")]
    counts = ", ".join(f"{count} {way}" for count, way in files if count)
    return f"{task.name} ({counts})" if counts else task.name


def _files(ids: Iterable[str], sizes: Mapping[str, int]) -> list[Json]:
    return [{"id": each, "sizeInBytes": sizes.get(each)} for each in ids]


def _description(trace: _Trace, scale: float) -> str:
    spec = trace.workflow.specification
    execution = trace.workflow.execution
    size = f"{len(spec.tasks)} tasks and {len(spec.files)} files"
    times = f", times {scale:g}" if scale != 1 else ""
    words = [
        f"Imported from a WfFormat {VERSION} trace of {size}.",
        f"Each task starts a process that lasts as long as it took in the trace{times}.",
    ]
    if execution is not None and execution.makespan_in_seconds:
        words.append(f"The recorded run took {execution.makespan_in_seconds:g} s.")
    if trace.description:
        words.append(trace.description)
    return " ".join(words)
