"""What a node saw when it last ran, for the preview of expressions. Runs in a thread.

The values are those of the store: what went into the node's last task, the channels before it,
and what other nodes had made. A node that has not run sees what would arrive at it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from designer.runs.rows import EngineError
from designer.widgets.json_value import json_line, preview
from engine.model.expressions import Expression, ExpressionError, compile_expression
from engine.model.templates import TemplateError, compile_template
from engine.model.workflow import Workflow

Json = Any
SourceKind = Literal["expr", "template"]

#: Characters of a value that the preview shows.
SHOWN = 160


@dataclass(frozen=True, slots=True)
class Preview:
    """What a text gives on the values of the run, or why it gives nothing."""

    text: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeKey:
    """Which values are meant; a new one makes a new scope.

    Attributes:
        tasks: node key to its last task, of all nodes of the run.
    """

    run: str
    node: str
    edge: str = ""
    commit: int | None = None
    task: str = ""


@dataclass(slots=True)
class RecordedScope:
    """The names that expressions of one node see, read when first needed; safe in threads."""

    engine: Any
    key: ScopeKey
    workflow: Workflow
    tasks: Mapping[str, str]
    _values: dict[str, Json] | None = None
    _nodes: dict[str, Json] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def try_text(self, source: str, kind: SourceKind) -> Preview | None:
        """What a text gives; None when there are no values to try it on, or it is wrong."""
        try:
            compiled = compile_expression(source) if kind == "expr" else compile_template(source)
        except (ExpressionError, TemplateError):
            return None  # validation says so
        with self._reading:
            scope = self._scope(compiled.reads.nodes)
        if scope is None or not _has_input(compiled.reads.names, scope):
            return None
        try:
            if isinstance(compiled, Expression):
                value = compiled.evaluate(scope)
            else:
                value = compiled.render(scope)
        except (ExpressionError, TemplateError) as error:
            return Preview(error.message, ok=False)
        text = value if kind == "template" and isinstance(value, str) else _shown(value)
        return Preview(text if len(text) <= SHOWN else f"{text[:SHOWN]}…", ok=True)

    def sample(self) -> Mapping[str, Json]:
        """The values as far as they have been read, to offer their fields; never to change."""
        return {**(self._values or {}), "nodes": dict(self._nodes)}

    def load(self) -> Mapping[str, Json]:
        """Read what is needed to offer fields."""
        with self._reading:
            self._scope(frozenset())
        return self.sample()

    # --- reading --------------------------------------------------------------------------

    def _scope(self, nodes: frozenset[str]) -> Mapping[str, Json] | None:
        if self._values is None:
            self._values = self._read()
        for name in nodes - self._nodes.keys():
            found = self._output(name) if name != "*" else None
            if found is not None:
                self._nodes[name] = found[0]
        return {**self._values, "nodes": self._nodes}

    def _read(self) -> dict[str, Json]:
        values: dict[str, Json] = {}
        commit = self.key.commit
        task = self.key.task
        try:
            found = self.engine.values(self.key.run, task) if task else None
        except EngineError:
            found = None  # it is under way: nothing has come out yet
        if found is not None:
            # A condition sees the channels after its source, a node those before itself.
            commit = found.commit if self.key.edge else max(0, found.commit - 1)
        state = self.engine.state_at(self.key.run, commit)
        row = state.tasks.get(task)
        if found is not None and self.key.edge:
            _, _, port = self.key.edge.partition("->")[0].partition(".")
            values["input"] = found.outputs.get(port)
        elif found is not None:
            values["input"] = _input(found.inputs)
            if found.outputs:
                values["output"] = _output(found.outputs)
        elif row is not None:
            values["input"] = _input(
                {port: _joined(state, pairs) for port, pairs in row.inputs.items()}
            )
        else:
            values |= self._arriving()
        values["state"] = dict(state.channels)
        values["loop"] = {}
        values["now"] = datetime.fromtimestamp(row.now if row is not None else 0.0, UTC)
        if row is not None:
            values["state"] |= row.pinned
            values["loop"] = _loop(row.path, state)
            self._nodes.update({name: state.value(ref) for name, ref in row.nodes.items()})
        return values | self._fixed(row is not None)

    def _fixed(self, has_now: bool) -> dict[str, Json]:
        """What does not depend on the node."""
        record = self.engine.run(self.key.run)
        settings = self.workflow.settings
        started = datetime.fromtimestamp(record.started_at, UTC)
        source = getattr(record, "source_path", "")
        made: dict[str, Json] = {
            "vars": settings.vars,
            "env": {name: os.environ[name] for name in settings.env if name in os.environ},
            "run": {
                "id": str(record.run),
                "started_at": started,
                "input": record.input,
                "folder": str(Path(source).parent) if source else "",
            },
        }
        return made if has_now else {**made, "now": started}

    def _arriving(self) -> dict[str, Json]:
        """The input of a node that has not run: what its sources have sent."""
        arrived: dict[str, Json] = {}
        edges = [edge for edge in self.workflow.edges if edge.target.node == self.key.node]
        for edge in edges:
            found = self._output(edge.source.node, edge.source.port)
            if found is not None:
                arrived[edge.source.node] = found[0]
        if len(edges) == 1 and arrived:
            return {"input": next(iter(arrived.values()))}
        if not edges:
            return {"input": self.engine.run(self.key.run).input}
        return {"input": arrived} if arrived else {}

    def _output(self, node: str, port: str = "") -> tuple[Json] | None:
        task = self.tasks.get(node)
        if not task:
            return None
        try:
            outputs = self.engine.values(self.key.run, task).outputs
        except EngineError:
            return None
        if port:
            return (outputs[port],) if port in outputs else None
        return (next(iter(outputs.values())),) if outputs else None


def _has_input(names: frozenset[str], scope: Mapping[str, Json]) -> bool:
    """Whether there is a value for what the text reads of the node itself."""
    return all(name in scope for name in names & {"input", "output"})


def _input(inputs: Mapping[str, Json]) -> Json:
    if "in" in inputs:
        return inputs["in"]
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return dict(inputs) if inputs else None


def _output(outputs: Mapping[str, Json]) -> Json:
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)


def _joined(state: Any, pairs: Any) -> Json:
    if len(pairs) == 1:
        return state.value(pairs[0][1])
    return {source: state.value(ref) for source, ref in pairs}


def _loop(path: Any, state: Any) -> Json:
    if not path:
        return {}
    zone_key, index, total = path[-1]
    key = zone_key + "@" + ",".join(f"{name}.{number}" for name, number, _ in path[:-1])
    zone = state.zones.get(key)
    if zone is None:
        item = None
    else:
        item = state.value(zone.items) if zone.rounds else state.item(key, index)
    return {"index": index, "of": total, "item": item}


def _shown(value: Json) -> str:
    return preview(value, SHOWN) if isinstance(value, dict | list) else json_line(value)
