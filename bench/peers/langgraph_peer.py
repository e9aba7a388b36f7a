"""LangGraph, measured in a process of its own: ``langgraph_peer.py WORK KIND N SIZE FOLDER``.

Kinds: ``memory`` runs without a checkpointer. ``power`` writes a checkpoint at every step
with its SQLite saver as the saver opens it (WAL, an fsync per transaction), ``process``
sets ``synchronous=NORMAL`` on the saver's connection. ``durability="sync"`` in both: the
next step begins when the checkpoint is written, as in Headgate. `bench/compare.py` turns
tracing off. The nodes are coroutines (plain functions would cost a hop to a thread each).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import operator
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Annotated, Any, TypedDict

import measuring
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from measuring import Case, now

DISTRIBUTIONS = ("langgraph", "langgraph-checkpoint-sqlite")


class Counted(TypedDict):
    """One number."""

    count: int


class Padded(TypedDict):
    """One number, and a text that never changes."""

    count: int
    pad: str


def _merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    return {**old, **new}


class Large(TypedDict):
    """One number, and an object of which little changes."""

    count: int
    data: Annotated[dict[str, str], _merged]


class Fanned(TypedDict):
    """What all branches add up to."""

    total: Annotated[int, operator.add]


def _chain(schema: Any, length: int, node_of: Callable[[int], Any]) -> Any:
    graph = StateGraph(schema)
    for number in range(length):
        graph.add_node(f"n{number}", node_of(number))
        graph.add_edge(f"n{number - 1}" if number else START, f"n{number}")
    graph.add_edge(f"n{length - 1}", END)
    return graph


async def _inc(state: Any) -> dict[str, int]:
    return {"count": state["count"] + 1}


async def _timed(
    case: Case, build: Callable[[], Any], given: dict[str, Any], key: str, *, steps: int
) -> dict[str, float]:
    """Run it once and check the result; return rates and times."""
    options: dict[str, Any] = {"recursion_limit": steps + 10}
    durable: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        saver = None
        if not case.kind.startswith("memory"):
            opened = AsyncSqliteSaver.from_conn_string(str(case.database))
            saver = await stack.enter_async_context(opened)
            await saver.setup()
            if case.kind.startswith("process"):
                await saver.conn.execute("PRAGMA synchronous=NORMAL")
            options["configurable"] = {"thread_id": "bench"}
            durable["durability"] = "sync"
        began = now()
        graph = build().compile(checkpointer=saver)
        prepared = now()
        state = await graph.ainvoke(given, options, **durable)
        seconds = now() - prepared
    if state[key] != case.n:
        raise AssertionError(f"{case.work} gave {state[key]!r}, not {case.n}")
    found = {"per_s": case.n / seconds, "prepare_ms": (prepared - began) * 1000}
    if case.database.exists():
        found["bytes_per_step"] = measuring.stored_bytes(case.database) / steps
    return found


async def chain(case: Case) -> dict[str, float]:
    """A row of nodes; what it stores may carry a text that never changes."""
    schema = Padded if case.size else Counted
    given = {"count": 0, **({"pad": measuring.text(case.size)} if case.size else {})}
    return await _timed(
        case, lambda: _chain(schema, case.n, lambda number: _inc), given, "count", steps=case.n
    )


async def large_state(case: Case) -> dict[str, float]:
    """A row of nodes that each change 100 bytes of a large object."""

    def node_of(number: int) -> Any:
        key, value = measuring.chunk_key(number, case.size), measuring.chunk_value(number)

        async def node(state: Any) -> dict[str, Any]:
            return {"count": state["count"] + 1, "data": {key: value}}

        return node

    given = {"count": 0, "data": measuring.chunks(case.size)}
    return await _timed(case, lambda: _chain(Large, case.n, node_of), given, "count", steps=case.n)


async def loop(case: Case) -> dict[str, float]:
    """One node, again and again."""

    async def again(state: Any) -> str:
        return "a" if state["count"] < case.n else END

    def build() -> Any:
        graph = StateGraph(Counted)
        graph.add_node("a", _inc)
        graph.add_edge(START, "a")
        graph.add_conditional_edges("a", again, ["a", END])
        return graph

    return await _timed(case, build, {"count": 0}, "count", steps=case.n)


async def fan_out(case: Case) -> dict[str, float]:
    """One node to many and back to one: drawn, or one `Send` for each item."""

    async def source(state: Any) -> dict[str, Any]:
        return {}

    async def branch(state: Any) -> dict[str, int]:
        return {"total": 1}

    async def spread(state: Any) -> list[Send]:
        return [Send("branch", {"item": number}) for number in range(case.n)]

    def drawn() -> Any:
        graph = StateGraph(Fanned)
        names = [f"b{number}" for number in range(case.n)]
        graph.add_node("source", source)
        graph.add_node("join", source)
        graph.add_edge(START, "source")
        for name in names:
            graph.add_node(name, branch)
            graph.add_edge("source", name)
        graph.add_edge(names, "join")
        graph.add_edge("join", END)
        return graph

    def sent() -> Any:
        graph = StateGraph(Fanned)
        graph.add_node("source", source)
        graph.add_node("branch", branch)
        graph.add_node("join", source)
        graph.add_edge(START, "source")
        graph.add_conditional_edges("source", spread, ["branch"])
        graph.add_edge("branch", "join")
        graph.add_edge("join", END)
        return graph

    build = sent if case.kind.endswith("items") else drawn
    return await _timed(case, build, {"total": 0}, "total", steps=3)


def _options(case: Case, **more: str) -> dict[str, Any]:
    return {"recursion_limit": 10 * case.n + 10, "configurable": {"thread_id": "bench", **more}}


async def gates(case: Case) -> dict[str, float]:
    """From the answer to an interrupt until the node behind it runs, n times."""
    ran: list[float] = []

    async def gate(state: Any) -> dict[str, int]:
        interrupt("Go on?")
        return {}

    async def behind(state: Any) -> dict[str, int]:
        ran.append(now())
        return {"count": state["count"] + 1}

    async def again(state: Any) -> str:
        return "gate" if state["count"] < case.n else END

    graph = StateGraph(Counted)
    graph.add_node("gate", gate)
    graph.add_node("behind", behind)
    graph.add_edge(START, "gate")
    graph.add_edge("gate", "behind")
    graph.add_conditional_edges("behind", again, ["gate", END])
    delays: list[float] = []
    async with AsyncSqliteSaver.from_conn_string(str(case.database)) as saver:
        built, options = graph.compile(checkpointer=saver), _options(case)
        state = await built.ainvoke({"count": 0}, options, durability="sync")
        for _ in range(case.n):
            began = now()
            state = await built.ainvoke(Command(resume="yes"), options, durability="sync")
            delays.append(ran[-1] - began)
    if state["count"] != case.n:
        raise AssertionError("a gate was lost")
    return measuring.spread(delays)


async def crash(case: Case) -> dict[str, float]:
    """The first half of a chain, or what a new process makes of it after kill -9."""
    first: list[float] = []

    def node_of(number: int) -> Any:
        async def node(state: Any) -> dict[str, int]:
            measuring.marked(case, number, first)
            return {"count": state["count"] + 1}

        return node

    given = {"count": 0, "pad": measuring.text(case.size)} if case.kind == "crash" else None
    async with AsyncSqliteSaver.from_conn_string(str(case.database)) as saver:
        built = _chain(Padded, case.n, node_of).compile(checkpointer=saver)
        state = await built.ainvoke(given, _options(case), durability="sync")
    if state["count"] != case.n:
        raise AssertionError("the run did not end as it should")
    return {"first_node_ms": first[0], "again": measuring.again(case)}


async def checkpoints(case: Case) -> dict[str, float]:
    """List the states of a run and load some of them."""
    await chain(case)
    async with AsyncSqliteSaver.from_conn_string(str(case.database)) as saver:
        built = _chain(Padded, case.n, lambda number: _inc).compile(checkpointer=saver)
        began = now()
        states = [each async for each in built.aget_state_history(_options(case))]
        list_s = now() - began
        names = [each.config["configurable"]["checkpoint_id"] for each in states]
        seconds: list[float] = []
        for number in measuring.some(case.n):
            began = now()
            state = await built.aget_state(_options(case, checkpoint_id=names[number]))
            seconds.append(now() - began)
            if len(state.values["pad"]) != case.size:
                raise AssertionError("a state is not whole")
    load_ms = measuring.spread(seconds)["p50_ms"]
    return {"list_ms": list_s * 1000, "listed": len(states), "load_ms": load_ms}


async def events(case: Case) -> dict[str, float]:
    """Hear of every step while a run goes on."""
    built = _chain(Counted, case.n, lambda number: _inc).compile()
    await built.ainvoke({"count": 0}, _options(case))
    began, heard = now(), 0
    async for _ in built.astream({"count": 0}, _options(case), stream_mode="updates"):
        heard += 1
    seconds = now() - began
    if heard < case.n:
        raise AssertionError("a step was not told")
    return {"per_s": heard / seconds}


WORKS = {
    "W1": chain,
    "W2": chain,
    "W3": large_state,
    "W4": loop,
    "W5": fan_out,
    "W6": gates,
    "W7": crash,
    "W8": checkpoints,
    "W9": events,
    "W10": chain,
}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
