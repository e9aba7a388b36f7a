"""Build a document in code: nodes, wires, channels and settings, with errors that say where.

A `Builder` is the only mutable thing here; `Builder.build` returns the same immutable
`Workflow` that the designer draws. Mistakes that one line shows are refused on that line;
everything else is found by `validate`, and each problem names the line of its node.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack, cast

from engine.errors import InvalidWorkflow
from engine.model import codec
from engine.model.diagnostics import Diagnostic, Severity
from engine.model.graph import analyse
from engine.model.keys import is_key
from engine.model.layout import layered
from engine.model.node_types import NodeType, Port, Registry
from engine.model.validation import validate
from engine.model.workflow import (
    Alternative,
    Background,
    Cache,
    Channel,
    CommitPolicy,
    Draw,
    Durability,
    Edge,
    EdgeKind,
    Effects,
    InBackground,
    Invariant,
    JoinPolicy,
    Limits,
    Meter,
    Node,
    OnError,
    OnFailure,
    Order,
    PortRef,
    Processing,
    RateLimit,
    RetryPolicy,
    Save,
    Settings,
    View,
    Workflow,
    Write,
)

Json = Any

_ENGINE = str(Path(__file__).resolve().parents[1])


class WorkflowError(InvalidWorkflow):
    """A workflow written in code is wrong; all problems, each with its line."""

    def __init__(self, name: str, problems: Sequence[Diagnostic]) -> None:
        super().__init__(name, problems)
        self.name = name

    def __str__(self) -> str:
        lines = [f"{each.message} {each.fix}".strip() for each in map(_diagnostic, self.problems)]
        if len(lines) == 1:
            return lines[0]
        return f"{self.name} has {len(lines)} problems:\n" + "\n".join(
            f"  {number}. {line}" for number, line in enumerate(lines, start=1)
        )


class NodeFields(TypedDict, total=False):
    """What `NodeHandle.set` may set, besides parameters."""

    title: str
    notes: str
    writes: Mapping[str, str | Write]
    joins: Mapping[str, JoinPolicy]
    route: str
    retry: RetryPolicy | None
    timeout_s: float | None
    total_timeout_s: float | None
    idle_timeout_s: float | None
    min_interval_s: float | None
    rate: RateLimit | None
    undeclared: Literal["fail", "ignore"]
    processing: Processing | None
    may_write: Sequence[str] | None
    meters: Mapping[str, Draw]
    budget: Literal["shared", "even"]
    gated: bool
    cache: Cache | None
    background: InBackground | None
    on_error: OnError
    alternatives: Sequence[Alternative]
    effects: Effects | None
    reads: Sequence[str]
    disabled: bool


class SettingFields(TypedDict, total=False):
    """The settings of a workflow."""

    commit: CommitPolicy
    durability: Durability
    limits: Limits
    env: Sequence[str]
    vars: Mapping[str, Json]
    input: Json
    result: str | None
    on_failure: OnFailure
    background: Background
    invariants: Mapping[str, Invariant]
    meters: Mapping[str, Meter]
    input_to: str | None
    extra_to: str | None
    order: Order
    save: Save
    description: str


def expr(text: str) -> dict[str, str]:
    """Return a parameter that is computed: ``expr("input.amount * 2")``."""
    return {"expr": text}


def template(text: str) -> dict[str, str]:
    """Return a parameter that is a text template: ``template("Dear {{ input.name }}")``."""
    return {"template": text}


@dataclass(frozen=True, slots=True)
class PortHandle:
    """One port of a node in code: the start of a wire, or its end.

    Attributes:
        name: of the port.
        condition, kind, order: of the wires that begin here.
    """

    node: NodeHandle
    name: str
    condition: str | None = None
    kind: EdgeKind = "normal"
    order: int = 0

    def when(self, condition: str, *, priority: int | None = None) -> PortHandle:
        """Return the start of wires that are taken when the expression holds."""
        order = self.order if priority is None else priority
        return replace(self, condition=condition, kind="normal", order=order)

    @property
    def otherwise(self) -> PortHandle:
        """The start of wires that are taken when no condition held."""
        return replace(self, condition=None, kind="otherwise")

    @property
    def fallback(self) -> PortHandle:
        """The start of wires that are taken when nothing else was, or when the node asks."""
        return replace(self, condition=None, kind="fallback")

    def __rshift__(self, target: Target) -> Target:
        ends = target if isinstance(target, Sequence) else (target,)
        for end in ends:
            self.node.builder.wire(self, end)
        return target


@dataclass(eq=False, slots=True)
class NodeHandle:
    """A node in code. ``a >> b`` wires its first output port to the first input port of `b`.

    ``a["rejected"] >> b["left"]`` names the ports.
    """

    builder: Builder = field(repr=False)
    key: str
    where: str

    def set(self, **fields: Unpack[NodeFields]) -> Self:
        """Set fields of the node that are not parameters; return the node.

        Args:
            **fields: of `engine.model.workflow.Node`. `writes` maps a channel to an
                expression over `output`.

        Raises:
            WorkflowError: there is no such field.
        """
        self.builder.set_fields(self, fields)
        return self

    def __getitem__(self, port: str) -> PortHandle:
        return PortHandle(self, port)

    def when(self, condition: str, *, priority: int = 0) -> PortHandle:
        """Return the start of wires that are taken when the expression holds."""
        return self.out.when(condition, priority=priority)

    @property
    def otherwise(self) -> PortHandle:
        """The start of wires that are taken when no condition held."""
        return self.out.otherwise

    @property
    def fallback(self) -> PortHandle:
        """The start of wires that are taken when nothing else was, or when the node asks."""
        return self.out.fallback

    @property
    def out(self) -> PortHandle:
        """Its output port: ``out``, or the only one, or the first of a barrier."""
        return PortHandle(self, self.builder.default_port(self, "output"))

    def __rshift__(self, target: Target) -> Target:
        return self.out >> target

    def __rrshift__(self, sources: Iterable[NodeHandle | PortHandle]) -> Self:
        for source in sources:
            (source.out if isinstance(source, NodeHandle) else source).__rshift__(self)
        return self


Target = NodeHandle | PortHandle | Sequence["NodeHandle | PortHandle"]


@dataclass(slots=True)
class Builder:
    """A workflow that is being written.

    Attributes:
        registry: the node types that may be used.
        id: stays the same when the workflow is saved again; None makes it of the name.
    """

    name: str
    registry: Registry
    id: str | None = None
    settings: Settings = field(default_factory=Settings)
    nodes: dict[str, Node] = field(default_factory=dict)
    handles: dict[str, NodeHandle] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)

    def add(
        self, key: str, type: str | NodeType, params: Mapping[str, Json], fields: NodeFields
    ) -> NodeHandle:
        """Add a node.

        Raises:
            WorkflowError: the key is taken or no key, the type is not installed, or it has
                no parameter of that name.
        """
        handle = NodeHandle(self, key, _line())
        if not is_key(key):
            raise self._wrong(handle, f"{key!r} is no key.", "Use letters, digits, _ and -.")
        if key in self.nodes:
            first = self.handles[key].where
            raise self._wrong(handle, f"The key {key} is taken by the node of {first}.")
        if isinstance(type, str):
            found = self.registry.get(type)
            if found is None:
                known = [each.id for each in self.registry]
                text = f"The node type {type} is not installed."
                raise self._wrong(handle, text, _near(type, known))
        else:
            found = type
            if found.id not in self.registry:
                self.registry.add(found)
        names = found.params.model_fields
        loose = found.params.model_config.get("extra") == "allow"
        for name in params:
            if name not in names and not loose:
                text = f"{found.id} has no parameter {name}."
                raise self._wrong(handle, text, _near(name, list(names)))
        self.nodes[key] = Node(
            key=key,
            type=found.id,
            version=found.version,
            params=dict(params),
            **found.begins_with,
        )
        self.handles[key] = handle
        self.set_fields(handle, fields)
        return handle

    def set_fields(self, handle: NodeHandle, fields: NodeFields) -> None:
        """Set fields of a node. Raises `WorkflowError`."""
        given: dict[str, Any] = dict(fields)
        known = [each.name for each in dataclasses.fields(Node) if each.name not in _OWN]
        for name in given:
            if name not in known:
                raise self._wrong(handle, f"A node has no field {name}.", _near(name, known))
        if "writes" in given:
            given["writes"] = {
                channel: Write(expr=each) if isinstance(each, str) else each
                for channel, each in given["writes"].items()
            }
        for name in ("reads", "may_write", "alternatives"):
            if given.get(name) is not None:
                given[name] = tuple(given[name])
        self.nodes[handle.key] = replace(self.nodes[handle.key], **given)

    def wire(self, source: PortHandle, target: NodeHandle | PortHandle) -> None:
        """Add a wire. Raises `WorkflowError` when a port does not exist."""
        handle = target.node if isinstance(target, PortHandle) else target
        if handle.builder is not self:
            raise self._wrong(source.node, "A wire cannot lead to another workflow.")
        end = target if isinstance(target, PortHandle) else self.input_of(target)
        self._check_port(source, "output")
        self._check_port(end, "input")
        edge = Edge(
            source=PortRef(source.node.key, source.name),
            target=PortRef(end.node.key, end.name),
            when=source.condition,
            kind=source.kind,
            priority=source.order,
        )
        if edge.id in self.edges:
            raise self._wrong(source.node, f"The wire {edge.id} is there already.")
        self.edges[edge.id] = edge

    def input_of(self, handle: NodeHandle) -> PortHandle:
        """Return the input port that a wire to the node means."""
        return PortHandle(handle, self.default_port(handle, "input"))

    def default_port(self, handle: NodeHandle, side: str) -> str:
        """Return the port of a node that no port is named of. Raises `WorkflowError`."""
        ports = self._ports(handle, side)
        names = [port.name for port in ports]
        usual = "out" if side == "output" else "in"
        node_type = self.registry.require(self.nodes[handle.key].type)
        if usual in names:
            return usual
        if len(names) == 1 or (names and node_type.role == "barrier"):
            return names[0]
        if not names:
            raise self._wrong(handle, f"{handle.key} has no {side} port.")
        which = f'{handle.key}["{names[0]}"]'
        listed = ", ".join(names)
        raise self._wrong(handle, f"{handle.key} has the {side} ports {listed}.", f"Say {which}.")

    def build(self) -> Workflow:
        """Return the document, laid out and validated.

        Raises:
            WorkflowError: it has errors; all of them, each with its line.
        """
        workflow = self.document()
        errors = [each for each in self.problems() if each.severity is Severity.ERROR]
        if errors:
            raise WorkflowError(self.name, errors)
        return workflow

    def problems(self) -> tuple[Diagnostic, ...]:
        """Return everything that validation says, errors first, each with its line."""
        return tuple(self._placed(each) for each in validate(self.document(), self.registry))

    def document(self) -> Workflow:
        """Return the document as it is, laid out, whatever is wrong with it."""
        workflow = Workflow(
            id=self.id or hashlib.sha256(self.name.encode()).hexdigest()[:12],
            name=self.name,
            settings=self.settings,
            channels=dict(self.channels),
            nodes=dict(sorted(self.nodes.items())),
            edges=tuple(sorted(self.edges.values(), key=lambda each: (each.source, each.target))),
        )
        zones = analyse(workflow, self.registry).zones
        return replace(workflow, view=View(positions=layered(workflow, zones=zones)))

    def save(self, path: str | Path) -> Path:
        """Write the document, which the designer opens; raise `WorkflowError` or `UnreadableFile`.

        What was moved, framed or noted there by hand in an earlier version of the same
        workflow stays as it is.
        """
        target = Path(path)
        workflow = self.build()
        if target.exists():
            before = codec.load_file(target)
            if before.id == workflow.id:
                workflow = replace(workflow, view=_kept_view(before.view, workflow))
        codec.save_file(target, workflow)
        return target

    def _ports(self, handle: NodeHandle, side: str) -> tuple[Port, ...]:
        ports = self.registry.ports_of(self.nodes[handle.key])
        return ports.outputs if side == "output" else ports.inputs

    def _check_port(self, end: PortHandle, side: str) -> None:
        names = [port.name for port in self._ports(end.node, side)]
        if end.name not in names:
            listed = f"It has {', '.join(names)}." if names else "It has none."
            text = f"{end.node.key} has no {side} port {end.name}."
            raise self._wrong(end.node, text, listed)

    def _wrong(self, handle: NodeHandle, message: str, fix: str = "") -> WorkflowError:
        problem = Diagnostic(
            rule="B001-code", severity=Severity.ERROR, message=message, fix=fix, node=handle.key
        )
        return WorkflowError(self.name, [self._placed(problem, handle.where)])

    def _placed(self, problem: Diagnostic, where: str = "") -> Diagnostic:
        key = problem.node or problem.edge.partition(".")[0]
        if not where and key in self.handles:
            where = self.handles[key].where
        if not where:
            return problem
        return replace(problem, message=f"{where}, node {key}: {problem.message}")


_OWN = {"key", "type", "version", "params", "extra"}


def _kept_view(before: View, workflow: Workflow) -> View:
    kept = {key: place for key, place in before.positions.items() if key in workflow.nodes}
    return replace(before, positions={**workflow.view.positions, **kept})


def _line() -> str:
    """Return ``file.py:12``: the line outside the engine that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There is {', '.join(sorted(known))}."


def _diagnostic(problem: object) -> Diagnostic:
    return cast(Diagnostic, problem)
