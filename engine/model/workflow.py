"""The document as an immutable value: what a person draws (U1).

No I/O and no node types here. Parsing is in `codec`, edits are in `changes`,
checks in `validation`, and what the engine runs is made by `plan`. Fields that this
release does not know are kept in `extra` of the object that they were found in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Json = Any

CommitPolicy = Literal["eager", "strict"]
EdgeKind = Literal["normal", "otherwise", "fallback"]
JoinMode = Literal["all_active", "all", "any", "first", "n_of_m", "each", "no_more"]
JoinRest = Literal["ignore", "queue", "cancel", "error"]
JoinReset = Literal["at_once", "all_arrived"]
OnTimeout = Literal["fire", "fail", "skip"]
OnError = Literal["fail", "continue", "error_port", "fallback_edge", "ignore"]
Effects = Literal["none", "idempotent", "once"]
Durability = Literal["process", "power"]
Order = Literal["breadth_first", "depth_first"]
OnFailure = Literal["fail_fast", "finish", "collect"]
Background = Literal["wait", "detach", "cancel"]
SaveWhen = Literal["every_commit", "on_wait", "on_request", "interval", "adaptive", "at_end"]
SaveFailure = Literal["fail", "retry", "continue"]


@dataclass(frozen=True, slots=True, order=True)
class PortRef:
    """One port of one node, written ``node.port``."""

    node: str
    port: str

    def __str__(self) -> str:
        return f"{self.node}.{self.port}"

    @classmethod
    def parse(cls, text: str) -> PortRef:
        """Return the reference that ``node.port`` names.

        Raises:
            ValueError: there is no dot, or a part is empty.
        """
        node, dot, port = text.partition(".")
        if not (node and dot and port):
            raise ValueError(f"{text!r} is not of the form node.port")
        return cls(node, port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A wire. Its id is its two ends, so two wires between the same ports cannot be.

    Attributes:
        when: condition over `input` (the value sent) and `state` after the commit.
        priority: the lower goes first where the source routes exclusively.
        kind: ``otherwise`` fires when no condition held, ``fallback`` when nothing routed.
    """

    source: PortRef
    target: PortRef
    when: str | None = None
    priority: int = 0
    kind: EdgeKind = "normal"
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``read.out->ask.in``."""
        source, target = self.source, self.target
        return f"{source.node}.{source.port}->{target.node}.{target.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When and how often a failed attempt is repeated (U79).

    Attributes:
        attempts: how many attempts in all, at least 1.
        delay_s: delay before the second attempt; doubles (`factor`) up to `max_delay_s`.
        jitter: full jitter: the delay is drawn evenly between 0 and the computed one.
        on: error codes or exception names that are retried; empty means every retryable one.
        give_up_on: error codes or exception names that are never retried.
    """

    attempts: int = 3
    delay_s: float = 1.0
    factor: float = 2.0
    max_delay_s: float = 60.0
    jitter: bool = True
    on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another way to do what a node does, tried when all its attempts have failed (U81)."""

    type: str
    version: int = 1
    params: Mapping[str, Json] = field(default_factory=dict)
    retry: RetryPolicy | None = None
    timeout_s: float | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPolicy:
    """When an input port fires (U45).

    Attributes:
        mode: ``all_active`` waits for every source that is not ruled out; ``all`` is
            skipped when one is ruled out; ``any`` fires at the first arrival; ``first`` does
            and cancels the rest; ``n_of_m`` fires at the n-th; ``each`` runs once per arrival;
            ``no_more`` fires with what has come when nothing more can arrive.
        n: for ``n_of_m``.
        rest: what becomes of arrivals after the port has fired: they are passed over, kept
            for its next round, not waited for (what leads only here is cancelled), or a failure.
        reset: when the next round may fire: at once, or when all of this one have arrived.
        timeout_s: seconds from the first value of a round to the end of waiting.
        on_timeout: what then happens: fire with what there is, fail the node, or skip it.
        on_short: what happens when too few values come and a failure that was ignored is a
            reason: the node is skipped, as where ways were not taken, or fails (U49).
    """

    mode: JoinMode = "all_active"
    n: int = 1
    rest: JoinRest = "ignore"
    reset: JoinReset = "at_once"
    timeout_s: float | None = None
    on_timeout: OnTimeout = "fire"
    on_short: Literal["skip", "fail"] = "skip"
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What a node writes to a channel: an expression over `output`, and a reducer's verb."""

    expr: str
    op: Literal["reduce", "set", "delete"] = "reduce"
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a node draws on one meter of the workflow (U87).

    Attributes:
        estimate: expression for what one attempt will use; so much is reserved before it.
        actual: expression over `output` for what it has used; None: what the node reports,
            else the estimate.
        limit: what this node may use in one run, or None.
    """

    estimate: str = "0"
    actual: str | None = None
    limit: float | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InBackground:
    """How a node works in the background: its input goes on at once, the work is a child run (U58).

    Attributes:
        port: output port that the input leaves through; empty: the first.
        at_end: what becomes of work that is not done when everything else is; None: as the
            settings of the workflow say.
        limit: how many works of the node may run at once; the others wait for their turn.
        budget: meter to what one work may use of it; set aside when the work is handed over,
            what is left of it comes back.
        own_budget: `budget` is nothing of the run's: it is neither set aside nor counted there.
        on_failure: ``note`` that a work has failed, or ``fail`` the run.
        stale_s: seconds after which a work that nobody drives any more has failed; None: never.
    """

    port: str = ""
    at_end: Background | None = None
    limit: int = 8
    budget: Mapping[str, float] = field(default_factory=dict)
    own_budget: bool = False
    on_failure: Literal["note", "fail"] = "note"
    stale_s: float | None = 86_400.0
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One step on a value of a port: an expression, a template or a registered function (U92).

    Attributes:
        expr: after the node `output` is the value. `template`: `input` is the value, always.
        port: empty for the first one.
    """

    expr: str = ""
    template: str = ""
    use: str = ""
    port: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the output of a node must satisfy: an expression, a JSON Schema or a function.

    Attributes:
        message: what the next attempt and the person are told when it does not.
        then: ``retry`` asks for another attempt, ``fail`` for none, ``warn`` lets it pass.
    """

    name: str = ""
    expr: str = ""
    schema: Json = None
    use: str = ""
    message: str = ""
    then: Literal["retry", "fail", "warn"] = "retry"
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What is done around each attempt of a node, each list in its order."""

    before: tuple[Processor, ...] = ()
    after: tuple[Processor, ...] = ()
    checks: tuple[Check, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How often a node may start in one run: a bucket of tokens for each key (U57).

    Attributes:
        count: so many starts `per_s` seconds, evenly spread in the long run.
        burst: how many may start at once after a rest.
        key: expression whose value chooses the bucket, or None for one bucket.
    """

    count: int = 1
    per_s: float = 1.0
    burst: int = 1
    key: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """That a result of the node is kept, and used again for equal work (U89).

    Attributes:
        ttl_s: how long it may be used, in seconds; None: as long as it is kept.
        despite_effects: also where the node has effects on the outside, which a result from
            the cache does not have.
    """

    ttl_s: float | None = None
    despite_effects: bool = False
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node. Its key is its identity; `title` is free text.

    Attributes:
        notes: Markdown for whoever reads the workflow; nothing runs by it.
        params: as in the document: values, ``{"expr": ...}`` or ``{"template": ...}``.
        writes: channel name to what is written when the node succeeds.
        route: ``all`` edges whose condition holds, or the ``first`` by priority.
        effects: overrides the default of the node type; None keeps it.
        may_write: the only channels that it, or for a For each its body, may write; None: all.
        meters: what it draws on the meters of the workflow, by name.
        budget: of a For each: ``shared``, or an ``even`` share for each item.
        gated: passed over, with its previous output, while nothing that it reads has changed.
        cache: whether results are kept for equal work, in this run and others.
        background: it works in the background; None: it is waited for.
        timeout_s: of one attempt. `total_timeout_s`: of the task with its retries.
        alternatives: tried in order when its attempts have failed, before `on_error`.
        idle_timeout_s: how long an attempt may show neither output nor progress.
        min_interval_s: the least time between two starts of the node in one run (U57).
        rate: how often it may start, by a key. Both outlive a restart.
        undeclared: what a target that the node chooses and no wire leads to means: a failure
            of the node, or nothing but a warning (U10).
        processing: what is done to its inputs and outputs, and what these must satisfy.
    """

    key: str
    type: str
    version: int = 1
    title: str = ""
    notes: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    writes: Mapping[str, Write] = field(default_factory=dict)
    joins: Mapping[str, JoinPolicy] = field(default_factory=dict)
    route: Literal["all", "first"] = "all"
    retry: RetryPolicy | None = None
    timeout_s: float | None = None
    total_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    min_interval_s: float | None = None
    rate: RateLimit | None = None
    undeclared: Literal["fail", "ignore"] = "fail"
    processing: Processing | None = None
    on_error: OnError = "fail"
    alternatives: tuple[Alternative, ...] = ()
    effects: Effects | None = None
    reads: tuple[str, ...] = ()
    may_write: tuple[str, ...] | None = None
    meters: Mapping[str, Draw] = field(default_factory=dict)
    budget: Literal["shared", "even"] = "shared"
    gated: bool = False
    cache: Cache | None = None
    background: InBackground | None = None
    disabled: bool = False
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of a channel's schema: an expression over ``value`` of version `version`."""

    version: int
    expr: str
    extra: Mapping[str, Json] = field(default_factory=dict)


def variants_of(node: Node) -> tuple[Node, ...]:
    """Return the node as each of its alternatives does its work."""
    return tuple(
        replace(
            node,
            type=each.type,
            version=each.version,
            params=each.params,
            retry=each.retry,
            timeout_s=each.timeout_s,
            effects=None,
            cache=None,
            alternatives=(),
        )
        for each in node.alternatives
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A shared, typed value with a merge rule (U26).

    Attributes:
        type: JSON Schema type: ``any string number integer boolean array object``, or the
            ready-made ``messages`` and ``errors``, which the engine adds failures to.
        reducer: see `engine.model.reducers`; ``replace`` fails on two different writers.
        reduce: for the reducer ``custom``: an expression over ``old`` and ``new``.
        schema: JSON Schema that every value satisfies, or None. `version`: of the schema.
        migrations: how values of older versions become such of the next one.
    """

    name: str
    type: str = "any"
    reducer: str = "replace"
    default: Json = None
    lifecycle: Literal["durable", "run", "superstep"] = "run"
    description: str = ""
    reduce: str | None = None
    schema: Json = None
    version: int = 1
    migrations: tuple[Migration, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Finite by default (DESIGN section 9); each names itself when it is hit.

    Attributes:
        by_type: id of a node type to how many of its attempts run at once (U43).
    """

    supersteps: int = 100_000
    executions: int = 1_000_000
    visits: int = 10_000
    items: int = 100_000
    concurrency: int = 32
    processes: int = 0  # 0 means one per core
    value_bytes: int = 256 * 1024 * 1024
    run_seconds: float = 30 * 86_400.0
    depth: int = 20
    by_type: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must hold at every commit (U90): an expression over `state`.

    Attributes:
        on_breach: ``fail`` the run, or hold the last writer and ``ask``.
        message: said when it does not hold; empty: the expression itself.
    """

    expr: str
    on_breach: Literal["fail", "ask"] = "fail"
    message: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A budget of the run: anything that nodes use up (U87).

    Attributes:
        limit: what a run may use, or None for no end.
        measure: ``spend``: what nodes report; ``calls`` and ``seconds`` of their attempts;
            ``supersteps`` of the run.
        on_breach: ``fail`` the run, or pause what needs more and ``ask``.
        unit: for people: ``EUR``, ``tokens``.
    """

    limit: float | None = None
    measure: Literal["spend", "calls", "seconds", "supersteps"] = "spend"
    on_breach: Literal["fail", "ask"] = "fail"
    unit: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """When commits are stored, and what a store that refuses means (U94, U97).

    Waits, decisions, claims of ``once`` tasks, commands and the end are always stored first.

    Attributes:
        when: ``every_commit``; several together ``on_wait``, ``on_request`` or ``at_end``; at
            the latest after ``interval`` seconds; or ``adaptive``, when too much work is at stake.
        seconds: for ``interval``, of time; for ``adaptive``, of work of finished attempts.
        meters: for ``adaptive``: budget to what of it may be lost in a crash.
        on_failure: ``fail`` ends the leg; ``retry`` tries again, the run waits meanwhile, and
            then fails; ``continue`` goes on without, says so, and catches up.
        attempts: for ``retry``: how often it is tried in all.
    """

    when: SaveWhen = "every_commit"
    seconds: float = 10.0
    meters: Mapping[str, float] = field(default_factory=dict)
    on_failure: SaveFailure = "fail"
    attempts: int = 8
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the workflow.

    Attributes:
        commit: ``eager`` or ``strict`` (DESIGN 4.1).
        durability: ``power`` makes every commit survive a power cut, at a price.
        on_failure: what an unhandled failure does to the rest (U49): ``fail_fast`` ends what
            runs; ``finish`` lets that end and starts nothing more; ``collect`` goes on with
            everything that does not need the failed task.
        order: which of the ready tasks start first (U44): ``depth_first`` those that became
            ready last, so that a branch goes on before the next begins; eager runs only.
        env: names of environment variables that expressions may read.
        vars: constants of the workflow.
        input: an example of the input, used when a run is started without one.
        background: what becomes of work in the background when everything else is done.
        result: expression over `state` and `nodes`; None returns the End nodes' values.
        invariants: what must hold at every commit, by name.
        meters: budgets of a run, by name.
        input_to: channel that the input is merged into when a run starts, or None.
        extra_to: channel that takes what is written under names that are not declared, or None.
        save: when commits are stored, and what happens when they cannot be.
    """

    commit: CommitPolicy = "eager"
    durability: Durability = "process"
    on_failure: OnFailure = "fail_fast"
    order: Order = "breadth_first"
    limits: Limits = field(default_factory=Limits)
    env: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=dict)
    input: Json = None
    result: str | None = None
    invariants: Mapping[str, Invariant] = field(default_factory=dict)
    meters: Mapping[str, Meter] = field(default_factory=dict)
    input_to: str | None = None
    extra_to: str | None = None
    description: str = ""
    background: Background = "wait"
    save: Save = field(default_factory=Save)
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node is on the canvas, in pixels at 100 %."""

    x: float
    y: float
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A titled region behind nodes."""

    id: str
    title: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 320.0
    height: float = 240.0
    colour: int = 0
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note on the canvas."""

    id: str
    text: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 220.0
    height: float = 120.0
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The layout part: never in the revision hash."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    notes: tuple[Note, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLock:
    """A lock that a frame holds from when something enters to when it is empty.

    Attributes:
        name: frames with the same name exclude one another.
        permits: how many of them may be open at once.
    """

    name: str
    permits: int = 1
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBehaviour:
    """What a frame does for the nodes in it, as one whole (docs/frames.md).

    Attributes:
        nodes: keys of its members.
        retry: how often, and after which delays, everything in it is done again when
            something in it fails and nothing inside handles that.
        timeout_s: seconds from when something enters to when nothing is in it any more.
        lock: what it waits for when something enters.
        one_at_a_time: one task of its members at any moment, in all scopes of the run.
        meters: what its members may use together in one run, by meter.
    """

    nodes: tuple[str, ...] = ()
    retry: RetryPolicy | None = None
    timeout_s: float | None = None
    lock: FrameLock | None = None
    one_at_a_time: bool = False
    meters: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A whole document. Mappings are never mutated after construction.

    `nodes` keeps the order of the document, which is the order of the plan and
    therefore the canonical order in which writes are merged. Documents are kept in
    one order, nodes by key and edges by their ends (docs/document.md).

    Attributes:
        frames: what frames do, by id; the box of the same id in the view says where one lies.
    """

    id: str
    name: str = "Untitled"
    settings: Settings = field(default_factory=Settings)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    frames: Mapping[str, FrameBehaviour] = field(default_factory=dict)
    view: View = field(default_factory=View)
    extra: Mapping[str, Json] = field(default_factory=dict)
