"""The document's JSON Schema (2020-12), for editors and other programs.

The models here describe the file; they are not what the program works with (`workflow`)
nor what reads it (`shape`), and a test holds the three together. Write the schema with
``python -m engine.model.schema``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from engine.model.keys import MAX_KEY
from engine.model.migrations.chain import FORMAT
from engine.model.workflow import (
    Background,
    CommitPolicy,
    Durability,
    EdgeKind,
    Effects,
    JoinMode,
    JoinReset,
    JoinRest,
    OnError,
    OnFailure,
    OnTimeout,
    Order,
    SaveFailure,
    SaveWhen,
)

#: In the sources; an installed program has the same file among its resources.
SCHEMA_FILE = Path(__file__).parents[2] / "resources" / "workflow.schema.json"

_KEYS: JsonDict = {"propertyNames": {"pattern": rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_KEY - 1}}}$"}}
PortName = Annotated[str, Field(pattern=r"^[^.]+\.[\s\S]+$")]
Expression = Annotated[str, Field(description="An expression.")]


class _Part(BaseModel):
    """Unknown fields are kept when a file is loaded and saved, so they are allowed."""

    model_config = ConfigDict(
        extra="allow",
        model_title_generator=lambda model: model.__name__.removesuffix("Schema"),
    )


class JoinSchema(_Part):
    """When an input port fires."""

    mode: JoinMode = Field(
        "all_active",
        description="all_active waits for every source that is not ruled out.",
    )
    n: int = Field(1, description="For n_of_m: how many arrivals it takes.")
    rest: JoinRest = Field(
        "ignore", description="What becomes of arrivals after the port has fired."
    )
    reset: JoinReset = Field(
        "at_once",
        description="The next round may fire at once, or when all of this one have arrived.",
    )
    timeout_s: float | None = Field(
        None, description="Seconds from the first value of a round to the end of waiting."
    )
    on_timeout: OnTimeout = Field(
        "fire", description="Then fire with what there is, fail the node, or skip it."
    )
    on_short: Literal["skip", "fail"] = Field(
        "skip", description="When too few come and ignored failures are a reason."
    )


class RetrySchema(_Part):
    """When and how often a failed attempt is repeated."""

    attempts: int = Field(3, description="How many attempts in all.")
    delay_s: float = Field(1.0, description="Seconds before the second attempt.")
    factor: float = Field(2.0, description="Each delay is the one before times this.")
    max_delay_s: float = Field(60.0, description="Longest delay, in seconds.")
    jitter: bool = Field(default=True, description="Draw the delay evenly from 0 to itself.")
    on: list[str] = Field([], description="Errors that are retried; empty: all that may be.")
    give_up_on: list[str] = Field([], description="Errors that are never retried.")


class AlternativeSchema(_Part):
    """Another way to do what a node does."""

    type: str = Field(description="Id of its node type.")
    version: int = Field(1, description="Version of the node type that it was made for.")
    params: dict[str, Any] = Field({}, description="As those of a node.")
    retry: RetrySchema | None = Field(None, description="null: a failure is final.")
    timeout_s: float | None = Field(None, description="Seconds that one attempt may take.")


class WriteSchema(_Part):
    """What a node writes to a channel when it succeeds."""

    expr: Expression = Field(description="An expression over output and what the node sees.")
    op: Literal["reduce", "set", "delete"] = Field(
        "reduce", description="reduce merges with the channel's reducer; set goes past it."
    )


class DrawSchema(_Part):
    """What a node draws on one meter."""

    estimate: str = Field("0", description="An expression: what one attempt will use.")
    actual: str | None = Field(None, description="An expression over output: what it has used.")
    limit: float | None = Field(None, description="What this node may use in one run.")


class InBackgroundSchema(_Part):
    """How a node works in the background; {} for all defaults."""

    port: str = Field("", description="Output that its input leaves through; empty: the first.")
    at_end: Background | None = Field(
        None, description="Of work that is not done at the end of the run; null: as the settings."
    )
    limit: int = Field(8, description="Works of the node at once.")
    budget: dict[str, float] = Field(
        {}, description="By meter: what one work may use, set aside when it is handed over."
    )
    own_budget: bool = Field(
        default=False, description="The budget is neither set aside nor counted in the run."
    )
    on_failure: Literal["note", "fail"] = Field(
        "note", description="Of the run, when a work has failed."
    )
    stale_s: float | None = Field(
        86_400.0, description="Seconds after which work that nobody drives has failed; null: never."
    )


class RateSchema(_Part):
    """How often a node may start in one run."""

    count: int = Field(1, description="So many starts in per_s seconds.")
    per_s: float = Field(1.0, description="Seconds.")
    burst: int = Field(1, description="How many may start at once after a rest.")
    key: str | None = Field(None, description="An expression; each value has its own rate.")


class CacheSchema(_Part):
    """That results of a node are kept, and used again for equal work."""

    ttl_s: float | None = Field(None, description="Seconds that a result may be used.")
    despite_effects: bool = Field(
        default=False, description="Also where the node has effects on the outside."
    )


class ProcessorSchema(_Part):
    """One step on a value of a port; exactly one of expr, template and use."""

    expr: str = Field("", description="An expression; after the node it also sees output.")
    template: str = Field("", description="A template, in which input is the value.")
    use: str = Field("", description="The name of a function that code has registered.")
    port: str = Field("", description="Empty: the first one.")


class CheckSchema(_Part):
    """What the output must satisfy; exactly one of expr, schema and use."""

    name: str = Field("", description="Free text.")
    expr: str = Field("", description="An expression over output that must be true.")
    schema_: Any = Field(None, alias="schema", description="A JSON Schema of the output.")
    use: str = Field("", description="The name of a function that code has registered.")
    message: str = Field("", description="What the next attempt and the person are told.")
    then: Literal["retry", "fail", "warn"] = Field(
        "retry", description="Another attempt, none, or let it pass with a warning."
    )


class ProcessingSchema(_Part):
    """What is done around each attempt of a node, each list in its order."""

    before: list[ProcessorSchema] = Field([], description="On the inputs.")
    after: list[ProcessorSchema] = Field([], description="On the outputs.")
    checks: list[CheckSchema] = Field([], description="Of the first output, after that.")


class NodeSchema(_Part):
    """A node; its key is the name that it stands under."""

    type: str = Field(description="Id of the node type, such as http.request.")
    version: int = Field(1, description="Version of the node type that it was made for.")
    title: str = Field("", description="Free text; empty: the key is shown.")
    notes: str = Field("", description="Markdown for whoever reads the workflow.")
    params: dict[str, Any] = Field(
        {},
        description='Values, {"expr": expression} or {"template": text}, as the type wants them.',
    )
    writes: dict[str, WriteSchema] = Field({}, description="By channel.")
    joins: dict[str, JoinSchema] = Field({}, description="By input port.")
    route: Literal["all", "first"] = Field(
        "all", description="Take every wire whose condition holds, or the first by priority."
    )
    retry: RetrySchema | None = Field(None, description="null: a failure is final.")
    timeout_s: float | None = Field(None, description="Seconds that one attempt may take.")
    total_timeout_s: float | None = Field(None, description="The same with all its retries.")
    idle_timeout_s: float | None = Field(
        None, description="Seconds that an attempt may show neither output nor progress."
    )
    min_interval_s: float | None = Field(
        None, description="The least seconds between two starts of the node in one run."
    )
    rate: RateSchema | None = Field(None, description="How often it may start in one run.")
    undeclared: Literal["fail", "ignore"] = Field(
        "fail", description="Of a target that it chooses and no wire leads to."
    )
    processing: ProcessingSchema | None = Field(
        None, description="What is done to inputs and outputs, and what these must satisfy."
    )
    on_error: OnError = Field("fail", description="What a failure does.")
    alternatives: list[AlternativeSchema] = Field(
        [], description="Tried in order when all attempts have failed, before on_error."
    )
    effects: Effects | None = Field(None, description="null: as the node type says.")
    reads: list[str] = Field([], description="Channels it reads besides those in expressions.")
    may_write: list[str] | None = Field(
        None, description="The only channels that it, or its body, may write; null: all."
    )
    meters: dict[str, DrawSchema] = Field({}, description="By the name of the meter.")
    budget: Literal["shared", "even"] = Field(
        "shared", description="Of a For each: even gives each item an equal share."
    )
    gated: bool = Field(
        default=False, description="Passed over while nothing that it reads has changed."
    )
    cache: CacheSchema | None = Field(None, description="null: results are not kept.")
    background: InBackgroundSchema | None = Field(
        None, description="It works in the background; null: it is waited for."
    )
    disabled: bool = Field(default=False, description="It lets its input through.")


class EdgeSchema(_Part):
    """A wire from an output port to an input port."""

    source: PortName = Field(alias="from", description="node.port")
    target: PortName = Field(alias="to", description="node.port")
    when: str | None = Field(None, description="A condition over input and state.")
    priority: int = Field(0, description="The lower goes first where only one is taken.")
    kind: EdgeKind = Field(
        "normal",
        description="otherwise: when no condition held. fallback: when nothing was taken.",
    )


_CHANNEL_TYPES = "any, string, number, integer, boolean, array, object, messages or errors."


class MigrationSchema(_Part):
    """How a value of one version of a channel's schema becomes one of the next."""

    version: int = Field(alias="from", description="The version that it leads from.")
    expr: Expression = Field(description="An expression over value.")


class ChannelSchema(_Part):
    """A shared value with a merge rule."""

    type: str = Field("any", description=_CHANNEL_TYPES)
    reducer: str = Field("replace", description="How a write is merged with what is there.")
    reduce: str | None = Field(None, description="For custom: an expression over old and new.")
    value_schema: Any = Field(
        None, alias="schema", description="A JSON Schema that every value satisfies."
    )
    version: int = Field(1, description="Of the schema.")
    migrations: list[MigrationSchema] = Field([], description="From older versions.")
    default: Any = Field(None, description="The value at the start.")
    lifecycle: Literal["durable", "run", "superstep"] = Field("run")
    description: str = Field("")


class LimitsSchema(_Part):
    """Limits of a run; each names itself when it is hit."""

    supersteps: int = Field(100_000)
    executions: int = Field(1_000_000, description="Nodes executed in all.")
    visits: int = Field(10_000, description="Rounds of a cycle.")
    items: int = Field(100_000, description="Items of a For each.")
    concurrency: int = Field(32, description="Tasks that wait for input or output at a time.")
    processes: int = Field(0, description="Processes at a time; 0: one per core.")
    value_bytes: int = Field(268_435_456, description="Size of one value.")
    run_seconds: float = Field(2_592_000.0, description="How long a run may take.")
    depth: int = Field(20, description="How deep workflows may call one another.")
    by_type: dict[str, int] = Field({}, description="Attempts of a node type at a time, by its id.")


class InvariantSchema(_Part):
    """What must hold at every commit."""

    expr: Expression = Field(description="An expression over state.")
    on_breach: Literal["fail", "ask"] = Field("fail")
    message: str = Field("", description="Said when it does not hold.")


class MeterSchema(_Part):
    """A budget of the run."""

    limit: float | None = Field(None, description="What a run may use; null: no end.")
    measure: Literal["spend", "calls", "seconds", "supersteps"] = Field("spend")
    on_breach: Literal["fail", "ask"] = Field("fail")
    unit: str = Field("")


class SaveSchema(_Part):
    """When commits are stored, and what a store that refuses means."""

    when: SaveWhen = Field(
        "every_commit",
        description="Others store several together; waits, decisions and the end always at once.",
    )
    seconds: float = Field(
        10.0, description="For interval: of time. For adaptive: of work that may be lost."
    )
    meters: dict[str, float] = Field(
        {}, description="For adaptive: what of a budget may be lost, by its name."
    )
    on_failure: SaveFailure = Field(
        "fail", description="continue: goes on without what is stored, says so and catches up."
    )
    attempts: int = Field(8, description="For retry: how often it is tried in all.")


class SettingsSchema(_Part):
    """Settings of the workflow."""

    commit: CommitPolicy = Field(
        "eager", description="strict waits for all tasks of a superstep before it commits."
    )
    durability: Durability = Field(
        "process", description="power: every commit survives a power cut."
    )
    on_failure: OnFailure = Field(
        "fail_fast",
        description="finish: what runs may end. collect: go on with what does not need it.",
    )
    order: Order = Field(
        "breadth_first",
        description="depth_first: a branch goes on before the next begins; eager runs only.",
    )
    background: Background = Field(
        "wait", description="What becomes of work in the background when all else is done."
    )
    limits: LimitsSchema = Field(default_factory=lambda: LimitsSchema.model_validate({}))
    env: list[str] = Field([], description="Environment variables that expressions may read.")
    vars: dict[str, Any] = Field({}, description="Constants.")
    input: Any = Field(None, description="Example input, for a run that is given none.")
    result: str | None = Field(None, description="An expression; null: what reached the ends.")
    invariants: dict[str, InvariantSchema] = Field({}, description="By name.")
    meters: dict[str, MeterSchema] = Field({}, description="Budgets, by name.")
    input_to: str | None = Field(
        None, description="A channel that the input is merged into when a run starts."
    )
    extra_to: str | None = Field(
        None, description="A channel that takes what is written under undeclared names."
    )
    save: SaveSchema = Field(default_factory=lambda: SaveSchema.model_validate({}))
    description: str = Field("")


class PositionSchema(_Part):
    """Upper left corner, in pixels at 100 %."""

    x: float
    y: float


class FrameSchema(_Part):
    """A titled region behind nodes."""

    id: str
    title: str = Field("")
    x: float = Field(0.0)
    y: float = Field(0.0)
    width: float = Field(320.0)
    height: float = Field(240.0)
    colour: int = Field(0)


class NoteSchema(_Part):
    """A note on the canvas."""

    id: str
    text: str = Field("")
    x: float = Field(0.0)
    y: float = Field(0.0)
    width: float = Field(220.0)
    height: float = Field(120.0)


class ViewSchema(_Part):
    """The layout: decides nothing about a run."""

    nodes: dict[str, PositionSchema] = Field({}, description="By node key.")
    frames: list[FrameSchema] = Field([])
    notes: list[NoteSchema] = Field([])


class FrameLockSchema(_Part):
    """A lock that a frame holds from when something enters to when it is empty."""

    name: str = Field(description="Frames with the same name exclude one another.")
    permits: int = Field(1, description="How many of them may be open at once.")


class FrameBehaviourSchema(_Part):
    """What a frame does for the nodes in it, as one whole."""

    nodes: list[str] = Field([], description="Keys of its members.")
    retry: RetrySchema | None = Field(
        None, description="How often everything in it is done again after a failure."
    )
    timeout_s: float | None = Field(
        None, description="Seconds from when something enters to when nothing is in it any more."
    )
    lock: FrameLockSchema | None = Field(None, description="What it waits for on its way in.")
    one_at_a_time: bool = Field(
        default=False, description="One task of its members at any moment, in all scopes."
    )
    meters: dict[str, float] = Field(
        {}, description="What its members may use together in one run, by meter."
    )


class WorkflowSchema(_Part):
    """A Headgate workflow (.flow.json)."""

    format: Literal[1]
    id: str = Field(description="Stays the same when the file is renamed or copied.")
    name: str = Field("Untitled")
    settings: SettingsSchema = Field(default_factory=lambda: SettingsSchema.model_validate({}))
    channels: dict[str, ChannelSchema] = Field({}, description="By name.", json_schema_extra=_KEYS)
    nodes: dict[str, NodeSchema] = Field({}, description="By key.", json_schema_extra=_KEYS)
    edges: list[EdgeSchema] = Field([])
    frames: dict[str, FrameBehaviourSchema] = Field(
        {}, description="What frames do, by the id of the frame in the view."
    )
    view: ViewSchema = Field(default_factory=lambda: ViewSchema.model_validate({}))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:headgate:workflow:{FORMAT}",
        **WorkflowSchema.model_json_schema(by_alias=True),
    }


def schema_text() -> str:
    """Return the text of the schema file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
