"""Small workflows and node types to test the runtime with, and a clock that tests own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from engine import events as ev
from engine.app import Engine, EngineOptions, RunHandle
from engine.ids import SeededIds
from engine.model.node_types import (
    Answer,
    Context,
    Fallback,
    NodeFailure,
    NodeType,
    Output,
    Port,
    Ports,
    Registry,
    Request,
    Skip,
    Wait,
)
from engine.model.workflow import (
    Channel,
    Edge,
    FrameBehaviour,
    JoinPolicy,
    Node,
    PortRef,
    Settings,
    Workflow,
    Write,
)
from engine.nodes.collect import COLLECT
from engine.nodes.emit import EMIT
from engine.nodes.end import END
from engine.nodes.for_each import FOR_EACH
from engine.nodes.frame_cancel import FRAME_CANCEL
from engine.nodes.frame_error import FRAME_ERROR
from engine.nodes.join import JOIN
from engine.nodes.listen import LISTEN
from engine.nodes.loop import LOOP
from engine.nodes.state_machine import STATE_MACHINE
from engine.nodes.trigger_manual import MANUAL_TRIGGER
from engine.nodes.until import UNTIL
from engine.nodes.workflow_call import CALL, RESULT
from engine.runtime.ports import RunStore
from engine.store.memory import MemoryStore

Json = Any


class FakeClock:
    """Time that moves only when a test says so."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def call_at(self, due_at: float, callback: Callable[[], None]) -> Callable[[], None]:
        entry = (due_at, next(self._numbers), callback)
        heapq.heappush(self._alarms, entry)
        if due_at <= self._now:
            self._ring()

        def cancel() -> None:
            if entry in self._alarms:
                self._alarms.remove(entry)
                heapq.heapify(self._alarms)

        return cancel

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._ring()

    def _ring(self) -> None:
        while self._alarms and self._alarms[0][0] <= self._now:
            heapq.heappop(self._alarms)[2]()


class Loose(BaseModel):
    """Parameters of any name."""

    model_config = ConfigDict(extra="allow")

    def __getattr__(self, name: str) -> Any:
        return (self.__pydantic_extra__ or {})[name]


def _plus(params: Any, ctx: Context) -> Output:
    del params
    return Output({"out": (ctx.input or 0) + 1})


def _same(params: Any, ctx: Context) -> Output:
    del params
    return Output({"out": ctx.input})


def _below(params: Any, ctx: Context) -> Output:
    return Output({"again" if ctx.input < params.n else "done": ctx.input})


def _biggest(params: Any, ctx: Context) -> Output:
    del params
    return Output({"out": max(ctx.input.values())})


def _boom(params: Any, ctx: Context) -> Output:
    del params, ctx
    raise NodeFailure("it broke", code="broken")


def _odd_fails(params: Any, ctx: Context) -> Output:
    del params
    if ctx.input % 2:
        raise NodeFailure(f"{ctx.input} is odd", retryable=False)
    return Output({"out": ctx.input})


async def _asleep(params: Any, ctx: Context) -> Output:
    """Give way to others as often as the parameter `rounds` says."""
    for _ in range(params.model_extra.get("rounds", 3) if params.model_extra else 3):
        await asyncio.sleep(0)
    return Output({"out": ctx.input})


async def _hang(params: Any, ctx: Context) -> Output:
    del params
    await asyncio.Event().wait()
    return Output({"out": ctx.input})


def _ask(params: Any, ctx: Context) -> Wait:
    extra = params.model_extra or {}
    request = Request(title="Go on?", payload=ctx.input, **extra)
    return Wait(kind="approval", request=request)


def _answered(params: Any, ctx: Context, wait: Wait, answer: Answer) -> Output:
    del params, ctx, wait
    if answer.choice == "reroute":
        return Output({"approved": answer.values}, route=(answer.to,))
    return Output({answer.port: answer.values})


def _nap(params: Any, ctx: Context) -> Wait:
    return Wait(kind="timer", due_at=ctx.now + params.seconds)


def _awake(params: Any, ctx: Context, wait: Wait, answer: Answer) -> Output:
    del params, wait, answer
    return Output({"out": ctx.input})


def _give_up(params: Any, ctx: Context) -> Fallback:
    del params, ctx
    return Fallback("nothing found")


def _pass_over(params: Any, ctx: Context) -> Skip:
    del params, ctx
    return Skip("not today")


_TWO = Ports((Port(name="in"),), (Port(name="again"), Port(name="done")))
_GATE = Ports(
    (Port(name="in"),), (Port(name="approved"), Port(name="rejected"), Port(name="expired"))
)


def node_type(id: str, run: Any, **fields: Any) -> NodeType:
    """Return a node type with loose parameters."""
    return NodeType(
        id=id, title=id, category="test", description="", params=Loose, run=run, **fields
    )


def registry(*more: NodeType) -> Registry:
    """Return the types that the runtime's tests use, and `more`."""
    return Registry(
        [
            node_type("plus", _plus),
            node_type("same", _same),
            node_type("below", _below, ports=lambda params: _TWO),
            node_type("biggest", _biggest),
            node_type("boom", _boom),
            node_type("odd_fails", _odd_fails),
            node_type("asleep", _asleep),
            node_type("hang", _hang),
            node_type("ask", _ask, resume=_answered, role="barrier", ports=lambda params: _GATE),
            node_type("nap", _nap, resume=_awake),
            node_type("give_up", _give_up),
            node_type("pass_over", _pass_over),
            COLLECT,
            END,
            FOR_EACH,
            FRAME_CANCEL,
            FRAME_ERROR,
            JOIN,
            LOOP,
            CALL,
            RESULT,
            STATE_MACHINE,
            EMIT,
            LISTEN,
            MANUAL_TRIGGER,
            UNTIL,
            *more,
        ]
    )


def node(key: str, type: str, params: Mapping[str, Json] | None = None, **fields: Any) -> Node:
    """Return a node; `writes` may map a channel to an expression."""
    writes = {name: Write(expr=text) for name, text in fields.pop("writes", {}).items()}
    if "join" in fields:
        fields["joins"] = {"in": JoinPolicy(**fields.pop("join"))}
    return Node(key=key, type=type, params=dict(params or {}), writes=writes, **fields)


def flow(
    nodes: Mapping[str, Any],
    wires: str,
    *,
    channels: Iterable[Channel] = (),
    frames: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Workflow:
    """Return a workflow.

    Args:
        channels: the workflow's channels.
        frames: id to members, as ``"a b c"``, or to (members, fields of `FrameBehaviour`).
        **settings: fields of `Settings`.
        nodes: key to type, or to (type, params) or (type, params, fields).
        wires: ``a > b, b.done > c [input > 3], ...``; ``[else]`` and ``[fallback]`` too.
    """
    made: dict[str, Node] = {}
    for key, spec in sorted(nodes.items()):
        parts: list[Any] = [spec] if isinstance(spec, str) else list(spec)
        parts += [{}, {}]
        type_id, params, fields = parts[:3]
        made[key] = node(key, type_id, params, **fields)
    return Workflow(
        id="test",
        name="Test",
        nodes=made,
        edges=tuple(_wire(text) for text in wires.split(",") if text.strip()),
        channels={channel.name: channel for channel in channels},
        frames={key: _frame(spec) for key, spec in sorted((frames or {}).items())},
        settings=Settings(**settings),
    )


def _frame(spec: Any) -> FrameBehaviour:
    members, fields = (spec, {}) if isinstance(spec, str) else spec
    return FrameBehaviour(nodes=tuple(sorted(members.split())), **fields)


def _wire(text: str) -> Edge:
    ends, _, condition = text.strip().partition("[")
    source, target = (end.strip() for end in ends.split(">"))
    condition = condition.rstrip("] ")
    kinds: dict[str, Any] = {"else": "otherwise", "fallback": "fallback"}
    return Edge(
        source=PortRef.parse(source if "." in source else f"{source}.out"),
        target=PortRef.parse(target if "." in target else f"{target}.in"),
        when=None if condition in kinds or not condition else condition,
        kind=kinds.get(condition, "normal"),
    )


class CountedIds(SeededIds):
    """Predictable ids, of which some can be left out."""

    def skip(self, count: int) -> None:
        self._count += count


class Bench:
    """An engine on a store, with a clock and ids that a test controls."""

    def __init__(
        self,
        *more: NodeType,
        store: RunStore | None = None,
        clock: FakeClock | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.store = store or MemoryStore()
        self.news: list[ev.News] = []
        self.ids = CountedIds()
        self.engine = Engine(
            self.store,
            registry=registry(*more),
            clock=self.clock,
            ids=self.ids,
            options=EngineOptions(user="tester", **options),
        )
        self.engine.subscribe(None, self.news.append)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.engine.close()

    async def run(self, workflow: Workflow, input: Json = None, **more: Any) -> ev.Event:
        """Run to the end of the first leg and return its terminal event."""
        handle = await self.engine.start(workflow, input, **more)
        return (await handle.leg()).event

    async def start(self, workflow: Workflow, input: Json = None, **more: Any) -> RunHandle:
        """Start, and let the run go as far as it gets without time or people."""
        handle = await self.engine.start(workflow, input, **more)
        await settle()
        return handle

    @property
    def facts(self) -> list[ev.AnyEvent]:
        """Every fact that was published, without its stamp."""
        return [item.event for item in self.news if isinstance(item, ev.Recorded)]

    def order(self, kind: type[ev.Event] = ev.TaskFinished) -> list[str]:
        """Return the tasks of all events of one kind, in order."""
        return [str(getattr(fact, "task", "")) for fact in self.facts if isinstance(fact, kind)]


async def settle(rounds: int = 50) -> None:
    """Let everything that can go on without time go on."""
    for _ in range(rounds):
        await asyncio.sleep(0)


def outcome(event: ev.Event) -> Json:
    """Return the result of a finished run, or the code of its failure."""
    match event:
        case ev.RunFinished():
            return event.result
        case ev.RunFailed():
            return event.error.code
        case _:
            return type(event).__name__
