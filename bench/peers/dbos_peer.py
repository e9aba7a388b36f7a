"""DBOS Transact, measured in a process of its own: ``dbos_peer.py WORK KIND N SIZE FOLDER``.

A workflow is a function; what its steps return is stored, and recovery runs the function
again with what is stored. It always stores. SQLite is set up as its authors do. Waiting for
a person polls; the interval is set from one second to one millisecond here.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import sys
from typing import Any

import measuring
from dbos import DBOS, SetWorkflowID
from measuring import Case, now

RUN = "bench"


def _configure(case: Case) -> None:
    config: dict[str, Any] = {
        "name": "bench",
        "system_database_url": f"sqlite:///{case.database}",
        "log_level": "ERROR",
        "application_version": "bench",
        "notification_listener_polling_interval_sec": 0.001,
    }
    DBOS(config=config)  # type: ignore[arg-type]


async def chain(case: Case) -> dict[str, float]:
    """One step after another; each returns the whole state."""
    _configure(case)

    @DBOS.step()
    async def step(count: int, pad: str) -> dict[str, Any]:
        return {"count": count + 1, "pad": pad}

    @DBOS.workflow()
    async def steps(number: int, pad: str) -> int:
        count = 0
        for _ in range(number):
            count = (await step(count, pad))["count"]
        return count

    began = now()
    DBOS.launch()
    prepared = now()
    with SetWorkflowID(RUN):
        count = await steps(case.n, measuring.text(case.size))
    seconds = now() - prepared
    if count != case.n:
        raise AssertionError(f"{case.work} gave {count!r}, not {case.n}")
    stored = measuring.stored_bytes(case.database) / case.n
    prepare_ms = (prepared - began) * 1000
    return {"per_s": case.n / seconds, "prepare_ms": prepare_ms, "bytes_per_step": stored}


async def gates(case: Case) -> dict[str, float]:
    """From a message until the step that waited for it runs, n times."""
    _configure(case)
    ran: list[float] = []

    @DBOS.step()
    async def behind(count: int) -> int:
        ran.append(now())
        return count + 1

    @DBOS.workflow()
    async def asking(number: int) -> int:
        count = 0
        for _ in range(number):
            await DBOS.recv_async("gate", timeout_seconds=120)
            count = await behind(count)
        return count

    DBOS.launch()
    with SetWorkflowID(RUN):
        handle = await DBOS.start_workflow_async(asking, case.n)
    await asyncio.sleep(0.5)
    delays: list[float] = []
    for number in range(case.n):
        began = now()
        await DBOS.send_async(RUN, "yes", topic="gate")
        while len(ran) == number:  # noqa: ASYNC110 - an event would be measured too
            await asyncio.sleep(0.0005)
        delays.append(ran[-1] - began)
    if await handle.get_result() != case.n:
        raise AssertionError("a gate was lost")
    return measuring.spread(delays)


async def crash(case: Case) -> dict[str, float]:
    """The first half of a chain, or what a new process makes of it after kill -9."""
    _configure(case)
    first: list[float] = []

    @DBOS.step()
    async def step(number: int, count: int, pad: str) -> dict[str, Any]:
        measuring.marked(case, number, first)
        return {"count": count + 1, "pad": pad}

    @DBOS.workflow()
    async def steps(number: int, pad: str) -> int:
        count = 0
        for index in range(number):
            count = (await step(index, count, pad))["count"]
        return count

    DBOS.launch()  # goes on with what is not finished
    if case.kind == "crash":
        with SetWorkflowID(RUN):
            await steps(case.n, measuring.text(case.size))
    handle: Any = await DBOS.retrieve_workflow_async(RUN)
    if await handle.get_result(polling_interval_sec=0.01) != case.n:
        raise AssertionError("the run did not end as it should")
    return {"first_node_ms": first[0], "again": measuring.again(case)}


async def checkpoints(case: Case) -> dict[str, float]:
    """List the steps with what they returned. One cannot be read alone."""
    await chain(case)
    began = now()
    steps = await DBOS.list_workflow_steps_async(RUN)
    list_s = now() - began
    if len(steps) != case.n:
        raise AssertionError("a step is missing")
    return {"list_ms": list_s * 1000, "listed": len(steps)}


WORKS = {
    "W2": chain,
    "W4": chain,
    "W6": gates,
    "W7": crash,
    "W8": checkpoints,
    "W10": chain,
}


def main() -> None:
    """Measure what the command line names and print it as one JSON object."""
    logging.disable(logging.WARNING)
    os.environ["DBOS__APPVERSION"] = "bench"
    case = measuring.case_from(sys.argv[1:])
    found = asyncio.run(WORKS[case.work](case))
    versions = {"dbos": importlib.metadata.version("dbos")}
    measuring.report({**found, "machine_ms": measuring.machine_ms(), "versions": versions})


if __name__ == "__main__":
    main()
