"""Headgate, measured in a process of its own: ``headgate_peer.py WORK KIND N SIZE FOLDER``.

`bench/compare.py` starts it, with ``bench`` and the repository on the Python path.

Kinds: ``memory`` keeps the run in memory; ``process`` stores every commit in SQLite so that
it survives kill -9; ``power`` waits for the disk at every commit. Only the public facade is
used. Compiling the workflow (validation and plan) is timed apart, as LangGraph's is.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import flows
import measuring
from measuring import Case, now

import engine
from engine import events as ev
from engine.app import Engine, EngineOptions
from engine.commands import Decide
from engine.model.node_types import Registry
from engine.model.workflow import Channel, Workflow
from engine.store.memory import MemoryStore


def _open(case: Case, registry: Registry) -> Engine:
    if case.kind.startswith("memory"):
        return Engine(MemoryStore(), registry=registry)
    return Engine.open(f"sqlite:///{case.database}", registry=registry)


async def _timed(
    case: Case, work: Workflow, given: Any, wanted: Any, **more: Any
) -> dict[str, float]:
    """Run it once and check the result; return rates and times."""
    running = _open(case, flows.registry(**more))
    began = now()
    running.prepare(work)
    prepared = now()
    handle = await running.start(work, given)
    result = await handle.result()
    seconds = now() - prepared
    commits = handle.state.commit
    await running.close()
    if result != wanted:
        raise AssertionError(f"{case.work} gave {result!r}, not {wanted!r}")
    found = {"per_s": case.n / seconds, "prepare_ms": (prepared - began) * 1000}
    if case.database.exists():
        found["bytes_per_step"] = measuring.stored_bytes(case.database) / commits
    return found


def _settings(case: Case, **limits: int) -> Any:
    return flows.settings(power=case.kind == "power", **limits)


async def chain(case: Case) -> dict[str, float]:
    """A row of nodes; what it stores may carry a text that never changes."""
    kind = "inc_async" if case.kind.endswith("async") else "inc"
    room = case.n + 10
    limits = {"supersteps": room, "visits": room} if case.n > 50_000 else {}
    work = flows.chain(case.n, kind, settings=_settings(case, **limits), channels=_padded(case))
    return await _timed(case, work, 0, case.n)


async def large_state(case: Case) -> dict[str, float]:
    """A row of nodes that each change 100 bytes of a large object."""
    data = Channel(name="data", type="object", reducer="merge", default=measuring.chunks(case.size))
    work = flows.chain(case.n, "write", settings=_settings(case), channels={"data": data})
    return await _timed(case, work, 0, case.n, size=case.size)


async def loop(case: Case) -> dict[str, float]:
    """One node, again and again."""
    room = case.n + 10
    work = flows.loop(case.n, settings=_settings(case, visits=room, supersteps=room))
    return await _timed(case, work, 0, case.n, last=case.n)


async def fan_out(case: Case) -> dict[str, float]:
    """One node to many and back to one: drawn, or as the items of a list."""
    if case.kind.endswith("items"):
        work = flows.for_each(min(case.n, 10_000), settings=_settings(case))
        return await _timed(case, work, list(range(case.n)), case.n * (case.n + 1) // 2)
    work = flows.fan_out(1, case.n, settings=_settings(case))
    return await _timed(case, work, 0, case.n)


async def gates(case: Case) -> dict[str, float]:
    """From a decision until the node behind the barrier runs, n times."""
    ran: list[float] = []
    asked: asyncio.Queue[Any] = asyncio.Queue()

    def hear(news: Any) -> None:
        if isinstance(news, ev.Recorded) and isinstance(news.event, ev.BarrierOpened):
            asked.put_nowait(news.event)

    types = flows.registry(last=case.n, mark=lambda _: ran.append(now()))
    running = Engine.open(
        f"sqlite:///{case.database}", registry=types, options=EngineOptions(stay=True)
    )
    running.subscribe(None, hear)
    room = 4 * case.n + 10
    work = flows.gates(case.n, settings=_settings(case, visits=room, supersteps=room))
    handle = await running.start(work, 0)
    delays: list[float] = []
    for number in range(case.n):
        event = await asked.get()
        began = now()
        answer = Decide(
            request=event.request, choice="approve", by="me", through="api", digest=event.digest
        )
        await running.decide(answer)
        while len(ran) == number:  # noqa: ASYNC110 - an event would be measured too
            await asyncio.sleep(0)
        delays.append(ran[-1] - began)
    if await handle.result() != case.n:
        raise AssertionError("a gate was lost")
    await running.close()
    return measuring.spread(delays)


async def crash(case: Case) -> dict[str, float]:
    """The first half of a chain, or what a new process makes of it after kill -9."""
    first: list[float] = []
    types = flows.registry(mark=lambda index: measuring.marked(case, index, first))
    running = Engine.open(f"sqlite:///{case.database}", registry=types)
    if case.kind == "crash":
        handle = await running.start(flows.chain(case.n, "marked", channels=_padded(case)), 0)
    else:
        handle = await running.resume(running.runs(limit=1)[0].run)
    if await handle.result() != case.n:
        raise AssertionError("the run did not end as it should")
    await running.close()
    return {"first_node_ms": first[0], "again": measuring.again(case)}


async def checkpoints(case: Case) -> dict[str, float]:
    """List the commits of a run, load the state of some, and what its window shows of some."""
    await chain(case)
    running = _open(case, flows.registry())
    run = running.runs(limit=1)[0].run
    began = now()
    listed = len(running.history(run))
    found = {"list_ms": (now() - began) * 1000, "listed": listed}
    for name, load in {"load": running.state_at, "view": running.view}.items():
        seconds: list[float] = []
        for number in measuring.some(case.n):
            began = now()
            loaded = load(run, number)
            seconds.append(now() - began)
            if loaded.commit != number:
                raise AssertionError("another commit was loaded")
        found[f"{name}_ms"] = measuring.spread(seconds)["p50_ms"]
    await running.close()
    return found


async def events(case: Case) -> dict[str, float]:
    """Hear every fact while a run goes on, or read them all afterwards."""
    running = _open(case, flows.registry())
    work = flows.chain(case.n)
    running.prepare(work)
    heard: list[Any] = []
    running.subscribe(None, heard.append)
    began = now()
    handle = await running.start(work, 0)
    await handle.result()
    seconds = now() - began
    if case.kind == "process":
        began = now()
        stored = running.events(handle.run)
        seconds = now() - began
        if stored != heard:
            raise AssertionError("what is stored is not what was heard")
    await running.close()
    return {"per_s": len(heard) / seconds}


def _padded(case: Case) -> dict[str, Channel]:
    pad = Channel(name="pad", type="string", default=measuring.text(case.size))
    return {"pad": pad} if case.size else {}


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
    versions = {"headgate": engine.__version__}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
