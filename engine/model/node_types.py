"""What a node type is: ports, parameters, effects and what runs. One file per type.

A node type is a value, not a class hierarchy: `NodeType` with a pydantic model for
its parameters and one function. Registering is putting it into a `Registry`.
"""

from __future__ import annotations

import difflib
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from engine.errors import UnknownNodeType
from engine.events import ErrorInfo
from engine.ids import NodeKey, Path, RunId, TaskId
from engine.model.reducers import CUSTOM, REDUCERS, Reducer
from engine.model.workflow import Effects, Node

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Any

#: What travels on a wire; decides colour, shape and which wires are refused.
PortType = Literal[
    "any", "text", "number", "bool", "list", "object", "file", "control", "error", "stream", "items"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output port."""

    name: str
    type: PortType = "any"
    required: bool = True
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node, in drawing order."""

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def input(self, name: str) -> Port | None:
        """Return the input port of that name, or None."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """Return the output port of that name, or None."""
        return next((port for port in self.outputs if port.name == name), None)


IN_OUT = Ports((Port(name="in"),), (Port(name="out"),))


# --- results: a closed set (U124) ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteOp:
    """One write to a channel.

    Attributes:
        op: ``reduce`` merges `value` with the channel's reducer, ``set`` and
            ``delete`` go past it.
    """

    channel: str
    value: Json = None
    op: Literal["reduce", "set", "delete"] = "reduce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A workflow that a task asks the engine to run; a run of its own, linked to the task.

    Its id follows from run, task, attempt and `step`, so that asking again is asking for
    the same run.

    Attributes:
        called: a path in the folder of the calling workflow, or a whole document; the
            child is pinned to what is found when it is first asked for.
        mode: ``call`` is waited for, ``async`` is tracked, ``detached`` is forgotten;
            ``background`` is the work of a node that works in the background.
        step: tells several children of one attempt apart.
    """

    called: Json
    input: Json = None
    mode: Literal["call", "async", "detached", "background"] = "call"
    trigger: str = ""
    title: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An event to be sent by the commit that admits the task.

    Attributes:
        run: id of the run that it is for; empty for every run that listens.
        keep_s: for how many seconds it may still be taken.
    """

    name: str
    payload: Json = None
    run: str = ""
    keep_s: float = 7 * 86_400.0


class Output(msgspec.Struct, frozen=True):
    """Success: the ports that carry a value now; every other port is skipped.

    Attributes:
        ports: output port name to value.
        writes: besides the node's declared writes.
        route: keys of target nodes instead of the edges' conditions; must be targets
            of edges that leave the node.
        also: keys of target nodes besides those that the edges' conditions choose; without
            effect where `route` is given.
        memory: new private memory of the node, or None to keep it.
        note: one line for the event log.
        signals: events to send, stored with the commit that admits the task.
        child: a run to start with it, not of mode ``call``.
        more: items to add to the For each that the node is inside of.
    """

    ports: Mapping[str, Json]
    writes: tuple[WriteOp, ...] = ()
    route: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    memory: Json = None
    note: str = ""
    signals: tuple[Signal, ...] = ()
    child: Child | None = None
    more: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer that a person may give; taken by port ``port``."""

    key: str
    title: str
    port: str
    needs_comment: bool = False
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a barrier asks. Frozen when it opens; its digest covers all of it.

    Attributes:
        payload: what is to be decided.
        form: JSON Schema that an edited payload must satisfy, or None for any JSON.
        editable: column or field names that the person may change; None means all.
        default: choice that is applied at the deadline: ``reject approve expire fail``.
        guards: channels that make the request stale when they change.
        reroute_to: keys of nodes that a decision may send the token to.
        system: the engine itself asks. `about`: what: the ``outcome`` of a task that may
            have happened, an ``invariant`` that does not hold, a ``budget`` that is used up.
    """

    title: str
    body: str = ""
    payload: Json = None
    form: Mapping[str, Json] | None = None
    editable: tuple[str, ...] | None = None
    options: tuple[Option, ...] = ()
    assignees: tuple[str, ...] = ()
    quorum: int = 1
    timeout_s: float | None = None
    default: str | None = None
    guards: tuple[str, ...] = ()
    reroute_to: tuple[str, ...] = ()
    system: bool = False
    about: Literal["", "outcome", "invariant", "budget"] = ""
    view: Literal["auto", "table", "form", "text", "json"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The task is parked; other branches run on.

    Attributes:
        kind: ``approval timer until event child``.
        due_at: seconds since the epoch; for approvals set by the engine from the request.
        text: why, in words: ``until 14:05``.
        payload: for ``event``: ``{"event": name}`` and what else `resume` needs; with
            ``"early": False`` an event from before the wait is not taken. For
            ``child``: ``{"run": id}`` (see `Context.child_run`) and what else it needs.
        child: the run to start, if the one that is waited for is not there yet.
    """

    kind: Literal["approval", "timer", "until", "event", "child"]
    request: Request | None = None
    due_at: float | None = None
    text: str = ""
    payload: Json = None
    child: Child | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Take the fallback edge."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to do here: every output port is skipped."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """End the run as cancelled, with a reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """Items of a stream of events, for a For each; it goes on when its wait has ended."""

    items: tuple[Json, ...]
    limit: int
    wait: Wait


Result = Output | More | Wait | Fallback | Skip | Abort


# --- streams --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Element:
    """One item of a stream, and where the stream goes on after it, as JSON."""

    value: Json
    position: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a stream goes on: after so many elements, at the position of the last of them."""

    count: int = 0
    position: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How a For each gets the items of a node whose output is a stream (U51).

    What the node puts out is not the items but what is needed to open the stream, so that it
    can be opened again after a restart.

    Attributes:
        open: ``open(given, ctx, start)``: an async generator of elements; `given` is what the
            node has put out, `ctx` belongs to the For each. None: the items are events, and
            `given` is ``{event, match, until, input, count, timeout_s}``.
        again: what `open` does after a restart: ``seek`` begins after `start`, ``repeat``
            begins with the first element, so that those before `start` are passed over;
            ``never``: a stream that has given something cannot be opened again.
    """

    open: Callable[[Json, Context, Start], AsyncGenerator[Element, None]] | None
    again: Literal["seek", "repeat", "never"] = "repeat"


class NodeFailure(Exception):
    """Raise it in a node to fail with a full error object.

    `kind` and `causes` are for errors that happened elsewhere, such as in a process of
    their own: the class name of the error there, and the messages of what caused it.
    """

    def __init__(  # noqa: PLR0913 - keywords, one for each field of ErrorInfo
        self,
        message: str,
        *,
        code: str = "failed",
        retryable: bool = True,
        nothing_happened: bool = False,
        retry_after_s: float | None = None,
        details: Json = None,
        tags: tuple[str, ...] = (),
        kind: str = "",
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.nothing_happened = nothing_happened
        self.retry_after_s = retry_after_s
        self.details = details
        self.tags = tags
        self.kind = kind or type(self).__name__
        self.causes = causes

    def info(self) -> ErrorInfo:
        """Return the failure as a value."""
        return ErrorInfo(
            code=self.code,
            message=str(self),
            kind=self.kind,
            retryable=self.retryable,
            nothing_happened=self.nothing_happened,
            retry_after_s=self.retry_after_s,
            causes=self.causes,
            details=self.details,
            tags=self.tags,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What ended a wait, given to `NodeType.resume`.

    Attributes:
        kind: ``decision``, ``due``, ``event`` or ``child``.
        choice, port, values, comment, by: of the decision. `values` is the payload as
            it now is (edited for ``modify``, as shown otherwise). Of an event `values` is
            ``{name, payload, id, at, by, through, run}``. Of a child run it is its result
            and `choice` its status: ``completed failed cancelled``; `comment` says why.
    """

    kind: Literal["decision", "due", "event", "child"]
    choice: str = ""
    port: str = ""
    values: Json = None
    comment: str = ""
    by: str = ""
    to: str = ""
    at: float = 0.0


class Context(Protocol):
    """The services of one attempt (U125)."""

    run: RunId
    node: NodeKey
    task: TaskId
    path: Path
    visit: int
    attempt: int
    #: Seconds since the epoch when the task became ready; the same in every attempt.
    now: float
    #: Values of the input ports; `input` is the one of the port ``in`` (or the only one).
    inputs: Mapping[str, Json]
    input: Json
    #: The node's private memory.
    memory: Json
    #: What the type's `prepare` gave, shared by all attempts of the node in this leg.
    prepared: Any
    #: What checks have said of the output of the attempt before this one.
    feedback: tuple[str, ...]

    @property
    def scope(self) -> Mapping[str, Json]:
        """The names that expressions see."""
        ...

    @property
    def idempotency_key(self) -> str:
        """Stable for (run, task): give it to the other side so that it can tell repeats."""
        ...

    def child_run(self, step: int = 0) -> RunId:
        """Return the id of the run that this attempt asks for as its child `step`."""
        ...

    def progress(self, fraction: float | None, text: str = "") -> None:
        """Tell how far the attempt is. Never blocks, never fails."""
        ...

    def emit(self, text: str, stream: str = "stdout") -> None:
        """Show output while the attempt runs. Never blocks, never fails."""
        ...

    def spend(self, meter: str, amount: float) -> None:
        """Say that the attempt has used so much of a meter; it counts even if it fails.

        Raises:
            NodeFailure: the workflow has no such meter, or the amount is negative.
        """
        ...

    def remaining(self, meter: str) -> float | None:
        """Return what this attempt may still use of a meter; None: there is no end."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1) that is the same in every repetition of the task."""
        ...

    def secret(self, name: str) -> str:
        """Return a secret of the person's keychain.

        Raises:
            NodeFailure: there is none of that name.
        """
        ...

    def run_process(
        self, job: str, payload: Json, *, memory_mb: int | None = None, network: bool = True
    ) -> Awaitable[Json]:
        """Run ``module:function`` with `payload` in a process of its own, killable."""
        ...

    async def run_thread(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a short blocking function in a thread."""
        ...

    async def resource(
        self,
        name: str,
        open: Callable[[], Any],
    ) -> Any:
        """Return what this run has opened under that name, or open it.

        `open` returns a context manager, async or plain. It is entered once for all tasks of
        the run, also after a restart, and left when nobody drives the run here any more,
        however its leg ends.
        """
        ...


RunFunction = Callable[[Any, Context], "Result | Awaitable[Result] | AsyncGenerator[Any, None]"]
ResumeFunction = Callable[[Any, Context, Wait, Answer], Result]
#: Whether a parked task takes an event with this payload.
AcceptFunction = Callable[[Any, Context, Wait, Json], bool]


def _in_out(params: Mapping[str, Json]) -> Ports:
    del params
    return IN_OUT


def _no_capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    del params
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeType:
    """A kind of node.

    Attributes:
        id: dotted, stable: ``http.request``. `version` rises when params change meaning.
        params: pydantic model; draws the form; `run` receives an instance of it.
        run: ``run(params, ctx)``; a plain function runs inside the loop and must be
            quick and free of I/O, a coroutine function may await. An async generator shows
            what it yields while it runs: text is output, a number progress, a result the
            result. None for the types the engine itself carries out (trigger, for each,
            collect).
        prepare: ``prepare(params, ctx)``, plain or coroutine function: opens what the node
            uses. Called before its first attempt in each leg of a run, so after a restore too;
            what it returns is `ctx.prepared` of every attempt.
        cleanup: ``cleanup(resource)``, plain or coroutine function: closes it when the leg ends.
        resume: for types that return `Wait`; plain function, quick.
        ports: from the document's params to ports; must not fail on incomplete params.
        effects: default for these params. `capabilities`: of ``network files process secrets``.
        templates: names of text parameters that are Jinja templates.
        raw: names of parameters whose expressions the node evaluates itself.
        accepts: for types that wait for events: ``accepts(params, ctx, wait, payload)``;
            quick. One that raises takes nothing, and the person is warned.
        sends: its outputs may carry signals.
        opaque: those of `raw` that hold no expressions of this workflow.
        own_names: those of `raw` whose expressions see one name more: ``event`` (the
            payload of an event) or ``output`` (the result of a child run).
        calls: for types that run other workflows: from the document's params to those
            workflows, each a relative path or a whole document.
        role: ``trigger split collect loop until end caught withdraw`` have a meaning for the
            engine; the last two are about the frame that their parameter `frame` names.
        stream: for types with an output port of the type ``stream``: how it is read.
        adds: may add items to the For each around it.
        cpu: counts against the process limit rather than the I/O limit.
        begins_with: fields of `Node` that a new node of the type has, such as its retry.
    """

    id: str
    title: str
    category: str
    description: str
    params: type[BaseModel]
    run: RunFunction | None
    version: int = 1
    icon: str = ""
    resume: ResumeFunction | None = None
    prepare: Callable[[Any, Context], Any] | None = None
    cleanup: Callable[[Any], Any] | None = None
    ports: Callable[[Mapping[str, Json]], Ports] = _in_out
    effects: Callable[[Mapping[str, Json]], Effects] = field(default=lambda params: "none")
    capabilities: Callable[[Mapping[str, Json]], tuple[str, ...]] = _no_capabilities
    templates: frozenset[str] = frozenset()
    raw: frozenset[str] = frozenset()
    accepts: AcceptFunction | None = None
    opaque: frozenset[str] = frozenset()
    own_names: Mapping[str, Literal["event", "output"]] = field(default_factory=dict)
    calls: Callable[[Mapping[str, Json]], Sequence[Json]] | None = None
    sends: bool = False
    role: Literal[
        "", "trigger", "split", "collect", "loop", "until", "end", "barrier", "caught", "withdraw"
    ] = ""
    stream: Stream | None = None
    adds: bool = False
    cpu: bool = False
    begins_with: Mapping[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    summary: Callable[[Mapping[str, Json]], str] = field(default=lambda params: "")


class Registry:
    """The node types that are installed, and the reducers that code has added."""

    def __init__(self, types: Iterable[NodeType] = (), reducers: Iterable[Reducer] = ()) -> None:
        self._types: dict[str, NodeType] = {}
        self._reducers: dict[str, Reducer] = {}
        self._processors: dict[str, Callable[[Json, Context], Json]] = {}
        for node_type in types:
            self.add(node_type)
        for reducer in reducers:
            self.add_reducer(reducer)

    @property
    def reducers(self) -> Mapping[str, Reducer]:
        """The reducers besides the built-in ones, by name."""
        return self._reducers

    @property
    def processors(self) -> Mapping[str, Callable[[Json, Context], Json]]:
        """The functions that nodes may use around their attempts, by name."""
        return self._processors

    def add_processor(self, name: str, function: Callable[[Json, Context], Json]) -> None:
        """Let nodes use a function as a processor or a check (U92).

        It gets a value and the context of the attempt, and must be plain and quick. As a
        processor it returns the new value; as a check None or True where the output is well,
        else False or what is wrong with it.

        Raises:
            ValueError: there is a function of that name already.
        """
        if name in self._processors:
            raise ValueError(f"there is a processor {name} already")
        self._processors[name] = function

    def add_reducer(self, reducer: Reducer) -> None:
        """Let channels use a merge rule of yours (U31).

        Its function gets the value that is there (None: nothing yet) and the value that
        is written, returns the new one, and changes neither. Commits keep its results, so
        that old runs can be looked at without it.

        Raises:
            ValueError: there is a reducer of that name already.
        """
        if reducer.name in {*REDUCERS, CUSTOM, *self._reducers}:
            raise ValueError(f"there is a reducer {reducer.name} already")
        self._reducers[reducer.name] = replace(reducer, recorded=True)

    def add(self, node_type: NodeType) -> None:
        """Add a type.

        Raises:
            ValueError: a type of that id is there already.
        """
        if node_type.id in self._types:
            raise ValueError(f"node type {node_type.id} is registered twice")
        self._types[node_type.id] = node_type

    def get(self, type_id: str) -> NodeType | None:
        """Return the type, or None when it is not installed."""
        return self._types.get(type_id)

    def require(self, type_id: str) -> NodeType:
        """Return the type.

        Raises:
            UnknownNodeType: it is not installed.
        """
        found = self._types.get(type_id)
        if found is None:
            near = difflib.get_close_matches(type_id, self._types, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UnknownNodeType(f"The node type {type_id} is not installed{hint}")
        return found

    def __iter__(self) -> Iterator[NodeType]:
        return iter(self._types.values())

    def __contains__(self, type_id: object) -> bool:
        return type_id in self._types

    def ports_of(self, node: Node) -> Ports:
        """Return the ports of a node with its ``error`` port where it has one.

        The ports of an unknown type are empty: its node is kept and cannot run.
        """
        node_type = self._types.get(node.type)
        if node_type is None:
            return Ports()
        ports = node_type.ports(node.params)
        if node.on_error == "error_port" and ports.output("error") is None:
            error = Port(name="error", type="error", required=False, title="Error")
            return Ports(ports.inputs, (*ports.outputs, error))
        return ports
