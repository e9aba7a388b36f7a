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
from engine.app import Engine
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
    pad = Channel(name="pad", type="string", default=measuring.text(case.size))
    channels = {"pad": pad} if case.size else {}
    room = case.n + 10
    limits = {"supersteps": room, "visits": room} if case.n > 50_000 else {}
    work = flows.chain(case.n, kind, settings=_settings(case, **limits), channels=channels)
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


WORKS = {"W1": chain, "W2": chain, "W3": large_state, "W4": loop, "W5": fan_out, "W10": chain}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {"headgate": engine.__version__}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
