"""The compiled workflow: what the engine runs (movement 2 of DESIGN section 3).

A plan is made once per document and is immutable. Everything that can be looked up
before a run is looked up here: compiled expressions, edges by port, loops, zones, the
channels and outputs that a node may read.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import InvalidWorkflow
from engine.ids import NodeKey, Path, scope_key
from engine.model.background import BackgroundPlan, plan_background
from engine.model.diagnostics import Severity
from engine.model.expressions import Expression, Reads, compile_expression
from engine.model.framing import PlanFrame, borders, frames_of, nested
from engine.model.graph import GraphFacts, Zone, analyse
from engine.model.node_types import NodeType, Port, Ports, Registry, Stream
from engine.model.params import CompiledParams, compile_params
from engine.model.processing import PlanProcessing, plan_processing, reads_of
from engine.model.regions import only_here, upstream
from engine.model.revision import revision_hash
from engine.model.shape import edge_order
from engine.model.validation import Validator
from engine.model.workflow import Edge, Effects, JoinPolicy, JoinRest, Node, Workflow, variants_of

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Any


class PlanEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge with its condition compiled.

    Attributes:
        back: closes a loop: its arrival runs the target by itself.
        leaves: index of the outermost loop that it leaves, or -1.
        enters: frames that it leads into, outermost first. `quits`: that it leads out of,
            innermost first.
    """

    id: str
    order: int
    source: NodeKey
    source_port: str
    target: NodeKey
    target_port: str
    when: Expression | None
    kind: str
    priority: int
    back: bool
    leaves: int
    enters: tuple[str, ...] = ()
    quits: tuple[str, ...] = ()


class InPort(msgspec.Struct, frozen=True, kw_only=True):
    """One connected input port: its join policy and the edges that it waits for.

    Attributes:
        rest: what becomes of later arrivals; of a policy ``first`` it is always cancelled.
        blocks: no round begins before all of the last one have arrived.
        region: nodes that lead only here, which may be cancelled.
        feeds: per edge, nodes outside the region from which it can still get a token.
        upstream: nodes that may still send something here; only for ``no_more``.
    """

    name: str
    policy: JoinPolicy
    edges: tuple[PlanEdge, ...]
    required: bool
    rest: JoinRest = "ignore"
    blocks: bool = False
    region: frozenset[NodeKey] = frozenset()
    feeds: Mapping[str, frozenset[NodeKey]] = {}
    upstream: frozenset[NodeKey] = frozenset()


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """A natural loop: its header, its nodes, and how deep in zones it lies."""

    index: int
    header: NodeKey
    body: frozenset[NodeKey]
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDraw:
    """What a node draws on a meter; `constant` is its estimate where it needs no task."""

    meter: str
    estimate: Expression
    constant: float | None
    actual: Expression | None
    limit: float | None


class CachePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether work is equal, beside parameters and inputs (U89).

    Attributes:
        identity: of the node type, and the parameters as the document has them.
        names: what the expressions see that the node evaluates itself.
    """

    identity: Json
    ttl_s: float | None
    names: frozenset[str]


class PlanNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node with everything that running it needs.

    Attributes:
        order: place in the document: the canonical order of writes.
        rank: place in an order in which every wire that closes no loop leads forward.
        role: of its type; none when it is disabled, because then it is a piece of wire.
        fixed: validated parameters, when no expression is in them.
        awaits: its function is a coroutine function, so that it takes turns with others.
        in_ports: connected inputs. `simple`: one port with one forward edge, so that
            an arrival always fires. `need`: edges that must have a token before any
            port can fire. `mapped`: ports whose value is always a mapping from source to
            value, however many arrive.
        timed: a port stops waiting after some time.
        out: output port to its edges, in the order in which they are tried.
        reads: channels that its expressions name. `read_nodes`: other nodes' outputs.
        depth: number of zones around it. `loops`: indices of the loops around it.
        repeats: may run more than once in one scope, so that visits are counted.
        pair: for a For each its Collect, for a Collect its For each; so for Loop and Until.
        condition: of a Loop and its Until: what must hold before a round begins. Of a
            Collect: what makes its results enough.
        kept: other nodes read its output.
        gated: passed over while no channel that it reads has changed.
        cached: what its results are kept for, if they are.
        metered: reserves before each attempt. `draws`: what it declares. `estimates`: meter to
            what is reserved, or None where a task must compute it. `measured`: meters that the
            engine itself measures, to how.
        may_write: the channels that it and the zones around it may write; None: all.
        rates: how often it may start.
        stream: of a For each: how the stream that it is wired to is read.
        plain: every value takes every wire of its port: there is nothing to decide.
        alternatives: the node as each of them does its work.
        background: how its work is handed over; then it is done by none of the above.
        frames: those that it is in, innermost first.
        processing: what is done around its attempts.
    """

    key: NodeKey
    order: int
    rank: int
    role: str
    node: Node
    type: NodeType
    params: CompiledParams
    fixed: BaseModel | None
    raw: Mapping[str, Json]
    awaits: bool
    in_ports: tuple[InPort, ...]
    simple: bool
    need: int
    timed: bool
    mapped: frozenset[str]
    out_ports: tuple[str, ...]
    out: Mapping[str, tuple[PlanEdge, ...]]
    fallback: tuple[PlanEdge, ...]
    writes: tuple[tuple[str, str, Expression | None], ...]
    reads: frozenset[str]
    read_nodes: frozenset[NodeKey]
    effects: Effects
    depth: int
    zones: tuple[NodeKey, ...]
    loops: tuple[int, ...]
    repeats: bool
    pair: NodeKey | None
    condition: Expression | None
    kept: bool
    gated: bool
    cached: CachePlan | None
    metered: bool
    draws: tuple[PlanDraw, ...]
    estimates: Mapping[str, float] | None
    measured: Mapping[str, str]
    may_write: frozenset[str] | None
    plain: bool
    processing: PlanProcessing | None = None
    stream: Stream | None = None
    rates: tuple[PlanRate, ...] = ()
    alternatives: tuple[PlanNode, ...] = ()
    background: BackgroundPlan | None = None
    frames: tuple[str, ...] = ()


class PlanRate(msgspec.Struct, frozen=True, kw_only=True):
    """A token every `interval` seconds, at most `burst` of them kept, for each value of `key`."""

    interval: float
    burst: int = 1
    key: Expression | None = None


class Shortcut(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value of one output port goes, when there is nothing to decide or to wait for.

    Attributes:
        edges: ids of the edges that it takes.
        starts: (node, input port) at their ends; each starts at once.
        exits: (edge id, index of the loop) of edges out of a loop that it does not take.
    """

    edges: tuple[str, ...]
    starts: tuple[tuple[PlanNode, str], ...]
    exits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInvariant:
    """An invariant with its expression compiled."""

    name: str
    expr: Expression
    asks: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A workflow that can run.

    Attributes:
        shortcuts: node to output port to where its value goes, where that is simple.
        sources: triggers, or without any the nodes that nothing leads to.
        env: values of the environment variables that the settings list.
        kept: nodes whose outputs others read. `gated`: nodes with a version gate.
        limited: some node may not write every channel.
        fleeting: channels that live for one superstep. `error_channels`: of the type errors.
        has_timers: a join stops waiting after some time.
        has_short: a join minds which of the ways that did not come have failed.
        has_quiet: a join waits until nothing more can arrive.
        listens: a node may wait for events. `sends`: a node may send some.
        calls: a node may run other workflows, or wait for other runs.
        streams: a For each reads a stream.
        decisive: channels that the conditions of Collects read.
        frames: those that do something for the nodes in them, by id.
        takes_turns: one of them has a lock, or lets one task run at a time.
    """

    workflow: Workflow
    revision: str
    registry: Registry
    nodes: Mapping[NodeKey, PlanNode]
    edges: Mapping[str, PlanEdge]
    sources: tuple[NodeKey, ...]
    has_trigger: bool
    loops: tuple[Loop, ...]
    zones: Mapping[NodeKey, Zone]
    result: Expression | None
    env: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[NodeKey] = frozenset()
    shortcuts: Mapping[NodeKey, Mapping[str, Shortcut]] = field(default_factory=dict)
    gated: frozenset[NodeKey] = frozenset()
    limited: bool = False
    fleeting: tuple[str, ...] = ()
    error_channels: tuple[str, ...] = ()
    invariants: tuple[PlanInvariant, ...] = ()
    has_timers: bool = False
    has_short: bool = False
    has_quiet: bool = False
    listens: bool = False
    sends: bool = False
    calls: bool = False
    streams: bool = False
    decisive: frozenset[str] = frozenset()
    frames: Mapping[str, PlanFrame] = field(default_factory=dict)
    takes_turns: bool = False

    def work_of(self, key: NodeKey, using: int) -> PlanNode:
        """Return the node that does the work of a task: itself, or its n-th alternative."""
        node = self.nodes[key]
        return node.alternatives[using - 1] if using else node

    def node_order(self, key: NodeKey) -> int:
        """Return the place of a node in the canonical order."""
        return self.nodes[key].order

    def memory_key(self, node: NodeKey, path: Path) -> str:
        """Return where a node's memory of a scope is kept: the rounds of a Loop share one."""
        if path:
            nodes = self.nodes
            path = tuple([scope for scope in path if nodes[scope[0]].role != "loop"])
        return f"{node}@{scope_key(path)}"

    def loop_scope(self, index: int, path: Path) -> Path:
        """Return the part of a path that tells one life of a loop from another."""
        return path[: self.loops[index].depth]


def compile_workflow(
    workflow: Workflow, registry: Registry, *, environ: Mapping[str, str] | None = None
) -> Plan:
    """Return the plan.

    Raises:
        InvalidWorkflow: validation found errors; all of them are in the exception.
    """
    ordered = _in_order(workflow)
    facts = analyse(ordered, registry)
    found = Validator(registry).validate(ordered, facts)
    problems = [d for d in found if d.severity is Severity.ERROR]
    if problems:
        raise InvalidWorkflow(workflow.name, problems)
    environ = os.environ if environ is None else environ
    plan = _Compiler(ordered, registry, facts, environ).plan()
    return replace(plan, workflow=workflow)


def _in_order(workflow: Workflow) -> Workflow:
    """Return the workflow in the order of its document.

    Made by a program it may be in another one; the plan of the first leg must be the plan
    of the legs that are made of the stored document.
    """
    nodes = {
        key: replace(node, writes=dict(sorted(node.writes.items()))) if node.writes else node
        for key, node in sorted(workflow.nodes.items())
    }
    return replace(workflow, nodes=nodes, edges=tuple(sorted(workflow.edges, key=edge_order)))


class _Compiler:
    def __init__(
        self,
        workflow: Workflow,
        registry: Registry,
        facts: GraphFacts,
        environ: Mapping[str, str],
    ) -> None:
        self.workflow = workflow
        self.registry = registry
        self.facts = facts
        catching = {
            str(node.params.get("frame", "")): key
            for key, node in workflow.nodes.items()
            if registry.require(node.type).role == "caught" and not node.disabled
        }
        self.frames = frames_of(workflow, facts, catching)
        self.members = {key: frame.members for key, frame in self.frames.items()}
        self.inner_first = nested(self.members)
        self.loops = _natural_loops(workflow, self.facts, self.frames)
        self.ranks = {key: rank for rank, key in enumerate(self.facts.topological)}
        self.channels = frozenset(workflow.channels)
        self.awaiting: dict[str, bool] = {}
        settings = workflow.settings
        self.env = {name: environ[name] for name in settings.env if name in environ}
        self.measured = {
            name: meter.measure
            for name, meter in sorted(settings.meters.items())
            if meter.measure != "spend"
        }
        self.edges = {edge.id: self._edge(n, edge) for n, edge in enumerate(workflow.edges)}
        self.leaving: dict[NodeKey, list[PlanEdge]] = {key: [] for key in workflow.nodes}
        self.arriving: dict[NodeKey, list[PlanEdge]] = {key: [] for key in workflow.nodes}
        for plan_edge in self.edges.values():
            self.leaving[plan_edge.source].append(plan_edge)
            self.arriving[plan_edge.target].append(plan_edge)
        self.pairs = {zone.split: zone.collect for zone in self.facts.zones.values()}
        self.pairs |= {zone.collect: zone.split for zone in self.facts.zones.values()}

    def plan(self) -> Plan:
        settings = self.workflow.settings
        result = compile_expression(settings.result) if settings.result else None
        drafts = {key: self._reads(node) for key, node in self.workflow.nodes.items()}
        wanted = {name for _, reads in drafts.values() for name in reads.nodes}
        if result is not None:
            wanted |= result.reads.nodes
        kept = frozenset(self.workflow.nodes) if "*" in wanted else frozenset(wanted)
        repeating = self._repeating()
        nodes = {
            key: self._node(number, node, drafts[key], kept, repeating)
            for number, (key, node) in enumerate(self.workflow.nodes.items())
        }
        working = [each for n in nodes.values() for each in (n, *n.alternatives)]
        return Plan(
            workflow=self.workflow,
            revision=revision_hash(self.workflow, self.registry),
            registry=self.registry,
            nodes=nodes,
            edges=self.edges,
            sources=self.facts.sources,
            has_trigger=any(n.role == "trigger" for n in nodes.values()),
            loops=self.loops,
            zones=self.facts.zones,
            result=result,
            env=self.env,
            kept=kept,
            gated=frozenset(key for key, node in nodes.items() if node.gated),
            limited=any(node.may_write is not None for node in nodes.values()),
            fleeting=self._channels(lifecycle="superstep"),
            error_channels=self._channels(type="errors"),
            invariants=tuple(
                PlanInvariant(
                    name=name,
                    expr=compile_expression(each.expr),
                    asks=each.on_breach == "ask",
                    message=each.message,
                )
                for name, each in sorted(settings.invariants.items())
            ),
            has_timers=any(node.timed for node in nodes.values())
            or any(frame.does.timeout_s is not None for frame in self.frames.values()),
            has_short=any(
                port.policy.on_short == "fail" for node in nodes.values() for port in node.in_ports
            ),
            has_quiet=any(p.upstream for node in nodes.values() for p in node.in_ports),
            listens=any(_listens(n) for n in working),
            sends=any(n.type.sends and not n.node.disabled for n in working),
            calls=any((n.type.calls and not n.node.disabled) or n.background for n in working),
            streams=any(node.stream is not None for node in nodes.values()),
            decisive=frozenset().union(
                *(
                    node.condition.reads.channels
                    for node in nodes.values()
                    if node.role == "collect" and node.condition is not None
                )
            ),
            frames=self.frames,
            takes_turns=any(
                frame.does.lock is not None or frame.does.one_at_a_time
                for frame in self.frames.values()
            ),
        )

    def _awaits(self, node_type: NodeType) -> bool:
        """Whether its function is a coroutine function; asked once for each type."""
        if node_type.id not in self.awaiting:
            run = node_type.run
            found = inspect.iscoroutinefunction(run) or inspect.isasyncgenfunction(run)
            self.awaiting[node_type.id] = found
        return self.awaiting[node_type.id]

    def _channels(self, **fields: str) -> tuple[str, ...]:
        """Return the names of the channels with these fields, in the order of the document."""
        channels = self.workflow.channels.values()
        return tuple(
            channel.name
            for channel in channels
            if all(getattr(channel, field) == value for field, value in fields.items())
        )

    def _edge(self, number: int, edge: Edge) -> PlanEdge:
        source, target = edge.source.node, edge.target.node
        left = [loop for loop in self.loops if source in loop.body and target not in loop.body]
        outermost = max(left, key=lambda loop: len(loop.body)).index if left else -1
        enters, quits = borders(edge, self.members) if self.members else ((), ())
        return PlanEdge(
            id=edge.id,
            order=number,
            source=source,
            source_port=edge.source.port,
            target=target,
            target_port=edge.target.port,
            when=compile_expression(edge.when) if edge.when else None,
            kind=edge.kind,
            priority=edge.priority,
            back=edge.id in self.facts.back_edges,
            leaves=outermost,
            enters=enters,
            quits=quits,
        )

    def _reads(self, node: Node) -> tuple[CompiledParams, Reads]:
        """Compile the parameters; collect what everything about the node refers to."""
        node_type = self.registry.require(node.type)
        others = [self._reads(variant)[1] for variant in variants_of(node)]
        plain = {name: value for name, value in node.params.items() if name not in node_type.raw}
        params = compile_params(plain, templates=node_type.templates)
        found = [params.reads]
        found += [compile_expression(w.expr).reads for w in node.writes.values() if w.expr]
        if node.rate is not None and node.rate.key:
            found.append(compile_expression(node.rate.key).reads)
        for draw in node.meters.values():
            both = (draw.estimate, draw.actual)
            found += [compile_expression(text).reads for text in both if text]
        found += [edge.when.reads for edge in self.leaving[node.key] if edge.when is not None]
        found += self._raw_reads(node)
        if node.processing is not None:
            found += reads_of(node)
        source = self._stream_of(node, node_type.role)
        if source is not None:  # what its expressions read is read while the stream is
            found.append(self._reads(source)[1])
        if node_type.role == "until" and node.key in self.pairs:
            loop = self.workflow.nodes[self.pairs[node.key]]
            texts = _expressions(loop.params.get("condition"))
            found += [compile_expression(text).reads for text in texts]
        return params, merge_reads([*found, *others])

    def _cache(self, node: Node, node_type: NodeType) -> CachePlan | None:
        if node.cache is None or node.disabled:
            return None
        identity = [node_type.id, node_type.version, node.version, dict(node.params)]
        found = self._raw_reads(node)
        if node.processing is not None:
            identity.append(asdict(node.processing))
            found += reads_of(node)
        names = merge_reads(found).names - {"output"}
        return CachePlan(identity=identity, ttl_s=node.cache.ttl_s, names=frozenset(names))

    def _raw_reads(self, node: Node) -> list[Reads]:
        """Return what the expressions refer to that nodes evaluate themselves."""
        node_type = self.registry.require(node.type)
        found: list[Reads] = []
        for name in node_type.raw - node_type.opaque:
            value = node.params.get(name)
            if name in node_type.own_names and isinstance(value, str) and value:
                value = {"expr": value}
            found += [compile_expression(text).reads for text in _expressions(value)]
        return found

    def _node(
        self,
        number: int,
        node: Node,
        draft: tuple[CompiledParams, Reads],
        kept: frozenset[NodeKey],
        repeating: frozenset[NodeKey],
    ) -> PlanNode:
        node_type = self.registry.require(node.type)
        params, reads = draft
        raw = {name: node.params[name] for name in node_type.raw if name in node.params}
        ports = self.registry.ports_of(node)
        in_ports = self._in_ports(node)
        timed = any(port.policy.timeout_s is not None for port in in_ports)
        out = {port.name: self._out(node, port.name) for port in ports.outputs}
        fallback = tuple(e for edges in out.values() for e in edges if e.kind == "fallback")
        channels = set(reads.channels) | set(node.reads)
        zones = self.facts.zone_of.get(node.key, ())
        read_nodes = self._readable(node.key, reads.nodes)
        role = "" if node.disabled else node_type.role
        source = self._stream_of(node, role)
        stream = self.registry.require(source.type).stream if source is not None else None
        measured = {} if role or node.disabled else self.measured
        draws, estimates = self._draws(node, measured)
        made = PlanNode(
            key=node.key,
            order=number,
            rank=self.ranks[node.key],
            role=role,
            node=node,
            type=node_type,
            params=params,
            fixed=_validated(node_type, params, raw),
            raw=raw,
            awaits=not node.disabled
            and (self._awaits(node_type) or (stream is not None and stream.open is not None)),
            in_ports=in_ports,
            simple=len(in_ports) == 1
            and len(in_ports[0].edges) == 1
            and in_ports[0].policy.mode in ("all_active", "all", "any", "first")
            and in_ports[0].policy.on_short == "skip",
            need=sum(len(port.edges) for port in in_ports)
            if all(port.policy.mode in ("all_active", "all") for port in in_ports) and not timed
            else 1,
            timed=timed,
            mapped=_mapped(node, role, ports),
            out_ports=tuple(port.name for port in ports.outputs),
            out=out,
            fallback=fallback,
            writes=tuple(
                (name, write.op, compile_expression(write.expr) if write.expr else None)
                for name, write in node.writes.items()
                if not node.disabled
            ),
            reads=self.channels if "*" in channels else self.channels.intersection(channels),
            read_nodes=read_nodes,
            effects="none" if node.disabled else node.effects or node_type.effects(node.params),
            depth=len(zones),
            zones=zones,
            loops=tuple([loop.index for loop in self.loops if node.key in loop.body]),
            repeats=node.key in repeating,
            frames=tuple(key for key in self.inner_first if node.key in self.members[key]),
            pair=self.pairs.get(node.key),
            stream=stream,
            processing=plan_processing(node, self.registry),
            rates=() if node.disabled else _rates(node),
            condition=self._condition(node, role),
            kept=node.key in kept,
            gated=node.gated and not node.disabled,
            cached=self._cache(node, node_type),
            metered=estimates is None or bool(estimates),
            draws=draws,
            estimates=estimates,
            measured=measured,
            may_write=self._may_write(node, zones),
            alternatives=tuple(
                self._node(number, variant, self._reads(variant), kept, repeating)
                for variant in variants_of(node)
            ),
            plain=node.route == "all"
            and role != "barrier"
            and all(e.when is None and e.kind == "normal" for e in self.leaving[node.key]),
        )
        return made if node.background is None else self._handing_over(made)

    def _handing_over(self, made: PlanNode) -> PlanNode:
        """Return a node that hands its work over: all that is left of it is to do that."""
        node = made.node
        found = {*node.reads, *merge_reads(self._raw_reads(node)).channels}
        reads = frozenset(self.workflow.channels) if "*" in found else frozenset(found)
        background = plan_background(
            self.workflow, node, self.registry, after=made.writes, reads=reads
        )
        if background is None:
            return made
        draws = {} if not background.counted else {draw.meter: draw for draw in made.draws}
        for meter, amount in background.reserved.items():
            known = draws.get(meter)
            draws[meter] = PlanDraw(
                meter=meter,
                estimate=compile_expression(repr(amount)),
                constant=amount,
                actual=None,
                limit=known.limit if known is not None else None,
            )
        kept = tuple(replace(draw, actual=None) for _, draw in sorted(draws.items()))
        estimates = {draw.meter: draw.constant or 0.0 for draw in kept}
        unknown = any(draw.constant is None for draw in kept)
        return msgspec.structs.replace(
            made,
            role="background",
            node=replace(node, retry=None, alternatives=(), cache=None),
            awaits=False,
            writes=(),
            effects="none",
            metered=bool(kept),
            draws=kept,
            estimates=None if unknown else estimates,
            measured={},
            cached=None,
            alternatives=(),
            background=background,
        )

    def _stream_of(self, node: Node, role: str) -> Node | None:
        """Return the node whose stream a For each reads."""
        for edge in self.arriving[node.key] if role == "split" else ():
            source = self.workflow.nodes[edge.source]
            port = self.registry.ports_of(source).output(edge.source_port)
            works = not source.disabled and source.background is None
            if port is not None and port.type == "stream" and works:
                return source
        return None

    def _condition(self, node: Node, role: str) -> Expression | None:
        match role:
            case "loop":
                given = node.params.get("condition")
            case "until":
                given = self.workflow.nodes[self.pairs[node.key]].params.get("condition")
            case "collect":
                given = node.params.get("enough")
            case _:
                return None
        texts = _expressions(given)
        return compile_expression(texts[0]) if texts and texts[0] else None

    def _readable(self, key: NodeKey, names: frozenset[str]) -> frozenset[NodeKey]:
        others = self.workflow.nodes if "*" in names else names
        return frozenset(name for name in others if self.facts.dominates(name, key))

    def _draws(
        self, node: Node, measured: Mapping[str, str]
    ) -> tuple[tuple[PlanDraw, ...], Mapping[str, float] | None]:
        """Return what a node declares, and what is reserved for one attempt of it."""
        if node.disabled:
            return (), {}
        draws = tuple(
            PlanDraw(
                meter=name,
                estimate=(estimate := compile_expression(draw.estimate)),
                constant=_constant(estimate),
                actual=compile_expression(draw.actual) if draw.actual else None,
                limit=draw.limit,
            )
            for name, draw in sorted(node.meters.items())
        )
        if any(draw.constant is None for draw in draws):
            return draws, None
        usual = {name: float(measure == "calls") for name, measure in measured.items()}
        return draws, usual | {draw.meter: draw.constant or 0.0 for draw in draws}

    def _may_write(self, node: Node, zones: tuple[NodeKey, ...]) -> frozenset[str] | None:
        around = [self.workflow.nodes[key].may_write for key in zones]
        limits = [frozenset(names) for names in (node.may_write, *around) if names is not None]
        return frozenset.intersection(*limits) if limits else None

    def _in_ports(self, node: Node) -> tuple[InPort, ...]:
        ports = self.registry.ports_of(node)
        by_port: dict[str, list[PlanEdge]] = {}
        for edge in self.arriving[node.key]:
            if not edge.back:
                by_port.setdefault(edge.target_port, []).append(edge)
        return tuple(
            self._in_port(node, port, tuple(by_port[port.name]))
            for port in ports.inputs
            if port.name in by_port
        )

    def _in_port(self, node: Node, port: Port, edges: tuple[PlanEdge, ...]) -> InPort:
        policy = node.joins.get(port.name)
        if policy is None:
            return InPort(name=port.name, policy=JoinPolicy(), edges=edges, required=port.required)
        rest: JoinRest = "cancel" if policy.mode == "first" else policy.rest
        region: frozenset[NodeKey] = frozenset()
        feeds: dict[str, frozenset[NodeKey]] = {}
        if rest == "cancel":
            later = self._shared_with(node.key)
            region = only_here(node.key, edges, self.arriving, self.leaving, later)
            feeds = {
                edge.id: upstream(node.key, [edge.source], self.arriving) - region - later
                for edge in edges
            }
        return InPort(
            name=port.name,
            policy=policy,
            edges=edges,
            required=port.required,
            rest=rest,
            blocks=policy.reset == "all_arrived" and rest != "queue",
            region=region,
            feeds=feeds,
            upstream=self._upstream(node.key, edges) if policy.mode == "no_more" else frozenset(),
        )

    def _upstream(self, join: NodeKey, edges: Iterable[PlanEdge]) -> frozenset[NodeKey]:
        """Return what may still send something to a join; nothing outside into an open item."""
        found = upstream(join, [edge.source for edge in edges], self.arriving)
        around = self.facts.zone_of.get(join, ())
        return found & self.facts.zones[around[-1]].body if around else found

    def _shared_with(self, join: NodeKey) -> frozenset[NodeKey]:
        """Return the nodes of a loop around a join that come before every way to it.

        What is alive there while the join fires belongs to a later round of the loop.
        """
        cycle = self.facts.cycle_of.get(join, -1)
        return frozenset(
            key
            for key, number in self.facts.cycle_of.items()
            if number == cycle and self.facts.dominates(key, join)
        )

    def _out(self, node: Node, port: str) -> tuple[PlanEdge, ...]:
        edges = [edge for edge in self.leaving[node.key] if edge.source_port == port]
        return tuple(sorted(edges, key=lambda edge: (edge.priority, edge.order)))

    def _repeating(self) -> frozenset[NodeKey]:
        """Return nodes that may run twice in one scope: in loops, and behind some joins."""
        found = {key for loop in self.loops for key in loop.body}
        for frame in self.frames.values():
            if frame.does.retry is not None:
                found |= frame.members
        stack = [
            node.key
            for node in self.workflow.nodes.values()
            if any(_fires_again(policy) for policy in node.joins.values())
        ]
        stack += list(found)
        targets: dict[NodeKey, list[NodeKey]] = {}
        for edge in self.workflow.edges:
            targets.setdefault(edge.source.node, []).append(edge.target.node)
        while stack:
            key = stack.pop()
            found.add(key)
            stack += [target for target in targets.get(key, ()) if target not in found]
        return frozenset(found)


def _rates(node: Node) -> tuple[PlanRate, ...]:
    found: list[PlanRate] = []
    if node.min_interval_s:
        found.append(PlanRate(interval=node.min_interval_s))
    if node.rate is not None:
        key = compile_expression(node.rate.key) if node.rate.key else None
        interval = node.rate.per_s / node.rate.count
        found.append(PlanRate(interval=interval, burst=node.rate.burst, key=key))
    return tuple(found)


def _listens(node: PlanNode) -> bool:
    if node.role == "split":
        return node.stream is not None and node.stream.open is None
    return node.type.accepts is not None and not node.node.disabled


def _constant(estimate: Expression) -> float | None:
    """Return the value of an expression that names nothing, or None."""
    if estimate.reads.names:
        return None
    value = estimate.evaluate({})
    return float(value) if isinstance(value, (int, float)) else None


def _fires_again(policy: JoinPolicy) -> bool:
    """Return whether a join may run its node more than once for one token on every edge."""
    return policy.mode in ("each", "no_more") or policy.rest in ("queue", "error")


def _validated(
    node_type: NodeType, params: CompiledParams, raw: Mapping[str, Json]
) -> BaseModel | None:
    if not params.is_constant:
        return None
    from pydantic import ValidationError  # noqa: PLC0415 - here are parameters, so it is loaded

    try:
        return node_type.params.model_validate({**params.resolve({}), **raw})
    except ValidationError:
        return None  # validation has reported it; at run time it fails the task


def _mapped(node: Node, role: str, ports: Ports) -> frozenset[str]:
    if role in ("collect", "until"):
        return frozenset()  # its policy is about one item or round; one value is its result
    if node.type == "join":
        return frozenset(port.name for port in ports.inputs)
    return frozenset(node.joins)


def merge_reads(found: Iterable[Reads]) -> Reads:
    """Return the union of what several expressions refer to."""
    parts = list(found)
    if len(parts) == 1:
        return parts[0]
    return Reads(
        names=frozenset().union(*(part.names for part in parts)),
        channels=frozenset().union(*(part.channels for part in parts)),
        nodes=frozenset().union(*(part.nodes for part in parts)),
        env=frozenset().union(*(part.env for part in parts)),
        vars=frozenset().union(*(part.vars for part in parts)),
    )


def _expressions(value: Json) -> list[str]:
    """Return every expression text in a raw parameter, wherever it is nested."""
    if isinstance(value, dict):
        if set(value) == {"expr"} and isinstance(value["expr"], str):
            return [value["expr"]]
        texts = [value["when"]] if isinstance(value.get("when"), str) and value["when"] else []
        for name, item in value.items():
            if name != "when":
                texts += _expressions(item)
        return texts
    if isinstance(value, list):
        return [text for item in value for text in _expressions(item)]
    return []


def _natural_loops(
    workflow: Workflow, facts: GraphFacts, frames: Mapping[str, PlanFrame]
) -> tuple[Loop, ...]:
    """Return one loop per header, with every node that leads back to it.

    Aho, Lam, Sethi, Ullman, "Compilers", 2nd ed., section 9.6.6. A cycle with several ways
    in has a header at each of them, with loops that are found the same way.
    """
    before: dict[NodeKey, list[NodeKey]] = {}
    tails: dict[NodeKey, list[NodeKey]] = {}
    for edge in workflow.edges:
        before.setdefault(edge.target.node, []).append(edge.source.node)
        if edge.id in facts.back_edges:
            tails.setdefault(edge.target.node, []).append(edge.source.node)
    for frame in frames.values():
        if frame.catch:  # it is reached from everything in the frame
            before.setdefault(frame.catch, []).extend(sorted(frame.members))
    loops: list[Loop] = []
    for header in facts.order:
        if header not in tails:
            continue
        cycle = facts.cycle_of.get(header)
        body = {header}
        stack = [tail for tail in tails[header] if tail != header]
        while stack:
            key = stack.pop()
            if key not in body and facts.cycle_of.get(key) == cycle:
                body.add(key)
                stack += before.get(key, [])
        depth = min(len(facts.zone_of.get(key, ())) for key in body)
        loops.append(Loop(index=len(loops), header=header, body=frozenset(body), depth=depth))
    return tuple(loops)
