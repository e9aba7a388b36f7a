"""Workflows in Python: draw one in code, make node types of functions, run, decide, save.

The door for scripts, notebooks and tests; docs/python.md is its page. It adds nothing that
the designer or the command line could not do: what is built here is their document, what
runs is their engine.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

from engine import events as ev
from engine.app import DecisionRecord, Engine, EngineOptions, RequestRecord, RunHandle
from engine.commands import Decide
from engine.events import ErrorInfo
from engine.ids import RequestId
from engine.model import codec
from engine.model.builder import (
    Builder,
    NodeHandle,
    PortHandle,
    SettingFields,
    WorkflowError,
    expr,
    template,
)
from engine.model.diagnostics import Diagnostic
from engine.model.node_types import (
    Abort,
    Context,
    Fallback,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Skip,
    Wait,
)
from engine.model.workflow import (
    Alternative,
    Channel,
    JoinPolicy,
    Limits,
    RetryPolicy,
    Settings,
    Workflow,
)
from engine.nodes.functions import FunctionNode, node
from engine.nodes.plugins import installed
from engine.nodes.typed import Kinds
from engine.state.status import RunStatus

Json = Any
T = TypeVar("T")
__all__ = [
    "Abort",
    "Alternative",
    "Context",
    "Fallback",
    "Flow",
    "FunctionNode",
    "JoinPolicy",
    "Limits",
    "NodeFailure",
    "NodeHandle",
    "Output",
    "Port",
    "PortHandle",
    "Report",
    "RetryPolicy",
    "Runner",
    "Skip",
    "Wait",
    "WorkflowError",
    "decide",
    "expr",
    "node",
    "open_engine",
    "report_of",
    "template",
]


class Flow(Kinds):
    """A workflow written in code. Besides `add`, it has a method for each built-in node type.

    ``flow.start >> flow.template("greet", text="Hello") >> flow.end()``
    """

    def __init__(
        self, name: str = "Untitled", *, id: str | None = None, **settings: Unpack[SettingFields]
    ) -> None:
        """Begin a workflow.

        Args:
            name: shown everywhere.
            id: identity of the document; None makes it of the name, so that saving it
                again gives the same document.
            **settings: of `engine.model.workflow.Settings`.
        """
        given: dict[str, Any] = dict(settings)
        if "env" in given:
            given["env"] = tuple(given["env"])
        self._builder = Builder(name, installed().registry, id=id, settings=Settings(**given))

    @property
    def name(self) -> str:
        """Its name."""
        return self._builder.name

    @property
    def start(self) -> NodeHandle:
        """The manual trigger, added when it is first asked for."""
        found = self._builder.handles.get("start")
        return found or self._builder.add("start", "trigger.manual", {}, {})

    def end(self, key: str = "end", /, **params: Json) -> NodeHandle:
        """Add an End node: its input, or its parameter ``value``, is a result of the run."""
        return self._builder.add(key, "end", params, {})

    def add(self, key: str, type: str | NodeType, /, **params: Json) -> NodeHandle:
        """Add a node.

        Args:
            key: its identity in the document.
            type: id of an installed node type, or a node type made with `node`.
            **params: its parameters; `expr` and `template` make computed ones.

        Raises:
            WorkflowError: the key is taken, or there is no such type or parameter.
        """
        return self._builder.add(key, type, params, {})

    def wire(self, *chain: NodeHandle | PortHandle) -> None:
        """Wire each one to the next: ``flow.wire(a, b, c)`` is ``a >> b >> c``.

        Raises:
            WorkflowError: a port does not exist, or a wire is there already.
        """
        for number, (source, target) in enumerate(itertools.pairwise(chain)):
            # What stands in the middle was an end of the wire before: its port is an input.
            (source.node if number and isinstance(source, PortHandle) else source) >> target

    def channel(self, name: str, type: str = "any", **fields: Any) -> str:
        """Add a channel, shared state with a merge rule; return its name.

        Args:
            name: what expressions call it: ``state.name``.
            type: JSON Schema type.
            **fields: of `engine.model.workflow.Channel`: reducer, default, lifecycle.
        """
        self._builder.channels[name] = Channel(name=name, type=type, **fields)
        return name

    def node(self, key: str) -> NodeHandle:
        """Return a node that was added. Raises `KeyError`."""
        return self._builder.handles[key]

    def problems(self) -> tuple[Diagnostic, ...]:
        """Return everything that validation says of it, each with the line of its node."""
        return self._builder.problems()

    def build(self) -> Workflow:
        """Return the document. Raises `WorkflowError` with all errors, each with its line."""
        return self._builder.build()

    def save(self, path: str | Path) -> Path:
        """Write it as a ``.flow.json`` that the designer opens; return the path.

        Nodes that were moved there by hand stay where they are.

        Raises:
            WorkflowError: it has errors. UnreadableFile: the file cannot be written.
        """
        return self._builder.save(path)

    def types(self) -> list[NodeType]:
        """Return the node types that it may use: the installed ones and its own."""
        return list(self._builder.registry)

    def engine(self, store: str | None = "memory://", **options: Any) -> Engine:
        """Open an engine that knows the node types of this workflow; close it, or use `async with`.

        Args:
            store: SQLAlchemy URL or path; None is the person's own file.
            **options: of `engine.app.EngineOptions`.
        """
        options_ = EngineOptions(**options)
        return Engine.open(store, registry=self._builder.registry, options=options_)

    def run(
        self,
        input: Json = None,
        *,
        store: str | None = "memory://",
        decide: Mapping[str, str] | None = None,
        channels: Mapping[str, Json] | None = None,
    ) -> Report:
        """Run it and wait until it ends or waits for a person; works in notebooks too.

        Args:
            input: the input of the run.
            store: where it is kept; a file can be resumed later.
            decide: node key to the choice that answers its barrier at once.
            channels: values of channels at the start.
        """
        with Runner(store, nodes=self.types(), decide=decide) as runner:
            return runner.run(self, input, channels=channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run stands when nothing more happens by itself (U126).

    Attributes:
        status: completed, failed, cancelled, waiting or paused.
        result: of a completed run. `error`: of a failed one. `reason`: of a cancelled one.
        requests: the open questions of a waiting one.
        next_due: when its next timer is due, in seconds since the epoch.
    """

    run: str
    status: RunStatus
    result: Json = None
    error: ErrorInfo | None = None
    reason: str = ""
    requests: tuple[RequestRecord, ...] = ()
    next_due: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the run is completed."""
        return self.status is RunStatus.COMPLETED


def open_engine(
    store: str | None = None, *, nodes: Sequence[NodeType] = (), **options: Any
) -> Engine:
    """Open an engine with more node types than the installed ones; use it with `async with`.

    Args:
        store: SQLAlchemy URL or path; None is the person's own file.
        nodes: types that are not installed as plug-ins.
        **options: of `engine.app.EngineOptions`.
    """
    registry = installed().registry
    for each in nodes:
        if each.id not in registry:
            registry.add(each)
    return Engine.open(store, registry=registry, options=EngineOptions(**options))


async def report_of(engine: Engine, run: RunHandle) -> Report:
    """Wait until the run ends or waits, and say how it stands. Never raises because of a node.

    Raises:
        StoreError: the run could not be stored any further.
    """
    ended = (await run.leg()).event
    base = Report(run=run.run, status=run.status)
    match ended:
        case ev.RunFinished(result=result):
            return replace(base, result=result)
        case ev.RunFailed(error=error):
            return replace(base, error=error)
        case ev.RunCancelled(reason=reason):
            return replace(base, reason=reason)
        case ev.RunWaiting(requests=requests, next_due=due):
            found = tuple(engine.request(each) for each in requests)
            return replace(base, requests=found, next_due=due)
        case _:
            raise AssertionError(f"{type(ended).__name__} ends no leg")


async def decide(
    engine: Engine,
    request: RequestRecord | str,
    choice: str,
    *,
    values: Json = None,
    comment: str = "",
    to: str = "",
    by: str = "",
) -> DecisionRecord:
    """Answer a barrier, for the content that `request` shows.

    Args:
        engine: where the request is.
        request: the record that was looked at, or its id.
        choice: ``approve reject modify reroute`` or the key of an option.
        values: the whole edited payload, for ``modify``.
        comment: kept with the decision.
        to: key of the node to go to, for ``reroute``.
        by: who decides; empty is the person of this process.

    Raises:
        DecisionRefused: it was stored as refused; the reason says why.
    """
    record = engine.request(request) if isinstance(request, str) else request
    return await engine.decide(
        Decide(
            request=RequestId(record.request),
            choice=choice,
            by=by or engine.user,
            through="api",
            digest=record.digest,
            comment=comment,
            values=values,
            to=to,
        )
    )


class Runner:
    """An engine for code that does not await: its loop runs in a thread of its own.

    So it works in a script, in a notebook and beside any other event loop. What its methods
    return or raise is what the coroutines of `Engine` do; durability is the same.
    """

    def __init__(
        self,
        store: str | None = None,
        *,
        nodes: Sequence[NodeType] = (),
        decide: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Open an engine.

        Args:
            store: SQLAlchemy URL or path; None is the person's own file.
            nodes: types that are not installed as plug-ins.
            decide: node key to the choice that answers its barrier at once.
            **options: of `engine.app.EngineOptions`.

        Raises:
            StoreError: the store cannot be opened.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="headgate-runner", daemon=True
        )
        self._thread.start()

        async def opened() -> Engine:
            return open_engine(store, nodes=nodes, early=dict(decide or {}), **options)

        try:
            self.engine = self.call(opened())
        except BaseException:
            self._stop()
            raise

    def call(self, work: Awaitable[T]) -> T:
        """Await something in the runner's loop and return its result."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()

    def run(
        self,
        workflow: Flow | Workflow | str | Path,
        input: Json = None,
        *,
        channels: Mapping[str, Json] | None = None,
        on_news: Callable[[ev.News], None] | None = None,
    ) -> Report:
        """Run a workflow, or the file of one, until it ends or waits for a person.

        Args:
            workflow: written in code, a document, or a path.
            input: the input of the run.
            channels: values of channels at the start.
            on_news: called with every fact and update, in the runner's thread.

        Raises:
            InvalidWorkflow: it has errors. UnreadableFile: the file cannot be read.
        """
        document, path = _document(workflow, self.engine)

        async def driven() -> Report:
            heard = self.engine.subscribe(None, on_news) if on_news is not None else None
            try:
                handle = await self.engine.start(
                    document, input, channels=channels, source_path=path
                )
                return await report_of(self.engine, handle)
            finally:
                if heard is not None:
                    heard()

        return self.call(driven())

    def resume(self, run: str) -> Report:
        """Go on with a run, until it ends or waits again. Raises `InvalidCommand`, `RunIsHeld`."""

        async def driven() -> Report:
            return await report_of(self.engine, await self.engine.resume(run))

        return self.call(driven())

    def inbox(self) -> list[RequestRecord]:
        """Return the open questions of all runs in the store."""

        async def looked() -> list[RequestRecord]:
            return self.engine.inbox()

        return self.call(looked())

    def decide(
        self,
        request: RequestRecord | str,
        choice: str,
        *,
        values: Json = None,
        comment: str = "",
        to: str = "",
        by: str = "",
    ) -> DecisionRecord:
        """Answer a barrier; `resume` goes on with its run. See `engine.flow.decide`."""
        return self.call(
            decide(self.engine, request, choice, values=values, comment=comment, to=to, by=by)
        )

    def events(self, run: str, *, after: int = 0) -> list[ev.Recorded]:
        """Return the facts of a run, in order."""
        return self.call(self.engine.read_events(run, after=after))

    def close(self) -> None:
        """Close the engine and end the thread."""
        if self._loop.is_closed():
            return
        try:
            self.call(self.engine.close())
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _document(workflow: Flow | Workflow | str | Path, engine: Engine) -> tuple[Workflow, str]:
    """Return the document and the path it was read from; teach the engine its node types."""
    if isinstance(workflow, Workflow):
        return workflow, ""
    if isinstance(workflow, Flow):
        for each in workflow.types():
            if each.id not in engine.registry:
                engine.registry.add(each)
        return workflow.build(), ""
    path = Path(workflow)
    return codec.load_file(path), str(path.resolve())
