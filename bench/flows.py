"""The workflows and the smallest node types that the benchmarks run.

Every flow counts, so that its result says whether all of it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from measuring import chunk_key, chunk_value
from pydantic import BaseModel

from engine.model.node_types import Context, NodeType, Output, Port, Ports, Registry, WriteOp
from engine.model.workflow import Edge, Limits, Node, PortRef, Settings, Workflow
from engine.nodes.barrier import BARRIER
from engine.nodes.collect import COLLECT
from engine.nodes.end import END
from engine.nodes.for_each import FOR_EACH

Json = Any
Wires = Iterable[tuple[str, str]]


class NoParams(BaseModel):
    """The benchmark's own nodes have nothing to set."""


def _inc(params: NoParams, ctx: Context) -> Output:
    del params
    return Output({"out": ctx.input + 1})


async def _inc_async(params: NoParams, ctx: Context) -> Output:
    del params
    return Output({"out": ctx.input + 1})


def _same(params: NoParams, ctx: Context) -> Output:
    del params
    return Output({"out": ctx.input})


def _total(params: NoParams, ctx: Context) -> Output:
    """Add up what arrived: a mapping from several wires, a list from Collect."""
    del params
    values = ctx.input.values() if isinstance(ctx.input, Mapping) else ctx.input
    return Output({"out": sum(values)})


def _again(last: int, mark: Callable[[int], None]) -> Callable[[NoParams, Context], Output]:
    def run(params: NoParams, ctx: Context) -> Output:
        del params
        mark(ctx.input)
        value = ctx.input + 1
        return Output({"again" if value < last else "done": value})

    return run


def _write(size: int) -> Callable[[NoParams, Context], Output]:
    def run(params: NoParams, ctx: Context) -> Output:
        del params
        index = ctx.input
        change = {chunk_key(index, size): chunk_value(index)}
        return Output({"out": index + 1}, writes=(WriteOp("data", change),))

    return run


def _marked(mark: Callable[[int], None]) -> Callable[[NoParams, Context], Output]:
    def run(params: NoParams, ctx: Context) -> Output:
        del params
        mark(ctx.input)
        return Output({"out": ctx.input + 1})

    return run


def _nothing(index: int) -> None:
    del index


def registry(*, last: int = 0, size: int = 0, mark: Callable[[int], None] = _nothing) -> Registry:
    """Return the node types.

    Args:
        last: where ``again`` leaves its loop.
        size: bytes of the channel that ``write`` changes a little of.
        mark: called by every ``marked`` and ``again`` node with its input.
    """
    two_ways = Ports((Port(name="in"),), (Port(name="again"), Port(name="done")))

    def kind(name: str, run: Any, **more: Any) -> NodeType:
        return NodeType(
            id=name, title=name, category="bench", description="", params=NoParams, run=run, **more
        )

    own = [
        kind("inc", _inc),
        kind("inc_async", _inc_async),
        kind("same", _same),
        kind("total", _total),
        kind("again", _again(last, mark), ports=lambda params: two_ways),
        kind("write", _write(size)),
        kind("marked", _marked(mark)),
    ]
    return Registry([*own, FOR_EACH, COLLECT, BARRIER, END])


def settings(*, power: bool = False, **limits: int) -> Settings:
    """Return settings whose commits survive a crash of the process, or a power cut too."""
    return Settings(durability="power" if power else "process", limits=Limits(**limits))


def workflow(kinds: Mapping[str, str], wires: Wires, **more: Any) -> Workflow:
    """Return a workflow of nodes (key to type) and wires (``node.port`` to ``node.port``)."""
    params: Mapping[str, Mapping[str, Json]] = more.pop("params", {})
    return Workflow(
        id="bench",
        name="bench",
        nodes={
            key: Node(key=key, type=kind, params=params.get(key, {})) for key, kind in kinds.items()
        },
        edges=tuple(Edge(source=PortRef.parse(a), target=PortRef.parse(b)) for a, b in wires),
        **more,
    )


def chain(nodes: int, kind: str = "inc", **more: Any) -> Workflow:
    """Return `nodes` in a row; each adds 1 to what it is given."""
    keys = [f"n{number:06d}" for number in range(nodes)]
    wires = [(f"{a}.out", f"{b}.in") for a, b in pairwise(keys)]
    kinds = {**dict.fromkeys(keys, kind), "z": "end"}
    return workflow(kinds, [*wires, (f"{keys[-1]}.out", "z.in")], **more)


def loop(rounds: int, **more: Any) -> Workflow:
    """Return one node that runs `rounds` times; its registry needs ``last=rounds``."""
    room = rounds + 10
    more.setdefault("settings", settings(visits=room, supersteps=room))
    wires = [("s.out", "a.in"), ("a.again", "a.in"), ("a.done", "z.in")]
    return workflow({"s": "same", "a": "again", "z": "end"}, wires, **more)


def fan_out(stages: int, branches: int, **more: Any) -> Workflow:
    """Return stages of one node to many to one; each branch adds 1, a join adds all up."""
    kinds, wires, before = {"s": "same"}, [], "s"
    for stage in range(stages):
        join = f"j{stage}"
        for branch in range(branches):
            key = f"b{stage}_{branch}"
            kinds[key] = "inc"
            wires += [(f"{before}.out", f"{key}.in"), (f"{key}.out", f"{join}.in")]
        kinds[join] = "total"
        before = join
    kinds["z"] = "end"
    return workflow(kinds, [*wires, (f"{before}.out", "z.in")], **more)


def for_each(at_once: int, **more: Any) -> Workflow:
    """Return For each, one node that adds 1, and Collect; the input is the list."""
    kinds = {"each": "for_each", "b": "inc", "all": "collect", "t": "total", "z": "end"}
    wires = [("each.item", "b.in"), ("b.out", "all.in"), ("all.out", "t.in"), ("t.out", "z.in")]
    return workflow(kinds, wires, params={"each": {"limit": at_once}}, **more)


def gates(count: int, **more: Any) -> Workflow:
    """Return a loop of a barrier and a node; its registry needs ``last=count``."""
    room = 4 * count + 10
    more.setdefault("settings", settings(visits=room, supersteps=room))
    kinds = {"s": "same", "gate": "barrier", "a": "again", "z": "end"}
    wires = [("s.out", "gate.in"), ("gate.approved", "a.in"), ("a.again", "gate.in")]
    return workflow(
        kinds, [*wires, ("a.done", "z.in")], params={"gate": {"title": "Go on?"}}, **more
    )
