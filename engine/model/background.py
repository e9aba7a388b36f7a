"""Work in the background: which nodes can do it, and the workflow that one work is (U58).

The work of such a node is a run of its own, of a workflow made of the node alone. What the
node's parameters read of the run is computed when the work is handed over; what it finds in
channels is what was there then. It writes to channels of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.model.codec import workflow_to_json
from engine.model.expressions import Expression
from engine.model.node_types import NodeType, Registry
from engine.model.params import CompiledParams, ParamErrors, compile_params
from engine.model.workflow import (
    Alternative,
    Background,
    Channel,
    Edge,
    Meter,
    Node,
    PortRef,
    Position,
    Settings,
    View,
    Workflow,
    Write,
)

Json = Any
#: Roles of nodes that the engine carries out itself, to why they have no work to hand over.
ROLES: Mapping[str, str] = {
    "trigger": "a run begins there",
    "split": "it begins the items between it and its Collect",
    "collect": "it ends the items of its For each",
    "loop": "it begins the rounds between it and its Until",
    "until": "it ends the rounds of its Loop",
    "end": "it gives the result of the run",
    "barrier": "its answer decides on which way the run goes on",
}
#: Types that only choose a way or wait for others, to why.
TYPES: Mapping[str, str] = {
    "switch": "it only decides on which way the run goes on",
    "join": "it only waits for what comes in",
}
#: Names that a parameter may read which is left to the work itself: it sees the same there.
SEEN_ALIKE = frozenset({"input", "vars", "env"})
#: Names that nothing in the background sees as the run does.
UNSEEN = frozenset({"nodes", "loop", "run"})


def why_not(node_type: NodeType) -> str:
    """Return why nodes of a type cannot work in the background, or nothing."""
    if node_type.stream is not None:
        return "its items are read while others work on them"
    return ROLES.get(node_type.role) or TYPES.get(node_type.id, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundPlan:
    """What handing a work over needs.

    Attributes:
        workflow: the workflow of one work, without what is filled in when it is handed over.
        handed: the parameters that are computed then; they become the constant `name`.
        port: output that the input leaves through, or nothing where the node has none.
        after: (channel, op, expression) of what its result writes in the run, when it is there.
        at_end: what becomes of it when everything else is done.
        reserved: meter to what is set aside. `counted`: what it uses counts in the run.
        fails: whether its failure fails the run.
        reads: channels that it finds as they were when it was handed over.
        constant: the document of every work, where nothing is filled in.
    """

    workflow: Workflow
    handed: CompiledParams
    name: str
    port: str
    after: tuple[tuple[str, str, Expression | None], ...]
    at_end: Background
    limit: int
    reserved: Mapping[str, float] = field(default_factory=dict)
    counted: bool = True
    fails: bool = False
    reads: frozenset[str] = frozenset()
    constant: Json = None

    def document(self, values: Mapping[str, Json], state: Mapping[str, Json]) -> Json:
        """Return the document of one work.

        Args:
            values: of the parameters that were computed for it.
            state: channels as they are now.
        """
        if self.constant is not None:
            return self.constant
        channels = {
            name: replace(channel, default=state[name])
            if name in self.reads and name in state
            else channel
            for name, channel in self.workflow.channels.items()
        }
        settings = self.workflow.settings
        if values:
            settings = replace(settings, vars={**settings.vars, self.name: dict(values)})
        return workflow_to_json(replace(self.workflow, channels=channels, settings=settings))


def plan_background(
    workflow: Workflow,
    node: Node,
    registry: Registry,
    *,
    after: tuple[tuple[str, str, Expression | None], ...],
    reads: frozenset[str],
) -> BackgroundPlan | None:
    """Return how the work of a node is handed over, or None where it is waited for."""
    given = node.background
    if given is None or node.disabled:
        return None
    ports = registry.ports_of(node)
    name = _free("handed", workflow.settings.vars)
    handing = _Handing(registry, name)
    params = handing.left(node.type, node.params)
    alternatives = tuple(
        replace(each, params=handing.left(each.type, each.params, f"{number}."))
        for number, each in enumerate(node.alternatives, start=1)
    )
    entry = next((port.name for port in ports.inputs if port.name == "in"), "")
    entry = entry or next((port.name for port in ports.inputs), "in")
    made = _workflow(workflow, node, params, alternatives, entry, name if handing.handed else "")
    compiled = compile_params(handing.handed, templates=frozenset(handing.templates))
    output = next((port.name for port in ports.outputs), "")
    return BackgroundPlan(
        workflow=made,
        handed=compiled,
        name=name,
        port=given.port or output,
        after=after,
        at_end=given.at_end or workflow.settings.background,
        limit=given.limit,
        reserved={} if given.own_budget else dict(given.budget),
        counted=not given.own_budget,
        fails=given.on_failure == "fail",
        reads=reads,
        constant=None if handing.handed or reads else workflow_to_json(made),
    )


class _Handing:
    """Collects the parameters of a node and its alternatives that are computed beforehand."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry = registry
        self._name = name
        self.handed: dict[str, Json] = {}
        self.templates: set[str] = set()

    def left(self, type_id: str, params: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
        """Return the parameters as the work has them; what it cannot compute itself is handed."""
        node_type = self._registry.require(type_id)
        left = dict(params)
        for key, value in params.items():
            if key in node_type.raw:
                continue
            is_text = frozenset({key}) & node_type.templates
            try:
                found = compile_params({key: value}, templates=is_text)
            except ParamErrors:
                continue  # validation has reported it
            if found.is_constant or found.reads.names <= SEEN_ALIKE:
                continue
            place = f"{prefix}{key}"
            self.handed[place] = value
            if is_text:
                self.templates.add(place)
            left[key] = {"expr": f"vars.{self._name}[{place!r}]"}
        return left


def _workflow(
    workflow: Workflow,
    node: Node,
    params: Mapping[str, Json],
    alternatives: tuple[Alternative, ...],
    entry: str,
    handed: str,
) -> Workflow:
    """Return a workflow of one node that does the same, and whose result is its output."""
    result = _free("result", workflow.channels)
    work = replace(
        node,
        params=params,
        alternatives=alternatives,
        writes={result: Write(expr="output", op="set")},
        joins={},
        route="all",
        on_error=node.on_error if node.on_error in ("continue", "ignore") else "fail",
        min_interval_s=None,
        rate=None,
        may_write=None,
        meters={name: replace(draw, limit=None) for name, draw in node.meters.items()},
        gated=False,
        cache=None,
        background=None,
    )
    nodes = {node.key: work}
    edges: tuple[Edge, ...] = ()
    positions = {node.key: Position(240.0, 0.0)}
    if entry != "in":  # the input of a run goes to the port `in`
        start = _free("start", nodes)
        nodes[start] = Node(key=start, type="trigger.manual")
        edges = (Edge(source=PortRef(start, "out"), target=PortRef(node.key, entry)),)
        positions[start] = Position(0.0, 0.0)
    settings = Settings(
        durability=workflow.settings.durability,
        limits=workflow.settings.limits,
        env=workflow.settings.env,
        vars={**workflow.settings.vars, **({handed: {}} if handed else {})},
        result=f"state[{result!r}]",
        meters=_meters(workflow, node),
    )
    return Workflow(
        id=f"{workflow.id}.{node.key}",
        name=f"{workflow.name}: {node.title or node.key}",
        settings=settings,
        channels={
            **{name: _private(channel) for name, channel in workflow.channels.items()},
            result: Channel(name=result, description="What the work has made."),
        },
        nodes=nodes,
        edges=edges,
        view=View(positions=positions),
    )


def _private(channel: Channel) -> Channel:
    """Return a channel of the work's own, which holds what it found from the start."""
    return replace(channel, lifecycle="run", migrations=(), version=1)


def _meters(workflow: Workflow, node: Node) -> dict[str, Meter]:
    """Return the budgets of the work: what it draws on, what it was given, what is measured."""
    budget = node.background.budget if node.background is not None else {}
    return {
        name: replace(meter, limit=budget.get(name))
        for name, meter in workflow.settings.meters.items()
        if name in node.meters or name in budget or meter.measure in ("calls", "seconds")
    }


def _free(wanted: str, taken: Mapping[str, object]) -> str:
    """Return a name that is not taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
